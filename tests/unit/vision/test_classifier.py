"""Cropped vehicles -> names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import cast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carlens.images.types import Pixels
from carlens.models.manifest import (
    Calibration,
    LevelThresholds,
    Manifest,
    Thresholds,
    UnknownRule,
)
from carlens.models.session import OnnxModel
from carlens.vision.classifier import UNNAMED, Classification, Classifier, Level
from carlens.vision.detector import Detection
from tests.models_support import CLASSIFY, FakeModel, Tensor, fake_model, scripted_classifier


def classifier(manifest: Manifest = CLASSIFY) -> Classifier:
    return scripted_classifier([0.25] * 4, manifest=manifest)


def with_margin(margin: float, sides: tuple[int, int] = (20, 20)) -> Manifest:
    width, height = sides
    return replace(
        CLASSIFY, input=replace(CLASSIFY.input, margin=margin, width=width, height=height)
    )


def car(x1: float, y1: float, x2: float, y2: float) -> Detection:
    return Detection(x1, y1, x2, y2, "car", 0.9)


def ramp(width: int, height: int) -> Pixels:
    """Return a picture in which each pixel's red is its column and its green is its row."""
    rows, columns = np.indices((height, width))
    return np.stack([columns, rows, np.zeros_like(rows)], axis=2).astype(np.uint8)


def name(
    probabilities: Sequence[float],
    top_k: int,
    manifest: Manifest = CLASSIFY,
    *,
    kind: str | None = "car",
    known: bool = True,
) -> Classification:
    row = np.array(probabilities, np.float32)
    return classifier(manifest).interpret(row, kind, known, top_k)


# Two variants of the Golf, an Up and a Clio; a make is certain from 0.8 on, a model from 0.7 on and
# a full name from 0.6 on.
LEVELS = replace(
    CLASSIFY,
    labels=("VW Golf 1991", "VW Golf 2012", "VW Up 2012", "Renault Clio 2012"),
    makes=("VW", "VW", "VW", "Renault"),
    models=("Golf", "Golf", "Up", "Clio"),
    calibration=Calibration(LevelThresholds(make=0.8, model=0.7, name=0.6)),
)


def with_unknown(threshold: float) -> Manifest:
    assert LEVELS.calibration is not None
    rule = UnknownRule("score", threshold)
    return replace(LEVELS, calibration=replace(LEVELS.calibration, unknown=rule))


# --- crops ---


def test_a_crop_is_the_box_at_the_input_size_of_the_model() -> None:
    # Given a box of exactly the model's input size, so that no pixel changes
    crop = classifier().crop(ramp(100, 80), car(30, 40, 50, 60))

    assert crop.shape == (20, 20, 3)
    np.testing.assert_array_equal(crop, ramp(100, 80)[40:60, 30:50])


def test_a_crop_has_a_margin_on_each_side() -> None:
    # Given a box of 20 x 40 and a margin of 0.1: 2 left and right, 4 up and down
    crop = classifier(with_margin(0.1, (24, 48))).crop(ramp(100, 100), car(30, 40, 50, 80))

    np.testing.assert_array_equal(crop, ramp(100, 100)[36:84, 28:52])


def test_a_margin_stops_at_the_edge_of_the_picture() -> None:
    # Given boxes in two corners, with a margin of half their sides
    pixels = ramp(60, 50)
    at_half = classifier(with_margin(0.5, (30, 30)))

    first = at_half.crop(pixels, car(0, 0, 20, 20))
    last = at_half.crop(pixels, car(40, 30, 60, 50))

    np.testing.assert_array_equal(first, pixels[:30, :30])
    np.testing.assert_array_equal(last, pixels[20:, 30:])


def test_a_crop_is_stretched_to_the_input() -> None:
    crop = classifier().crop(ramp(200, 200), car(100, 0, 200, 10))

    assert crop.shape == (20, 20, 3)
    assert crop[0, 0, 0] == pytest.approx(102, abs=1)  # the middle of 100..105
    assert crop[-1, -1, 1] == pytest.approx(9, abs=1)


