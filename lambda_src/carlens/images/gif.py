"""Strip GIF files of blocks that the first frame does not need, and locate that frame.

Source: Graphics Interchange Format, version 89a.
"""

from __future__ import annotations

import struct

from carlens.images.header import BrokenHeader

_MAX_BLOCKS = 10_000

_EXTENSION, _FRAME, _TERMINATOR = 0x21, 0x2C, 0x00
_GRAPHIC_CONTROL, _GRAPHIC_CONTROL_SIZE = 0xF9, 4
_TRANSPARENT = 0x01


def strip_extensions(data: bytes) -> bytes:
    """Return a GIF without the extensions before its first frame, except its transparent color.

    Pillow reads every comment before the frame, and for some disposal methods allocates an image
    of whatever size the frame declares.

    Raises
    ------
    BrokenHeader
    """
    try:
        start = at = _palette_end(data)
        control = b""
        for _ in range(_MAX_BLOCKS):
            kind = data[at]
            if kind == _FRAME:
                return data[:start] + control + data[at:]
            if kind == _EXTENSION:
                control = _transparency(data, at) or control
                at = _extension_end(data, at)
            elif kind == _TERMINATOR:  # some encoders write one too many
                at += 1
            else:
                raise BrokenHeader("the GIF has an unknown block")
    except IndexError as error:
        raise BrokenHeader("the GIF ends before its first frame") from error
    raise BrokenHeader(f"the GIF has no frame within {_MAX_BLOCKS:,} blocks")


def frame_box(stripped: bytes) -> tuple[slice, slice]:
    """Return the rows and columns of the first frame of a GIF without extensions."""
    at = _palette_end(stripped)
    if stripped[at] == _EXTENSION:
        at = _extension_end(stripped, at)
    left, top, width, height = struct.unpack_from("<4H", stripped, at + 1)
    return slice(top, top + height), slice(left, left + width)


def _palette_end(data: bytes) -> int:
    flags = data[10]
    colors = 2 << (flags & 7) if flags & 0x80 else 0
    return 13 + 3 * colors


def _transparency(data: bytes, at: int) -> bytes:
    """Return a graphic control extension with nothing but its transparent color."""
    if data[at + 1] != _GRAPHIC_CONTROL or data[at + 2] != _GRAPHIC_CONTROL_SIZE:
        return b""
    flags, color = data[at + 3], data[at + 6]
    return bytes(
        (_EXTENSION, _GRAPHIC_CONTROL, _GRAPHIC_CONTROL_SIZE, flags & _TRANSPARENT, 0, 0, color, 0)
    )


def _extension_end(data: bytes, at: int) -> int:
    at += 2
    while size := data[at]:
        at += 1 + size
    return at + 1
