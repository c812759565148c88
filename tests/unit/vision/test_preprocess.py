"""Pictures -> model inputs, and boxes back to the picture."""

from __future__ import annotations

import math
import tracemalloc
from dataclasses import replace
from typing import Literal

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carlens.images.types import Pixels, as_pixels
from carlens.models.manifest import InputSpec
from carlens.vision.preprocess import Placement, fit, to_batch
from tests.models_support import INPUT, Tensor
from tests.support import color_blocks

Resize = Literal["stretch", "letterbox", "crop"]
Align = Literal["center", "top_left"]

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)


def spec(
    width: int = 100, height: int = 100, resize: Resize = "stretch", align: Align = "center"
) -> InputSpec:
    return replace(INPUT, width=width, height=height, resize=resize, align=align)


def boxes(*rows: tuple[float, float, float, float]) -> Tensor:
    return np.array(rows, np.float32)


def at(pixels: Pixels, x: int, y: int) -> tuple[int, ...]:
    return tuple(int(channel) for channel in pixels[y, x])


# --- placement ---


def test_a_placement_maps_boxes_back() -> None:
    # Given a picture scaled to a half and a quarter, 10 right and 20 down
    placement = Placement(scale_x=0.5, scale_y=0.25, offset_x=10, offset_y=20)

    found = placement.to_picture(boxes((10, 20, 60, 45)))

    # Each coordinate minus its offset, divided by its scale.
    np.testing.assert_array_equal(found, [[0, 0, 100, 100]])
    assert found.dtype == np.float32


def test_stretch_ignores_the_aspect_ratio() -> None:
    fitted, placement = fit(color_blocks(64, 32), spec(100, 100))

    assert fitted.shape == (100, 100, 3)
    corners = [at(fitted, x, y) for y in (2, 97) for x in (2, 97)]
    assert corners == [RED, GREEN, BLUE, WHITE]
    assert placement == Placement(scale_x=100 / 64, scale_y=100 / 32)


@pytest.mark.parametrize(
    ("align", "top"),
    [("center", 25), ("top_left", 0)],
)
def test_letterbox_keeps_the_aspect_ratio_and_pads(align: Align, top: int) -> None:
    # Given a picture of 64 x 32 for an input of 100 x 100: it becomes 100 x 50
    fitted, placement = fit(color_blocks(64, 32), spec(100, 100, "letterbox", align))

    assert fitted.shape == (100, 100, 3)
    corners = [at(fitted, x, top + y) for y in (2, 47) for x in (2, 97)]
    assert corners == [RED, GREEN, BLUE, WHITE]
    assert placement == Placement(100 / 64, 50 / 32, 0, top)
    # And the rest is padding
    rest = np.delete(fitted, np.s_[top : top + 50], axis=0)
    assert (rest == 114).all()


@pytest.mark.parametrize(("align", "left"), [("center", 25), ("top_left", 0)])
def test_letterbox_of_an_upright_picture(align: Align, left: int) -> None:
    how = replace(spec(100, 100, "letterbox", align), pad=7)

    fitted, placement = fit(color_blocks(32, 64), how)

    assert placement == Placement(50 / 32, 100 / 64, left, 0)
    assert (np.delete(fitted, np.s_[left : left + 50], axis=1) == 7).all()
    assert at(fitted, left + 47, 2) == GREEN