@settings(deadline=None)
@given(
    st.integers(1, 120),
    st.integers(1, 120),
    st.tuples(*[st.floats(0, 1)] * 4),
    st.sampled_from([0.0, 0.08, 1.0]),
)
def test_no_box_within_the_picture_makes_an_empty_crop(
    width: int, height: int, shares: tuple[float, float, float, float], margin: float
) -> None:
    # Given any box of at least one pixel within the picture, as the detector returns them
    x1, y1 = shares[0] * (width - 1), shares[1] * (height - 1)
    x2, y2 = x1 + 1 + shares[2] * (width - 1 - x1), y1 + 1 + shares[3] * (height - 1 - y1)
    x1, y1, x2, y2 = (float(np.float32(side)) for side in (x1, y1, x2, y2))
    if x2 - x1 < 1 or y2 - y1 < 1:
        return  # rounding made it smaller than a pixel

    crop = classifier(with_margin(margin)).crop(ramp(width, height), car(x1, y1, x2, y2))

    assert crop.shape == (20, 20, 3)


# --- names ---


def test_crops_are_classified_in_order() -> None:
    rows = [[0.7, 0.1, 0.1, 0.1], [0.1, 0.2, 0.3, 0.4]]
    crops = [ramp(20, 20)] * 3

    found = scripted_classifier(*rows).classify(crops, ["car"] * 3, 2)

    assert [one.names for one in found] == [
        ("Clio", "Twingo"),
        ("Polo", "Golf"),
        ("Clio", "Twingo"),
    ]
    np.testing.assert_allclose(
        [one.probs for one in found], [(0.7, 0.1), (0.4, 0.3), (0.7, 0.1)], rtol=1e-5
    )


def test_the_model_gets_the_crops_as_one_batch() -> None:
    seen: list[Tensor] = []

    def answer(batch: Tensor) -> Sequence[Tensor]:
        seen.append(batch)
        return [np.zeros((len(batch), 4), np.float32)]

    crops = [ramp(20, 20), ramp(20, 20)[::-1]]

    found = Classifier(fake_model(CLASSIFY, answer)).classify(crops, ["car", "truck"], 4)

    np.testing.assert_array_equal(seen, [[ramp(20, 20), ramp(20, 20)[::-1]]])
    np.testing.assert_allclose([one.probs for one in found], np.full((2, 4), 0.25))


@pytest.mark.parametrize("top_k", [1, 2, 3, 4])
def test_names_are_ordered_by_confidence(top_k: int) -> None:
    found = name([0.2, 0.1, 0.4, 0.3], top_k)

    assert found.names == ("Golf", "Polo", "Clio", "Twingo")[:top_k]
    assert found.probs == pytest.approx((0.4, 0.3, 0.2, 0.1)[:top_k])


def test_of_equal_probabilities_the_earlier_label_comes_first() -> None:
    assert name([0.25] * 4, 3).names == ("Clio", "Twingo", "Golf")


@pytest.mark.parametrize("top_k", [4, 5, 20])
def test_there_are_no_more_names_than_classes(top_k: int) -> None:
    found = name([0.1, 0.2, 0.3, 0.4], top_k)

    assert len(found.names) == len(found.probs) == 4


def test_a_classification_is_made_of_plain_python_values() -> None:
    # For JSON, which cannot serialize numpy types
    found = name([0.1, 0.2, 0.3, 0.4], 2, LEVELS)

    assert {type(prob) for prob in found.probs} == {float}
    for level in (found.name, found.model, found.make):
        assert level is not None
        assert (type(level.prob), type(level.certain)) == (float, bool)
    assert type(found.certain) is bool


@pytest.mark.parametrize(
    ("best", "threshold", "certain"),
    [(0.5, 0.5, True), (0.49, 0.5, False), (0.51, 0.5, True), (0.9, 0.95, False), (0.25, 0, True)],
)
def test_without_a_calibration_all_levels_are_certain_from_the_threshold_on(
    best: float, threshold: float, certain: bool
) -> None:
    manifest = replace(CLASSIFY, thresholds=Thresholds(confidence=threshold))
    rest = (1 - best) / 3

    found = name([best, rest, rest, rest], 5, manifest)

    assert found.certain is certain
    assert found.name == Level("Clio", float(np.float32(best)), certain)
    assert found.make is not None
    assert found.make.certain is (found.make.prob >= threshold)


