"""JPEG headers."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
from PIL import Image

from carlens.images import jpeg
from carlens.images.decoder import read_pixels
from carlens.images.header import BrokenHeader
from carlens.images.jpeg import JpegHeader, Scans
from carlens.images.types import Limits
from tests import hostile
from tests.hostile import jpeg_segment
from tests.support import encode

FRAME = struct.pack(">BHHB", 8, 30, 40, 3) + bytes(9)
SCAN = jpeg_segment(0xDA, bytes(10)) + b"pixels"
END = b"\xff\xd9"


def file_of(*segments: bytes) -> bytes:
    """Build a JPEG that ends with a scan."""
    return b"".join((b"\xff\xd8", *segments, SCAN, END))


@pytest.mark.parametrize("marker", sorted(set(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}))
def test_every_frame_marker_gives_the_size(marker: int) -> None:
    data = file_of(jpeg_segment(marker, FRAME))

    expected = JpegHeader(40, 30, 3, 1, data.index(b"\xff\xda"), one_scan=False)
    assert jpeg.read_header(data) == expected


@pytest.mark.parametrize("marker", [0xC4, 0xC8, 0xCC, 0xDB, 0xE0, 0xFE])
def test_other_segments_give_no_size(marker: int) -> None:
    with pytest.raises(BrokenHeader, match="no image data"):
        jpeg.read_header(file_of(jpeg_segment(marker, FRAME)))


def test_a_frame_after_the_first_scan_is_not_read() -> None:
    with pytest.raises(BrokenHeader, match="no image data"):
        jpeg.read_header(b"\xff\xd8" + SCAN + jpeg_segment(0xC0, FRAME) + SCAN + END)


def test_the_first_frame_and_the_first_exif_are_used() -> None:
    other = struct.pack(">BHHB", 8, 1, 2, 1) + bytes(3)
    turned, flipped = (hostile.exif([(0x112, "short", 1, value)]) for value in (6, 2))
    data = file_of(
        jpeg_segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0"),
        jpeg_segment(0xE1, turned),
        jpeg_segment(0xE1, flipped),
        jpeg_segment(0xC0, FRAME),
        jpeg_segment(0xC0, other),
    )

    header = jpeg.read_header(data)

    assert (header.width, header.height, header.channels, header.orientation) == (40, 30, 3, 6)


@pytest.mark.parametrize("marker", [0x01, *range(0xD0, 0xD8)])
def test_a_marker_without_length_is_skipped(marker: int) -> None:
    data = file_of(bytes((0xFF, marker)), jpeg_segment(0xC0, FRAME))

    assert jpeg.read_header(data).width == 40


def test_a_marker_that_only_resembles_one_without_length_has_a_length() -> None:
    # Given a reserved marker whose payload looks like a frame
    data = file_of(jpeg_segment(0x02, jpeg_segment(0xC1, FRAME)), jpeg_segment(0xC0, FRAME))

    assert jpeg.read_header(data).first_scan == data.index(b"\xff\xda")


@pytest.mark.parametrize("padding", [0, 1, 65_534])
def test_padding_of_64_kib_is_skipped(padding: int) -> None:
    data = file_of(bytes(padding), jpeg_segment(0xC0, FRAME))

    assert jpeg.read_header(data).width == 40


def test_more_padding_is_refused() -> None:
    with pytest.raises(BrokenHeader, match="no marker"):
        jpeg.read_header(file_of(bytes(65_535), jpeg_segment(0xC0, FRAME)))


def test_a_jpeg_may_have_1000_segments() -> None:
    comment = jpeg_segment(0xFE, b"")

    assert jpeg.read_header(file_of(jpeg_segment(0xC0, FRAME), comment * 998)).width == 40
    with pytest.raises(BrokenHeader, match="within 1,000 segments"):
        jpeg.read_header(file_of(jpeg_segment(0xC0, FRAME), comment * 999))


def test_a_segment_may_end_with_the_file() -> None:
    head = b"\xff\xd8" + jpeg_segment(0xC0, FRAME)
    scan = jpeg_segment(0xDA, bytes(10))

    assert jpeg.read_header(head + scan).first_scan == len(head)
    with pytest.raises(BrokenHeader, match="cut off"):
        jpeg.read_header(head + scan[:-1])


@pytest.mark.parametrize("length", [0, 1, 2])
def test_a_segment_has_at_least_the_bytes_of_its_length(length: int) -> None:
    segment = struct.pack(">BBH", 0xFF, 0xE5, length)
    data = file_of(segment, jpeg_segment(0xC0, FRAME))

    assert jpeg.read_header(data).first_scan == data.index(b"\xff\xda")


def header_of(
    data: bytes, *, one_scan: bool = True, channels: int = 3, restarts: bool = True
) -> JpegHeader:
    return JpegHeader(40, 30, channels, 1, data.index(b"\xff\xda"), one_scan, restarts)


def test_metadata_is_stripped_and_the_color_transform_is_kept() -> None:
    adobe, frame = jpeg_segment(0xEE, b"Adobe"), jpeg_segment(0xC0, FRAME)
    metadata = [jpeg_segment(marker, b"x") for marker in (*range(0xE0, 0xEE), 0xEF, 0xFE)]
    data = file_of(*metadata, adobe, bytes(3), frame, *metadata, b"\xff\x01", bytes(3))

    found = jpeg.rebuild(data, header_of(data), b"pixels")

    assert found == b"\xff\xd8" + adobe + frame + b"\xff\x01" + b"pixels"


@pytest.mark.parametrize("rest", [b"\1\2", b"\7\7\1\0\1\0\1\1\1abc"])
def test_a_jfif_segment_is_replaced_by_a_plain_one(rest: bytes) -> None:
    data = file_of(jpeg_segment(0xE0, b"JFIF\0" + rest))

    plain = jpeg_segment(0xE0, b"JFIF\0\1\1\0\0\1\0\1\0\0")
    assert jpeg.rebuild(data, header_of(data), b"") == b"\xff\xd8" + plain


def scan(*components: int, first: int = 0, last: int = 63, bits: int = 0) -> bytes:
    """Build a scan of components, each with tables 0."""
    chosen = b"".join(bytes((each, 0)) for each in components)
    return (
        jpeg_segment(0xDA, bytes((len(components),)) + chosen + bytes((first, last, bits))) + b"x"
    )


@pytest.mark.parametrize(
    "behind",
    [END, END + b"trailer", b"\xff\xd8\xff\xe0", b"\xff" + END, b"", b"\xff\xda\0\1abc",
     jpeg_segment(0xE0, b"preview")],
)  # fmt: skip
def test_one_scan_ends_at_the_next_marker(behind: bytes) -> None:
    data = b"\xff\xd8" + scan(1, 2, 3) + b"\xff\0\xff\xd0y"
    end = len(data) + behind.startswith(b"\xff\xff")

    found = jpeg.find_scans(data + behind, header_of(data))

    assert found == Scans(end, ended=END in behind, complete=True)


def test_all_scans_are_found_until_something_else_follows() -> None:
    tables = jpeg_segment(0xC4, b"\xff\xd9")
    data = b"\xff\xd8" + scan(1) + tables + scan(2, 3)

    for behind in (END, b"\xff\xd8\xff\xda", b"\xff\xda\0\1abc\xff\xd9", b"\xff\xc4\xff\xff", b""):
        found = jpeg.find_scans(data + behind, header_of(data, one_scan=False))
        assert (found.end, found.complete) == (len(data), True)


@pytest.mark.parametrize(
    ("scans", "complete"),
    [
        (scan(1, last=0) + scan(1, first=1), True),
        (scan(1, last=0) + scan(1, first=1, bits=1) + scan(1, first=1, bits=0x10), True),
        (scan(1, last=0), False),
        (scan(1, last=0) + scan(1, first=1, last=62), False),
        (scan(1, last=0, bits=1) + scan(1, first=1), False),
        (scan(1, last=0) + scan(1, first=1, bits=1), False),
    ],
)
def test_the_scans_are_complete_with_each_bit_of_each_coefficient(
    scans: bytes, complete: bool
) -> None:
    data = b"\xff\xd8" + scans

    found = jpeg.find_scans(data, header_of(data, one_scan=False, channels=1))

    assert (found.end, found.complete) == (len(data), complete)


@pytest.mark.parametrize(
    ("inside", "found"),
    [
        (b"abc", -1),
        (b"a" + bytes(31) + b"c", -1),
        (b"a" + bytes(32) + b"c", 1),
        (b"abcdef\xff\xd0ab\xff\xd1ab", -1),
        (b"abcdef\xff\xd1ab", 4),
        (b"abcdef\xff\xd0ab\xff\xd2ab", 8),
    ],
)
def test_holes_and_restart_markers_out_of_order_are_found(inside: bytes, found: int) -> None:
    head = b"\xff\xd8" + scan(1, 2, 3)
    data = head + inside + END

    at = jpeg.find_damage(data, header_of(data), Scans(len(data) - 2, ended=True, complete=True))

    assert at == (found if found < 0 else len(head) + found)


def test_a_restart_marker_is_unexpected_in_a_file_without_intervals() -> None:
    head = b"\xff\xd8" + scan(1, 2, 3)
    data = head + b"abcdef\xff\xd0ab" + END

    scans = Scans(len(data) - 2, ended=True, complete=True)

    assert jpeg.find_damage(data, header_of(data, restarts=False), scans) == len(head) + 4


@pytest.mark.parametrize(("interval", "restarts"), [(0, False), (1, True), (256, True)])
def test_the_restart_interval_is_read(interval: int, restarts: bool) -> None:
    data = file_of(jpeg_segment(0xC0, FRAME), jpeg_segment(0xDD, struct.pack(">H", interval)))

    assert jpeg.read_header(data).restarts is restarts


def test_a_file_without_an_end_may_have_flat_parts() -> None:
    head = b"\xff\xd8" + scan(1, 2, 3)

    for zeros, found in ((511, -1), (512, len(head))):
        data = head + bytes(zeros)
        scans = Scans(len(data), ended=False, complete=True)
        assert jpeg.find_damage(data, header_of(data), scans) == found


@pytest.mark.parametrize("behind", [b"", END, END + SCAN * 100])
def test_a_jpeg_may_have_64_scans(behind: bytes) -> None:
    jpeg.check_scans(SCAN * 64 + behind, 0)

    with pytest.raises(BrokenHeader, match="more than 64 scans"):
        jpeg.check_scans(SCAN * 65 + behind, 0)


def test_only_scans_are_counted() -> None:
    tables = jpeg_segment(0xC4, b"\xff\xda" * 9)

    jpeg.check_scans((tables + SCAN) * 64 + END, 0)


def test_a_cmyk_jpeg_has_the_colors_that_pillow_gives_it() -> None:
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 4), np.uint8)
    data = encode(Image.fromarray(noise, "CMYK"), "JPEG", quality=95)

    found = read_pixels(data, Limits(10**6, 10**6, 10**6))

    assert np.array_equal(found, np.asarray(Image.open(io.BytesIO(data)).convert("RGB")))
