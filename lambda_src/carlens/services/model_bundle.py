"""The two loaded models that a copy of Carlens answers with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from carlens.config import Config
from carlens.models.manifest import ManifestError, Task
from carlens.models.repository import FolderRepository, ModelRepository, S3Repository
from carlens.models.session import Model
from carlens.vision.classifier import Classifier
from carlens.vision.detector import Detector

if TYPE_CHECKING:
    from carlens.catalog.tables import Entry

# The table of the shipped classifier's labels; other classifiers share few or none of them.
_REFERENCES = "stanford_cars"


@dataclass(frozen=True)
class ModelBundle:
    """A detector, and a classifier for some of its classes.

    Attributes
    ----------
    detector : Detector
    classifier : Classifier
    """

    detector: Detector
    classifier: Classifier

    def warm_up(self) -> None:
        """Run both models once, for a snapshot that is to answer at full speed."""
        self.detector.warm_up()
        self.classifier.warm_up()

    @cached_property
    def references(self) -> Mapping[str, Entry]:
        """What a label of the classifier is in the reference table, for those that are in it."""
        from carlens.catalog.tables import read_references  # only the detailed form pays for it

        known = read_references(_REFERENCES)
        labels = self.classifier.manifest.labels
        return {label: known[label] for label in labels if label in known}

    @classmethod
    def load(cls, config: Config) -> ModelBundle:
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


def _store(config: Config) -> ModelRepository:
    if config.models.startswith("s3://"):
        hashes = {
            config.detector: config.detector_hash,
            config.classifier: config.classifier_hash,
        }
        return S3Repository(config.models, hashes)
    return FolderRepository(Path(config.models))


def _load(store: ModelRepository, name: str, task: Task, threads: int) -> Model:
    manifest = store.manifest(name)
    if manifest.task != task:
        raise ManifestError(f"{name}: task is {manifest.task!r}, but {task!r} is wanted here")
    return Model(manifest, store.weights(manifest), threads=threads)
