"""What a picture file says of itself, read without decoding its pixels.

JPEG and WebP are read here and not by Pillow, whose readers spend minutes and gigabytes on
headers made for that; what Pillow opens of a GIF and a PNG is made anew without all that is
nothing to their pixels, and the directory of a TIFF is checked before.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice

# Real files have dozens. Decoders take quadratic time in them.
_MAX_SEGMENTS = 1000
_MAX_TAGS = 256
_MAX_BLOCKS = 10_000
# Encoders cut the pixels into chunks of 8 kB or more: 20 MB make 2,500.
_MAX_CHUNKS = 50_000
# A TIFF with a strip for each row of each band has 80,000.
_MAX_VALUES = 100_000
# Decoders make room for a whole tile, however small the picture; common ones have 256 x 256.
_MAX_TILE = 1 << 24
# Between two segments of a JPEG, where decoders skip all that is no marker.
_MAX_PADDING = 1 << 16
# Each scan of a progressive JPEG goes over all its pixels; encoders write about ten.
_MAX_SCANS = 64

_EXIF = b"Exif\0\0"
_GIF_FRAME, _GIF_EXTENSION, _GIF_CONTROL = 0x2C, 0x21, 0xF9
_ORIENTATION_TAG = 0x0112
_TILE_TAGS = frozenset({0x0142, 0x0143})  # width and length
_MARKER = re.compile(rb"(?:[^\xff]++|\xff++[\x00\xd0-\xd7])*+\xff++([^\x00\xd0-\xd7\xff])")
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # not DHT, JPG, DAC
_BARE = frozenset({0x01, *range(0xD0, 0xD8)})  # markers without a length
_SCAN, _END = 0xDA, 0xD9
_METADATA = {*range(0xE0, 0xF0), 0xFE} - {0xEE}  # all but Adobe's, which says how colors are stored

# What is nothing to the pixels of a PNG has a small first letter; this one is, all the same.
_PNG_TRANSPARENCY = b"tRNS"

# The bytes of a TIFF's whole numbers, by type.
_WHOLE = {1: 1, 3: 2, 4: 4, 16: 8}
# TIFF types that Pillow makes a Python number of each value of; the others stay bytes.
_NUMBERS = frozenset({3, 4, 5, 6, 8, 9, 10, 11, 12, 13, 16})


class BrokenHeader(ValueError):
    """The header is broken, or made to hurt; the message says how."""


@dataclass(frozen=True)
class Header:
    """A picture as stored.

    Attributes
    ----------
    width, height : int
        In pixels.
    channels : int
    orientation : int
        1..8, as EXIF says it.
    body : int
        Where the pixels begin, in bytes.
    """

    width: int
    height: int
    channels: int
    orientation: int = 1
    body: int = 0


def read_jpeg(data: bytes) -> Header:
    """Read a JPEG up to its first scan.

    Source: ITU T.81, annex B.

    Raises
    ------
    BrokenHeader
    """
    at, frame, orientation = 2, None, None
    for _ in range(_MAX_SEGMENTS):
        marker, begin, start, end = _segment(data, at)
        if marker == _SCAN:
            if frame is None:
                break
            return Header(*frame, orientation or 1, begin)
        if marker in _FRAMES and frame is None:
            height, width, channels = struct.unpack_from(">HHB", data[start:end].ljust(6), 1)
            frame = (width, height, channels)
        elif marker == 0xE1 and orientation is None and data.startswith(_EXIF, start):
            # What is longer than a segment goes on in others; its first directory is in the first.
            orientation = read_orientation(data[start:end])
        at = end
    raise BrokenHeader(f"it has no pixels within {_MAX_SEGMENTS:,} segments")


def bare_jpeg(data: bytes, scan: int) -> bytes:
    """Give a JPEG without its metadata, which is nothing to the decoder; its colors stay."""
    kept, at = [data[:2]], 2
    while at < scan:
        marker, begin, _, end = _segment(data, at)
        if marker not in _METADATA:
            kept.append(data[begin:end])
        at = end
    return b"".join((*kept, data[scan:]))


def jpeg_ends(data: bytes, scan: int) -> bool:
    """Tell whether a JPEG comes to its end after its first scan, which is at `scan`.

    Raises
    ------
    BrokenHeader
        It has more scans than any encoder writes.
    """
    if data.count(b"\xff\xda", scan) > _MAX_SCANS:  # not all of them need be markers
        _count_scans(data, scan)
    return data.rfind(b"\xff\xd9", scan) > 0


def read_webp(data: bytes) -> Header:
    """Read the first chunk of a WebP, and its EXIF.

    Source: RFC 9649.

    Raises
    ------
    BrokenHeader
    """
    kind, head = data[12:16], data[20:30].ljust(10, b"\0")
    if kind == b"VP8X":
        width, height = (int.from_bytes(head[i : i + 3], "little") + 1 for i in (4, 7))
        return Header(width, height, 4 if head[0] & 0x10 else 3, _webp_orientation(data))
    if kind == b"VP8L":
        bits = int.from_bytes(head[1:5], "little")
        alpha = bits >> 28 & 1
        return Header((bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1, 3 + alpha)
    if kind == b"VP8 ":
        width, height = struct.unpack_from("<HH", head, 6)
        return Header(width & 0x3FFF, height & 0x3FFF, 3)
    raise BrokenHeader("its first chunk is no picture")


def bare_gif(data: bytes) -> bytes:
    """Give a GIF with nothing in front of its first frame but the transparent color.

    A program that opens a GIF reads all comments before the frame, and Pillow makes an image
    of the size that the frame says, whatever that is, when it is to be disposed of.

    Source: Graphics Interchange Format, version 89a.

    Raises
    ------
    BrokenHeader
    """
    try:
        flags = data[10]
        start = at = 13 + (3 << (flags & 7) + 1 if flags & 0x80 else 0)
        control = b""
        for _ in range(_MAX_BLOCKS):
            kind, label = data[at], data[at + 1]
            if kind == _GIF_FRAME:
                return data[:start] + control + data[at:]
            if kind == 0:  # a terminator too many
                at += 1
                continue
            if kind != _GIF_EXTENSION:
                raise BrokenHeader("it has no block where there must be one")
            if label == _GIF_CONTROL and data[at + 2] == 4:
                control = bytes((kind, label, 4, data[at + 3] & 1, 0, 0, data[at + 6], 0))
            at += 2
            while size := data[at]:
                at += 1 + size
            at += 1
    except IndexError as error:
        raise BrokenHeader("it ends before its first frame") from error
    raise BrokenHeader(f"it has no frame within {_MAX_BLOCKS:,} blocks")


def bare_png(data: bytes) -> tuple[bytes, int]:
    """Give a PNG with nothing but its pixels, and its orientation, 1..8.

    Pillow unpacks each text and profile, and refuses the picture where one is large.

    Source: ISO/IEC 15948, 5.3 and 5.4.

    Raises
    ------
    BrokenHeader
        It has more chunks than any encoder writes.
    """
    view = memoryview(data)
    kept, orientation = [view[:8]], None
    at = 8
    for _ in range(_MAX_CHUNKS):
        kind = data[at + 4 : at + 8]
        end = at + 12 + int.from_bytes(data[at : at + 4], "big")
        if kind[:1].isupper() or kind == _PNG_TRANSPARENCY:
            kept.append(view[at:end])
        elif kind == b"eXIf" and orientation is None:
            orientation = read_orientation(data[at + 8 : end - 4])
        if end >= len(data) or kind == b"IEND":
            return b"".join(kept), orientation or 1
        at = end
    raise BrokenHeader(f"it has more than {_MAX_CHUNKS:,} chunks")


def check_tiff(data: bytes) -> None:
    """Refuse a TIFF whose first directory is larger than any picture needs.

    Raises
    ------
    BrokenHeader
    """
    tile = 1
    for index, (tag, kind, count, value) in enumerate(_directory(data)):
        if index == _MAX_TAGS:
            raise BrokenHeader(f"it has more than {_MAX_TAGS:,} tags")
        if count > _MAX_VALUES and kind in _NUMBERS:
            raise BrokenHeader(f"a tag of it has more than {_MAX_VALUES:,} values")
        if tag in _TILE_TAGS:
            tile *= value
    if tile > _MAX_TILE:
        raise BrokenHeader(f"its tiles have more than {_MAX_TILE:,} pixels")


def read_orientation(exif: bytes) -> int:
    """Give the orientation, 1..8, that an EXIF block says; 1 when it says none or lies.

    Source: TIFF 6.0, tag 274.
    """
    with suppress(BrokenHeader):
        for tag, kind, _count, value in islice(_directory(exif.removeprefix(_EXIF)), _MAX_TAGS):
            if tag == _ORIENTATION_TAG and kind == 3:
                return value if 1 <= value <= 8 else 1
    return 1


def _segment(data: bytes, at: int, padding: int = _MAX_PADDING) -> tuple[int, int, int, int]:
    """Give a segment's marker, where it begins, and where what it holds begins and ends."""
    found = _MARKER.match(data, at, at + padding)
    if found is None:
        raise BrokenHeader("it has no marker where there must be one")
    marker, start = data[found.start(1)], found.end()
    if marker in _BARE:
        return marker, start - 2, start, start
    length = int.from_bytes(data[start : start + 2], "big")
    if length < 2 or start + length > len(data):
        raise BrokenHeader("a segment of it is cut")
    return marker, start - 2, start + 2, start + length


