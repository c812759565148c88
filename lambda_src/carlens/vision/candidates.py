"""Boxes that may be objects, on the way from a model's raw outputs to detections."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from carlens.vision.boxes import Boxes, Classes, Scores

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Candidates:
    """Boxes in a picture, each with one class.

    Attributes
    ----------
    boxes : float32 array of shape (n, 4)
        x1, y1, x2, y2 in pixels of the picture.
    scores : float32 array of shape (n,)
        0..1.
    classes : integer array of shape (n,)
        Indices of labels.
    in_tile : bool array of shape (n,)
        Whether the box was found in a tile rather than in the whole picture.
    """

    boxes: Boxes
    scores: Scores
    classes: Classes
    in_tile: Mask

    def take(self, chosen: Classes | Mask) -> Candidates:
        """Choose candidates by index, in the order of the indices, or by mask."""
        return Candidates(
            self.boxes[chosen], self.scores[chosen], self.classes[chosen], self.in_tile[chosen]
        )

    @classmethod
    def concatenate(cls, parts: Sequence[Candidates]) -> Candidates:
        """Join candidates, in order."""
        return cls(
            np.concatenate([part.boxes for part in parts]),
            np.concatenate([part.scores for part in parts]),
            np.concatenate([part.classes for part in parts]),
            np.concatenate([part.in_tile for part in parts]),
        )
