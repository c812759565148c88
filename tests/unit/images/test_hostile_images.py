"""Images crafted to exhaust resources, and damaged files."""

from __future__ import annotations

import io
import random
import struct
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from PIL import Image

from carlens.config import Config
from carlens.errors import NotAnImage, PictureError, PictureTooLarge, UnsupportedImage
from carlens.images.decoder import read_pixels, read_shape
from carlens.images.types import ImageShape, Limits, Pixels
from tests import hostile
from tests.hostile import BLOCKS, JPEG, jpeg_segment, jpeg_with, png, png_chunk, tiff, tiff_tags
from tests.support import color_blocks, encode

# The defaults of the function.
LIMITS = Limits(Config.max_bytes, Config.max_pixels, Config.max_side)
UPLOAD = 4_600_000  # bytes, the most that one request carries
SECONDS = 3.0  # of CPU time; most bombs take a tenth of a second

SMALL = color_blocks(12, 8)
FILES: dict[str, Callable[[], bytes]] = {
    "jpeg": lambda: encode(SMALL, "JPEG"),
    "progressive jpeg": lambda: encode(SMALL, "JPEG", progressive=True),
    "cmyk jpeg": lambda: encode(Image.fromarray(SMALL).convert("CMYK"), "JPEG"),
    "png": lambda: encode(SMALL, "PNG"),
    "interlaced png": lambda: encode(SMALL, "PNG", interlace=1),
    "palette png": lambda: encode(Image.fromarray(SMALL).quantize(8), "PNG"),
    "webp": lambda: encode(SMALL, "WEBP"),
    "lossless webp": lambda: encode(SMALL, "WEBP", lossless=True),
    "transparent webp": lambda: encode(Image.fromarray(SMALL).convert("LA"), "WEBP"),
    "gif": lambda: encode(SMALL, "GIF"),
    "bmp": lambda: encode(SMALL, "BMP"),
    "tiff": lambda: encode(SMALL, "TIFF"),
    "lzw tiff": lambda: encode(SMALL, "TIFF", compression="tiff_lzw"),
    "jpeg tiff": lambda: encode(SMALL, "TIFF", compression="jpeg"),
}
every_file = pytest.mark.parametrize("make", FILES.values(), ids=FILES.keys())


def outcome(data: bytes) -> Pixels | PictureError:
    """Decode an image as a request does; any error but a PictureError fails the test."""
    try:
        return read_pixels(data, LIMITS)
    except PictureError as error:
        return error


@every_file
def test_a_file_truncated_anywhere_is_refused_or_complete(make: Callable[[], bytes]) -> None:
    # Given a file and its pixels
    data = make()
    whole = read_pixels(data, LIMITS)

    # Then no prefix of it decodes to other pixels
    for length in range(len(data)):
        found = outcome(data[:length])
        refused = isinstance(found, NotAnImage | UnsupportedImage)
        assert refused or np.array_equal(cast(Pixels, found), whole), length


