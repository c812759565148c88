"""What the classifier to start from already knows."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from carlens.teach.arrays import Features
from carlens.teach.statistics import Statistics

# The classifier's own photos count for at most this many samples of the shared covariance. With
# more, photos from another source are recognized less well; with fewer, the classifier's own
# classes are (docs/teach.md has the figures).
_MOST_SAMPLES = 2000.0


@dataclass(frozen=True)
class Base:
    """The classes to add to, and the covariance to share.

    Attributes
    ----------
    known : Statistics or None
        Of the classifier's own classes; None if it comes without statistics.
    places : integer array of shape (new classes,)
        The index of each new class among the classes of the result.
    alone : bool
        Whether the result has the new classes only.
    """

    known: Statistics | None
    places: NDArray[np.intp]
    alone: bool

    def joined(self, features: Features, labels: NDArray[np.intp]) -> Statistics:
        """Add photos of the new classes, and give the statistics of the result.

        Parameters
        ----------
        features : float32 array of shape (n, 2, size)
        labels : integer array of shape (n,)
            Indices of new classes.
        """
        new = Statistics.of(features, labels, len(self.places))
        if self.known is None:
            return new
        known = replace(self.known, samples=min(self.known.samples, _MOST_SAMPLES))
        if self.alone:
            return new.with_covariance_of(known)
        return known.extended_by(new, self.places)

    def owners(self, labels: NDArray[np.intp]) -> NDArray[np.intp]:
        """Return the index in the result for indices of new classes."""
        return labels if self.alone else self.places[labels]
