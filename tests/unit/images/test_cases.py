"""Picture files that went wrong once; skipped where the collection is not available."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from carlens.errors import NotAnImage, PictureError, UnsupportedImage
from carlens.images.decoder import read_pixels
from carlens.images.types import Limits, Pixels

CASES = Path(__file__).parents[4] / "shared" / "cases"
LIMITS = Limits(max_bytes=20 << 20, max_pixels=50_000_000, max_side=20_000)


def read(name: str) -> Pixels:
    path = CASES / name
    if not path.exists():
        pytest.skip(f"needs {path}, which is not part of the project")
    return read_pixels(path.read_bytes(), LIMITS)


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("jpeg_no_end_marker.jpg", (48, 64, 3)),
        ("jpeg_no_end_marker_phone_trailer.jpg", (48, 64, 3)),
        ("jpeg_last_bytes_lost.jpg", (48, 64, 3)),
        ("jpeg_comment_of_length_0.jpg", (48, 64, 3)),
        ("jpeg_mjpeg_frame_without_huffman_tables.jpg", (48, 64, 3)),
        ("jpeg_orientation_in_xmp_only.jpg", (48, 64, 3)),
        ("png_no_iend.png", (8, 16, 3)),
        ("png_iend_cut_in_crc.png", (8, 16, 3)),
        ("png_idat_crc_wrong.png", (8, 16, 3)),
        ("tiff_256_tags.tif", (8, 16, 3)),
    ],
)
def test_a_complete_picture_is_read(name: str, shape: tuple[int, ...]) -> None:
    pixels = read(name)

    assert pixels.shape == shape
    assert len(np.unique(pixels)) > 8


def test_half_a_jpeg_is_refused_with_the_row() -> None:
    with pytest.raises(NotAnImage, match=r"decoding stopped at row \d+ of 48"):
        read("jpeg_half_then_end_marker.jpg")


@pytest.mark.parametrize(
    ("name", "rows"),
    [
        ("bmp_rle8_rows_padded_to_4.bmp", [[10] * 5, [90] * 5, [170] * 5, [250] * 5]),
        ("bmp_rle8_run_one_past_the_row.bmp", [[10] * 5, [90] * 5, [170] * 5, [250] * 5]),
        (
            "bmp_rle8_jump_down.bmp",
            [[0] * 6, [0, 0, 0, 136, 136, 136], [119, 119, 119, 0, 0, 0], [102] * 6],
        ),
    ],
)
def test_a_run_length_encoded_bmp_is_read(name: str, rows: list[list[int]]) -> None:
    assert read(name)[..., 0].tolist() == rows


@pytest.mark.parametrize(
    ("name", "color"),
    [("bmp_bitfields_16_444.bmp", [204, 51, 17]), ("bmp_alpha_bitfields.bmp", [200, 50, 20])],
)
def test_bit_masks_are_read(name: str, color: list[int]) -> None:
    assert (read(name) == color).all()


def test_a_transparent_bmp_is_over_white() -> None:
    pixels = read("bmp_v5_half_transparent.bmp")

    assert pixels[0].tolist() == [[200, 50, 20]] * 4
    assert pixels[1].tolist() == [[255, 255, 255]] * 4


@pytest.mark.parametrize(
    "name", ["png_gray1_trns", "png_gray2_trns", "png_gray8_trns", "png_gray16_trns", "png_rgb16_trns"]
)  # fmt: skip
def test_a_transparent_color_is_white(name: str) -> None:
    assert (read(f"{name}.png")[0, :6] == 255).all()


def test_what_the_frame_of_a_gif_leaves_uncovered_is_white() -> None:
    pixels = read("gif_frame_smaller_than_screen.gif")

    assert (pixels[0, 0] == [200, 30, 30]).all()
    assert (pixels[-1, -1] == 255).all()


@pytest.mark.parametrize(
    ("name", "named"), [("tiff_300_tags", "256 tags"), ("tiff_float32", "floating-point")]
)
def test_an_unsupported_tiff_is_refused_by_name(name: str, named: str) -> None:
    with pytest.raises(UnsupportedImage, match=named):
        read(f"{name}.tif")


def test_every_picture_of_the_collection_is_covered() -> None:
    if not CASES.exists():
        pytest.skip(f"needs {CASES}, which is not part of the project")
    source = Path(__file__).read_text(encoding="utf-8")
    pictures = [p for p in CASES.iterdir() if p.suffix in (".jpg", ".bmp", ".png", ".gif", ".tif")]

    assert [p.name for p in pictures if p.stem not in source] == []
    for path in pictures:
        try:
            read(path.name)
        except PictureError as error:
            assert len(error.message) > 30  # noqa: PT017 - a refusal is allowed, not required