@every_file
def test_flipped_bits_give_an_image_or_a_picture_error(make: Callable[[], bytes]) -> None:
    chance, data = random.Random(7), make()

    for _ in range(250):
        flipped = bytearray(data)
        for _ in range(chance.randint(1, 3)):
            flipped[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        found = outcome(bytes(flipped))
        if not isinstance(found, PictureError):
            shape = read_shape(bytes(flipped), LIMITS)
            assert found.shape == (shape.height, shape.width, 3)


@every_file
def test_trailing_data_does_not_change_the_format(make: Callable[[], bytes]) -> None:
    # Given a polyglot: an image followed by a ZIP archive, a script and a page
    data = make() + b"PK\x03\x04" + b"<script>alert(1)</script>" + b"PK\x05\x06" + bytes(18)

    assert np.array_equal(read_pixels(data, LIMITS), read_pixels(make(), LIMITS))


@pytest.mark.parametrize(
    "head",
    [
        b"%PDF-1.7\n",
        b"PK\x03\x04",
        b"<svg>",
        b"<!doctype html>",
        b"#!/bin/sh\n",
        b"\x7fELF",
        b" ",
        b"\0",
    ],
)
def test_an_image_after_other_data_is_refused(head: bytes) -> None:
    for make in FILES.values():
        with pytest.raises((NotAnImage, UnsupportedImage)):
            read_pixels(head + make(), LIMITS)


def test_a_gif_that_is_also_a_script_is_read_as_a_gif() -> None:
    # Given data that closes a comment and runs as JavaScript
    data = bytearray(encode(np.zeros((4, 4), np.uint8), "GIF"))
    data += b"*/=1;alert(1)//"

    assert read_pixels(bytes(data), LIMITS).shape == (4, 4, 3)


@pytest.mark.parametrize(
    "data",
    [
        b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(99), b"8BPS" + bytes(99), b"%!PS-Adobe", b"P6 9 9 255 " + bytes(243),
        b"\0\0\0\x20ftypavif" + bytes(99), b"\0\0\0\x18ftypheic" + bytes(99), b"icns" + bytes(99),
        b"DDS " + bytes(124), b"SIMPLE  =" + bytes(99), b"\0\0\1\0\1\0" + bytes(99), b"qoif" + bytes(99),
        b"\x00asm", b"GIF90a" + bytes(99), b"RIFF\0\0\0\0AVI " + bytes(99), b"BM", b"II", b"MM\0*", b"\xff\xd8",
        b"RIFF", b"RIFF\0\0\0\0WEBP", b"RIFF\0\0\0\0WEBPVP8 ", b"RIFF\0\0\0\0WEBPVP8X",
    ],
)  # fmt: skip
def test_other_formats_and_bare_signatures_are_refused(data: bytes) -> None:
    with pytest.raises((NotAnImage, UnsupportedImage)):
        read_pixels(data, LIMITS)


def peak_megabytes() -> int:
    """Return the peak memory of this process."""
    status = Path("/proc/self/status")
    if not status.exists():
        pytest.skip("needs /proc/self/status for the peak memory")
    return int(status.read_text().partition("VmHWM:")[2].split()[0]) // 1024


def bmp(width: int, height: int) -> bytes:
    return struct.pack("<2sIIIIiiHHIIiiII", b"BM", 100, 0, 54, 40, width, height, 1, 24, *[0] * 6) + bytes(46)  # fmt: skip


def gif(width: int, height: int) -> bytes:
    frame = struct.pack("<BHHHHB", 0x2C, 0, 0, width, height, 0)
    return (
        b"GIF89a"
        + struct.pack("<HHBBB", width, height, 0x80, 0, 0)
        + bytes(6)
        + frame
        + b"\2\2D\1\0;"
    )


def jpeg(width: int, height: int) -> bytes:
    at = JPEG.index(b"\xff\xc0")
    return JPEG[: at + 5] + struct.pack(">HH", height, width) + JPEG[at + 9 :]


def webp(width: int, height: int) -> bytes:
    size = (
        struct.pack("<I", (width - 1) & 0xFFFFFF)[:3]
        + struct.pack("<I", (height - 1) & 0xFFFFFF)[:3]
    )
    return b"RIFF" + struct.pack("<I", 22) + b"WEBPVP8X" + struct.pack("<I", 10) + bytes(4) + size


def tiff_of(width: int, height: int) -> bytes:
    return tiff([*tiff_tags(width, height), (273, "long", 1, 200)], size=300)


SIZED = {"jpeg": jpeg, "webp": webp, "gif": gif, "bmp": bmp, "tiff": tiff_of}


@pytest.mark.parametrize(
    "make", [*SIZED.values(), lambda w, h: png(w, 1, rows=b"")], ids=[*SIZED, "png"]
)
def test_a_giant_is_refused_from_its_header_with_the_limits(
    make: Callable[[int, int], bytes],
) -> None:
    with pytest.raises(PictureTooLarge, match="50,000,000 pixels and 20,000 pixels a side"):
        read_pixels(make(65_000, 65_000), LIMITS)


@pytest.mark.parametrize("make", [v for k, v in SIZED.items() if k != "webp"])
@pytest.mark.parametrize("size", [(0, 4), (4, 0), (0, 0)])
def test_an_image_without_pixels_is_refused(
    make: Callable[[int, int], bytes], size: tuple[int, int]
) -> None:
    with pytest.raises(NotAnImage):
        read_pixels(make(*size), LIMITS)


@pytest.mark.parametrize("size", [(-4, 4), (4, -(2**31)), (2**31 - 1, 2**31 - 1), (-(2**31), 1)])
def test_a_bitmap_of_negative_or_huge_size_is_refused(size: tuple[int, int]) -> None:
    with pytest.raises((NotAnImage, PictureTooLarge)):
        read_pixels(bmp(*size), LIMITS)


@pytest.mark.parametrize("size", [(20_001, 1), (1, 20_001), (7072, 7072)])
def test_one_pixel_over_a_limit_is_refused(size: tuple[int, int]) -> None:
    with pytest.raises(PictureTooLarge):
        read_pixels(png(*size), LIMITS)


@pytest.mark.parametrize("size", [(20_000, 1), (1, 20_000), (100, 100)])
def test_an_image_at_the_limit_is_read(size: tuple[int, int]) -> None:
    assert read_pixels(png(*size), LIMITS).shape == (size[1], size[0], 3)


def deflated(megabytes: int) -> bytes:
    return zlib.compress(bytes(megabytes * 1_000_000), 9)


# Each takes minutes or gigabytes in a naive reader.
BOMBS: dict[str, Callable[[], bytes]] = {
    "png pixels": lambda: png(100, 100, rows=bytes(100_000_000)),
    "png zTXt": lambda: png(9, 9, before=png_chunk(b"zTXt", b"a\0\0" + deflated(200))),
    "png many zTXt": lambda: png(9, 9, before=png_chunk(b"zTXt", b"a\0\0" + deflated(1)) * 4000),
    "png iTXt": lambda: png(9, 9, before=png_chunk(b"iTXt", b"a\0\1\0\0\0" + deflated(200))),
    "png iCCP": lambda: png(9, 9, before=png_chunk(b"iCCP", b"a\0\0" + deflated(200))),
    "png tiny chunks": lambda: png(9, 9, before=png_chunk(b"prVt", b"") * (UPLOAD // 12)),
    "png eXIf": lambda: png(9, 9, before=png_chunk(b"eXIf", tiff([(0x112, "short", 1, 6)], size=UPLOAD))),
    "png many iCCP": lambda: png(9, 9, before=png_chunk(b"iCCP", b"a\0\0" + deflated(1)) * 4000),
    "jpeg EXIF in tiny pieces": lambda: jpeg_with(jpeg_segment(0xE1, b"Exif\0\0x") * (UPLOAD // 11)),
    "jpeg empty segments": lambda: jpeg_with(jpeg_segment(0xE5, b"") * (UPLOAD // 4)),
    "jpeg fill bytes": lambda: JPEG[:2] + b"\xff" * UPLOAD + JPEG[2:],
    "jpeg comments": lambda: jpeg_with(jpeg_segment(0xFE, bytes(60_000)) * 70),
    "jpeg scans": lambda: hostile.jpeg_with_scans(5000, 4000, 1000),
    "cmyk jpeg EXIF": lambda: jpeg_with(
        jpeg_segment(0xE1, b"Exif\0\0" + bytes(4000)) * 900,
        encode(Image.new("CMYK", (64, 32)), "JPEG"),
    ),
    "gif comment": lambda: hostile.gif_with(b"!\xfe" + b"\x01a" * (UPLOAD // 2) + b"\0"),
    "gif extensions": lambda: hostile.gif_with(b"!\xff\1a\0" * (UPLOAD // 5)),
    "gif frames": lambda: gif(4, 4)[:-1] + gif(4, 4)[19:-1] * 100_000 + b";",
    "tiff strips": lambda: tiff(
        [*tiff_tags(100, 100), (273, "short", 10_000_000, 200), (278, "short", 1, 1)], size=20_900_000
    ),
    "tiff strip sizes": lambda: tiff(
        [*tiff_tags(9, 9), (273, "long", 1, 200), (279, "long", 4_000_000, 200)], size=20_900_000
    ),
    "tiff strip count beyond the file": lambda: tiff([*tiff_tags(9, 9), (273, "long", 2**32 - 1, 200)]),
    "tiff tags": lambda: tiff(
        [*tiff_tags(9, 9), (273, "long", 1, 200)] + [(2000 + i, "byte", 60_000, 100) for i in range(60_000)],
        size=UPLOAD,
    ),
    "tiff tags that overlap": lambda: tiff(
        [*tiff_tags(9, 9), (273, "long", 1, 20_000)] + [(2000 + i, "byte", UPLOAD - 20_000, 99) for i in range(240)],
        size=UPLOAD,
    ),
    "tiff that is its own next page": lambda: tiff([*tiff_tags(9, 9), (273, "long", 1, 200), (330, "long", 1, 8)], size=300)[:86] + struct.pack("<I", 8) + bytes(300),
    "tiff samples": lambda: tiff([*tiff_tags(9, 9)[:-1], (277, "long", 1, 2**31), (273, "long", 1, 200)], size=300),
    "tiff tiles": lambda: tiff(
        [*tiff_tags(9, 9), (322, "long", 1, 46_000), (323, "long", 1, 46_000), (324, "long", 1, 200)]
    ),
    "jpeg padding": lambda: jpeg_with((bytes(60_000) + jpeg_segment(0xE5, b"")) * 70),
    "jpeg stuffed padding": lambda: jpeg_with((b"\xff\0" * 30_000 + jpeg_segment(0xE5, b"")) * 70),
    "webp chunks": lambda: webp(9, 9) + b"ABCD\0\0\0\0" * (UPLOAD // 8),
    "bmp short runs": lambda: hostile.bmp_of_runs(20_000, 2500, b"\1\5\0\0" * 2500),
    "bmp runs of one": lambda: hostile.bmp_of_runs(7000, 7000, b"\1\5" * (UPLOAD // 2)),
    "bmp of no pixels": lambda: hostile.bmp_of_runs(7000, 7000, b"\0\2\xff\xff" * 100_000),
}  # fmt: skip


def test_a_png_with_more_chunks_than_encoders_write_is_refused() -> None:
    small = png_chunk(b"prVt", b"")

    end = png_chunk(b"IEND", b"")

    # When a PNG has many or too many chunks, before or after its pixels
    many = outcome(png(9, 9, before=small * 49_000))
    too_many = [
        outcome(png(9, 9, before=small * 50_000)),
        outcome(png(9, 9).removesuffix(end) + small * 50_000 + end),
    ]

    # Then only those with too many are refused
    assert isinstance(many, np.ndarray)
    assert [str(found) for found in too_many] == [
        "The image cannot be read: the PNG has more than 50,000 chunks; "
        "re-save the image and send the complete file."
    ] * 2


def test_data_after_a_png_is_ignored() -> None:
    small = png_chunk(b"prVt", b"")

    # When padding, or bytes that look like chunks, follow its end
    found = [outcome(png(9, 9) + bytes(2_000_000)), outcome(png(9, 9) + small * 100_000)]

    # Then the PNG is read
    assert [getattr(pixels, "shape", pixels) for pixels in found] == [(9, 9, 3)] * 2


@pytest.mark.parametrize("make", BOMBS.values(), ids=BOMBS.keys())
def test_a_bomb_takes_little_time(make: Callable[[], bytes]) -> None:
    data = make()

    # When
    start = time.process_time()
    found = outcome(data)
    seconds = time.process_time() - start

    # Then it is refused with a reason or has the shape in its header, in time
    if isinstance(found, PictureError):
        assert len(found.message) > 30
    else:
        shape = read_shape(data, LIMITS)
        assert found.shape == (shape.height, shape.width, 3)
    assert seconds < SECONDS


@pytest.mark.parametrize(
    ("name", "named"),
    [
        ("jpeg empty segments", "1,000 segments"),
        ("jpeg scans", "64 scans"),
        ("tiff strips", "100,000 values"),
        ("tiff tags", "256 tags"),
    ],
)
def test_a_refused_bomb_names_its_limit(name: str, named: str) -> None:
    with pytest.raises((NotAnImage, UnsupportedImage), match=named):
        read_pixels(BOMBS[name](), LIMITS)


def test_a_progressive_jpeg_with_64_scans_is_read() -> None:
    assert read_pixels(hostile.jpeg_with_scans(64, 32, 64), LIMITS).shape == (32, 64, 3)


def test_scan_markers_after_the_end_of_a_jpeg_do_not_count() -> None:
    assert read_pixels(JPEG + b"\xff\xda" * 100_000, LIMITS).shape == BLOCKS.shape


@pytest.mark.parametrize(
    "block",
    [
        b"", b"II", b"II*\0", b"MM\0*\xff\xff\xff\xff", b"XX*\0\x08\0\0\0", bytes(64),
        hostile.tiff([(0x112, "short", 1, 0)]), hostile.tiff([(0x112, "short", 1, 9)]),
        hostile.tiff([(0x112, "long", 1, 6)]), hostile.tiff([(0x112, "byte", 1, 6)]),
        hostile.tiff([(0x112, "short", 2**32 - 1, 10**9)]),
        hostile.tiff([(0x8769, "long", 1, 8), (0x8825, "long", 1, 8)]),
        hostile.tiff([(1, "short", 1, 1)])[:-8], b"II*\0\x08\0\0\0\xff\xff" + bytes(20),
    ],
)  # fmt: skip
def test_damaged_exif_is_ignored(block: bytes) -> None:
    exif = b"Exif\0\0" + block
    webp_file = encode(BLOCKS, "WEBP", lossless=True, exif=hostile.exif([(0x0112, "short", 1, 6)]))
    at = webp_file.index(b"EXIF")

    assert read_pixels(jpeg_with(jpeg_segment(0xE1, exif)), LIMITS).shape == BLOCKS.shape
    assert read_shape(jpeg_with(jpeg_segment(0xE1, exif)), LIMITS) == ImageShape(32, 64, 3)
    assert read_pixels(png(64, 32, before=png_chunk(b"eXIf", block)), LIMITS).shape == BLOCKS.shape
    lying = webp_file[:at] + b"EXIF" + struct.pack("<I", len(exif)) + exif + bytes(len(exif) % 2)
    lying = lying[:4] + struct.pack("<I", len(lying) - 8) + lying[8:]
    assert read_pixels(lying, LIMITS).shape == BLOCKS.shape


def test_a_big_endian_exif_block_is_read() -> None:
    big = struct.pack(">2sHIHHHIHHI", b"MM", 42, 8, 1, 0x112, 3, 1, 6, 0, 0)
    data = jpeg_with(jpeg_segment(0xE1, b"Exif\0\0" + big))

    assert read_shape(data, LIMITS) == ImageShape(64, 32, 3)
    assert read_pixels(data, LIMITS).shape == (64, 32, 3)


def test_exif_after_the_pixels_of_a_png_is_applied() -> None:
    data = png(64, 32)
    exif = png_chunk(b"eXIf", tiff([(0x112, "short", 1, 6)]))
    data = data[:-12] + exif + data[-12:]

    assert read_pixels(data, LIMITS).shape == (64, 32, 3)
    assert read_shape(data, LIMITS) == ImageShape(64, 32, 3)


def test_a_small_gif_that_declares_a_huge_frame_takes_little_memory() -> None:
    # Given a frame larger than the screen, with a disposal method; Pillow would allocate 3.4 GB
    plain = gif(4, 4)
    frame = struct.pack("<BHHHHB", 0x2C, 0, 0, 60_000, 60_000, 0)
    data = plain[:19] + b"!\xf9\4\x08\0\0\0\0" + frame + plain[29:]
    before = peak_megabytes()

    with pytest.raises(PictureTooLarge, match="60000 x 60000"):
        read_pixels(data, LIMITS)

    assert peak_megabytes() - before < 100


def test_a_transparent_gif_with_comments_is_composited_over_white() -> None:
    pixels = np.zeros((4, 4), np.uint8)
    pixels[:2] = 1
    image = Image.fromarray(pixels, "P")
    image.putpalette([200, 0, 0, 0, 0, 200])
    data = encode(image, "GIF", transparency=1, comment=b"hello", disposal=2)

    found = read_pixels(data, LIMITS)

    assert (found[:2] == 255).all()
    assert (found[2:] == (200, 0, 0)).all()


@pytest.mark.parametrize("profile", [b"", b"junk", bytes(60_000), b"\xff" * 60_000])
def test_an_invalid_color_profile_is_ignored(profile: bytes) -> None:
    segment = jpeg_segment(0xE2, b"ICC_PROFILE\0\1\1" + profile)
    chunk = png_chunk(b"iCCP", b"a\0\0" + zlib.compress(profile))

    assert np.array_equal(read_pixels(jpeg_with(segment), LIMITS), read_pixels(JPEG, LIMITS))
    assert read_pixels(png(9, 9, before=chunk), LIMITS).shape == (9, 9, 3)
    for kind in ("WEBP", "TIFF"):
        data = encode(BLOCKS, kind, icc_profile=profile)
        assert read_pixels(data, LIMITS).shape == BLOCKS.shape


def test_the_shape_of_a_png_is_read_without_its_pixels() -> None:
    # Given a large PNG without its pixels
    data = png(7000, 7000, rows=b"")[:60]
    with pytest.raises(NotAnImage):
        read_pixels(data, LIMITS)

    assert read_shape(data, LIMITS) == ImageShape(7000, 7000, 3)


@pytest.mark.parametrize("mode", ["CMYK", "RGB", "L"])
def test_a_jpeg_with_other_depths_or_channels_is_refused(mode: Any) -> None:
    data = bytearray(encode(Image.new(mode, (64, 32)), "JPEG"))
    frame = data.index(b"\xff\xc0")

    for offset, value in ((4, 12), (9, 2), (9, 5), (9, 0)):
        changed = bytearray(data)
        changed[frame + offset] = value
        with pytest.raises((NotAnImage, UnsupportedImage)):
            read_pixels(bytes(changed), LIMITS)


def test_a_large_transparent_webp_is_composited_completely() -> None:
    # Given more pixels than one strip, opaque only in the left half
    image = Image.new("RGBA", (1500, 1600), (200, 0, 0, 255))
    image.paste((0, 0, 0, 0), (750, 0, 1500, 1600))
    buffer = io.BytesIO()
    image.save(buffer, "WEBP", lossless=True)

    pixels = read_pixels(buffer.getvalue(), LIMITS)

    assert (pixels[:, :750] == (200, 0, 0)).all()
    assert (pixels[:, 750:] == 255).all()
