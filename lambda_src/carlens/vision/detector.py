"""A picture -> the objects in it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from carlens.images.types import Pixels
from carlens.models.session import Model
from carlens.vision.boxes import Boxes, Classes, Scores, area, clip, nms, share_inside
from carlens.vision.decoders import DECODERS
from carlens.vision.preprocess import Placement, fit, to_batch

# One real vehicle may look like two of these classes: a pick-up like a car and a truck.
VEHICLES = frozenset({"bicycle", "car", "motorcycle", "bus", "truck"})

# A picture this many times the model's input has detail that one pass cannot see; a
# narrower one than this, in pixels, makes no tiles worth looking at.
_CLEARLY_LARGER = 1.5
_NARROW = 64
# Suppression takes quadratic time, so a confidence near 0 must not flood it.
_MAX_CANDIDATES = 2000
_TILE_OVERLAP = 0.2
# Of a tile's side: a box that comes this near to an inner edge was cut by it.
_EDGE = 0.012
# Of the area of what a tile shows: what lies so far inside a surer box of its class, seen in the
# whole picture, is a part of that object. From 0.7 to 0.85 mAP is the same, half a point up.
_PART = 0.8


@dataclass(frozen=True)
class Detection:
    """An object in a picture.

    Attributes
    ----------
    x1, y1, x2, y2 : float
        Its bounding box in the picture's upright pixels, clipped to the picture.
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
class DetectOptions:
    """What to keep of what the detector finds.

    Attributes
    ----------
    confidence, iou, merge_iou, min_area, slices
        As in `carlens.models.manifest.Thresholds`.
    max_objects : int
        The most confident ones are kept.
    classes : frozenset of str or None
        Names to keep; None for all.
    """

    confidence: float
    iou: float
    merge_iou: float
    min_area: float
    slices: int
    max_objects: int
    classes: frozenset[str] | None = None


class Detector:
    """Finds objects with a model of task `detect`."""

    def __init__(self, model: Model) -> None:
        self.manifest = model.manifest
        self._model = model
        self._decode = DECODERS[model.manifest.output.decoder]
        names = model.manifest.labels
        # All vehicles share a group, every other class has its own.
        self._merge_groups = np.array([0 if n in VEHICLES else i + 1 for i, n in enumerate(names)])

    def warm_up(self) -> None:
        """Run once on nothing, so that the first picture is as fast as the next."""
        self._model.warm_up()

    def detect(self, pixels: Pixels, options: DetectOptions) -> list[Detection]:
        """Find the objects in a picture.

        Parameters
        ----------
        pixels : uint8 array of shape (h, w, 3)
            RGB, upright.

        Returns
        -------
        list of Detection
            The most confident first.
        """
        height, width = pixels.shape[:2]
        boxes, scores, classes, tiled = self._candidates(pixels, options)
        kept = nms(boxes, scores, classes, options.iou)
        kept = kept[~_is_part(boxes[kept], classes[kept], tiled[kept])]
        groups = self._merge_groups[classes[kept]]
        kept = kept[nms(boxes[kept], scores[kept], groups, options.merge_iou, classes[kept])]
        boxes, scores, classes = boxes[kept], scores[kept], classes[kept]
        large = area(boxes) >= options.min_area * width * height
        found = []
        for box, score, index in zip(
            boxes[large].tolist(),
            scores[large].tolist(),
            classes[large].tolist(),
            strict=True,
        ):
            x1, y1, x2, y2 = box
            name = self.manifest.labels[index]
            wanted = options.classes is None or name in options.classes
            if wanted and x2 - x1 >= 1 and y2 - y1 >= 1:
                found.append(Detection(x1, y1, x2, y2, name, score))
        return found[: options.max_objects]

    def _candidates(
        self, pixels: Pixels, options: DetectOptions
    ) -> tuple[Boxes, Scores, Classes, NDArray[np.bool_]]:
        """Give the surest boxes of all views, and whether each was seen in a tile."""
        height, width = pixels.shape[:2]
        spec = self.manifest.input
        larger = max(width / spec.width, height / spec.height) >= _CLEARLY_LARGER
        sliced = larger and min(width, height) >= _NARROW
        tiles = tile(width, height, options.slices if sliced else 1)
        views = [fit(pixels[y1:y2, x1:x2], spec) for x1, y1, x2, y2 in tiles]
        outputs = self._model.run(to_batch([fitted for fitted, _ in views], spec))
        found = []
        for index, (bounds, (_, placement)) in enumerate(zip(tiles, views, strict=True)):
            raw = [output[index] for output in outputs]
            decoded = self._decode(raw, self.manifest.output, spec)
            found.append(_place(decoded, options.confidence, placement, bounds, (width, height)))
        boxes, scores, classes = (np.concatenate(parts) for parts in zip(*found, strict=True))
        best = np.argsort(-scores, kind="stable")[:_MAX_CANDIDATES]
        tiled = best >= len(found[0][0])
        return clip(boxes[best], width, height), scores[best], classes[best], tiled


