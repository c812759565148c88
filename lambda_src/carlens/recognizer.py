"""The two loaded models that a copy of Carlens answers with."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from carlens.config import Config
from carlens.models.manifest import ManifestError, Task
from carlens.models.session import Model
from carlens.models.store import FolderStore
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
        ManifestError
            A model is absent or does not fit its manifest.
        """
        detector = Detector(_load(config, config.detector, "detect"))
        classifier = Classifier(_load(config, config.classifier, "classify"))
        if not set(classifier.manifest.applies_to) & set(detector.manifest.labels):
            raise ManifestError(
                f"{classifier.manifest.name}: applies_to names no class of {detector.manifest.name}"
            )
        return cls(detector, classifier)


def _load(config: Config, name: str, task: Task) -> Model:
    store = FolderStore(Path(config.models))
    manifest = store.manifest(name)
    if manifest.task != task:
        raise ManifestError(f"{name}: task is {manifest.task!r}, but {task!r} is wanted here")
    return Model(manifest, store.weights(manifest), threads=config.threads)
