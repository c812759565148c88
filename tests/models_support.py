"""Manifests, pictures and models in memory, for the tests of vision and models."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from carlens.images.types import Pixels
from carlens.models.manifest import InputSpec, Manifest, OutputSpec, Thresholds
from carlens.models.session import OnnxModel, TensorShape
from carlens.vision.classifier import Classifier
from carlens.vision.detector import DetectOptions, Detector

Tensor = NDArray[np.float32]
Box = tuple[float, float, float, float]

COLORS = {
    "car": (220, 20, 20),
    "truck": (20, 220, 20),
    "bus": (20, 20, 220),
    "person": (220, 220, 20),
}
LABELS = tuple(COLORS)

INPUT = InputSpec(
    name="image",
    width=100,
    height=100,
    layout="NHWC",
    color="RGB",
    resize="stretch",
    mean=(0.0, 0.0, 0.0),
    std=(1.0, 1.0, 1.0),
)
DETECT = Manifest(
    name="made-up",
    version="1",
    task="detect",
    file="model.onnx",
    sha256="0" * 64,
    bytes=1,
    license="none",
    source="a test",
    trained_on="nothing",
    limits="it sees only what a test tells it",
    input=INPUT,
    output=OutputSpec(decoder="ssd", names=("boxes", "scores")),
    thresholds=Thresholds(confidence=0.5),
    labels=LABELS,
)
CLASSIFY = replace(
    DETECT,
    task="classify",
    input=replace(INPUT, width=20, height=20),
    output=OutputSpec(decoder="softmax", names=("logits",)),
    labels=("Clio", "Twingo", "Golf", "Polo"),
    makes=("Renault", "Renault", "VW", "VW"),
)

# The thresholds of the shipped detector, without tiles and without a minimum area.
OPTIONS = DetectOptions(
    confidence=0.5, iou=0.6, merge_iou=0.55, min_area=0.0, slices=1, max_objects=100
)


def detector_document(**changes: Any) -> dict[str, Any]:
    """Return a valid `model.json` of a detector; a change to None removes a field."""
    document = {
        "name": "made-up",
        "version": "1",
        "task": "detect",
        "file": "model.onnx",
        "sha256": "0" * 64,
        "bytes": 1,
        "license": "none",
        "source": "a test",
        "trained_on": "nothing",
        "limits": "none known",
        "input": {
            "name": "image",
            "width": 100,
            "height": 100,
            "layout": "NHWC",
            "color": "RGB",
            "resize": "stretch",
            "mean": [0, 0, 0],
            "std": [1, 1, 1],
        },
        "output": {"decoder": "ssd", "names": ["boxes", "scores"]},
        "labels": "labels.txt",
        "thresholds": {"confidence": 0.5},
    }
    return {k: v for k, v in {**document, **changes}.items() if v is not None}


@dataclass
class FakeModel:
    """A model that gives scripted answers and records its batches."""

    manifest: Manifest
    answer: Callable[[Tensor], Sequence[Tensor]]
    batches: list[Tensor] = field(default_factory=list)
    warm_ups: int = 0

    def warm_up(self) -> list[TensorShape]:
        self.warm_ups += 1
        return []

    def run(self, batch: Tensor) -> list[Tensor]:
        self.batches.append(batch)
        return list(self.answer(batch))


def fake_model(manifest: Manifest, answer: Callable[[Tensor], Sequence[Tensor]]) -> OnnxModel:
    """Return a fake, typed as the model that detectors and classifiers take."""
    return cast(OnnxModel, FakeModel(manifest, answer))


def scripted_detector(
    *views: Sequence[tuple[Box, str, float]], manifest: Manifest = DETECT
) -> Detector:
    """Return a detector that finds these boxes, in pixels of its input, one list per view."""

    def answer(batch: Tensor) -> Sequence[Tensor]:
        assert len(batch) == len(views)
        most = max(1, *(len(view) for view in views))
        boxes = np.zeros((len(views), most, 4), np.float32)
        scores = np.zeros((len(views), most, len(manifest.labels)), np.float32)
        size = np.array([manifest.input.height, manifest.input.width] * 2, np.float32)
        for i, view in enumerate(views):
            for j, ((x1, y1, x2, y2), label, score) in enumerate(view):
                boxes[i, j] = np.array([y1, x1, y2, x2], np.float32) / size
                scores[i, j, manifest.labels.index(label)] = score
        return boxes, scores

    return Detector(fake_model(manifest, answer))


def color_detector(manifest: Manifest = DETECT) -> tuple[Detector, FakeModel]:
    """Return a detector that finds patches: each color of `COLORS` is a class."""
    spec = manifest.input

    def answer(batch: Tensor) -> Sequence[Tensor]:
        boxes = np.zeros((len(batch), len(LABELS), 4), np.float32)
        scores = np.zeros((len(batch), len(LABELS), len(LABELS)), np.float32)
        for i, picture in enumerate(batch):
            for j, color in enumerate(COLORS.values()):
                # Half-covered pixels at the edge of a patch count as well.
                rows, columns = np.nonzero(np.abs(picture - color).max(axis=-1) < 100)
                if len(rows):
                    box = (rows.min(), columns.min(), rows.max() + 1, columns.max() + 1)
                    boxes[i, j] = box / np.array([spec.height, spec.width] * 2, np.float32)
                    scores[i, j, j] = 0.9
        return boxes, scores

    model = FakeModel(manifest, answer)
    return Detector(cast(OnnxModel, model)), model


def scripted_classifier(*rows: Sequence[float], manifest: Manifest = CLASSIFY) -> Classifier:
    """Return a classifier that gives its crops these probabilities in turn, repeatedly."""
    told = 0

    def answer(batch: Tensor) -> Sequence[Tensor]:
        nonlocal told
        chosen = [rows[(told + i) % len(rows)] for i in range(len(batch))]
        told += len(batch)
        return [np.log(np.array(chosen, np.float32))]

    return Classifier(fake_model(manifest, answer))


def picture(width: int, height: int, **patches: tuple[int, int, int, int]) -> Pixels:
    """Draw one patch per class on a black picture; boxes are x1, y1, x2, y2."""
    pixels = np.zeros((height, width, 3), np.uint8)
    for label, (x1, y1, x2, y2) in patches.items():
        pixels[y1:y2, x1:x2] = COLORS[label]
    return pixels
