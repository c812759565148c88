"""Which photos show the same scene, or the same car."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from carlens.images.types import Pixels
from carlens.models.manifest import InputSpec
from carlens.teach.arrays import Features, Matrix
from carlens.teach.head import shrunk_covariance
from carlens.teach.statistics import Statistics
from carlens.vision.preprocess import fit

# Of photos, shape (m, 2): each pair in both orders.
Pairs = NDArray[np.intp]

# Rows of the distance matrix at a time, so that many photos fit into memory.
_BLOCK = 256

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
    """Return the 64-bit difference hash of a picture.

    Each bit tells whether a cell of a 9 x 8 gray thumbnail is brighter than its right neighbor
    (N. Krawetz, "Kind of Like That", 2013). Copies in other sizes or formats differ in few bits.
    """
    gray = fit(pixels, _HASH_INPUT)[0] @ np.array([0.299, 0.587, 0.114])
    bits = (gray[:, :-1] > gray[:, 1:]).ravel()
    return int.from_bytes(np.packbits(bits).tobytes(), "big")


def near_duplicates(hashes: NDArray[np.uint64], features: Features, center: Matrix) -> Pairs:
    """Find the pairs of photos that show the same scene.

    The hash alone confuses different cars in one studio, so the features, of which the mean of
    many cars is subtracted, must agree as well.

    Parameters
    ----------
    hashes : uint64 array of shape (n,)
    features : float32 array of shape (n, size)
    center : float64 array of shape (size,)
    """
    unit = _unit(features - center)
    parts = [np.empty((0, 2), np.intp)]
    for start in range(0, len(hashes), _BLOCK):
        rows = slice(start, start + _BLOCK)
        alike = np.bitwise_count(hashes[rows, None] ^ hashes[None, :]) <= _DUPLICATE_BITS
        alike &= unit[rows] @ unit.T >= _DUPLICATE_COSINE
        np.fill_diagonal(alike[:, start:], val=False)
        parts.append(np.argwhere(alike) + np.array([start, 0]))
    return np.concatenate(parts)


def same_series(features: Features, labels: NDArray[np.intp], statistics: Statistics) -> Pairs:
    """Find the pairs of photos of a class that obviously show one car.

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
    parts = [np.empty((0, 2), np.intp)]
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        alike = unit[members] @ unit[members].T >= _SERIES_COSINE
        np.fill_diagonal(alike, val=False)
        parts.append(members[np.argwhere(alike)])
    return np.concatenate(parts)


def connected(pairs: Pairs, count: int) -> NDArray[np.intp]:
    """Return each item the index of the first item that it is connected to, directly or not.

    Parameters
    ----------
    pairs : integer array of shape (m, 2)
        Each pair in both orders.
    count : int
        Of items.
    """
    neighbors: dict[int, list[int]] = {}
    for first, second in pairs.tolist():
        neighbors.setdefault(first, []).append(second)
    roots = np.full(count, -1, np.intp)
    for start in range(count):
        waiting = [start] if roots[start] < 0 else []
        while waiting:
            item = waiting.pop()
            if roots[item] < 0:
                roots[item] = start
                waiting += neighbors.get(item, [])
    return roots


def _unit(vectors: Matrix) -> Matrix:
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(norms, 1e-12), np.float64)
