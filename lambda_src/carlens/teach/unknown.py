"""A score that is high for vehicles of no known class."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from carlens.teach.arrays import Features, Matrix
from carlens.teach.head import Head, fit_head
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
    weights : float64 array of shape (rank,)
        Of the squared distance to the center in each direction: half of the part of the variance
        that is between classes, on the scale of the score.
    means : float64 array of shape (classes, rank) or None
        Where the class means are; None if the logits are those of discriminant analysis.
    logit_weight : float
        How much the score falls with the best logit less the mean of all logits.
    """

    axes: Matrix
    center: Matrix
    weights: Matrix
    means: Matrix | None = None
    logit_weight: float = 1.0

    def scores(
        self, features: Features, logits: Matrix, without: NDArray[np.bool_] | None = None
    ) -> Matrix:
        """Score vehicles, shape (n,).

        Parameters
        ----------
        features : float32 array of shape (n, size)
        logits : float64 array of shape (n, classes)
        without : bool array of shape (n, classes), optional
            The classes that are taken as not taught, for each vehicle.
        """
        distances = self._distances(features, without)
        return np.asarray(distances - self.logit_weight * _leads(logits, without))

    def _distances(self, features: Features, without: NDArray[np.bool_] | None) -> Matrix:
        points = (features - self.center) @ self.axes.T
        spread = points**2 @ self.weights
        if self.means is None:
            return np.asarray(spread)
        nearness = points @ self.means.T - 0.5 * np.sum(self.means**2, axis=1)
        if without is not None:
            nearness[without] = -np.inf
        return np.asarray(spread - nearness.max(axis=1))


def fit_rule(head: Head, statistics: Statistics) -> UnknownRule:
    """Fit the rule for a classifier with the head of `carlens.teach.head.fit_head`.

    The more photos, the longer all distances become. So that a threshold that is chosen with the
    heads of cross-validation suits the final one, the score of the class means is -1 on average.

    Parameters
    ----------
    head : Head
    statistics : Statistics
        That the head was fitted to.
    """
    rule, _ = _fit(head, statistics)
    means = statistics.means.astype(np.float32)
    scale = max(float(-rule.scores(means, head.scores(means)).mean()), 1e-12)
    return replace(rule, weights=rule.weights / scale, logit_weight=1 / scale)


def fit_rule_of_trained(statistics: Statistics, features: Features, logits: Matrix) -> UnknownRule:
    """Fit the rule for a classifier whose layers were trained.

    Distance and logits get the same weight: the features of such a network lie tighter for the
    photos that it was trained on than for new ones, so the distance alone is less good.

    Parameters
    ----------
    statistics : Statistics
        Of the trained features.
    features : float32 array of shape (n, size)
        Of held-out photos, as are the logits: only their spread is used.
    logits : float64 array of shape (n, classes)
    """
    rule, means = _fit(fit_head(statistics), statistics)
    rule = replace(rule, means=means, logit_weight=0.0)
    spread = max(float(np.std(_leads(logits, None))), 1e-12)
    return replace(rule, logit_weight=float(np.std(rule.scores(features, logits))) / spread)


def _fit(head: Head, statistics: Statistics) -> tuple[UnknownRule, Matrix]:
    """Return the rule, and the class means in its directions."""
    center = statistics.means.mean(axis=0)
    # The head's weights are the means less the center, times the inverse of the covariance. So
    # this has the products of the whitened means, and its eigenvectors lead to the directions.
    products = head.weights @ (statistics.means - center).T
    squares, places = np.linalg.eigh((products + products.T) / 2)
    rank = min(RANK, len(products) - 1)
    squares, places = np.maximum(squares[::-1][:rank], 1e-12), places[:, ::-1][:, :rank]
    between = squares / len(products)
    rule = UnknownRule(
        axes=(places / np.sqrt(squares)).T @ head.weights,
        center=center,
        weights=0.5 * between / (1 + between),
    )
    return rule, places * np.sqrt(squares)


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
