"""A detector's raw outputs for one picture -> boxes and the score of every class.

Decoders are pure functions. They take the outputs without the batch axis, and return boxes,
float32 of shape (n, 4) in pixels of the model's input, and scores 0..1, float32 of shape
(n, classes). A score of -1 stands for a class that the model did not score.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from carlens.models.manifest import Decoder, InputSpec, OutputSpec
from carlens.vision.boxes import Boxes, Scores, from_center

Tensor = NDArray[np.float32]
Decoded = tuple[Boxes, Scores]

_CENTERFACE_STRIDE = 4


def ssd(outputs: Sequence[Tensor], spec: OutputSpec, size: InputSpec) -> Decoded:
    """Decode an SSD that has applied its anchors (Liu et al. 2016, arXiv:1512.02325).

    `outputs`: boxes (a, 4) as y1, x1, y2, x2 in 0..1; scores (a, classes) in 0..1.
    """
    boxes, scores = outputs
    return boxes[:, [1, 0, 3, 2]] * _scale(size), scores


def nanodet(outputs: Sequence[Tensor], spec: OutputSpec, size: InputSpec) -> Decoded:
    """Decode a NanoDet-Plus: distances to the four sides as distributions over bins.

    `outputs`: (points, classes + 4 * (reg_max + 1)), scores in 0..1. Source: generalized
    focal loss, Li et al. 2020, arXiv:2006.04388.
    """
    (raw,) = outputs
    bins = spec.reg_max + 1
    classes = raw.shape[1] - 4 * bins
    points, strides = _grid(size, spec.strides)
    distances = softmax(raw[:, classes:].reshape(-1, 4, bins)) @ np.arange(bins, dtype=np.float32)
    distances = distances * strides
    centers = points * strides
    boxes = np.concatenate([centers - distances[:, :2], centers + distances[:, 2:]], axis=1)
    return boxes, raw[:, :classes]


def yolox(outputs: Sequence[Tensor], spec: OutputSpec, size: InputSpec) -> Decoded:
    """Decode a YOLOX: center offsets, logarithms of the sides, objectness, classes.

    `outputs`: (points, 5 + classes), objectness and scores in 0..1. Source: Ge et al. 2021,
    arXiv:2107.08430.
    """
    (raw,) = outputs
    points, strides = _grid(size, spec.strides)
    # Larger logarithms would overflow; no side is longer than e^16 pixels.
    sides = np.exp(np.minimum(raw[:, 2:4], 16)) * strides
    centers = (raw[:, :2] + points) * strides
    return from_center(np.concatenate([centers, sides], axis=1)), raw[:, 4:5] * raw[:, 5:]


def yolo(outputs: Sequence[Tensor], spec: OutputSpec, size: InputSpec) -> Decoded:
    """Decode a YOLO v8 or v11 export, with one column per box.

    `outputs`: (4 + classes, points), rows center x, center y, width, height in pixels of
    the input, then scores in 0..1.
    """
    (raw,) = outputs
    return from_center(raw[:4].T), raw[4:].T


def yolo_end2end(outputs: Sequence[Tensor], spec: OutputSpec, size: InputSpec) -> Decoded:
    """Decode a YOLO export that gives its final boxes, such as v10, or later ones by default.

    `outputs`: (boxes, 6), columns x1, y1, x2, y2 in pixels of the input, score in 0..1, class.
    """
    (raw,) = outputs
    return raw[:, :4], _by_class(raw[:, 4], raw[:, 5], spec.classes)


def torchvision(outputs: Sequence[Tensor], spec: OutputSpec, size: InputSpec) -> Decoded:
    """Decode a detector of torchvision, such as Faster R-CNN, RetinaNet or SSD.

    `outputs`: boxes (n, 4) as x1, y1, x2, y2 in pixels of the input; labels (n,); scores (n,) in
    0..1.
    """
    boxes, labels, scores = outputs
    return boxes, _by_class(scores, labels - spec.first_label, spec.classes)


def detr(outputs: Sequence[Tensor], spec: OutputSpec, size: InputSpec) -> Decoded:
    """Decode a DETR (Carion et al. 2020, arXiv:2005.12872) or RT-DETR.

    `outputs`: logits (queries, classes), for softmax with a last class "no object"; boxes
    (queries, 4) as center x, center y, width, height in 0..1.
    """
    logits, boxes = outputs
    scores = softmax(logits)[:, :-1] if spec.activation == "softmax" else sigmoid(logits)
    return from_center(boxes) * _scale(size), scores


def centerface(outputs: Sequence[Tensor], spec: OutputSpec, size: InputSpec) -> Decoded:
    """Decode a CenterFace: a point for each 4 x 4 pixels of the input, which may have any size.

    `outputs`: (5, rows, columns): score in 0..1, logarithms of height and width, offsets of the
    center, y and x. Source: Xu et al. 2019, arXiv:1911.03599.
    """
    (raw,) = outputs
    _, rows, columns = raw.shape
    y, x = np.mgrid[:rows, :columns].astype(np.float32)
    # Larger logarithms would overflow; no side is longer than e^16 pixels.
    height, width = np.exp(np.minimum(raw[1:3], 16)) * _CENTERFACE_STRIDE
    middle_x = (x + raw[4] + 0.5) * _CENTERFACE_STRIDE
    middle_y = (y + raw[3] + 0.5) * _CENTERFACE_STRIDE
    centers = np.stack([middle_x, middle_y, width, height], axis=-1).reshape(-1, 4)
    return from_center(centers), raw[0].reshape(-1, 1)


DECODERS: dict[Decoder, Callable[[Sequence[Tensor], OutputSpec, InputSpec], Decoded]] = {
    "ssd": ssd,
    "nanodet": nanodet,
    "yolox": yolox,
    "yolo": yolo,
    "yolo-end2end": yolo_end2end,
    "detr": detr,
    "torchvision": torchvision,
    "centerface": centerface,
}


def softmax(logits: Tensor) -> Tensor:
    """Convert logits to probabilities that sum to 1 along the last axis."""
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True), np.float32)


def sigmoid(logits: Tensor) -> Tensor:
    """Convert logits to independent probabilities."""
    return np.asarray(0.5 * (np.tanh(0.5 * logits) + 1), np.float32)


def _by_class(scores: Scores, classes: Tensor, count: int) -> Scores:
    """Spread one score per box, shape (n,), over the columns of `count` classes.

    A box whose class is not from 0 to `count` - 1, or is NaN, gets no score.
    """
    spread = np.full((len(scores), count), -1, np.float32)
    rows = np.flatnonzero((classes >= 0) & (classes < count))
    spread[rows, classes[rows].astype(np.intp)] = scores[rows]
    return spread


def _scale(size: InputSpec) -> Boxes:
    return np.array([size.width, size.height, size.width, size.height], np.float32)


def _grid(size: InputSpec, strides: tuple[int, ...]) -> tuple[Tensor, Tensor]:
    """Return the column and row of each point, shape (points, 2), and its stride, (points, 1)."""
    points, steps = [], []
    for stride in strides:
        rows, columns = -(-size.height // stride), -(-size.width // stride)
        y, x = np.mgrid[:rows, :columns]
        points.append(np.stack([x.ravel(), y.ravel()], axis=1))
        steps.append(np.full((rows * columns, 1), stride))
    return np.concatenate(points).astype(np.float32), np.concatenate(steps).astype(np.float32)
