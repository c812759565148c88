"""Bounding boxes as arrays: float32 of shape (n, 4), columns x1, y1, x2, y2 in pixels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Boxes = NDArray[np.float32]
Scores = NDArray[np.float32]
Classes = NDArray[np.intp]

# The most boxes for NMS.
_MAX_CANDIDATES = 2000


def area(boxes: Boxes) -> Scores:
    """Return the area of each box in square pixels, shape (n,)."""
    sides = np.maximum(boxes[:, 2:] - boxes[:, :2], 0)
    return np.asarray(sides[:, 0] * sides[:, 1], np.float32)


def iou(box: Boxes, boxes: Boxes) -> Scores:
    """Return the IoU, intersection over union, shape (n,), of one box, shape (4,), with `boxes`."""
    intersection = _intersection(box, boxes)
    union = area(box[None])[0] + area(boxes) - intersection
    return np.asarray(intersection / np.maximum(union, np.finfo(np.float32).tiny), np.float32)


def share_inside(boxes: Boxes, box: Boxes) -> Scores:
    """Return the share, 0..1, of each box's area that is inside `box`, shape (n,)."""
    return np.asarray(
        _intersection(box, boxes) / np.maximum(area(boxes), np.finfo(np.float32).tiny), np.float32
    )


def _intersection(box: Boxes, boxes: Boxes) -> Scores:
    top_left = np.maximum(box[:2], boxes[:, :2])
    bottom_right = np.minimum(box[2:], boxes[:, 2:])
    return area(np.concatenate([top_left, bottom_right], axis=1))


def nms(
    boxes: Boxes, scores: Scores, groups: Classes, threshold: float, kinds: Classes | None = None
) -> Classes:
    """Non-maximum suppression within each group.

    Greedy, from the highest score down: a box is dropped if its IoU with a kept box of the same
    group, but of another kind, is above the threshold.

    Parameters
    ----------
    boxes : float32 array of shape (n, 4)
    scores : float32 array of shape (n,)
    groups : integer array of shape (n,)
        Boxes of different groups, such as classes, never suppress each other.
    threshold : float
        0..1.
    kinds : integer array of shape (n,), optional
        Boxes of the same kind never suppress each other; by default, each box has its own kind.

    Returns
    -------
    integer array
        Indices of the kept boxes, highest score first; for equal scores, the first box first.
    """
    order = np.argsort(-scores, kind="stable")
    kept: list[int] = []
    while len(order):
        best, rest = order[0], order[1:]
        kept.append(int(best))
        dropped = (iou(boxes[best], boxes[rest]) > threshold) & (groups[rest] == groups[best])
        if kinds is not None:
            dropped &= kinds[rest] != kinds[best]
        order = rest[~dropped]
    return np.asarray(kept, np.intp)


def most_confident(scores: Scores) -> Classes:
    """Return the indices of the candidates for NMS, highest score first.

    NMS takes quadratic time, so a confidence threshold near 0 must not flood it.
    """
    return np.argsort(-scores, kind="stable")[:_MAX_CANDIDATES]


def clip(boxes: Boxes, width: int, height: int) -> Boxes:
    """Clip boxes to a picture."""
    return np.clip(boxes, 0, np.array([width, height, width, height], np.float32))


def grow(boxes: Boxes, share: float) -> Boxes:
    """Move each side outward by a share of the box's width or height."""
    sides = np.tile(boxes[:, 2:] - boxes[:, :2], 2)
    return np.asarray(boxes + sides * share * np.array([-1, -1, 1, 1], np.float32), np.float32)


def from_center(centers: Boxes) -> Boxes:
    """Convert boxes from center x, center y, width, height to x1, y1, x2, y2."""
    half = centers[..., 2:] / 2
    return np.concatenate([centers[..., :2] - half, centers[..., :2] + half], axis=-1)
