"""Compares quality and speed together: Carlens, its rivals with the same files, other detectors."""

from __future__ import annotations

import contextlib
import io
import json
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from benchmarks import cost
from benchmarks.speed import baseline, report, rivals
from benchmarks.speed.duel import Ratio, Times
from benchmarks.speed.pictures import Case
from benchmarks.speed.rivals import System
from carlens.ranges import Slices

CASES = (Case(1, 1), Case(1, 1, grid=3))
SLICES: tuple[Slices, ...] = ("auto", 1, 2, 3)
BASE = "Carlens, auto"
_CLIENTS = 4


@dataclass(frozen=True)
class Contestant:
    """A server, and what it runs.

    Attributes
    ----------
    system : System
    models : Path
        The folder of its models.
    slices : Slices or None
        Of Carlens; None for another server.
    detector : str
        A file in place of the folder's detector.
    """

    system: System
    models: Path
    slices: Slices | None = None
    detector: str = ""


@dataclass(frozen=True)
class Options:
    """What to compare, and on what.

    Attributes
    ----------
    models : Mapping of str to Path
        Folders of models by name, such as `float` and `8-bit`, which the rivals run too.
    detectors : sequence of Path
        ONNX files of NanoDet-Plus and YOLOX.
    annotations, images : Path or None
        A COCO instances file and the folder of its pictures.
    classes : Path or None
        A folder with photos of single vehicles in a folder for each name.
    """

    models: Mapping[str, Path] = field(default_factory=lambda: {"shipped": baseline.MODELS})
    detectors: Sequence[Path] = ()
    annotations: Path | None = None
    images: Path | None = None
    classes: Path | None = None


def contestants(options: Options) -> dict[str, Contestant]:
    """Return all contestants by name; Carlens with its defaults comes first."""
    shipped = baseline.MODELS
    found = {
        f"Carlens, {slices}": Contestant(
            System(rivals.CARLENS, f"?slices={slices}", {"CARLENS_MODELS": str(shipped)}),
            shipped,
            slices,
        )
        for slices in SLICES
    }
    for kind, models in options.models.items():
        for name, command in rivals.RIVALS.items():
            system = System(command, env={"BASELINE_MODELS": str(models.resolve())})
            found[f"{name}, {kind}"] = Contestant(system, models)
    for detector in options.detectors:
        env = {"BASELINE_DETECTOR": str(detector.resolve())}
        system = System(rivals.RIVALS["FastAPI"], env=env)
        found[f"FastAPI, {detector.stem}"] = Contestant(system, shipped, detector=str(detector))
    return found


def compare(options: Options, rounds: int, seconds: float) -> list[dict[str, Any]]:
    """Measure the quality, and the time, throughput and memory on one CPU.

    Few servers run at a time, each beside Carlens with its defaults: LitServe and BentoML keep
    several processes.
    """
    rows = []
    everyone = contestants(options)
    qualities: dict[Any, dict[str, float]] = {}
    for name, contestant in everyone.items():
        same = (contestant.models, contestant.slices, contestant.detector)
        if same not in qualities:
            qualities[same] = _quality(contestant, options)
        pair = {BASE: _on_one_cpu(everyone[BASE]), name: _on_one_cpu(contestant)}
        row: dict[str, Any] = {"system": name, **qualities[same]}
        with rivals.running(pair, CASES[0], alike=False) as servers:
            for case in CASES:
                for server in servers.values():
                    server.use(case)
                row[str(case)] = _times(rivals.one_by_one(servers, rounds), name)
            servers[name].use(CASES[0])
            per_second = servers[name].load(_CLIENTS, seconds)
            row["per core"] = round(per_second, 1)
            row["per GB"] = round(per_second / (servers[name].megabytes() / 1024), 1)
        rows.append(row)
        report.print_row(row)
    return rows


def _times(times: Times, name: str) -> dict[str, Any]:
    ms = statistics.median(times[name])
    dollars = cost.price(cost.MB_PER_VCPU, ms, pictures=1)
    return {
        "ms": round(ms, 1), "dollars": round(dollars, 4), "to Carlens": Ratio.of(times, name, BASE)
    }  # fmt: skip


