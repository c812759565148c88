"""Read BMP files of Windows and OS/2, as browsers do.

Pillow reads few bit masks, and neither Pillow nor OpenCV reads all run-length encoded files.

Source: Microsoft, "Bitmap storage" and "Bitmap compression"; IBM, OS/2 2.0 bitmap file format.
"""

from __future__ import annotations

import struct
from array import array
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from carlens.errors import NotAnImage, UnsupportedImage
from carlens.images.header import BrokenHeader, Header
from carlens.images.types import Pixels, strips

_FILE_HEADER = 14
_OS2_1, _OS2_2, _WINDOWS = 12, 64, 40
_SIZES = frozenset({_OS2_1, 16, _WINDOWS, 52, 56, _OS2_2, 108, 124})

_RGB, _RLE8, _RLE4, _MASKS, _JPEG, _PNG, _ALPHA_MASKS = range(7)
_HUFFMAN, _RLE24 = 3, 4  # in OS/2 files, in place of _MASKS and _JPEG
_BITS: dict[int, frozenset[int]] = {
    _RGB: frozenset({1, 2, 4, 8, 16, 24, 32}),
    _RLE8: frozenset({8}),
    _RLE4: frozenset({4}),
    _MASKS: frozenset({16, 32}),
    _ALPHA_MASKS: frozenset({16, 32}),
}
# Of red, green, blue and alpha, for the bits of a pixel.
_DEFAULT_MASKS = {16: (0x7C00, 0x3E0, 0x1F, 0), 32: (0xFF0000, 0xFF00, 0xFF, 0)}

_Array = NDArray[Any]


@dataclass(frozen=True)
class BmpHeader(Header):
    """The header of a BMP.

    Attributes
    ----------
    bits : int
        For each pixel.
    run_length : bool
    top_down : bool
        Whether the first row in the file is the top row.
    masks : tuple of int
        Of red, green, blue and alpha; empty if pixels are colors of the palette or bytes.
    palette : bytes
        Blue, green and red of each color.
    start : int
        Offset in bytes of the pixels.
    """

    bits: int = 0
    run_length: bool = False
    top_down: bool = False
    masks: tuple[int, ...] = ()
    palette: bytes = b""
    start: int = 0


def open_bmp(data: bytes) -> tuple[BmpHeader, Callable[[], Pixels]]:
    """Read the header of a BMP; the callable decodes its pixels, transparent parts over white.

    Raises
    ------
    BrokenHeader, UnsupportedImage
        See `read_header`.
    """
    header = read_header(data)
    return header, partial(_decode_over_white, data, header)


def _decode_over_white(data: bytes, header: BmpHeader) -> Pixels:
    pixels = decode(data, header)
    if header.channels == 4:
        from carlens.images import pillow_decoder  # only transparent ones pay for its import

        return pillow_decoder.over_white(pixels)
    return pixels


def read_header(data: bytes) -> BmpHeader:
    """Read the header and the palette of a BMP.

    Raises
    ------
    BrokenHeader
    UnsupportedImage
        The pixels are of a kind that browsers do not show either.
    """
    try:
        return _read_header(data)
    except struct.error as error:
        raise BrokenHeader("the BMP header is cut off") from error


