"""JPEG headers, read and cleaned without decoding.

Pillow's reader can take minutes and gigabytes for a crafted header.

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
_TEM, _END, _SCAN = 0x01, 0xD9, 0xDA
_APP1, _APP14, _COMMENT = 0xE1, 0xEE, 0xFE
# Adobe's APP14 stays: it declares the color transform.
_METADATA = {*range(0xE0, 0xF0), _COMMENT} - {_APP14}


@dataclass(frozen=True)
class JpegHeader(Header):
    """The header of a JPEG.

    Attributes
    ----------
    first_scan : int
        Offset in bytes of the first scan's marker.
    """

    first_scan: int = 0


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
    frame, orientation = None, None
    for marker, begin, start, end in islice(_segments(data), _MAX_SEGMENTS):
        if marker == _SCAN:
            if frame is None:
                break
            height, width, channels = frame
            return JpegHeader(width, height, channels, orientation or 1, begin)
        if marker in _FRAMES and frame is None:
            frame = struct.unpack_from(">HHB", data[start:end].ljust(6), 1)
        elif marker == _APP1 and orientation is None and data.startswith(b"Exif\0\0", start):
            # A long block continues in other segments; its directory is in the first.
            orientation = read_orientation(data[start:end])
    raise BrokenHeader(f"the JPEG has no image data within {_MAX_SEGMENTS:,} segments")


def strip_metadata(data: bytes, first_scan: int) -> bytes:
    """Return a JPEG without its metadata and comments; its colors stay the same."""
    segments = takewhile(lambda segment: segment.begin < first_scan, _segments(data))
    kept = [data[s.begin : s.end] for s in segments if s.marker not in _METADATA]
    return b"".join((data[:2], *kept, data[first_scan:]))


def has_end_marker(data: bytes, first_scan: int) -> bool:
    """Return whether an end-of-image marker follows the first scan."""
    return data.rfind(b"\xff\xd9", first_scan) > 0


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
    length = int.from_bytes(data[start : start + 2], "big")
    if length < 2 or start + length > len(data):
        raise BrokenHeader("a JPEG segment is cut off")
    return _Segment(marker, start - 2, start + 2, start + length)
