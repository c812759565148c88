"""Pictures -> views, and boxes that views cut off or that are parts of others."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carlens.vision.candidates import Candidates
from carlens.vision.tiling import (
    View,
    choose_views,
    find_hints,
    is_cut,
    is_part,
    place_tiles,
    tile,
)
from tests.models_support import Box

# --- views ---


@pytest.mark.parametrize("slices", [1, 2, 3])
def test_views_are_the_whole_picture_and_a_grid(slices: int) -> None:
    views = tile(1000, 500, slices)

    assert views[0] == (0, 0, 1000, 500)
    assert len(views) == (1 if slices == 1 else 1 + slices**2)
    assert len(set(views)) == len(views)


def test_two_by_two_tiles_by_hand() -> None:
    # Two tiles that overlap by a fifth cover 1.8 of their sides: 900 / 1.8 = 500, 450 / 1.8 = 250
    assert tile(900, 450, 2) == [
        (0, 0, 900, 450),
        (0, 0, 500, 250),
        (400, 0, 900, 250),
        (0, 200, 500, 450),
        (400, 200, 900, 450),
    ]


# Narrower pictures are not tiled.
tiled_sides = st.integers(64, 5000)


@settings(deadline=None)
@given(tiled_sides, tiled_sides, st.sampled_from([2, 3]))
def test_tiles_cover_the_picture_and_overlap_by_a_fifth(
    width: int, height: int, slices: int
) -> None:
    views = tile(width, height, slices)[1:]

    for low, high, side in ((0, 2, width), (1, 3, height)):
        spans = sorted({(view[low], view[high]) for view in views})
        assert len(spans) == slices
        assert spans[0][0] == 0
        assert spans[-1][1] == side
        lengths = [end - start for start, end in spans]
        assert len(set(lengths)) == 1
        for (_, end), (start, _) in pairwise(spans):
            assert end - start == pytest.approx(lengths[0] / 5, abs=2)
    assert len(views) == slices**2


@pytest.mark.parametrize(
    ("width", "height", "views"),
    [
        (149, 119, 1),  # less than 1.5 times the input of 100 x 80
        (150, 80, 5),
        (100, 120, 5),
        (400, 63, 1),  # too narrow
        (400, 64, 5),
        (64, 400, 5),
        (63, 400, 1),
    ],
)
def test_clearly_larger_pictures_are_tiled(width: int, height: int, views: int) -> None:
    assert len(choose_views(width, height, 2, (100, 80))) == views
    assert choose_views(width, height, 1, (100, 80)) == [(0, 0, width, height)]


# --- boxes at edges ---

INNER = View(100, 200, 200, 400)  # in a picture of 300 x 600


@pytest.mark.parametrize(
    ("box", "cut"),
    [
        ((110, 210, 190, 390), False),
        # 1.2 % of the view's width is 1.2, of its height 2.4
        ((101.1, 210, 190, 390), True),
        ((101.3, 210, 190, 390), False),
        ((110, 202.3, 190, 390), True),
        ((110, 202.5, 190, 390), False),
        ((110, 210, 198.9, 390), True),
        ((110, 210, 198.7, 390), False),
        ((110, 210, 190, 397.7), True),
        ((110, 210, 190, 397.5), False),
        ((50, 210, 190, 390), True),
    ],
)
def test_a_box_close_to_an_inner_edge_is_cut_off(box: Box, cut: bool) -> None:
    assert is_cut(np.array([box], np.float32), INNER, 300, 600).tolist() == [cut]


def test_a_box_exactly_at_the_limit_is_cut_off() -> None:
    # Given a view of 250 x 500, of which 1.2 % are 3 and 6
    view = View(100, 200, 350, 700)
    boxes = [(103, 300, 200, 400), (200, 206, 250, 400), (200, 300, 347, 400), (200, 300, 250, 694)]

    assert is_cut(np.array(boxes, np.float32), view, 1000, 1000).tolist() == [True] * 4


def test_a_box_at_the_edge_of_the_picture_is_not_cut_off() -> None:
    boxes = np.array([[0, 0, 300, 600], [-5, -5, 310, 610]], np.float32)

    assert is_cut(boxes, View(0, 0, 300, 600), 300, 600).tolist() == [False, False]


# --- parts ---


def candidates(*found: tuple[Box, int, bool]) -> Candidates:
    """Return candidates from (box, class, from a tile), the most confident first."""
    return Candidates(
        np.array([box for box, *_ in found], np.float32).reshape(-1, 4),
        np.linspace(0.9, 0.5, len(found), dtype=np.float32),
        np.array([label for _, label, _ in found], np.intp),
        np.array([in_tile for *_, in_tile in found], np.bool_),
    )


def shifted(inside: int) -> Box:
    """Return a box of 100 x 100 of which `inside` percent are within 200 x 200."""
    return (200 - inside, 0, 300 - inside, 100)


WHOLE: Box = (0, 0, 200, 200)


@pytest.mark.parametrize(("inside", "part"), [(100, True), (81, True), (79, False), (0, False)])
def test_a_part_is_at_least_four_fifths_inside(inside: int, part: bool) -> None:
    found = candidates((WHOLE, 0, False), (shifted(inside), 0, True))

    assert is_part(found).tolist() == [False, part]


def test_a_part_comes_from_a_tile_with_the_same_class_and_less_confidence() -> None:
    inside = shifted(100)

    assert is_part(candidates((WHOLE, 0, False), (inside, 1, True))).tolist() == [False, False]
    assert is_part(candidates((WHOLE, 0, False), (inside, 0, False))).tolist() == [False, False]
    assert is_part(candidates((WHOLE, 0, True), (inside, 0, True))).tolist() == [False, False]
    assert is_part(candidates((inside, 0, True), (WHOLE, 0, False))).tolist() == [False, False]


def test_each_part_is_found_whichever_object_contains_it() -> None:
    other: Box = (500, 0, 700, 200)
    found = candidates(
        (WHOLE, 0, False),
        (other, 1, False),
        ((510, 0, 600, 90), 1, True),
        (shifted(90), 0, True),
        ((510, 0, 600, 90), 0, True),
    )

    assert is_part(found).tolist() == [False, False, True, True, False]


def test_no_candidates_have_no_parts() -> None:
    assert is_part(candidates()).tolist() == []


# --- tiles where they pay ---

LARGE: Box = (100, 100, 500, 500)
CAR, PERSON = 0, 1


def hints(*found: tuple[Box, int]) -> list[bool]:
    """Return which boxes of a picture of 1000 x 1000 are hints, the most confident first."""
    given = candidates(*((box, label, False) for box, label in found))
    return [bool(hint) for hint in find_hints(given, given.classes, 1000, 1000)]


def placed(*found: tuple[Box, float]) -> list[View]:
    """Place tiles in a picture of 1000 x 800 on boxes with confidences."""
    boxes = np.array([box for box, _ in found], np.float32).reshape(-1, 4)
    return place_tiles(boxes, np.array([score for _, score in found], np.float32), 1000, 800)


def holds(view: View, box: Box) -> bool:
    return not is_cut(np.array([box], np.float32), view, 1000, 800).any()


def test_a_hint_covers_less_than_9_percent_of_the_picture() -> None:
    assert hints(((10, 10, 310, 309), CAR), ((10, 10, 310, 311), CAR)) == [True, False]


def test_a_small_box_in_a_large_object_is_a_part_unless_it_is_more_confident_or_another_kind() -> (
    None
):
    wheel: Box = (120, 400, 200, 480)

    assert hints((LARGE, CAR), (wheel, CAR)) == [False, False]
    assert hints((wheel, CAR), (LARGE, CAR)) == [True, False]
    assert hints((LARGE, CAR), (wheel, PERSON)) == [False, True]


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        # Half as wide and high as the picture, with the hint in the middle ...
        ((450, 350, 550, 450), View(250, 200, 750, 600)),
        # ... as far as the picture goes
        ((10, 10, 90, 90), View(0, 0, 500, 400)),
        ((920, 710, 1000, 800), View(500, 400, 1000, 800)),
    ],
)
def test_a_tile_has_the_hint_in_its_middle(box: Box, expected: View) -> None:
    assert placed((box, 0.9)) == [expected]


def test_hints_of_little_confidence_need_to_be_several() -> None:
    near: list[tuple[Box, float]] = [((40.0 * i, 300, 40.0 * i + 30, 330), 0.25) for i in range(3)]
    far: Box = (900, 700, 930, 730)

    assert placed(*near[:2], (far, 0.25)) == []
    [tile] = placed(*near, (far, 0.25))

    assert all(holds(tile, box) for box, _ in near)


def test_a_hint_that_every_tile_would_cut_off_needs_none() -> None:
    assert placed() == placed(((200, 100, 800, 200), 0.9)) == []


def test_hints_that_a_tile_holds_need_no_other() -> None:
    # Given confident cars in two corners, and one in the middle of the left tile
    corners: list[tuple[Box, float]] = [
        ((10, 10, 60, 60), 0.9),
        ((400, 10, 450, 60), 0.8),
        ((940, 740, 990, 790), 0.9),
    ]

    left, right = placed(*corners)

    assert [holds(left, box) for box, _ in corners] == [True, True, False]
    assert [holds(right, box) for box, _ in corners] == [False, False, True]


spots = st.tuples(
    st.integers(0, 990), st.integers(0, 790), st.integers(1, 600), st.integers(1, 500)
)


@settings(deadline=None)
@given(st.lists(st.tuples(spots, st.floats(0.125, 1, width=32)), max_size=150))
def test_there_are_at_most_four_different_tiles_inside_the_picture(
    given: list[tuple[tuple[int, int, int, int], float]],
) -> None:
    tiles = placed(
        *(((x, y, min(x + w, 1000), min(y + h, 800)), score) for (x, y, w, h), score in given)
    )

    assert len(set(tiles)) == len(tiles) <= 4
    for x1, y1, x2, y2 in tiles:
        assert 0 <= x1 < x2 <= 1000
        assert 0 <= y1 < y2 <= 800
        assert (x2 - x1, y2 - y1) == (500, 400)


@pytest.mark.parametrize(("width", "height"), [(64, 5000), (5000, 64), (150, 101), (65, 301)])
def test_tiles_of_narrow_pictures_lie_inside(width: int, height: int) -> None:
    corner = np.array([[0, 0, 9, 9], [width - 9, height - 9, width, height]], np.float32)

    tiles = place_tiles(corner, np.ones(2, np.float32), width, height)

    assert [tile[:2] for tile in tiles] == [(0, 0), (width - width // 2, height - height // 2)]
