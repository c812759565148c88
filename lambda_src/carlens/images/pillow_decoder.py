"""Decode with Pillow, which knows more formats than OpenCV and costs more to import."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import numpy as np
from PIL import Image
from PIL.ImageFile import ImageFile
from PIL.TiffImagePlugin import TiffImageFile

from carlens.errors import UnsupportedImage
from carlens.images import gif, png, tiff
from carlens.images.header import Header
from carlens.images.probe import ImageFormat
from carlens.images.types import Pixels, strips

_BITS_PER_SAMPLE, _PHOTOMETRIC = 258, 262
_WHITE_IS_ZERO = 0


def open_image(data: bytes, kind: ImageFormat) -> tuple[Header, Callable[[], Pixels]]:
    """Read the header of a PNG, GIF or TIFF.

    Returns
    -------
    header : Header
    decode : callable
        Decodes the pixels as `decode` does, once.

    Raises
    ------
    BrokenHeader
    UnsupportedImage
    Exception
        Whatever Pillow raises for a damaged file.
    """
    orientation = 1  # Pillow itself applies the orientation of a TIFF
    if kind is ImageFormat.GIF:
        data = gif.strip_extensions(data)
    elif kind is ImageFormat.PNG:
        data, orientation = png.strip_metadata(data)
    elif kind is ImageFormat.TIFF:
        tiff.check_directory(data)
    image = _open(data, kind)
    header = Header(*image.size, len(image.getbands()), orientation)
    if kind is ImageFormat.GIF:
        return header, partial(_decode_frame, image, gif.frame_box(data))
    if kind is ImageFormat.PNG and "transparency" in image.info:
        return header, partial(_decode_transparent_png, image, data)
    return header, partial(decode, image)


def _open(data: bytes, kind: ImageFormat) -> ImageFile:
    with _unrestricted():
        return Image.open(io.BytesIO(data), formats=(kind.value,))


def _decode_frame(image: Image.Image, box: tuple[slice, slice]) -> Pixels:
    """Decode a GIF; what its first frame does not cover is transparent."""
    pixels = decode(image)
    covered = pixels[box]
    if covered.shape == pixels.shape:
        return pixels
    white = np.full_like(pixels, 255)
    white[box] = covered
    return white


def _decode_transparent_png(image: Image.Image, data: bytes) -> Pixels:
    """Decode a PNG with a transparent color or palette.

    Pillow compares scaled gray values and the high bytes of 16-bit colors with the color in the
    file, whose further bits do not count (ISO/IEC 15948, 11.3.2.1).
    """
    depth = png.bit_depth(data)
    most = (1 << depth) - 1
    color = image.info["transparency"]
    if image.mode in ("1", "L"):
        image.info["transparency"] = (color & most) * 255 // most
    elif image.mode.startswith("I"):
        return decode(image, transparent=color)
    elif image.mode == "RGB" and depth == 16:
        return _decode_transparent_rgb16(image, data, color)
    elif image.mode == "RGB":
        image.info["transparency"] = tuple(value & most for value in color)
    return decode(image)


def _decode_transparent_rgb16(
    image: Image.Image, data: bytes, color: tuple[int, int, int]
) -> Pixels:
    del image.info["transparency"]
    pixels = decode(image)
    # Read in the other byte order, the low bytes are the high ones.
    low_bytes = _open(data, ImageFormat.PNG)
    del low_bytes.info["transparency"]
    low_bytes.tile = [tile._replace(args="RGB;16L") for tile in low_bytes.tile]
    low = decode(low_bytes)
    high_color = np.array([value >> 8 for value in color], np.uint8)
    low_color = np.array([value & 255 for value in color], np.uint8)
    for rows in strips(*pixels.shape[:2]):
        equal = ((pixels[rows] == high_color) & (low[rows] == low_color)).all(axis=2)
        pixels[rows][equal] = 255
    return pixels


def read_profile(data: bytes, kind: ImageFormat) -> bytes:
    """Return the ICC profile of a TIFF or AVIF that has been decoded; empty if it has none."""
    with _open(data, kind) as image:
        return bytes(image.info.get("icc_profile") or b"")


def decode_cmyk(data: bytes, kind: ImageFormat) -> Pixels:
    """Decode a file that has been decoded before, without converting its colors.

    Returns
    -------
    uint8 array of shape (height, width, 4)
        CMYK, 255 for all ink.

    Raises
    ------
    ValueError
        The file has other colors.
    """
    with _open(data, kind) as image:
        if image.mode != "CMYK":
            raise ValueError("the picture is not CMYK")
        return np.asarray(image)


def open_bare_jpeg(data: bytes) -> Image.Image:
    """Open a JPEG that has no metadata, which Pillow reads at any price."""
    return Image.open(io.BytesIO(data), formats=(ImageFormat.JPEG.value,))


def inverted_cmyk_to_rgb(pixels: Pixels) -> Pixels:
    """Convert CMYK pixels as JPEG files have them, shape (height, width, 4) and 255 for no ink.

    Returns
    -------
    uint8 array of shape (height, width, 3)
    """
    return _convert(pixels, lambda strip: Image.fromarray(~strip, "CMYK").convert("RGB"))


def over_white(pixels: Pixels) -> Pixels:
    """Composite RGBA pixels, shape (height, width, 4), over white.

    Returns
    -------
    uint8 array of shape (height, width, 3)
    """
    return _convert(pixels, lambda strip: _to_rgb(Image.fromarray(strip)))


def _convert(pixels: Pixels, to_rgb: Callable[[Pixels], Image.Image]) -> Pixels:
    height, width = pixels.shape[:2]
    rgb = np.empty((height, width, 3), np.uint8)
    for rows in strips(height, width):
        rgb[rows] = np.asarray(to_rgb(pixels[rows]))
    return rgb


def decode(image: Image.Image, transparent: int | None = None) -> Pixels:
    """Decode an image to RGB over white, and close it.

    Parameters
    ----------
    image : PIL.Image.Image
    transparent : int, optional
        The transparent value of an image with integer pixels.

    Returns
    -------
    uint8 array of shape (height, width, 3)

    Raises
    ------
    UnsupportedImage
        The pixels are floating point or have more than 16 bits.
    Exception
        Whatever Pillow raises for a damaged file.
    """
    with image, _unrestricted():
        if image.mode == "F":
            raise UnsupportedImage(
                "Floating-point images are not supported; save the image with 8 or 16 bits."
            )
        image.load()
        width, height = image.size
        pixels = np.empty((height, width, 3), np.uint8)
        scale = _integer_scale(image) if image.mode.startswith("I") else None
        for rows in strips(height, width):
            strip = image.crop((0, rows.start, width, rows.stop))
            pixels[rows] = np.asarray(_scaled(strip, *scale) if scale else _to_rgb(strip))
            if transparent is not None:
                pixels[rows][np.asarray(strip) == transparent] = 255
    return pixels


@contextmanager
def _unrestricted() -> Iterator[None]:
    """Suspend Pillow's warnings and its pixel limit; the caller's limits apply instead."""
    max_pixels = Image.MAX_IMAGE_PIXELS
    with warnings.catch_warnings(action="ignore"):
        Image.MAX_IMAGE_PIXELS = None
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS = max_pixels


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        white = Image.new("RGBA", layer.size, "white")
        return Image.alpha_composite(white, layer).convert("RGB")
    return image if image.mode == "RGB" else image.convert("RGB")  # which would copy it


def _integer_scale(image: Image.Image) -> tuple[int, bool]:
    """Return the largest value of an integer image, and whether it stands for black."""
    tags = image.tag_v2 if isinstance(image, TiffImageFile) else {}
    bits = min(16, max(tags.get(_BITS_PER_SAMPLE, (16,))))
    return (1 << bits) - 1, tags.get(_PHOTOMETRIC) == _WHITE_IS_ZERO


def _scaled(image: Image.Image, largest: int, inverted: bool) -> Image.Image:
    # Pillow's own conversion clips 16-bit values to 255 instead of scaling them.
    values = np.asarray(image)
    if values.min() < 0 or values.max() > largest:
        raise UnsupportedImage(
            "Images with more than 16 bits are not supported; save the image with 8 or 16 bits."
        )
    scaled = (values.astype(np.int32) * 255 // largest).astype(np.uint8)
    return Image.fromarray(255 - scaled if inverted else scaled).convert("RGB")
