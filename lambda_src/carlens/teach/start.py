"""The classifier to start from, with all that teaching needs of it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from carlens.config import NO_CLASSIFIER, Config
from carlens.images.types import Limits
from carlens.services.model_bundle import ModelBundle
from carlens.services.storage import is_s3
from carlens.teach.errors import TeachError
from carlens.teach.examples import ExampleReader
from carlens.teach.features import FeatureExtractor
from carlens.teach.labels import Label, labels_of
from carlens.teach.network import Network
from carlens.teach.output import MANIFEST, STATISTICS
from carlens.teach.statistics import Statistics, load_statistics
from carlens.vision.classifier import Classifier
from carlens.vision.detector import Detector


@dataclass(frozen=True)
class Start:
    """A loaded classifier, and the detector that finds vehicles for it.

    Attributes
    ----------
    config : Config
    detector : Detector
    classifier : Classifier
    network : Network
    manifest : dict
        The classifier's `model.json`.
    labels : tuple of Label
    statistics : Statistics or None
        None if the classifier comes without them.
    """

    config: Config
    detector: Detector
    classifier: Classifier
    network: Network
    manifest: dict[str, Any]
    labels: tuple[Label, ...]
    statistics: Statistics | None

    @classmethod
    def load(cls, config: Config) -> Start:
        """Load the models that `config` names.

        Raises
        ------
        TeachError
            They are in a bucket, no classifier is named, or the statistics are of another file.
        ModelError
            A model cannot be used.
        """
        if is_s3(config.models):
            raise TeachError("CARLENS_MODELS is a bucket; set it to a folder.")
        bundle = ModelBundle.load(config)
        if bundle.classifier is None:
            reason = bundle.misfit or f"CARLENS_CLASSIFIER is {NO_CLASSIFIER}; name a classifier"
            raise TeachError(f"There is no classifier to start from: {reason}.")
        folder = Path(config.models, config.classifier)
        manifest = bundle.classifier.manifest
        document = json.loads((folder / MANIFEST).read_text("utf-8"))
        return cls(
            config=config,
            detector=bundle.detector,
            classifier=bundle.classifier,
            network=Network((folder / manifest.file).read_bytes()),
            manifest=document,
            labels=labels_of(manifest),
            statistics=_statistics(folder / STATISTICS, manifest.sha256),
        )

    def reader(self, folder: Path, *, keep_crops: bool = False) -> ExampleReader:
        """Return a reader of photos that keeps its results in a folder; see `ExampleReader`."""
        config = self.config
        manifest = self.classifier.manifest
        extractor = FeatureExtractor(manifest, self.network, threads=config.threads)
        limits = Limits(config.max_bytes, config.max_pixels, config.max_side)
        return ExampleReader(
            self.detector, self.classifier, extractor, limits, folder, keep_crops=keep_crops
        )


def _statistics(path: Path, sha256: str) -> Statistics | None:
    if not path.exists():
        return None
    try:
        statistics, described = load_statistics(path.read_bytes())
    except (ValueError, KeyError) as error:
        raise TeachError(f"{path} cannot be read: {error}.") from error
    if described != sha256:
        raise TeachError(f"{path} describes another model.onnx; make it again, or move it away.")
    return statistics
