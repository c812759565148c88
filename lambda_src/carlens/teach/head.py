"""Linear discriminant analysis: statistics of features -> a last layer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from carlens.teach.arrays import Features, Matrix
from carlens.teach.statistics import Statistics

SHRINKAGE = 0.1


@dataclass(frozen=True)
class Head:
    """A linear layer: scores = features @ weights.T + bias.

    Attributes
    ----------
    weights : float64 array of shape (classes, size)
    bias : float64 array of shape (classes,)
    """

    weights: Matrix
    bias: Matrix

    def scores(self, features: Features) -> Matrix:
        """Return the scores, shape (n, classes), of features of shape (n, size)."""
        return np.asarray(features @ self.weights.T + self.bias)

    def stored(self, center: Matrix) -> tuple[NDArray[np.float16], NDArray[np.float32]]:
        """Return weights in 16 bits and the bias.

        Parameters
        ----------
        center : float64 array of shape (size,)
            Features for which rounding the weights must not change the scores.
        """
        half = self.weights.astype(np.float16)
        lost = (self.weights - half) @ center
        return half, (self.bias + lost).astype(np.float32)


def fit_head(statistics: Statistics, *, shrinkage: float = SHRINKAGE) -> Head:
    """Fit linear discriminant analysis with equally likely classes.

    The covariance S becomes (1 - s) S + s (trace S / size) I, which makes it invertible and
    steady when photos are few (J. Friedman, "Regularized Discriminant Analysis", 1989).

    A mean of n samples is off by S / n on average, which adds trace(S'^-1 S) / n to the squared
    distance from it. This is subtracted: otherwise classes of few photos lose to the others.

    Parameters
    ----------
    statistics : Statistics
    shrinkage : float
        s, 0..1.
    """
    precision = np.linalg.inv(shrunk_covariance(statistics.covariance, shrinkage))
    weights = statistics.means @ precision
    bias = -0.5 * np.sum(weights * statistics.means, axis=1)
    dimensions = float(np.sum(precision * statistics.covariance))
    bias += 0.5 * dimensions / np.maximum(statistics.counts, 1)
    # What all classes share does not change the probabilities; without it, 16 bits lose less.
    return Head(weights - weights.mean(axis=0), bias - bias.mean())


def shrunk_covariance(covariance: Matrix, shrinkage: float = SHRINKAGE) -> Matrix:
    """Move a covariance toward a multiple of the identity; see `fit_head`."""
    size = len(covariance)
    level = float(np.trace(covariance)) / size
    return np.asarray((1 - shrinkage) * covariance + shrinkage * max(level, 1e-12) * np.eye(size))
