"""A copy of Carlens on fake models, which remember what they were shown."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from carlens.config import Config
from carlens.images.types import Pixels
from carlens.models.manifest import Manifest
from carlens.models.repository import FolderRepository
from carlens.services.model_bundle import ModelBundle
from carlens.services.recognition_app import RecognitionApp
from carlens.vision.classifier import Classification, Make
from carlens.vision.detector import Detection, DetectOptions
from tests.support import call

STORE = FolderRepository(Path(Config.models))


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

    def probabilities(self, crops: list[Pixels]) -> list[int]:
        return [0] * len(crops)

    def name(self, row: int, top_k: int) -> Classification:
        names = ("RENAULT CLIO", "PEUGEOT 206")[:top_k]
        return Classification(names, (0.91234, 0.05)[:top_k], True, Make("RENAULT", 0.93))


class Copy:
    """A copy of Carlens on fakes."""

    def __init__(self, **settings: Any) -> None:
        config = Config(**settings)
        self.detector = FakeDetector(STORE.manifest(config.detector))
        classifier = FakeClassifier(STORE.manifest(config.classifier))
        bundle = ModelBundle(cast(Any, self.detector), cast(Any, classifier))
        self.app = RecognitionApp(config, lambda _: bundle)

    def send(self, event: dict[str, Any], context: Any = None) -> tuple[int, Any]:
        return call(event, self.app, context)
