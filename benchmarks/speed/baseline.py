"""A straightforward implementation with Pillow, NumPy and default onnxruntime sessions.

The rivals serve it, and the `original` contestant builds on it. It runs the same models as Carlens,
in one pass over the picture.
"""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray
from PIL import Image

MODELS = Path(__file__).resolve().parents[2] / "models"
_DETECTOR = MODELS / "ssdlite-mobilenet-v2-coco"
_CLASSIFIER = MODELS / "efficientnet-lite0-cars"
CONFIDENCE = 0.4
_IOU = 0.6
_MERGE_IOU = 0.55
_SMALLEST = 0.001
_MARGIN = 0.08
_TOP_K = 5
_VEHICLES = ("car", "truck")

Boxes = NDArray[np.float32]


class Baseline:
    """Both models, loaded with the defaults of onnxruntime."""

    def __init__(self) -> None:
        self.detector = ort.InferenceSession(_DETECTOR / "model.onnx")
        self.classifier = ort.InferenceSession(_CLASSIFIER / "model.onnx")
        self.classes = (_DETECTOR / "labels.txt").read_text("utf-8").splitlines()
        lines = (_CLASSIFIER / "labels.txt").read_text("utf-8").splitlines()
        self.names = [line.split("\t")[0] for line in lines]
        outputs = json.loads((_DETECTOR / "model.json").read_text("utf-8"))["output"]["names"]
        self._outputs = outputs

    def predict(self, data: bytes) -> list[dict[str, Any]]:
        """Find and classify the cars and trucks in a picture."""
        image = Image.open(io.BytesIO(data)).convert("RGB")
        boxes, scores, classes = self.detect(image)
        boxes, scores, classes = merge(boxes, scores, classes, image)
        return self.describe(image, boxes, scores, classes)

    def detect(self, image: Image.Image) -> tuple[Boxes, Boxes, NDArray[np.intp]]:
        """Run the detector; return boxes, scores and classes above the confidence threshold."""
        small = np.asarray(image.resize((300, 300), Image.Resampling.BILINEAR), np.float32)
        feed = {self.detector.get_inputs()[0].name: small[None]}
        (found,), (scores,) = self.detector.run(self._outputs, feed)
        wanted = [self.classes.index(name) for name in _VEHICLES]
        rows, classes = np.nonzero(scores[:, wanted] > CONFIDENCE)
        sides = np.array([image.width, image.height] * 2, np.float32)
        boxes = np.clip(found[rows][:, [1, 0, 3, 2]], 0, 1) * sides
        return boxes, scores[:, wanted][rows, classes], classes

    def describe(
        self, image: Image.Image, boxes: Boxes, scores: Boxes, classes: NDArray[np.intp]
    ) -> list[dict[str, Any]]:
        """Run the classifier on all crops of a picture at once, and build the result."""
        if not len(boxes):
            return []
        crops = [np.asarray(crop(image, box), np.float32) for box in boxes]
        batch = ((np.stack(crops) - 127) / 128).transpose(0, 3, 1, 2)
        (logits,) = self.classifier.run(None, {self.classifier.get_inputs()[0].name: batch})
        probabilities = np.exp(logits - logits.max(axis=1, keepdims=True))
        probabilities /= probabilities.sum(axis=1, keepdims=True)
        objects = []
        for box, score, kind, row in zip(boxes, scores, classes, probabilities, strict=True):
            best = row.argsort()[::-1][:_TOP_K]
            x1, y1, x2, y2 = (round(float(side)) for side in box)
            objects.append(
                {
                    "x1": x1,
                    "y1": y1,
                    "x2": x2,
                    "y2": y2,
                    "class_name": _VEHICLES[kind],
                    "confidence": float(score),
                    "label": f"{self.names[best[0]]}: {row[best[0]]:.2f}",
                    "pred": [self.names[index] for index in best],
                    "prob": [float(row[index]) for index in best],
                }
            )
        return objects


def merge(
    boxes: Boxes, scores: Boxes, classes: NDArray[np.intp], image: Image.Image
) -> tuple[Boxes, Boxes, NDArray[np.intp]]:
    """Drop duplicates, first by class and then across classes, and small boxes."""
    sides = np.concatenate([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], axis=1)
    kept = cv2.dnn.NMSBoxesBatched(
        sides.tolist(), scores.tolist(), classes.tolist(), CONFIDENCE, _IOU
    )
    index = np.asarray(kept, np.intp).reshape(-1)
    again = cv2.dnn.NMSBoxes(sides[index].tolist(), scores[index].tolist(), CONFIDENCE, _MERGE_IOU)
    index = index[np.asarray(again, np.intp).reshape(-1)]
    area = sides[index, 2] * sides[index, 3]
    index = index[area >= _SMALLEST * image.width * image.height]
    return boxes[index], scores[index], classes[index]


def crop(image: Image.Image, box: Boxes) -> Image.Image:
    """Crop a vehicle with a margin for the classifier."""
    x1, y1, x2, y2 = box.tolist()
    x, y = (x2 - x1) * _MARGIN, (y2 - y1) * _MARGIN
    right, bottom = min(image.width, x2 + x), min(image.height, y2 + y)
    cut = image.crop((int(max(0, x1 - x)), int(max(0, y1 - y)), int(right), int(bottom)))
    return cut.resize((224, 224), Image.Resampling.BILINEAR)