def _on_one_cpu(contestant: Contestant) -> System:
    system = contestant.system
    return replace(system, env={**system.env, "CARLENS_THREADS": "1"}, cpus=1)


def _quality(contestant: Contestant, options: Options) -> dict[str, float]:
    """Return the vehicles' mAP and the share of right names, in percent, of what there is."""
    found = {}
    if options.annotations and options.images:
        found["vehicles"] = _vehicles(contestant, options.annotations, options.images)
    if options.classes:
        found["names"] = _names(contestant, options.classes)
    return {name: round(value, 1) for name, value in found.items()}


def _vehicles(contestant: Contestant, annotations: Path, images: Path) -> float:
    from PIL import Image
    from pycocotools.coco import COCO

    from benchmarks.evaluate import CONFIDENCE, MAX_OBJECTS, evaluate_detector
    from benchmarks.evaluate import mean_average_precision as mean
    from carlens.config import Config
    from carlens.services.model_bundle import ModelBundle
    from carlens.vision.detector import VEHICLES

    if contestant.slices is not None:
        detector = ModelBundle.load(Config(models=str(contestant.models))).detector
        figures = evaluate_detector(
            detector,
            annotations,
            images,
            slices=contestant.slices,
            thresholds=detector.manifest.thresholds,
        )
        return figures["vehicles"]
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO(str(annotations))
    ids = {each["name"]: each["id"] for each in truth.loadCats(truth.getCatIds())}
    vehicles = sorted(VEHICLES & set(ids))
    model = baseline.load(
        contestant.models, contestant.detector, confidence=CONFIDENCE, vehicles=vehicles
    )
    results = []
    for picture in truth.loadImgs(truth.getImgIds()):
        with Image.open(images / picture["file_name"]) as opened:
            boxes, scores, classes = model.find(opened.convert("RGB"))
        best = scores.argsort()[::-1][:MAX_OBJECTS]
        boxes[:, 2:] -= boxes[:, :2]  # COCO gives width and height
        results += [
            {
                "image_id": picture["id"],
                "category_id": ids[vehicles[classes[index]]],
                "bbox": boxes[index].tolist(),
                "score": float(scores[index]),
            }
            for index in best
        ]
    with contextlib.redirect_stdout(io.StringIO()):
        return mean(truth, truth.loadRes(results), [ids[name] for name in vehicles])


def _names(contestant: Contestant, classes: Path) -> float:
    """Return how many photos have the right name on their largest vehicle, in percent."""
    right = total = 0
    for photo, objects in _predicted(contestant, classes):
        largest = max(objects, key=_area, default=None)
        total += 1
        if largest is not None and largest["pred"]:
            right += largest["pred"][0].replace("/", "-") == photo.parent.name
    if not total:
        raise SystemExit(f"{classes} has no folder with photos.")
    return 100 * right / total


def _predicted(
    contestant: Contestant, classes: Path
) -> Iterator[tuple[Path, list[dict[str, Any]]]]:
    photos = sorted(classes.glob("*/*"))
    if contestant.slices is None:
        model = baseline.load(contestant.models, contestant.detector)
        for photo in photos:
            yield photo, model.predict(photo.read_bytes())
        return
    from benchmarks.speed.contestants import event_of
    from carlens.config import Config
    from carlens.http.image_routes import respond
    from carlens.services.recognition_app import RecognitionApp

    app = RecognitionApp(Config(models=str(contestant.models)))
    for photo in photos:
        given = event_of([photo.read_bytes()], contestant.slices)
        answer = respond(given, None, app)
        assert answer["statusCode"] == 200, answer["body"]
        [objects] = json.loads(answer["body"])
        yield photo, objects


def _area(found: Mapping[str, Any]) -> float:
    return float((found["x2"] - found["x1"]) * (found["y2"] - found["y1"]))
