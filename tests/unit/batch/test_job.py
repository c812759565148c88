"""The input of an execution: every member is checked."""

from __future__ import annotations

from typing import Any

import pytest

from carlens.batch.errors import InvalidInput
from carlens.batch.job import Job, job_parameters, read_job
from tests.fakes import FakeApp

INPUT = {"bucket": "photos", "prefix": "2026/", "operation": "predict"}


def test_size_prefix_and_options_have_defaults() -> None:
    job = read_job("fleet-1", {"bucket": "photos", "operation": "object_detection"})

    assert job == Job(
        name="fleet-1",
        bucket="photos",
        prefix="",
        operation="object_detection",
        size=100,
        options={},
    )


def test_a_job_is_the_same_when_it_is_read_again() -> None:
    given = {**INPUT, "size": 20, "options": {"confidence": 0.25, "classes": ["car", "bus"]}}
    job = read_job("fleet-1", given)

    assert job.document() == given
    assert read_job("fleet-1", job.document()) == job


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"bucket": None}, "bucket is missing"),
        ({"bucket": 5}, "bucket must be a string"),
        ({"bucket": "s3://photos"}, "must be the name of an S3 bucket"),
        ({"prefix": ["a"]}, "prefix must be a string"),
        ({"operation": None}, "operation is missing"),
        ({"operation": "norm"}, "must be one of predict, object_detection, anonymize"),
        ({"size": 0}, "size is 0; it must be a whole number from 1 to 1000"),
        ({"size": 1001}, "from 1 to 1000"),
        ({"size": True}, "size is True"),
        ({"size": "20"}, "size is '20'"),
        ({"options": [1]}, "options must be a JSON object"),
        ({"options": {"confidense": 0.5}}, "'confidense' is unknown; use classes, confidence"),
        ({"operation": "anonymize", "options": {"top_k": 3}}, "'top_k' is unknown; use confidence"),
        ({"options": {"redact": "faces"}}, "'redact' is unknown; use classes"),
        ({"format": "detailed"}, "'format' is not a member of the input"),
    ],
)
def test_a_wrong_member_is_named(change: dict[str, Any], message: str) -> None:
    given = {name: value for name, value in {**INPUT, **change}.items() if value is not None}

    with pytest.raises(InvalidInput, match=message.replace("(", r"\(")):
        read_job("fleet-1", given)


def test_an_input_that_is_not_an_object_is_refused() -> None:
    with pytest.raises(InvalidInput, match="must be a JSON object"):
        read_job("fleet-1", ["photos"])


@pytest.mark.parametrize("name", ["a/b", "été", "a b", "", "x" * 81])
def test_a_name_that_cannot_be_part_of_a_key_is_refused(name: str) -> None:
    with pytest.raises(InvalidInput, match="use letters, digits"):
        read_job(name, INPUT)


@pytest.mark.parametrize(("classes", "slices"), [(["car", "bus"], 1), ("car,bus", "auto")])
def test_options_are_those_of_the_operation(classes: object, slices: object) -> None:
    options = {
        "classes": classes,
        "confidence": 0.25,
        "top_k": 3,
        "max_objects": 7,
        "slices": slices,
    }

    parameters = job_parameters(read_job("a", {**INPUT, "options": options}), FakeApp().app)

    assert parameters.classes == frozenset({"car", "bus"})
    assert (parameters.confidence, parameters.slices) == (0.25, slices)
    assert (parameters.top_k, parameters.max_objects) == (3, 7)


def test_each_operation_has_its_default_classes() -> None:
    app = FakeApp().app

    predict = job_parameters(read_job("a", INPUT), app)
    detect = job_parameters(read_job("a", {**INPUT, "operation": "object_detection"}), app)

    assert predict.classes == frozenset({"car", "truck"})
    assert detect.classes == frozenset(app.models().detector.manifest.labels)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"confidence": 2}, "options: confidence is '2'; it must be a number from 0 to 1"),
        ({"top_k": 2.5}, "options: top_k is '2.5'"),
        ({"classes": ["person"]}, "options: classes: 'person' is not a class here"),
        ({"confidence": None}, "confidence must be a number, a string or a list"),
        ({"slices": True}, "slices must be a number"),
        ({"classes": ["car", 1]}, "classes must be a number, a string or a list of strings"),
    ],
)
def test_an_option_that_is_not_allowed_is_named(options: dict[str, Any], message: str) -> None:
    job = read_job("a", {**INPUT, "options": options})

    with pytest.raises(InvalidInput, match=message):
        job_parameters(job, FakeApp().app)
