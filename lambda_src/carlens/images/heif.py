"""HEIC and AVIF files, checked without decoding.

Decoders allocate and decode whatever size the coded pictures have, however small the image is that
the file declares.

Source: ISO/IEC 14496-12 (boxes), 23008-12 (items), ITU-T H.265, 7.3.2.2, and AV1, 5.5.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass, field

from carlens.images.header import BrokenHeader

# A coded picture may be larger than the image that is cut out of it, by a part of a block.
_MAX_CODED_PIXELS = 1 << 26
# An image may consist of tiles, and have others beside it: transparency, a thumbnail, a burst.
_MAX_TOTAL_PIXELS = 1 << 28
# Real files have hundreds of boxes and items: a tile of 512 x 512 pixels each.
_MAX_BOXES = 5000

_SPS, _SEQUENCE_HEADER = 33, 1
_CONTAINERS = frozenset({b"meta", b"iprp", b"ipco", b"iref"})
_VERSIONED = frozenset({b"meta", b"iref"})  # 4 bytes of version and flags before their boxes


@dataclass
class _Found:
    """What the boxes of a file contain."""

    configurations: list[tuple[bytes, bytes]] = field(default_factory=list)
    references: int = 0
    items: dict[bytes, bytes] = field(default_factory=dict)


class _Bits:
    """Reads bits, the highest first; 0 after the end."""

    def __init__(self, data: bytes) -> None:
        self._value = int.from_bytes(data[:64].ljust(64, b"\0"), "big")
        self._left = 512

    def read(self, count: int) -> int:
        self._left -= count
        return self._value >> max(0, self._left) & ((1 << count) - 1)

    def read_exponential(self) -> int:
        zeros = 0
        while zeros < 32 and not self.read(1):
            zeros += 1
        return (1 << zeros) - 1 + self.read(zeros)


def brands(data: bytes) -> set[bytes]:
    """Return the brands in the first box of a file; empty if it is not a list of brands."""
    if data[4:8] != b"ftyp":
        return set()
    size = min(int.from_bytes(data[:4], "big"), 512)
    return {data[8:12], *(data[at : at + 4] for at in range(16, size, 4))}


def check(data: bytes) -> None:
    """Check that the coded pictures of a file are no larger than images may be.

    Raises
    ------
    BrokenHeader
    """
    found = _Found()
    for count, (kind, content) in enumerate(_walk(data)):
        if count >= _MAX_BOXES:
            raise BrokenHeader(f"it has more than {_MAX_BOXES:,} boxes")
        if kind in (b"hvcC", b"av1C"):
            found.configurations.append((kind, content))
        elif kind == b"dimg":
            found.references += max(0, len(content) // 2 - 2)
        elif kind in (b"iloc", b"idat"):
            if kind in found.items:  # decoders may read another one than is checked here
                raise BrokenHeader(f"it has more than one {kind.decode()} box")
            found.items[kind] = content
    largest = max(_sizes(data, found), default=0)
    if largest > _MAX_CODED_PIXELS or largest * max(1, found.references) > _MAX_TOTAL_PIXELS:
        raise BrokenHeader("its coded pictures are larger than the image that it declares")


def _walk(data: bytes, depth: int = 0) -> Iterator[tuple[bytes, bytes]]:
    """Yield the boxes and their contents, which are empty for containers of other boxes."""
    at = 0
    while at + 8 <= len(data):
        size, kind = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        head = 8
        if size == 1:
            size, head = int.from_bytes(data[at + 8 : at + 16], "big"), 16
        end = at + size if size else len(data)
        if end < at + head:
            return
        if kind in _CONTAINERS and depth < 4:
            yield kind, b""
            yield from _walk(data[at + head + 4 * (kind in _VERSIONED) : end], depth + 1)
        else:
            yield kind, b"" if kind == b"mdat" else data[at + head : end]
        at = end


def _extents(data: bytes, found: _Found) -> Iterator[bytes]:
    """Yield the pieces of all items. Source: ISO/IEC 14496-12, 8.11.3."""
    box = found.items.get(b"iloc", b"")
    if len(box) <= 6:
        return
    version, sizes, base_size = box[0], box[4], box[5] >> 4
    index_size = box[5] & 15 if version else 0
    offset_size, length_size = sizes >> 4, sizes & 15
    wide = 4 if version == 2 else 2
    numbers, total = io.BytesIO(box[6:]), 0

    def take(count: int) -> int:
        return int.from_bytes(numbers.read(count), "big")

    items = take(wide)
    if items > _MAX_BOXES:
        raise BrokenHeader(f"it has more than {_MAX_BOXES:,} items")
    for _ in range(items):
        take(wide)
        method = take(2) & 15 if version else 0
        take(2)
        base = take(base_size)
        source = found.items.get(b"idat", b"") if method == 1 else data
        for _ in range(take(2)):
            take(index_size)
            start = base + take(offset_size)
            length = take(length_size) or len(source)
            piece = source[start : start + length]
            total += 1024 + len(piece)
            if total > 2 * len(data) + (1 << 20):
                raise BrokenHeader("its items overlap")
            yield piece


def _sizes(data: bytes, found: _Found) -> Iterator[int]:
    """Yield the pixels of each coded picture."""
    length_size = 4
    for kind, content in found.configurations:
        if kind == b"av1C":
            yield from _av1_sizes(content[4:])
        elif len(content) > 22:
            length_size = (content[21] & 3) + 1
            yield from _hevc_sizes(_units_of_configuration(content))
    kinds = {kind for kind, _ in found.configurations}
    for extent in _extents(data, found):
        if b"av1C" in kinds:
            yield from _av1_sizes(extent)
        if b"hvcC" in kinds:
            yield from _hevc_sizes(_units(extent, length_size))


def _units_of_configuration(content: bytes) -> Iterator[bytes]:
    at = 23
    for _ in range(content[22]):
        count = int.from_bytes(content[at + 1 : at + 3], "big")
        at += 3
        for _ in range(count):
            size = int.from_bytes(content[at : at + 2], "big")
            yield content[at + 2 : at + 2 + size]
            at += 2 + size
            if at >= len(content):
                return


def _units(data: bytes, length_size: int) -> Iterator[bytes]:
    at = 0
    for _ in range(_MAX_BOXES):
        size = int.from_bytes(data[at : at + length_size], "big")
        yield data[at + length_size : at + length_size + min(size, 128)]
        at += length_size + size
        if at >= len(data):
            return
    raise BrokenHeader(f"a picture has more than {_MAX_BOXES:,} parts")


def _hevc_sizes(units: Iterator[bytes]) -> Iterator[int]:
    for unit in units:
        if len(unit) > 2 and unit[0] >> 1 & 63 == _SPS:
            bits = _Bits(unit[2:].replace(b"\0\0\3", b"\0\0"))
            bits.read(4)
            layers = bits.read(3)
            bits.read(1 + 88 + 8)
            present = [(bits.read(1), bits.read(1)) for _ in range(layers)]
            bits.read(2 * (8 - layers) if layers else 0)
            for profile, level in present:
                bits.read(88 * profile + 8 * level)
            bits.read_exponential()
            if bits.read_exponential() == 3:
                bits.read(1)
            yield bits.read_exponential() * bits.read_exponential()


def _av1_sizes(data: bytes) -> Iterator[int]:
    at = 0
    for _ in range(_MAX_BOXES):
        if at >= len(data):
            return
        head = data[at]
        at += 2 if head & 4 else 1
        size, shift = len(data) - at, 0
        if head & 2:
            size = 0
            for _ in range(8):
                byte = data[at] if at < len(data) else 0
                size |= (byte & 127) << shift
                at, shift = at + 1, shift + 7
                if byte < 128:
                    break
        if head >> 3 & 15 == _SEQUENCE_HEADER:
            yield _sequence_pixels(_Bits(data[at : at + size]))
        at += size
    raise BrokenHeader(f"a picture has more than {_MAX_BOXES:,} parts")


def _sequence_pixels(bits: _Bits) -> int:
    bits.read(4)
    if bits.read(1):  # of a still picture
        bits.read(5)
    else:
        if bits.read(1):
            raise BrokenHeader("it has the timing of a video")
        delay = bits.read(1)
        for _ in range(bits.read(5) + 1):
            bits.read(12)
            if bits.read(5) > 7:
                bits.read(1)
            if delay and bits.read(1):
                bits.read(4)
    width_bits, height_bits = bits.read(4) + 1, bits.read(4) + 1
    return (bits.read(width_bits) + 1) * (bits.read(height_bits) + 1)
