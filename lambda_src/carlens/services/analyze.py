"""Find the objects in pictures, and the makes and models of vehicles."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

from carlens.config import Config
from carlens.errors import PictureError
from carlens.images.decoder import read_pixels
from carlens.images.types import Limits, Pixels
from carlens.inputs.sources import PictureSource, Reader
from carlens.models.manifest import Thresholds
from carlens.services.parameters import Parameters
from carlens.services.reading import open_within
from carlens.services.recognition_app import RecognitionApp
from carlens.timing import Deadline, Stopwatch
from carlens.vision.detector import DetectOptions
from carlens.vision.pipeline import Decode, ImageResult, Pipeline, process_images

V = TypeVar("V")

STAGES = ("read", "decode", "detect", "classify")


def analyze(
    sources: Sequence[PictureSource],
    app: RecognitionApp,
    parameters: Parameters,
    deadline: Deadline,
    watch: Stopwatch,
    *,
    named: bool = False,
) -> list[ImageResult | PictureError]:
    """Analyze pictures.

    Parameters
    ----------
    parameters : Parameters
        Its `classes` are given.
    deadline : Deadline
        Pictures that are not analyzed by then fail.
    watch : Stopwatch
        Gets the time of each of `STAGES`.
    named : bool
        Whether to name the vehicles, if there is a classifier.

    Returns
    -------
    list of ImageResult or PictureError
        One for each picture, in order.
    """
    pipeline = make_pipeline(app, parameters, named=named)
    with open_within(sources, app, deadline) as readers:
        return process_images(
            decoders(readers, app.limits, watch),
            pipeline,
            out_of_time=deadline.has_passed,
            watch=watch,
            decode_ahead=app.config.threads > 1 and len(sources) > 1,
        )


def make_pipeline(app: RecognitionApp, parameters: Parameters, *, named: bool) -> Pipeline:
    """Choose the models to run and their options; see `analyze`."""
    models = app.models()
    return Pipeline(
        models.detector,
        _detect_options(parameters, app.config, models.detector.manifest.thresholds),
        models.classifier if named else None,
        models.applies_to,
        parameters.top_k,
    )


def decoders(readers: Iterable[Reader], limits: Limits, watch: Stopwatch) -> Iterator[Decode]:
    """Return a function for each reader that reads and decodes its picture, in order."""
    return (_decoder(reader, limits, watch) for reader in readers)


def _decoder(reader: Reader, limits: Limits, watch: Stopwatch) -> Callable[[], Pixels]:
    def decode() -> Pixels:
        with watch("read"):
            data = reader()
        with watch("decode"):
            return read_pixels(data, limits)

    return decode


def _detect_options(parameters: Parameters, config: Config, defaults: Thresholds) -> DetectOptions:
    """Take each option from the request, else from the settings, else from the manifest."""
    return DetectOptions(
        confidence=_first(parameters.confidence, config.confidence, defaults.confidence),
        iou=defaults.iou,
        merge_iou=defaults.merge_iou,
        min_area=_first(config.min_area, defaults.min_area),
        slices=_first(parameters.slices, config.slices, defaults.slices),
        max_objects=parameters.max_objects,
        classes=parameters.classes,
    )


def _first(*values: V | None) -> V:
    return next(value for value in values if value is not None)
