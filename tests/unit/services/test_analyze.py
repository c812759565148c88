"""Analysis without HTTP: options, stages and the deadline."""

from __future__ import annotations

from typing import Any

import pytest

from carlens.errors import PictureError
from carlens.inputs.sources import PictureSource
from carlens.ranges import Slices
from carlens.services.analyze import STAGES, analyze
from carlens.services.measure import measure
from carlens.services.parameters import Parameters
from carlens.timing import Deadline, Stopwatch
from carlens.vision.pipeline import ImageResult
from tests.fakes import FakeApp
from tests.support import color_blocks, encode

PICTURE = PictureSource("image", "a.png", encode(color_blocks(), "PNG"))
BROKEN = PictureSource("image", "b.png", b"not a picture")


def test_pictures_are_analyzed_in_order_and_fail_alone() -> None:
    fake, watch = FakeApp(), Stopwatch()

    first, second, third = analyze(
        [PICTURE, BROKEN, PICTURE], fake.app, Parameters(), Deadline.after(60), watch, named=True
    )

    assert isinstance(second, PictureError)
    assert second.code == "not_an_image"
    assert second.__traceback__ is None
    for result in (first, third):
        assert isinstance(result, ImageResult)
        assert (result.width, result.height) == (64, 32)
        assert len(result.objects) == len(result.classifications) == 2
    assert set(watch.stop(STAGES)) == {*STAGES, "total"}


def test_objects_are_only_named_if_asked_for() -> None:
    (result,) = analyze([PICTURE], FakeApp().app, Parameters(), Deadline.after(60), Stopwatch())

    assert isinstance(result, ImageResult)
    assert result.classifications == ()


@pytest.mark.parametrize(
    ("asked", "settings", "confidence", "slices"),
    [
        (Parameters(confidence=0.0, slices=3), {"confidence": 0.9, "slices": 1}, 0.0, 3),
        (Parameters(), {"confidence": 0.9, "slices": 1}, 0.9, 1),
        (Parameters(slices="auto"), {"slices": 1}, 0.4, "auto"),
        (Parameters(), {}, 0.4, "auto"),
    ],
)
def test_the_request_overrides_the_settings_which_override_the_manifest(
    asked: Parameters, settings: dict[str, Any], confidence: float, slices: Slices
) -> None:
    fake = FakeApp(**settings)

    analyze([PICTURE], fake.app, asked, Deadline.after(60), Stopwatch())

    (options,) = fake.detector.asked
    assert (options.confidence, options.slices) == (confidence, slices)


def test_pictures_past_the_deadline_fail() -> None:
    (result,) = analyze([PICTURE], FakeApp().app, Parameters(), Deadline.after(-1), Stopwatch())

    assert isinstance(result, PictureError)
    assert result.code == "deadline_exceeded"


def test_a_url_past_the_deadline_is_not_fetched() -> None:
    url = PictureSource("url", "u", "http://198.51.100.1/")

    (found,) = measure([url], FakeApp().app, Deadline.after(-1))

    assert found.error is not None
    assert (found.size, found.shape, found.error.code) == (None, None, "deadline_exceeded")


def test_a_broken_picture_still_has_a_size() -> None:
    good, bad = measure([PICTURE, BROKEN], FakeApp().app, Deadline.after(60))

    assert good.shape is not None
    assert (good.shape.height, good.shape.width, good.error) == (32, 64, None)
    assert (bad.size, bad.shape) == (13, None)
    assert bad.error is not None
