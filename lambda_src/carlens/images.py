"""Encoded bytes -> a picture: upright RGB pixels, within limits.

Pillow reads the header and checks the limits before any pixel is decoded. Baseline and
progressive JPEG, which is what cameras send, is then decoded by OpenCV, twice as fast;
everything else by Pillow, which knows palettes, alpha, CMYK and 16 bits.
"""

from __future__ import annotations

import io
import struct
import warnings
from dataclasses import dataclass
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile

from carlens.errors import NotAnImage, PictureError, PictureTooLarge, UnsupportedImage

Pixels = NDArray[np.uint8]

_FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF")
_READ = "JPEG, PNG, WebP, GIF, BMP or TIFF"

# EXIF orientation -> how to set the picture upright: the flip code of cv2.flip, then
# the code of cv2.rotate. Source: TIFF 6.0, tag 274.
_UPRIGHT: dict[int, tuple[int | None, int | None]] = {
    2: (1, None),
    3: (None, cv2.ROTATE_180),
    4: (0, None),
    5: (1, cv2.ROTATE_90_COUNTERCLOCKWISE),
    6: (None, cv2.ROTATE_90_CLOCKWISE),
    7: (1, cv2.ROTATE_90_CLOCKWISE),
    8: (None, cv2.ROTATE_90_COUNTERCLOCKWISE),
}
_ORIENTATION_TAG = 0x0112
_SIDEWAYS = frozenset({5, 6, 7, 8})

# Our own limits are stricter, and name themselves.
Image.MAX_IMAGE_PIXELS = None
ImageFile.LOAD_TRUNCATED_IMAGES = False


@dataclass(frozen=True)
class Limits:
    """What one picture may be: encoded bytes, width x height, the longer side in pixels."""

    max_bytes: int
    max_pixels: int
    max_side: int


@dataclass(frozen=True)
class Shape:
    """An upright picture's height and width in pixels, and its channels as stored."""

    height: int
    width: int
    channels: int


def read_shape(data: bytes, limits: Limits) -> Shape:
    """Read a picture's shape from its header alone.

    Raises
    ------
    NotAnImage, PictureTooLarge
        As their names say.
    """
    with _open(data, limits) as image:
        width, height = image.size
        if _orientation(image) in _SIDEWAYS:
            width, height = height, width
        return Shape(height, width, len(image.getbands()))


def read_pixels(data: bytes, limits: Limits) -> Pixels:
    """Decode a picture.

    Parameters
    ----------
    data : bytes
        A JPEG, PNG, WebP, GIF (first frame), BMP or TIFF (first page) file.
    limits : Limits
        Checked from the header, before pixels are decoded.

    Returns
    -------
    uint8 array of shape (height, width, 3)
        RGB, upright, transparent parts over white.

    Raises
    ------
    NotAnImage
        Not a picture, or a broken or cut one.
    UnsupportedImage
        A picture of a kind that is not read, such as floating point.
    PictureTooLarge
        Beyond the limits.
    """
    with _open(data, limits) as image:
        try:
            orientation = _orientation(image)
            if image.format in ("JPEG", "MPO") and image.mode in ("L", "RGB"):
                pixels = _decode_jpeg(data)
            else:
                pixels = np.asarray(_to_rgb(image))
        except PictureError:
            raise
        except Exception as error:  # decoders raise anything on hostile bytes
            raise NotAnImage("The picture is broken or cut; send the whole file.") from error
    return _upright(pixels, orientation)


def _open(data: bytes, limits: Limits) -> Image.Image:
    if len(data) > limits.max_bytes:
        raise PictureTooLarge(
            f"The picture has {len(data):,} bytes; the limit is {limits.max_bytes:,}."
        )
    if not data:
        raise NotAnImage("The picture is empty; send the file's bytes.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            image = Image.open(io.BytesIO(data), formats=_FORMATS)
    except Exception as error:  # header readers raise anything on hostile bytes
        raise NotAnImage(f"Not a picture that Carlens reads; send {_READ}.") from error
    width, height = image.size
    if width * height > limits.max_pixels or max(width, height) > limits.max_side:
        image.close()
        raise PictureTooLarge(
            f"The picture is {width} x {height}; the limits are {limits.max_pixels:,} pixels "
            f"and {limits.max_side:,} a side. Scale it down first."
        )
    return image


def _orientation(image: Image.Image) -> int:
    if image.format == "TIFF":  # Pillow itself sets these upright, their header's size too
        return 1
    try:
        return int(image.getexif().get(_ORIENTATION_TAG, 1))
    except Exception:  # noqa: BLE001 - a lying EXIF block must not lose the picture
        return 1


def _upright(pixels: Pixels, orientation: int) -> Pixels:
    flip, rotate = _UPRIGHT.get(orientation, (None, None))
    if flip is not None:
        pixels = as_pixels(cv2.flip(pixels, flip))
    if rotate is not None:
        pixels = as_pixels(cv2.rotate(pixels, rotate))
    return np.ascontiguousarray(pixels)


def as_pixels(array: object) -> Pixels:
    """Narrow OpenCV's type, which promises no more than numbers."""
    return cast(Pixels, array)


def _decode_jpeg(data: bytes) -> Pixels:
    # OpenCV fills the missing rows of a cut JPEG with gray and says nothing.
    if not _jpeg_is_whole(data):
        raise NotAnImage("The JPEG ends before its last row; send the whole file.")
    try:
        pixels = cv2.imdecode(
            np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION
        )
    except cv2.error:
        pixels = None
    if pixels is None:
        raise NotAnImage("The JPEG is broken; send the whole file.")
    return as_pixels(pixels)


def _jpeg_is_whole(data: bytes) -> bool:
    """Tell whether an end-of-image marker follows the first scan (ITU T.81, annex B)."""
    at = 2
    while at + 4 <= len(data):
        if data[at] != 0xFF:
            return False
        marker = data[at + 1]
        if marker == 0xDA:
            return data.rfind(b"\xff\xd9", at) > 0
        if marker == 0xFF:  # fill byte
            at += 1
        elif marker == 0x01 or 0xD0 <= marker <= 0xD7:  # markers without a length
            at += 2
        else:
            at += 2 + int(struct.unpack_from(">H", data, at + 2)[0])
    return False


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):
        return _from_integers(image)
    if image.mode == "F":
        raise UnsupportedImage("Floating-point pictures are not read; save it with 8 or 16 bits.")
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        white = Image.new("RGBA", layer.size, "white")
        return Image.alpha_composite(white, layer).convert("RGB")
    return image.convert("RGB")


def _from_integers(image: Image.Image) -> Image.Image:
    # Pillow's own conversion clips 16 bits to 255 instead of scaling them.
    values = np.asarray(image)
    if values.min() < 0 or values.max() > 0xFFFF:
        raise UnsupportedImage("Pictures of more than 16 bits are not read; save it with 8 or 16.")
    return Image.fromarray((values // 257).astype(np.uint8)).convert("RGB")
