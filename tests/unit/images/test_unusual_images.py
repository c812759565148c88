"""Unusual but valid images, as cameras, editors and old programs write them."""

from __future__ import annotations

import struct
import zlib

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from carlens.images.decoder import read_pixels, read_shape
from carlens.images.types import Limits, Pixels
from tests import hostile
from tests.hostile import BLOCKS, JPEG, jpeg_segment, jpeg_with, png_chunk, tiff
from tests.support import encode

LIMITS = Limits(max_bytes=20 << 20, max_pixels=50_000_000, max_side=20_000)
TURNED = tiff([(0x112, "short", 1, 6)])
UPRIGHT = tiff([(0x112, "short", 1, 1)])
EXIF = b"Exif\0\0"


def read(data: bytes) -> Pixels:
    """Decode an image and check that its header gives the shape of its pixels."""
    pixels = read_pixels(data, LIMITS)
    shape = read_shape(data, LIMITS)
    assert pixels.shape == (shape.height, shape.width, 3)
    return pixels


def png_of_blocks(*before: bytes, behind: bytes = b"") -> bytes:
    """Build a PNG of the colored blocks with chunks before and after its pixels."""
    data = encode(BLOCKS, "PNG")
    return data[:33] + b"".join(before) + data[33:-12] + behind + data[-12:]


def test_exif_may_continue_in_a_second_segment() -> None:
    first = jpeg_segment(0xE1, EXIF + TURNED + bytes(65_000))

    assert read(jpeg_with(first + jpeg_segment(0xE1, EXIF + b"the rest"))).shape == (64, 32, 3)


@pytest.mark.parametrize("padding", [b"\0", bytes(64), b"\xff\0", b"\0\xff\xd0\0"])
def test_padding_between_the_segments_of_a_jpeg_is_skipped(padding: bytes) -> None:
    # Given padding after the EXIF, as editors leave when they shorten it in place
    padded = jpeg_with(jpeg_segment(0xE1, EXIF + TURNED) + padding)

    assert np.array_equal(read(padded), np.rot90(read(JPEG), -1))
    cmyk = encode(Image.new("CMYK", (64, 32)), "JPEG")
    padded_cmyk = jpeg_with(jpeg_segment(0xE1, EXIF + UPRIGHT) + padding, cmyk)
    assert np.array_equal(read(padded_cmyk), read(cmyk))


def test_padding_before_the_scan_of_a_cmyk_jpeg_is_skipped() -> None:
    cmyk = encode(Image.fromarray(BLOCKS).convert("CMYK"), "JPEG")
    scan = cmyk.index(b"\xff\xda")

    assert np.array_equal(read(cmyk[:scan] + bytes(9) + cmyk[scan:]), read(cmyk))


def test_a_video_after_a_jpeg_is_ignored() -> None:
    # Given the motion photo of a phone
    video = b"\0\0\0\x18ftypmp42" + b"\xff\xda" * 1000

    assert np.array_equal(read(JPEG + video), read(JPEG))


@pytest.mark.parametrize(
    "chunk",
    [
        png_chunk(b"iCCP", b"a\0\0" + zlib.compress(bytes(2_000_000))),
        png_chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(3_000_000))),
        png_chunk(b"iTXt", b"a\0\1\0\0\0" + zlib.compress(bytes(3_000_000))),
        png_chunk(b"tEXt", b"a\0b")[:-4] + b"oops",
    ],
    ids=["profile", "text", "international text", "wrong checksum"],
)
def test_texts_and_profiles_of_a_png_are_ignored(chunk: bytes) -> None:
    assert np.array_equal(read(png_of_blocks(chunk)), BLOCKS)
    assert np.array_equal(read(png_of_blocks(behind=chunk)), BLOCKS)


@pytest.mark.parametrize("head", [b"", EXIF])
def test_the_exif_of_a_png_may_have_the_prefix_of_a_jpeg(head: bytes) -> None:
    chunk = png_chunk(b"eXIf", head + TURNED)

    assert np.array_equal(read(png_of_blocks(chunk)), np.rot90(BLOCKS, -1))


def test_only_the_first_exif_chunk_of_a_png_rotates_it() -> None:
    # Given the same chunk inside a text, after the end, and as the second one
    turned = png_chunk(b"eXIf", TURNED)
    text = png_chunk(b"tEXt", b"a\0" + turned)
    upright = png_chunk(b"eXIf", UPRIGHT)

    for data in (
        png_of_blocks(text),
        png_of_blocks() + png_of_blocks(turned),
        png_of_blocks(upright, turned),
    ):
        assert np.array_equal(read(data), BLOCKS)


def test_a_transparent_palette_is_composited_over_white() -> None:
    image = Image.new("P", (4, 4), 1)
    image.putpalette([0, 0, 0, 200, 0, 0])
    info = PngImagePlugin.PngInfo()
    info.add_text("a", "b")

    assert (read(encode(image, "PNG", transparency=1, pnginfo=info)) == 255).all()