def _count_scans(data: bytes, at: int) -> None:
    scans = 0
    while (found := _MARKER.match(data, at)) and data[found.start(1)] != _END:
        marker, _, _, at = _segment(data, at, len(data))
        scans += marker == _SCAN
        if scans > _MAX_SCANS:
            raise BrokenHeader(f"it has more than {_MAX_SCANS} scans")


def _webp_orientation(data: bytes) -> int:
    at = 12
    for _ in range(_MAX_SEGMENTS):
        kind, size = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "little")
        if kind == b"EXIF":
            return read_orientation(data[at + 8 : at + 8 + size])
        at += 8 + size + size % 2
        if at >= len(data):
            break
    return 1


def _directory(tiff: bytes) -> Iterator[tuple[int, int, int, int]]:
    """Give tag, type, count and value of the first directory; 0 for what is no whole number."""
    order = {b"II": "<", b"MM": ">"}.get(tiff[:2])
    if order is None:
        raise BrokenHeader("it does not say its byte order")
    little = order == "<"
    try:
        (version,) = struct.unpack_from(f"{order}H", tiff, 2)
        big = version == 43
        (at,) = struct.unpack_from(f"{order}Q" if big else f"{order}I", tiff, 8 if big else 4)
        (tags,) = struct.unpack_from(f"{order}Q" if big else f"{order}H", tiff, at)
        entry = struct.Struct(f"{order}HHQ8s" if big else f"{order}HHI4s")
        for index in range(tags):
            where = at + (8 if big else 2) + index * entry.size
            tag, kind, count, value = entry.unpack_from(tiff, where)
            size = _WHOLE.get(kind, 0) if count == 1 else 0
            yield tag, kind, count, int.from_bytes(value[:size], "little" if little else "big")
    except struct.error as error:
        raise BrokenHeader("its directory is cut") from error
