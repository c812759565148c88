from __future__ import annotations

import numpy as np
import pytest

from carlens.teach.calibration import (
    NEVER,
    Calibration,
    Scored,
    choose_threshold,
    fit_calibration,
    fit_temperature,
    is_named,
    probabilities,
    wilson,
)
from carlens.teach.evaluation import evaluate
from carlens.teach.labels import Label
from carlens.teach.levels import levels_of
from tests.teach_support import held_out, scored

RNG = np.random.default_rng(1)


def drawn(temperature: float, count: int = 4000) -> tuple[np.ndarray, np.ndarray]:
    """Scores that are `temperature` times too large for the labels drawn from them."""
    scores = RNG.normal(0, 2, (count, 5))
    sums = probabilities(scores, 1.0).cumsum(axis=1)
    labels = (RNG.uniform(size=(count, 1)) > sums).sum(axis=1)
    return scores * temperature, labels


@pytest.mark.parametrize("temperature", [0.5, 1, 13])
def test_the_temperature_is_found(temperature: float) -> None:
    scores, labels = drawn(temperature)

    assert fit_temperature(scores, labels) == pytest.approx(temperature, rel=0.1)


def test_the_threshold_is_the_lowest_that_keeps_the_promise() -> None:
    # Given answers of which those from 0.6 on are right, and the others are not
    confidences = np.repeat([0.9, 0.6, 0.3], 20)
    right = confidences >= 0.6

    # Then 2 wrong answers in 40 are allowed, so the threshold is just above 0.3
    assert choose_threshold(confidences, right) == 0.301


def test_a_promise_needs_enough_right_answers() -> None:
    confidences = np.linspace(0.5, 0.99, 50)

    assert choose_threshold(confidences[:19], np.ones(19, np.bool_)) == NEVER
    assert choose_threshold(confidences, np.arange(50) % 2 == 0) == NEVER
    assert choose_threshold(confidences, np.ones(50, np.bool_)) == 0


def test_wilson_is_as_published() -> None:
    # Example of 81 in 263 in R. Newcombe, 1998: 0.2553 to 0.3662
    low, high = wilson(81, 263)

    assert (round(low, 4), round(high, 4)) == (0.2553, 0.3662)
    assert wilson(0, 0) == (0, 1)


LABELS = (
    Label("A a 1", "A", "a", ("car",)),
    Label("A a 2", "A", "a", ("car",)),
    Label("B b", "B", "b", ("truck",)),
    Label("C c", "C", "c"),
)
LEVELS = levels_of(LABELS)


def test_a_name_may_be_certain_where_its_variant_is_not() -> None:
    # Given a vehicle that is either variant of a model, with the temperature that divides by 2
    scores = 2 * np.log([[0.45, 0.45, 0.05, 0.05]])
    calibration = Calibration(2, {"make": 0.8, "model": 0.9, "name": 0.5}, 1)

    found = calibration.decide(scored(scores, kinds=["car"]), LEVELS)

    assert [(level, each.certain.tolist()) for level, each in found.items()] == [
        ("make", [True]),
        ("model", [False]),
        ("name", [False]),
    ]
    assert found["model"].probs == pytest.approx(0.9)
    assert not is_named(found).any()


def test_nothing_is_certain_about_another_kind_or_an_unknown_vehicle() -> None:
    scores = np.log([[0.97, 0.01, 0.01, 0.01]] * 3)
    calibration = Calibration(1, {"make": 0, "model": 0, "name": 0}, 5)

    vehicles = scored(scores, unknown=[5, 5, 5.1], kinds=["car", "truck", "car"])
    found = calibration.decide(vehicles, LEVELS)

    assert all(each.certain.tolist() == [True, False, False] for each in found.values())


def test_each_level_keeps_the_promise_after_the_unknown_rule() -> None:
    # Given photos of variants that cannot be told apart, and unknown vehicles that look like class
    # C but have a higher unknown score
    owners = np.repeat([0, 1, 2, 3], 50)
    scores = np.log(np.eye(4)[owners] * 0.8 + 0.05)
    scores[owners < 2] = np.log([0.45, 0.44, 0.06, 0.05])
    scores[owners == 2] = np.log([0.01, 0.01, 0.97, 0.01])
    known = scored(scores, unknown=RNG.uniform(0, 1, 200), kinds=[""] * 200)
    strange = scored(scores[owners == 3], unknown=RNG.uniform(0.8, 2, 50))

    found = fit_calibration(known, owners, LEVELS, strange)

    # Then make and model are certain where the full name is not
    decisions = found.decide(known, LEVELS)
    passed = known.unknown <= found.unknown
    assert 0.5 < found.unknown < 0.85
    assert decisions["model"].certain.tolist() == passed.tolist()
    assert decisions["name"].certain.tolist() == (passed & (owners >= 2)).tolist()
    assert found.thresholds["name"] > 0.45
    # And at most 3 % of the unknown vehicles get a certain name
    assert is_named(found.decide(strange, LEVELS)).mean() <= 0.03


