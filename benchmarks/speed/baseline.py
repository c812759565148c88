"""A straightforward implementation with Pillow, NumPy and default onnxruntime sessions.

The rivals serve it, and the `original` contestant builds on it. It runs the same models as Carlens,
or another detector, in one pass over the picture.
"""

from __future__ import annotations

import io
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray
from PIL import Image

MODELS = Path(__file__).resolve().parents[2] / "models"
_DETECTOR = "ssdlite-mobilenet-v2-coco"
_CLASSIFIER = "efficientnet-lite0-cars"
CONFIDENCE = 0.4
_IOU = 0.6
_MERGE_IOU = 0.55
_SMALLEST = 0.001
_MARGIN = 0.08
_TOP_K = 5
_VEHICLES = ("car", "truck")

Boxes = NDArray[np.float32]


class Baseline:
    """Both models, loaded with the defaults of onnxruntime.

    Parameters
    ----------
    models : Path
        The folder of the models.
    confidence : float
        0..1, the least of a vehicle.
    vehicles : sequence of str
        The classes to find.
    """

    def __init__(
        self,
        models: Path = MODELS,
        *,
        confidence: float = CONFIDENCE,
        vehicles: Sequence[str] = _VEHICLES,
    ) -> None:
        self.confidence, self.vehicles = confidence, vehicles
        self.detector = self.load_detector(models)
        self.classifier = ort.InferenceSession(models / _CLASSIFIER / "model.onnx")
        classes = (models / _DETECTOR / "labels.txt").read_text("utf-8").splitlines()
        self.wanted = [classes.index(name) for name in vehicles]
        lines = (models / _CLASSIFIER / "labels.txt").read_text("utf-8").splitlines()
        self.names = [line.split("\t")[0] for line in lines]
        outputs = json.loads((models / _DETECTOR / "model.json").read_text("utf-8"))["output"]
        self._outputs = outputs["names"]

    def load_detector(self, models: Path) -> ort.InferenceSession:
        """Load the detector."""
        return ort.InferenceSession(models / _DETECTOR / "model.onnx")

    def predict(self, data: bytes) -> list[dict[str, Any]]:
        """Find and classify the cars and trucks in a picture."""
        image = Image.open(io.BytesIO(data)).convert("RGB")
        return self.describe(image, *self.find(image))

    def find(self, image: Image.Image) -> tuple[Boxes, Boxes, NDArray[np.intp]]:
        """Find the vehicles; return boxes, scores and indices into `vehicles`."""
        return merge(*self.detect(image), image, self.confidence)

    def detect(self, image: Image.Image) -> tuple[Boxes, Boxes, NDArray[np.intp]]:
        """Run the detector; return boxes, scores and classes above the confidence threshold."""
        small = np.asarray(image.resize((300, 300), Image.Resampling.BILINEAR), np.float32)
        feed = {self.detector.get_inputs()[0].name: small[None]}
        (found,), (scores,) = self.detector.run(self._outputs, feed)
        rows, classes = np.nonzero(scores[:, self.wanted] > self.confidence)
        sides = np.array([image.width, image.height] * 2, np.float32)
        boxes = np.clip(found[rows][:, [1, 0, 3, 2]], 0, 1) * sides
        return boxes, scores[:, self.wanted][rows, classes], classes

    def describe(
        self, image: Image.Image, boxes: Boxes, scores: Boxes, classes: NDArray[np.intp]
    ) -> list[dict[str, Any]]:
        """Run the classifier on all crops of a picture at once, and build the result."""
        if not len(boxes):
            return []
        crops = [np.asarray(crop(image, box), np.float32) for box in boxes]
        batch = ((np.stack(crops) - 127) / 128).transpose(0, 3, 1, 2)
        feed = {self.classifier.get_inputs()[0].name: batch}
        (logits,) = self.classifier.run(["logits"], feed)
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
                    "class_name": self.vehicles[kind],
                    "confidence": float(score),
                    "label": f"{self.names[best[0]]}: {row[best[0]]:.2f}",
                    "pred": [self.names[index] for index in best],
                    "prob": [float(row[index]) for index in best],
                }
            )
        return objects


