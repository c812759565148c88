"""Recognize pictures in this process, as the functions do."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from carlens.cli.errors import WrongUsage
from carlens.cli.task import Task
from carlens.config import NO_CLASSIFIER, Config
from carlens.errors import InvalidParameter
from carlens.http.query import read_parameters
from carlens.http.serializers import image_json, model_versions_json, objects_json, vehicles_json
from carlens.images.process import configure_process
from carlens.images.types import Limits
from carlens.inputs.sources import PictureSource
from carlens.models.manifest import ModelError
from carlens.services.analyze import analyze
from carlens.services.model_bundle import ModelBundle
from carlens.services.recognition_app import RecognitionApp
from carlens.timing import Deadline, Stopwatch

Json = dict[str, Any]


class Recognizer:
    """The models, with one thread, and a task for them.

    Parameters
    ----------
    config : Config
    task : Task

    Raises
    ------
    WrongUsage
        The models cannot be used, or an option has a value that is not allowed.
    """

    def __init__(self, config: Config, task: Task) -> None:
        configure_process(threads=1)
        config = replace(config, threads=1)
        try:
            self._bundle = ModelBundle.load(config)
        except ModelError as error:
            raise WrongUsage(f"The models cannot be loaded: {error}.") from error
        self._named = task.operation == "predict"
        if self._named and self._bundle.misfit:
            raise WrongUsage(f"The models cannot be used: {self._bundle.misfit}.")
        self._app = RecognitionApp(config, lambda _: self._bundle)
        self._parameters = self._read(task.options)

    @property
    def limits(self) -> Limits:
        """The limits of a picture."""
        return self._app.limits

    @property
    def models(self) -> Json:
        """The name and version of each model that the task uses."""
        manifests = {"detector": self._bundle.detector.manifest}
        if self._named and self._app.config.classifier != NO_CLASSIFIER:
            assert self._bundle.classifier is not None  # noqa: S101 - there is no misfit
            manifests["classifier"] = self._bundle.classifier.manifest
        return model_versions_json(manifests)

    def entry(self, name: str, content: bytes) -> Json:
        """Return the detailed form of a picture.

        Each picture is recognized on its own, so that its result does not depend on others.

        Parameters
        ----------
        name : str
        content : bytes
            The file.
        """
        source = PictureSource("image", name, content)
        [result] = analyze(
            [source],
            self._app,
            self._parameters,
            Deadline(math.inf),
            Stopwatch(),
            named=self._named,
        )
        objects = (
            vehicles_json(result, self._bundle.references) if self._named else objects_json(result)
        )
        return image_json(0, source, result, objects)

    def _read(self, options: Mapping[str, str]) -> Any:
        query = {name: (value,) for name, value in options.items()}
        labels = self._bundle.detector.manifest.labels
        try:
            if self._named:
                return read_parameters(query, self._bundle.vehicles, self._bundle.applies_to)
            return read_parameters(query, labels)
        except InvalidParameter as error:
            raise WrongUsage(error.message) from error