def test_without_unknown_vehicles_nearly_all_known_ones_pass() -> None:
    owners = np.repeat([0, 1, 2, 3], 25)
    known = scored(np.eye(4)[owners] * 9, unknown=np.arange(100.0))

    found = fit_calibration(known, owners, LEVELS, None)

    assert (known.unknown <= found.unknown).mean() == 0.95


def test_unknown_vehicles_that_look_known_leave_nothing_certain() -> None:
    owners = np.repeat([0, 1, 2, 3], 25)
    known = scored(np.eye(4)[owners] * 9, unknown=np.linspace(0, 1, 100))
    strange = scored(np.eye(4)[owners] * 9, unknown=np.full(100, -1.0))

    found = fit_calibration(known, owners, LEVELS, strange)

    assert not is_named(found.decide(strange, LEVELS)).any()
    assert not is_named(found.decide(known, LEVELS)).any()


def test_figures_of_a_perfect_and_of_a_blind_classifier() -> None:
    owners = np.repeat([0, 1, 2], 20)
    labels = (Label("A a", "A", "a"), Label("A b", "A", "b"), Label("B c", "B", "c"))

    perfect = evaluate(held_out(np.eye(3)[owners] * 9, owners), labels, None)
    blind = evaluate(held_out(np.eye(3)[(owners + 1) % 3] * 9, owners), labels, None)

    assert (perfect.top1, perfect.top5, perfect.make, perfect.certain) == (1, 1, 1, 60)
    assert [(each.name, each.certain_right) for each in perfect.levels] == [
        ("make", 60),
        ("model", 60),
        ("name", 60),
    ]
    assert perfect.confusions == ()
    assert [(each.name, each.right) for each in perfect.classes] == [
        ("A a", 20),
        ("A b", 20),
        ("B c", 20),
    ]
    assert (blind.top1, blind.calibration.thresholds["name"], blind.certain) == (0, NEVER, 0)
    assert blind.confusions[0][2] == 20
    # Calibration makes all classes equally likely, so the make of two of them is the answer.
    assert blind.make == pytest.approx(2 / 3)


def test_calibrated_probabilities_have_a_small_calibration_error() -> None:
    scores, owners = drawn(10)
    labels = tuple(Label(f"{i} x", str(i), "x") for i in range(5))

    found = evaluate(held_out(scores, owners), labels, None)

    assert found.calibration_error < 0.03
    assert sum(each.answers for each in found.bins) == len(owners)
    share, right = found.coverage[-1]
    assert share == 1
    assert right == pytest.approx(found.top1)
    assert found.certain_right / found.certain > 0.9
    name = found.levels[-1]
    assert (name.photos, name.right / name.photos) == (len(owners), found.top1)
    assert name.certain_right / name.certain > 0.9


def test_unknown_vehicles_are_measured_on_those_that_nothing_was_chosen_on() -> None:
    # Given photos of which each second one, when its class is left out, passes for a known one
    owners = np.repeat(np.arange(4), 40)
    scores = np.eye(4)[owners] * 9
    places = np.arange(160)
    left_out = scored(np.roll(scores, 1, axis=1), unknown=np.where(places % 2, 0.0, 2.0))
    known = held_out(scores, owners, left_out=left_out)

    found = evaluate(known, LABELS, None)

    assert found.left_out is not None
    assert (found.left_out.vehicles, found.left_out.named) == (80, 80)
    assert found.others is None

    # And with other vehicles, the rule is chosen on half of them
    others = scored(scores[:30], unknown=[2.0, 2.0, 0.0] * 10)
    found = evaluate(known, LABELS, others)
    assert found.others is not None
    assert found.others.vehicles == 15
    assert found.left_out is not None
    assert found.left_out.vehicles == 160


def test_two_classes_tell_nothing_about_unknown_cars() -> None:
    owners = np.repeat([0, 1], 20)
    labels = (Label("A a"), Label("B b"))

    found = evaluate(held_out(np.eye(2)[owners], owners), labels, None)

    assert (found.left_out, found.others) == (None, None)


def test_vehicles_can_be_chosen() -> None:
    vehicles = scored(np.eye(3), unknown=[1, 2, 3], kinds=["car", "bus", ""])

    half = vehicles[::2]

    assert isinstance(half, Scored)
    assert (len(half), half.unknown.tolist(), half.kinds.tolist()) == (2, [1, 3], ["car", ""])
