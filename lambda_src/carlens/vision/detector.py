"""A picture -> the objects in it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from carlens.images.types import Pixels
from carlens.models.session import OnnxModel
from carlens.ranges import Slices
from carlens.vision.boxes import area, clip, most_confident, nms
from carlens.vision.candidates import Candidates, Mask
from carlens.vision.decoders import DECODERS, Decoded
from carlens.vision.preprocess import Placement, fit, to_batch
from carlens.vision.tiling import (
    HINT,
    View,
    choose_views,
    find_hints,
    has_more_detail,
    is_cut,
    is_part,
    place_tiles,
)

# Classes that a detector may confuse, such as a pickup seen as a car or a truck.
VEHICLES = frozenset({"bicycle", "car", "motorcycle", "bus", "truck"})

# Rounding may take a score this far above 1; a score beyond it was not computed from 0..1.
_TOLERANCE = 1e-3


def vehicle_classes(labels: Iterable[str], applies_to: Iterable[str]) -> tuple[str, ...]:
    """Return the classes that are vehicles, and those that the classifier names."""
    wanted = VEHICLES.union(applies_to)
    return tuple(name for name in labels if name in wanted)


@dataclass(frozen=True)
class Detection:
    """An object in a picture.

    Attributes
    ----------
    x1, y1, x2, y2 : float
        The bounding box in pixels of the upright picture, clipped to the picture.
    class_name : str
        One of the detector's labels.
    confidence : float
        0..1.
    """

    x1: float
    y1: float
    x2: float
    y2: float
    class_name: str
    confidence: float


@dataclass(frozen=True)
class Detections:
    """The objects in a picture.

    Attributes
    ----------
    objects : list of Detection
        The most confident first.
    passes : int
        Views of the picture that the model ran on: the whole picture and the tiles.
    """

    objects: list[Detection]
    passes: int


@dataclass(frozen=True)
class DetectOptions:
    """Which detections to keep.

    Attributes
    ----------
    confidence, iou, merge_iou, min_area, slices
        As in `carlens.models.manifest.Thresholds`.
    max_objects : int
        The number of detections to keep, the most confident ones.
    classes : frozenset of str or None
        The classes to keep; None for all. Boxes of other classes suppress nothing.
    """

    confidence: float
    iou: float
    merge_iou: float
    min_area: float
    slices: Slices
    max_objects: int
    classes: frozenset[str] | None = None


class Detector:
    """Detects objects with a model of task `detect`.

    Parameters
    ----------
    model : OnnxModel
    """

    def __init__(self, model: OnnxModel) -> None:
        self.manifest = model.manifest
        self._model = model
        self._decode = DECODERS[model.manifest.output.decoder]
        names = model.manifest.labels
        # All vehicles share a group; every other class has its own.
        self._merge_groups = np.array([0 if n in VEHICLES else i + 1 for i, n in enumerate(names)])

    def warm_up(self) -> None:
        """Run once on a black picture: the first run of a model is slower than the next."""
        self._model.warm_up()

    def detect(self, pixels: Pixels, options: DetectOptions) -> Detections:
        """Detect the objects in a picture.

        Parameters
        ----------
        pixels : uint8 array of shape (h, w, 3)
            RGB, upright.
        options : DetectOptions

        Returns
        -------
        Detections
        """
        height, width = pixels.shape[:2]
        found, passes = self._candidates(pixels, options)
        found = found.take(nms(found.boxes, found.scores, found.classes, options.iou))
        found = found.take(~is_part(found))
        groups = self._merge_groups[found.classes]
        found = found.take(nms(found.boxes, found.scores, groups, options.merge_iou, found.classes))
        found = found.take(area(found.boxes) >= options.min_area * width * height)
        return Detections(self._detections(found, options), passes)

    def _candidates(self, pixels: Pixels, options: DetectOptions) -> tuple[Candidates, int]:
        """Run the model on the views and return the most confident boxes and the passes."""
        height, width = pixels.shape[:2]
        size = self.manifest.input.width, self.manifest.input.height
        if options.slices != "auto":
            views = choose_views(width, height, options.slices, size)
            parts = self._look(pixels, views, options.classes, options.confidence)
            return _best(parts, width, height), len(views)
        tiled = has_more_detail(width, height, size)
        lowest = min(options.confidence, HINT) if tiled else options.confidence
        whole = View(0, 0, width, height)
        [seen] = self._look(pixels, [whole], options.classes, lowest)
        tiles = self._tiles(seen, width, height, options.iou) if tiled else []
        parts = [seen.take(seen.scores >= options.confidence)]
        if tiles:
            parts += self._look(pixels, tiles, options.classes, options.confidence)
        return _best(parts, width, height), 1 + len(tiles)

    def _tiles(self, seen: Candidates, width: int, height: int, iou: float) -> list[View]:
        """Place tiles where the boxes of the whole picture hint at small objects."""
        found = _best([seen.take(seen.scores >= HINT)], width, height)
        found = found.take(nms(found.boxes, found.scores, found.classes, iou))
        hints = found.take(find_hints(found, self._merge_groups[found.classes], width, height))
        return place_tiles(hints.boxes, hints.scores, width, height)

    def _look(
        self,
        pixels: Pixels,
        views: list[View],
        classes: frozenset[str] | None,
        confidence: float,
    ) -> list[Candidates]:
        """Run the model on views at once, and return the boxes of each."""
        height, width = pixels.shape[:2]
        spec = self.manifest.input
        fitted = [fit(pixels[y1:y2, x1:x2], spec) for x1, y1, x2, y2 in views]
        outputs = self._model.run(to_batch([image for image, _ in fitted], spec))
        wanted = self._wanted(classes)
        parts = []
        for index, (view, (_, placement)) in enumerate(zip(views, fitted, strict=True)):
            raw = [output[index] for output in outputs]
            decoded = self._decode(raw, self.manifest.output, spec)
            in_tile = view != (0, 0, width, height)
            part = _place(decoded, confidence, placement, view, in_tile=in_tile)
            # One mask for both: at a low confidence, copying the arrays takes much of the time.
            cut = is_cut(part.boxes, view, width, height)
            # Before suppression: a bus that nobody asked for must not hide a car.
            parts.append(part.take(_is_valid(part) & ~cut & wanted[part.classes]))
        return parts

    def _wanted(self, classes: frozenset[str] | None) -> Mask:
        """Return which labels are among `classes`; all of them if it is None."""
        return np.array([classes is None or name in classes for name in self.manifest.labels])

    def _detections(self, candidates: Candidates, options: DetectOptions) -> list[Detection]:
        found = []
        for (x1, y1, x2, y2), score, index in zip(
            candidates.boxes.tolist(),
            candidates.scores.tolist(),
            candidates.classes.tolist(),
            strict=True,
        ):
            if x2 - x1 >= 1 and y2 - y1 >= 1:
                found.append(Detection(x1, y1, x2, y2, self.manifest.labels[index], score))
        return found[: options.max_objects]


def _place(
    decoded: Decoded, confidence: float, placement: Placement, view: View, *, in_tile: bool
) -> Candidates:
    """Threshold one view's boxes and move them into the picture."""
    boxes, scores = decoded
    # Many times faster than nonzero() on two axes.
    rows, classes = np.divmod(np.flatnonzero(scores >= confidence), scores.shape[1])
    placed = placement.to_picture(boxes[rows])
    placed += np.array([view.x1, view.y1, view.x1, view.y1], np.float32)
    return Candidates(placed, scores[rows, classes], classes, np.full(len(rows), in_tile))


def _best(parts: list[Candidates], width: int, height: int) -> Candidates:
    """Return the most confident candidates, clipped to the picture."""
    found = Candidates.concatenate(parts)
    best = found.take(most_confident(found.scores))
    return replace(best, boxes=clip(best.boxes, width, height), scores=np.minimum(best.scores, 1))


def _is_valid(candidates: Candidates) -> Mask:
    """Return which candidates a model may give: finite boxes, with scores in 0..1.

    The confidence threshold has dropped NaN and scores below 0.
    """
    return np.isfinite(candidates.boxes).all(axis=1) & (candidates.scores <= 1 + _TOLERANCE)
