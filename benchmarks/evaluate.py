"""Accuracy of the models: COCO mAP of the detector, top-1 and top-5 of the classifier.

    python -m benchmarks.evaluate detector instances.json folder --slices auto
    python -m benchmarks.evaluate classifier folder

The folder for the classifier has one folder per class, named like the class in its labels, with
pictures of single vehicles that fill the frame.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from carlens.config import Config
from carlens.images.decoder import read_pixels
from carlens.images.process import configure_process
from carlens.images.types import Limits
from carlens.models.manifest import Thresholds
from carlens.ranges import Slices, read_slices
from carlens.services.model_bundle import ModelBundle
from carlens.vision.detector import VEHICLES, Detection, DetectOptions, Detector

# Low enough for the whole precision-recall curve, which COCO measures.
CONFIDENCE = 0.05
MAX_OBJECTS = 100


def evaluate_detector(
    detector: Detector, annotations: Path, images: Path, *, slices: Slices, thresholds: Thresholds
) -> dict[str, float]:
    """Measure COCO mAP 0.5:0.95, in percent, over all classes and over vehicles.

    With "auto", the classes that are looked for decide the tiles. Vehicles are then measured in a
    run of their own, as `/predict` looks for them.

    Parameters
    ----------
    thresholds : Thresholds
        Its `iou`, `merge_iou` and `min_area` are used; the confidence is always `CONFIDENCE`.

    Returns
    -------
    dict
        `all` and `vehicles`, and the mean passes for a picture in both runs, `passes` and
        `vehicle_passes`.
    """
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO(str(annotations))
    categories = {c["name"]: c["id"] for c in truth.loadCats(truth.getCatIds())}
    options = DetectOptions(
        confidence=CONFIDENCE,
        iou=thresholds.iou,
        merge_iou=thresholds.merge_iou,
        min_area=thresholds.min_area,
        slices=slices,
        max_objects=MAX_OBJECTS,
    )
    found, passes = _detect_all(detector, truth, images, options)
    found_vehicles, vehicle_passes = found, passes
    if slices == "auto":
        only_vehicles = replace(options, classes=VEHICLES)
        found_vehicles, vehicle_passes = _detect_all(detector, truth, images, only_vehicles)
    vehicles = [categories[name] for name in sorted(VEHICLES) if name in categories]
    return {
        "all": mean_average_precision(truth, found, None),
        "vehicles": mean_average_precision(truth, found_vehicles, vehicles),
        "passes": passes,
        "vehicle_passes": vehicle_passes,
    }


def evaluate_classifier(bundle: ModelBundle, folder: Path) -> dict[str, float]:
    """Measure top-1 and top-5 accuracy, in percent, over pictures in one folder per class."""
    classifier = bundle.classifier
    if classifier is None:
        raise SystemExit(f"There is no classifier to measure. {bundle.misfit}".strip())
    labels = {name.replace("/", "-"): name for name in classifier.manifest.labels}
    files = [
        (p, labels[p.parent.name]) for p in sorted(folder.glob("*/*")) if p.parent.name in labels
    ]
    if not files:
        raise SystemExit(f"No folder in {folder} has the name of a class of the classifier.")
    top1 = top5 = 0
    for number, (path, label) in enumerate(files, 1):
        _progress(number, len(files))
        pixels = read_pixels(path.read_bytes(), _limits())
        whole = Detection(0, 0, pixels.shape[1], pixels.shape[0], "car", 1.0)
        [found] = classifier.classify([classifier.crop(pixels, whole)], [None], top_k=5)
        names = found.names
        top1 += names[0] == label
        top5 += label in names
    return {
        "pictures": len(files),
        "top1": 100 * top1 / len(files),
        "top5": 100 * top5 / len(files),
    }


def _detect_all(
    detector: Detector, truth: COCO, images: Path, options: DetectOptions
) -> tuple[Any, float]:
    """Return what is detected, for COCOeval, and the mean passes for a picture."""
    categories = {c["name"]: c["id"] for c in truth.loadCats(truth.getCatIds())}
    limits = _limits()
    results: list[dict[str, Any]] = []
    passes = 0
    image_ids = truth.getImgIds()
    for number, image in enumerate(truth.loadImgs(image_ids), 1):
        _progress(number, len(image_ids))
        pixels = read_pixels((images / image["file_name"]).read_bytes(), limits)
        found = detector.detect(pixels, options)
        passes += found.passes
        results += [
            _as_coco(one, image["id"], categories)
            for one in found.objects
            if one.class_name in categories
        ]
    if not results:
        raise SystemExit("Nothing was detected; check that the labels match the annotations.")
    with contextlib.redirect_stdout(io.StringIO()):
        return truth.loadRes(results), passes / len(image_ids)


def _as_coco(found: Detection, image_id: int, categories: dict[str, int]) -> dict[str, Any]:
    return {
        "image_id": image_id,
        "category_id": categories[found.class_name],
        "bbox": [found.x1, found.y1, found.x2 - found.x1, found.y2 - found.y1],
        "score": found.confidence,
    }


def mean_average_precision(truth: COCO, found: Any, categories: list[int] | None) -> float:
    """Return COCO mAP 0.5:0.95, in percent, over the categories; None for all."""
    evaluation = COCOeval(truth, found, "bbox")
    if categories is not None:
        evaluation.params.catIds = categories
    with contextlib.redirect_stdout(io.StringIO()):
        evaluation.evaluate()
        evaluation.accumulate()
    precision = evaluation.eval["precision"][:, :, :, 0, -1]
    return float(100 * np.mean(precision[precision > -1]))


def _limits() -> Limits:
    config = Config()
    return Limits(config.max_bytes, config.max_pixels, config.max_side)


def _progress(number: int, total: int) -> None:
    if sys.stderr.isatty() or number == total:
        print(f"\r{number}/{total} pictures", end="\n" if number == total else "", file=sys.stderr)


def main() -> None:
    configure_process()
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else "")
    tasks = parser.add_subparsers(dest="task", required=True)
    detector = tasks.add_parser("detector")
    detector.add_argument("annotations", type=Path, help="a COCO instances file")
    detector.add_argument("images", type=Path, help="the folder with its pictures")
    detector.add_argument("--slices", type=read_slices, metavar="1..3 or auto")
    detector.add_argument("--min-area", type=float, help="in place of the manifest's")
    classifier = tasks.add_parser("classifier")
    classifier.add_argument("images", type=Path, help="a folder with one folder per class")
    arguments = parser.parse_args()

    bundle = ModelBundle.load(Config.from_env())
    if arguments.task == "classifier":
        figures = evaluate_classifier(bundle, arguments.images)
        print(f"top-1={figures['top1']:.1f} top-5={figures['top5']:.1f} ({json.dumps(figures)})")
        return
    manifest = bundle.detector.manifest
    # The settings that users get, but for the confidence.
    thresholds = manifest.thresholds
    slices = arguments.slices or thresholds.slices
    if arguments.min_area is not None:
        thresholds = replace(thresholds, min_area=arguments.min_area)
    print(f"{manifest.name} {manifest.version}, slices={slices}", file=sys.stderr)
    figures = evaluate_detector(
        bundle.detector,
        arguments.annotations,
        arguments.images,
        slices=slices,
        thresholds=thresholds,
    )
    print(f"passes all={figures['passes']:.2f} vehicles={figures['vehicle_passes']:.2f}")
    print(f"mAP all={figures['all']:.1f} vehicles={figures['vehicles']:.1f}")


if __name__ == "__main__":
    main()
