"""WebP headers."""

from __future__ import annotations

import struct

import pytest

from carlens.images import webp
from carlens.images.header import BrokenHeader, Header
from tests.hostile import tiff


def riff(*chunks: tuple[bytes, bytes]) -> bytes:
    """Build a WebP from chunks."""
    body = b"".join(
        kind + struct.pack("<I", len(data)) + data + bytes(len(data) % 2) for kind, data in chunks
    )
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body


def extended(flags: int, width: int, height: int) -> tuple[bytes, bytes]:
    sizes = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return b"VP8X", bytes((flags, 0, 0, 0)) + sizes


def lossless(width: int, height: int, alpha: int, version: int = 0) -> tuple[bytes, bytes]:
    bits = (width - 1) | (height - 1) << 14 | alpha << 28 | version << 29
    return b"VP8L", b"\x2f" + bits.to_bytes(4, "little") + b"pixels"


def lossy(width: int, height: int) -> tuple[bytes, bytes]:
    return b"VP8 ", bytes(6) + struct.pack("<HH", width, height) + b"pixels"


def exif(orientation: int) -> tuple[bytes, bytes]:
    return b"EXIF", tiff([(0x112, "short", 1, orientation)])


@pytest.mark.parametrize(
    ("chunk", "header"),
    [
        (extended(0, 300, 70_000), Header(300, 70_000, 3)),
        (extended(0x10, 70_000, 300), Header(70_000, 300, 4)),
        (extended(0xEF, 1, 1 << 24), Header(1, 1 << 24, 3)),
        (lossless(16_384, 300, 0), Header(16_384, 300, 3)),
        (lossless(300, 16_384, 1), Header(300, 16_384, 4)),
        (lossless(300, 16_384, 0, version=7), Header(300, 16_384, 3)),
        (lossy(16_383, 300), Header(16_383, 300, 3)),
        (lossy(0xC000 | 300, 0x4000 | 16_383), Header(300, 16_383, 3)),  # scaling bits
    ],
)
def test_the_first_chunk_gives_size_and_channels(
    chunk: tuple[bytes, bytes], header: Header
) -> None:
    assert webp.read_header(riff(chunk)) == header


@pytest.mark.parametrize("kind", [b"ALPH", b"EXIF", b"VP8x", b""])
def test_any_other_first_chunk_is_refused(kind: bytes) -> None:
    with pytest.raises(BrokenHeader, match="first chunk"):
        webp.read_header(riff((kind, bytes(30))))


@pytest.mark.parametrize("before", [[], [(b"ICCP", b"abc")], [(b"ICCP", b"abcd"), lossy(9, 9)]])
def test_the_exif_chunk_gives_the_orientation(before: list[tuple[bytes, bytes]]) -> None:
    data = riff(extended(8, 9, 9), *before, exif(6), exif(3))

    assert webp.read_header(data).orientation == 6


def test_an_exif_chunk_ends_at_its_size() -> None:
    # Given a directory that only the next chunk would complete
    whole = tiff([(0x112, "short", 1, 6)])
    data = riff(extended(8, 9, 9), (b"EXIF", whole[:18]))

    assert webp.read_header(data + whole[18:]).orientation == 1


def test_exif_is_read_from_the_first_1000_chunks() -> None:
    def orientation_behind(others: int) -> int:
        empty = [(b"ABCD", b"")] * others
        return webp.read_header(riff(extended(8, 9, 9), *empty, exif(6))).orientation

    assert orientation_behind(998) == 6
    assert orientation_behind(999) == 1