def _read_header(data: bytes) -> BmpHeader:
    start, size = struct.unpack_from("<II", data, 10)
    if size not in _SIZES:
        raise BrokenHeader("the BMP has an unknown header")
    compression, colors = _RGB, 0
    if size == _OS2_1:
        width, height, _, bits = struct.unpack_from("<HHHH", data, 18)
    else:
        width, height, _, bits = struct.unpack_from("<iiHH", data, 18)
    if size >= _WINDOWS:
        (compression,) = struct.unpack_from("<I", data, 30)
        (colors,) = struct.unpack_from("<I", data, 46)
    if width < 0:
        raise BrokenHeader("the BMP has a negative width")
    run_length = _check_kind(size, compression, bits)
    masks, behind = _read_masks(data, size, compression, bits)
    palette = b""
    if bits <= 8:
        entry = 3 if size == _OS2_1 else 4
        colors = min(colors or 1 << bits, 1 << bits)
        if start > behind:
            colors = min(colors, (start - behind) // entry)
        raw = data[behind : behind + colors * entry].ljust(colors * entry, b"\0")
        behind += len(raw)
        palette = b"".join(raw[at : at + 3] for at in range(0, len(raw), entry))
    return BmpHeader(
        width=width,
        height=abs(height),
        channels=1 if bits <= 8 else 4 if masks and masks[3] else 3,
        bits=bits,
        run_length=run_length,
        top_down=height < 0,
        masks=masks,
        palette=palette,
        start=start if start >= _FILE_HEADER + size else behind,
    )


def _check_kind(size: int, compression: int, bits: int) -> bool:
    """Return whether the pixels are run-length encoded; raise UnsupportedImage for unknown ones."""
    os2 = size == _OS2_2
    if os2 and compression == _RLE24 and bits == 24:
        return True
    if compression in (_JPEG, _PNG) and not os2:
        kind = "JPEG" if compression == _JPEG else "PNG"
        raise UnsupportedImage(f"A {kind} inside a BMP is not supported; send the {kind} itself.")
    if (os2 and compression in (_HUFFMAN, _RLE24)) or bits not in _BITS.get(compression, ()):
        raise UnsupportedImage(
            f"A BMP with {bits} bits a pixel and compression {compression} is not supported; "
            "save the image as PNG."
        )
    return compression in (_RLE8, _RLE4)


def _read_masks(data: bytes, size: int, compression: int, bits: int) -> tuple[tuple[int, ...], int]:
    """Return the masks, and the offset of the palette."""
    behind = _FILE_HEADER + size
    if bits not in _DEFAULT_MASKS:
        return (), behind
    masks = _DEFAULT_MASKS[bits]
    if compression != _RGB:
        count = 4 if size >= 56 or compression == _ALPHA_MASKS else 3
        masks = (*struct.unpack_from(f"<{count}I", data, 54), 0)[:4]
        if size == _WINDOWS:
            behind += 4 * count
    elif size >= 56 and size != _OS2_2 and bits == 32:
        masks = (*masks[:3], *struct.unpack_from("<I", data, 66))
    for mask in masks:
        ones = mask // (mask & -mask) if mask else 0
        if ones & (ones + 1):
            raise UnsupportedImage(
                "A BMP with gaps in its bit masks is not supported; save the image as PNG."
            )
    return masks, behind


def decode(data: bytes, header: BmpHeader) -> Pixels:
    """Decode a BMP.

    Returns
    -------
    uint8 array of shape (height, width, 3), or 4 if the header has an alpha mask
        RGB or RGBA.

    Raises
    ------
    NotAnImage
        The file ends before its last row.
    """
    if header.run_length:
        return _decode_runs(data, header)
    rows = _rows(data, header)
    if header.masks:
        return _decode_masks(rows, header)
    if header.bits == 24:
        return _from_bgr(rows[:, : 3 * header.width].reshape(header.height, -1, 3), header)
    return _look_up(_indices(rows, header), header)


def _rows(data: bytes, header: BmpHeader) -> _Array:
    """Return the bytes of each row, the top row first."""
    used, height = (header.width * header.bits + 7) // 8, header.height
    stride = (used + 3) // 4 * 4
    complete = (len(data) - header.start + stride - used) // stride
    if complete < height:
        raise _ends_at(max(0, complete), height)
    stored = np.frombuffer(data, np.uint8, offset=header.start)[: stride * height]
    if stored.size < stride * height:  # without the padding of the last row
        stored = np.append(stored, np.zeros(stride * height - stored.size, np.uint8))
    return _upright(stored.reshape(height, stride), header)


def _upright(rows: _Array, header: BmpHeader) -> _Array:
    return rows if header.top_down else rows[::-1]


def _ends_at(row: int, height: int) -> NotAnImage:
    return NotAnImage(f"The BMP ends at row {row + 1:,} of {height:,}; send the complete file.")


def _decode_masks(rows: _Array, header: BmpHeader) -> Pixels:
    unit = f"<u{header.bits // 8}"
    pixels = np.empty((header.height, header.width, header.channels), np.uint8)
    for strip in strips(header.height, header.width):
        values = np.ascontiguousarray(rows[strip]).view(unit)[:, : header.width]
        for channel in range(header.channels):
            pixels[strip, :, channel] = _channel(values, header.masks[channel])
    return pixels


def _channel(values: _Array, mask: int) -> _Array:
    """Return one channel of pixels, scaled to 8 bits."""
    if mask == 0:
        return np.zeros_like(values, np.uint8)
    shift = (mask & -mask).bit_length() - 1
    most = mask >> shift
    found: _Array = (values & values.dtype.type(mask)) >> values.dtype.type(shift)
    if most == 255:
        return found.astype(np.uint8)
    if most < 255:
        scale: _Array = ((np.arange(most + 1) * 255 + most // 2) // most).astype(np.uint8)
        return scale[found]
    found >>= values.dtype.type(most.bit_length() - 8)
    return found.astype(np.uint8)


def _from_bgr(bgr: _Array, header: BmpHeader) -> Pixels:
    pixels = np.empty((header.height, header.width, 3), np.uint8)
    for strip in strips(header.height, header.width):
        cv2.cvtColor(np.ascontiguousarray(bgr[strip]), cv2.COLOR_BGR2RGB, dst=pixels[strip])
    return pixels


def _indices(rows: _Array, header: BmpHeader) -> _Array:
    """Return the index of each pixel in the palette."""
    if header.bits == 8:
        return rows[:, : header.width]
    shifts = np.arange(8 - header.bits, -1, -header.bits, dtype=np.uint8)
    mask = np.uint8((1 << header.bits) - 1)
    used = -(-header.width * header.bits // 8)
    parts = (rows[:, :used, None] >> shifts) & mask
    return parts.reshape(header.height, -1)[:, : header.width]


def _look_up(indices: _Array, header: BmpHeader, written: _Array | None = None) -> Pixels:
    """Replace indices by the colors of the palette; others, and what is not written, are black."""
    table = np.zeros((256, 1, 3), np.uint8)
    bgr = np.frombuffer(header.palette, np.uint8).reshape(-1, 1, 3)
    table[: len(bgr)] = bgr[..., ::-1]
    pixels = np.empty((header.height, header.width, 3), np.uint8)
    for strip in strips(header.height, header.width):
        colors = cv2.applyColorMap(np.ascontiguousarray(indices[strip]), table)
        if written is not None:
            colors = cv2.copyTo(colors, np.ascontiguousarray(written[strip]))
        pixels[strip] = colors
    return pixels


@dataclass(frozen=True)
class _Runs:
    """Runs of pixels, in the order of the file.

    Attributes
    ----------
    start : int array of shape (runs,)
        The first pixel of each, counted from the first pixel of the first row.
    count : int array of shape (runs,)
        How many pixels; none is past the end of a row.
    literal : bool array of shape (runs,)
        Whether each pixel has its own value.
    at : int array of shape (runs,)
        Offset in bytes of the value or values.
    """

    start: _Array
    count: _Array
    literal: _Array
    at: _Array


def _decode_runs(data: bytes, header: BmpHeader) -> Pixels:
    """Decode run-length encoded pixels: runs are clipped at the end of a row, gaps are black."""
    stored = np.frombuffer(data, np.uint8)[header.start :]
    runs = _read_runs(stored, header)
    ends = runs.start + runs.count
    gaps = runs.start - np.append(0, ends)[:-1]
    counts = np.append(np.stack([gaps, runs.count], axis=1), header.width * header.height)
    counts[-1] -= ends[-1] if ends.size else 0

    def spread(values: _Array) -> _Array:
        """Repeat the value of each run for its pixels; gaps are 0."""
        spaced = np.zeros((counts.size, *values.shape[1:]), values.dtype)
        spaced[1:-1:2] = values
        return np.repeat(spaced, counts, axis=0)

    shape = header.height, header.width
    if header.bits == 24:
        literals, values = stored, spread(stored[runs.at[:, None] + np.arange(3)])
    elif header.bits == 8:
        literals, values = stored, spread(stored[runs.at])
    else:
        literals = np.stack([stored >> 4, stored & 15], axis=1).ravel()
        odd = np.resize(np.array([0, 1], np.uint8), header.width * header.height)
        odd ^= spread((runs.start & 1).astype(np.uint8))
        pair = stored[runs.at]
        values = np.where(odd, spread(pair & 15), spread(pair >> 4))
    _copy_literals(runs, literals, values, header.bits)
    if header.bits == 24:
        return _from_bgr(_upright(values.reshape(*shape, 3), header), header)
    written = None
    if counts[::2].any():
        written = _upright(spread(np.ones(ends.size, np.uint8)).reshape(shape), header)
    return _look_up(_upright(values.reshape(shape), header), header, written)


def _copy_literals(runs: _Runs, literals: _Array, values: _Array, bits: int) -> None:
    """Copy the pixels that have their own values to their places."""
    source, target = literals.data, values.reshape(-1).data
    values_in_byte, size = (2, 1) if bits == 4 else (1, bits // 8)
    which = runs.literal
    starts, counts = runs.start[which] * size, runs.count[which] * size
    offsets = runs.at[which] * values_in_byte
    for start, count, at in zip(starts.tolist(), counts.tolist(), offsets.tolist(), strict=True):
        target[start : start + count] = source[at : at + count]


def _read_runs(stored: _Array, header: BmpHeader) -> _Runs:
    """Read the codes of run-length encoded pixels.

    Raises
    ------
    NotAnImage
        The data ends before its end code and before the last row.
    """
    first, second = stored[: stored.size // 2 * 2].reshape(-1, 2).T
    words, complete = _find_codes(first, second, header.bits)
    code, value = first[words].astype(np.int64), second[words].astype(np.int64)
    literal = (code == 0) & (value > 2)
    row_end, jump = (code == 0) & (value == 0), (code == 0) & (value == 2)
    behind = np.minimum(words + 1, first.size - 1)
    across = np.where(jump, first[behind], np.where(literal, value, code))
    down = np.where(jump, second[behind], row_end).astype(np.int64)
    x_behind, y_behind = np.cumsum(across), np.cumsum(down)
    row_start = np.maximum.accumulate(np.where(row_end, x_behind, 0))
    row_start = np.append(0, row_start)[:-1]
    x, y = x_behind - across - row_start, y_behind - down
    shown = ((code > 0) | literal) & (x < header.width) & (y < header.height)
    start = (y * header.width + x)[shown]
    count = np.minimum(across, header.width - x)[shown]
    bottom = int(y_behind[-1]) if words.size else 0
    filled = start.size > 0 and start[-1] + count[-1] == header.width * header.height
    if not (complete or filled or bottom >= header.height):
        raise _ends_at(bottom, header.height)
    at = 2 * words + np.where(literal, 2, 1)
    return _Runs(start, count, literal[shown], at[shown])


def _find_codes(first: _Array, second: _Array, bits: int) -> tuple[_Array, bool]:
    """Return the offsets in words of the complete codes, and whether there is an end code."""
    size = first.size
    literal_words = 1 + ((second.astype(np.int64) * bits + 7) // 8 + 1) // 2
    words = np.where(second > 2, literal_words, np.where(second == 2, 2, 1))
    words = np.where(first > 0, 2 if bits == 24 else 1, words)
    words[(first == 0) & (second == 1)] = size + 1
    behind = (np.arange(size) + words).data
    codes, at = array("q"), 0
    while at < size:
        codes.append(at)
        at = behind[at]
    found = np.array(codes, np.int64)
    if at > size:  # after an end code, or a code that is cut off
        complete = bool(first[found[-1]] == 0 and second[found[-1]] == 1)
        return found[:-1], complete
    return found, False
