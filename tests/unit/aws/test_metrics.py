"""What a request writes to the log."""

from __future__ import annotations

import json
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from carlens.aws.metrics import RequestStats, metric_lines
from carlens.http.image_routes import respond
from tests.support import color_blocks, encode, multipart_event, real_app


def lines(outcome: RequestStats | None) -> list[dict[str, Any]]:
    request = {"request_id": "id", "status": 200}
    found = metric_lines(namespace="Carlens", function="fn", request=request, stats=outcome)
    return [json.loads(line) for line in found]


def test_a_request_with_pictures_writes_metrics() -> None:
    outcome = RequestStats(3, 5, ("not_an_image", "url_failed", "not_an_image"), {"total": 12.345})

    request, *failures = lines(outcome)

    assert request["request_id"] == "id"
    assert (request["Pictures"], request["Objects"], request["FailedPictures"]) == (3, 5, 3)
    assert request["TotalTime"] == 12.35
    assert [(f["Code"], f["Failures"]) for f in failures] == [
        ("not_an_image", 2),
        ("url_failed", 1),
    ]


def test_every_declared_metric_has_a_value() -> None:
    for line in lines(RequestStats(1, 1, ("not_an_image",), {"read": 1.0, "total": 2.0})):
        (directive,) = line["_aws"]["CloudWatchMetrics"]
        names = [metric["Name"] for metric in directive["Metrics"]]

        assert directive["Namespace"] == "Carlens"
        assert set(names) <= set(line)
        assert set(directive["Dimensions"][0]) <= set(line)
        assert line["Function"] == "fn"


def test_a_request_without_pictures_writes_a_plain_line() -> None:
    assert lines(None) == [{"request_id": "id", "status": 200}]


def test_the_log_contains_no_names_no_bytes_and_no_queries(
    capsys: pytest.CaptureFixture[str],
) -> None:
    picture = encode(color_blocks(), "PNG")
    fields = [
        ("image", ("secret-name.png", picture, "image/png")),
        ("url", "http://10.0.0.1/secret-path?token=secret-token"),
    ]

    respond(multipart_event("/predict", fields), None, real_app(metrics="Carlens"))

    printed = capsys.readouterr().out
    assert '"Pictures": 2' in printed
    assert '"Code": "url_refused"' in printed
    assert "secret" not in printed


@pytest.mark.parametrize(
    ("status", "counted"), [(200, False), (499, False), (500, True), (504, True)]
)
def test_a_status_of_500_or_more_is_a_metric_of_the_function_and_of_its_version(
    status: int, counted: bool
) -> None:
    (written,) = metric_lines(
        namespace="Carlens", function="fn", version="7", request={"status": status}, stats=None
    )

    line = json.loads(written)
    assert line["status"] == status
    assert ("_aws" in line) == counted
    if counted:
        (directive,) = line["_aws"]["CloudWatchMetrics"]
        assert directive["Metrics"] == [{"Name": "ServerErrors", "Unit": "Count"}]
        assert directive["Dimensions"] == [["Function"], ["Function", "Version"]]
        assert (line["Function"], line["Version"], line["ServerErrors"]) == ("fn", "7", 1)


def test_a_broken_detector_is_counted_with_the_version_that_failed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    # Given a version whose detector fails
    app = real_app(metrics="Carlens")

    class Broken:
        manifest = app.models().detector.manifest

        def detect(self, *_: object) -> None:
            raise RuntimeError("broken")

    app._models = replace(app.models(), detector=Broken())  # type: ignore[arg-type]
    context = SimpleNamespace(function_name="carlens", function_version="41")

    # When it is asked
    picture = ("a.png", encode(color_blocks(), "PNG"), "image/png")
    answer = respond(multipart_event("/predict", [("image", picture)]), context, app)

    # Then the response looks handled, and only the metric tells
    assert answer["statusCode"] == 500
    line = json.loads(capsys.readouterr().out)
    assert (line["Function"], line["Version"], line["ServerErrors"]) == ("carlens", "41", 1)
