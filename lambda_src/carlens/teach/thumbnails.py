"""Small JPEG pictures for the report."""

from __future__ import annotations

import cv2

from carlens.images.types import Pixels

_SIDE = 112


def encode_thumbnail(pixels: Pixels) -> bytes:
    """Shrink a picture to 112 pixels on its longer side, and encode it as JPEG."""
    height, width = pixels.shape[:2]
    scale = min(1.0, _SIDE / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    encoded = cv2.imencode(".jpg", small[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, 80])[1]
    return encoded.tobytes()
