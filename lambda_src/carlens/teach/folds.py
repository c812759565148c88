"""Split photos for cross-validation: each photo is held out once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

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
