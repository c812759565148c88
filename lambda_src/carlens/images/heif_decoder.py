"""Decode HEIC with pi-heif and AVIF with Pillow; only such files pay for the import."""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import partial

import numpy as np
from PIL import Image

from carlens.errors import UnsupportedImage
from carlens.images import heif, pillow_decoder
from carlens.images.header import Header
from carlens.images.probe import ImageFormat
from carlens.images.types import Pixels, as_pixels

try:
    import pi_heif
except ImportError:  # there is no wheel for every platform
    pi_heif = None
else:
    # Read nothing but the picture itself.
    pi_heif.options.THUMBNAILS = False
    pi_heif.options.DEPTH_IMAGES = False
    pi_heif.options.AUX_IMAGES = False

_EXIF_ORIENTATION = 0x0112


def open_heic(data: bytes) -> tuple[Header, Callable[[], Pixels]]:
    """Read the header of a HEIC file.

    Returns
    -------
    header : Header
        Upright: libheif applies the rotation, and HEIC does not use the orientation in EXIF.
    decode : callable
        Decodes the pixels, once.

    Raises
    ------
    BrokenHeader
    UnsupportedImage
        pi-heif is not installed.
    Exception
        Whatever pi-heif raises for a damaged file.
    """
    if pi_heif is None:
        raise UnsupportedImage(
            "HEIC images are not supported on this machine: install pi-heif, or send JPEG."
        )
    image = pi_heif.open_heif(data, convert_hdr_to_8bit=True)
    width, height = image.size
    header = Header(width, height, len(image.mode))
    return header, partial(_decode_heic, image, header, data)


def _decode_heic(image: pi_heif.HeifFile, header: Header, data: bytes) -> Pixels:
    heif.check(data)
    pixels: Pixels = np.asarray(image).reshape(header.height, header.width, header.channels)
    if image.mode == "RGBa":  # the colors are multiplied by alpha already
        rgb, alpha = pixels[..., :3], pixels[..., 3:]
        return as_pixels(rgb + np.minimum(255 - alpha, 255 - rgb))
    if image.has_alpha:
        return pillow_decoder.over_white(pixels)
    # A copy, because the array does not keep the image's memory alive.
    return np.array(np.broadcast_to(pixels, (header.height, header.width, 3)))


def open_avif(data: bytes) -> tuple[Header, Callable[[], Pixels]]:
    """Read the header of an AVIF file.

    Returns
    -------
    header : Header
        With the orientation of the image properties, which is that in EXIF unless they differ.
    decode : callable
        Decodes the pixels, once.

    Raises
    ------
    BrokenHeader
    Exception
        Whatever Pillow raises for a damaged file.
    """
    # libavif reads the still picture of an animation if the file is not declared as one.
    still = data[:8] + b"avif" + data[12:]
    image = Image.open(io.BytesIO(still), formats=("AVIF",))
    orientation = image.getexif().get(_EXIF_ORIENTATION, 1)
    header = Header(*image.size, len(image.getbands()), orientation)
    return header, partial(_decode_avif, image, data)


def read_profile(data: bytes, kind: ImageFormat) -> bytes:
    """Return the ICC profile of a file that has been decoded; empty if it has none."""
    if kind is ImageFormat.AVIF:
        return pillow_decoder.read_profile(data[:8] + b"avif" + data[12:], kind)
    return bytes(pi_heif.open_heif(data).info.get("icc_profile") or b"")


def _decode_avif(image: Image.Image, data: bytes) -> Pixels:
    heif.check(data)
    return pillow_decoder.decode(image)
