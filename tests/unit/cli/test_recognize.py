"""Pictures recognized in this process, with the real models."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from carlens.cli.errors import Problem, WrongUsage
from carlens.cli.reading import read_picture
from carlens.cli.recognize import Recognizer
from carlens.cli.task import Task
from carlens.config import NO_CLASSIFIER, Config
from tests.support import SKODA

PREDICT = Task("predict", {"slices": "1"})


@pytest.fixture(scope="module")
def recognizer() -> Recognizer:
    return Recognizer(Config(), PREDICT)


def test_vehicles_have_names_in_the_detailed_form(recognizer: Recognizer) -> None:
    entry = recognizer.entry("a/b.png", SKODA.read_bytes())

    assert (entry["name"], entry["field"], entry["error"]) == ("a/b.png", "image", None)
    assert (entry["width"], entry["height"]) == (518, 331)
    assert {"display", "make", "model", "reference"} <= entry["objects"][0].keys()
    assert list(recognizer.models) == ["detector", "classifier"]


def test_a_picture_that_cannot_be_decoded_has_an_error(recognizer: Recognizer) -> None:
    entry = recognizer.entry("a.jpg", b"not a picture")

    assert entry["error"]["code"] == "not_an_image"


def test_detection_has_no_names() -> None:
    recognizer = Recognizer(Config(), Task("object_detection", {"slices": "1", "classes": "car"}))

    entry = recognizer.entry("a.png", SKODA.read_bytes())

    assert "display" not in entry["objects"][0]
    assert {found["class_name"] for found in entry["objects"]} == {"car"}
    assert list(recognizer.models) == ["detector"]


def test_without_a_classifier_vehicles_have_no_names() -> None:
    recognizer = Recognizer(replace(Config(), classifier=NO_CLASSIFIER), PREDICT)

    entry = recognizer.entry("a.png", SKODA.read_bytes())

    assert entry["objects"][0]["pred"] == []
    assert list(recognizer.models) == ["detector"]


@pytest.mark.parametrize(
    ("config", "options", "reason"),
    [
        (Config(detector="missing"), {}, "The models cannot be loaded: missing"),
        (Config(applies_to=("unicorn",)), {}, "'unicorn', which is not a class"),
        (Config(), {"classes": "unicorn"}, "'unicorn' is not a class here"),
    ],
)
def test_models_and_options_that_cannot_be_used_are_wrong_usage(
    config: Config, options: dict[str, str], reason: str
) -> None:
    with pytest.raises(WrongUsage, match=reason):
        Recognizer(config, Task("predict", options))


def test_a_file_is_read_up_to_the_limit(tmp_path: Path) -> None:
    file = tmp_path / "a.jpg"
    file.write_bytes(b"12345")

    assert read_picture(str(file), 5) == b"12345"
    assert read_picture(str(file), 4) == Problem(
        "picture_too_large", "The image has 5 bytes; the limit is 4."
    )
    assert read_picture(str(tmp_path / "gone.jpg"), 5) == Problem(
        "file_unreadable", "The file cannot be read: No such file or directory."
    )
