"""WebP headers, read without decoding.

Source: RFC 9649.
"""

from __future__ import annotations

import struct

from carlens.images.header import BrokenHeader, Header
from carlens.images.tiff import read_orientation

_MAX_CHUNKS = 1000  # real files have fewer than ten, animations one for each frame


def read_header(data: bytes) -> Header:
    """Read the first chunk of a WebP and its EXIF orientation.

    Raises
    ------
    BrokenHeader
    """
    kind, head = data[12:16], data[20:30].ljust(10, b"\0")
    if kind == b"VP8X":
        width, height = (int.from_bytes(head[i : i + 3], "little") + 1 for i in (4, 7))
        return Header(width, height, 4 if head[0] & 0x10 else 3, _read_orientation(data))
    if kind == b"VP8L":
        bits = int.from_bytes(head[1:5], "little")
        alpha = bits >> 28 & 1
        return Header((bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1, 3 + alpha)
    if kind == b"VP8 ":
        width, height = struct.unpack_from("<HH", head, 6)
        return Header(width & 0x3FFF, height & 0x3FFF, 3)
    raise BrokenHeader("the first chunk of the WebP is not an image")


def read_profile(data: bytes) -> bytes:
    """Return the ICC profile of a WebP; empty if it has none."""
    return _chunk(data, b"ICCP")


def _read_orientation(data: bytes) -> int:
    block = _chunk(data, b"EXIF")
    return read_orientation(block) if block else 1


def _chunk(data: bytes, wanted: bytes) -> bytes:
    """Return the first chunk of a kind; empty if there is none."""
    at = 12
    for _ in range(_MAX_CHUNKS):
        kind, size = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "little")
        if kind == wanted:
            return data[at + 8 : at + 8 + size]
        at += 8 + size + size % 2
        if at >= len(data):
            break
    return b""
