"""Split photos for cross-validation: each photo is held out once."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from carlens.teach.base import Base
from carlens.teach.features import Features
from carlens.teach.head import fit_head
from carlens.teach.network import Matrix

FOLDS = 5


def assign_folds(labels: NDArray[np.intp], groups: NDArray[np.intp]) -> NDArray[np.intp]:
    """Assign each photo to one of five folds, shape (n,).

    The groups of a class, in the order of the photos, are cut into five stretches: photos of one
    car usually have consecutive file names. A group is never split.

    Parameters
    ----------
    labels, groups : integer arrays of shape (n,)
    """
    folds = np.zeros(len(labels), np.intp)
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        before = 0
        for group in dict.fromkeys(groups[members].tolist()):
            photos = members[groups[members] == group]
            folds[photos] = int(FOLDS * (before + len(photos) / 2) / len(members))
            before += len(photos)
    return folds


def held_out_scores(
    features: Features,
    labels: NDArray[np.intp],
    folds: NDArray[np.intp],
    base: Base,
) -> Matrix:
    """Score each photo with a head that was fitted without its fold.

    Parameters
    ----------
    features : float32 array of shape (n, 2, size)
    labels : integer array of shape (n,)
        Indices of new classes.
    folds : integer array of shape (n,)
    base : Base
        What the head knows besides these photos.

    Returns
    -------
    float64 array of shape (n, classes)
    """
    scores: dict[int, Matrix] = {}
    for fold, train, test in _rounds(folds):
        head = fit_head(base.joined(features[train], labels[train]))
        scores[fold] = head.scores(features[test, 0])
    classes = next(iter(scores.values())).shape[1]
    result = np.zeros((len(labels), classes))
    for fold, rows in scores.items():
        result[folds == fold] = rows
    return result


def _rounds(
    folds: NDArray[np.intp],
) -> Iterator[tuple[int, NDArray[np.bool_], NDArray[np.bool_]]]:
    for fold in np.unique(folds).tolist():
        yield fold, folds != fold, folds == fold
