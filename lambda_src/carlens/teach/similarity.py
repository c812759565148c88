"""Which photos show the same scene, or the same car."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from carlens.images.types import Pixels
from carlens.models.manifest import InputSpec
from carlens.teach.features import Features
from carlens.teach.head import shrunk_covariance
from carlens.teach.network import Matrix
from carlens.teach.statistics import Statistics
from carlens.vision.preprocess import fit

# Chosen by eye on pairs of used-car photos: copies have a cosine of 0.93 and more, different cars
# in one studio at most 0.84; pairs of one car have a whitened cosine of 0.3 and more.
_DUPLICATE_BITS = 8
_DUPLICATE_COSINE = 0.9
_SERIES_COSINE = 0.3

_HASH_INPUT = InputSpec(
    name="hash",
    width=9,
    height=8,
    layout="NHWC",
    color="RGB",
    resize="stretch",
    mean=(0.0, 0.0, 0.0),
    std=(1.0, 1.0, 1.0),
    interpolation="area",
)


def difference_hash(pixels: Pixels) -> int:
    """Give the 64-bit difference hash of a picture.

    Each bit tells whether a cell of a 9 x 8 gray thumbnail is brighter than its right neighbor
    (N. Krawetz, "Kind of Like That", 2013). Copies in other sizes or formats differ in few bits.
    """
    gray = fit(pixels, _HASH_INPUT)[0] @ np.array([0.299, 0.587, 0.114])
    bits = (gray[:, :-1] > gray[:, 1:]).ravel()
    return int.from_bytes(np.packbits(bits).tobytes(), "big")


def hash_distances(hashes: NDArray[np.uint64]) -> NDArray[np.uint8]:
    """Count the bits in which each pair of hashes differs, shape (n, n)."""
    return np.asarray(np.bitwise_count(hashes[:, None] ^ hashes[None, :]), np.uint8)


def near_duplicates(
    hashes: NDArray[np.uint64], features: Features, center: Matrix
) -> NDArray[np.bool_]:
    """Tell which pairs of photos show the same scene, shape (n, n).

    The hash alone confuses different cars in one studio, so the features, of which the mean of
    many cars is subtracted, must agree as well.

    Parameters
    ----------
    hashes : uint64 array of shape (n,)
    features : float32 array of shape (n, size)
    center : float64 array of shape (size,)
    """
    unit = _unit(features - center)
    alike = (unit @ unit.T >= _DUPLICATE_COSINE) & (hash_distances(hashes) <= _DUPLICATE_BITS)
    np.fill_diagonal(alike, val=False)
    return np.asarray(alike)


def same_series(
    features: Features, labels: NDArray[np.intp], statistics: Statistics
) -> NDArray[np.bool_]:
    """Tell which pairs of photos of a class obviously show one car, shape (n, n).

    Within a class, photos differ from the class mean in directions of their own, unless they show
    the same car, or cars of the same color in the same place. The cosine of these differences,
    whitened by the covariance within classes, is below 0.09 for 99.9 % of unrelated photos.

    Parameters
    ----------
    features : float32 array of shape (n, size)
    labels : integer array of shape (n,)
    statistics : Statistics
        Of the same classes.
    """
    root = np.linalg.cholesky(shrunk_covariance(statistics.covariance))
    residuals = features - statistics.means[labels]
    unit = _unit(np.linalg.solve(root, residuals.T).T)
    alike = (unit @ unit.T >= _SERIES_COSINE) & (labels[:, None] == labels[None, :])
    np.fill_diagonal(alike, val=False)
    return np.asarray(alike)


def connected(pairs: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Give each item the index of the first item that it is connected to, directly or not."""
    roots = np.full(len(pairs), -1, np.intp)
    for start in range(len(pairs)):
        waiting = [start] if roots[start] < 0 else []
        while waiting:
            item = waiting.pop()
            if roots[item] < 0:
                roots[item] = start
                waiting += np.flatnonzero(pairs[item] & (roots < 0)).tolist()
    return roots


def _unit(vectors: Matrix) -> Matrix:
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(norms, 1e-12), np.float64)