def test_the_levels_add_up_the_probabilities_of_their_classes() -> None:
    found = name([0.25, 0.5, 0.125, 0.125], 2, LEVELS)

    assert found.names == ("VW Golf 2012", "VW Golf 1991")
    assert found.name == Level("VW Golf 2012", 0.5, certain=False)
    assert found.model == Level("VW Golf", 0.75, certain=True)
    assert found.make == Level("VW", 0.875, certain=True)


@pytest.mark.parametrize(
    ("probabilities", "certain", "finest"),
    [
        # the full name
        ([0.1, 0.65, 0.2, 0.05], True, "VW Golf 2012"),
        # some Golf
        ([0.4, 0.4, 0.1, 0.1], True, "VW Golf"),
        # some VW, but neither its model nor its name
        ([0.3, 0.2, 0.4, 0.1], False, "VW"),
        # nothing
        ([0.2, 0.2, 0.2, 0.4], False, ""),
    ],
)
def test_the_finest_certain_level_is_shown(
    probabilities: list[float], certain: bool, finest: str
) -> None:
    found = name(probabilities, 1, LEVELS)

    assert (found.certain, found.finest) == (certain, finest)


@pytest.mark.parametrize(
    ("probability", "certain"),
    [
        (0.53125, (False, False, False)),
        (0.625, (True, False, False)),
        (0.75, (True, True, False)),
        (0.875, (True, True, True)),
    ],
)
def test_each_level_has_its_own_threshold(
    probability: float, certain: tuple[bool, bool, bool]
) -> None:
    # Given a Clio, the only model of its make
    rest = (1 - probability) / 3

    found = name([rest, rest, rest, probability], 1, LEVELS)

    assert (found.name, found.model, found.make) == (
        Level("Renault Clio 2012", probability, certain[0]),
        Level("Renault Clio", probability, certain[1]),
        Level("Renault", probability, certain[2]),
    )


@pytest.mark.parametrize(
    ("kind", "name_certain", "model_certain", "make_certain"),
    [
        ("car", True, True, True),
        ("truck", False, True, True),
        ("bus", False, False, True),
        ("boat", False, False, False),
        (None, True, True, True),
    ],
)
def test_a_name_is_only_certain_for_the_kinds_that_it_was_taught_with(
    kind: str | None, name_certain: bool, model_certain: bool, make_certain: bool
) -> None:
    # Given a Golf 1991 that was taught with cars, a Golf 2012 with trucks too, and an Up with buses
    kinds = [{"car"}, {"car", "truck"}, {"bus"}, {"car"}]
    manifest = replace(LEVELS, kinds=tuple(map(frozenset, kinds)))

    found = name([0.9, 0.05, 0.05, 0], 1, manifest, kind=kind)

    # Then a model or make fits the kinds of any of its classes
    assert found.name == Level("VW Golf 1991", float(np.float32(0.9)), name_certain)
    assert found.model is not None
    assert found.model.certain is model_certain
    assert found.make is not None
    assert found.make.certain is make_certain
    # And the name stays
    assert found.names == ("VW Golf 1991",)


def test_a_class_without_kinds_fits_every_kind() -> None:
    manifest = replace(LEVELS, kinds=(frozenset(), *[frozenset({"car"})] * 3))

    first = name([0.9, 0.05, 0.05, 0], 1, manifest, kind="bus")
    second = name([0.05, 0.9, 0.05, 0], 1, manifest, kind="bus")

    assert first.finest == "VW Golf 1991"
    # The other Golf may be one without kinds.
    assert second.finest == "VW Golf"


def test_nothing_about_an_unknown_vehicle_is_certain() -> None:
    found = name([0.97, 0.01, 0.01, 0.01], 1, LEVELS, known=False)

    assert found.names == ("VW Golf 1991",)
    assert (found.certain, found.finest) == (False, "")
    assert found.make is not None
    assert (found.make.name, found.make.certain) == ("VW", False)


