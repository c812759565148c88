"""Cut-out vehicles -> their makes and models."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from carlens.images.types import Pixels
from carlens.models.session import Model
from carlens.vision.boxes import clip, grow
from carlens.vision.decoders import softmax
from carlens.vision.detector import Detection
from carlens.vision.preprocess import fit, to_batch

# Larger batches are slower a crop: 2.9 ms at 16 and 2.2 at 2, on two cores.
BATCH = 4


@dataclass(frozen=True)
class Make:
    """A make and the sum, 0..1, of the probabilities of its classes."""

    name: str
    prob: float


@dataclass(frozen=True)
class Classification:
    """What a vehicle is taken for.

    Attributes
    ----------
    names : tuple of str
        The likeliest classes, the likeliest first.
    probs : tuple of float
        0..1, of each.
    certain : bool
        Whether the first is likely enough to be called an answer.
    make : Make or None
        The likeliest make; None when the labels do not tell makes.
    """

    names: tuple[str, ...]
    probs: tuple[float, ...]
    certain: bool
    make: Make | None


class Classifier:
    """Names vehicles with a model of task `classify`."""

    def __init__(self, model: Model) -> None:
        self.manifest = model.manifest
        self._model = model
        makes = model.manifest.makes
        self._makes = sorted(set(makes))
        self._of_make = np.array([[m == make for m in self._makes] for make in makes], np.float32)

    def warm_up(self) -> None:
        """Run once on nothing, so that the first picture is as fast as the next."""
        self._model.warm_up()

    def crop(self, pixels: Pixels, detection: Detection) -> Pixels:
        """Cut a detection out and fit it to the model.

        Parameters
        ----------
        pixels : uint8 array of shape (h, w, 3)

        Returns
        -------
        uint8 array of the model's height and width
        """
        spec = self.manifest.input
        height, width = pixels.shape[:2]
        box = np.array([[detection.x1, detection.y1, detection.x2, detection.y2]], np.float32)
        (x1, y1, x2, y2), *_ = clip(grow(box, spec.margin), width, height).astype(int).tolist()
        return fit(pixels[y1:y2, x1:x2], spec)[0]

    def probabilities(self, crops: list[Pixels]) -> NDArray[np.float32]:
        """Run the model once on up to `BATCH` crops.

        Returns
        -------
        float32 array of shape (n, classes)
            0..1, each row sums to 1.
        """
        (logits,) = self._model.run(to_batch(crops, self.manifest.input))
        return softmax(logits)

    def name(self, probabilities: NDArray[np.float32], top_k: int) -> Classification:
        """Say what one crop's probabilities, shape (classes,), mean."""
        best = np.argsort(-probabilities, kind="stable")[:top_k].tolist()
        probs = tuple(probabilities[best].tolist())
        make = None
        if self._makes:
            of_makes = probabilities @ self._of_make
            make = Make(self._makes[int(of_makes.argmax())], min(1.0, float(of_makes.max())))
        return Classification(
            names=tuple(self.manifest.labels[i] for i in best),
            probs=probs,
            certain=probs[0] >= self.manifest.thresholds.confidence,
            make=make,
        )
