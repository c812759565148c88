"""Draw bounding boxes with labels."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

from PIL import Image, ImageDraw, ImageFont

from carlens.images.types import Pixels

COLOR = (255, 0, 80)

Box = tuple[float, float, float, float]


def draw_boxes(pixels: Pixels, boxes: Iterable[tuple[Box, str]]) -> Image.Image:
    """Return a picture with boxes.

    Parameters
    ----------
    pixels : uint8 array of shape (height, width, 3)
    boxes : iterable of (box, text)
        A box is x1, y1, x2, y2 in pixels.
    """
    image = Image.fromarray(pixels)
    draw = ImageDraw.Draw(image)
    side = max(image.size)
    line = max(2, side // 300)
    font = ImageFont.load_default(max(10, side // 60))
    for box, label in boxes:
        text = _without_accents(label)
        draw.rectangle(box, outline=COLOR, width=line)
        at = (box[0] + 2 * line, box[1] + 2 * line)
        draw.rectangle(draw.textbbox(at, text, font=font), fill=COLOR)
        draw.text(at, text, fill=(255, 255, 255), font=font)
    return image


def _without_accents(text: str) -> str:
    """Return what Pillow's font can draw, which has no accented letters."""
    letters = (c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    return "".join(letters).encode("ascii", "replace").decode()
