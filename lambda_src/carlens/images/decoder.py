"""Decode images to upright RGB pixels, within limits.

The limits are checked against the header, before any pixel is decoded. simplejpeg decodes JPEG
and OpenCV decodes WebP, two and ten times as fast as Pillow; Pillow decodes most other formats.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from carlens.errors import NotAnImage, PictureError, PictureTooLarge, UnsupportedImage
from carlens.images import jpeg, jpeg_decoder, opencv_decoder, webp
from carlens.images.header import BrokenHeader, Header
from carlens.images.probe import ImageFormat, describe_unsupported, identify
from carlens.images.types import DAMAGED, ImageShape, Limits, Pixels

_SUPPORTED = "JPEG, PNG, WebP, GIF, BMP, TIFF, HEIC or AVIF"

_HEIF = (ImageFormat.HEIC, ImageFormat.AVIF)


@dataclass(frozen=True)
class _Opened:
    """An image whose header has been read."""

    kind: ImageFormat
    header: Header
    decode: Callable[[], Pixels]


def read_shape(data: bytes, limits: Limits) -> ImageShape:
    """Read the shape of an image from its header, without decoding its pixels.

    Raises
    ------
    NotAnImage, UnsupportedImage, PictureTooLarge
        See `read_pixels`.
    """
    return _open(data, limits).header.upright_shape


def read_pixels(data: bytes, limits: Limits) -> Pixels:
    """Decode an image.

    Parameters
    ----------
    data : bytes
        A JPEG, PNG, WebP, GIF (first frame), BMP, TIFF (first page), HEIC or AVIF file.
    limits : Limits
        Checked against the header, before pixels are decoded.

    Returns
    -------
    uint8 array of shape (height, width, 3)
        RGB, upright, transparent parts over white.

    Raises
    ------
    NotAnImage
        The data is not an image, or is damaged or incomplete.
    UnsupportedImage
        The image is of a kind that Carlens does not decode, such as floating point.
    PictureTooLarge
        The image exceeds the limits.
    """
    opened = _open(data, limits)
    return opencv_decoder.make_upright(_decode(opened), opened.header.orientation)


def read_srgb(data: bytes, limits: Limits) -> tuple[Pixels, ImageFormat]:
    """Decode an image, converted to sRGB if it has a color profile, and return its format too.

    The pixels are those of `read_pixels` if it has none; so are the errors.
    """
    from carlens.images import color  # only redaction pays for the import

    opened = _open(data, limits)
    in_srgb = replace(opened, decode=lambda: color.to_srgb(opened.decode(), data, opened.kind))
    return opencv_decoder.make_upright(_decode(in_srgb), opened.header.orientation), opened.kind


def _decode(opened: _Opened) -> Pixels:
    try:
        return opened.decode()
    except PictureError:
        raise
    except BrokenHeader as error:
        raise _unreadable(error) from error
    except Exception as error:  # decoders raise anything on hostile bytes
        raise NotAnImage(DAMAGED) from error


def _open(data: bytes, limits: Limits) -> _Opened:
    if len(data) > limits.max_bytes:
        raise PictureTooLarge(
            f"The image has {len(data):,} bytes; the limit is {limits.max_bytes:,}."
        )
    if not data:
        raise NotAnImage("The image is empty; send the contents of the file.")
    kind = identify(data)
    if kind is None:
        raise _unrecognized(data)
    try:
        opened = _read_header(data, kind)
    except PictureError:
        raise
    except BrokenHeader as error:
        raise _unreadable(error) from error
    except Exception as error:  # header readers raise anything on hostile bytes
        if kind in _HEIF:
            raise NotAnImage(DAMAGED) from error
        raise _unrecognized(data) from error
    _check_size(opened.header, limits)
    return opened


def _read_header(data: bytes, kind: ImageFormat) -> _Opened:
    if kind is ImageFormat.JPEG:
        jpeg_header = jpeg.read_header(data)
        return _Opened(kind, jpeg_header, partial(jpeg_decoder.decode, data, jpeg_header))
    if kind is ImageFormat.BMP:
        from carlens.images import bmp

        return _Opened(kind, *bmp.open_bmp(data))
    if kind is ImageFormat.WEBP:
        header = webp.read_header(data)
        decode = _decode_transparent_webp if header.channels == 4 else opencv_decoder.decode_rgb
        return _Opened(kind, header, partial(decode, data))
    if kind in _HEIF:
        from carlens.images import heif_decoder

        read = heif_decoder.open_heic if kind is ImageFormat.HEIC else heif_decoder.open_avif
        return _Opened(kind, *read(data))

    from carlens.images import pillow_decoder  # only the formats that need it pay for its import

    return _Opened(kind, *pillow_decoder.open_image(data, kind))


def _check_size(header: Header, limits: Limits) -> None:
    width, height = header.width, header.height
    if width * height == 0:
        raise NotAnImage(f"The image is {width} x {height} and has no pixels; send {_SUPPORTED}.")
    if width * height > limits.max_pixels or max(width, height) > limits.max_side:
        raise PictureTooLarge(
            f"The image is {width} x {height}; the limits are {limits.max_pixels:,} pixels "
            f"and {limits.max_side:,} pixels a side. Scale it down first."
        )


def _decode_transparent_webp(data: bytes) -> Pixels:
    from carlens.images import pillow_decoder

    return pillow_decoder.over_white(opencv_decoder.decode_rgba(data))


def _unreadable(error: BrokenHeader) -> NotAnImage:
    return NotAnImage(
        f"The image cannot be read: {error}; re-save the image and send the complete file."
    )


def _unrecognized(data: bytes) -> PictureError:
    description = describe_unsupported(data)
    if description is None:
        return NotAnImage(f"Not an image that Carlens can decode; send {_SUPPORTED}.")
    return UnsupportedImage(f"This is {description}, which is not supported; send {_SUPPORTED}.")
