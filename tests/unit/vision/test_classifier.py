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
from carlens.models.manifest import Manifest, Thresholds
from carlens.models.session import OnnxModel
from carlens.vision.classifier import UNNAMED, Classification, Classifier
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
    probabilities: Sequence[float], top_k: int, manifest: Manifest = CLASSIFY
) -> Classification:
    return classifier(manifest).interpret(np.array(probabilities, np.float32), top_k)


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

    found = scripted_classifier(*rows).classify(crops, 2)

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

    found = Classifier(fake_model(CLASSIFY, answer)).classify([ramp(20, 20), ramp(20, 20)[::-1]], 4)

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
    found = name([0.1, 0.2, 0.3, 0.4], 2)

    assert {type(prob) for prob in found.probs} == {float}
    assert found.make is not None
    assert type(found.make.prob) is float
    assert type(found.certain) is bool


@pytest.mark.parametrize(
    ("best", "threshold", "certain"),
    [(0.5, 0.5, True), (0.49, 0.5, False), (0.51, 0.5, True), (0.9, 0.95, False), (0.25, 0, True)],
)
def test_a_classification_is_certain_from_the_threshold_on(
    best: float, threshold: float, certain: bool
) -> None:
    manifest = replace(CLASSIFY, thresholds=Thresholds(confidence=threshold))
    rest = (1 - best) / 3

    assert name([best, rest, rest, rest], 5, manifest).certain is certain


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
    assert name([0.1, 0.2, 0.3, 0.4], 1, replace(CLASSIFY, makes=())).make is None


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_logits_that_are_no_numbers_leave_their_vehicle_alone_without_a_name(bad: float) -> None:
    # Given a model that fails on the second of three crops
    def answer(batch: Tensor) -> Sequence[Tensor]:
        return [np.array([[9, 0, 0, 0], [0, bad, 0, 0], [0, 9, 0, 0]], np.float32)]

    with np.errstate(invalid="ignore"):
        found = Classifier(fake_model(CLASSIFY, answer)).classify([ramp(20, 20)] * 3, 1)

    assert [one.names for one in found] == [("Clio",), (), ("Twingo",)]
    assert found[1] == UNNAMED


def test_warming_up_runs_the_model() -> None:
    model = FakeModel(CLASSIFY, lambda batch: [])

    Classifier(cast(OnnxModel, model)).warm_up()

    assert model.warm_ups == 1
