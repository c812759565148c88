"""The state of the recognition function: its settings and its loaded models."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from carlens.config import Config
from carlens.errors import ModelsUnavailable
from carlens.images.types import Limits
from carlens.models.manifest import Manifest, ModelError
from carlens.services.model_bundle import ModelBundle, manifest_reader
from carlens.services.storage import open_writable_storage
from carlens.storage import WritableStorage

if TYPE_CHECKING:
    from carlens.vision.regions import RegionDetector

log = logging.getLogger("carlens")

# For the next bytes of an upload. The bucket is near, and tried three times.
_UPLOAD_SECONDS = 5.0


def _load_regions(config: Config, target: str) -> RegionDetector:
    from carlens.services.region_models import load_region_detector  # only redaction pays for it

    return load_region_detector(config, target)


class RecognitionApp:
    """Holds the models. If loading fails, the next request tries again.

    Parameters
    ----------
    config : Config
    load : callable
        Loads the models, or raises ModelError.
    load_regions : callable
        Loads the model that finds plates or faces, or raises ModelError.

    Attributes
    ----------
    uploads : WritableStorage or None
        Where uploaded pictures are, and redacted ones wait; connected at the first one. None if
        there are no uploads.
    """

    def __init__(
        self,
        config: Config,
        load: Callable[[Config], ModelBundle] = ModelBundle.load,
        load_regions: Callable[[Config, str], RegionDetector] = _load_regions,
    ) -> None:
        self.config = config
        self.limits = Limits(config.max_bytes, config.max_pixels, config.max_side)
        self.uploads = _open_uploads(config.uploads)
        self._load = load
        self._load_regions = load_regions
        self._models: ModelBundle | None = None
        self._region_detectors: dict[str, RegionDetector] = {}
        self._region_manifests: dict[str, Manifest] = {}

    def warm_up(self) -> None:
        """Load the models before the first request. A failure is logged, not raised."""
        with suppress(ModelsUnavailable):
            self.models()

    def models(self) -> ModelBundle:
        """Return the loaded models.

        Raises
        ------
        ModelsUnavailable
            The models cannot be loaded; the log says why.
        """
        if self._models is None:
            with _logged():
                self._models = self._load(self.config)
            if self._models.misfit:
                log.error("the classifier cannot be used: %s", self._models.misfit)
        return self._models

    def naming_models(self) -> ModelBundle:
        """Return the loaded models, for naming vehicles.

        Raises
        ------
        ModelsUnavailable
            The models cannot be loaded, or do not fit each other; the log says why.
        """
        bundle = self.models()
        if bundle.misfit:
            raise ModelsUnavailable(
                "The classifier does not fit the detector; the log says why. "
                "/object_detection is available."
            )
        return bundle

    def region_detector(self, target: str) -> RegionDetector:
        """Return the model that finds plates or faces, loaded when it is first used.

        Raises
        ------
        ModelsUnavailable
            It cannot be loaded; the log says why.
        """
        if target not in self._region_detectors:
            with _logged():
                self._region_detectors[target] = self._load_regions(self.config, target)
        return self._region_detectors[target]

    def region_manifests(self) -> dict[str, Manifest | None]:
        """Return the manifests of the models that find plates and faces, by target.

        They are None where pictures are not redacted, or where one cannot be read, which is logged.
        The models themselves are not loaded.
        """
        names = {"plates": self.config.plates, "faces": self.config.faces}
        if not self.config.anonymize:
            return dict.fromkeys(names)
        missing = [target for target in names if target not in self._region_manifests]
        if missing:
            read = manifest_reader(self.config, "redact")
            for target in missing:
                with suppress(ModelsUnavailable), _logged():
                    self._region_manifests[target] = read(names[target])
        return {target: self._region_manifests.get(target) for target in names}


@contextmanager
def _logged() -> Iterator[None]:
    try:
        yield
    except ModelError as error:
        log.error("models cannot be loaded: %s", error)
        raise ModelsUnavailable(
            "The models cannot be loaded. Try again; if it persists, check the log."
        ) from error


def _open_uploads(address: str) -> WritableStorage | None:
    return open_writable_storage(address, read_timeout=_UPLOAD_SECONDS) if address else None
