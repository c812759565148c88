"""A photo -> the crop of the vehicle in it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from carlens.images.types import Pixels
from carlens.teach.photos import Box
from carlens.vision.boxes import iou
from carlens.vision.detector import Detection, DetectOptions, Detector

KINDS = frozenset({"car", "truck", "bus"})
UNKNOWN_KIND = ""

# The second attempt is for vehicles that are small or hard to see.
_ATTEMPTS = ((0.4, 1), (0.2, 2))
# A detection that overlaps a marked box less is of another vehicle.
_SAME_VEHICLE = 0.5


def find_vehicle(detector: Detector, pixels: Pixels) -> Detection | None:
    """Find the largest car, truck or bus in a photo; None if there is none."""
    for found in _attempts(detector, pixels):
        if found:
            return max(found, key=_area)
    return None


def marked_vehicle(detector: Detector, pixels: Pixels, box: Box) -> Detection | None:
    """Turn a box that a person drew into a detection; None if it is outside the photo.

    Its kind is that of the detection that overlaps it best, with an IoU of at least 0.5, and
    `UNKNOWN_KIND` if there is none.
    """
    height, width = pixels.shape[:2]
    x1, y1, x2, y2 = box
    if x1 > width - 1 or y1 > height - 1:
        return None
    clipped = (x1, y1, min(x2, float(width)), min(y2, float(height)))
    kinds = (kind_of_box(clipped, found) for found in _attempts(detector, pixels))
    return Detection(*clipped, next(filter(None, kinds), UNKNOWN_KIND), 1.0)


def kind_of_box(box: Box, found: Sequence[Detection]) -> str:
    """Return the kind of the detection that is the vehicle in a box, or `UNKNOWN_KIND`."""
    if not found:
        return UNKNOWN_KIND
    boxes = np.array([[each.x1, each.y1, each.x2, each.y2] for each in found], np.float32)
    overlaps = iou(np.array(box, np.float32), boxes)
    best = int(overlaps.argmax())
    return found[best].class_name if overlaps[best] >= _SAME_VEHICLE else UNKNOWN_KIND


def _attempts(detector: Detector, pixels: Pixels) -> Iterator[list[Detection]]:
    thresholds = detector.manifest.thresholds
    for confidence, slices in _ATTEMPTS:
        options = DetectOptions(
            confidence=confidence,
            iou=thresholds.iou,
            merge_iou=thresholds.merge_iou,
            min_area=thresholds.min_area,
            slices=slices,
            max_objects=100,
            classes=KINDS,
        )
        yield detector.detect(pixels, options).objects


def _area(detection: Detection) -> float:
    return (detection.x2 - detection.x1) * (detection.y2 - detection.y1)
