"""Strip PNG files of chunks that decoding does not need.

Source: ISO/IEC 15948, 5.3 and 5.4.
"""

from __future__ import annotations

import zlib
from contextlib import suppress

from carlens.images.header import BrokenHeader
from carlens.images.tiff import read_orientation

# Encoders split the pixels into chunks of 8 kB or more: 20 MB make 2,500.
_MAX_CHUNKS = 50_000


def strip_metadata(data: bytes) -> tuple[bytes, int]:
    """Return a PNG with only the chunks that its pixels need, and its EXIF orientation, 1..8.

    Pillow decompresses each text and color profile, and refuses an image with a large one.

    Raises
    ------
    BrokenHeader
    """
    view = memoryview(data)
    kept, orientation = [view[:8]], None
    at = 8
    for _ in range(_MAX_CHUNKS):
        kind = data[at + 4 : at + 8]
        end = at + 12 + int.from_bytes(data[at : at + 4], "big")
        if kind[:1].isupper() or kind == b"tRNS":  # critical chunks are uppercase
            kept.append(view[at:end])
        elif kind == b"eXIf" and orientation is None:
            orientation = read_orientation(data[at + 8 : end - 4])
        if end >= len(data) or kind == b"IEND":
            return b"".join(kept), orientation or 1
        at = end
    raise BrokenHeader(f"the PNG has more than {_MAX_CHUNKS:,} chunks")


def read_profile(data: bytes, max_bytes: int) -> bytes:
    """Return the ICC profile of a PNG that can be decoded; empty if it has none.

    Parameters
    ----------
    data : bytes
        The file.
    max_bytes : int
        The most bytes that are decompressed; a larger profile is cut.
    """
    at = 8
    # It precedes the pixels.
    while (kind := data[at + 4 : at + 8]) not in (b"IDAT", b""):
        end = at + 12 + int.from_bytes(data[at : at + 4], "big")
        if kind == b"iCCP":
            compressed = data[at + 8 : end - 4].partition(b"\0")[2][1:]
            with suppress(zlib.error):
                return zlib.decompressobj().decompress(compressed, max_bytes)
        at = end
    return b""


def bit_depth(data: bytes) -> int:
    """Return the bits of each sample of a PNG."""
    return data[24]
