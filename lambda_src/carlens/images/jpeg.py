"""JPEG segments, read and cleaned without decoding.

Decoders can take minutes and gigabytes for a crafted header.

Source: ITU T.81, annex B.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice, takewhile
from typing import NamedTuple

from carlens.images.header import BrokenHeader, Header
from carlens.images.tiff import read_orientation

# Real files have dozens of segments; decoders take quadratic time in them.
_MAX_SEGMENTS = 1000
# Bytes between two segments, where decoders skip to the next marker.
_MAX_PADDING = 1 << 16
# Each scan of a progressive JPEG covers all its pixels; encoders write about ten.
_MAX_SCANS = 64

# A marker after anything that decoders skip: padding, stuffed bytes and restart markers.
_MARKER = re.compile(rb"(?:[^\xff]++|\xff++[\x00\xd0-\xd7])*+\xff++([^\x00\xd0-\xd7\xff])")
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # without DHT, JPG, DAC
_SEQUENTIAL = frozenset({0xC0, 0xC1, 0xC3, 0xC9, 0xCB})
_TEM, _START, _END, _SCAN, _RESTART_INTERVAL = 0x01, 0xD8, 0xD9, 0xDA, 0xDD
_APP0, _APP1, _APP2, _APP14, _COMMENT = 0xE0, 0xE1, 0xE2, 0xEE, 0xFE
# Adobe's APP14 stays: it declares the color transform.
_METADATA = {*range(0xE0, 0xF0), _COMMENT} - {_APP14}
_ICC = b"ICC_PROFILE\0"
_JFIF = b"\xff\xe0\0\x10JFIF\0\1\1\0\0\1\0\1\0\0"
# Another picture, or the end of this one.
_AFTER_PIXELS = {_START, _END, *_FRAMES}
END_MARKER = b"\xff\xd9"
_COEFFICIENTS = 64
_RESTART = re.compile(rb"\xff([\xd0-\xd7])")
# Zeros in the scans, in bytes. Encoders write so many only in flat pictures.
_HOLE, _LARGE_HOLE = 32, 512


@dataclass(frozen=True)
class JpegHeader(Header):
    """The header of a JPEG.

    Attributes
    ----------
    first_scan : int
        Offset in bytes of the first scan's marker.
    one_scan : bool
        Whether the first scan contains all pixels.
    restarts : bool
        Whether the scans have restart markers.
    """

    first_scan: int = 0
    one_scan: bool = True
    restarts: bool = False


class _Segment(NamedTuple):
    """Offsets of a segment: of its marker, and of the first and last bytes of its payload."""

    marker: int
    begin: int
    start: int
    end: int


def read_header(data: bytes) -> JpegHeader:
    """Read a JPEG up to its first scan.

    Raises
    ------
    BrokenHeader
    """
    frame, orientation, sequential, restarts = None, None, True, False
    for marker, begin, start, end in islice(_segments(data), _MAX_SEGMENTS):
        if marker == _SCAN:
            if frame is None:
                break
            height, width, channels = frame
            one_scan = sequential and data[start : start + 1] == bytes((channels,))
            return JpegHeader(width, height, channels, orientation or 1, begin, one_scan, restarts)
        if marker in _FRAMES and frame is None:
            frame = struct.unpack_from(">HHB", data[start:end].ljust(6), 1)
            sequential = marker in _SEQUENTIAL
        elif marker == _RESTART_INTERVAL:
            restarts = data[start:end] > b"\0\0"
        elif marker == _APP1 and orientation is None and data.startswith(b"Exif\0\0", start):
            # A long block continues in other segments; its directory is in the first.
            orientation = read_orientation(data[start:end])
    raise BrokenHeader(f"the JPEG has no image data within {_MAX_SEGMENTS:,} segments")


def read_profile(data: bytes) -> bytes:
    """Return the ICC profile of a JPEG whose header can be read; empty if it has none.

    Its parts are numbered, and may be out of order. Source: ICC.1:2022, B.4.
    """
    before = takewhile(lambda segment: segment.marker != _SCAN, _segments(data))
    parts = [
        data[start + len(_ICC) : end]
        for marker, _, start, end in before
        if marker == _APP2 and data.startswith(_ICC, start)
    ]
    return b"".join(part[2:] for part in sorted(parts))


def rebuild(data: bytes, header: JpegHeader, pixels: bytes) -> bytes:
    """Return a JPEG of its first segments without metadata and comments, and of scan data.

    Its colors stay the same.

    Parameters
    ----------
    data : bytes
        The file.
    header : JpegHeader
    pixels : bytes
        What follows the segments: the first scan, and whatever else the new file should have.
    """
    segments = takewhile(lambda segment: segment.begin < header.first_scan, _segments(data))
    kept = [_kept(data, segment) for segment in segments]
    return b"".join((data[:2], *kept, pixels))


def _kept(data: bytes, segment: _Segment) -> bytes:
    if segment.marker == _APP0 and data.startswith(b"JFIF\0", segment.start):
        return _JFIF  # it declares the colors as YCbCr
    return b"" if segment.marker in _METADATA else data[segment.begin : segment.end]


@dataclass(frozen=True)
class Scans:
    """The scans of a JPEG.

    Attributes
    ----------
    end : int
        Offset of the first byte that cannot belong to the pixels: the end marker, the marker of
        anything else that follows, or the end of the file.
    ended : bool
        Whether the end marker follows.
    complete : bool
        Whether there is a scan for each bit of each coefficient.
    """

    end: int
    ended: bool
    complete: bool


def find_scans(data: bytes, header: JpegHeader) -> Scans:
    """Find the scans of a JPEG."""
    at, marker, covered = header.first_scan, _SCAN, set[tuple[int, int]]()
    while marker not in _AFTER_PIXELS:
        try:
            segment = _segment(data, at, len(data))
        except BrokenHeader:
            break
        if marker == _SCAN:
            coefficients = _scan_coefficients(data[segment.start : segment.end])
            if coefficients is None:
                break  # bytes that only look like a scan
            covered |= coefficients
        found = _MARKER.match(data, segment.end)
        at, marker = (len(data), _END) if found is None else (found.start(1) - 1, found[1][0])
        if header.one_scan:
            break
    complete = header.one_scan or len(covered) == _COEFFICIENTS * header.channels
    return Scans(at, data.startswith(END_MARKER, at), complete)


def _scan_coefficients(payload: bytes) -> set[tuple[int, int]] | None:
    """Return the component and index of each coefficient that a scan completes.

    None if it is not the header of a scan. Source: T.81, B.2.3.
    """
    count = payload[0] if payload else 0
    if not 1 <= count <= 4 or len(payload) != 4 + 2 * count:
        return None
    first, last, bits = payload[-3:]
    if bits & 15:  # the low bits follow in another scan
        return set()
    components = payload[1:-3:2]
    return {(each, index) for each in components for index in range(first, min(last, 63) + 1)}


def find_damage(data: bytes, header: JpegHeader, scans: Scans) -> int:
    """Return the offset of a hole or of an unexpected restart marker in the scans, or -1.

    Source: T.81, E.1.4: restart markers count from 0 to 7, again and again.
    """
    # A file without an end may still be whole up to there, and have zeros where it is flat.
    hole = bytes(_HOLE if scans.ended else _LARGE_HOLE)
    at = data.find(hole, header.first_scan, scans.end)
    if at >= 0 or not header.one_scan:
        return at
    for count, found in enumerate(_RESTART.finditer(data, header.first_scan, scans.end)):
        if not header.restarts or found[1][0] != 0xD0 + count % 8:
            return found.start() - 2  # the last bytes of the rows before it
    return -1


def check_scans(data: bytes, first_scan: int) -> None:
    """Check that a JPEG has no more scans than encoders write.

    Raises
    ------
    BrokenHeader
    """
    if data.count(b"\xff\xda", first_scan) <= _MAX_SCANS:
        return
    # Bytes after the end marker may look like scans, so walk the segments.
    scans, at = 0, first_scan
    while (found := _MARKER.match(data, at)) and data[found.start(1)] != _END:
        marker, _, _, at = _segment(data, at, len(data))
        scans += marker == _SCAN
        if scans > _MAX_SCANS:
            raise BrokenHeader(f"the JPEG has more than {_MAX_SCANS} scans")


def _segments(data: bytes) -> Iterator[_Segment]:
    at = 2
    while True:
        segment = _segment(data, at)
        yield segment
        at = segment.end


def _segment(data: bytes, at: int, padding: int = _MAX_PADDING) -> _Segment:
    found = _MARKER.match(data, at, at + padding)
    if found is None:
        raise BrokenHeader("a JPEG segment has no marker")
    marker, start = data[found.start(1)], found.end()
    if marker == _TEM:  # has no length
        return _Segment(marker, start - 2, start, start)
    # The length includes its own two bytes; decoders read 0 and 1, which some tools write, as 2.
    length = max(2, int.from_bytes(data[start : start + 2], "big"))
    if start + length > len(data):
        raise BrokenHeader("a JPEG segment is cut off")
    return _Segment(marker, start - 2, start + 2, start + length)
