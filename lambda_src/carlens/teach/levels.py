"""The levels of a name: make, model and full name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from carlens.teach.arrays import Matrix
from carlens.teach.labels import Label

# From coarse to fine.
LEVELS = ("make", "model", "name")


@dataclass(frozen=True)
class Level:
    """The names at a level, each for one or several classes.

    Attributes
    ----------
    names : tuple of str
    groups : integer array of shape (classes,)
        The index of each class's name; -1 if it is not known.
    kinds : tuple of frozenset of str
        For each name, the kinds of vehicle that may have it; empty if all may.
    """

    names: tuple[str, ...]
    groups: NDArray[np.intp]
    kinds: tuple[frozenset[str], ...]

    def best(self, probs: Matrix) -> tuple[NDArray[np.intp], Matrix]:
        """Find the most probable name of each vehicle.

        Parameters
        ----------
        probs : float64 array of shape (n, classes)

        Returns
        -------
        integer array of shape (n,)
            Indices of names.
        float64 array of shape (n,)
            Their probabilities, the sums over the classes of the name, 0..1.
        """
        columns = np.equal.outer(self.groups, np.arange(len(self.names))).astype(np.float64)
        sums = np.minimum(probs @ columns, 1.0)
        return sums.argmax(axis=1), np.asarray(sums.max(axis=1))

    def fits(self, names: NDArray[np.intp], kinds: Sequence[str]) -> NDArray[np.bool_]:
        """Tell whether vehicles of these kinds may have these names, shape (n,).

        A vehicle of an unknown kind, the empty string, may have any name.
        """
        pairs = zip(names.tolist(), kinds, strict=True)
        allowed = [not kind or not self.kinds[i] or kind in self.kinds[i] for i, kind in pairs]
        return np.array(allowed, np.bool_)


def levels_of(labels: Sequence[Label]) -> dict[str, Level]:
    """Return the levels by name, from coarse to fine; one that no class has is left out."""
    names = {
        "make": [label.make for label in labels],
        "model": [label.full_model for label in labels],
        "name": [label.name for label in labels],
    }
    return {level: _level(names[level], labels) for level in LEVELS if any(names[level])}


def same_model(labels: Sequence[Label]) -> NDArray[np.bool_]:
    """Tell which classes are variants of one model, shape (classes, classes).

    A class whose model is not known is alone.
    """
    models = [label.full_model or f"\t{place}" for place, label in enumerate(labels)]
    _, groups = np.unique(models, return_inverse=True)
    return np.asarray(np.equal.outer(groups, groups))


def _level(names: Sequence[str], labels: Sequence[Label]) -> Level:
    known = sorted(set(names) - {""})
    places = {name: place for place, name in enumerate(known)}
    kinds: list[list[tuple[str, ...]]] = [[] for _ in known]
    for name, label in zip(names, labels, strict=True):
        if name:
            kinds[places[name]].append(label.kinds)
    return Level(
        names=tuple(known),
        groups=np.array([places.get(name, -1) for name in names], np.intp),
        kinds=tuple(frozenset().union(*each) if all(each) else frozenset() for each in kinds),
    )
