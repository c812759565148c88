"""Encode pixels as a file that contains nothing else: no metadata, no profile, no thumbnail."""

from __future__ import annotations

from typing import Literal

import cv2
import simplejpeg

from carlens.errors import PictureTooLarge
from carlens.images.probe import ImageFormat
from carlens.images.types import Pixels

OutputFormat = Literal["jpeg", "png", "webp"]

_QUALITY = 90
# PNG: twice as fast as the default, and a tenth larger.
_COMPRESSION = 2
# Pixels per side that the formats, or their encoders, allow.
_MAX_SIDES: dict[OutputFormat, int] = {"jpeg": 65_500, "webp": 16_383}

_SAME: dict[ImageFormat, OutputFormat] = {
    ImageFormat.JPEG: "jpeg",
    ImageFormat.PNG: "png",
    ImageFormat.WEBP: "webp",
}


def same_format(kind: ImageFormat) -> OutputFormat:
    """Return the output format for a format, which is PNG for those that are only read."""
    return _SAME.get(kind, "png")


def encode(pixels: Pixels, output: OutputFormat) -> bytes:
    """Encode a picture.

    Parameters
    ----------
    pixels : uint8 array of shape (height, width, 3)
        RGB, in the colors of sRGB, which is what files without a profile have.
    output : str
        `jpeg` and `webp` with a quality of 90, or `png`, which is lossless.

    Raises
    ------
    PictureTooLarge
        The format has no pictures of this size.
    """
    most = _MAX_SIDES.get(output)
    if most is not None and max(pixels.shape) > most:
        raise PictureTooLarge(
            f"A {output} picture may have at most {most:,} pixels per side; choose another output."
        )
    if output == "jpeg":
        return bytes(simplejpeg.encode_jpeg(pixels, _QUALITY, "RGB", "420"))
    options = (
        [cv2.IMWRITE_WEBP_QUALITY, _QUALITY]
        if output == "webp"
        else [cv2.IMWRITE_PNG_COMPRESSION, _COMPRESSION]
    )
    written, file = cv2.imencode(f".{output}", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), options)
    if not written:
        raise RuntimeError(f"OpenCV cannot write {output}")
    return file.tobytes()
