"""A picture -> the regions in it that show plates, faces or people."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from carlens.images.types import Pixels
from carlens.models.manifest import ModelError
from carlens.models.session import OnnxModel, Tensor
from carlens.vision.boxes import Boxes, Scores, clip, grow, most_confident, nms
from carlens.vision.decoders import DECODERS
from carlens.vision.detector import Detection
from carlens.vision.preprocess import Placement, fit, to_batch
from carlens.vision.tiling import View

# The class of the detector, and the kind of region, that people are.
PERSON = "person"
# Crops of objects in one picture: a parking lot must not take minutes.
_MAX_CROPS = 48
# Pixels: smaller objects show no plate or face, and smaller crops nothing around it.
_SMALLEST_OBJECT, _SMALLEST_CROP = 32, 96
# Shares of an area, and how much larger a view may be that shows the same as well.
_MOST_OF_PICTURE, _NEARLY_ALL, _HARDLY_LARGER = 0.7, 0.9, 1.5


@dataclass(frozen=True)
class Region:
    """A rectangle of a picture.

    Attributes
    ----------
    x1, y1, x2, y2 : int
        In pixels of the upright picture; at least one pixel wide and high, inside the picture.
    kind : str
        `plate`, `face` or `person`.
    confidence : float
        0..1.
    """

    x1: int
    y1: int
    x2: int
    y2: int
    kind: str
    confidence: float


class RegionDetector:
    """Finds regions of one kind with a model of task `redact`.

    It looks at the whole picture, and at squares around the objects whose classes are in
    `applies_to`.

    Parameters
    ----------
    model : OnnxModel
    """

    def __init__(self, model: OnnxModel) -> None:
        self.manifest = model.manifest
        self._model = model
        self._decode = DECODERS[model.manifest.output.decoder]

    def find(
        self, pixels: Pixels, objects: Iterable[Detection], confidence: float | None = None
    ) -> list[Detection]:
        """Find regions.

        Parameters
        ----------
        pixels : uint8 array of shape (h, w, 3)
            RGB, upright.
        objects : iterable of Detection
            The objects of the picture.
        confidence : float, optional
            0..1; by default that of the manifest.

        Returns
        -------
        list of Detection
            The most confident first.

        Raises
        ------
        ModelError
            The model gives boxes or scores that are invalid.
        """
        height, width = pixels.shape[:2]
        threshold = self.manifest.thresholds.confidence if confidence is None else confidence
        views = [View(0, 0, width, height), *self._crops(objects, width, height)]
        parts = [
            self._place(raw, placement, view, threshold, (width, height))
            for view, (raw, placement) in zip(views, self._run(pixels, views), strict=True)
        ]
        boxes = np.concatenate([part[0] for part in parts])
        scores = np.concatenate([part[1] for part in parts])
        best = most_confident(scores)
        boxes, scores = boxes[best], scores[best]
        kept = nms(boxes, scores, np.zeros(len(boxes), np.intp), self.manifest.thresholds.iou)
        kind = self.manifest.labels[0]
        return [
            Detection(x1, y1, x2, y2, kind, score)
            for (x1, y1, x2, y2), score in zip(
                boxes[kept].tolist(), scores[kept].tolist(), strict=True
            )
        ]

    def _crops(self, objects: Iterable[Detection], width: int, height: int) -> list[View]:
        """Return a square around each object to look at, the largest first."""
        wanted = [one for one in objects if one.class_name in self.manifest.applies_to]
        sides = [max(one.x2 - one.x1, one.y2 - one.y1) for one in wanted]
        views: list[View] = []
        for index in np.argsort(np.negative(sides), kind="stable"):
            if sides[index] < _SMALLEST_OBJECT or len(views) == _MAX_CROPS:
                break
            side = max(_SMALLEST_CROP, sides[index] * (1 + 2 * self.manifest.input.margin))
            view = _square(wanted[index], round(side), width, height)
            if _area(view) <= _MOST_OF_PICTURE * width * height and not any(
                _shows(larger, view) for larger in views
            ):
                views.append(view)
        return views

    def _run(self, pixels: Pixels, views: Sequence[View]) -> list[tuple[list[Tensor], Placement]]:
        """Run the model on views; those that have the same size in one batch."""
        spec = self.manifest.input
        fitted = [fit(pixels[y1:y2, x1:x2], spec) for x1, y1, x2, y2 in views]
        outputs: dict[int, list[Tensor]] = {}
        for shape in {image.shape for image, _ in fitted}:
            chosen = [index for index, (image, _) in enumerate(fitted) if image.shape == shape]
            found = self._model.run(to_batch([fitted[index][0] for index in chosen], spec))
            outputs |= {index: [each[n] for each in found] for n, index in enumerate(chosen)}
        return [(outputs[index], placement) for index, (_, placement) in enumerate(fitted)]

    def _place(
        self,
        raw: Sequence[Tensor],
        placement: Placement,
        view: View,
        threshold: float,
        size: tuple[int, int],
    ) -> tuple[Boxes, Scores]:
        """Return the boxes of a view, in pixels of the picture, and their scores.

        Raises
        ------
        ModelError
            A box or a score is invalid, so that something might stay unredacted.
        """
        boxes, scores = self._decode(raw, self.manifest.output, self.manifest.input)
        best = scores.max(axis=1)
        found = np.flatnonzero(best >= threshold)
        placed = placement.to_picture(boxes[found])
        placed += np.array([view.x1, view.y1, view.x1, view.y1], np.float32)
        # Scores beyond 1 by more than rounding were not computed from 0..1; NaN is not <= 1 either.
        if not ((best <= 1.001).all() and np.isfinite(placed).all()):
            raise ModelError(
                f"{self.manifest.name}: the model gives boxes or scores that are invalid"
            )
        return clip(placed, *size), np.minimum(best[found], 1)


def to_regions(found: Iterable[Detection], margin: float, width: int, height: int) -> list[Region]:
    """Grow bounding boxes to whole pixels that are to be redacted.

    Parameters
    ----------
    found : iterable of Detection
    margin : float
        0..1, the share of its width and height by which each box grows on each side.
    width, height : int
        Of the picture, in pixels.

    Returns
    -------
    list of Region
        The most confident first.
    """
    regions = [
        Region(*_whole(one, margin, width, height), one.class_name, one.confidence) for one in found
    ]
    return sorted(regions, key=lambda region: -region.confidence)


def _square(one: Detection, side: int, width: int, height: int) -> View:
    """Return a square around an object, moved into the picture and cut off at its edges."""
    left, top = (
        max(0, min(round((low + high - side) / 2), most - side))
        for low, high, most in ((one.x1, one.x2, width), (one.y1, one.y2, height))
    )
    return View(left, top, min(left + side, width), min(top + side, height))


def _area(view: View) -> int:
    return (view.x2 - view.x1) * (view.y2 - view.y1)


def _shows(larger: View, view: View) -> bool:
    """Return whether a view has nearly all of another one, and is hardly larger."""
    common = max(0, min(larger.x2, view.x2) - max(larger.x1, view.x1)) * max(
        0, min(larger.y2, view.y2) - max(larger.y1, view.y1)
    )
    inside = common >= _NEARLY_ALL * _area(view)
    return inside and larger.x2 - larger.x1 < _HARDLY_LARGER * (view.x2 - view.x1)


def _whole(one: Detection, margin: float, width: int, height: int) -> tuple[int, int, int, int]:
    """Return a box, grown, clipped, and rounded outward, with at least one pixel."""
    box = np.array([[one.x1, one.y1, one.x2, one.y2]], np.float32)
    x1, y1, x2, y2 = clip(grow(box, margin), width, height)[0].tolist()
    left, top = min(math.floor(x1), width - 1), min(math.floor(y1), height - 1)
    return left, top, max(math.ceil(x2), left + 1), max(math.ceil(y2), top + 1)
