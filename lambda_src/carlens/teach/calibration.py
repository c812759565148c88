"""Scores -> probabilities that can be believed, and the threshold for `certain`."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from carlens.teach.network import Matrix

PRECISION = 0.95
LEAST_ANSWERS = 20
NEVER = 1.0

_LOG_RANGE = (math.log(0.05), math.log(500))
_GOLDEN = (math.sqrt(5) - 1) / 2


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
    for threshold in np.arange(1000) / 1000:
        answered = right[confidences >= threshold]
        if len(answered) < LEAST_ANSWERS:
            break
        if answered.mean() >= PRECISION:
            return float(threshold)
    return NEVER


def wilson(right: int, total: int, z: float = 1.96) -> tuple[float, float]:
    """Return the 95 % confidence interval of a share (E. B. Wilson, 1927)."""
    if not total:
        return 0.0, 1.0
    share = right / total
    center = share + z * z / (2 * total)
    spread = z * math.sqrt(share * (1 - share) / total + z * z / (4 * total * total))
    scale = 1 + z * z / total
    return max(0.0, (center - spread) / scale), min(1.0, (center + spread) / scale)
