"""Convert colors to sRGB by the ICC profile in a file; few requests need it.

Source: ICC.1:2022, annex B, for where each format keeps its profile.
"""

from __future__ import annotations

import io
from contextlib import suppress

import numpy as np
import simplejpeg
from PIL import Image, ImageCms

from carlens.images import heif_decoder, jpeg, pillow_decoder, png, webp
from carlens.images.probe import ImageFormat
from carlens.images.types import Pixels, as_pixels, strips

# Profiles of printers, the largest, have about 2 MB.
_MAX_BYTES = 1 << 22
# Pillow's mode for each color space of a profile.
_MODES = {"RGB": "RGB", "GRAY": "L", "CMYK": "CMYK"}
_SRGB = ImageCms.createProfile("sRGB")


def to_srgb(pixels: Pixels, data: bytes, kind: ImageFormat) -> Pixels:
    """Convert the decoded pixels of a file to sRGB.

    Parameters
    ----------
    pixels : uint8 array of shape (height, width, 3)
        As decoded, not rotated.
    data : bytes
        The file.
    kind : ImageFormat

    Returns
    -------
    uint8 array of shape (height, width, 3)
        The same if the file has no profile, or none that fits its pixels.
    """
    profile = _read_profile(data, kind)
    if not 0 < len(profile) <= _MAX_BYTES:
        return pixels
    with suppress(OSError, ValueError, ImageCms.PyCMSError):  # a damaged profile, as in browsers
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if (source.profile.profile_description or "").startswith("sRGB"):
            return pixels
        mode = _MODES.get(source.profile.xcolor_space.strip())
        if mode is None:
            return pixels  # no file format has pixels of this color space
        stored = _stored(pixels, data, kind, mode)
        transform = ImageCms.buildTransform(source, _SRGB, mode, "RGB")
        converted = np.empty_like(pixels)
        for rows in strips(*pixels.shape[:2]):
            strip = Image.fromarray(stored[rows], mode)
            converted[rows] = np.asarray(ImageCms.applyTransform(strip, transform))
        return converted
    return pixels


def _read_profile(data: bytes, kind: ImageFormat) -> bytes:
    """Return the profile of a file that has been decoded; empty if there is none."""
    if kind is ImageFormat.JPEG:
        return jpeg.read_profile(data)
    if kind is ImageFormat.PNG:
        return png.read_profile(data, _MAX_BYTES)
    if kind is ImageFormat.WEBP:
        return webp.read_profile(data)
    if kind is ImageFormat.TIFF:
        return pillow_decoder.read_profile(data, kind)
    if kind in (ImageFormat.HEIC, ImageFormat.AVIF):
        return heif_decoder.read_profile(data, kind)
    return b""  # those in BMP and GIF are ignored by browsers too


def _stored(pixels: Pixels, data: bytes, kind: ImageFormat, mode: str) -> Pixels:
    """Return pixels in the color space of the profile.

    Raises
    ------
    ValueError
        The file has pixels of another color space, or cannot be decoded a second time.
    """
    if mode == "RGB":
        return pixels
    if mode == "L":
        gray = np.ascontiguousarray(pixels[..., 0])
        if not np.array_equal(np.broadcast_to(gray[..., None], pixels.shape), pixels):
            raise ValueError("the picture is not gray")
        return gray
    if kind is ImageFormat.JPEG:
        return ~as_pixels(simplejpeg.decode_jpeg(data, "CMYK", strict=False))
    return pillow_decoder.decode_cmyk(data, kind)
