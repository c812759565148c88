"""TIFF directories, which EXIF blocks contain too.

Source: TIFF 6.0, section 2; the BigTIFF design of libtiff.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import Literal

from carlens.images.header import BrokenHeader

# Real files have dozens of tags; decoders take quadratic time in them.
_MAX_TAGS = 256
# A TIFF with a strip for each row of each band has 80,000.
_MAX_VALUES = 100_000
# Decoders allocate a whole tile, however small the image; a typical tile has 256 x 256 pixels.
_MAX_TILE_PIXELS = 1 << 24

_EXIF_PREFIX = b"Exif\0\0"
_ORIENTATION = 0x0112
_TILE_WIDTH, _TILE_LENGTH = 0x0142, 0x0143
_SHORT = 3
# Sizes in bytes of the unsigned integer types, by type: BYTE, SHORT, LONG, LONG8.
_INTEGER_SIZES = {1: 1, 3: 2, 4: 4, 16: 8}
# Types whose values Pillow converts one by one to Python numbers; the others stay bytes.
_NUMBER_TYPES = frozenset({3, 4, 5, 6, 8, 9, 10, 11, 12, 13, 16})


@dataclass(frozen=True)
class Entry:
    """One tag of a directory.

    Attributes
    ----------
    tag, type, count : int
        As in the file.
    value : int
        0 unless it is a single unsigned integer.
    """

    tag: int
    type: int
    count: int
    value: int


@dataclass(frozen=True)
class _Layout:
    """The first directory's offset, and the `struct` formats of offsets, counts and entries."""

    start: int
    offset: str
    count: str
    entry: str


_CLASSIC = _Layout(4, "I", "H", "HHI4s")
_BIG = _Layout(8, "Q", "Q", "HHQ8s")
_BIG_VERSION = 43


def read_directory(tiff: bytes) -> Iterator[Entry]:
    """Read the first directory of a TIFF, one tag at a time.

    Raises
    ------
    BrokenHeader
        The directory is not complete.
    """
    order = {b"II": "<", b"MM": ">"}.get(tiff[:2])
    if order is None:
        raise BrokenHeader("the TIFF header has no byte order")
    endianness: Literal["little", "big"] = "little" if order == "<" else "big"
    try:
        (version,) = struct.unpack_from(f"{order}H", tiff, 2)
        layout = _BIG if version == _BIG_VERSION else _CLASSIC
        (at,) = struct.unpack_from(order + layout.offset, tiff, layout.start)
        (tags,) = struct.unpack_from(order + layout.count, tiff, at)
        at += struct.calcsize(order + layout.count)
        entry = struct.Struct(order + layout.entry)
        for index in range(tags):
            tag, kind, count, value = entry.unpack_from(tiff, at + index * entry.size)
            size = _INTEGER_SIZES.get(kind, 0) if count == 1 else 0
            yield Entry(tag, kind, count, int.from_bytes(value[:size], endianness))
    except (struct.error, OverflowError) as error:  # OverflowError: an offset beyond 2**63
        raise BrokenHeader("the TIFF directory is cut off") from error


def check_directory(tiff: bytes) -> None:
    """Check that the first directory of a TIFF is no larger than an image needs.

    Raises
    ------
    BrokenHeader
    """
    tile_pixels = 1
    for index, entry in enumerate(read_directory(tiff)):
        if index == _MAX_TAGS:
            raise BrokenHeader(f"the TIFF has more than {_MAX_TAGS:,} tags")
        if entry.count > _MAX_VALUES and entry.type in _NUMBER_TYPES:
            raise BrokenHeader(f"a TIFF tag has more than {_MAX_VALUES:,} values")
        if entry.tag in (_TILE_WIDTH, _TILE_LENGTH):
            tile_pixels *= entry.value
    if tile_pixels > _MAX_TILE_PIXELS:
        raise BrokenHeader(f"the TIFF's tiles have more than {_MAX_TILE_PIXELS:,} pixels")


def read_orientation(exif: bytes) -> int:
    """Return the orientation, 1..8, in an EXIF block; 1 if it is missing or not valid.

    Source: TIFF 6.0, tag 274.
    """
    with suppress(BrokenHeader):
        entries = read_directory(exif.removeprefix(_EXIF_PREFIX))
        for entry in islice(entries, _MAX_TAGS):
            if entry.tag == _ORIENTATION and entry.type == _SHORT:
                return entry.value if 1 <= entry.value <= 8 else 1
    return 1
