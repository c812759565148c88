"""What was learned from the photos, by either method."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from carlens.teach.base import Base
from carlens.teach.features import Features
from carlens.teach.folds import assign_folds, held_out_scores
from carlens.teach.head import Head, fit_head
from carlens.teach.network import Matrix, Network
from carlens.teach.statistics import Statistics

_PROTOCOL = """\
Every photo was held out once, in five rounds. Near-duplicates and obvious series of one car were
never on both sides, and the shipped file was then made from all photos. The probabilities of each
round were calibrated on the other rounds."""


@dataclass(frozen=True)
class Learned:
    """A classifier, and its scores for photos that it has not learned from.

    Attributes
    ----------
    network : Network
    head : Head
        Not calibrated.
    statistics : Statistics
        Of the features of `network`.
    held_out : integer array of shape (n,)
        The examples that were measured.
    scores : float64 array of shape (n, classes)
        Of these examples.
    folds : integer array of shape (n,)
        The probabilities of a fold are calibrated on the other folds.
    method, protocol : str
        How it was made and how it was measured, for the model card.
    """

    network: Network
    head: Head
    statistics: Statistics
    held_out: NDArray[np.intp]
    scores: Matrix
    folds: NDArray[np.intp]
    method: str
    protocol: str


def quick_head(
    features: Features,
    labels: NDArray[np.intp],
    groups: NDArray[np.intp],
    base: Base,
    network: Network,
) -> Learned:
    """Fit the last layer, and measure it in five rounds.

    Parameters
    ----------
    features : float32 array of shape (n, 2, size)
    labels, groups : integer arrays of shape (n,)
    base : Base
    network : Network
        Gave the features.
    """
    folds = assign_folds(labels, groups)
    statistics = base.joined(features, labels)
    return Learned(
        network=network,
        head=fit_head(statistics),
        statistics=statistics,
        held_out=np.arange(len(labels)),
        scores=held_out_scores(features, labels, folds, base),
        folds=folds,
        method="linear discriminant analysis on these features, one covariance shrunk by 0.1",
        protocol=_PROTOCOL,
    )
