"""Raw outputs -> boxes and scores, on tensors small enough to check by hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carlens.models.manifest import DETECTORS, REDACTORS, Decoder, OutputSpec
from carlens.vision.decoders import (
    DECODERS,
    detr,
    nanodet,
    sigmoid,
    softmax,
    ssd,
    torchvision,
    yolo,
    yolo_end2end,
    yolox,
)
from tests.models_support import INPUT, Tensor

# Wide, so that swapping x and y is noticed.
SIZE = replace(INPUT, width=200, height=100)
NAN, INF = float("nan"), float("inf")


def spec(decoder: Decoder, **more: Any) -> OutputSpec:
    return OutputSpec(decoder=decoder, names=("a",), **more)


def tensor(rows: Sequence[Sequence[float]]) -> Tensor:
    return np.array(rows, np.float32)


def test_every_detection_decoder_is_implemented() -> None:
    assert set(DECODERS) == set(REDACTORS)
    assert {*REDACTORS, "softmax"} == set(get_args(Decoder))


# --- ssd ---


def test_ssd_swaps_the_axes_and_scales_to_the_input() -> None:
    # y1, x1, y2, x2 as fractions of 100 high and 200 wide
    boxes = tensor([[0.1, 0.2, 0.5, 0.6], [0, 0, 1, 1]])
    scores = tensor([[0.9, 0.1], [0.2, 0.8]])

    found, same = ssd([boxes, scores], spec("ssd"), SIZE)

    # x1 = 0.2 * 200, y1 = 0.1 * 100, x2 = 0.6 * 200, y2 = 0.5 * 100
    np.testing.assert_allclose(found, [[40, 10, 120, 50], [0, 0, 200, 100]], rtol=1e-6)
    np.testing.assert_array_equal(same, scores)


# --- nanodet ---


def bins(*distances: int, last: int, sure: float = 50.0) -> list[float]:
    """Return logits of distributions that each have all their probability in one bin."""
    return [sure if i == distance else 0.0 for distance in distances for i in range(last + 1)]


def test_nanodet_adds_distances_to_the_points() -> None:
    # Given strides of 100 and 50 on 200 x 100: 2 x 1 points, then 4 x 2, row by row
    strides = (100, 50)
    still = [0.1, 0.2, *bins(0, 0, 0, 0, last=3)]
    raw = tensor([still] * 10)
    raw[1] = [0.7, 0.3, *bins(0, 1, 2, 3, last=3)]
    raw[2 + 4 + 3] = [0.4, 0.6, *bins(3, 2, 1, 0, last=3)]

    # When
    boxes, scores = nanodet([raw], spec("nanodet", strides=strides, reg_max=3), SIZE)

    # Then the second point of the first grid is at (1 * 100, 0 * 100), without an offset of a half,
    # and its distances to left, top, right and bottom are (0, 1, 2, 3) * 100
    assert boxes.shape == (10, 4)
    np.testing.assert_allclose(boxes[1], [100 - 0, 0 - 100, 100 + 200, 0 + 300], atol=1e-3)
    # And the last point of the second grid is at (3 * 50, 1 * 50), with distances (3, 2, 1, 0) * 50
    np.testing.assert_allclose(boxes[9], [150 - 150, 50 - 100, 150 + 50, 50 + 0], atol=1e-3)
    # And where all distances are 0, the box is the point itself
    np.testing.assert_allclose(boxes[7], [50, 50, 50, 50], atol=1e-3)
    np.testing.assert_allclose(scores[[0, 1, 9]], [[0.1, 0.2], [0.7, 0.3], [0.4, 0.6]])


def test_nanodet_takes_the_mean_of_each_distribution() -> None:
    # Given bins 0..1, with weights 1 : 3 to the left and 1 : 1 elsewhere
    one_to_three = [0.0, np.log(3)]
    raw = tensor([[0.5, *one_to_three, 7, 7, -9, -9, 0, 0]])
    size = replace(INPUT, width=10, height=10)

    boxes, _ = nanodet([raw], spec("nanodet", strides=(10,), reg_max=1), size)

    # Then left is 0 * 1/4 + 1 * 3/4, the others 0 * 1/2 + 1 * 1/2, times the stride of 10
    np.testing.assert_allclose(boxes, [[-7.5, -5, 5, 5]], rtol=1e-6)


def test_nanodet_counts_points_that_are_partly_outside() -> None:
    # 416 / 64 is 6.5: 7 x 7 points
    size = replace(INPUT, width=416, height=416)
    raw = np.zeros((49, 1 + 32), np.float32)

    boxes, _ = nanodet([raw], spec("nanodet", strides=(64,)), size)

    # Eight equal bins have a mean of 3.5, times 64; the last point is at 6 * 64
    np.testing.assert_allclose(boxes[-1], [384 - 224, 384 - 224, 384 + 224, 384 + 224])


# --- yolox ---


def test_yolox_adds_offsets_to_cells_and_exponentiates_sides() -> None:
    # Given strides of 100 and 50 on 200 x 100: 2 x 1 cells, then 4 x 2, row by row
    raw = np.zeros((10, 5 + 2), np.float32)
    raw[1] = [0.5, 0.25, np.log(1.5), np.log(0.5), 0.5, 0.8, 0.1]
    raw[2 + 4 + 2] = [-0.5, 1.0, 0, np.log(2), 0.9, 0.0, 1.0]

    boxes, scores = yolox([raw], spec("yolox", strides=(100, 50)), SIZE)

    # Then the second cell of the first grid, column 1 and row 0, has its center at ((1 + 0.5) *
    # 100, (0 + 0.25) * 100) and sides of 1.5 * 100 and 0.5 * 100
    np.testing.assert_allclose(boxes[1], [150 - 75, 25 - 25, 150 + 75, 25 + 25], rtol=1e-5)
    # And the third cell in the last row of the second grid, column 2 and row 1, has its center at
    # ((2 - 0.5) * 50, (1 + 1) * 50) and sides of 1 * 50 and 2 * 50
    np.testing.assert_allclose(boxes[8], [75 - 25, 100 - 50, 75 + 25, 100 + 50], rtol=1e-5)
    # And scores are objectness times class score
    np.testing.assert_allclose(scores[[0, 1, 8]], [[0.0, 0.0], [0.4, 0.05], [0.0, 0.9]], rtol=1e-6)


def test_yolox_limits_the_sides() -> None:
    # Given logarithms whose exponentials overflow float32
    size = replace(INPUT, width=10, height=10)
    raw = tensor([[0, 0, 1000, 88, 1, 1]])

    with np.errstate(over="raise", invalid="raise"):
        boxes, _ = yolox([raw], spec("yolox", strides=(10,)), size)

    # Then the sides are e^16 * 10: finite, and far larger than any picture
    half = np.exp(16) * 10 / 2
    np.testing.assert_allclose(boxes, [[-half, -half, half, half]], rtol=1e-5)


# --- yolo ---


def test_yolo_has_one_column_per_box() -> None:
    # Rows: center x, center y, width, height, and one score per class
    raw = tensor([[50, 10], [40, 20], [20, 4], [10, 6], [0.9, 0.1], [0.2, 0.3], [0.0, 0.4]])

    boxes, scores = yolo([raw], spec("yolo"), SIZE)

    np.testing.assert_allclose(boxes, [[40, 35, 60, 45], [8, 17, 12, 23]])
    np.testing.assert_allclose(scores, [[0.9, 0.2, 0.0], [0.1, 0.3, 0.4]])


# --- yolo-end2end ---


def test_yolo_end2end_has_a_row_a_box() -> None:
    # Columns: x1, y1, x2, y2, score, class
    raw = tensor([[40, 35, 60, 45, 0.9, 2], [8, 17, 12, 23, 0.25, 0], [0, 0, 0, 0, 0, 0]])

    boxes, scores = yolo_end2end([raw], spec("yolo-end2end", classes=3), SIZE)

    np.testing.assert_array_equal(boxes, [[40, 35, 60, 45], [8, 17, 12, 23], [0, 0, 0, 0]])
    np.testing.assert_array_equal(scores, tensor([[-1, -1, 0.9], [0.25, -1, -1], [0, -1, -1]]))


@pytest.mark.parametrize("unknown", [3, -1, -0.5, 1e9, NAN, INF, -INF])
def test_a_class_that_has_no_label_gets_no_score(unknown: float) -> None:
    raw = tensor([[0, 0, 9, 9, 0.9, unknown], [0, 0, 9, 9, 0.8, 1]])

    _, scores = yolo_end2end([raw], spec("yolo-end2end", classes=3), SIZE)

    np.testing.assert_array_equal(scores, tensor([[-1, -1, -1], [-1, 0.8, -1]]))


# --- torchvision ---


@pytest.mark.parametrize(
    ("first_label", "expected"),
    [
        # Label 0 is the background, so the first line of the labels is label 1.
        (1, [[-1, 0.9], [0.4, -1], [-1, -1]]),
        (0, [[-1, -1], [-1, 0.4], [0.3, -1]]),
    ],
)
def test_torchvision_has_a_label_a_box(first_label: int, expected: list[list[float]]) -> None:
    boxes = tensor([[40, 35, 60, 45], [8, 17, 12, 23], [1, 2, 3, 4]])
    labels, scores = np.array([2, 1, 0], np.float32), np.array([0.9, 0.4, 0.3], np.float32)

    found, spread = torchvision(
        [boxes, labels, scores], spec("torchvision", classes=2, first_label=first_label), SIZE
    )

    np.testing.assert_array_equal(found, boxes)
    np.testing.assert_array_equal(spread, tensor(expected))


def test_no_boxes_of_torchvision_are_no_boxes() -> None:
    none = np.zeros(0, np.float32)

    boxes, scores = torchvision(
        [np.zeros((0, 4), np.float32), none, none], spec("torchvision", classes=2), SIZE
    )

    assert (boxes.shape, scores.shape) == ((0, 4), (0, 2))


# --- detr ---


def test_detr_with_softmax_drops_the_no_object_class() -> None:
    # Given one query with odds of 2 : 1 : 5, the last for "no object"
    logits = tensor([[np.log(2), 0.0, np.log(5)]])
    # center x, center y, width, height as fractions of 200 wide and 100 high
    boxes = tensor([[0.5, 0.5, 0.1, 0.4]])

    found, scores = detr([logits, boxes], spec("detr"), SIZE)

    np.testing.assert_allclose(scores, [[2 / 8, 1 / 8]], rtol=1e-6)
    # Horizontally 0.5 -+ 0.05 of 200 pixels, vertically 0.5 -+ 0.2 of 100.
    np.testing.assert_allclose(found, [[90, 30, 110, 70]], rtol=1e-6)


def test_detr_with_sigmoid_keeps_every_class() -> None:
    # Given logits with odds of 1 : 1, 3 : 1 and 1 : 4
    logits = tensor([[0.0, np.log(3), -np.log(4)]])
    boxes = tensor([[0.25, 0.75, 0.5, 0.5]])

    found, scores = detr([logits, boxes], spec("detr", activation="sigmoid"), SIZE)

    np.testing.assert_allclose(scores, [[1 / 2, 3 / 4, 1 / 5]], rtol=1e-6)
    np.testing.assert_allclose(found, [[0, 50, 100, 100]], rtol=1e-6)


# --- activations ---


def test_softmax_by_hand() -> None:
    found = softmax(tensor([[0, np.log(3)], [5, 5]]))

    np.testing.assert_allclose(found, [[1 / 4, 3 / 4], [1 / 2, 1 / 2]], rtol=1e-6)
    assert found.dtype == np.float32


def test_softmax_of_large_logits_neither_overflows_nor_vanishes() -> None:
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        found = softmax(tensor([[1e30, 1e30, -1e30], [1000, 999, 0], [-1e30, -1e30, -1e30]]))

    odds = 1 / (1 + np.exp(-1))
    expected = [[0.5, 0.5, 0], [odds, 1 - odds, 0], [1 / 3, 1 / 3, 1 / 3]]
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_sigmoid_by_hand_and_at_its_limits() -> None:
    with np.errstate(over="raise", invalid="raise"):
        found = sigmoid(tensor([[0, np.log(9), -np.log(9), 1e30, -1e30, INF, -INF]]))

    np.testing.assert_allclose(found, [[0.5, 0.9, 0.1, 1, 0, 1, 0]], rtol=1e-6)
    assert found.dtype == np.float32


@settings(deadline=None)
@given(st.lists(st.floats(-(2.0**99), 2.0**99, width=32), min_size=1, max_size=9))
def test_softmax_gives_probabilities(logits: list[float]) -> None:
    found = softmax(tensor([logits]))[0]

    assert found.min() >= 0
    assert found.sum() == pytest.approx(1, abs=1e-5)
    assert found[np.argmax(logits)] == found.max()


def test_centerface_gives_a_box_for_each_point() -> None:
    # Given a map of 2 x 3 points with one face, whose center is a fourth of a point to the right
    raw = np.zeros((5, 2, 3), np.float32)
    raw[:, 1, 2] = (0.75, np.log(3), np.log(2), 0, 0.25)

    boxes, scores = DECODERS["centerface"]([raw], spec("centerface"), SIZE)

    # Then the box is 8 x 12 pixels around x = (2 + 0.25 + 0.5) * 4, y = (1 + 0.5) * 4
    assert scores.shape == (6, 1)
    assert scores[5, 0] == 0.75
    assert boxes[5].tolist() == pytest.approx([7, 0, 15, 12], abs=1e-5)


# --- hostile outputs: each decoder must accept any value ---

SHAPES: dict[Decoder, list[tuple[int, ...]]] = {
    "ssd": [(6, 4), (6, 3)],
    "nanodet": [(10, 3 + 4 * 8)],
    "yolox": [(10, 5 + 3)],
    "yolo": [(4 + 3, 6)],
    "yolo-end2end": [(6, 6)],
    "detr": [(6, 4), (6, 4)],
    "torchvision": [(6, 4), (6,), (6,)],
}


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("value", [NAN, INF, -INF, 3e38, -3e38, 0.0])
@pytest.mark.parametrize("decoder", DETECTORS)
def test_no_value_makes_a_decoder_fail(decoder: Decoder, value: float) -> None:
    outputs = [np.full(shape, value, np.float32) for shape in SHAPES[decoder]]

    boxes, scores = DECODERS[decoder](outputs, spec(decoder, strides=(100, 50), classes=3), SIZE)

    # The detector drops boxes that are not finite; here every box only needs its row.
    assert boxes.shape == (len(scores), 4)
    assert scores.shape[1] == 3
    assert boxes.dtype == scores.dtype == np.float32


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("value", [NAN, INF, -INF])
@pytest.mark.parametrize("decoder", DETECTORS)
def test_a_box_that_is_not_finite_does_not_affect_the_others(
    decoder: Decoder, value: float
) -> None:
    # Given outputs in which the last box is not finite
    rng = np.random.default_rng(7)
    good = [rng.random(shape, np.float32) for shape in SHAPES[decoder]]
    bad = [array.copy() for array in good]
    for array in bad:
        array[(..., -1) if decoder == "yolo" else -1] = value

    # When both are decoded
    output = spec(decoder, strides=(100, 50), classes=3)
    expected = DECODERS[decoder](good, output, SIZE)
    found = DECODERS[decoder](bad, output, SIZE)

    # Then all boxes but the last are unchanged
    for have, want in zip(found, expected, strict=True):
        np.testing.assert_array_equal(have[:-1], want[:-1])


@pytest.mark.parametrize("decoder", ["ssd", "yolo", "detr"])
def test_no_boxes_give_no_boxes(decoder: Decoder) -> None:
    outputs = [
        np.zeros((rows, 0) if decoder == "yolo" else (0, columns), np.float32)
        for rows, columns in SHAPES[decoder]
    ]

    boxes, scores = DECODERS[decoder](outputs, spec(decoder), SIZE)

    assert boxes.shape == (0, 4)
    assert scores.shape == (0, 3)
