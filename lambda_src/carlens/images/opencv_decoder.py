"""Decode and rotate with OpenCV."""

from __future__ import annotations

import cv2
import numpy as np

from carlens.errors import NotAnImage
from carlens.images.types import DAMAGED, Pixels, as_pixels

_RGB = cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION

# EXIF orientation -> the flip code of cv2.flip and the code of cv2.rotate that make the image
# upright, in this order. Source: TIFF 6.0, tag 274.
_TRANSFORMS: dict[int, tuple[int | None, int | None]] = {
    2: (1, None),
    3: (None, cv2.ROTATE_180),
    4: (0, None),
    5: (1, cv2.ROTATE_90_COUNTERCLOCKWISE),
    6: (None, cv2.ROTATE_90_CLOCKWISE),
    7: (1, cv2.ROTATE_90_CLOCKWISE),
    8: (None, cv2.ROTATE_90_COUNTERCLOCKWISE),
}


def decode_rgb(data: bytes) -> Pixels:
    """Decode to RGB, shape (height, width, 3), not rotated.

    Raises
    ------
    NotAnImage
    """
    return _decode(data, _RGB)


def decode_rgba(data: bytes) -> Pixels:
    """Decode an image with an alpha channel to RGBA, shape (height, width, 4), not rotated.

    Raises
    ------
    NotAnImage
    """
    pixels = _decode(data, cv2.IMREAD_UNCHANGED)
    return as_pixels(cv2.cvtColor(pixels, cv2.COLOR_BGRA2RGBA, dst=pixels))


def make_upright(pixels: Pixels, orientation: int) -> Pixels:
    """Undo an EXIF orientation, 1..8."""
    flip, rotate = _TRANSFORMS.get(orientation, (None, None))
    if flip is not None:
        pixels = as_pixels(cv2.flip(pixels, flip))
    if rotate is not None:
        pixels = as_pixels(cv2.rotate(pixels, rotate))
    return np.ascontiguousarray(pixels)


def _decode(data: bytes, flags: int) -> Pixels:
    try:
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error:
        pixels = None
    if pixels is None:
        raise NotAnImage(DAMAGED)
    return as_pixels(pixels)
