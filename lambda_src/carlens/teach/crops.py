"""A photo -> the crop of the vehicle in it."""

from __future__ import annotations

from carlens.images.types import Pixels
from carlens.teach.photos import Box
from carlens.vision.detector import Detection, DetectOptions, Detector

KINDS = frozenset({"car", "truck", "bus"})

# The second attempt is for vehicles that are small or hard to see.
_ATTEMPTS = ((0.4, 1), (0.2, 2))


def find_vehicle(detector: Detector, pixels: Pixels) -> Detection | None:
    """Find the largest car, truck or bus in a photo; None if there is none."""
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
        found = detector.detect(pixels, options)
        if found:
            return max(found, key=_area)
    return None


def marked_vehicle(pixels: Pixels, box: Box) -> Detection | None:
    """Turn a box that a person drew into a detection; None if it is outside the photo.

    Its kind is car, because a CSV file does not tell it.
    """
    height, width = pixels.shape[:2]
    x1, y1, x2, y2 = box
    if x1 > width - 1 or y1 > height - 1:
        return None
    return Detection(x1, y1, min(x2, width), min(y2, height), "car", 1.0)


def _area(detection: Detection) -> float:
    return (detection.x2 - detection.x1) * (detection.y2 - detection.y1)
