"""Crops of vehicles -> the features that the classifier's last layer takes."""

from __future__ import annotations

from dataclasses import replace

from carlens.images.types import Pixels
from carlens.models.manifest import Manifest
from carlens.models.session import OnnxModel
from carlens.teach.arrays import Features
from carlens.teach.network import Network
from carlens.vision.preprocess import to_batch


class FeatureExtractor:
    """The classifier without its last layer.

    Parameters
    ----------
    manifest : Manifest
        Of the classifier.
    network : Network
    threads : int
    """

    def __init__(self, manifest: Manifest, network: Network, *, threads: int) -> None:
        # For the session, each feature is a class.
        labels = tuple(map(str, range(network.size)))
        output = replace(manifest.output, names=(network.features,))
        described = replace(
            manifest, output=output, labels=labels, makes=(), models=(), kinds=(), calibration=None
        )
        self._model = OnnxModel(described, network.without_head(), threads=threads)

    def __call__(self, crop: Pixels) -> Features:
        """Return the features of a crop and of its mirror image, shape (2, size)."""
        batch = to_batch([crop, crop[:, ::-1]], self._model.manifest.input)
        [features] = self._model.run(batch)
        return features
