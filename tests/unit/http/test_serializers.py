"""Results -> the JSON of the contract: certainty, and what to show a person."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from carlens.catalog.tables import Entry
from carlens.http.serializers import model_json, vehicles_json
from carlens.models.manifest import Calibration, LevelThresholds
from carlens.vision.classifier import Classification, Level
from carlens.vision.detector import Detection
from carlens.vision.pipeline import ImageResult
from tests.models_support import CLASSIFY
from tests.unit.http.test_openapi import ref, violations

CAR = Detection(1, 2, 30, 20, "car", 0.95678)
FULL, MODEL, MAKE = "Volkswagen Golf Hatchback 2012", "Volkswagen Golf", "Volkswagen"
BOX = {"x1": 1, "y1": 2, "x2": 30, "y2": 20, "class_name": "car", "confidence": 0.9568}


def golf(name: bool, model: bool, make: bool) -> Classification:
    """Return a Golf, of which these levels are certain."""
    return Classification(
        names=(FULL, "Volkswagen Golf Hatchback 1991"),
        probs=(0.53126, 0.40624),
        name=Level(FULL, 0.53126, name),
        model=Level(MODEL, 0.9375, model),
        make=Level(MAKE, 0.96875, make),
    )


def vehicle(found: Classification, references: dict[str, Entry] | None) -> dict[str, Any]:
    [given] = vehicles_json(ImageResult(64, 32, (CAR,), 1, (found,)), references)
    return given


@pytest.mark.parametrize(
    ("levels", "display", "certain"),
    [
        ((True, True, True), FULL, True),
        ((True, False, False), FULL, True),
        ((False, True, True), MODEL, True),
        ((False, False, True), MAKE, False),
        ((False, False, False), "car", False),
    ],
)
@pytest.mark.parametrize("references", [None, {}])
def test_a_vehicle_shows_the_finest_certain_level(
    levels: tuple[bool, bool, bool],
    display: str,
    certain: bool,
    references: dict[str, Entry] | None,
) -> None:
    given = vehicle(golf(*levels), references)

    assert (given["display"], given["certain"]) == (display, certain)
    # And the label has the first name, certain or not
    assert given["label"] == f"{FULL}: 0.53"
    assert given["pred"] == [FULL, "Volkswagen Golf Hatchback 1991"]


def test_the_list_form_has_certain_and_display() -> None:
    assert vehicle(golf(False, True, True), None) == {
        **BOX,
        "label": f"{FULL}: 0.53",
        "display": MODEL,
        "certain": True,
        "pred": [FULL, "Volkswagen Golf Hatchback 1991"],
        "prob": [0.5313, 0.4062],
    }


def test_the_detailed_form_adds_each_level_and_the_reference() -> None:
    found = golf(False, True, True)
    references = {FULL: Entry("Volkswagen", "Golf")}

    assert vehicle(found, references) == {
        **vehicle(found, None),
        "make": {"name": MAKE, "prob": 0.9688, "certain": True},
        "model": {"name": MODEL, "prob": 0.9375, "certain": True},
        "reference": {"make": "Volkswagen", "model": "Golf"},
    }


def test_a_level_that_the_labels_do_not_have_is_null() -> None:
    found = replace(golf(True, True, True), model=None, make=None)

    given = vehicle(found, {})

    assert (given["make"], given["model"]) == (None, None)
    assert (given["display"], given["certain"]) == (FULL, True)
    assert violations([[given]], ref("Prediction")) == []


def test_a_classifier_lists_what_it_was_taught() -> None:
    manifest = replace(
        CLASSIFY,
        labels=("Clio 2012", "Clio 2019", "VW", "up!", "BMW 320d", "Twingo"),
        makes=("Renault", "Renault", "VW", "VW", "BMW", "Renault"),
        models=("Clio", "Clio", "", "up!", "3 Series", "Twingo"),
        calibration=Calibration(LevelThresholds(make=0.5, model=0.6, name=0.7)),
    )

    described = model_json(manifest)

    assert described["makes"] == [
        {"name": "BMW", "models": ["3 Series"]},
        {"name": "Renault", "models": ["Clio", "Twingo"]},
        {"name": "VW", "models": ["up!"]},
    ]
    assert described["thresholds"] == {"confidence": 0.7, "make": 0.5, "model": 0.6}


def test_a_classifier_without_makes_lists_none() -> None:
    assert model_json(replace(CLASSIFY, makes=()))["makes"] == []
    renault = {"name": "Renault", "models": []}
    assert model_json(CLASSIFY)["makes"] == [renault, {"name": "VW", "models": []}]
