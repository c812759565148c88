"""What a picture file says of itself, read without decoding its pixels.

JPEG and WebP are read here and not by Pillow, whose readers spend minutes and gigabytes on
headers made for that; what Pillow opens of a GIF is made anew, and the directory of a TIFF
is checked before.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass

# Real files have dozens. Decoders take quadratic time in them.
_MAX_SEGMENTS = 1000
_MAX_TAGS = 256
_MAX_BLOCKS = 10_000
# Encoders cut the pixels into chunks of 8 kB or more: 20 MB make 2,500.
_MAX_CHUNKS = 50_000
# A TIFF with a strip for each row of each band has 80,000.
_MAX_VALUES = 100_000
# Each scan of a progressive JPEG goes over all its pixels; encoders write about ten.
_MAX_SCANS = 64

_EXIF = b"Exif\0\0"
_GIF_FRAME, _GIF_EXTENSION, _GIF_CONTROL = 0x2C, 0x21, 0xF9
_ORIENTATION_TAG = 0x0112
_MARKER = re.compile(rb"\xff+[^\x00\xd0-\xd7\xff]")
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # not DHT, JPG, DAC
_BARE = frozenset({0x01, *range(0xD0, 0xD8)})  # markers without a length
_SCAN, _END = 0xDA, 0xD9
_METADATA = {*range(0xE0, 0xF0), 0xFE} - {0xEE}  # all but Adobe's, which says how colors are stored

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
    at, frame, orientation = 2, None, 1
    for _ in range(_MAX_SEGMENTS):
        marker, start, end = _segment(data, at)
        if marker == _SCAN:
            if frame is None:
                break
            return Header(*frame, orientation, at)
        if marker in _FRAMES and frame is None:
            height, width, channels = struct.unpack_from(">HHB", data[start:end].ljust(6), 1)
            frame = (width, height, channels)
        elif marker == 0xE1 and data.startswith(_EXIF, start):
            orientation = read_orientation(data[start:end])
        at = end
    raise BrokenHeader(f"it has no pixels within {_MAX_SEGMENTS:,} segments")


def bare_jpeg(data: bytes, scan: int) -> bytes:
    """Give a JPEG without its metadata, which is nothing to the decoder; its colors stay."""
    kept, at = [data[:2]], 2
    while at < scan:
        marker, _, end = _segment(data, at)
        if marker not in _METADATA:
            kept.append(data[at:end])
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


def check_png(data: bytes) -> None:
    """Refuse a PNG of more chunks than any encoder writes: Pillow reads each, with its checksum.

    Source: ISO/IEC 15948, 5.3.

    Raises
    ------
    BrokenHeader
    """
    at = 8
    for _ in range(_MAX_CHUNKS):
        if at >= len(data) or data[at + 4 : at + 8] == b"IEND":
            return
        at += 12 + int.from_bytes(data[at : at + 4], "big")
    raise BrokenHeader(f"it has more than {_MAX_CHUNKS:,} chunks")


def check_tiff(data: bytes) -> None:
    """Refuse a TIFF whose first directory is larger than any picture needs.

    Raises
    ------
    BrokenHeader
    """
    for _tag, kind, count, _value in _directory(data):
        if count > _MAX_VALUES and kind in _NUMBERS:
            raise BrokenHeader(f"a tag of it has more than {_MAX_VALUES:,} values")


def read_orientation(exif: bytes) -> int:
    """Give the orientation, 1..8, that an EXIF block says; 1 when it says none or lies.

    Source: TIFF 6.0, tag 274.
    """
    try:
        for tag, kind, _count, value in _directory(exif.removeprefix(_EXIF)):
            if tag == _ORIENTATION_TAG and kind == 3:
                found = value >> 16 if exif.removeprefix(_EXIF)[:2] == b"MM" else value & 0xFFFF
                return found if 1 <= found <= 8 else 1
    except BrokenHeader:
        pass
    return 1


def _segment(data: bytes, at: int) -> tuple[int, int, int]:
    """Give a segment's marker, and where what it holds begins and ends."""
    found = _MARKER.match(data, at, at + _MAX_SEGMENTS)
    if found is None:
        raise BrokenHeader("it has no marker where there must be one")
    marker, start = data[found.end() - 1], found.end()
    if marker in _BARE:
        return marker, start, start
    length = int.from_bytes(data[start : start + 2], "big")
    if length < 2 or start + length > len(data):
        raise BrokenHeader("a segment of it is cut")
    return marker, start + 2, start + length


def _count_scans(data: bytes, at: int) -> None:
    scans = 0
    while (found := _MARKER.search(data, at)) and data[found.end() - 1] != _END:
        marker, _, at = _segment(data, found.start())
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
    """Give tag, type, count and value (or where the values are) of the first directory."""
    order = {b"II": "<", b"MM": ">"}.get(tiff[:2])
    if order is None:
        raise BrokenHeader("it does not say its byte order")
    try:
        (version,) = struct.unpack_from(f"{order}H", tiff, 2)
        big = version == 43
        (at,) = struct.unpack_from(f"{order}Q" if big else f"{order}I", tiff, 8 if big else 4)
        (tags,) = struct.unpack_from(f"{order}Q" if big else f"{order}H", tiff, at)
        if tags > _MAX_TAGS:
            raise BrokenHeader(f"it has more than {_MAX_TAGS:,} tags")
        entry = struct.Struct(f"{order}HHQQ" if big else f"{order}HHII")
        for index in range(tags):
            yield entry.unpack_from(tiff, at + (8 if big else 2) + index * entry.size)
    except struct.error as error:
        raise BrokenHeader("its directory is cut") from error
