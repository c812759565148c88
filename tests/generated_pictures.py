"""Small pictures of every format, depth, mode and oddity, made from a seed."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tests.hostile import png_chunk
from tests.support import encode

_Array = NDArray[Any]


@dataclass(frozen=True)
class Generated:
    """A picture file.

    Attributes
    ----------
    group : str
        What is special about it, such as "png gray 2 transparent".
    data : bytes
    lossy : bool
        Whether decoders may round differently.
    """

    group: str
    data: bytes
    lossy: bool = False


def generate(seed: int, count: int) -> Iterator[Generated]:
    """Yield pictures of all makers in turn."""
    chance = np.random.default_rng(seed)
    for index in range(count):
        yield _MAKERS[index % len(_MAKERS)](chance)


def _size(chance: np.random.Generator) -> tuple[int, int]:
    return int(chance.integers(1, 34)), int(chance.integers(1, 26))


def _pick(chance: np.random.Generator, *options: Any) -> Any:
    return options[int(chance.integers(len(options)))]


def _noise(chance: np.random.Generator, mode: str, smooth: bool = False) -> Image.Image:
    width, height = _size(chance)
    bands = Image.getmodebands(mode)
    if smooth:
        small = chance.integers(0, 256, (3, 4, bands), np.uint8).squeeze()
        return Image.fromarray(small, mode).resize((width, height), Image.Resampling.BILINEAR)
    shape = (height, width) if bands == 1 else (height, width, bands)
    return Image.fromarray(chance.integers(0, 256, shape, np.uint8), mode)


# PNG

_SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
_COLORS = {0: "gray", 2: "rgb", 3: "palette", 4: "gray alpha", 6: "rgba"}
_PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))  # fmt: skip


def _png(chance: np.random.Generator) -> Generated:
    color = _pick(chance, 0, 0, 2, 3, 4, 6)
    depth = _pick(chance, *_DEPTHS[color])
    width, height = _size(chance)
    # Few values, so that a transparent color occurs.
    values = chance.integers(0, 1 << depth, (6, _SAMPLES[color]))
    samples = values[chance.integers(0, 6, (height, width))]
    interlaced = bool(chance.integers(2))
    before = b""
    transparent = color in (0, 2, 3) and bool(chance.integers(2))
    if color == 3:
        before = png_chunk(b"PLTE", chance.bytes(3 << depth))
        if transparent:
            before += png_chunk(b"tRNS", chance.bytes(int(chance.integers(1, (1 << depth) + 1))))
    elif transparent:
        before = png_chunk(b"tRNS", values[0].astype(">u2").tobytes())
    rows = b"".join(_filtered(part, depth, chance) for part in _parts(samples, interlaced))
    head = struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, interlaced)
    data = (
        b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", head) + before
        + png_chunk(b"IDAT", zlib.compress(rows)) + _pick(chance, png_chunk(b"IEND", b""), b"", b"\0\0\0\0IEND")
    )  # fmt: skip
    return Generated(f"png {_COLORS[color]} {depth}" + " transparent" * transparent, data)


def _parts(samples: _Array, interlaced: bool) -> Iterator[_Array]:
    if not interlaced:
        yield samples
        return
    for left, top, across, down in _PASSES:
        part = samples[top::down, left::across]
        if part.size:
            yield part


def _filtered(samples: _Array, depth: int, chance: np.random.Generator) -> bytes:
    """Pack the samples of each row, with no filter or that of the row above."""
    height = samples.shape[0]
    flat = samples.reshape(height, -1)
    if depth == 16:
        rows = flat.astype(">u2").view(np.uint8)
    else:
        bits = (flat[..., None] >> np.arange(depth - 1, -1, -1)) & 1
        rows = np.packbits(bits.reshape(height, -1).astype(np.uint8), axis=1)
    above = np.vstack([np.zeros_like(rows[:1]), rows[:-1]])
    up = chance.integers(0, 2, (height, 1)).astype(np.uint8)
    return np.hstack([up * 2, rows - up * above]).astype(np.uint8).tobytes()


# BMP


def _bmp(chance: np.random.Generator) -> Generated:
    width, height = _size(chance)
    size = _pick(chance, 12, 40, 40, 52, 56, 64, 108, 124)
    bits = _pick(chance, 1, 4, 8, 24) if size == 12 else _pick(chance, 1, 2, 4, 8, 16, 24, 32)
    down = size != 12 and bool(chance.integers(4) == 0)
    palette = chance.bytes((3 if size == 12 else 4) << bits) if bits <= 8 else b""
    used = (width * bits + 7) // 8
    rows = chance.integers(0, 256, (height, used), np.uint8)
    pixels = np.pad(rows, ((0, 0), (0, -used % 4))).tobytes()
    group = f"bmp {bits}"
    masks, compression = b"", 0
    if bits in (16, 32) and size not in (12, 64) and chance.integers(2):
        compression = 3
        masks, kind = _masks(bits, size, chance)
        group += kind
    if size == 12:
        info = struct.pack("<IHHHH", 12, width, height, 1, bits)
    else:
        info = struct.pack(
            "<IiiHHIIiiII", 40, width, -height if down else height, 1, bits, compression, len(pixels), 0, 0, 0, 0
        )  # fmt: skip
        info = struct.pack("<I", size) + info[4:]
        info = (info + masks).ljust(size if size > 40 else 40 + len(masks), b"\0")
    start = 14 + len(info) + len(palette)
    data = struct.pack("<2sIII", b"BM", start + len(pixels), 0, start) + info + palette + pixels
    return Generated(group, data)


def _masks(bits: int, size: int, chance: np.random.Generator) -> tuple[bytes, str]:
    layouts: list[tuple[int, ...]] = (
        [(0xF800, 0x7E0, 0x1F), (0x7C00, 0x3E0, 0x1F), (0xF00, 0xF0, 0xF), (0x1F, 0x7E0, 0xF800)]
        if bits == 16
        else [(0xFF0000, 0xFF00, 0xFF), (0xFF, 0xFF00, 0xFF0000), (0xFF000000, 0xFF0000, 0xFF00),
              (0x3FF00000, 0xFFC00, 0x3FF)]
    )  # fmt: skip
    chosen = _pick(chance, *layouts)
    alpha = 0
    if size >= 56 and bits == 32 and chosen[0] < 0x1000000 and chance.integers(2):
        alpha = 0xFF000000
    packed = struct.pack("<3I", *chosen)
    if size >= 56:
        packed += struct.pack("<I", alpha)
    usual = chosen in ((0xF800, 0x7E0, 0x1F), (0x7C00, 0x3E0, 0x1F), (0xFF0000, 0xFF00, 0xFF))
    return packed, " alpha mask" if alpha else " masks" if usual else " unusual masks"


def _run_length(chance: np.random.Generator) -> Generated:
    bits = _pick(chance, 4, 8)
    width, height = _size(chance)
    odd = bool(chance.integers(2))
    palette = chance.bytes(4 << bits)
    rows = b"".join(_row_of_runs(width, bits, odd, chance) + b"\0\0" for _ in range(height))
    runs = rows + b"\0\1"
    start = 54 + len(palette)
    head = struct.pack("<2sIII", b"BM", start + len(runs), 0, start)
    kind = 1 if bits == 8 else 2
    info = struct.pack(
        "<IiiHHIIiiII", 40, width, height, 1, bits, kind, len(runs), 0, 0, 1 << bits, 0
    )
    return Generated(f"bmp rle{bits}" + " odd" * odd, head + info + palette + runs)


def _row_of_runs(width: int, bits: int, odd: bool, chance: np.random.Generator) -> bytes:
    """Return the codes of one row; odd rows may be short or too long, and have jumps."""
    codes, left = b"", width
    while left > 0:
        how = int(chance.integers(4 if odd else 2))
        if how == 0 and left >= 3:
            count = int(chance.integers(3, min(left, 20) + 1 + 3 * odd))
            stored = chance.bytes((count * bits + 7) // 8)
            codes += bytes((0, count)) + stored + bytes(len(stored) % 2)
        elif how == 2:
            count = int(chance.integers(1, left + 1))
            codes += bytes((0, 2, count, 0))
        elif how == 3 and chance.integers(3) == 0:
            break
        else:
            count = int(chance.integers(1, left + 1 + 3 * odd))
            codes += bytes((count,)) + chance.bytes(1)
        left -= count
    return codes


# Formats that Pillow writes


def _jpeg(chance: np.random.Generator) -> Generated:
    mode = _pick(chance, "RGB", "RGB", "L", "CMYK")
    options = {
        "quality": int(chance.integers(20, 100)),
        "progressive": bool(chance.integers(2)),
        "optimize": bool(chance.integers(2)),
        "subsampling": _pick(chance, "4:4:4", "4:2:2", "4:2:0"),
        "restart_marker_blocks": int(_pick(chance, 0, 0, 1, 3)),
    }
    data = encode(_noise(chance, mode, smooth=True), "JPEG", **options)
    tail = _pick(chance, b"", b"", b"trailer", b"\0\0\1\x0eImage_UTC\xff\xe0\0SEFT")
    group = f"jpeg {mode.lower()}"
    if chance.integers(3) == 0:
        data, group = data[:-2], group + " without end"
    return Generated(group, data + tail, lossy=True)


def _webp(chance: np.random.Generator) -> Generated:
    mode = _pick(chance, "RGB", "RGBA")
    lossless = bool(chance.integers(2))
    image = _noise(chance, mode)
    data = encode(image, "WEBP", lossless=lossless, quality=80, exact=True)
    return Generated(f"webp {mode.lower()}" + " lossless" * lossless, data, lossy=not lossless)


def _avif(chance: np.random.Generator) -> Generated:
    mode = _pick(chance, "RGB", "RGBA", "L")
    options = {
        "subsampling": "4:0:0" if mode == "L" else _pick(chance, "4:4:4", "4:2:0"),
        "range": _pick(chance, "full", "limited"),
    }
    image = _noise(chance, mode, smooth=True)
    return Generated(f"avif {mode.lower()}", encode(image, "AVIF", speed=10, **options), lossy=True)


def _gif(chance: np.random.Generator) -> Generated:
    colors = int(_pick(chance, 2, 4, 16, 200))
    width, height = _size(chance)
    indices = chance.integers(0, colors, (height, width), np.uint8)
    image = Image.fromarray(indices, "P")
    image.putpalette(chance.bytes(3 * colors))
    options: dict[str, Any] = {"interlace": int(chance.integers(2)), "optimize": False}
    transparent = bool(chance.integers(2))
    if transparent:
        options["transparency"] = 0
    data = encode(image, "GIF", **options)
    small = bool(chance.integers(3) == 0)
    if small:  # on a larger screen, at an offset
        at = data.index(b"\x2c" + struct.pack("<4H", 0, 0, width, height))
        left, top = int(chance.integers(5)), int(chance.integers(5))
        data = (
            data[:6] + struct.pack("<2H", width + left + 3, height + top + 2) + data[10:at + 1]
            + struct.pack("<2H", left, top) + data[at + 5:]
        )  # fmt: skip
    return Generated("gif" + " transparent" * transparent + " small frame" * small, data)


_TIFF_MODES = ("1", "L", "P", "RGB", "RGBA", "CMYK", "LA", "I;16")


def _tiff(chance: np.random.Generator) -> Generated:
    mode = _pick(chance, *_TIFF_MODES)
    if mode == "I;16":
        width, height = _size(chance)
        image = Image.fromarray(chance.integers(0, 1 << 16, (height, width), np.uint16))
    elif mode in ("1", "P"):
        image = _noise(chance, "L").convert(mode)
    else:
        image = _noise(chance, mode)
    compression = _pick(chance, "raw", "tiff_lzw", "tiff_adobe_deflate", "packbits")
    data = encode(image, "TIFF", compression=compression)
    return Generated(f"tiff {mode.lower()}", data)


_MAKERS: tuple[Callable[[np.random.Generator], Generated], ...] = (
    _png, _bmp, _run_length, _jpeg, _png, _gif, _webp, _tiff, _png, _bmp,
)  # fmt: skip


def generate_avif(seed: int, count: int) -> Iterator[Generated]:
    """Yield AVIF files, which take longer to make than the others."""
    chance = np.random.default_rng(seed)
    for _ in range(count):
        yield _avif(chance)
