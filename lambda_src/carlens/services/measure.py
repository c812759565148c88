"""Measure the shapes and sizes of pictures, without decoding pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from carlens.errors import PictureError
from carlens.images.decoder import read_shape
from carlens.images.types import ImageShape, Limits
from carlens.inputs.sources import PictureSource, Reader
from carlens.services.reading import open_within
from carlens.services.recognition_app import RecognitionApp
from carlens.timing import Deadline


@dataclass(frozen=True)
class Measurement:
    """The measurements of one picture.

    Attributes
    ----------
    size : int or None
        Encoded bytes; None if they could not be read.
    shape : ImageShape or None
        None if the picture failed.
    error : PictureError or None
    """

    size: int | None
    shape: ImageShape | None
    error: PictureError | None


def measure(
    sources: Sequence[PictureSource], app: RecognitionApp, deadline: Deadline
) -> list[Measurement]:
    """Measure each picture, in order."""
    with open_within(sources, app, deadline) as readers:
        return [_measurement(reader, app.limits) for reader in readers]


def _measurement(reader: Reader, limits: Limits) -> Measurement:
    size = None
    try:
        data = reader()
        size = len(data)
        return Measurement(size, read_shape(data, limits), None)
    except PictureError as error:
        return Measurement(size, None, error.without_traceback())
