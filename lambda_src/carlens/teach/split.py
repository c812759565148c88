"""Hold out a part of the photos once, to measure what is too slow to train in rounds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from carlens.teach.errors import TeachError
from carlens.teach.folds import FOLDS


@dataclass(frozen=True)
class Split:
    """The use of each photo; all attributes are indices.

    Attributes
    ----------
    train, held_out : integer arrays
    unused : integer array
        Photos of a car of which another photo is held out.
    folds : integer array of shape (photos held out,)
        Five parts of the held-out photos; photos of one car are in the same part.
    """

    train: NDArray[np.intp]
    held_out: NDArray[np.intp]
    unused: NDArray[np.intp]
    folds: NDArray[np.intp]


def split(
    labels: NDArray[np.intp],
    groups: NDArray[np.intp],
    marked: Sequence[bool | None],
    names: Sequence[str],
) -> Split:
    """Divide photos into those to train on and those to measure on.

    Parameters
    ----------
    labels, groups : integer arrays of shape (n,)
        The class of each photo, and the car that it shows.
    marked : sequence of bool or None
        What the column `held_out` of the CSV file says. If all are None, the last fifth of the
        photos of each class is held out.
    names : sequence of str
        Of the classes.

    Raises
    ------
    TeachError
        A class has no photos for one of the parts.
    """
    if any(mark is not None for mark in marked):
        held_out = np.array([bool(mark) for mark in marked])
        unused = ~held_out & np.isin(groups, groups[held_out])
    else:
        held_out = _last_fifth(labels, groups)
        unused = np.zeros(len(labels), np.bool_)
    train = ~held_out & ~unused
    for part, of, what in ((held_out, "held out", "yes"), (train, "to train on", "no")):
        without = sorted(set(range(len(names))) - set(labels[part].tolist()))
        if without:
            raise TeachError(
                f"The class {names[without[0]]!r} has no usable photo {of}. Set held_out to "
                f"{what} for photos of another car in the CSV file, or omit the column."
            )
    places = np.flatnonzero(held_out)
    _, cars = np.unique(groups[places], return_inverse=True)
    return Split(np.flatnonzero(train), places, np.flatnonzero(unused), cars % FOLDS)


def _last_fifth(labels: NDArray[np.intp], groups: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Choose whole groups from the end of each class, at least one and never all.

    Photos of one car usually have consecutive file names, so the end is more independent of the
    rest than a random choice. A group that is larger than a fifth is skipped.
    """
    held_out = np.zeros(len(labels), np.bool_)
    for label in np.unique(labels):
        own = labels == label
        sizes = Counter(groups[own].tolist())
        room = max(round(int(own.sum()) / FOLDS), min(sizes.values()))
        for group in reversed(sizes):
            if sizes[group] <= room:
                held_out |= own & (groups == group)
                room -= sizes[group]
    return held_out
