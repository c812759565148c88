"""Boxes: IoU, non-maximum suppression, clipping and growing."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from carlens.vision.boxes import Boxes, Classes, Scores, area, clip, from_center, grow, iou, nms


def boxes_of(*boxes: tuple[float, float, float, float]) -> Boxes:
    return np.array(boxes, np.float32).reshape(-1, 4)


def scores_of(*scores: float) -> Scores:
    return np.array(scores, np.float32)


def groups_of(*groups: int) -> Classes:
    return np.array(groups, np.intp)


def overlap(a: tuple[float, float, float, float], b: tuple[float, float, float, float]) -> float:
    return float(iou(boxes_of(a)[0], boxes_of(b))[0])


# --- area and IoU ---


def test_area_is_width_times_height() -> None:
    found = area(boxes_of((0, 0, 1, 1), (10, 20, 13, 24), (5, 5, 5, 9), (5, 5, 4, 4), (9, 0, 0, 9)))

    # An inverted box has no area, even when both its sides are negative.
    np.testing.assert_array_equal(found, [1, 12, 0, 0, 0])


def test_an_empty_array_has_no_areas() -> None:
    assert area(boxes_of()).shape == (0,)
    assert iou(boxes_of((0, 0, 1, 1))[0], boxes_of()).shape == (0,)


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        ((20, 20, 30, 30), 0.0),  # apart
        ((20, 0, 30, 10), 0.0),  # apart to the side
        ((10, 0, 20, 10), 0.0),  # touching along a side
        ((10, 10, 20, 20), 0.0),  # touching at a corner
        ((0, 0, 10, 10), 1.0),  # identical
        ((0, 0, 5, 10), 0.5),  # inside: 50 / 100
        ((2, 2, 7, 7), 0.25),  # inside: 25 / 100
        ((-10, -10, 20, 20), 1 / 9),  # enclosing: 100 / 900
        ((5, 0, 15, 10), 1 / 3),  # halves: 50 / (100 + 100 - 50)
        ((5, 5, 15, 15), 1 / 7),  # quarters: 25 / (100 + 100 - 25)
        ((3, 3, 3, 9), 0.0),  # zero width
        ((8, 8, 2, 2), 0.0),  # inverted
    ],
)
def test_overlap(other: tuple[float, float, float, float], expected: float) -> None:
    assert overlap((0, 0, 10, 10), other) == pytest.approx(expected, abs=1e-6)
    assert overlap(other, (0, 0, 10, 10)) == pytest.approx(expected, abs=1e-6)


def test_overlap_does_not_add_one_to_the_intersection() -> None:
    """Defect 8 of the original: it added a pixel to the intersection but not to the areas."""
    # There, boxes that only touch had an intersection of 1 x 11 pixels, and a box with itself 121 /
    # 79.
    assert overlap((0, 0, 10, 10), (10, 0, 20, 10)) == 0
    assert overlap((0, 0, 10, 10), (0, 0, 10, 10)) == 1
    assert overlap((0, 0, 1, 1), (0, 0, 1, 2)) == 0.5


def test_overlap_of_boxes_without_area_is_zero_and_not_nan() -> None:
    with np.errstate(all="raise"):
        assert overlap((5, 5, 5, 5), (5, 5, 5, 5)) == 0


sides = st.floats(-100, 100, width=32)
any_box = st.tuples(sides, sides, sides, sides)


@settings(deadline=None)
@given(any_box, any_box)
def test_overlap_is_symmetric_and_between_0_and_1(
    a: tuple[float, float, float, float], b: tuple[float, float, float, float]
) -> None:
    found = overlap(a, b)

    assert 0 <= found <= 1 + 1e-6
    assert found == pytest.approx(overlap(b, a), abs=1e-6)


# --- non-maximum suppression ---

FIRST = (0.0, 0.0, 10.0, 10.0)
NEAR = (0.0, 0.0, 10.0, 8.0)  # IoU 0.8 with FIRST
APART = (50.0, 50.0, 60.0, 60.0)


def test_the_most_confident_of_overlapping_boxes_is_kept() -> None:
    boxes = boxes_of(NEAR, APART, FIRST)

    kept = nms(boxes, scores_of(0.6, 0.3, 0.9), groups_of(0, 0, 0), 0.5)

    assert kept.tolist() == [2, 1]


def test_suppression_removes_the_right_boxes() -> None:
    """Defect 8 of the original: it deleted by index while the indices shifted."""
    # Given shuffled pairs of duplicates, so that many boxes are removed
    boxes = boxes_of(FIRST, APART, NEAR, (100, 0, 110, 10), (50, 50, 60, 59), (100, 0, 110, 9))
    scores = scores_of(0.5, 0.6, 0.7, 0.9, 0.8, 0.4)

    kept = nms(boxes, scores, groups_of(*[0] * 6), 0.5)

    # Then the more confident box of each pair is kept
    assert kept.tolist() == [3, 4, 2]


def test_boxes_are_ordered_by_score() -> None:
    apart = boxes_of(*((20.0 * i, 0, 20.0 * i + 10, 10) for i in range(5)))

    kept = nms(apart, scores_of(0.2, 0.9, 0.1, 0.7, 0.8), groups_of(0, 1, 0, 1, 0), 0.5)

    assert kept.tolist() == [1, 4, 3, 0, 2]


def test_of_equal_scores_the_earlier_box_is_kept_and_comes_first() -> None:
    boxes = boxes_of(APART, FIRST, NEAR)

    kept = nms(boxes, scores_of(0.5, 0.5, 0.5), groups_of(0, 0, 0), 0.5)

    assert kept.tolist() == [0, 1]


def test_boxes_of_different_groups_do_not_suppress_each_other() -> None:
    boxes = boxes_of(FIRST, FIRST, FIRST, FIRST)

    kept = nms(boxes, scores_of(0.6, 0.7, 0.8, 0.9), groups_of(0, 1, 0, 7), 0.5)

    assert kept.tolist() == [3, 2, 1]


def test_groups_are_independent_wherever_their_boxes_are() -> None:
    # Given boxes to the left of and above the picture, and one far beyond it
    boxes = boxes_of((-30, -30, -10, -10), (-40, -40, -20, -20), (-41, -41, -21, -21), FIRST)

    kept = nms(boxes, scores_of(0.9, 0.8, 0.7, 0.6), groups_of(0, 1, 2, 3), 0.1)

    assert kept.tolist() == [0, 1, 2, 3]


def test_overlap_at_the_threshold_is_kept() -> None:
    # 50 / 100 is exactly 0.5
    boxes = boxes_of(FIRST, (0, 0, 10, 5))
    arguments = boxes, scores_of(0.9, 0.8), groups_of(0, 0)

    assert nms(*arguments, 0.5).tolist() == [0, 1]
    assert nms(*arguments, 0.499).tolist() == [0]


def test_small_boxes_of_high_classes_in_large_pictures_are_measured_correctly() -> None:
    # Given two boxes of 1.2 x 1 pixels that share 0.4 x 1 (IoU 0.2), far from the origin of a large
    # picture
    boxes = boxes_of((19000, 19000, 19001.2, 19001), (19000.8, 19000, 19002, 19001))

    # When the class number is high, then the result is the same as for class 0
    for group in (0, 89):
        kept = nms(boxes, scores_of(0.9, 0.8), groups_of(group, group), 0.22)
        assert kept.tolist() == [0, 1], group


def test_a_threshold_of_1_keeps_everything_and_of_0_only_boxes_that_do_not_overlap() -> None:
    boxes = boxes_of(FIRST, FIRST, (10, 0, 20, 10), (9, 0, 19, 10))
    arguments = boxes, scores_of(0.9, 0.8, 0.7, 0.6), groups_of(0, 0, 0, 0)

    assert nms(*arguments, 1.0).tolist() == [0, 1, 2, 3]
    assert nms(*arguments, 0.0).tolist() == [0, 2]


def test_no_boxes_give_no_boxes() -> None:
    kept = nms(boxes_of(), scores_of(), groups_of(), 0.5)

    assert kept.shape == (0,)
    assert kept.dtype == np.intp


def test_boxes_of_the_same_kind_do_not_suppress_each_other() -> None:
    # Given two cars and a truck, all in one group and in the same place
    boxes = boxes_of(FIRST, NEAR, (0, 0, 10, 9))

    kept = nms(boxes, scores_of(0.9, 0.8, 0.7), groups_of(0, 0, 0), 0.5, kinds=groups_of(2, 2, 7))

    # Then both cars are kept and the truck is removed
    assert kept.tolist() == [0, 1]


def slow_nms(
    boxes: Boxes, scores: Scores, groups: Classes, threshold: float, kinds: Classes | None
) -> list[int]:
    """Apply the rule literally, one pair at a time, in plain Python numbers."""
    kept: list[int] = []
    for i in sorted(range(len(boxes)), key=lambda i: (-scores[i], i)):
        for k in kept:
            same_group = groups[i] == groups[k]
            same_kind = kinds is not None and kinds[i] == kinds[k]
            if same_group and not same_kind and slow_iou(boxes[i], boxes[k]) > threshold:
                break
        else:
            kept.append(i)
    return kept


def slow_iou(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    ax1, ay1, ax2, ay2 = (int(side) for side in a)
    bx1, by1, bx2, by2 = (int(side) for side in b)
    shared = max(0, min(ax2, bx2) - max(ax1, bx1)) * max(0, min(ay2, by2) - max(ay1, by1))
    total = (ax2 - ax1) * (ay2 - ay1) + (bx2 - bx1) * (by2 - by1) - shared
    return shared / total if total else 0.0


# Whole pixels, so that both compute areas exactly, and few positions, so that many boxes overlap.
starts, lengths = st.integers(-5, 12), st.integers(0, 12)
some_box = st.tuples(starts, starts, lengths, lengths)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.tuples(some_box, st.integers(0, 5), st.integers(0, 3), st.integers(0, 2)), max_size=15
    ),
    st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.55, 0.6, 0.75, 1.0]),
    st.integers(-30_000, 30_000),
    st.booleans(),
)
def test_suppression_equals_a_slow_and_plain_implementation(
    found: list[tuple[tuple[int, int, int, int], int, int, int]],
    threshold: float,
    away: int,
    by_kind: bool,
) -> None:
    boxes = boxes_of(
        *((x + away, y + away, x + away + w, y + away + h) for (x, y, w, h), *_ in found)
    )
    scores = scores_of(*(score / 5 for _, score, _, _ in found))
    groups = groups_of(*(90 - group for _, _, group, _ in found))
    kinds = groups_of(*(kind for *_, kind in found)) if by_kind else None

    kept = nms(boxes, scores, groups, float(np.float32(threshold)), kinds)

    assert kept.tolist() == slow_nms(boxes, scores, groups, float(np.float32(threshold)), kinds)


# --- clipping and growing ---


def test_clip_cuts_at_the_edges_of_the_picture() -> None:
    boxes = boxes_of((-5, -5, 5, 5), (90, 40, 110, 60), (200, 10, 300, 20), (10, 10, 20, 20))

    found = clip(boxes, 100, 50)

    expected = [[0, 0, 5, 5], [90, 40, 100, 50], [100, 10, 100, 20], [10, 10, 20, 20]]
    np.testing.assert_array_equal(found, expected)
    assert found.dtype == np.float32


def test_grow_moves_each_side_by_a_share_of_the_box() -> None:
    # 10 x 20 pixels grown by 0.1: 1 to the left and right, 2 up and down
    found = grow(boxes_of((10, 10, 20, 30), (0, 0, 0, 0)), 0.1)

    np.testing.assert_allclose(found, [[9, 8, 21, 32], [0, 0, 0, 0]])
    assert found.dtype == np.float32


def test_growing_by_zero_returns_the_same_box() -> None:
    boxes = boxes_of((1, 2, 3, 4))

    np.testing.assert_array_equal(grow(boxes, 0), boxes)


def test_from_center() -> None:
    found = from_center(boxes_of((10, 20, 4, 6), (0.5, 0.5, 1, 1)))

    np.testing.assert_array_equal(found, [[8, 17, 12, 23], [0, 0, 1, 1]])
    assert found.dtype == np.float32
