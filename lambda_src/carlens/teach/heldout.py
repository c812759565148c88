"""What a classifier says of photos that it has not learned from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from carlens.teach.arrays import Features, Matrix
from carlens.teach.base import Base
from carlens.teach.calibration import Scored
from carlens.teach.examples import Example, stack_kinds
from carlens.teach.head import Head, fit_head
from carlens.teach.labels import Label
from carlens.teach.levels import same_model
from carlens.teach.unknown import UnknownRule, fit_rule, without_classes


@dataclass(frozen=True)
class Photos:
    """What is known of held-out photos.

    Attributes
    ----------
    owners : integer array of shape (n,)
        The true classes.
    kinds : str array of shape (n,)
        The detector's classes; empty if not known.
    folds : integer array of shape (n,)
        Which part of them each photo is in.
    """

    owners: NDArray[np.intp]
    kinds: NDArray[np.str_]
    folds: NDArray[np.intp]

    def __getitem__(self, chosen: NDArray[np.bool_ | np.intp]) -> Photos:
        return Photos(self.owners[chosen], self.kinds[chosen], self.folds[chosen])


@dataclass(frozen=True)
class HeldOut:
    """Held-out photos.

    Attributes
    ----------
    known : Scored
    left_out : Scored or None
        The same photos, as a classifier scores them that was not taught their model; None if
        fewer than two classes would be left.
    owners : integer array of shape (n,)
        The true classes.
    folds : integer array of shape (n,)
        Which part of them each photo is in. A part is measured with what is chosen on the others.
    """

    known: Scored
    left_out: Scored | None
    owners: NDArray[np.intp]
    folds: NDArray[np.intp]

    def __getitem__(self, chosen: NDArray[np.intp]) -> HeldOut:
        left_out = self.left_out[chosen] if self.left_out is not None else None
        return HeldOut(self.known[chosen], left_out, self.owners[chosen], self.folds[chosen])

    @classmethod
    def joined(cls, parts: Sequence[HeldOut]) -> HeldOut:
        """Join photos that different classifiers were tested on."""
        left_out = [part.left_out for part in parts if part.left_out is not None]
        return cls(
            known=_join([part.known for part in parts]),
            left_out=_join(left_out) if len(left_out) == len(parts) else None,
            owners=np.concatenate([part.owners for part in parts]),
            folds=np.concatenate([part.folds for part in parts]),
        )


def score(head: Head, rule: UnknownRule, features: Features, vehicles: Sequence[Example]) -> Scored:
    """Score vehicles that the head has not learned from.

    Parameters
    ----------
    head : Head
    rule : UnknownRule
    features : float32 array of shape (n, size)
        Of the vehicles, by the network that the head belongs to.
    vehicles : sequence of Example
    """
    scores = head.scores(features)
    return Scored(scores, rule.scores(features, scores), stack_kinds(vehicles))


def score_held_out(
    scores: Matrix,
    features: Features,
    rule: UnknownRule,
    photos: Photos,
    labels: Sequence[Label],
) -> HeldOut:
    """Apply the rule for unknown vehicles to held-out photos.

    Parameters
    ----------
    scores : float64 array of shape (n, classes)
        Logits.
    features : float32 array of shape (n, size)
    rule : UnknownRule
    photos : Photos
    labels : sequence of Label
        Of all classes.
    """
    known = Scored(scores, rule.scores(features, scores), photos.kinds)
    without = same_model(labels)[photos.owners]
    left_out = None
    if (~without).sum(axis=1).min() >= 2:
        unknown = rule.scores(features, scores, without)
        left_out = Scored(without_classes(scores, without), unknown, photos.kinds)
    return HeldOut(known, left_out, photos.owners, photos.folds)


def cross_validate(
    features: Features,
    labels: NDArray[np.intp],
    photos: Photos,
    base: Base,
    classes: Sequence[Label],
) -> HeldOut:
    """Score each photo with a head and a rule that were fitted without its fold.

    Parameters
    ----------
    features : float32 array of shape (n, 2, size)
    labels : integer array of shape (n,)
        Indices of new classes.
    photos : Photos
    base : Base
        What the head knows besides these photos.
    classes : sequence of Label
        Of the result.
    """
    result = []
    for fold in np.unique(photos.folds):
        train, test = photos.folds != fold, photos.folds == fold
        statistics = base.joined(features[train], labels[train])
        tested = features[test, 0]
        head = fit_head(statistics)
        rule = fit_rule(head, statistics)
        scores = head.scores(tested)
        result.append(score_held_out(scores, tested, rule, photos[test], classes))
    order = np.argsort(np.argsort(photos.folds, kind="stable"))
    return HeldOut.joined(result)[order]


def _join(parts: Sequence[Scored]) -> Scored:
    return Scored(
        np.concatenate([part.scores for part in parts]),
        np.concatenate([part.unknown for part in parts]),
        np.concatenate([part.kinds for part in parts]),
    )
