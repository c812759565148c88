"""TIFF directories, which EXIF blocks contain too.

Source: TIFF 6.0, section 2; the BigTIFF design of libtiff.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from typing import Literal

from carlens.errors import UnsupportedImage
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
_BITS_PER_SAMPLE, _SAMPLE_FORMAT = 0x0102, 0x0153
_KINDS = {2: "signed", 3: "floating-point", 5: "complex", 6: "complex"}
_SHORT = 3
# Of bits and formats there is one for each channel.
_MAX_SHORTS = 8
_MAX_BITS = 16
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
    values : tuple of int
        All values of a few SHORTs; otherwise empty.
    """

    tag: int
    type: int
    count: int
    value: int
    values: tuple[int, ...] = field(default=(), compare=False)


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
            number = int.from_bytes(value[:size], endianness)
            values: tuple[int, ...] = ()
            if kind == _SHORT and count <= _MAX_SHORTS:
                inline = 2 * count <= len(value)
                source, start = (value, 0) if inline else (tiff, int.from_bytes(value, endianness))
                values = struct.unpack_from(f"{order}{count}H", source, start)
            yield Entry(tag, kind, count, number, values)
    except (struct.error, OverflowError) as error:  # OverflowError: an offset beyond 2**63
        raise BrokenHeader("the TIFF directory is cut off") from error


def check_directory(tiff: bytes) -> None:
    """Check that the first directory of a TIFF is that of an image which Carlens decodes.

    Raises
    ------
    BrokenHeader
        It is larger than an image needs.
    UnsupportedImage
        The pixels are signed, floating point or of more than 16 bits, or it has too many tags.
    """
    tile_pixels, bits, sample_format = 1, 0, 1
    for index, entry in enumerate(read_directory(tiff)):
        if index == _MAX_TAGS:
            raise UnsupportedImage(
                f"A TIFF with more than {_MAX_TAGS:,} tags is not supported; save the image as PNG."
            )
        if entry.count > _MAX_VALUES and entry.type in _NUMBER_TYPES:
            raise BrokenHeader(f"a TIFF tag has more than {_MAX_VALUES:,} values")
        if entry.tag in (_TILE_WIDTH, _TILE_LENGTH):
            tile_pixels *= entry.value
        elif entry.tag == _BITS_PER_SAMPLE:
            bits = max(entry.values, default=0)
        elif entry.tag == _SAMPLE_FORMAT:
            sample_format = max(entry.values, default=0)
    if tile_pixels > _MAX_TILE_PIXELS:
        raise BrokenHeader(f"the TIFF's tiles have more than {_MAX_TILE_PIXELS:,} pixels")
    if sample_format in _KINDS or bits > _MAX_BITS:
        kind = _KINDS.get(sample_format, f"{bits}-bit")
        raise UnsupportedImage(
            f"A TIFF with {kind} pixels is not supported; save the image with 8 or 16 bits."
        )


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
