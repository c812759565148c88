"""GIF files are stripped of blocks that the first frame does not need."""

from __future__ import annotations

import pytest

from carlens.images import gif
from carlens.images.header import BrokenHeader

FRAME = b",\0\0\0\0\4\0\4\0\0\2\2D\1\0;"
COMMENT = b"!\xfe\3abc\2de\0"
LOOP = b"!\xff\x0bNETSCAPE2.0\3\1\0\0\0"


def screen(flags: int, palette: bytes = b"") -> bytes:
    """Build what precedes the blocks of a GIF."""
    return b"GIF89a\4\0\4\0" + bytes((flags, 0, 0)) + palette


def control(flags: int, color: int) -> bytes:
    """Build a graphic control extension."""
    return bytes((0x21, 0xF9, 4, flags, 5, 0, color, 0))


@pytest.mark.parametrize("between", [b"", COMMENT, LOOP, COMMENT + b"\0\0" + LOOP, b"!\x01\0"])
@pytest.mark.parametrize(
    "head",
    [
        screen(0),
        screen(0x77),  # the size of a palette that is not there
        screen(0x80, b",!;" * 2),
        screen(0x82, b",!;" * 8),
        screen(0xF7, b",!;" * 256),
    ],
)
def test_extensions_before_the_first_frame_are_stripped(head: bytes, between: bytes) -> None:
    assert gif.strip_extensions(head + between + FRAME) == head + FRAME


def test_data_after_the_first_frame_is_kept() -> None:
    data = screen(0) + FRAME + COMMENT + FRAME

    assert gif.strip_extensions(data) == data


@pytest.mark.parametrize(("flags", "kept"), [(0, 0), (1, 1), (0x1D, 1), (0x1C, 0)])
def test_only_the_transparent_color_of_a_graphic_control_is_kept(flags: int, kept: int) -> None:
    expected = screen(0) + bytes((0x21, 0xF9, 4, kept, 0, 0, 9, 0)) + FRAME

    assert gif.strip_extensions(screen(0) + control(flags, 9) + COMMENT + FRAME) == expected


def test_the_last_graphic_control_is_used() -> None:
    data = screen(0) + control(1, 7) + control(1, 9) + FRAME

    assert gif.strip_extensions(data) == screen(0) + bytes((0x21, 0xF9, 4, 1, 0, 0, 9, 0)) + FRAME


@pytest.mark.parametrize("extension", [b"!\xf9\5\1\0\0\7\0\0", b"!\xf8\4\1\0\0\7\0"])
def test_other_extensions_give_no_transparent_color(extension: bytes) -> None:
    assert gif.strip_extensions(screen(0) + extension + FRAME) == screen(0) + FRAME


def test_a_gif_may_have_10_000_blocks() -> None:
    found = gif.strip_extensions(screen(0) + b"!\xff\0" * 9999 + FRAME)

    assert found == screen(0) + FRAME
    with pytest.raises(BrokenHeader, match="no frame within 10,000 blocks"):
        gif.strip_extensions(screen(0) + b"!\xff\0" * 10_000 + FRAME)


@pytest.mark.parametrize(
    "data", [b"GIF89a", screen(0), screen(0x87), screen(0) + b"!", screen(0) + COMMENT[:-1]]
)
def test_a_gif_that_ends_before_its_first_frame_is_refused(data: bytes) -> None:
    with pytest.raises(BrokenHeader, match="ends before its first frame"):
        gif.strip_extensions(data)


def test_a_gif_with_an_unknown_block_is_refused() -> None:
    with pytest.raises(BrokenHeader, match="unknown block"):
        gif.strip_extensions(screen(0) + b"?" + FRAME)
