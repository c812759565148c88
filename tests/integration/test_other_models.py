"""The accuracy of detectors that a user adds, and of the shipped detector.

The reference values are COCO mAP 0.5:0.95 in percent on 47 pictures, measured by an independent
program. Weights and pictures are not part of the project; they are read from a folder next to it.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.evaluate import evaluate_detector
from carlens.config import Config
from carlens.models.manifest import InputSpec, OutputSpec
from carlens.models.repository import ModelRepository
from carlens.models.session import OnnxModel
from carlens.ranges import Slices
from carlens.storage import FolderStorage
from carlens.vision.boxes import Boxes, Scores
from carlens.vision.decoders import DECODERS, nanodet
from carlens.vision.detector import Detector
from tests.models_support import Tensor

SHARED = Path(__file__).resolve().parents[2] / "../shared"
ANNOTATIONS = SHARED / "evalset" / "instances_val.json"
WITHIN = 0.5

NANODET: dict[str, Any] = {
    "name": "nanodet-plus-m-416",
    "file": "nanodet_plus_m_416.onnx",
    "input": {
        "name": "data",
        "width": 416,
        "height": 416,
        "layout": "NCHW",
        "color": "BGR",
        "resize": "stretch",
        "mean": [103.53, 116.28, 123.675],
        "std": [57.375, 57.12, 58.395],
    },
    "output": {
        "decoder": "nanodet",
        "names": ["output"],
        "strides": [8, 16, 32, 64],
        "reg_max": 7,
    },
    "thresholds": {"confidence": 0.4, "iou": 0.6},
}
YOLOX: dict[str, Any] = {
    "name": "yolox-nano-416",
    "file": "yolox_nano_416.onnx",
    "input": {
        "name": "images",
        "width": 416,
        "height": 416,
        "layout": "NCHW",
        "color": "BGR",
        "resize": "letterbox",
        "align": "top_left",
        "pad": 114,
        "mean": [0, 0, 0],
        "std": [1, 1, 1],
    },
    "output": {"decoder": "yolox", "names": ["output"], "strides": [8, 16, 32]},
    "thresholds": {"confidence": 0.4, "iou": 0.65},
}

needs_pictures = pytest.mark.skipif(
    not ANNOTATIONS.is_file(), reason="the COCO pictures are not available"
)


def bring(description: dict[str, Any], models: Path) -> Detector:
    """Add a model to a folder of models, as a user would, and load it."""
    weights = SHARED / "models" / description["file"]
    if not weights.is_file():
        pytest.skip(f"{weights.name} is not available")
    folder = models / description["name"]
    folder.mkdir()
    (folder / weights.name).symlink_to(weights)
    shutil.copy(SHARED / "models" / "coco80.txt", folder / "labels.txt")
    data = weights.read_bytes()
    document = {
        "version": "1.0.0",
        "task": "detect",
        "sha256": hashlib.sha256(data).hexdigest(),
        "bytes": len(data),
        "license": "Apache-2.0",
        "source": "its authors",
        "trained_on": "COCO 2017",
        "limits": "80 everyday classes",
        "labels": "labels.txt",
        **description,
    }
    (folder / "model.json").write_text(json.dumps(document), "utf-8")
    return load(models, description["name"])


def load(models: Path, name: str) -> Detector:
    store = ModelRepository(FolderStorage(models))
    manifest = store.manifest(name)
    return Detector(OnnxModel(manifest, store.weights(manifest), threads=2))


def measure(detector: Detector, slices: Slices) -> dict[str, float]:
    # Like the reference program, which has no NMS across classes and keeps boxes of any size.
    thresholds = replace(detector.manifest.thresholds, merge_iou=1.0, min_area=0.0)
    return evaluate_detector(
        detector,
        ANNOTATIONS,
        SHARED / "evalset" / "images",
        slices=slices,
        thresholds=thresholds,
    )


@needs_pictures
def test_a_yolox_is_as_accurate_as_its_reference(tmp_path: Path) -> None:
    # Given its weights, and a manifest that follows its documentation
    detector = bring(YOLOX, tmp_path)

    # When it processes each picture in one pass
    found = measure(detector, slices=1)

    # Then it is as accurate as the reference program
    assert found["all"] == pytest.approx(29.3, abs=WITHIN)
    assert found["vehicles"] == pytest.approx(33.6, abs=WITHIN)


@needs_pictures
def test_a_nanodet_is_at_least_as_accurate_as_its_reference(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a NanoDet, whose reference program keeps only the best class of each point
    def best_class_only(
        outputs: Sequence[Tensor], spec: OutputSpec, size: InputSpec
    ) -> tuple[Boxes, Scores]:
        boxes, scores = nanodet(outputs, spec, size)
        return boxes, np.where(scores == scores.max(axis=1, keepdims=True), scores, 0)

    detector = bring(NANODET, tmp_path)
    with monkeypatch.context() as patched:
        patched.setitem(DECODERS, "nanodet", best_class_only)
        like_the_reference = load(tmp_path, NANODET["name"])

    # When both process each picture in one pass
    same, found = measure(like_the_reference, slices=1), measure(detector, slices=1)

    # Then it matches the reference with the best class only, and is more accurate with all
    # classes, as in the code of its authors: 35.7 over all classes
    assert same["all"] == pytest.approx(32.7, abs=WITHIN)
    assert same["vehicles"] == pytest.approx(39.4, abs=WITHIN)
    assert found["all"] >= 35
    assert found["vehicles"] == pytest.approx(39.4, abs=WITHIN)


@needs_pictures
def test_the_shipped_detector_is_as_accurate_as_its_reference_in_one_pass() -> None:
    config = Config()

    found = measure(load(Path(config.models), config.detector), slices=1)

    assert found["all"] == pytest.approx(29.9, abs=WITHIN)
    assert found["vehicles"] == pytest.approx(21.9, abs=WITHIN)


@needs_pictures
def test_the_shipped_detector_is_at_least_as_accurate_as_its_reference_with_slices() -> None:
    config = Config()

    found = measure(load(Path(config.models), config.detector), slices=2)

    assert found["all"] >= 34.2 - WITHIN
    assert found["vehicles"] >= 30.6 - WITHIN
