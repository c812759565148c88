"""The loaded models that answer requests."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from carlens.config import NO_CLASSIFIER, Config
from carlens.models.manifest import Manifest, ManifestError, Task
from carlens.models.repository import ModelRepository
from carlens.models.session import OnnxModel
from carlens.services.storage import is_s3, open_storage
from carlens.vision.classifier import Classifier
from carlens.vision.detector import Detector, vehicle_classes

if TYPE_CHECKING:
    from carlens.catalog.tables import Entry

# Seconds. The last attempt to read a file starts after 4 and takes 3 if nothing answers: that fits
# into Lambda's init phase, which lasts 10 without SnapStart.
_READ_TIMEOUT = 2
_RETRY_SECONDS = 4


@dataclass(frozen=True)
class ModelBundle:
    """A detector, and a classifier for some of its classes.

    Attributes
    ----------
    detector : Detector
    classifier : Classifier or None
        None for detection alone.
    applies_to : tuple of str
        The detector's classes that the classifier names; `/predict` finds these by default.
    misfit : str
        Why the classifier cannot be used with the detector; empty if it can. A detector answers
        all the same.
    """

    detector: Detector
    classifier: Classifier | None
    applies_to: tuple[str, ...] = Manifest.applies_to
    misfit: str = ""

    def warm_up(self) -> None:
        """Run the models once, so that a snapshot answers its first request at full speed."""
        self.detector.warm_up()
        if self.classifier is not None:
            self.classifier.warm_up()

    @property
    def vehicles(self) -> tuple[str, ...]:
        """The detector's classes that are vehicles, and those that the classifier names."""
        return vehicle_classes(self.detector.manifest.labels, self.applies_to)

    @cached_property
    def references(self) -> Mapping[str, Entry]:
        """The catalog entries of the classifier's labels, for the labels that have one."""
        from carlens.catalog.tables import read_references  # only the detailed form pays for it

        if self.classifier is None:
            return {}
        known = read_references()
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
        repository = _open_repository(config)
        detector = Detector(_load(repository, config.detector, "detect", config.threads))
        classifier = None
        applies_to = config.applies_to or Manifest.applies_to
        if config.classifier != NO_CLASSIFIER:
            model = _load(repository, config.classifier, "classify", config.threads)
            classifier = Classifier(model)
            applies_to = config.applies_to or model.manifest.applies_to
        misfit = _misfit(config, applies_to, detector.manifest)
        return cls(detector, None if misfit else classifier, applies_to, misfit)


def _misfit(config: Config, applies_to: tuple[str, ...], detector: Manifest) -> str:
    """Return why the classes to name do not fit the detector; empty if they do."""
    unknown = [name for name in config.applies_to if name not in detector.labels]
    if unknown:
        return f"CARLENS_APPLIES_TO has {unknown[0]!r}, which is not a class of {detector.name}"
    if config.classifier != NO_CLASSIFIER and not set(applies_to) & set(detector.labels):
        return f"{config.classifier}: applies_to has no class of {detector.name}"
    return ""


def load_model(config: Config, name: str, task: Task) -> OnnxModel:
    """Load one of the models that `config` names.

    Raises
    ------
    ModelError
        It cannot be read, does not fit its manifest, or is for another task.
    """
    return _load(_open_repository(config), name, task, config.threads)


def manifest_reader(config: Config, task: Task) -> Callable[[str], Manifest]:
    """Return a function that reads the manifest of a model for a task, without the model.

    It raises `ModelError` if the manifest cannot be read, is wrong, or is for another task.
    """
    repository = _open_repository(config)
    return lambda name: _manifest(repository, name, task)


def _open_repository(config: Config) -> ModelRepository:
    storage = open_storage(config.models, read_timeout=_READ_TIMEOUT, retry_seconds=_RETRY_SECONDS)
    if not is_s3(config.models):
        return ModelRepository(storage)
    hashes = {
        config.detector: config.detector_hash,
        config.classifier: config.classifier_hash,
        config.plates: config.plates_hash,
        config.faces: config.faces_hash,
    }
    return ModelRepository(storage, hashes)


def _load(repository: ModelRepository, name: str, task: Task, threads: int) -> OnnxModel:
    manifest = _manifest(repository, name, task)
    return OnnxModel(manifest, repository.weights(manifest), threads=threads)


def _manifest(repository: ModelRepository, name: str, task: Task) -> Manifest:
    manifest = repository.manifest(name)
    if manifest.task != task:
        raise ManifestError(f"{name}: task must be {task!r} here, but is {manifest.task!r}")
    return manifest
