"""BMP files of all kinds, read as browsers read them."""

from __future__ import annotations

import struct

import numpy as np
import pytest

from carlens.errors import NotAnImage, UnsupportedImage
from carlens.images import bmp
from carlens.images.decoder import read_pixels, read_shape
from carlens.images.header import BrokenHeader
from carlens.images.types import ImageShape, Limits
from tests import hostile

LIMITS = Limits(max_bytes=1 << 20, max_pixels=1 << 20, max_side=4096)
PIXELS = bytes((10, 20, 30, 128, 40, 50, 60, 0, 70, 80, 90, 255, 1, 2, 3, 4))
BGRA = (0xFF0000, 0xFF00, 0xFF, 0xFF000000)


def file_of(  # noqa: PLR0913 - each is a field of the header
    bits: int,
    pixels: bytes = PIXELS,
    *,
    size: int = 40,
    compression: int = 0,
    masks: tuple[int, ...] = (),
    palette: bytes = b"",
    height: int = 1,
) -> bytes:
    """Build a BMP, 4 pixels wide."""
    if size == 12:
        info = struct.pack("<IHHHH", 12, 4, height, 1, bits)
    else:
        info = struct.pack("<IiiHHIIiiII", size, 4, height, 1, bits, compression, len(pixels), 0, 0, 0, 0)[:size]  # fmt: skip
    info = (info + struct.pack(f"<{len(masks)}I", *masks)).ljust(size, b"\0")
    start = 14 + len(info) + len(palette)
    return struct.pack("<2sIII", b"BM", 0, 0, start) + info + palette + pixels


def colors(data: bytes) -> list[list[int]]:
    found = read_pixels(data, LIMITS)
    shape = read_shape(data, LIMITS)
    assert found.shape == (shape.height, shape.width, 3)
    return [pixel.tolist() for row in found for pixel in row]


OPAQUE = [[30, 20, 10], [60, 50, 40], [90, 80, 70], [3, 2, 1]]
OVER_WHITE = [[142, 137, 132], [255, 255, 255], [90, 80, 70], [251, 251, 251]]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (file_of(32), OPAQUE),
        (file_of(32, size=108), OPAQUE),
        (file_of(32, size=52, compression=3, masks=BGRA[:3]), OPAQUE),
        (file_of(32, size=56, compression=3, masks=BGRA), OVER_WHITE),
        (file_of(32, size=124, compression=3, masks=BGRA), OVER_WHITE),
        (file_of(32, size=124, masks=BGRA), OVER_WHITE),
        (file_of(32, size=124, compression=3, masks=(*BGRA[:3], 0)), OPAQUE),
        (file_of(32, compression=6, masks=BGRA), OVER_WHITE),
        (file_of(32, compression=3, masks=(0xFF, 0xFF00, 0xFF0000)), [c[::-1] for c in OPAQUE]),
        (file_of(32, compression=3, masks=(0xFF0000, 0, 0xFF)), [[c[0], 0, c[2]] for c in OPAQUE]),
    ],
)
def test_32_bits_are_read(data: bytes, expected: list[list[int]]) -> None:
    assert colors(data) == expected


@pytest.mark.parametrize(
    ("masks", "values", "expected"),
    [
        ((), (0x7C00, 0x3E0, 0x1F, 0x8000), [[255, 0, 0], [0, 255, 0], [0, 0, 255], [0, 0, 0]]),
        ((0xF800, 0x7E0, 0x1F), (0xF800, 0x7E0, 0x1F, 0x1234), [[255, 0, 0], [0, 255, 0], [0, 0, 255], [16, 69, 165]]),
        ((0xF00, 0xF0, 0xF), (0xF00, 0x0F0, 0x00F, 0xC31), [[255, 0, 0], [0, 255, 0], [0, 0, 255], [204, 51, 17]]),
        ((4, 2, 1), (4, 2, 1, 7), [[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255]]),
    ],
)  # fmt: skip
def test_16_bits_are_scaled(
    masks: tuple[int, ...], values: tuple[int, ...], expected: list[list[int]]
) -> None:
    data = file_of(16, struct.pack("<4H", *values), compression=3 if masks else 0, masks=masks)

    assert colors(data) == expected


