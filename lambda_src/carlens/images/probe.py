"""Identify a file's format by its first bytes."""

from __future__ import annotations

from enum import Enum


class ImageFormat(Enum):
    """A format that Carlens decodes; the value is Pillow's name for it."""

    JPEG = "JPEG"
    PNG = "PNG"
    WEBP = "WEBP"
    GIF = "GIF"
    BMP = "BMP"
    TIFF = "TIFF"


_SIGNATURES = (
    (b"\xff\xd8", ImageFormat.JPEG),
    (b"\x89PNG", ImageFormat.PNG),
    (b"GIF8", ImageFormat.GIF),
    (b"BM", ImageFormat.BMP),
    (b"II", ImageFormat.TIFF),
    (b"MM", ImageFormat.TIFF),
)

# Signatures at the start of the file or after a 4-byte length.
_UNSUPPORTED = {
    b"ftypavi": "an AVIF image",
    b"ftyphe": "a HEIC image",
    b"ftypmif1": "a HEIC or AVIF image",
    b"ftypmsf1": "a HEIC or AVIF image",
    b"ftyp": "a video",
    b"\xff\x0a": "a JPEG XL image",
    b"JXL ": "a JPEG XL image",
    b"jP  ": "a JPEG 2000 image",
    b"\xff\x4f\xff\x51": "a JPEG 2000 image",
    b"8BPS": "a Photoshop file",
    b"\0\0\1\0": "an icon",
    b"%PDF": "a PDF file",
    b"<svg": "an SVG drawing",
}


def identify(data: bytes) -> ImageFormat | None:
    """Return the format of a file, or None if Carlens does not decode it."""
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return ImageFormat.WEBP
    return next((kind for start, kind in _SIGNATURES if data.startswith(start)), None)


def describe_unsupported(data: bytes) -> str | None:
    """Return what a file is, such as "a PDF file", if Carlens knows it but does not decode it."""
    for signature, description in _UNSUPPORTED.items():
        if data.startswith(signature) or data.startswith(signature, 4):
            return description
    return None
