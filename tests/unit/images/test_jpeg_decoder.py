"""JPEGs are judged by what was decoded, not by their markers."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from carlens.errors import NotAnImage
from carlens.images.decoder import read_pixels
from carlens.images.types import Limits, Pixels
from tests.support import encode

LIMITS = Limits(max_bytes=1 << 20, max_pixels=1 << 20, max_side=4096)
WIDTH, HEIGHT = 320, 240
END = b"\xff\xd9"

KINDS: dict[str, dict[str, Any]] = {
    "sequential": {},
    "optimized": {"optimize": True},
    "progressive": {"progressive": True},
    "4:4:4": {"subsampling": "4:4:4"},
    "restart markers": {"restart_marker_rows": 1},
    "gray": {"mode": "L"},
    "CMYK": {"mode": "CMYK"},
}
every_kind = pytest.mark.parametrize("kind", KINDS)


def photo() -> Image.Image:
    chance = np.random.default_rng(0)
    small = Image.fromarray(chance.integers(0, 256, (15, 20, 3), np.uint8))
    smooth = np.asarray(small.resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC)).astype(int)
    noisy = smooth + chance.integers(-9, 10, smooth.shape)
    return Image.fromarray(np.clip(noisy, 0, 255).astype(np.uint8))


def jpeg(kind: str) -> bytes:
    options = {"mode": "RGB", **KINDS[kind]}
    return encode(photo().convert(options.pop("mode")), "JPEG", quality=85, **options)


def read(data: bytes) -> Pixels:
    return read_pixels(data, LIMITS)


def stopped_at(data: bytes) -> int:
    """Return the row that the refusal of a JPEG names."""
    with pytest.raises(NotAnImage) as caught:
        read(data)
    found = re.search(r"row (\d+) of 240", caught.value.message)
    assert found, caught.value.message
    return int(found[1])


@every_kind
@pytest.mark.parametrize(
    "tail",
    [b"", END + b"trailer", b"\0\0\1\x0eImage_UTC_Data12345SEFT", b"\xff\xe1\0\x09abcdefg",
     b"\0\xff\xda\0\1\xff\xc4SEFT" * 9, bytes(5000) + END, b"abcdefghij" + END, b"\xff" * 9 + END],
)  # fmt: skip
def test_what_follows_the_pixels_does_not_matter(kind: str, tail: bytes) -> None:
    data = jpeg(kind)

    assert np.array_equal(read(data[:-2] + tail), read(data))


@every_kind
@pytest.mark.parametrize("lost", [1, 2, 5, 20])
def test_the_last_bytes_may_be_lost(kind: str, lost: int) -> None:
    data = jpeg(kind)

    found, whole = read(data[: -2 - lost]), read(data)

    assert np.array_equal(found[: HEIGHT - 17], whole[: HEIGHT - 17])


@every_kind
@pytest.mark.parametrize("share", [0.3, 0.5, 0.8])
@pytest.mark.parametrize("tail", [b"", END, bytes(3000), b"small picture", b"video"])
def test_a_truncated_file_is_refused_with_the_row(kind: str, share: float, tail: bytes) -> None:
    data = jpeg(kind)
    if tail == b"small picture":
        tail = encode(photo().resize((32, 32)), "JPEG")
    elif tail == b"video":
        tail = b"\xff\xd8\xff\xe0" * 9

    row = stopped_at(data[: int(len(data) * share)] + tail)

    if kind != "progressive":
        assert abs(row - share * HEIGHT) < 33


@every_kind
@pytest.mark.parametrize("size", [400, 2000])
def test_a_hole_is_refused_with_its_row(kind: str, size: int) -> None:
    data = bytearray(jpeg(kind))
    start = len(data) // 2
    data[start : start + size] = bytes(size)

    row = stopped_at(bytes(data))

    if kind != "progressive":
        assert abs(row - HEIGHT / 2) < 33


@pytest.mark.parametrize("kind", ["sequential", "progressive", "restart markers"])
def test_missing_bytes_inside_are_refused(kind: str) -> None:
    data = jpeg(kind)
    third = len(data) // 3

    assert stopped_at(data[:third] + data[third + 3000 :]) > 0


def test_rows_that_are_lost_with_an_end_marker_are_refused_unless_they_are_few() -> None:
    data = jpeg("sequential")

    assert read(data[:-12] + END).shape == (HEIGHT, WIDTH, 3)
    assert stopped_at(data[: int(len(data) * 0.9)] + END) > 190


@pytest.mark.parametrize("surplus", [80, 5000])
def test_data_left_over_before_the_end_marker_is_refused(surplus: int) -> None:
    data = jpeg("sequential")
    noise = np.random.default_rng(0).integers(1, 255, surplus, np.uint8).tobytes()

    assert stopped_at(data[:-2] + noise + END) == HEIGHT
    assert np.array_equal(read(data[:-2] + noise[:60] + END), read(data))


def test_a_progressive_file_without_its_last_scans_is_refused() -> None:
    data = jpeg("progressive")
    last = data.rindex(b"\xff\xda")
    before = data.rindex(b"\xff\xc4", 0, last)

    assert stopped_at(data[:before]) == HEIGHT


def test_a_file_of_very_many_scans_without_its_last_ones_is_refused() -> None:
    data = jpeg("progressive")
    scans = data[: data.rindex(b"\xff\xc4", 0, data.rindex(b"\xff\xda"))]
    repeated = scans[scans.rindex(b"\xff\xda") :] * 30

    assert read(scans + repeated + END).shape == (HEIGHT, WIDTH, 3)
    with pytest.raises(NotAnImage, match="damaged or incomplete"):
        read(scans + repeated)


def test_unusual_metadata_does_not_matter() -> None:
    data = jpeg("sequential")

    assert np.array_equal(read(data.replace(b"JFIF\0\1", b"JFIF\0\7")), read(data))


def with_sampling(sampling: int) -> bytes:
    """Change the sampling of the first channel, which gives another but complete picture."""
    data = bytearray(encode(Image.new("RGB", (64, 64), (9, 99, 199)), "JPEG", subsampling="4:4:4"))
    data[data.index(b"\xff\xc0") + 11] = sampling
    return bytes(data)


@pytest.mark.parametrize("sampling", [0x31, 0x13, 0x24, 0x42])
def test_unusual_subsampling_is_judged_too(sampling: int) -> None:
    # Given a file that needs more data than it has, or has more, and an end marker
    with pytest.raises(NotAnImage, match=r"row \d+ of 64"):
        read(with_sampling(sampling))


def test_cmyk_of_unusual_subsampling_is_read() -> None:
    data = encode(photo().convert("CMYK"), "JPEG", quality=95, subsampling="4:2:0")

    assert np.abs(read(data).astype(int) - np.asarray(photo())).mean() < 9
    assert np.array_equal(read(data[:-2]), read(data))


def test_libjpeg_writes_nothing_to_stderr() -> None:
    # Given complete, truncated and damaged files, with their messages to the process
    code = """
import sys
from carlens.errors import PictureError
from carlens.images.decoder import read_pixels
from carlens.images.types import Limits
from tests.unit.images.test_jpeg_decoder import KINDS, jpeg
for kind in KINDS:
    data = jpeg(kind)
    hole = data[:2000] + bytes(500) + data[2500:]
    for file in (data, data[:-2], data[:3000], data[:3000] + b"\\xff\\xd9", hole, data[:-2] + b"junk" * 99):
        try:
            read_pixels(file, Limits(1 << 20, 1 << 20, 4096))
        except PictureError as error:
            print(error)
"""
    root = Path(__file__).parents[3]
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": f"{root / 'lambda_src'}:{root}"},
        capture_output=True,
        text=True,
        timeout=120,
    )

    assert done.returncode == 0, done.stderr
    assert "row" in done.stdout
    assert done.stderr == ""
