"""Formats by their first bytes."""

from __future__ import annotations

import pytest

from carlens.images.probe import ImageFormat, describe_unsupported, identify
from tests.heif_files import box
from tests.support import color_blocks, encode


@pytest.mark.parametrize("kind", [kind for kind in ImageFormat if kind is not ImageFormat.HEIC])
def test_a_format_is_identified(kind: ImageFormat) -> None:
    assert identify(encode(color_blocks(), kind.value)) is kind


@pytest.mark.parametrize(
    ("brands", "kind"),
    [
        ([b"heic"], ImageFormat.HEIC),
        ([b"hevx", b"mif1"], ImageFormat.HEIC),
        ([b"mif1", b"heic"], ImageFormat.HEIC),
        ([b"msf1", b"mif1", b"hevc"], ImageFormat.HEIC),
        ([b"avif"], ImageFormat.AVIF),
        ([b"avis", b"heic"], ImageFormat.AVIF),
        ([b"mif1", b"heic", b"avif"], ImageFormat.AVIF),
        ([b"mif1", b"jpeg"], None),
        ([b"isom", b"avif"], None),
    ],
)
def test_the_brand_of_a_file_gives_its_format(
    brands: list[bytes], kind: ImageFormat | None
) -> None:
    data = box(b"ftyp", brands[0], bytes(4), *brands[1:])

    assert identify(data) is kind
    assert identify(data + box(b"free", b"avif")) is kind


@pytest.mark.parametrize("data", [b"II", b"MM", b"BM", b"GIF8", b"\x89PNG", b"\xff\xd8"])
def test_a_signature_is_enough(data: bytes) -> None:
    assert identify(data) is not None


@pytest.mark.parametrize(
    "data", [b"", b"\0", b"RIFF\0\0\0\0AVI ", b"RIFFWEBP", b"abcd\0\0\0\0WEBP"]
)
def test_anything_else_is_not_identified(data: bytes) -> None:
    assert identify(data) is None
    assert describe_unsupported(data) is None


@pytest.mark.parametrize(
    ("signature", "description"),
    [
        (b"ftypmif1", "a HEIF image of another kind than HEIC and AVIF"),
        (b"ftypmsf1", "a HEIF image of another kind than HEIC and AVIF"),
        (b"ftypisom", "a video"),
        (b"\xff\x0a", "a JPEG XL image"),
        (b"JXL ", "a JPEG XL image"),
        (b"jP  ", "a JPEG 2000 image"),
        (b"\xff\x4f\xff\x51", "a JPEG 2000 image"),
        (b"8BPS", "a Photoshop file"),
        (b"\0\0\1\0", "an icon"),
        (b"%PDF", "a PDF file"),
        (b"<svg", "an SVG drawing"),
    ],
)
def test_an_unsupported_file_is_named(signature: bytes, description: str) -> None:
    assert describe_unsupported(signature) == description
    assert describe_unsupported(b"\0\0\0\x18" + signature) == description
