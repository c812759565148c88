"""Load the models that find what is to be redacted."""

from __future__ import annotations

from carlens.config import Config
from carlens.models.manifest import ManifestError
from carlens.services.model_bundle import load_model
from carlens.vision.regions import RegionDetector

# The class that a model for each target has.
_LABELS = {"plates": "plate", "faces": "face"}


def load_region_detector(config: Config, target: str) -> RegionDetector:
    """Load the model for a target, `plates` or `faces`.

    Raises
    ------
    ModelError
        It cannot be read, does not fit its manifest, or is for something else.
    """
    name = config.plates if target == "plates" else config.faces
    model = load_model(config, name, "redact")
    if model.manifest.labels != (_LABELS[target],):
        raise ManifestError(f"{name}: labels must be {_LABELS[target]!r} alone, for {target}")
    return RegionDetector(model)
