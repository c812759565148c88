"""What every route shares: limits, time, errors and CORS headers."""

from __future__ import annotations

import json
import logging
from types import SimpleNamespace
from typing import Any

import pytest

from carlens import timing
from carlens.config import Config
from carlens.http.dispatch import RequestContext, respond
from carlens.http.events import Request, Response
from carlens.timing import Deadline
from tests.fakes import FakeClock
from tests.support import event

# Lambda's limit of 6,291,556 bytes, minus 16 KiB for the JSON around the body.
LIMIT = 6_275_172

App = SimpleNamespace


def send(response: Response, **settings: Any) -> dict[str, Any]:
    """Send a request to an operation that returns `response`."""
    return respond(
        event("GET", "/route"),
        None,
        App(config=Config(**settings)),
        {"/route": {"GET": lambda request, context: response}},
    )


def code_of(answer: dict[str, Any]) -> str:
    code: str = json.loads(answer["body"])["error"]["code"]
    return code


@pytest.mark.parametrize(
    ("character", "size"),
    [
        ("x", 1),
        ('"', 2),  # \"
        ("é", 2),
        ("車", 3),
        ("🚗", 4),
        ("\x01", 6),  # \u0001
    ],
)
def test_a_response_may_be_as_large_as_the_limit(character: str, size: int) -> None:
    # Given a body that, as a JSON string, has exactly as many bytes as are allowed
    room = LIMIT - len('""')
    body = character * (room // size) + "x" * (room % size)

    # Then it is sent, and one byte more is not
    assert send(Response(200, body))["statusCode"] == 200
    refused = send(Response(200, body + "x"))
    assert (refused["statusCode"], code_of(refused)) == (413, "payload_too_large")


def test_the_time_is_out_at_the_deadline_and_not_before(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = FakeClock()
    monkeypatch.setattr(timing, "time", clock)
    deadline = Deadline(10.0)

    clock.now = 9.5
    assert (deadline.seconds_left(), deadline.has_passed()) == (0.5, False)
    clock.now = 10.0
    assert (deadline.seconds_left(), deadline.has_passed()) == (0.0, True)


@pytest.mark.parametrize(
    ("context", "seconds"),
    [
        (None, 26.0),
        (SimpleNamespace(get_remaining_time_in_millis=lambda: 10_000), 7.0),
    ],
)
def test_three_seconds_are_reserved_for_the_response(
    monkeypatch: pytest.MonkeyPatch, context: Any, seconds: float
) -> None:
    monkeypatch.setattr(timing, "time", FakeClock())
    left: list[float] = []

    def operation(request: Request, context: RequestContext[Any]) -> Response:
        left.append(context.deadline.seconds_left())
        return Response(204)

    app = App(config=Config())
    respond(event("GET", "/route"), context, app, {"/route": {"GET": operation}})

    assert left == [seconds]


def test_the_log_shows_where_an_error_and_its_cause_arose(
    caplog: pytest.LogCaptureFixture,
) -> None:
    words = "a quote from the request"
    cause = OSError(words)

    def fail(request: Request, context: RequestContext[Any]) -> Response:
        raise RuntimeError(words) from cause

    with caplog.at_level(logging.ERROR):
        answer = respond(
            event("GET", "/route"), None, App(config=Config()), {"/route": {"GET": fail}}
        )

    assert (answer["statusCode"], code_of(answer)) == (500, "internal_error")
    assert "OSError" in caplog.text
    assert "RuntimeError" in caplog.text
    assert "in fail" in caplog.text
    assert words not in caplog.text + answer["body"]


def test_a_long_method_is_shortened_in_the_message() -> None:
    answer = respond(
        event("A" * 50, "/route"),
        None,
        App(config=Config()),
        {"/route": {"GET": lambda request, context: Response(204)}},
    )

    assert (answer["statusCode"], answer["headers"]["Allow"]) == (405, "GET,OPTIONS")
    message = json.loads(answer["body"])["error"]["message"]
    assert f" {'A' * 20};" in message


def test_the_cors_headers_are_complete() -> None:
    headers = send(Response(204))["headers"]

    cors = {name: value for name, value in headers.items() if name.startswith("Access-Control-")}
    assert cors == {
        "Access-Control-Allow-Origin": "*",
        "Access-Control-Allow-Methods": "GET,OPTIONS",
        "Access-Control-Allow-Headers": "Content-Type,Authorization,X-Api-Key",
        "Access-Control-Expose-Headers": "Retry-After,X-Request-Id",
        "Access-Control-Max-Age": "600",
    }


def test_an_unknown_route_is_logged_without_its_path(capsys: pytest.CaptureFixture[str]) -> None:
    app = App(config=Config(metrics="Carlens"))

    answer = respond(event("GET", "/secret"), None, app, {})

    printed = capsys.readouterr().out
    assert json.loads(printed.splitlines()[0])["route"] == "unknown"
    assert "secret" not in printed
    assert answer["headers"]["Access-Control-Allow-Methods"] == "OPTIONS"