class NanoDet(Baseline):
    """NanoDet-Plus in place of the detector, with the resizing and the NMS of its authors.

    Suppression across classes, which suits the shipped detector, would cost it 7 points of mAP.

    Parameters
    ----------
    file : Path
        The ONNX file; other parameters are those of `Baseline`.
    """

    side, bins, iou = 416, 8, _IOU
    strides: tuple[int, ...] = (8, 16, 32, 64)
    mean, std = (103.53, 116.28, 123.675), (57.375, 57.12, 58.395)

    def __init__(self, file: Path, models: Path = MODELS, **options: Any) -> None:
        self._file = file
        super().__init__(models, **options)

    def load_detector(self, models: Path) -> ort.InferenceSession:
        """Load the file instead of the detector of the folder."""
        return ort.InferenceSession(self._file)

    def find(self, image: Image.Image) -> tuple[Boxes, Boxes, NDArray[np.intp]]:
        """Find the vehicles; see `Baseline.find`."""
        boxes, scores, classes = self.detect(image)
        index = suppress(boxes, scores, classes, self.confidence, self.iou)
        return boxes[index], scores[index], classes[index]

    def detect(self, image: Image.Image) -> tuple[Boxes, Boxes, NDArray[np.intp]]:
        """Run the detector; see `Baseline.detect`."""
        small, scale = self.fit(image)
        feed = {self.detector.get_inputs()[0].name: small.transpose(2, 0, 1)[None]}
        [[rows]] = self.detector.run(None, feed)
        boxes, scores = self.decode(rows, *self.grid())
        rows, classes = np.nonzero(scores[:, self.wanted] > self.confidence)
        sides = np.array([image.width, image.height] * 2, np.float32)
        found = np.clip(boxes[rows] / scale, 0, sides).astype(np.float32)
        return found, scores[:, self.wanted][rows, classes], classes

    def fit(self, image: Image.Image) -> tuple[Boxes, Boxes]:
        """Return the input of shape (side, side, 3), and its scale in x, y, x and y."""
        small = cv2.resize(np.asarray(image), (self.side, self.side))
        pixels = (small[..., ::-1].astype(np.float32) - self.mean) / self.std
        scale = np.array([self.side / image.width, self.side / image.height] * 2, np.float32)
        return pixels.astype(np.float32), scale

    def grid(self) -> tuple[Boxes, Boxes]:
        """Return the x, y of each output row, and its stride."""
        points, strides = [], []
        for stride in self.strides:
            cells = -(-self.side // stride)
            y, x = np.divmod(np.arange(cells * cells), cells)
            points.append(np.stack([x, y], 1))
            strides.append(np.full((cells * cells, 1), stride))
        return np.concatenate(points).astype(np.float32), np.concatenate(strides, dtype=np.float32)

    def decode(self, rows: Boxes, points: Boxes, strides: Boxes) -> tuple[Boxes, Boxes]:
        """Return the boxes x1, y1, x2, y2 in pixels of the input, and the scores."""
        bins = np.exp(rows[:, -4 * self.bins :]).reshape(-1, 4, self.bins)
        bins /= bins.sum(axis=2, keepdims=True)
        sides = (bins @ np.arange(self.bins, dtype=np.float32)) * strides
        centers = points * strides
        boxes = np.concatenate([centers - sides[:, :2], centers + sides[:, 2:]], 1)
        return boxes, rows[:, : -4 * self.bins]


class Yolox(NanoDet):
    """YOLOX in place of the detector."""

    strides: tuple[int, ...] = (8, 16, 32)
    iou = 0.65

    def fit(self, image: Image.Image) -> tuple[Boxes, Boxes]:
        """Return the picture at the top left of the input, and its scale."""
        scale = min(self.side / image.width, self.side / image.height)
        size = (max(1, int(image.width * scale)), max(1, int(image.height * scale)))
        canvas = np.full((self.side, self.side, 3), 114, np.float32)
        canvas[: size[1], : size[0]] = cv2.resize(np.asarray(image), size)[..., ::-1]
        return canvas, np.full(4, scale, np.float32)

    def decode(self, rows: Boxes, points: Boxes, strides: Boxes) -> tuple[Boxes, Boxes]:
        """Return the boxes x1, y1, x2, y2 in pixels of the input, and the scores."""
        centers, halves = (rows[:, :2] + points) * strides, np.exp(rows[:, 2:4]) * strides / 2
        boxes = np.concatenate([centers - halves, centers + halves], 1)
        return boxes, rows[:, 4:5] * rows[:, 5:]


def load(models: Path, detector: str = "", **options: Any) -> Baseline:
    """Load the baseline, with another detector if a file is given."""
    if not detector:
        return Baseline(models, **options)
    kind = Yolox if Path(detector).name.startswith("yolox") else NanoDet
    return kind(Path(detector), models, **options)


def load_served() -> Baseline:
    """Load what the environment variables of a server name."""
    return load(
        Path(os.environ.get("BASELINE_MODELS", MODELS)), os.environ.get("BASELINE_DETECTOR", "")
    )


def suppress(
    boxes: Boxes, scores: Boxes, classes: NDArray[np.intp], confidence: float, iou: float
) -> NDArray[np.intp]:
    """Return the indices of the boxes that no better box of their class overlaps."""
    kept = cv2.dnn.NMSBoxesBatched(
        _corners_and_sides(boxes).tolist(), scores.tolist(), classes.tolist(), confidence, iou
    )
    return np.asarray(kept, np.intp).reshape(-1)


def merge(
    boxes: Boxes,
    scores: Boxes,
    classes: NDArray[np.intp],
    image: Image.Image,
    confidence: float = CONFIDENCE,
) -> tuple[Boxes, Boxes, NDArray[np.intp]]:
    """Drop duplicates, first by class and then across classes, and small boxes."""
    index = suppress(boxes, scores, classes, confidence, _IOU)
    sides = _corners_and_sides(boxes)
    again = cv2.dnn.NMSBoxes(sides[index].tolist(), scores[index].tolist(), confidence, _MERGE_IOU)
    index = index[np.asarray(again, np.intp).reshape(-1)]
    area = sides[index, 2] * sides[index, 3]
    index = index[area >= _SMALLEST * image.width * image.height]
    return boxes[index], scores[index], classes[index]


def _corners_and_sides(boxes: Boxes) -> Boxes:
    return np.concatenate([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], axis=1)


def crop(image: Image.Image, box: Boxes) -> Image.Image:
    """Crop a vehicle with a margin for the classifier."""
    x1, y1, x2, y2 = box.tolist()
    x, y = (x2 - x1) * _MARGIN, (y2 - y1) * _MARGIN
    right, bottom = min(image.width, x2 + x), min(image.height, y2 + y)
    cut = image.crop((int(max(0, x1 - x)), int(max(0, y1 - y)), int(right), int(bottom)))
    return cut.resize((224, 224), Image.Resampling.BILINEAR)
