"""TIFF directories, and the orientation in EXIF blocks."""

from __future__ import annotations

import struct

import pytest

from carlens.errors import UnsupportedImage
from carlens.images.header import BrokenHeader
from carlens.images.tiff import Entry, check_directory, read_directory, read_orientation
from tests.hostile import exif, tiff, tiff_tags

BYTE, SHORT, LONG, LONG8 = 1, 3, 4, 16


def classic(order: str, *tags: tuple[int, int, int, bytes]) -> bytes:
    """Build a TIFF whose directory follows some padding."""
    mark = b"II" if order == "<" else b"MM"
    entries = [struct.pack(f"{order}HHI4s", *tag) for tag in tags]
    head = struct.pack(f"{order}2sHI", mark, 42, 20) + bytes(12)
    return head + struct.pack(f"{order}H", len(tags)) + b"".join(entries)


def big(order: str, *tags: tuple[int, int, int, bytes], offset: int = 24) -> bytes:
    """Build a BigTIFF whose directory follows some padding."""
    mark = b"II" if order == "<" else b"MM"
    entries = [struct.pack(f"{order}HHQ8s", *tag) for tag in tags]
    head = struct.pack(f"{order}2sHHHQ", mark, 43, 8, 0, offset) + bytes(8)
    return head + struct.pack(f"{order}Q", len(tags)) + b"".join(entries)


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (classic("<", (7, BYTE, 1, b"\x05\x01\x01\x01")), 5),
        (classic("<", (7, SHORT, 1, b"\x05\x06\x01\x01")), 0x0605),
        (classic("<", (7, LONG, 1, b"\x05\x06\x07\x08")), 0x08070605),
        (classic(">", (7, BYTE, 1, b"\x05\x01\x01\x01")), 5),
        (classic(">", (7, SHORT, 1, b"\x05\x06\x01\x01")), 0x0506),
        (classic(">", (7, LONG, 1, b"\x05\x06\x07\x08")), 0x05060708),
        (big("<", (7, LONG, 1, b"\x05\x06\x07\x08\x01\x01\x01\x01")), 0x08070605),
        (big("<", (7, LONG8, 1, bytes(range(8)))), 0x0706050403020100),
        (big(">", (7, LONG8, 1, bytes(range(8)))), 0x0001020304050607),
    ],
)
def test_a_single_integer_has_its_value(data: bytes, value: int) -> None:
    [entry] = read_directory(data)

    assert (entry.tag, entry.count, entry.value) == (7, 1, value)


@pytest.mark.parametrize(("kind", "count"), [(SHORT, 0), (SHORT, 2), (2, 1), (5, 1), (8, 1)])
def test_any_other_value_is_0(kind: int, count: int) -> None:
    data = classic("<", (7, kind, count, b"\1\1\1\1"))

    assert list(read_directory(data)) == [Entry(7, kind, count, 0)]


def test_all_tags_of_a_directory_are_read() -> None:
    tags = [(tag, SHORT, 1, bytes((tag, 0, 0, 0))) for tag in (1, 2, 3)]

    for data in (classic("<", *tags), big("<", *[(*t[:3], t[3] + bytes(4)) for t in tags])):
        assert [(entry.tag, entry.value) for entry in read_directory(data)] == [
            (1, 1),
            (2, 2),
            (3, 3),
        ]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"II",
        b"II*\0",
        b"XX*\0\x08\0\0\0",
        b"II*\0\xff\xff\xff\xff",
        classic("<", (7, SHORT, 1, bytes(4)))[:-1],
        big("<", (7, SHORT, 1, bytes(8)))[:-1],
        big("<", offset=2**62),
        big("<", offset=2**64 - 1),
    ],
)
def test_an_incomplete_directory_is_refused(data: bytes) -> None:
    with pytest.raises(BrokenHeader):
        list(read_directory(data))
    assert read_orientation(data) == 1


@pytest.mark.parametrize("orientation", range(1, 9))
def test_an_orientation_is_read_with_and_without_the_exif_prefix(orientation: int) -> None:
    tags = [(0x111, "short", 1, 7), (0x112, "short", 1, orientation), (0x113, "short", 1, 7)]

    assert read_orientation(exif(tags)) == read_orientation(tiff(tags)) == orientation


