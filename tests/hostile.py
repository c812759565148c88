"""Hostile images: small files crafted to take much memory or time."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from tests.support import color_blocks, encode

BLOCKS = color_blocks()
JPEG = encode(BLOCKS, "JPEG", quality=90)
TIFF_TYPES = {"byte": (1, 1), "short": (3, 2), "long": (4, 4)}


@dataclass(frozen=True)
class PngType:
    """How a PNG stores its pixels.

    Attributes
    ----------
    depth : int
        Bits for each channel.
    color : int
        Color type: 0 gray, 2 RGB, 3 palette, 4 gray with alpha, 6 RGBA.
    interlaced : bool
    """

    depth: int = 8
    color: int = 2
    interlaced: bool = False

    def bits_per_pixel(self) -> int:
        """Return the bits of all channels of a pixel."""
        return self.depth * {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[self.color]


_RGB = PngType()


def png_chunk(kind: bytes, data: bytes) -> bytes:
    """Build a chunk with its length and checksum."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(
    width: int,
    height: int,
    kind: PngType = _RGB,
    *,
    before: bytes = b"",
    rows: bytes | None = None,
) -> bytes:
    """Build a PNG, black unless `rows` are given, with the chunks `before` its pixels."""
    if rows is None:
        size = (width * kind.bits_per_pixel() + 7) // 8 + 1
        # An interlaced image has more filter bytes; decoders ignore the surplus.
        squeeze = zlib.compressobj(1)
        row = bytes(size)
        packed = b"".join(
            squeeze.compress(row) for _ in range(2 * height if kind.interlaced else height)
        )
        packed += squeeze.flush()
    else:
        packed = zlib.compress(rows)
    header = struct.pack(
        ">IIBBBBB", width, height, kind.depth, kind.color, 0, 0, int(kind.interlaced)
    )
    return (
        b"\x89PNG\r\n\x1a\n"
        + png_chunk(b"IHDR", header)
        + (png_chunk(b"PLTE", bytes(768)) if kind.color == 3 else b"")
        + before
        + png_chunk(b"IDAT", packed)
        + png_chunk(b"IEND", b"")
    )


def jpeg_segment(marker: int, data: bytes) -> bytes:
    """Build a segment with its marker and length."""
    return struct.pack(">BBH", 0xFF, marker, len(data) + 2) + data


def jpeg_with(segments: bytes, jpeg: bytes = JPEG) -> bytes:
    """Insert segments before all others."""
    return jpeg[:2] + segments + jpeg[2:]


def jpeg_with_scans(width: int, height: int, scans: int) -> bytes:
    """Build a progressive JPEG that repeats its last scan."""
    pixels = np.zeros((height, width, 3), np.uint8)
    data = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_PROGRESSIVE, 1])[1].tobytes()
    last = data.rfind(b"\xff\xda")
    return data[:-2] + data[last:-2] * (scans - data.count(b"\xff\xda")) + data[-2:]


def tiff(tags: Sequence[tuple[int, str, int, int]], rest: bytes = b"", size: int = 0) -> bytes:
    """Build a little-endian TIFF with one directory.

    Parameters
    ----------
    tags : sequence of (tag, type, count, value or offset)
    rest : bytes
        Follows the directory.
    size : int
        Pad with zeros to this size.
    """
    entries = b"".join(
        struct.pack("<HHII", tag, TIFF_TYPES[kind][0], count, value)
        for tag, kind, count, value in sorted(tags)
    )
    data = struct.pack("<2sHIH", b"II", 42, 8, len(tags)) + entries + bytes(4) + rest
    return data + bytes(max(0, size - len(data)))


def tiff_tags(width: int, height: int) -> list[tuple[int, str, int, int]]:
    """Return the tags of an uncompressed gray image, except its strips."""
    return [
        (256, "long", 1, width), (257, "long", 1, height), (258, "short", 1, 8),
        (259, "short", 1, 1), (262, "short", 1, 1), (277, "short", 1, 1),
    ]  # fmt: skip


def gif_with(extension: bytes) -> bytes:
    """Insert an extension before the first frame of a GIF."""
    data = encode(np.zeros((4, 4), np.uint8), "GIF")
    at = data.index(b",", 13 + 3 * 2 ** ((data[10] & 7) + 1))
    return data[:at] + extension + data[at:]


def bmp_of_runs(width: int, height: int, runs: bytes) -> bytes:
    """Build an 8-bit BMP with 256 grays from run-length (RLE8) data, bottom row first."""
    grays = b"".join(bytes((gray, gray, gray, 0)) for gray in range(256))
    head = struct.pack("<2sIII", b"BM", 1078 + len(runs), 0, 1078)
    info = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 8, 1, len(runs), 0, 0, 256, 0)
    return head + info + grays + runs


def exif(tags: Sequence[tuple[int, str, int, int]], size: int = 0) -> bytes:
    """Build an EXIF block: a TIFF after a six-byte prefix."""
    return b"Exif\0\0" + tiff(tags, size=size)
