"""A picture -> objects, with an in-memory model that returns scripted boxes or finds patches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from carlens.config import NO_CLASSIFIER, Config
from carlens.images.decoder import read_pixels
from carlens.images.types import Limits, Pixels
from carlens.models.manifest import Manifest
from carlens.services.model_bundle import ModelBundle
from carlens.vision.detector import VEHICLES, Detection, DetectOptions, Detector
from carlens.vision.tiling import tile
from tests.models_support import (
    DETECT,
    INPUT,
    OPTIONS,
    Box,
    Tensor,
    color_detector,
    fake_model,
    picture,
    scripted_detector,
)

Told = tuple[Box, str, float]

# The size of the model's input, so that its pixels are the picture's and there are no tiles.
PLAIN = np.zeros((100, 100, 3), np.uint8)

BOX: Box = (10, 10, 50, 50)

PHOTOS = Path(__file__).parents[2] / "photos"
LIMITS = Limits(Config.max_bytes, Config.max_pixels, Config.max_side)


def detect(told: Sequence[Told], pixels: Pixels = PLAIN, **options: Any) -> list[Detection]:
    return scripted_detector(told).detect(pixels, replace(OPTIONS, **options)).objects


def found_in(objects: Sequence[Detection]) -> list[tuple[str, float]]:
    return [(o.class_name, round(o.confidence, 3)) for o in objects]


def box_of(found: Detection) -> tuple[int, ...]:
    """Return a box in whole pixels."""
    return tuple(round(side) for side in (found.x1, found.y1, found.x2, found.y2))


# --- which objects are kept ---


def test_an_object_has_a_box_a_class_and_a_confidence() -> None:
    (found,) = detect([((10, 20.25, 50.5, 70), "car", 0.75)])

    # The box is exact; the serializer rounds it
    sides = (found.x1, found.y1, found.x2, found.y2)
    assert sides == pytest.approx((10, 20.25, 50.5, 70), abs=1e-4)
    assert (found.class_name, found.confidence) == ("car", 0.75)


def test_a_picture_may_contain_nothing() -> None:
    assert detect([]) == []


def test_the_most_confident_object_comes_first() -> None:
    objects = detect(
        [((0, 0, 9, 9), "car", 0.6), ((20, 0, 29, 9), "bus", 0.9), ((40, 0, 49, 9), "car", 0.8)]
    )

    assert found_in(objects) == [("bus", 0.9), ("car", 0.8), ("car", 0.6)]


@pytest.mark.parametrize("confidence", [0.3, 0.4, 0.5])
def test_confidence_is_the_lowest_that_is_kept(confidence: float) -> None:
    told = [((20.0 * i, 0.0, 20.0 * i + 9, 9.0), "car", 0.3 + 0.1 * i) for i in range(4)]

    objects = detect(told, confidence=confidence)

    expected = [score for score in (0.6, 0.5, 0.4, 0.3) if score >= confidence]
    assert [round(o.confidence, 3) for o in objects] == expected


def test_one_point_may_have_several_classes() -> None:
    # Given one box from the model with two scores above the threshold
    boxes = np.array([[[0.1, 0.1, 0.5, 0.5]]], np.float32)
    scores = np.array([[[0.7, 0.0, 0.0, 0.6]]], np.float32)

    objects = (
        Detector(fake_model(DETECT, lambda batch: (boxes, scores))).detect(PLAIN, OPTIONS).objects
    )

    assert found_in(objects) == [("car", 0.7), ("person", 0.6)]


def test_only_the_requested_classes_are_kept() -> None:
    told = [((20.0 * i, 0.0, 20.0 * i + 9, 9.0), n, 0.9) for i, n in enumerate(DETECT.labels)]

    assert len(detect(told, classes=None)) == 4
    chosen = detect(told, classes=frozenset({"bus", "person"}))
    assert {o.class_name for o in chosen} == {"bus", "person"}
    assert detect(told, classes=frozenset({"boat"})) == []


def test_max_objects_applies_after_all_other_filters() -> None:
    # Given duplicates, tiny boxes and other classes among the most confident
    told: list[Told] = [
        ((0, 0, 20, 20), "car", 0.99),
        ((0, 0, 20, 19), "car", 0.98),
        ((30, 0, 50, 20), "person", 0.97),
        ((60, 0, 61, 1), "car", 0.96),
        ((70, 0, 90, 20), "car", 0.95),
        ((0, 50, 20, 70), "car", 0.94),
    ]

    objects = detect(told, max_objects=2, min_area=0.01, classes=frozenset({"car"}))

    assert found_in(objects) == [("car", 0.99), ("car", 0.95)]


def test_min_area_is_a_fraction_of_the_picture() -> None:
    # 10 x 10 is 1 % of 100 x 100, 10 x 9 is less
    told: list[Told] = [((0, 0, 10, 10), "car", 0.9), ((20, 0, 30, 9), "car", 0.8)]

    assert len(detect(told, min_area=0.0)) == 2
    assert found_in(detect(told, min_area=0.01)) == [("car", 0.9)]
    assert detect(told, min_area=0.02) == []


def test_min_area_counts_only_the_part_within_the_picture() -> None:
    # Given a box of 40 x 10, of which 5 x 10 are within the picture
    told: list[Told] = [((95, 0, 135, 10), "car", 0.9)]

    assert len(detect(told, min_area=0.005)) == 1
    assert detect(told, min_area=0.0051) == []


# --- duplicates ---

# IoU with BOX: 40 x 40 = 1600; 40 x 36 is 0.9, 40 x 24 is 0.6, 40 x 23 is 0.575, 40 x 21 is 0.525
SHIFTED: dict[float, Box] = {
    0.9: (10, 10, 50, 46),
    0.6: (10, 10, 50, 34),
    0.575: (10, 10, 50, 33),
    0.525: (10, 10, 50, 31),
}


@pytest.mark.parametrize("name", ["car", "person"])
@pytest.mark.parametrize(("overlap", "count"), [(0.9, 1), (0.6, 2), (0.575, 2), (0.525, 2)])
def test_boxes_of_one_class_are_duplicates_above_iou(name: str, overlap: float, count: int) -> None:
    # When iou is 0.6, and merge_iou, which does not apply within a class, is 0.55
    objects = detect([(BOX, name, 0.9), (SHIFTED[overlap], name, 0.8)], iou=0.601, merge_iou=0.55)

    assert found_in(objects) == [(name, 0.9), (name, 0.8)][:count]


@pytest.mark.parametrize(("overlap", "count"), [(0.9, 1), (0.575, 1), (0.525, 2)])
def test_boxes_of_two_vehicle_classes_are_duplicates_above_merge_iou(
    overlap: float, count: int
) -> None:
    told: list[Told] = [(BOX, "car", 0.8), (SHIFTED[overlap], "truck", 0.9)]

    objects = detect(told, iou=0.6, merge_iou=0.55)

    # Then the more confident one is kept, whichever it is
    assert found_in(objects) == [("truck", 0.9), ("car", 0.8)][:count]


@pytest.mark.parametrize(("car", "truck"), [(0.9, 0.8), (0.8, 0.9)])
def test_of_a_vehicle_found_as_car_and_truck_the_more_confident_is_kept(
    car: float, truck: float
) -> None:
    objects = detect([(BOX, "car", car), (BOX, "truck", truck)])

    assert found_in(objects) == [max(("car", car), ("truck", truck), key=lambda pair: pair[1])]


@pytest.mark.parametrize(
    ("classes", "expected"),
    [
        ({"car"}, [("car", 0.8)]),
        ({"car", "truck"}, [("car", 0.8)]),
        ({"bus"}, [("bus", 0.9)]),
        ({"car", "bus"}, [("bus", 0.9)]),
        (None, [("bus", 0.9)]),
    ],
)
def test_only_wanted_classes_suppress_each_other(
    classes: set[str] | None, expected: list[tuple[str, float]]
) -> None:
    # Given one vehicle that the detector takes for a bus rather than a car or a truck
    told: list[Told] = [(BOX, "bus", 0.9), (BOX, "car", 0.8), (BOX, "truck", 0.7)]

    objects = detect(told, classes=None if classes is None else frozenset(classes))

    assert found_in(objects) == expected


def test_other_classes_do_not_use_up_the_candidates() -> None:
    told: list[Told] = [(BOX, "bus", 0.9)] * 2000 + [((60, 60, 90, 90), "car", 0.6)]

    assert found_in(detect(told, classes=frozenset({"car"}))) == [("car", 0.6)]


def test_the_right_one_of_each_duplicate_is_removed() -> None:
    """Defect 8 of the original: it deleted by index while the indices shifted."""
    # Given pickups found twice, between objects that are found once
    told: list[Told] = []
    for i in range(5):
        x, y = 20.0 * i, 30.0
        told += [
            ((x, y, x + 15, y + 15), "truck", 0.6 + 0.01 * i),
            ((x, 70, x + 9, 80), "truck", 0.8),
            ((x, y, x + 15, y + 14.8), "car", 0.7 + 0.01 * i),
            ((x, 0, x + 9, 9), "person", 0.9),
        ]

    objects = detect(told)

    # Then no truck is left where the pickups are, and all other objects are kept
    assert sorted((o.class_name, round(o.y1)) for o in objects) == sorted(
        [("car", 30), ("truck", 70), ("person", 0)] * 5
    )


def test_a_person_in_a_car_is_kept() -> None:
    objects = detect([(BOX, "car", 0.9), (SHIFTED[0.9], "person", 0.8)], iou=0.1, merge_iou=0.1)

    assert found_in(objects) == [("car", 0.9), ("person", 0.8)]


def test_a_merge_iou_of_1_merges_nothing() -> None:
    objects = detect([(BOX, "car", 0.9), (BOX, "truck", 0.8)], merge_iou=1.0)

    assert found_in(objects) == [("car", 0.9), ("truck", 0.8)]


# --- edges ---


def test_boxes_are_clipped_to_the_picture() -> None:
    """Defect 8 of the original: boxes reached out of the picture."""
    told: list[Told] = [
        ((-20, -30, 20, 20), "car", 0.9),
        ((60, 70, 130, 500), "car", 0.8),
        ((-10, 40, 300, 60), "bus", 0.7),
    ]

    objects = detect(told)

    assert [box_of(o) for o in objects] == [(0, 0, 20, 20), (60, 70, 100, 100), (0, 40, 100, 60)]


def test_boxes_outside_the_picture_are_dropped() -> None:
    told: list[Told] = [
        ((-20, 10, -5, 20), "car", 0.9),
        ((101, 10, 120, 20), "car", 0.9),
        ((10, 100, 20, 130), "car", 0.9),
    ]

    assert detect(told) == []


def test_duplicates_are_found_by_the_part_within_the_picture() -> None:
    # Given two boxes that are equal within the picture and differ outside
    told: list[Told] = [((60, 0, 100, 40), "car", 0.9), ((60, 0, 200, 40), "car", 0.8)]

    assert found_in(detect(told)) == [("car", 0.9)]


def test_boxes_smaller_than_a_pixel_are_dropped() -> None:
    told: list[Told] = [
        ((10, 10, 10, 50), "car", 0.9),
        ((10, 10, 50, 10), "car", 0.9),
        ((50, 50, 10, 10), "car", 0.9),
        ((10.1, 10, 11, 50), "car", 0.9),
        ((99.5, 10, 110, 50), "car", 0.9),  # less than one pixel within the picture
    ]

    assert detect(told) == []


def test_boxes_are_in_pixels_of_the_picture() -> None:
    # Given a picture twice as wide and half as high as the input
    objects = detect([((10, 20, 50, 60), "car", 0.9)], np.zeros((50, 200, 3), np.uint8))

    # slices is 1, so there are no tiles; x times 2, y times 1/2
    assert [box_of(o) for o in objects] == [(20, 10, 100, 30)]


@pytest.mark.parametrize("resize", ["stretch", "letterbox"])
@pytest.mark.parametrize("slices", [1, 2, 3])
@pytest.mark.parametrize(
    "size", [(1, 1), (1, 5000), (5000, 1), (2, 2), (63, 5000), (64, 5000), (64, 150), (5000, 64)]
)
def test_pictures_of_any_shape_are_processed(
    size: tuple[int, int], slices: int, resize: Any
) -> None:
    # Given a model that finds an object covering each whole view
    manifest = replace(DETECT, input=replace(INPUT, resize=resize))
    width, height = size
    views: list[int] = []

    def answer(batch: Tensor) -> Sequence[Tensor]:
        views.append(len(batch))
        boxes = np.tile(np.array([[-9, -9, 9, 9]], np.float32), (len(batch), 1, 1))
        scores = np.tile(np.array([[0.9, 0, 0, 0]], np.float32), (len(batch), 1, 1))
        return boxes, scores

    # When
    detector = Detector(fake_model(manifest, answer))
    found = detector.detect(np.zeros((height, width, 3), np.uint8), replace(OPTIONS, slices=slices))

    # Then it is found once, as large as the picture
    assert [box_of(o) for o in found.objects] == [(0, 0, width, height)]
    sliced = slices > 1 and min(size) >= 64
    assert views == [found.passes] == [1 + slices**2 if sliced else 1]


# --- values that are not finite ---


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 3e38])
@pytest.mark.parametrize("side", range(4))
def test_only_the_box_that_is_not_finite_is_dropped(value: float, side: int) -> None:
    # Given a box with a side that is not finite, more confident than the valid one
    sides = list(BOX)
    sides[side] = value
    bad: Box = (sides[0], sides[1], sides[2], sides[3])

    with np.errstate(all="ignore"):
        objects = detect([(bad, "car", 0.99), ((60, 60, 90, 90), "car", 0.6)])

    # 3e38 is finite, if large: once clipped, it may be a box
    assert ("car", 0.6) in found_in(objects)
    assert all(0 <= o.x1 < o.x2 <= 100 and 0 <= o.y1 < o.y2 <= 100 for o in objects)
    if not np.isfinite(value):
        assert len(objects) == 1


@pytest.mark.parametrize("score", [np.nan, np.inf, -np.inf, 5.3, 1.01, -0.01, -5.3])
def test_only_the_score_outside_0_to_1_is_dropped(score: float) -> None:
    # JSON cannot represent NaN and infinity
    objects = detect([(BOX, "car", score), ((60, 60, 90, 90), "car", 0.6)], confidence=0.0)

    assert [o for o in found_in(objects) if o[1] != 0] == [("car", 0.6)]
    assert all(np.isfinite(o.confidence) for o in objects)


def test_a_score_rounded_above_1_becomes_1() -> None:
    (found,) = detect([(BOX, "car", 1.0005)])

    assert found.confidence == 1


# --- very many boxes ---


def test_a_confidence_of_0_keeps_the_2000_most_confident_boxes() -> None:
    # Given as many boxes, classes and tiles as the shipped detector has, all far enough apart to be
    # kept, and all of them requested
    rng = np.random.default_rng(0)
    corners = rng.random((5, 1917, 2), np.float32) * 0.6 + 0.1
    boxes = np.concatenate([corners, corners + 0.2], axis=-1)
    scores = rng.random((5, 1917, 90), np.float32)
    manifest = replace(DETECT, labels=tuple(f"class {i}" for i in range(90)))
    detector = Detector(fake_model(manifest, lambda batch: (boxes, scores)))
    everything = DetectOptions(
        confidence=0.0, iou=1.0, merge_iou=1.0, min_area=0.0, slices=2, max_objects=10**6
    )

    # When
    objects = detector.detect(np.zeros((400, 400, 3), np.uint8), everything).objects

    # Then the 2,000 most confident of 862,650 boxes are kept, except a few that are parts of others
    assert 1900 < len(objects) <= 2000
    assert objects[-1].confidence > 0.99


@pytest.mark.parametrize(("doubles", "found"), [(1999, 2), (2000, 1)])
def test_candidates_are_limited_before_suppression(doubles: int, found: int) -> None:
    # Given many boxes of one object, and a less confident one elsewhere
    told: list[Told] = [(BOX, "car", 0.9)] * doubles + [((60, 60, 90, 90), "car", 0.6)]

    # Then suppression, which takes quadratic time, gets at most 2,000 boxes
    assert found_in(detect(told)) == [("car", 0.9), ("car", 0.6)][:found]


# --- tiles ---


def seen_in_views(*views: Sequence[Told]) -> list[Detection]:
    """Detect in a picture of 400 x 400, given the boxes in each of its five views."""
    bounds = tile(400, 400, 2)
    boxes = np.zeros((5, 1, 4), np.float32)
    scores = np.zeros((5, 1, len(DETECT.labels)), np.float32)
    for index, told in enumerate(views):
        x, y, right, bottom = bounds[index]
        for (x1, y1, x2, y2), name, score in told:
            sides = np.array([y1 - y, x1 - x, y2 - y, x2 - x], np.float32)
            boxes[index, 0] = sides / np.array([bottom - y, right - x] * 2, np.float32)
            scores[index, 0, DETECT.labels.index(name)] = score
    detector = Detector(fake_model(DETECT, lambda batch: (boxes, scores)))
    return detector.detect(np.zeros((400, 400, 3), np.uint8), replace(OPTIONS, slices=2)).objects


@pytest.mark.parametrize(
    ("whole", "in_tile", "kept"),
    [
        # A box inside a car is dropped where the whole picture shows the car more confidently ...
        (("car", 0.9), ("car", 0.6), [("car", 0.9)]),
        # ... but not where it is in front of a larger object, or more confident than it.
        (("bus", 0.9), ("car", 0.6), [("bus", 0.9), ("car", 0.6)]),
        (("car", 0.6), ("car", 0.9), [("car", 0.9), ("car", 0.6)]),
    ],
)
def test_a_part_of_what_the_whole_picture_shows_is_dropped(
    whole: tuple[str, float], in_tile: tuple[str, float], kept: list[tuple[str, float]]
) -> None:
    found = seen_in_views([((20, 20, 180, 160), *whole)], [((90, 40, 160, 90), *in_tile)])

    assert found_in(found) == kept


def test_a_box_partly_outside_or_from_the_whole_picture_is_not_a_part() -> None:
    # Given a box of a tile that is one third outside, and two nested boxes of the whole picture
    outside = seen_in_views([((20, 20, 180, 160), "car", 0.9)], [((20, 120, 180, 180), "car", 0.6)])
    both_whole = detect([((0, 0, 90, 90), "car", 0.9), ((10, 10, 40, 40), "car", 0.6)])

    assert found_in(outside) == found_in(both_whole) == [("car", 0.9), ("car", 0.6)]


@pytest.mark.parametrize(
    ("size", "slices", "views"),
    [
        ((149, 149), 2, 1),  # not clearly larger than the input of 100 x 100
        ((150, 100), 2, 5),
        ((100, 150), 3, 10),
        ((1000, 1000), 1, 1),
        ((1000, 63), 3, 1),  # too narrow
        ((1000, 64), 3, 10),
    ],
)
def test_large_pictures_are_tiled_and_processed_as_one_batch(
    size: tuple[int, int], slices: int, views: int
) -> None:
    detector, model = color_detector()

    detector.detect(picture(*size), replace(OPTIONS, slices=slices))

    assert [len(batch) for batch in model.batches] == [views]


@pytest.mark.parametrize("slices", [1, 2, 3])
@pytest.mark.parametrize("size", [(400, 400), (640, 200), (180, 500)])
def test_each_patch_is_found_once_and_in_its_place(size: tuple[int, int], slices: int) -> None:
    # Given patches in a corner, across the seams of the tiles, and small ones between
    width, height = size
    drawn = {
        "car": (0, 0, width // 5, height // 6),
        "truck": (width // 2 - width // 8, height // 2 - 12, width // 2 + width // 8, height // 2),
        "bus": (width - 25, height - 30, width, height),
        "person": (width // 4, height * 3 // 4, width // 4 + 15, height * 3 // 4 + 20),
    }
    detector, _ = color_detector()

    # When a model finds the part of each patch that its view shows
    found = detector.detect(picture(width, height, **drawn), replace(OPTIONS, slices=slices))

    # Then no part of a patch is returned as an object, and the boxes are correct to a pixel of the
    # input
    assert sorted(o.class_name for o in found.objects) == sorted(drawn)
    for one in found.objects:
        difference = np.subtract(box_of(one), drawn[one.class_name])
        assert np.abs(difference[::2]).max() <= width / 100 + 1
        assert np.abs(difference[1::2]).max() <= height / 100 + 1


def test_auto_runs_the_tiles_that_hold_small_objects_in_one_batch() -> None:
    # Given a small car in the first tile, and a small person in the last
    detector, model = color_detector()
    pixels = picture(400, 400, car=(20, 20, 60, 60), person=(330, 330, 370, 370))

    # When all classes, or only vehicles, are looked for
    both = detector.detect(pixels, replace(OPTIONS, slices="auto"))
    vehicles = detector.detect(pixels, replace(OPTIONS, slices="auto", classes=frozenset({"car"})))

    # Then only what is looked for decides
    assert (both.passes, vehicles.passes) == (3, 2)
    assert [len(batch) for batch in model.batches] == [1, 2, 1, 1]
    assert sorted(one.class_name for one in both.objects) == ["car", "person"]
    assert [box_of(one) for one in vehicles.objects] == [(20, 20, 60, 60)]


@pytest.mark.parametrize(
    ("size", "drawn"),
    [((400, 400), (100, 100, 350, 350)), ((400, 400), (0, 0, 0, 0)), ((149, 149), (9, 9, 20, 20))],
    ids=["a close-up", "nothing", "a small picture"],
)
def test_auto_needs_one_pass_where_tiles_show_no_more(
    size: tuple[int, int], drawn: tuple[int, int, int, int]
) -> None:
    detector, model = color_detector()

    found = detector.detect(picture(*size, car=drawn), replace(OPTIONS, slices="auto"))

    assert found.passes == len(model.batches) == len(model.batches[0]) == 1


def test_auto_finds_what_the_whole_picture_shows_below_the_confidence() -> None:
    # Given three cars in the first quarter that are mere hints in the whole picture
    def passes_and_objects(hint: float) -> tuple[int, list[tuple[str, float]]]:
        def answer(batch: Tensor) -> Sequence[Tensor]:
            first = not answered
            answered.append(batch)
            boxes = np.array([[[0.1, x, 0.14, x + 0.04] for x in (0.1, 0.2, 0.3)]], np.float32)
            scores = np.zeros((1, 3, len(DETECT.labels)), np.float32)
            scores[..., DETECT.labels.index("car")] = hint if first else 0.9
            return boxes if first else 2 * boxes, scores

        answered: list[Tensor] = []
        detector = Detector(fake_model(DETECT, answer))
        pixels = np.zeros((400, 400, 3), np.uint8)
        found = detector.detect(pixels, replace(OPTIONS, slices="auto"))
        return found.passes, found_in(found.objects)

    # Then it looks closer if they are likely to be something
    assert passes_and_objects(0.24) == (2, [("car", 0.9)] * 3)
    assert passes_and_objects(0.22) == (1, [])


def test_auto_never_takes_more_than_five_passes() -> None:
    # Given a model that is sure of small objects all over the picture, in every view
    rng = np.random.default_rng(0)

    def answer(batch: Tensor) -> Sequence[Tensor]:
        corners = rng.random((len(batch), 5000, 2), np.float32) * 0.95
        scores = rng.random((len(batch), 5000, len(DETECT.labels)), np.float32)
        return np.concatenate([corners, corners + 0.03], axis=-1), scores

    detector = Detector(fake_model(DETECT, answer))

    found = detector.detect(np.zeros((400, 400, 3), np.uint8), replace(OPTIONS, slices="auto"))

    assert found.passes == 5


@pytest.fixture(scope="module")
def shipped() -> Detector:
    return ModelBundle.load(Config(classifier=NO_CLASSIFIER)).detector


def passes_of_shipped(detector: Detector, pixels: Pixels, classes: frozenset[str] | None) -> int:
    thresholds = detector.manifest.thresholds
    options = replace(OPTIONS, confidence=thresholds.confidence, slices=thresholds.slices)
    return detector.detect(pixels, replace(options, classes=classes)).passes


def photo(name: str) -> Pixels:
    return read_pixels((PHOTOS / name).read_bytes(), LIMITS)


# `/predict` looks for vehicles, `/object_detection` for all classes.
@pytest.mark.parametrize("classes", [VEHICLES, None], ids=["vehicles", "all"])
def test_a_close_up_takes_one_pass_of_the_shipped_detector_and_a_street_more(
    shipped: Detector, classes: frozenset[str] | None
) -> None:
    # Given a photo cropped to its car, and nine small photos of cars side by side
    car = photo("skoda_citigo_mit.png")
    close_up = car[45:275, 55:447]
    street = np.tile(car, (3, 3, 1))

    assert shipped.manifest.thresholds.slices == "auto"
    assert passes_of_shipped(shipped, close_up, classes) == 1
    assert 1 < passes_of_shipped(shipped, street, classes) <= 5


@pytest.mark.parametrize("name", ["skoda_citigo_mit.png", "vw_passat_cc_mit.webp"])
def test_a_photo_of_one_large_car_takes_one_pass(shipped: Detector, name: str) -> None:
    assert passes_of_shipped(shipped, photo(name), VEHICLES) == 1


@pytest.mark.parametrize("kind", ["black", "white", "noise", "stripes"])
@pytest.mark.parametrize("classes", [VEHICLES, None], ids=["vehicles", "all"])
def test_a_picture_of_nothing_takes_one_pass(
    shipped: Detector, kind: str, classes: frozenset[str] | None
) -> None:
    stripes = np.tile(np.repeat(np.array([0, 255], np.uint8), 8), (600, 50))
    pixels = {
        "black": np.zeros((600, 800, 3), np.uint8),
        "white": np.full((600, 800, 3), 255, np.uint8),
        "noise": np.random.default_rng(0).integers(0, 256, (600, 800, 3), np.uint8),
        "stripes": np.stack([stripes] * 3, axis=-1),
    }[kind]

    assert passes_of_shipped(shipped, pixels, classes) == 1


# A picture of 300 x 300 in 2 x 2 tiles: 0..167 and 133..300, each scaled to 100 x 100. A box counts
# as cut off within 1.2 % of a tile's side from an inner edge: 1.2 in the input.
MIDDLE, FIRST, LAST = (40.0, 60.0), (0.0, 20.0), (80.0, 100.0)
NEARLY_FIRST, NEARLY_LAST = (1.0, 20.0), (80.0, 99.0)
NOT_FIRST, NOT_LAST = (2.0, 20.0), (80.0, 98.0)


@pytest.mark.parametrize(
    ("left", "x", "kept"),
    [
        (True, FIRST, True),  # the picture's own edge
        (True, MIDDLE, True),
        (True, LAST, False),
        (True, NEARLY_LAST, False),
        (True, NOT_LAST, True),
        (True, (-5.0, 20.0), True),
        (True, (80.0, 110.0), False),
        (True, (0.0, 100.0), False),
        (False, FIRST, False),
        (False, NEARLY_FIRST, False),
        (False, NOT_FIRST, True),
        (False, MIDDLE, True),
        (False, LAST, True),  # the picture's own edge
        (False, (80.0, 110.0), True),
        (False, (0.0, 100.0), False),
    ],
)
@pytest.mark.parametrize("turned", [False, True])
def test_a_box_cut_off_by_an_inner_edge_is_dropped(
    left: bool, x: tuple[float, float], kept: bool, turned: bool
) -> None:
    # Given a single tile with a box: the first, or its neighbor to the right or below
    at = 0 if left else (2 if turned else 1)
    (low, high), (other_low, other_high) = x, MIDDLE
    box = (other_low, low, other_high, high) if turned else (low, other_low, high, other_high)
    views: list[list[Told]] = [[] for _ in range(5)]
    views[1 + at] = [(box, "car", 0.9)]

    # When
    pixels = np.zeros((300, 300, 3), np.uint8)
    objects = scripted_detector(*views).detect(pixels, replace(OPTIONS, slices=2)).objects

    # Then it is returned at its place in the picture, unless it was cut off
    assert len(objects) == kept
    if kept:
        start = 0 if left else 133
        expected = [np.clip(start + side * 1.67, 0, 300) for side in x]
        found = box_of(objects[0])
        np.testing.assert_allclose(found[1::2] if turned else found[::2], expected, atol=1)


def test_the_most_confident_view_of_an_object_is_used() -> None:
    # Given one car, found in the view of the whole picture and, more confidently, in the last tile
    views: list[list[Told]] = [[] for _ in range(5)]
    views[0] = [((60, 60, 90, 90), "car", 0.6)]  # 180..270
    views[4] = [((28, 28, 82, 82), "car", 0.9)]  # 133 + 28 * 1.67 = 180, 133 + 82 * 1.67 = 270

    pixels = np.zeros((300, 300, 3), np.uint8)
    objects = scripted_detector(*views).detect(pixels, replace(OPTIONS, slices=2)).objects

    assert found_in(objects) == [("car", 0.9)]
    np.testing.assert_allclose(box_of(objects[0]), (180, 180, 270, 270), atol=1)


def test_letterbox_returns_boxes_in_pixels_of_the_picture() -> None:
    # Given a model that keeps the aspect ratio: 200 x 100 becomes 100 x 50, 25 down
    manifest: Manifest = replace(DETECT, input=replace(INPUT, resize="letterbox"))
    detector = scripted_detector([((10, 35, 50, 65), "car", 0.9)], manifest=manifest)

    objects = detector.detect(np.zeros((100, 200, 3), np.uint8), OPTIONS).objects

    assert [box_of(o) for o in objects] == [(20, 20, 100, 80)]


def test_crop_detects_in_the_middle_only() -> None:
    # Given a model that crops: of 200 x 100 it gets 50..150
    detector, _ = color_detector(replace(DETECT, input=replace(INPUT, resize="crop")))
    pixels = picture(200, 100, car=(60, 20, 100, 60), truck=(0, 0, 40, 100))

    objects = detector.detect(pixels, OPTIONS).objects

    assert found_in(objects) == [("car", 0.9)]
    assert box_of(objects[0]) == (60, 20, 100, 60)


def test_warming_up_runs_the_model() -> None:
    detector, model = color_detector()

    detector.warm_up()

    assert model.warm_ups == 1
