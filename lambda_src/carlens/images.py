"""Encoded bytes -> a picture: upright RGB pixels, within limits.

The header is read and the limits are checked before any pixel is decoded. JPEG and WebP are
decoded by OpenCV, twice and ten times as fast; everything else, and CMYK, by Pillow, which
knows palettes and 16 bits.
"""

from __future__ import annotations

import io
import logging
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile

from carlens.errors import NotAnImage, PictureError, PictureTooLarge, UnsupportedImage
from carlens.headers import (
    BrokenHeader,
    Header,
    bare_gif,
    bare_jpeg,
    check_tiff,
    jpeg_ends,
    read_jpeg,
    read_orientation,
    read_webp,
)

Pixels = NDArray[np.uint8]

_FORMATS = ("PNG", "GIF", "BMP", "TIFF")
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
_SIDEWAYS = frozenset({5, 6, 7, 8})

# Pixels that are converted at a time: few enough to be little beside a whole picture.
_STRIP = 1 << 20

# Our own limits are stricter, and name themselves.
Image.MAX_IMAGE_PIXELS = None
ImageFile.LOAD_TRUNCATED_IMAGES = False
# What they have to say of a stranger's file, the client is told, and not the log.
cv2.setLogLevel(0)
logging.getLogger("PIL").setLevel(logging.CRITICAL)


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
    header, image = _open(data, limits)
    if image is not None:
        image.close()
    width, height = header.width, header.height
    if header.orientation in _SIDEWAYS:
        width, height = height, width
    return Shape(height, width, header.channels)


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
            pixels = _of_pillow(image)
        elif header.body:
            pixels = _of_jpeg(data, header)
        else:
            pixels = _of_webp(data, header)
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
            header, image = _open_with_pillow(data)
    except BrokenHeader as error:
        raise _unreadable(error) from error
    except Exception as error:  # header readers raise anything on hostile bytes
        raise NotAnImage(f"Not a picture that Carlens reads; send {_READ}.") from error
    width, height = header.width, header.height
    if width * height == 0:
        raise NotAnImage(f"The picture says it is {width} x {height}; send {_READ}.")
    if width * height > limits.max_pixels or max(width, height) > limits.max_side:
        raise PictureTooLarge(
            f"The picture is {width} x {height}; the limits are {limits.max_pixels:,} pixels "
            f"and {limits.max_side:,} a side. Scale it down first."
        )
    return header, image


def _unreadable(error: BrokenHeader) -> NotAnImage:
    return NotAnImage(f"The picture cannot be read: {error}; send a whole one, saved anew.")


def _open_with_pillow(data: bytes) -> tuple[Header, Image.Image]:
    if data.startswith(b"GIF8"):
        data = bare_gif(data)
    elif data.startswith((b"II", b"MM")):
        check_tiff(data)
    with warnings.catch_warnings(action="ignore"):
        image = Image.open(io.BytesIO(data), formats=_FORMATS)
    orientation = 1  # Pillow itself sets a TIFF upright, its header's size too
    if image.format == "PNG":
        # Behind the pixels too, where Pillow sees it no sooner than it has decoded them.
        at = max(data.rfind(b"eXIfII*\0"), data.rfind(b"eXIfMM\0*"))
        orientation = read_orientation(data[at + 4 : at + (1 << 16)]) if at > 0 else 1
    return Header(*image.size, len(image.getbands()), orientation), image


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
        bare = io.BytesIO(bare_jpeg(data, header.body))
        return _of_pillow(Image.open(bare, formats=("JPEG",)))
    return _decode(data, cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION)


def _of_webp(data: bytes, header: Header) -> Pixels:
    if header.channels == 3:
        return _decode(data, cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION)
    found = _decode(data, cv2.IMREAD_UNCHANGED)
    pixels = np.empty((*found.shape[:2], 3), np.uint8)
    for rows in _strips(*found.shape[:2]):
        layer = Image.fromarray(as_pixels(cv2.cvtColor(found[rows], cv2.COLOR_BGRA2RGBA)))
        pixels[rows] = np.asarray(_to_rgb(layer))
    return pixels


def _decode(data: bytes, flags: int) -> Pixels:
    try:
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error:
        pixels = None
    if pixels is None:
        raise NotAnImage("The picture is broken or cut; send the whole file.")
    return as_pixels(pixels)


def _of_pillow(image: Image.Image) -> Pixels:
    """Decode and convert, a strip at a time: Pillow's own copies are four bytes a pixel each."""
    with image, warnings.catch_warnings(action="ignore"):
        if image.mode == "F":
            raise UnsupportedImage(
                "Floating-point pictures are not read; save it with 8 or 16 bits."
            )
        image.load()
        width, height = image.size
        pixels = np.empty((height, width, 3), np.uint8)
        for rows in _strips(height, width):
            strip = image.crop((0, rows.start, width, rows.stop))
            pixels[rows] = np.asarray(_to_rgb(strip))
    return pixels


def _strips(height: int, width: int) -> Iterator[slice]:
    rows = max(1, _STRIP // width)
    return (slice(top, min(top + rows, height)) for top in range(0, height, rows))


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):
        return _from_integers(image)
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