def test_a_run_length_encoded_bmp_is_read() -> None:
    # Given a row in one run, a row of literal values, and a short run
    runs = b"\5\x10\0\0" + b"\0\5\1\2\3\4\5\0\0\0" + b"\2\x20\0\1"

    pixels = read(hostile.bmp_of_runs(5, 3, runs))

    assert pixels[:, :, 0].tolist() == [[32, 32, 0, 0, 0], [1, 2, 3, 4, 5], [16] * 5]


@pytest.mark.parametrize(("bits", "white_is_zero"), [(12, False), (16, False), (16, True)])
def test_deep_grays_of_a_tiff_are_scaled_to_8_bits(bits: int, white_is_zero: bool) -> None:
    # Given black, a middle gray and white
    most = (1 << bits) - 1
    values = [0, most // 2, most] + [0] * 5
    rest = np.array(values, "<u2").tobytes()
    if bits == 12:
        pairs = zip(values[::2], values[1::2], strict=True)
        rest = b"".join((a << 12 | b).to_bytes(3, "big") for a, b in pairs)
    offset = 10 + 12 * 9 + 4
    data = tiff(
        [
            (256, "long", 1, 8), (257, "long", 1, 1), (258, "short", 1, bits), (259, "short", 1, 1),
            (262, "short", 1, int(not white_is_zero)), (273, "long", 1, offset),
            (277, "short", 1, 1), (278, "long", 1, 1), (279, "long", 1, len(rest)),
        ],
        rest,
    )  # fmt: skip

    found = read(data)[0, :3, 0].tolist()

    assert found == ([255, 128, 0] if white_is_zero else [0, 127, 255])


def test_an_extra_terminator_in_a_gif_is_skipped() -> None:
    plain = encode(np.full((4, 4), 7, np.uint8), "GIF")

    assert np.array_equal(read(hostile.gif_with(b"!\xfe\1a\0\0\0")), read(hostile.gif_with(b"")))
    assert read(plain).shape == (4, 4, 3)


def test_a_tiled_tiff_is_read() -> None:
    offset = 10 + 12 * 10 + 4
    rest = struct.pack("256B", *range(256))
    data = tiff(
        [
            *hostile.tiff_tags(16, 16), (322, "short", 1, 16), (323, "short", 1, 16),
            (324, "long", 1, offset), (325, "long", 1, 256),
        ],
        rest,
    )  # fmt: skip

    assert read(data)[:, :, 0].tobytes() == rest


@pytest.mark.parametrize("interlaced", [False, True])
@pytest.mark.parametrize(
    ("depth", "color", "samples", "transparent"),
    [
        (1, 0, [[0], [1]], [1]),
        (2, 0, [[1], [2]], [2]),
        (4, 0, [[7], [8]], [8]),
        (8, 0, [[7], [200]], [200]),
        (16, 0, [[0x1234], [0x1235]], [0x1235]),
        (8, 2, [[1, 2, 3], [1, 2, 4]], [1, 2, 4]),
        # Only the low bytes differ
        (16, 2, [[0x101, 0x202, 0x303], [0x101, 0x202, 0x304]], [0x101, 0x202, 0x304]),
        # The bits of the transparent color beyond the depth do not count
        (2, 0, [[1], [2]], [0xFF02]),
        (8, 2, [[1, 2, 3], [1, 2, 4]], [0x701, 0x702, 0x704]),
    ],
)
def test_exactly_the_transparent_color_of_a_png_is_white(
    depth: int, color: int, samples: list[list[int]], transparent: list[int], interlaced: bool
) -> None:
    # Given one pixel of each sample, in a row each
    bits = depth * len(samples[0])
    rows = b"".join(
        b"\0" + (_packed(sample, depth) << (-bits % 8)).to_bytes((bits + 7) // 8, "big")
        for sample in samples
    )
    before = png_chunk(b"tRNS", np.array(transparent, ">u2").tobytes())
    kind = hostile.PngType(depth, color, interlaced)

    found = read(hostile.png(1, 2, kind, before=before, rows=rows))

    assert found[1].tolist() == [[255, 255, 255]]
    scale = 255 / ((1 << depth) - 1)
    assert np.abs(found[0, 0] - np.array(samples[0]) * scale).max() <= 1


def _packed(sample: list[int], depth: int) -> int:
    value = 0
    for channel in sample:
        value = value << depth | channel
    return value


@pytest.mark.parametrize("transparent", [False, True])
@pytest.mark.parametrize("background", [0, 1])
def test_what_the_first_frame_of_a_gif_leaves_uncovered_is_white(
    background: int, transparent: bool
) -> None:
    # Given a frame of 4 x 4 pixels at an offset on a screen of 9 x 8
    image = Image.new("P", (4, 4), 1)
    image.putpalette([10, 20, 30, 200, 30, 40])
    options = {"transparency": 0} if transparent else {}
    data = encode(image, "GIF", **options)
    at = data.index(struct.pack("<B4H", 0x2C, 0, 0, 4, 4))
    screen = struct.pack("<HHBB", 9, 8, data[10], background)
    data = data[:6] + screen + data[12:at] + struct.pack("<B4H", 0x2C, 3, 2, 4, 4) + data[at + 9 :]

    found = read(data)

    assert found.shape == (8, 9, 3)
    assert (found[2:6, 3:7] == (200, 30, 40)).all()
    found[2:6, 3:7] = 255
    assert (found == 255).all()
