"""A score that is high for vehicles of no known class."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from carlens.teach.head import shrunk_covariance
from carlens.teach.network import Matrix
from carlens.teach.statistics import Statistics

# The first 64 directions tell known from unknown cars as well as all 216 (docs/teach.md).
RANK = 64


@dataclass(frozen=True)
class UnknownRule:
    """Relative Mahalanobis distance, in the directions in which the classes differ most.

    It is the distance to the nearest class mean, less that to the mean of all classes under the
    covariance of all (J. Ren et al., "A Simple Fix to Mahalanobis Distance for Improving Near-OOD
    Detection", 2021, arXiv:2106.09022), halved. Where the covariance within the classes is the
    identity, it is half of the squared distance to the center, each direction weighted by its
    share of variance between classes, less the best score of linear discriminant analysis. The
    latter is the lead of the best logit if they are those of `carlens.teach.head.fit_head`.

    Attributes
    ----------
    axes : float64 array of shape (rank, size)
    center : float64 array of shape (size,)
        A feature vector x is at axes @ (x - center).
    shares : float64 array of shape (rank,)
        0..1. The part of the variance in each direction that is between classes.
    means : float64 array of shape (classes, rank) or None
        Where the class means are; None if the logits are those of discriminant analysis.
    logit_weight : float
        How much the score falls with the best logit less the mean of all logits.
    """

    axes: Matrix
    center: Matrix
    shares: Matrix
    means: Matrix | None = None
    logit_weight: float = 1.0

    def scores(
        self, features: Matrix, logits: Matrix, without: NDArray[np.bool_] | None = None
    ) -> Matrix:
        """Score vehicles, shape (n,).

        Parameters
        ----------
        features : float array of shape (n, size)
        logits : float64 array of shape (n, classes)
        without : bool array of shape (n, classes), optional
            The classes that are taken as not taught, for each vehicle.
        """
        distances = self._distances(features, without)
        return np.asarray(distances - self.logit_weight * _leads(logits, without))

    def _distances(self, features: Matrix, without: NDArray[np.bool_] | None) -> Matrix:
        points = (features - self.center) @ self.axes.T
        spread = 0.5 * points**2 @ self.shares
        if self.means is None:
            return np.asarray(spread)
        nearness = points @ self.means.T - 0.5 * np.sum(self.means**2, axis=1)
        if without is not None:
            nearness[without] = -np.inf
        return np.asarray(spread - nearness.max(axis=1))


def fit_rule(statistics: Statistics) -> UnknownRule:
    """Fit the rule for a classifier whose head is that of `carlens.teach.head.fit_head`."""
    return _fit(statistics)[0]


def fit_rule_of_trained(statistics: Statistics, features: Matrix, logits: Matrix) -> UnknownRule:
    """Fit the rule for a classifier whose layers were trained.

    Its features lie tighter for its own photos than for new ones, and its logits are calibrated by
    training. Both tell something, so distance and logits get the same weight.

    Parameters
    ----------
    statistics : Statistics
    features : float array of shape (n, size)
        Of held-out photos, as are the logits: only their spread is used.
    logits : float64 array of shape (n, classes)
    """
    rule, means = _fit(statistics)
    rule = replace(rule, means=means)
    spread = max(float(np.std(_leads(logits, None))), 1e-12)
    return replace(rule, logit_weight=float(np.std(rule._distances(features, None))) / spread)


def _fit(statistics: Statistics) -> tuple[UnknownRule, Matrix]:
    center = statistics.means.mean(axis=0)
    root = np.linalg.cholesky(shrunk_covariance(statistics.covariance))
    whitened = np.linalg.solve(root, (statistics.means - center).T).T
    # The right singular vectors, from the smaller matrix of products.
    squares, places = np.linalg.eigh(whitened @ whitened.T)
    rank = min(RANK, len(whitened) - 1)
    squares, places = squares[::-1][:rank], places[:, ::-1][:, :rank]
    directions = whitened.T @ places / np.sqrt(np.maximum(squares, 1e-12))
    between = squares / len(whitened)
    rule = UnknownRule(
        axes=np.linalg.solve(root.T, directions).T, center=center, shares=between / (1 + between)
    )
    return rule, whitened @ directions


def without_classes(scores: Matrix, without: NDArray[np.bool_]) -> Matrix:
    """Return the scores of a classifier that was not taught some classes."""
    return np.where(without, -np.inf, scores)


def auroc(known: Matrix, unknown: Matrix) -> float:
    """Return the probability that an unknown vehicle scores higher than a known one, 0..1.

    Parameters
    ----------
    known, unknown : float64 arrays of shape (n,) and (m,)
        Scores; of equal ones, half count.
    """
    ordered = np.sort(known)
    below = np.searchsorted(ordered, unknown, "left") + np.searchsorted(ordered, unknown, "right")
    return float(below.mean()) / (2 * len(known))


def _leads(logits: Matrix, without: NDArray[np.bool_] | None) -> Matrix:
    """Return the best logit less the mean of all."""
    if without is None:
        return np.asarray(logits.max(axis=1) - logits.mean(axis=1))
    kept = np.where(without, 0.0, logits).sum(axis=1) / (~without).sum(axis=1)
    return np.asarray(without_classes(logits, without).max(axis=1) - kept)
