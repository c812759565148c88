"""An app with fake models that record their input, and a fake clock."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import numpy as np

from carlens.config import NO_CLASSIFIER, Config
from carlens.images.types import Pixels
from carlens.models.manifest import Manifest
from carlens.models.repository import ModelRepository
from carlens.services.model_bundle import ModelBundle
from carlens.services.recognition_app import RecognitionApp
from carlens.storage import FolderStorage
from carlens.vision.classifier import Classification, Level
from carlens.vision.detector import Detection, Detections, DetectOptions
from tests.support import call

REPOSITORY = ModelRepository(FolderStorage(Path(Config.models)))


@dataclass
class FakeDetector:
    """Finds a car and a person in every picture, and records its calls."""

    manifest: Manifest
    asked: list[DetectOptions] = field(default_factory=list)
    shown: list[Pixels] = field(default_factory=list)

    def detect(self, pixels: Pixels, options: DetectOptions) -> Detections:
        self.asked.append(options)
        self.shown.append(pixels)
        found = [Detection(1, 2, 30, 20, "car", 0.95678), Detection(0, 0, 9, 9, "person", 0.5)]
        wanted = [f for f in found if options.classes is None or f.class_name in options.classes]
        return Detections(wanted, passes=1)


@dataclass
class FakeClassifier:
    """Classifies every crop as a Clio, and records their kinds."""

    manifest: Manifest
    kinds: list[str] = field(default_factory=list)

    def crop(self, pixels: Pixels, detection: Detection) -> Pixels:
        return pixels

    def classify(
        self, crops: list[Pixels], kinds: Sequence[str], top_k: int
    ) -> list[Classification]:
        self.kinds += kinds
        return [
            Classification(
                names=("RENAULT CLIO", "PEUGEOT 206")[:top_k],
                probs=(0.91234, 0.05)[:top_k],
                name=Level("RENAULT CLIO", 0.91234, certain=False),
                model=Level("Renault Clio", 0.92341, certain=True),
                make=Level("Renault", 0.93456, certain=True),
            )
            for _ in crops
        ]


@dataclass
class FakeRegionDetector:
    """Finds the magenta patch of a picture, and records its calls."""

    manifest: Manifest
    shown: list[Pixels] = field(default_factory=list)
    asked: list[float | None] = field(default_factory=list)

    def find(
        self, pixels: Pixels, objects: Sequence[Detection], confidence: float | None
    ) -> list[Detection]:
        self.shown.append(pixels)
        self.asked.append(confidence)
        red, green, blue = (pixels[..., channel] for channel in range(3))
        rows, columns = np.nonzero((red > 160) & (green < 100) & (blue > 160))
        if not len(rows):
            return []
        x1, y1, x2, y2 = columns.min(), rows.min(), columns.max() + 1, rows.max() + 1
        return [Detection(x1, y1, x2, y2, self.manifest.labels[0], 0.87654)]


class FakeApp:
    """An app with fake models.

    Parameters
    ----------
    **settings
        Those of `Config`.
    """

    def __init__(self, **settings: Any) -> None:
        config = Config(**settings)
        self.detector = FakeDetector(REPOSITORY.manifest(config.detector))
        self.classifier = None
        if config.classifier != NO_CLASSIFIER:
            self.classifier = FakeClassifier(REPOSITORY.manifest(config.classifier))
        bundle = ModelBundle(cast(Any, self.detector), cast(Any, self.classifier))
        self.regions: dict[str, FakeRegionDetector] = {}
        self.app = RecognitionApp(config, lambda _: bundle, self._load_regions)

    def _load_regions(self, config: Config, target: str) -> Any:
        manifest = replace(
            self.detector.manifest,
            task="redact",
            labels=({"plates": "plate", "faces": "face"}[target],),
            applies_to=(),
        )
        return self.regions.setdefault(target, FakeRegionDetector(manifest))

    def send(self, event: dict[str, Any], context: Any = None) -> tuple[int, Any]:
        """Send an event and return the status and the JSON of the response."""
        return call(event, self.app, context)


class FakeClock:
    """A replacement for the module `time`: time passes only when a test says so.

    Parameters
    ----------
    tick : float
        Seconds that pass with each reading.
    """

    def __init__(self, tick: float = 0.0) -> None:
        self.now = 0.0
        self.readings = 0
        self._tick = tick

    def monotonic(self) -> float:
        self.readings += 1
        self.now += self._tick
        return self.now

    def perf_counter(self) -> float:
        return self.now
