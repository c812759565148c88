"""Identify a file's format by its first bytes."""

from __future__ import annotations

from enum import Enum

from carlens.images.heif import brands


class ImageFormat(Enum):
    """A format that Carlens decodes; the value is Pillow's name for it."""

    JPEG = "JPEG"
    PNG = "PNG"
    WEBP = "WEBP"
    GIF = "GIF"
    BMP = "BMP"
    TIFF = "TIFF"
    HEIC = "HEIF"
    AVIF = "AVIF"


_SIGNATURES = (
    (b"\xff\xd8", ImageFormat.JPEG),
    (b"\x89PNG", ImageFormat.PNG),
    (b"GIF8", ImageFormat.GIF),
    (b"BM", ImageFormat.BMP),
    (b"II", ImageFormat.TIFF),
    (b"MM", ImageFormat.TIFF),
)

_GENERAL_BRANDS = frozenset({b"mif1", b"msf1", b"miaf"})
_AVIF_BRANDS = frozenset({b"avif", b"avis"})
_HEIC_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"})

# Signatures at the start of the file or after a 4-byte length.
_UNSUPPORTED = {
    b"ftypmif1": "a HEIF image of another kind than HEIC and AVIF",
    b"ftypmsf1": "a HEIF image of another kind than HEIC and AVIF",
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
    if data[4:8] == b"ftyp":
        return _identify_brand(data)
    return next((kind for start, kind in _SIGNATURES if data.startswith(start)), None)


def _identify_brand(data: bytes) -> ImageFormat | None:
    """Return the format of a HEIF file: its own brand decides, or for a general one the others."""
    own, found = data[8:12], brands(data)
    candidates = found if own in _GENERAL_BRANDS else {own}
    if candidates & _AVIF_BRANDS:
        return ImageFormat.AVIF
    return ImageFormat.HEIC if candidates & _HEIC_BRANDS else None


def describe_unsupported(data: bytes) -> str | None:
    """Return what a file is, such as "a PDF file", if Carlens knows it but does not decode it."""
    for signature, description in _UNSUPPORTED.items():
        if data.startswith(signature) or data.startswith(signature, 4):
            return description
    return None