@pytest.mark.parametrize("columns", [False, True])
def test_a_vehicle_is_unknown_if_its_score_is_above_the_threshold_or_not_finite(
    columns: bool,
) -> None:
    # Given a model that gives the score as [n] or [n, 1]
    scores = np.array([2.5, 2.6, np.nan, np.inf, -np.inf, -7], np.float32)

    def answer(batch: Tensor) -> Sequence[Tensor]:
        logits = np.tile(np.array([9, 0, 0, 0], np.float32), (len(batch), 1))
        return [logits, scores[:, None] if columns else scores]

    found = Classifier(fake_model(with_unknown(2.5), answer)).classify(
        [ramp(20, 20)] * 6, ["car"] * 6, 1
    )

    assert [one.certain for one in found] == [True, False, False, False, False, True]
    assert {one.names for one in found} == {("VW Golf 1991",)}


@pytest.mark.parametrize(("temperature", "expected"), [(1.0, 0.7), (0.5, 0.9423), (2.0, 0.4686)])
def test_the_temperature_divides_the_logits(temperature: float, expected: float) -> None:
    # Given logits whose softmax is 0.7, 0.1, 0.1, 0.1
    assert LEVELS.calibration is not None
    manifest = replace(LEVELS, calibration=replace(LEVELS.calibration, temperature=temperature))

    [found] = scripted_classifier([0.7, 0.1, 0.1, 0.1], manifest=manifest).classify(
        [ramp(20, 20)], ["car"], 1
    )

    # Then p becomes p ** (1 / temperature), scaled to a sum of 1
    assert found.probs[0] == pytest.approx(expected, abs=1e-4)


def test_a_class_without_a_model_has_no_part_in_models() -> None:
    # Given a VW whose model is not known, as the most probable class
    manifest = replace(LEVELS, models=("", "Golf", "Up", ""))

    found = name([0.625, 0.25, 0.125, 0], 1, manifest)

    assert found.model == Level("VW Golf", 0.25, certain=False)
    assert found.make == Level("VW", 1.0, certain=True)


def test_without_models_in_the_labels_there_is_no_model() -> None:
    found = name([0.1, 0.2, 0.3, 0.4], 1, replace(LEVELS, models=()))

    assert found.model is None
    assert found.make is not None


def test_the_make_is_the_one_with_the_largest_total_probability() -> None:
    # Given a Golf as the most likely class, and two Renaults that are more likely together
    found = name([0.3, 0.29, 0.4, 0.01], 1)

    assert found.names == ("Golf",)
    assert found.make is not None
    assert found.make.name == "Renault"
    assert found.make.prob == pytest.approx(0.59)


def test_the_confidence_of_a_make_never_exceeds_1() -> None:
    # Given probabilities whose sum is a little above 1 because of rounding
    found = name([0.5000001, 0.5000001, 0, 0], 1)

    assert found.make is not None
    assert found.make.prob == 1.0


def test_labels_may_list_makes_in_any_order() -> None:
    manifest = replace(
        CLASSIFY, labels=("Polo", "Clio", "Up", "Twingo"), makes=("VW", "Renault", "VW", "Renault")
    )

    found = name([0.3, 0.1, 0.3, 0.3], 1, manifest)

    assert found.make is not None
    assert found.make.name == "VW"
    assert found.make.prob == pytest.approx(0.6)


def test_without_makes_in_the_labels_there_is_no_make() -> None:
    found = name([0.1, 0.2, 0.3, 0.4], 1, replace(CLASSIFY, makes=()))

    assert (found.make, found.model) == (None, None)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_logits_that_are_no_numbers_leave_their_vehicle_alone_without_a_name(bad: float) -> None:
    # Given a model that fails on the second of three crops
    def answer(batch: Tensor) -> Sequence[Tensor]:
        return [np.array([[9, 0, 0, 0], [0, bad, 0, 0], [0, 9, 0, 0]], np.float32)]

    with np.errstate(invalid="ignore"):
        found = Classifier(fake_model(CLASSIFY, answer)).classify(
            [ramp(20, 20)] * 3, ["car"] * 3, 1
        )

    assert [one.names for one in found] == [("Clio",), (), ("Twingo",)]
    assert found[1] == UNNAMED


def test_warming_up_runs_the_model() -> None:
    model = FakeModel(CLASSIFY, lambda batch: [])

    Classifier(cast(OnnxModel, model)).warm_up()

    assert model.warm_ups == 1
