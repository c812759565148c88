"""Scores -> probabilities that can be believed, and answers that are certain."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from carlens.teach.arrays import Matrix
from carlens.teach.levels import LEVELS, Level

PRECISION = 0.95
LEAST_ANSWERS = 20
NEVER = 1.0
LEAST_PROBABILITY = 0.5
"""Below it, the other names together are more probable, so a name is never certain."""
MOST_UNKNOWN = 0.03
"""The largest share of unknown vehicles to give a certain model or full name."""

_LOG_RANGE = (math.log(0.05), math.log(500))
_GOLDEN = (math.sqrt(5) - 1) / 2
_STEPS = np.arange(1000) / 1000
_LIMITS = 100
_USUAL = 0.95


@dataclass(frozen=True)
class Scored:
    """Vehicles that a classifier has not learned from.

    Attributes
    ----------
    scores : float64 array of shape (n, classes)
        Logits.
    unknown : float64 array of shape (n,)
        High for vehicles of no known class.
    kinds : str array of shape (n,)
        The detector's classes; empty if not known.
    """

    scores: Matrix
    unknown: Matrix
    kinds: NDArray[np.str_]

    def __getitem__(self, chosen: NDArray[np.bool_ | np.intp] | slice) -> Scored:
        return Scored(self.scores[chosen], self.unknown[chosen], self.kinds[chosen])

    def __len__(self) -> int:
        return len(self.scores)


@dataclass(frozen=True)
class Calibration:
    """When an answer is certain; `calibration` in the manifest.

    Attributes
    ----------
    temperature : float
        Divides the logits, so that probabilities are as high as answers are often right.
    thresholds : dict of str to float
        The probability from which on the name at each level is certain, 0..1.
    unknown : float
        Nothing is certain about a vehicle whose score is higher.
    """

    temperature: float
    thresholds: Mapping[str, float]
    unknown: float

    def decide(self, scored: Scored, levels: Mapping[str, Level]) -> dict[str, Decision]:
        """Name vehicles, at each level."""
        return self._decide(scored.unknown, _best(scored, levels, self.temperature))

    def count_named(self, unknown: Matrix, best: Mapping[str, _Best]) -> int:
        """Count the vehicles with a certain model or full name."""
        return int(is_named(self._decide(unknown, best)).sum())

    def _decide(self, unknown: Matrix, best: Mapping[str, _Best]) -> dict[str, Decision]:
        known = unknown <= self.unknown
        return {
            level: Decision(
                each.names,
                each.probs,
                known & each.fits & (each.probs >= self.thresholds[level]),
            )
            for level, each in best.items()
        }


@dataclass(frozen=True)
class Decision:
    """The names at a level: their indices, probabilities and certainty, each of shape (n,)."""

    names: NDArray[np.intp]
    probs: Matrix
    certain: NDArray[np.bool_]


@dataclass(frozen=True)
class _Best:
    names: NDArray[np.intp]
    probs: Matrix
    fits: NDArray[np.bool_]


def fit_calibration(
    known: Scored,
    owners: NDArray[np.intp],
    levels: Mapping[str, Level],
    others: Scored | None,
) -> Calibration:
    """Choose the temperature, the threshold of each level and that of the unknown rule.

    For each threshold of the unknown rule, the thresholds of the levels are the lowest with 95 %
    of the certain names right. Of those that give at most 3 % of the unknown vehicles a certain
    model or full name, it takes the one that names most known vehicles. One more unknown vehicle
    counts as named, so that the share is kept for new ones on average, as in conformal prediction
    (A. Angelopoulos and S. Bates, 2021, arXiv:2107.07511); of few, none may be named.

    Parameters
    ----------
    known : Scored
        Held-out photos.
    owners : integer array of shape (n,)
        Their classes.
    levels : Mapping of str to Level
    others : Scored or None
        Vehicles of no known class. If there are none, 95 % of the known ones pass the rule.
    """
    temperature = fit_temperature(known.scores, owners)
    best = _best(known, levels, temperature)
    truths = {level: levels[level].groups[owners] for level in best}
    strange = _best(others, levels, temperature) if others else {}

    def fit(limit: float) -> Calibration:
        thresholds = dict.fromkeys(LEVELS, NEVER)
        for level, each in best.items():
            # A photo whose class has no name at this level cannot tell right from wrong.
            counted = (known.unknown <= limit) & each.fits & (truths[level] >= 0)
            right = each.names == truths[level]
            found = choose_threshold(each.probs[counted], right[counted])
            thresholds[level] = max(LEAST_PROBABILITY, found)
        return Calibration(temperature, thresholds, limit)

    if others is None:
        return fit(float(np.quantile(known.unknown, _USUAL)))

    allowed = max(0.0, MOST_UNKNOWN * (len(others) + 1) - 1)

    def rank(choice: Calibration) -> tuple[bool, int, int]:
        wrong = choice.count_named(others.unknown, strange)
        return wrong <= allowed, choice.count_named(known.unknown, best), -wrong

    # With the lowest limit, every vehicle is unknown.
    lowest = np.nextafter(min(known.unknown.min(), others.unknown.min()), -np.inf)
    quantiles = np.quantile(known.unknown, np.arange(1, _LIMITS + 1) / _LIMITS)
    limits = np.unique([lowest, *quantiles])
    return max((fit(float(limit)) for limit in limits), key=rank)


def is_named(decisions: Mapping[str, Decision]) -> NDArray[np.bool_]:
    """Tell which vehicles have a certain model or full name, shape (n,)."""
    certain = [decisions[level].certain for level in ("model", "name") if level in decisions]
    return np.asarray(np.logical_or.reduce(certain))


def _best(scored: Scored, levels: Mapping[str, Level], temperature: float) -> dict[str, _Best]:
    probs = probabilities(scored.scores, temperature)
    found = {}
    for name, level in levels.items():
        names, confidences = level.best(probs)
        found[name] = _Best(names, confidences, level.fits(names, scored.kinds.tolist()))
    return found


def probabilities(scores: Matrix, temperature: float) -> Matrix:
    """Return the softmax of scores, shape (n, classes), divided by a temperature."""
    scaled = scores / temperature
    powers = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def fit_temperature(scores: Matrix, labels: NDArray[np.intp]) -> float:
    """Find the temperature with the least log loss on held-out photos.

    By golden-section search over its logarithm (C. Guo et al., "On Calibration of Modern Neural
    Networks", 2017, arXiv:1706.04599).

    Parameters
    ----------
    scores : float64 array of shape (n, classes)
    labels : integer array of shape (n,)
    """
    rows = np.arange(len(labels))

    def loss(log_temperature: float) -> float:
        given = probabilities(scores, math.exp(log_temperature))[rows, labels]
        return float(-np.log(np.maximum(given, 1e-300)).mean())

    low, high = _LOG_RANGE
    for _ in range(40):
        step = _GOLDEN * (high - low)
        if loss(high - step) <= loss(low + step):
            high = low + step
        else:
            low = high - step
    return math.exp((low + high) / 2)


def choose_threshold(confidences: Matrix, right: NDArray[np.bool_]) -> float:
    """Find the lowest probability from which on answers are right often enough.

    Parameters
    ----------
    confidences : float64 array of shape (n,)
        The probability of each held-out answer.
    right : bool array of shape (n,)

    Returns
    -------
    float
        In steps of 0.001. At least 20 answers reach it, and at least 95 % of them are right, as a
        plain share; `NEVER` if there is no such probability.
    """
    order = np.argsort(confidences)
    below = np.searchsorted(confidences[order], _STEPS, "left")
    answered = len(right) - below
    hits = right.sum() - np.concatenate([[0], np.cumsum(right[order])])[below]
    kept = (answered >= LEAST_ANSWERS) & (hits >= PRECISION * answered)
    return float(_STEPS[kept.argmax()]) if kept.any() else NEVER


def wilson(right: int, total: int, z: float = 1.96) -> tuple[float, float]:
    """Return the 95 % confidence interval of a share (E. B. Wilson, 1927)."""
    if not total:
        return 0.0, 1.0
    share = right / total
    center = share + z * z / (2 * total)
    spread = z * math.sqrt(share * (1 - share) / total + z * z / (4 * total * total))
    scale = 1 + z * z / total
    return max(0.0, (center - spread) / scale), min(1.0, (center + spread) / scale)
