from __future__ import annotations

import numpy as np
import pytest

from carlens.teach.calibration import (
    NEVER,
    choose_threshold,
    fit_temperature,
    probabilities,
    wilson,
)
from carlens.teach.evaluation import evaluate

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


def test_figures_of_a_perfect_and_of_a_blind_classifier() -> None:
    labels = np.repeat([0, 1, 2], 20)
    folds = np.tile(np.arange(5), 12)
    names, makes = ("A a", "A b", "B c"), ("A", "A", "B")

    perfect = evaluate(np.eye(3)[labels] * 9, labels, folds, names, makes)
    blind = evaluate(np.eye(3)[(labels + 1) % 3] * 9, labels, folds, names, makes)

    assert (perfect.top1, perfect.top5, perfect.make, perfect.certain) == (1, 1, 1, 60)
    assert perfect.confusions == ()
    assert [(each.name, each.right) for each in perfect.classes] == [
        ("A a", 20),
        ("A b", 20),
        ("B c", 20),
    ]
    assert (blind.top1, blind.threshold, blind.certain) == (0, NEVER, 0)
    assert blind.confusions[0][2] == 20
    # Calibration makes all classes equally likely, so the make of two of them is the answer.
    assert blind.make == pytest.approx(2 / 3)


def test_calibrated_probabilities_have_a_small_calibration_error() -> None:
    scores, labels = drawn(10)
    folds = np.arange(len(labels)) % 5
    names = tuple(f"{i} x" for i in range(5))

    found = evaluate(scores, labels, folds, names, names)

    assert found.calibration_error < 0.03
    assert sum(each.answers for each in found.bins) == len(labels)
    share, right = found.coverage[-1]
    assert share == 1
    assert right == pytest.approx(found.top1)
    assert found.certain_right >= 0.95 * found.certain > 0
    assert found.checked_right / found.checked > 0.9
    assert found.unknown_certain is not None
    assert 0 < found.unknown_certain < 1


def test_two_classes_tell_nothing_about_unknown_cars() -> None:
    labels = np.repeat([0, 1], 20)
    names = ("A a", "B b")

    found = evaluate(np.eye(2)[labels], labels, np.tile(np.arange(5), 8), names, names)

    assert found.unknown_certain is None