def _is_part(boxes: Boxes, classes: Classes, tiled: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Tell which boxes, the surest first, are parts of an object that was seen as a whole.

    Source: the match by intersection over smaller area of arXiv:2202.06934.
    """
    part = np.zeros(len(boxes), np.bool_)
    for index in np.flatnonzero(~tiled) if tiled.any() else ():
        rest = slice(index + 1, None)
        inside = share_inside(boxes[rest], boxes[index]) > _PART
        part[rest] |= inside & tiled[rest] & (classes[rest] == classes[index])
    return part


def tile(width: int, height: int, slices: int) -> list[tuple[int, int, int, int]]:
    """Give the views of a picture that the detector looks at.

    Source: slicing aided hyper inference, Akyon et al. 2022, arXiv:2202.06934.

    Returns
    -------
    list of (x1, y1, x2, y2) in pixels
        The whole picture; with `slices` above 1, also slices x slices tiles that overlap
        by 20 %.
    """
    whole = [(0, 0, width, height)]
    if slices == 1:
        return whole
    spans = [_spans(side, slices) for side in (width, height)]
    return whole + [(x1, y1, x2, y2) for y1, y2 in spans[1] for x1, x2 in spans[0]]


def _spans(side: int, count: int) -> list[tuple[int, int]]:
    length = max(1, int(side / (count - (count - 1) * _TILE_OVERLAP)))
    starts = [round(i * (side - length) / (count - 1)) for i in range(count)]
    return [(start, start + length) for start in starts]


def _place(
    decoded: tuple[Boxes, Scores],
    confidence: float,
    placement: Placement,
    bounds: tuple[int, int, int, int],
    size: tuple[int, int],
) -> tuple[Boxes, Scores, Classes]:
    """Threshold one view's boxes and move them into the picture."""
    boxes, scores = decoded
    # Many times faster than nonzero() of the two axes.
    rows, classes = np.divmod(np.flatnonzero(scores >= confidence), scores.shape[1])
    x1, y1, x2, y2 = bounds
    placed = placement.to_picture(boxes[rows])
    # A box with a side or a score that is no number is none.
    good = np.isfinite(placed).all(axis=1) & np.isfinite(scores[rows, classes])
    placed = placed + np.array([x1, y1, x1, y1], np.float32)
    near_x, near_y = (x2 - x1) * _EDGE, (y2 - y1) * _EDGE
    if x1 > 0:
        good &= placed[:, 0] > x1 + near_x
    if y1 > 0:
        good &= placed[:, 1] > y1 + near_y
    if x2 < size[0]:
        good &= placed[:, 2] < x2 - near_x
    if y2 < size[1]:
        good &= placed[:, 3] < y2 - near_y
    return placed[good], scores[rows, classes][good], classes[good]
