"""Held-out photos -> the figures of the model card."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from carlens.teach.arrays import Matrix
from carlens.teach.calibration import (
    Calibration,
    Decision,
    Scored,
    fit_calibration,
    is_named,
    probabilities,
)
from carlens.teach.heldout import HeldOut
from carlens.teach.labels import Label
from carlens.teach.levels import Level, levels_of
from carlens.teach.unknown import auroc

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
    """What became of the held-out photos of a class.

    Attributes
    ----------
    name : str
    photos, right, in_five : int
        Held-out photos, those named right, and those whose name is among the first five.
    certain, certain_right : int
        Photos with a certain model or full name, and those of them whose finest certain name is
        right.
    """

    name: str
    photos: int
    right: int
    in_five: int
    certain: int
    certain_right: int


@dataclass(frozen=True)
class LevelFigures:
    """What became of the names at a level.

    Attributes
    ----------
    name : str
        `make`, `model` or `name`.
    threshold : float
        The probability from which on a name is certain.
    photos, right : int
        Held-out photos whose class has a name at this level, and those named right.
    certain, certain_right : int
        Certain names, and the right ones among them.
    """

    name: str
    threshold: float
    photos: int
    right: int
    certain: int
    certain_right: int


@dataclass(frozen=True)
class UnknownFigures:
    """What became of vehicles of no known class that nothing was chosen on.

    Attributes
    ----------
    vehicles : int
    named : int
        Those with a certain model or full name.
    auroc : float
        The probability that the score of one is higher than that of a held-out photo, 0..1.
    """

    vehicles: int
    named: int
    auroc: float


@dataclass(frozen=True)
class Evaluation:
    """The figures of a taught classifier, on held-out photos.

    What is certain is measured with a calibration that was fitted without the photo.

    Attributes
    ----------
    photos : int
    top1, top5 : float
        Shares of right full names, 0..1.
    calibration : Calibration
        Fitted on all held-out photos.
    levels : tuple of LevelFigures
        From coarse to fine.
    certain, certain_right : int
        Photos with a certain model or full name, and those of them whose finest certain name is
        right.
    calibration_error : float
        The expected calibration error over 10 bins, 0..1.
    bins : tuple of Bin
        By the confidence of the full name, of equal width.
    coverage : tuple of (float, float)
        Shares of photos answered and of right full names, as the threshold falls.
    classes : tuple of ClassFigures
        One for each new class.
    confusions : tuple of (str, str, int)
        The true and the given class with the number of photos, most frequent first.
    left_out : UnknownFigures or None
        Held-out photos, when their model is not taught; None if fewer than three are known.
    others : UnknownFigures or None
        Photos of other vehicles; None if there are none.
    probabilities : float64 array of shape (photos, classes)
    """

    photos: int
    top1: float
    top5: float
    calibration: Calibration
    levels: tuple[LevelFigures, ...]
    certain: int
    certain_right: int
    calibration_error: float
    bins: tuple[Bin, ...]
    coverage: tuple[tuple[float, float], ...]
    classes: tuple[ClassFigures, ...]
    confusions: tuple[tuple[str, str, int], ...]
    left_out: UnknownFigures | None
    others: UnknownFigures | None
    probabilities: Matrix

    @property
    def make(self) -> float:
        """The share of right makes, 0..1; that of right full names if no make is known."""
        level = self.levels[0]
        return level.right / max(level.photos, 1)


def evaluate(held_out: HeldOut, labels: Sequence[Label], others: Scored | None) -> Evaluation:
    """Fit a calibration on held-out photos and measure the answers.

    Parameters
    ----------
    held_out : HeldOut
    labels : sequence of Label
        Of all classes.
    others : Scored or None
        Vehicles of no known class. Every second one is for choosing the threshold of the unknown
        rule, the others are for measuring. Without them, held-out photos whose model is left out
        take their place.
    """
    known, owners, levels = held_out.known, held_out.owners, levels_of(labels)
    strange = held_out.left_out if others is None else others
    calibration = fit_calibration(known, owners, levels, strange[::2] if strange else None)
    probs, decisions = _cross_fit(held_out, levels, others)
    order = np.argsort(-probs, axis=1, kind="stable")[:, :5]
    answers, confidences = order[:, 0], probs.max(axis=1)
    right = answers == owners
    in_five = (order == owners[:, None]).any(axis=1)
    named, named_right = is_named(decisions), _is_finest_right(decisions, levels, owners)
    bins = _bins(confidences, right)
    left_out = held_out.left_out
    if left_out is not None and others is None:
        left_out = left_out[1::2]
    return Evaluation(
        photos=len(owners),
        top1=float(right.mean()),
        top5=float(in_five.mean()),
        calibration=calibration,
        levels=tuple(
            _level(name, calibration.thresholds[name], levels[name].groups[owners], decision)
            for name, decision in decisions.items()
        ),
        certain=int(named.sum()),
        certain_right=int(named_right.sum()),
        calibration_error=sum(each.answers * abs(each.confidence - each.accuracy) for each in bins)
        / len(owners),
        bins=bins,
        coverage=_coverage(confidences, right),
        classes=tuple(
            ClassFigures(
                name=labels[owner].name,
                photos=int(own.sum()),
                right=int((own & right).sum()),
                in_five=int((own & in_five).sum()),
                certain=int((own & named).sum()),
                certain_right=int((own & named_right).sum()),
            )
            for owner in np.unique(owners).tolist()
            for own in [owners == owner]
        ),
        confusions=tuple(
            (labels[true].name, labels[given].name, count)
            for (true, given), count in Counter(
                zip(owners[~right].tolist(), answers[~right].tolist(), strict=True)
            ).most_common()
        ),
        left_out=_unknown(left_out, known, levels, calibration) if left_out else None,
        others=_unknown(others[1::2], known, levels, calibration) if others else None,
        probabilities=probs,
    )


def _cross_fit(
    held_out: HeldOut, levels: Mapping[str, Level], others: Scored | None
) -> tuple[Matrix, dict[str, Decision]]:
    """Answer each fold with a calibration that is fitted on the other folds."""
    known, left_out = held_out.known, held_out.left_out
    probs = np.empty_like(known.scores)
    count = len(known)
    names = {level: np.zeros(count, np.intp) for level in levels}
    confidences = {level: np.zeros(count) for level in levels}
    certain = {level: np.zeros(count, np.bool_) for level in levels}
    for fold in np.unique(held_out.folds):
        own = held_out.folds == fold
        strange = left_out[~own] if left_out and others is None else others
        chosen = strange[::2] if strange else None
        calibration = fit_calibration(known[~own], held_out.owners[~own], levels, chosen)
        probs[own] = probabilities(known.scores[own], calibration.temperature)
        for level, decision in calibration.decide(known[own], levels).items():
            names[level][own] = decision.names
            confidences[level][own] = decision.probs
            certain[level][own] = decision.certain
    return probs, {
        level: Decision(names[level], confidences[level], certain[level]) for level in levels
    }


def _is_finest_right(
    decisions: Mapping[str, Decision], levels: Mapping[str, Level], owners: NDArray[np.intp]
) -> NDArray[np.bool_]:
    """Tell which photos have a certain full name or, failing that, model that is right."""
    result = np.zeros(len(owners), np.bool_)
    for level in ("model", "name"):
        if level in decisions:
            decision = decisions[level]
            right = decision.names == levels[level].groups[owners]
            result = np.where(decision.certain, right, result)
    return result


def _level(
    name: str, threshold: float, truths: NDArray[np.intp], decision: Decision
) -> LevelFigures:
    counted = truths >= 0
    right = counted & (decision.names == truths)
    certain = counted & decision.certain
    return LevelFigures(
        name=name,
        threshold=threshold,
        photos=int(counted.sum()),
        right=int(right.sum()),
        certain=int(certain.sum()),
        certain_right=int((certain & right).sum()),
    )


def _unknown(
    vehicles: Scored, known: Scored, levels: Mapping[str, Level], calibration: Calibration
) -> UnknownFigures:
    return UnknownFigures(
        vehicles=len(vehicles),
        named=int(is_named(calibration.decide(vehicles, levels)).sum()),
        auroc=auroc(known.unknown, vehicles.unknown),
    )


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
