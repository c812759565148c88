"""Crops of vehicles -> their makes and models."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from carlens.images.types import Pixels
from carlens.models.session import OnnxModel
from carlens.vision.boxes import clip, grow
from carlens.vision.decoders import softmax
from carlens.vision.detector import Detection
from carlens.vision.preprocess import fit, to_batch

# Larger batches take longer for each crop: 2.9 ms at 16 and 2.2 ms at 2, on two cores.
BATCH = 4


@dataclass(frozen=True)
class MakePrediction:
    """A make and its probability, 0..1, summed over the classes of the make."""

    name: str
    prob: float


@dataclass(frozen=True)
class Classification:
    """The most probable classes of a vehicle.

    Attributes
    ----------
    names : tuple of str
        The most probable classes, in order; empty if the vehicle has no name, as `UNNAMED`.
    probs : tuple of float
        Their probabilities, 0..1.
    certain : bool
        Whether the first probability reaches the model's confidence threshold.
    make : MakePrediction or None
        The most probable make; None if the model's labels have no makes.
    """

    names: tuple[str, ...]
    probs: tuple[float, ...]
    certain: bool
    make: MakePrediction | None


UNNAMED = Classification(names=(), probs=(), certain=False, make=None)


class Classifier:
    """Classifies vehicles with a model of task `classify`.

    Parameters
    ----------
    model : OnnxModel
    """

    def __init__(self, model: OnnxModel) -> None:
        self.manifest = model.manifest
        self._model = model
        makes = model.manifest.makes
        self._makes = sorted(set(makes))
        # Column j adds up the classes of make j.
        self._make_columns = np.array(
            [[m == make for m in self._makes] for make in makes], np.float32
        )

    def warm_up(self) -> None:
        """Run once on a black picture: the first run of a model is slower than the next."""
        self._model.warm_up()

    def crop(self, pixels: Pixels, detection: Detection) -> Pixels:
        """Cut a detection out and fit it to the model.

        Parameters
        ----------
        pixels : uint8 array of shape (h, w, 3)
        detection : Detection

        Returns
        -------
        uint8 array of shape (input height, input width, 3)
        """
        spec = self.manifest.input
        height, width = pixels.shape[:2]
        box = np.array([[detection.x1, detection.y1, detection.x2, detection.y2]], np.float32)
        (x1, y1, x2, y2), *_ = clip(grow(box, spec.margin), width, height).astype(int).tolist()
        return fit(pixels[y1:y2, x1:x2], spec)[0]

    def classify(self, crops: list[Pixels], top_k: int) -> list[Classification]:
        """Classify up to `BATCH` crops in one run of the model.

        Parameters
        ----------
        crops : list of uint8 arrays, as `crop` gives them
        top_k : int
            Classes in each classification; capped at the number of labels.
        """
        (logits,) = self._model.run(to_batch(crops, self.manifest.input))
        return [self.interpret(row, top_k) for row in softmax(logits)]

    def interpret(self, probabilities: NDArray[np.float32], top_k: int) -> Classification:
        """Turn one crop's probabilities, shape (classes,), into a classification.

        It is `UNNAMED` if one of them is not a number, because the model failed on this crop.
        """
        if not np.isfinite(probabilities).all():
            return UNNAMED
        best = np.argsort(-probabilities, kind="stable")[:top_k].tolist()
        probs = tuple(probabilities[best].tolist())
        make = None
        if self._makes:
            by_make = probabilities @ self._make_columns
            # Rounding may take the sum above 1.
            prob = min(1.0, float(by_make.max()))
            make = MakePrediction(self._makes[int(by_make.argmax())], prob)
        return Classification(
            names=tuple(self.manifest.labels[i] for i in best),
            probs=probs,
            certain=probs[0] >= self.manifest.thresholds.confidence,
            make=make,
        )