def test_more_than_8_bits_a_channel_are_scaled() -> None:
    values = struct.pack("<4I", 0x3FF00000, 0xFFC00, 0x3FF, 0x20080200)
    data = file_of(32, values, compression=3, masks=(0x3FF00000, 0xFFC00, 0x3FF))

    assert colors(data) == [[255, 0, 0], [0, 255, 0], [0, 0, 255], [128, 128, 128]]


@pytest.mark.parametrize(
    ("bits", "pixels"), [(1, b"\x50\0\0\0"), (2, b"\x11\0\0\0"), (4, b"\1\1\0\0"), (8, b"\0\1\0\1")]
)
@pytest.mark.parametrize("size", [12, 16, 40, 64, 124])
def test_a_palette_of_any_depth_is_read(size: int, bits: int, pixels: bytes) -> None:
    entries = (b"\1\2\3", b"\4\5\6") if size == 12 else (b"\1\2\3\0", b"\4\5\6\0")

    data = file_of(bits, pixels, size=size, palette=b"".join(entries))

    assert colors(data) == [[3, 2, 1], [6, 5, 4]] * 2
    assert read_shape(data, LIMITS) == ImageShape(1, 4, 1)


def test_an_index_outside_the_palette_is_black() -> None:
    data = file_of(8, bytes((0, 1, 2, 255)), palette=b"\1\2\3\0\4\5\6\0")

    assert colors(data) == [[3, 2, 1], [6, 5, 4], [0, 0, 0], [0, 0, 0]]


def test_rows_are_stored_from_the_bottom_or_from_the_top() -> None:
    rows = PIXELS[:12] + PIXELS[4:]
    expected = [[30, 20, 10], [50, 40, 128], [70, 0, 60], [255, 90, 80]]

    assert colors(file_of(24, rows, height=-2))[:4] == expected
    assert colors(file_of(24, rows, height=2))[4:] == expected


@pytest.mark.parametrize(
    ("data", "named"),
    [
        (file_of(0, compression=4), "JPEG inside a BMP .* send the JPEG itself"),
        (file_of(0, compression=5), "PNG inside a BMP .* send the PNG itself"),
        (file_of(24, compression=3, masks=BGRA[:3]), "24 bits a pixel and compression 3"),
        (file_of(4, compression=1), "4 bits a pixel and compression 1"),
        (file_of(5), "5 bits a pixel"),
        (file_of(32, compression=11), "compression 11"),
        (file_of(1, size=64, compression=3), "1 bits a pixel and compression 3"),
        (file_of(32, compression=3, masks=(0xF0F000, 0xF00, 0xFF)), "gaps in its bit masks"),
    ],
)
def test_other_kinds_are_refused_by_name(data: bytes, named: str) -> None:
    with pytest.raises(UnsupportedImage, match=named):
        read_pixels(data, LIMITS)


@pytest.mark.parametrize(
    "data", [file_of(24)[:40], file_of(24).replace(b"\x28\0\0\0", b"\x29\0\0\0"), b"BM"]
)
def test_a_broken_header_is_refused(data: bytes) -> None:
    with pytest.raises(BrokenHeader):
        bmp.read_header(data)


def test_a_file_that_ends_early_names_the_row() -> None:
    data = file_of(24, PIXELS[:12] * 2, height=2)

    with pytest.raises(NotAnImage, match="ends at row 2 of 2"):
        read_pixels(data[:-1], LIMITS)


def test_the_padding_of_the_last_row_may_be_missing() -> None:
    data = file_of(8, bytes(4), palette=bytes(1024))
    narrow = data[:18] + struct.pack("<i", 3) + data[22:]

    assert read_pixels(narrow[:-1], LIMITS).shape == (1, 3, 3)


