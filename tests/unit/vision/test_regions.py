"""Regions: where models look, how boxes come back, and how they grow."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from carlens.models.manifest import ModelError, OutputSpec, Thresholds
from carlens.vision.detector import Detection
from carlens.vision.regions import RegionDetector, to_regions
from tests.models_support import DETECT, INPUT, FakeModel, Tensor, fake_model

MANIFEST = replace(
    DETECT,
    task="redact",
    labels=("plate",),
    applies_to=("car", "bus"),
    input=replace(INPUT, margin=0.125),
    output=OutputSpec(decoder="ssd", names=("boxes", "scores")),
    thresholds=Thresholds(confidence=0.5, iou=0.4),
)
CAR = Detection(400, 300, 560, 380, "car", 0.3)
PIXELS = np.zeros((600, 1000, 3), np.uint8)


def finds(
    box: tuple[float, float, float, float],
    scores: list[float],
    model: list[FakeModel] | None = None,
) -> RegionDetector:
    """Return a detector that finds a box, as shares of each view, with a score for each view."""

    def answer(batch: Tensor) -> list[Tensor]:
        x1, y1, x2, y2 = box
        boxes = np.tile(np.array([y1, x1, y2, x2], np.float32), (len(batch), 1, 1))
        return [boxes, np.array(scores, np.float32)[: len(batch), None, None]]

    made = fake_model(MANIFEST, answer)
    if model is not None:
        model.append(made)  # type: ignore[arg-type]
    return RegionDetector(made)


def test_a_plate_in_the_square_around_a_car_is_found_where_it_is() -> None:
    # Given a model that finds something in the middle of its second view
    detector = finds((0.45, 0.45, 0.55, 0.55), [0.1, 0.9])

    [plate] = detector.find(PIXELS, [CAR])

    # Then the view was a square of 1.25 times the car's longer side, around its center
    assert plate.class_name == "plate"
    assert plate.confidence == pytest.approx(0.9)
    assert (plate.x1, plate.y1, plate.x2, plate.y2) == pytest.approx((470, 330, 490, 350), abs=0.01)


@pytest.mark.parametrize(
    ("objects", "views"),
    [
        ([], 1),
        ([CAR], 2),
        # Another class, one too small, one that nearly fills the picture.
        ([replace(CAR, class_name="person")], 1),
        ([Detection(10, 10, 40, 30, "car", 0.9)], 1),
        ([Detection(0, 0, 1000, 600, "bus", 0.9)], 1),
        # The same place twice, and a second car beside it.
        ([CAR, replace(CAR, x1=402, class_name="bus")], 2),
        ([CAR, replace(CAR, x1=700, x2=860)], 3),
    ],
)
def test_a_model_looks_at_the_picture_and_around_objects(
    objects: list[Detection], views: int
) -> None:
    models: list[FakeModel] = []

    finds((0, 0, 1, 1), [0.1] * 9, models).find(PIXELS, objects)

    assert [len(batch) for batch in models[0].batches] == [views]


def test_a_confidence_replaces_that_of_the_manifest() -> None:
    detector = finds((0.4, 0.4, 0.6, 0.6), [0.45])

    assert detector.find(PIXELS, []) == []
    assert len(detector.find(PIXELS, [], 0.4)) == 1


@pytest.mark.parametrize(
    ("margin", "expected"),
    [(0.0, (10, 20, 15, 22)), (0.5, (7, 19, 18, 23)), (1.0, (5, 18, 20, 24))],
)
def test_regions_are_whole_pixels_around_what_was_found(
    margin: float, expected: tuple[int, int, int, int]
) -> None:
    found = Detection(10.2, 20.1, 14.9, 21.9, "plate", 0.5)

    [region] = to_regions([found], margin, 100, 50)

    assert (region.x1, region.y1, region.x2, region.y2) == expected


def test_a_box_at_an_edge_keeps_a_pixel() -> None:
    [region] = to_regions([Detection(99.9, 50, 100, 50, "face", 0.5)], 0.0, 100, 50)

    assert (region.x1, region.y1, region.x2, region.y2) == (99, 49, 100, 50)


@pytest.mark.parametrize("score", [float("nan"), float("inf"), 1.5])
def test_an_invalid_score_is_an_error(score: float) -> None:
    detector = finds((0.45, 0.45, 0.55, 0.55), [score])

    with pytest.raises(ModelError, match="boxes or scores that are invalid"):
        detector.find(PIXELS, [])


def test_a_box_without_numbers_is_an_error() -> None:
    detector = finds((float("nan"), 0.45, 0.55, 0.55), [0.9])

    with pytest.raises(ModelError, match="boxes or scores that are invalid"):
        detector.find(PIXELS, [])
