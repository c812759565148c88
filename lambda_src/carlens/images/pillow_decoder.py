"""Pictures as Pillow decodes them: all but the commonest, so that only they pay for its import."""

from __future__ import annotations

import io
import logging
import warnings
from collections.abc import Iterator

import numpy as np
from PIL import Image, ImageFile
from PIL.TiffImagePlugin import TiffImageFile

from carlens.errors import UnsupportedImage
from carlens.images.probe import Header, bare_gif, bare_jpeg, bare_png, check_tiff
from carlens.images.types import Pixels

_FORMATS = ("PNG", "GIF", "BMP", "TIFF")

_BMP_RUNS = (1, 2)  # BI_RLE8, BI_RLE4
_BITS_TAG, _PHOTOMETRIC_TAG = 258, 262

# Pixels that are converted at a time: few enough to be little beside a whole picture.
_STRIP = 1 << 20

# Our own limits are stricter, and name themselves.
Image.MAX_IMAGE_PIXELS = None
ImageFile.LOAD_TRUNCATED_IMAGES = False
# What it has to say of a stranger's file, the client is told, and not the log.
logging.getLogger("PIL").setLevel(logging.CRITICAL)


def read_header(data: bytes) -> tuple[Header, Image.Image | None]:
    """Read a picture's header; the picture is for `decode`, or to be closed.

    There is none for a BMP of runs, which OpenCV decodes: Pillow does so in Python, byte by byte.
    """
    orientation = 1  # Pillow itself sets a TIFF upright, its header's size too
    if data.startswith(b"GIF8"):
        data = bare_gif(data)
    elif data.startswith(b"\x89PNG"):
        data, orientation = bare_png(data)
    elif data.startswith((b"II", b"MM")):
        check_tiff(data)
    with warnings.catch_warnings(action="ignore"):
        image = Image.open(io.BytesIO(data), formats=_FORMATS)
    header = Header(*image.size, len(image.getbands()), orientation)
    if image.format == "BMP" and image.info.get("compression") in _BMP_RUNS:
        image.close()
        return header, None
    return header, image


def open_jpeg(data: bytes, body: int) -> Image.Image:
    """Open a JPEG without what stands before its `body` but is not of its pixels."""
    return Image.open(io.BytesIO(bare_jpeg(data, body)), formats=("JPEG",))


def over_white(pixels: Pixels) -> Pixels:
    """Lay RGBA pixels, shape (h, w, 4), over white; give shape (h, w, 3)."""
    height, width = pixels.shape[:2]
    flat = np.empty((height, width, 3), np.uint8)
    for rows in _strips(height, width):
        flat[rows] = np.asarray(_to_rgb(Image.fromarray(pixels[rows])))
    return flat


def decode(image: Image.Image) -> Pixels:
    """Decode and convert, a strip at a time: Pillow's own copies are four bytes a pixel each.

    Returns
    -------
    uint8 array of shape (height, width, 3)
        RGB, over white.

    Raises
    ------
    UnsupportedImage
        Floating point, or more than 16 bits.
    """
    with image, warnings.catch_warnings(action="ignore"):
        if image.mode == "F":
            raise UnsupportedImage(
                "Floating-point pictures are not read; save it with 8 or 16 bits."
            )
        image.load()
        width, height = image.size
        pixels = np.empty((height, width, 3), np.uint8)
        deep = _depth(image) if image.mode.startswith("I") else None
        for rows in _strips(height, width):
            strip = image.crop((0, rows.start, width, rows.stop))
            pixels[rows] = np.asarray(_from_integers(strip, *deep) if deep else _to_rgb(strip))
    return pixels


def _strips(height: int, width: int) -> Iterator[slice]:
    rows = max(1, _STRIP // width)
    return (slice(top, min(top + rows, height)) for top in range(0, height, rows))


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        white = Image.new("RGBA", layer.size, "white")
        return Image.alpha_composite(white, layer).convert("RGB")
    return image.convert("RGB")


def _depth(image: Image.Image) -> tuple[int, bool]:
    """Give the value of white, or of black where 0 is white, and whether it is."""
    tags = image.tag_v2 if isinstance(image, TiffImageFile) else {}
    bits = min(16, max(tags.get(_BITS_TAG, (16,))))
    return (1 << bits) - 1, tags.get(_PHOTOMETRIC_TAG) == 0


def _from_integers(image: Image.Image, most: int, inverted: bool) -> Image.Image:
    # Pillow's own conversion clips 16 bits to 255 instead of scaling them.
    values = np.asarray(image)
    if values.min() < 0 or values.max() > most:
        raise UnsupportedImage("Pictures of more than 16 bits are not read; save it with 8 or 16.")
    scaled = (values.astype(np.int32) * 255 // most).astype(np.uint8)
    return Image.fromarray(255 - scaled if inverted else scaled).convert("RGB")
