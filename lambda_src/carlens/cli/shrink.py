"""Scale down pictures that are too large for an API, and scale their boxes up again."""

from __future__ import annotations

import io
import math
from dataclasses import dataclass
from typing import Any

from PIL import Image

from carlens.images.decoder import read_pixels
from carlens.images.types import Limits

# What this computer decodes: 600 MB of pixels.
LIMITS = Limits(max_bytes=1_000_000_000, max_pixels=200_000_000, max_side=100_000)

# Enough for the detector, even with three tiles per side.
_MAX_SIDE = 4096
_QUALITY = 90
_SMALLER = 0.7
# What a form takes besides the picture.
_FORM_BYTES = 10_000


@dataclass(frozen=True)
class Shrunk:
    """A picture that was scaled down.

    Attributes
    ----------
    content : bytes
        JPEG, upright.
    width, height : int
        Of the original, upright, in pixels.
    small_width, small_height : int
        Of the JPEG.
    """

    content: bytes
    width: int
    height: int
    small_width: int
    small_height: int


def shrink(content: bytes, max_bytes: int, max_pixels: int) -> Shrunk:
    """Scale a picture down.

    Parameters
    ----------
    content : bytes
        The encoded picture.
    max_bytes : int
        The largest request.
    max_pixels : int
        The largest picture, as width x height.

    Raises
    ------
    PictureError
        It cannot be decoded here either.
    """
    image = Image.fromarray(read_pixels(content, LIMITS))
    side = min(_MAX_SIDE, max(image.size), math.isqrt(max_pixels))
    while True:
        small = image.copy()
        small.thumbnail((side, side), reducing_gap=3.0)
        buffer = io.BytesIO()
        small.save(buffer, "JPEG", quality=_QUALITY)
        if buffer.tell() + _FORM_BYTES <= max_bytes or side < 64:
            return Shrunk(buffer.getvalue(), *image.size, *small.size)
        side = int(max(small.size) * _SMALLER)


def enlarge(entry: dict[str, Any], small: Shrunk) -> dict[str, Any]:
    """Return the entry of a picture that was scaled down, in pixels of the original."""
    if entry["error"] is not None:
        return entry
    across, down = small.width / small.small_width, small.height / small.small_height
    factors = {"x1": across, "x2": across, "y1": down, "y2": down}
    objects = [
        {
            name: int(value * factors[name] + 0.5) if name in factors else value
            for name, value in found.items()
        }
        for found in entry["objects"]
    ]
    return {**entry, "width": small.width, "height": small.height, "objects": objects}
