"""Encoded bytes -> a picture: upright RGB pixels, within limits.

The header is read and the limits are checked before any pixel is decoded. JPEG and WebP are
decoded by OpenCV, twice and ten times as fast; nearly everything else, and CMYK, by Pillow,
which knows palettes and 16 bits.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, cast

import cv2
import numpy as np

from carlens.errors import NotAnImage, PictureError, PictureTooLarge, UnsupportedImage
from carlens.images.probe import BrokenHeader, Header, jpeg_ends, read_jpeg, read_webp
from carlens.images.types import ImageShape, Limits, Pixels

if TYPE_CHECKING:
    from PIL import Image

_READ = "JPEG, PNG, WebP, GIF, BMP or TIFF"

# How other pictures begin, perhaps behind a length of four bytes.
_OTHERS = {
    b"ftypavi": "an AVIF picture",
    b"ftyphe": "a HEIC picture",
    b"ftypmif1": "a HEIC or AVIF picture",
    b"ftypmsf1": "a HEIC or AVIF picture",
    b"ftyp": "a video",
    b"\xff\x0a": "a JPEG XL picture",
    b"JXL ": "a JPEG XL picture",
    b"jP  ": "a JPEG 2000 picture",
    b"\xff\x4f\xff\x51": "a JPEG 2000 picture",
    b"8BPS": "a Photoshop file",
    b"\0\0\1\0": "an icon",
    b"%PDF": "a PDF file",
    b"<svg": "an SVG drawing",
}

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
_COLOR = cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION
_SIDEWAYS = frozenset({5, 6, 7, 8})

# What it has to say of a stranger's file, the client is told, and not the log.
cv2.setLogLevel(0)

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3


def keep_freed_memory(mallopt: Callable[[int, int], int]) -> None:
    """Have glibc keep up to 128 MB of freed memory.

    It would give a large picture's memory back at once and get it anew, page by page, for the
    next: a fifth of the time of 12 megapixels.

    Parameters
    ----------
    mallopt : callable
        The C library's; gives 0 for a value that it does not take.
    """
    # Lambda's glibc 2.34 takes no more than 32 MB here. With neither, the other setting alone
    # would leave it at 128 kB for good, and make even small pictures slower.
    if mallopt(_M_MMAP_THRESHOLD, 64 << 20) or mallopt(_M_MMAP_THRESHOLD, 32 << 20):
        mallopt(_M_TRIM_THRESHOLD, 128 << 20)


with suppress(AttributeError):  # another C library
    keep_freed_memory(ctypes.CDLL(None).mallopt)


def read_shape(data: bytes, limits: Limits) -> ImageShape:
    """Read a picture's shape from its header alone.

    Raises
    ------
    NotAnImage, PictureTooLarge
        As their names say.
    """
    header, image = _open(data, limits)
    if image is not None:
        image.close()
    width, height = header.width, header.height
    if header.orientation in _SIDEWAYS:
        width, height = height, width
    return ImageShape(height, width, header.channels)


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
    header, image = _open(data, limits)
    try:
        if image is not None:
            from carlens.images import pillow_decoder as pillow

            pixels = pillow.decode(image)
        elif header.body:
            pixels = _of_jpeg(data, header)
        elif header.channels == 4:
            pixels = _of_transparent_webp(data)
        else:
            pixels = _decode(data, _COLOR)
    except PictureError:
        raise
    except BrokenHeader as error:
        raise _unreadable(error) from error
    except Exception as error:  # decoders raise anything on hostile bytes
        raise NotAnImage("The picture is broken or cut; send the whole file.") from error
    return _upright(pixels, header.orientation)


def _open(data: bytes, limits: Limits) -> tuple[Header, Image.Image | None]:
    """Read the header within limits; give Pillow's picture too, where Pillow is to decode it."""
    if len(data) > limits.max_bytes:
        raise PictureTooLarge(
            f"The picture has {len(data):,} bytes; the limit is {limits.max_bytes:,}."
        )
    if not data:
        raise NotAnImage("The picture is empty; send the file's bytes.")
    image = None
    try:
        if data.startswith(b"\xff\xd8"):
            header = read_jpeg(data)
        elif data.startswith(b"RIFF") and data[8:12] == b"WEBP":
            header = read_webp(data)
        else:
            from carlens.images import pillow_decoder as pillow

            header, image = pillow.read_header(data)
    except BrokenHeader as error:
        raise _unreadable(error) from error
    except Exception as error:  # header readers raise anything on hostile bytes
        raise _unread(data) from error
    width, height = header.width, header.height
    if width * height == 0:
        raise NotAnImage(f"The picture says it is {width} x {height}; send {_READ}.")
    if width * height > limits.max_pixels or max(width, height) > limits.max_side:
        raise PictureTooLarge(
            f"The picture is {width} x {height}; the limits are {limits.max_pixels:,} pixels "
            f"and {limits.max_side:,} a side. Scale it down first."
        )
    return header, image


def _unread(data: bytes) -> PictureError:
    for start, kind in _OTHERS.items():
        if data.startswith(start) or data.startswith(start, 4):
            return UnsupportedImage(f"This is {kind}, which Carlens does not read; send {_READ}.")
    return NotAnImage(f"Not a picture that Carlens reads; send {_READ}.")


def _unreadable(error: BrokenHeader) -> NotAnImage:
    return NotAnImage(f"The picture cannot be read: {error}; send a whole one, saved anew.")


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


def _of_jpeg(data: bytes, header: Header) -> Pixels:
    # OpenCV fills the missing rows of a cut JPEG with gray and says nothing.
    if not jpeg_ends(data, header.body):
        raise NotAnImage("The JPEG ends before its last row; send the whole file.")
    if header.channels == 4:
        from carlens.images import pillow_decoder as pillow

        return pillow.decode(pillow.open_jpeg(data, header.body))
    return _decode(data, _COLOR)


def _of_transparent_webp(data: bytes) -> Pixels:
    from carlens.images import pillow_decoder as pillow

    pixels = _decode(data, cv2.IMREAD_UNCHANGED)
    return pillow.over_white(as_pixels(cv2.cvtColor(pixels, cv2.COLOR_BGRA2RGBA, dst=pixels)))


def _decode(data: bytes, flags: int) -> Pixels:
    try:
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error:
        pixels = None
    if pixels is None:
        raise NotAnImage("The picture is broken or cut; send the whole file.")
    return as_pixels(pixels)
