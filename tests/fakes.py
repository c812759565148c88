"""A copy of Carlens on fake models, which remember what they were shown."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from carlens.config import Config
from carlens.images.types import Pixels
from carlens.models.manifest import Manifest
from carlens.models.repository import ModelRepository
from carlens.services.image_app import App
from carlens.services.model_bundle import ModelBundle
from carlens.storage import FolderStorage
from carlens.vision.classifier import Classification, MakePrediction
from carlens.vision.detector import Detection, DetectOptions
from tests.support import call

STORE = ModelRepository(FolderStorage(Path(Config.models)))


@dataclass
class FakeDetector:
    """Finds a car and a person in every picture, and remembers how it was asked."""

    manifest: Manifest
    asked: list[DetectOptions] = field(default_factory=list)
    shown: list[Pixels] = field(default_factory=list)

    def detect(self, pixels: Pixels, options: DetectOptions) -> list[Detection]:
        self.asked.append(options)
        self.shown.append(pixels)
        found = [Detection(1, 2, 30, 20, "car", 0.95678), Detection(0, 0, 9, 9, "person", 0.5)]
        return [f for f in found if options.classes is None or f.class_name in options.classes]


@dataclass
class FakeClassifier:
    """Names every crop a Clio."""

    manifest: Manifest

    def crop(self, pixels: Pixels, detection: Detection) -> Pixels:
        return pixels

    def classify(self, crops: list[Pixels], top_k: int) -> list[Classification]:
        names, make = ("RENAULT CLIO", "PEUGEOT 206")[:top_k], MakePrediction("RENAULT", 0.93)
        return [Classification(names, (0.91234, 0.05)[:top_k], True, make) for _ in crops]


class Copy:
    """A copy of Carlens on fakes."""

    def __init__(self, **settings: Any) -> None:
        config = Config(**settings)
        self.detector = FakeDetector(STORE.manifest(config.detector))
        classifier = FakeClassifier(STORE.manifest(config.classifier))
        bundle = ModelBundle(cast(Any, self.detector), cast(Any, classifier))
        self.app = App(config, lambda _: bundle)

    def send(self, event: dict[str, Any], context: Any = None) -> tuple[int, Any]:
        return call(event, self.app, context)
