"""Class means and the within-class covariance of features, as the head needs them."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from carlens.teach.arrays import Features, Matrix


@dataclass(frozen=True)
class Statistics:
    """Statistics of the features of photos, by class.

    Attributes
    ----------
    counts : float64 array of shape (classes,)
        Samples of each class; each photo gives two.
    means : float64 array of shape (classes, size)
    covariance : float64 array of shape (size, size)
        Within the classes, pooled over all.
    samples : float
        The samples behind the covariance.
    """

    counts: Matrix
    means: Matrix
    covariance: Matrix
    samples: float

    @classmethod
    def of(cls, features: Features, labels: NDArray[np.intp], classes: int) -> Statistics:
        """Compute the statistics.

        Parameters
        ----------
        features : float32 array of shape (n, 2, size)
        labels : integer array of shape (n,)
        classes : int
            A class without samples has a mean of zeros.
        """
        size = features.shape[-1]
        flat = features.reshape(-1, size).astype(np.float64)
        owners = np.repeat(labels, features.shape[1])
        counts = np.bincount(owners, minlength=classes).astype(np.float64)
        means = np.zeros((classes, size))
        np.add.at(means, owners, flat)
        means /= np.maximum(counts, 1)[:, None]
        residuals = flat - means[owners]
        scatter = residuals.T @ residuals
        return cls(counts, means, scatter / max(len(flat), 1), float(len(flat)))

    def with_covariance_of(self, other: Statistics) -> Statistics:
        """Pool the covariance with that of other classes, and keep one's own classes."""
        samples = self.samples + other.samples
        scatter = self.covariance * self.samples + other.covariance * other.samples
        return Statistics(self.counts, self.means, scatter / max(samples, 1), samples)

    def extended_by(self, other: Statistics, places: NDArray[np.intp]) -> Statistics:
        """Add the classes of `other`.

        Parameters
        ----------
        other : Statistics
        places : integer array of shape (classes of `other`,)
            The index of each class in the result; an index within one's own classes adds samples
            to that class.
        """
        classes = max(len(self.counts), int(places.max()) + 1)
        counts = np.zeros(classes)
        means = np.zeros((classes, self.means.shape[1]))
        counts[: len(self.counts)] = self.counts
        means[: len(self.counts)] = self.means
        scatter = self.covariance * self.samples + other.covariance * other.samples
        for count, mean, place in zip(other.counts, other.means, places, strict=True):
            total = counts[place] + count
            if total:
                shift = mean - means[place]
                scatter += counts[place] * count / total * np.outer(shift, shift)
                means[place] += shift * count / total
            counts[place] = total
        samples = self.samples + other.samples
        return Statistics(counts, means, scatter / max(samples, 1), samples)


def dump_statistics(statistics: Statistics, sha256: str) -> bytes:
    """Encode statistics in 16 bits, as an `.npz` file.

    Parameters
    ----------
    statistics : Statistics
    sha256 : str
        Of the ONNX file whose features they describe.
    """
    deviations = np.sqrt(np.maximum(np.diag(statistics.covariance), 1e-12))
    correlations = statistics.covariance / np.outer(deviations, deviations)
    buffer = io.BytesIO()
    np.savez_compressed(
        buffer,
        counts=statistics.counts.astype(np.float32),
        means=statistics.means.astype(np.float16),
        deviations=deviations.astype(np.float32),
        correlations=correlations[np.triu_indices(len(deviations), 1)].astype(np.float16),
        samples=np.array(statistics.samples),
        sha256=np.array(sha256),
    )
    return buffer.getvalue()


def load_statistics(data: bytes) -> tuple[Statistics, str]:
    """Decode what `dump_statistics` encoded; return the statistics and the SHA-256."""
    with np.load(io.BytesIO(data), allow_pickle=False) as file:
        deviations = file["deviations"].astype(np.float64)
        correlations = np.eye(len(deviations))
        upper = np.triu_indices(len(deviations), 1)
        correlations[upper] = file["correlations"]
        correlations.T[upper] = correlations[upper]
        covariance = correlations * np.outer(deviations, deviations)
        means = file["means"].astype(np.float64)
        counts = file["counts"].astype(np.float64)
        return Statistics(counts, means, covariance, float(file["samples"])), str(file["sha256"])
