"""The two loaded models that a copy of Carlens answers with."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from carlens.config import Config
from carlens.models.manifest import ManifestError, Task
from carlens.models.session import Model
from carlens.models.store import FolderStore, ModelStore, S3Store
from carlens.vision.classification import Classifier
from carlens.vision.detection import Detector


@dataclass(frozen=True)
class Recognizer:
    """A detector, and a classifier for some of its classes."""

    detector: Detector
    classifier: Classifier

    @classmethod
    def load(cls, config: Config) -> Recognizer:
        """Load the models that `config` names.

        Raises
        ------
        ModelError
            A model cannot be read, or does not fit its manifest.
        """
        store = _store(config)
        detector = Detector(_load(store, config.detector, "detect", config.threads))
        classifier = Classifier(_load(store, config.classifier, "classify", config.threads))
        if not set(classifier.manifest.applies_to) & set(detector.manifest.labels):
            raise ManifestError(
                f"{classifier.manifest.name}: applies_to names no class of {detector.manifest.name}"
            )
        return cls(detector, classifier)


def _store(config: Config) -> ModelStore:
    if config.models.startswith("s3://"):
        hashes = {
            config.detector: config.detector_hash,
            config.classifier: config.classifier_hash,
        }
        return S3Store(config.models, hashes)
    return FolderStore(Path(config.models))


def _load(store: ModelStore, name: str, task: Task, threads: int) -> Model:
    manifest = store.manifest(name)
    if manifest.task != task:
        raise ManifestError(f"{name}: task is {manifest.task!r}, but {task!r} is wanted here")
    return Model(manifest, store.weights(manifest), threads=threads)