def test_letterbox_rounds_down_to_whole_pixels() -> None:
    # 640 x 427 into 416 x 416: 427 * 416 / 640 is 277.55; the letterbox detectors were trained on
    # 277 rows.
    fitted, placement = fit(np.zeros((427, 640, 3), np.uint8), spec(416, 416, "letterbox"))

    assert np.count_nonzero((fitted == 0).all(axis=(1, 2))) == 277
    assert placement == Placement(416 / 640, 277 / 427, 0, (416 - 277) // 2)


@settings(deadline=None)
@given(
    st.tuples(st.integers(1, 60), st.integers(1, 5000)),
    st.booleans(),
    st.sampled_from([(300, 300), (640, 384)]),
)
def test_letterbox_fills_one_side_and_fits_the_other(
    shape: tuple[int, int], turned: bool, sides: tuple[int, int]
) -> None:
    height, width = shape[::-1] if turned else shape

    _, placement = fit(np.zeros((height, width, 3), np.uint8), spec(*sides, "letterbox"))

    new_width, new_height = placement.scale_x * width, placement.scale_y * height
    assert new_width == pytest.approx(sides[0]) or new_height == pytest.approx(sides[1])
    assert new_width <= sides[0] + 1e-6
    assert new_height <= sides[1] + 1e-6
    assert placement.offset_x == (sides[0] - round(new_width)) // 2
    assert placement.offset_y == (sides[1] - round(new_height)) // 2


@pytest.mark.parametrize("align", ["center", "top_left"])
def test_crop_keeps_the_aspect_ratio_and_the_middle(align: Align) -> None:
    # Given a picture of 64 x 32 for 100 x 100: the middle 32 x 32 is left
    fitted, placement = fit(color_blocks(64, 32), spec(100, 100, "crop", align))

    assert fitted.shape == (100, 100, 3)
    corners = [at(fitted, x, y) for y in (2, 97) for x in (2, 97)]
    assert corners == [RED, GREEN, BLUE, WHITE]
    # The middle starts at column 16
    assert placement == Placement(100 / 32, 100 / 32, -16 * 100 / 32, 0)


def test_a_picture_of_the_right_size_is_unchanged() -> None:
    pixels = color_blocks(100, 100)

    for resize in ("stretch", "letterbox", "crop"):
        fitted, placement = fit(pixels, spec(100, 100, resize))
        np.testing.assert_array_equal(fitted, pixels)
        assert placement == Placement(1, 1, 0, 0)


@pytest.mark.parametrize("resize", ["stretch", "letterbox", "crop"])
@pytest.mark.parametrize("size", [(1, 1), (1, 5000), (5000, 1), (2, 3), (20_000, 1), (1, 20_000)])
def test_pictures_of_any_shape_need_little_memory(resize: Resize, size: tuple[int, int]) -> None:
    # Given a picture that would be huge if it were enlarged before it is cropped
    pixels = np.zeros((size[1], size[0], 3), np.uint8)

    tracemalloc.start()
    fitted, placement = fit(pixels, spec(300, 300, resize))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert fitted.shape == (300, 300, 3)
    assert peak < 2_000_000
    assert min(placement.scale_x, placement.scale_y) > 0


@settings(max_examples=150, deadline=None)
@given(
    st.integers(40, 400),
    st.integers(40, 400),
    st.sampled_from([(64, 64), (300, 300), (200, 120), (90, 310)]),
    st.sampled_from(["stretch", "letterbox", "crop"]),
    st.sampled_from(["center", "top_left"]),
    st.tuples(*[st.floats(-1, 1)] * 2),
)
def test_a_box_in_the_input_maps_back_to_its_place_in_the_picture(
    width: int,
    height: int,
    sides: tuple[int, int],
    resize: Resize,
    align: Align,
    shift: tuple[float, float],
) -> None:
    # Given a white patch of at least 3 pixels of the input, somewhere in the visible part
    how = replace(spec(*sides, resize, align), pad=0, interpolation="area")
    pixels = np.zeros((height, width, 3), np.uint8)
    _, placement = fit(pixels, how)
    largest = max(1, 1 / placement.scale_x, 1 / placement.scale_y)
    side = max(6, math.ceil(3 * largest))
    shown = min(width, sides[0] / placement.scale_x), min(height, sides[1] / placement.scale_y)
    x1 = round((width - side + shift[0] * (shown[0] - side)) / 2)
    y1 = round((height - side + shift[1] * (shown[1] - side)) / 2)
    pixels[y1 : y1 + side, x1 : x1 + side] = 255

    # When the patch is located in the input and mapped back
    fitted, placement = fit(pixels, how)
    white = fitted[..., 0] > 127
    columns, rows = np.nonzero(white.any(axis=0))[0], np.nonzero(white.any(axis=1))[0]
    seen = boxes((columns[0], rows[0], columns[-1] + 1, rows[-1] + 1))
    found = placement.to_picture(seen)[0]

    # Then it is where it was drawn, to a pixel of the picture or of the input, whichever is larger
    np.testing.assert_allclose(found, [x1, y1, x1 + side, y1 + side], atol=largest)


# --- interpolation ---


def test_area_averages_when_shrinking_and_linear_does_not() -> None:
    # Given rows of black, white, white, black, which shrink to one
    pixels = np.zeros((64, 64, 3), np.uint8)
    pixels[1::4] = pixels[2::4] = 255

    linear, _ = fit(pixels, spec(16, 16))
    area, _ = fit(pixels, replace(spec(16, 16), interpolation="area"))

    # Then area gives their mean, and linear uses only the two in the middle
    assert np.abs(area.astype(int) - 127.5).max() <= 1
    assert (linear == 255).all()


@pytest.mark.parametrize("turned", [False, True])
def test_area_averages_when_one_side_shrinks_and_the_other_grows(turned: bool) -> None:
    # Given columns, or rows, of black, white, white, black, which shrink to one
    pixels = np.zeros((16, 64, 3), np.uint8)
    pixels[:, 1::4] = pixels[:, 2::4] = 255
    size = (16, 20)
    if turned:
        pixels, size = pixels.transpose(1, 0, 2).copy(), (20, 16)

    area, _ = fit(pixels, replace(spec(*size), interpolation="area"))

    assert np.abs(area.astype(int) - 127.5).max() <= 1


@pytest.mark.parametrize("turned", [False, True])
def test_area_keeps_the_detail_of_the_side_that_does_not_shrink(turned: bool) -> None:
    # Given columns, or rows, of black and white, each as wide as a pixel of the input
    pixels = np.zeros((2000, 224, 3), np.uint8)
    pixels[:, 1::2] = 255
    expected = pixels[:224]
    if turned:
        pixels, expected = pixels.transpose(1, 0, 2).copy(), expected.transpose(1, 0, 2)

    area, _ = fit(pixels, replace(spec(224, 224), interpolation="area"))

    np.testing.assert_array_equal(area, expected)


def test_area_is_linear_when_growing() -> None:
    pixels = color_blocks(8, 8)

    linear, _ = fit(pixels, spec(20, 20))
    area, _ = fit(pixels, replace(spec(20, 20), interpolation="area"))

    np.testing.assert_array_equal(area, linear)


# --- batches ---

PIXEL: Pixels = np.array([[[10, 20, 30]]], np.uint8)


def test_rgb_nhwc_leaves_the_picture_unchanged() -> None:
    batch = to_batch([color_blocks(8, 4), color_blocks(8, 4)[::-1]], INPUT)

    assert batch.shape == (2, 4, 8, 3)
    assert batch.dtype == np.float32
    np.testing.assert_array_equal(batch[0], color_blocks(8, 4))
    np.testing.assert_array_equal(batch[1], color_blocks(8, 4)[::-1])


def test_bgr_reverses_the_channels() -> None:
    batch = to_batch([PIXEL], replace(INPUT, color="BGR"))

    np.testing.assert_array_equal(batch, [[[[30, 20, 10]]]])


def test_nchw_has_the_channels_first() -> None:
    batch = to_batch([color_blocks(8, 4)], replace(INPUT, layout="NCHW"))

    assert batch.shape == (1, 3, 4, 8)
    assert batch.flags.c_contiguous
    # Top left is red, bottom left blue
    assert batch[0, :, 0, 0].tolist() == [255, 0, 0]
    assert batch[0, :, 3, 0].tolist() == [0, 0, 255]


@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
@pytest.mark.parametrize("color", ["RGB", "BGR"])
def test_mean_and_std_apply_to_the_channels_in_the_order_of_the_model(
    layout: Literal["NHWC", "NCHW"], color: Literal["RGB", "BGR"]
) -> None:
    how = replace(INPUT, layout=layout, color=color, mean=(1.0, 2.0, 3.0), std=(2.0, 4.0, 0.5))

    found = to_batch([PIXEL], how).ravel()

    # The mean and the standard deviation belong to the color, not to its position.
    if color == "RGB":
        expected = [(10 - 1) / 2, (20 - 2) / 4, (30 - 3) / 0.5]
    else:
        expected = [(30 - 1) / 2, (20 - 2) / 4, (10 - 3) / 0.5]
    np.testing.assert_allclose(found, expected)


def test_std_alone_and_mean_alone_apply() -> None:
    scaled = to_batch([PIXEL], replace(INPUT, std=(255.0, 255.0, 255.0)))
    shifted = to_batch([PIXEL], replace(INPUT, mean=(10.0, 20.0, 30.0)))

    np.testing.assert_allclose(scaled.ravel(), [10 / 255, 20 / 255, 30 / 255], rtol=1e-6)
    np.testing.assert_array_equal(shifted.ravel(), [0, 0, 0])


def test_a_batch_does_not_change_its_pictures() -> None:
    pixels = color_blocks()
    before = pixels.copy()

    to_batch([pixels], replace(INPUT, mean=(9.0, 9.0, 9.0), std=(3.0, 3.0, 3.0)))

    np.testing.assert_array_equal(pixels, before)


@pytest.mark.parametrize("size", [(957, 562), (230, 1000), (2000, 1503), (224, 225), (3000, 300)])
def test_area_interpolation_is_the_mean_of_the_pixels_it_covers(size: tuple[int, int]) -> None:
    # Given detail as fine as a pixel, of which linear interpolation would use every tenth
    noise = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), np.uint8)
    smooth = cv2.GaussianBlur(noise, (0, 0), 1.5)

    fitted, _ = fit(as_pixels(smooth), replace(spec(224, 224), interpolation="area"))

    # Then it equals OpenCV's result within one level
    area = cv2.resize(smooth, (224, 224), interpolation=cv2.INTER_AREA)
    assert np.abs(fitted.astype(int) - area).mean() < 1.5
