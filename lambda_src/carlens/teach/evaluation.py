"""Held-out scores -> the figures of the model card."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from carlens.teach.calibration import choose_threshold, fit_temperature, probabilities
from carlens.teach.network import Matrix

BINS = 10


@dataclass(frozen=True)
class Bin:
    """Held-out answers of similar confidence.

    Attributes
    ----------
    answers : int
    confidence, accuracy : float
        0..1, on average; 0 for an empty bin.
    """

    answers: int
    confidence: float
    accuracy: float


@dataclass(frozen=True)
class ClassFigures:
    """What became of the held-out photos of a class."""

    name: str
    photos: int
    right: int
    in_five: int
    certain: int
    certain_right: int


@dataclass(frozen=True)
class Evaluation:
    """The figures of a taught classifier, on held-out photos.

    Attributes
    ----------
    photos : int
    top1, top5, make : float
        Shares of right answers, 0..1.
    temperature : float
        Divides the scores, so that probabilities are as high as answers are often right.
    threshold : float
        The probability from which on an answer is certain.
    certain, certain_right : int
        Answers that reach the threshold, and the right ones among them.
    checked, checked_right : int
        The same, with the threshold that the other folds choose.
    calibration_error : float
        The expected calibration error over 10 bins, 0..1.
    bins : tuple of Bin
        By confidence, of equal width.
    coverage : tuple of (float, float)
        Shares of photos answered and of right answers, as the threshold falls.
    classes : tuple of ClassFigures
        One for each new class.
    confusions : tuple of (str, str, int)
        The true and the given class with the number of photos, most frequent first.
    unknown_certain : float or None
        The share of photos with a certain answer when their class is not taught; None if fewer
        than three classes are known.
    probabilities : float64 array of shape (photos, classes)
    """

    photos: int
    top1: float
    top5: float
    make: float
    temperature: float
    threshold: float
    certain: int
    certain_right: int
    checked: int
    checked_right: int
    calibration_error: float
    bins: tuple[Bin, ...]
    coverage: tuple[tuple[float, float], ...]
    classes: tuple[ClassFigures, ...]
    confusions: tuple[tuple[str, str, int], ...]
    unknown_certain: float | None
    probabilities: Matrix


def evaluate(
    scores: Matrix,
    labels: NDArray[np.intp],
    folds: NDArray[np.intp],
    names: tuple[str, ...],
    makes: tuple[str, ...],
) -> Evaluation:
    """Calibrate held-out scores and measure the answers.

    The probabilities of each fold are calibrated on the other folds.

    Parameters
    ----------
    scores : float64 array of shape (n, classes)
    labels, folds : integer arrays of shape (n,)
    names, makes : tuples of str
        Of all classes.
    """
    probs = _calibrated_by_others(scores, labels, folds)
    order = np.argsort(-probs, axis=1, kind="stable")[:, :5]
    answers, confidences = order[:, 0], probs.max(axis=1)
    right = answers == labels
    in_five = (order == labels[:, None]).any(axis=1)
    temperature = fit_temperature(scores, labels)
    threshold = choose_threshold(confidences, right)
    certain = confidences >= threshold
    checked = _certain_by_others(confidences, right, folds)
    bins = _bins(confidences, right)
    return Evaluation(
        photos=len(labels),
        top1=float(right.mean()),
        top5=float(in_five.mean()),
        make=float((_make_answers(probs, makes) == np.array(makes)[labels]).mean()),
        temperature=temperature,
        threshold=threshold,
        certain=int(certain.sum()),
        certain_right=int((certain & right).sum()),
        checked=int(checked.sum()),
        checked_right=int((checked & right).sum()),
        calibration_error=sum(each.answers * abs(each.confidence - each.accuracy) for each in bins)
        / len(labels),
        bins=bins,
        coverage=_coverage(confidences, right),
        classes=tuple(
            ClassFigures(
                name=names[label],
                photos=int(own.sum()),
                right=int((own & right).sum()),
                in_five=int((own & in_five).sum()),
                certain=int((own & certain).sum()),
                certain_right=int((own & certain & right).sum()),
            )
            for label in np.unique(labels)
            for own in [labels == label]
        ),
        confusions=tuple(
            (names[true], names[given], count)
            for (true, given), count in Counter(
                zip(labels[~right].tolist(), answers[~right].tolist(), strict=True)
            ).most_common()
        ),
        unknown_certain=_unknown_certain(scores, labels, temperature, threshold),
        probabilities=probs,
    )


def _calibrated_by_others(
    scores: Matrix, labels: NDArray[np.intp], folds: NDArray[np.intp]
) -> Matrix:
    probs = np.empty_like(scores)
    for fold in np.unique(folds):
        own = folds == fold
        temperature = fit_temperature(scores[~own], labels[~own])
        probs[own] = probabilities(scores[own], temperature)
    return probs


def _certain_by_others(
    confidences: Matrix, right: NDArray[np.bool_], folds: NDArray[np.intp]
) -> NDArray[np.bool_]:
    certain = np.zeros(len(right), np.bool_)
    for fold in np.unique(folds):
        own = folds == fold
        certain[own] = confidences[own] >= choose_threshold(confidences[~own], right[~own])
    return certain


def _make_answers(probs: Matrix, makes: tuple[str, ...]) -> NDArray[np.str_]:
    names, columns = np.unique(makes, return_inverse=True)
    sums = probs @ np.eye(len(names))[columns]
    return np.asarray(names[sums.argmax(axis=1)])


def _bins(confidences: Matrix, right: NDArray[np.bool_]) -> tuple[Bin, ...]:
    places = np.minimum((confidences * BINS).astype(int), BINS - 1)
    return tuple(
        Bin(
            int(own.sum()),
            float(confidences[own].mean()) if own.any() else 0.0,
            float(right[own].mean()) if own.any() else 0.0,
        )
        for own in (places == place for place in range(BINS))
    )


def _coverage(confidences: Matrix, right: NDArray[np.bool_]) -> tuple[tuple[float, float], ...]:
    hits = np.cumsum(right[np.argsort(-confidences, kind="stable")])
    total = len(right)
    counts = sorted({max(1, round(total * step / 50)) for step in range(1, 51)})
    return tuple((count / total, float(hits[count - 1]) / count) for count in counts)


def _unknown_certain(
    scores: Matrix, labels: NDArray[np.intp], temperature: float, threshold: float
) -> float | None:
    """Answer without the true class, as a model that was not taught it would."""
    if scores.shape[1] < 3:
        return None
    without = scores.copy()
    without[np.arange(len(labels)), labels] = -np.inf
    return float((probabilities(without, temperature).max(axis=1) >= threshold).mean())