@pytest.mark.parametrize(
    "tag",
    [
        (0x112, "short", 1, 0),
        (0x112, "short", 1, 9),
        (0x112, "short", 2, 6),
        (0x112, "long", 1, 6),
        (0x113, "short", 1, 6),
    ],
)
def test_any_other_tag_is_not_an_orientation(tag: tuple[int, str, int, int]) -> None:
    assert read_orientation(tiff([tag])) == 1


def test_an_orientation_is_read_from_the_first_256_tags() -> None:
    def orientation_behind(others: int) -> bytes:
        return tiff([(1, "short", 1, 1)] * others + [(0x112, "short", 1, 6)])

    assert read_orientation(orientation_behind(255)) == 6
    assert read_orientation(orientation_behind(256)) == 1


def test_a_directory_may_have_256_tags() -> None:
    tags = [(index, "byte", 1, 1) for index in range(2000, 2256)]

    check_directory(tiff(tags))
    with pytest.raises(UnsupportedImage, match="more than 256 tags"):
        check_directory(tiff([*tags, (3000, "byte", 1, 1)]))


NUMBERS = {3, 4, 5, 6, 8, 9, 10, 11, 12, 13, 16}


@pytest.mark.parametrize("kind", range(19))
def test_a_tag_may_have_100_000_numbers(kind: int) -> None:
    check_directory(classic("<", (7, kind, 100_000, bytes(4))))
    many = classic("<", (7, kind, 100_001, bytes(4)))

    if kind in NUMBERS:
        with pytest.raises(BrokenHeader, match="more than 100,000 values"):
            check_directory(many)
    else:
        check_directory(many)  # text and bytes are copied as a whole


def test_a_tile_may_have_16_777_216_pixels() -> None:
    def tiled(width: int, length: int) -> bytes:
        return tiff([*tiff_tags(9, 9), (322, "long", 1, width), (323, "long", 1, length)])

    check_directory(tiled(4096, 4096))
    for width, length in ((4096, 4097), (4097, 4096)):
        with pytest.raises(BrokenHeader, match="more than 16,777,216 pixels"):
            check_directory(tiled(width, length))
    with pytest.raises(BrokenHeader, match="more than 16,777,216 pixels"):
        check_directory(tiff([(322, "long", 1, (1 << 24) + 1)]))


@pytest.mark.parametrize(
    ("tags", "named"),
    [
        ([(258, "short", 1, 32)], "32-bit"),
        ([(258, "short", 1, 64)], "64-bit"),
        ([(258, "short", 1, 32), (339, "short", 1, 3)], "floating-point"),
        ([(258, "short", 1, 16), (339, "short", 1, 3)], "floating-point"),
        ([(258, "short", 1, 8), (339, "short", 1, 2)], "signed"),
        ([(258, "short", 1, 16), (339, "short", 1, 2)], "signed"),
        ([(339, "short", 1, 5)], "complex"),
        ([(339, "short", 1, 6)], "complex"),
    ],
)
def test_pixels_that_are_not_unsigned_or_have_many_bits_are_refused_by_name(
    tags: list[tuple[int, str, int, int]], named: str
) -> None:
    with pytest.raises(UnsupportedImage, match=f"A TIFF with {named} pixels .* 8 or 16 bits"):
        check_directory(tiff(tags))


@pytest.mark.parametrize(("kind", "named"), [(1, ""), (4, ""), (2, "signed"), (3, "floating")])
@pytest.mark.parametrize("order", "<>")
def test_the_values_of_several_channels_are_read(order: str, kind: int, named: str) -> None:
    # Given one value for each of three channels, after the directory
    values = struct.pack(f"{order}3H", 1, 1, kind)
    start = struct.pack(f"{order}I", 20 + 2 + 12)
    data = classic(order, (339, SHORT, 3, start)) + values

    if named:
        with pytest.raises(UnsupportedImage, match=named):
            check_directory(data)
    else:
        check_directory(data)


def test_values_outside_the_file_are_refused() -> None:
    with pytest.raises(BrokenHeader, match="cut off"):
        check_directory(classic("<", (339, SHORT, 3, b"\xff\xff\0\0")))
