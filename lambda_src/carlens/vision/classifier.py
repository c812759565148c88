"""Crops of vehicles -> their makes and models."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from carlens.images.types import Pixels
from carlens.models.manifest import UnknownRule
from carlens.models.session import OnnxModel
from carlens.vision.boxes import clip, grow
from carlens.vision.decoders import softmax
from carlens.vision.detector import Detection
from carlens.vision.preprocess import fit, to_batch

# Larger batches take longer for each crop: 2.9 ms at 16 and 2.2 ms at 2, on two cores.
BATCH = 4


@dataclass(frozen=True)
class Level:
    """The most probable answer at one level: make, model or full name.

    Attributes
    ----------
    name : str
        Such as `Volkswagen`, `Volkswagen Golf` or `Volkswagen Golf Hatchback 2012`.
    prob : float
        0..1, the sum over the classes of that name.
    certain : bool
    """

    name: str
    prob: float
    certain: bool


@dataclass(frozen=True)
class Classification:
    """The most probable names of a vehicle.

    Attributes
    ----------
    names : tuple of str
        The most probable classes, in order; empty if the vehicle has no name, as `UNNAMED`.
    probs : tuple of float
        Their probabilities, 0..1.
    name, model, make : Level or None
        The full name is the first of `names`. None if the vehicle has no name, or if the model's
        labels have no such level.
    """

    names: tuple[str, ...]
    probs: tuple[float, ...]
    name: Level | None
    model: Level | None
    make: Level | None

    @property
    def certain(self) -> bool:
        """Whether the model or the full name is certain."""
        return any(level is not None and level.certain for level in (self.name, self.model))

    @property
    def finest(self) -> str:
        """The name at the finest certain level; empty if no level is certain."""
        levels = (self.name, self.model, self.make)
        return next((level.name for level in levels if level is not None and level.certain), "")


UNNAMED = Classification(names=(), probs=(), name=None, model=None, make=None)


class _Groups:
    """The classes that share the name of a level.

    Parameters
    ----------
    names : sequence of str
        Of each class; empty where it is not known.
    kinds : sequence of frozenset of str
        Of each class; empty if it may be of any kind.
    threshold : float
        0..1, from which on the level is certain.
    """

    def __init__(
        self, names: Sequence[str], kinds: Sequence[frozenset[str]], threshold: float
    ) -> None:
        members: dict[str, list[frozenset[str]]] = {}
        for name, allowed in zip(names, kinds, strict=True):
            members.setdefault(name, []).append(allowed)
        members.pop("", None)
        self._names = sorted(members)
        self._kinds = [
            frozenset().union(*members[name]) if all(members[name]) else frozenset()
            for name in self._names
        ]
        self._threshold = threshold
        position = {name: index for index, name in enumerate(self._names)}
        # Classes without a name are added up in one more group, behind the others.
        self._group = np.array([position.get(name, len(position)) for name in names], np.intp)

    def best(
        self, probabilities: NDArray[np.float32], kind: str | None, known: bool
    ) -> Level | None:
        """Return the most probable group; None if no class has a name at this level."""
        if not self._names:
            return None
        sums = np.bincount(self._group, probabilities, len(self._names) + 1)[:-1]
        best = int(sums.argmax())
        # Rounding may take the sum above 1.
        prob = min(1.0, float(sums[best]))
        certain = known and prob >= self._threshold and _fits(kind, self._kinds[best])
        return Level(self._names[best], prob, certain)


class Classifier:
    """Classifies vehicles with a model of task `classify`.

    Parameters
    ----------
    model : OnnxModel
    """

    def __init__(self, model: OnnxModel) -> None:
        self.manifest = model.manifest
        self._model = model
        self._certainty = self.manifest.certainty
        thresholds, classes = self._certainty.thresholds, len(self.manifest.labels)
        makes = self.manifest.makes or ("",) * classes
        models = self.manifest.models or ("",) * classes
        full = [
            f"{make} {model}" if model else "" for make, model in zip(makes, models, strict=True)
        ]
        self._kinds = self.manifest.kinds or (frozenset[str](),) * classes
        self._makes = _Groups(makes, self._kinds, thresholds.make)
        self._models = _Groups(full, self._kinds, thresholds.model)

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

    def classify(
        self, crops: list[Pixels], kinds: Sequence[str | None], top_k: int
    ) -> list[Classification]:
        """Classify up to `BATCH` crops in one run of the model.

        Parameters
        ----------
        crops : list of uint8 arrays, as `crop` gives them
        kinds : sequence of str or None
            The detector's class of each; None if no detector saw it.
        top_k : int
            Classes in each classification; capped at the number of labels.
        """
        logits, *scores = self._model.run(to_batch(crops, self.manifest.input))
        probabilities = softmax(logits / self._certainty.temperature)
        rule = self._certainty.unknown
        known = _are_known(scores[0], rule) if rule else [True] * len(crops)
        return [
            self.interpret(*vehicle, top_k)
            for vehicle in zip(probabilities, kinds, known, strict=True)
        ]

    def interpret(
        self, probabilities: NDArray[np.float32], kind: str | None, known: bool, top_k: int
    ) -> Classification:
        """Turn one crop's probabilities, shape (classes,), into a classification.

        It is `UNNAMED` if one of them is not a number, because the model failed on this crop.

        Parameters
        ----------
        probabilities : float32 array of shape (classes,)
        kind : str or None
            The detector's class; a name that was taught with other kinds is not certain. None
            fits every name.
        known : bool
            Whether the vehicle looks like those that the classifier was taught; if not, no name is
            certain.
        top_k : int
        """
        if not np.isfinite(probabilities).all():
            return UNNAMED
        best = np.argsort(-probabilities, kind="stable")[:top_k].tolist()
        names = tuple(self.manifest.labels[i] for i in best)
        probs = tuple(probabilities[best].tolist())
        certain = known and probs[0] >= self._certainty.thresholds.name
        return Classification(
            names=names,
            probs=probs,
            name=Level(names[0], probs[0], certain and _fits(kind, self._kinds[best[0]])),
            model=self._models.best(probabilities, kind, known),
            make=self._makes.best(probabilities, kind, known),
        )


def _are_known(scores: NDArray[np.float32], rule: UnknownRule) -> list[bool]:
    """Return which vehicles look like those that the classifier was taught."""
    known: list[bool] = (np.isfinite(scores) & (scores <= rule.threshold)).ravel().tolist()
    return known


def _fits(kind: str | None, kinds: frozenset[str]) -> bool:
    """Return whether a vehicle of a kind may have a name that was taught with these kinds."""
    return kind is None or not kinds or kind in kinds
