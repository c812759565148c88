"""PNG files are stripped of chunks that decoding does not need."""

from __future__ import annotations

import pytest

from carlens.images import png
from carlens.images.header import BrokenHeader
from tests.hostile import png_chunk, tiff

SIGNATURE = b"\x89PNG\r\n\x1a\n"
HEADER, PIXELS = png_chunk(b"IHDR", bytes(13)), png_chunk(b"IDAT", b"pixels")
END = png_chunk(b"IEND", b"")


def exif(orientation: int, *, size: int = 0) -> bytes:
    return png_chunk(b"eXIf", tiff([(0x112, "short", 1, orientation)], size=size))


@pytest.mark.parametrize("kind", [b"tEXt", b"iCCP", b"pHYs", b"prVt", b"eXIf"])
def test_chunks_that_the_pixels_do_not_need_are_stripped(kind: bytes) -> None:
    chunk = png_chunk(kind, b"IEND")
    data = SIGNATURE + chunk + HEADER + chunk + PIXELS + chunk + END + b"trailer"

    assert png.strip_metadata(data) == (SIGNATURE + HEADER + PIXELS + END, 1)


@pytest.mark.parametrize("kind", [b"PLTE", b"tRNS", b"ABCD"])
def test_chunks_that_the_pixels_need_stay(kind: bytes) -> None:
    data = SIGNATURE + HEADER + png_chunk(kind, b"abc") + PIXELS + END

    assert png.strip_metadata(data) == (data, 1)


def test_a_png_without_an_end_stays_as_it_is() -> None:
    data = SIGNATURE + HEADER + PIXELS

    for cut in (data, data[:-1], data[:-5]):
        assert png.strip_metadata(cut) == (cut, 1)


@pytest.mark.parametrize(
    ("chunks", "orientation"),
    [
        (HEADER + exif(6) + PIXELS, 6),
        (HEADER + PIXELS + exif(6), 6),
        (HEADER + exif(6) + exif(3) + PIXELS, 6),
        (HEADER + exif(1) + exif(3) + PIXELS, 1),
        (HEADER + png_chunk(b"tEXt", exif(6)) + PIXELS, 1),
        (HEADER + PIXELS + END + exif(6), 1),
    ],
)
def test_the_first_exif_chunk_gives_the_orientation(chunks: bytes, orientation: int) -> None:
    assert png.strip_metadata(SIGNATURE + chunks + END)[1] == orientation


def test_an_exif_chunk_ends_before_its_checksum() -> None:
    # Given a directory with one entry fewer than it declares, which the checksum must not complete
    cut = tiff([(1, "short", 1, 1), (0x112, "short", 1, 6)])[:-8]
    whole = tiff([(1, "short", 1, 1), (0x112, "short", 1, 6)])[:-4]

    for block, orientation in ((cut, 1), (whole, 6)):
        data = SIGNATURE + HEADER + png_chunk(b"eXIf", block) + PIXELS + END
        assert png.strip_metadata(data)[1] == orientation


def test_a_png_may_have_50_000_chunks() -> None:
    small = png_chunk(b"prVt", b"")

    assert png.strip_metadata(SIGNATURE + small * 49_999 + END) == (SIGNATURE + END, 1)
    with pytest.raises(BrokenHeader, match="more than 50,000 chunks"):
        png.strip_metadata(SIGNATURE + small * 50_000 + END)