RUNS = {
    "runs": (b"\4\x10\0\0\4\x20\0\0\0\1", [[32] * 4, [16] * 4]),
    "no end code": (b"\4\x10\0\0\4\x20", [[32] * 4, [16] * 4]),
    "literals": (b"\0\4\1\2\3\4\0\0\0\3\5\6\7\0\1\x08\0\1", [[5, 6, 7, 8], [1, 2, 3, 4]]),
    "an end code too early": (b"\4\x10\0\1", [[0] * 4, [16] * 4]),
    "a run too long": (b"\x09\x10\0\0\4\x20\0\1", [[32] * 4, [16] * 4]),
    "literals too many": (b"\0\6\1\2\3\4\5\6\0\0\4\x20\0\1", [[32] * 4, [1, 2, 3, 4]]),
    "no end of a row": (b"\4\x10\4\x20\0\0\4\x30\0\1", [[48] * 4, [16] * 4]),
    "a jump": (b"\0\2\1\1\2\x20\0\1", [[0, 32, 32, 0], [0] * 4]),
    "a jump past the right": (b"\2\x10\0\2\x09\1\1\x20\0\1", [[0] * 4, [16, 16, 0, 0]]),
    "a jump past the top": (b"\2\x10\0\2\1\x09\1\x20\0\1", [[0] * 4, [16, 16, 0, 0]]),
    "rows too many": (b"\4\x10\0\0" * 5 + b"\0\1", [[16] * 4, [16] * 4]),
    "short rows": (b"\2\x10\0\0\1\x20\0\1", [[32, 0, 0, 0], [16, 16, 0, 0]]),
    "data after the end": (b"\4\x10\0\0\4\x20\0\1\4\x30", [[32] * 4, [16] * 4]),
}


@pytest.mark.parametrize(("runs", "expected"), RUNS.values(), ids=RUNS.keys())
def test_run_length_codes_are_read_and_clipped(runs: bytes, expected: list[list[int]]) -> None:
    pixels = read_pixels(hostile.bmp_of_runs(4, 2, runs), LIMITS)

    assert pixels[..., 0].tolist() == expected


@pytest.mark.parametrize(
    "runs", [b"", b"\4", b"\4\x10\0\0", b"\4\x10\0\0\0\4\1\2", b"\4\x10\0\0\3\1"]
)
def test_run_length_codes_that_end_early_are_refused(runs: bytes) -> None:
    with pytest.raises(NotAnImage, match=r"ends at row \d of 2"):
        read_pixels(hostile.bmp_of_runs(4, 2, runs), LIMITS)


def test_4_bit_runs_alternate_between_two_values() -> None:
    palette = b"".join(bytes((17 * gray,) * 3 + (0,)) for gray in range(16))
    runs = b"\3\x12\1\x30\0\0" + b"\0\4\x12\x34\0\1"
    data = file_of(4, runs, compression=2, palette=palette, height=2)

    pixels = read_pixels(data, LIMITS)[..., 0] // 17

    assert pixels.tolist() == [[1, 2, 3, 4], [1, 2, 1, 3]]


def test_24_bit_runs_are_read() -> None:
    runs = b"\3abc\0\3ABCDEFGHI\0\0\1"
    data = file_of(24, runs, size=64, compression=4)

    assert colors(data) == [[99, 98, 97]] * 3 + [[67, 66, 65]]


def test_gaps_are_black_whatever_the_palette() -> None:
    data = bytearray(hostile.bmp_of_runs(4, 1, b"\2\1\0\1"))
    data[54:58] = b"\xff\xff\xff\0"

    assert read_pixels(bytes(data), LIMITS)[0, :, 0].tolist() == [1, 1, 0, 0]
    assert np.array_equal(read_pixels(bytes(data), LIMITS)[0, 2], [0, 0, 0])
