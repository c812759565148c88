"""The lines of results files."""

from __future__ import annotations

import json
from typing import Any

import pytest

from carlens.errors import NotAnImage
from carlens.http.serializers import image_json, vehicles_json
from carlens.inputs.sources import PictureSource
from carlens.result_lines import result_line
from carlens.vision.detector import Detection
from carlens.vision.pipeline import ImageResult

SOURCE = PictureSource("image", "straße/a b.jpg", b"")
RESULT = ImageResult(640, 480, (Detection(1, 2, 30, 40, "car", 0.5),), passes=1)


def entry(result: ImageResult | NotAnImage = RESULT) -> dict[str, Any]:
    return image_json(7, SOURCE, result, vehicles_json(result, {}))


def test_a_line_is_the_entry_without_its_index() -> None:
    given = entry()

    line = result_line(given)

    assert list(json.loads(line).items()) == [
        (name, value) for name, value in given.items() if name != "index"
    ]


def test_a_line_is_compact_and_keeps_letters() -> None:
    line = result_line({"index": 0, "name": "straße/a b.jpg", "objects": [{"x1": 1, "x2": 2}]})

    assert line == '{"name":"straße/a b.jpg","objects":[{"x1":1,"x2":2}]}\n'


@pytest.mark.parametrize("name", ["index", "id", "ms", "request_id", "timing_ms", "timings"])
def test_what_differs_between_runs_is_left_out(name: str) -> None:
    assert result_line({**entry(), name: 3}) == result_line(entry())


def test_a_picture_that_failed_has_a_line_with_its_error() -> None:
    line = result_line(entry(NotAnImage("Not an image.")))

    assert json.loads(line)["error"] == {"code": "not_an_image", "message": "Not an image."}


def test_a_name_with_a_line_feed_stays_on_one_line() -> None:
    line = result_line({"name": "a\nb\u2028c.jpg"})

    assert line.count("\n") == 1
    assert json.loads(line)["name"] == "a\nb\u2028c.jpg"
