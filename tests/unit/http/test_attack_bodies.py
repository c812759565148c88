"""Hostile bodies, events and requests, and what a response must never contain."""

from __future__ import annotations

import base64
import json
import logging
import threading
import time
from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import pytest

from carlens import timing
from carlens.config import Config
from carlens.errors import (
    CarlensError,
    MalformedBody,
    NoPictures,
    NotAnImage,
    TooManyPictures,
    UrlFailed,
)
from carlens.http.events import Request, read_request
from carlens.http.image_routes import respond
from carlens.http.pictures import read_pictures
from carlens.images import decoder
from carlens.images.types import Limits
from carlens.inputs import url_fetcher as remote
from carlens.inputs.sources import PictureSource
from carlens.services.model_bundle import ModelBundle
from carlens.services.recognition_app import RecognitionApp
from carlens.vision.classifier import Classification
from carlens.vision.detector import Detection, Detections
from tests.fakes import FakeApp, FakeClock
from tests.support import call, color_blocks, encode, event, multipart_event

BODY = 4_600_000  # as much as one request carries
SECONDS = 3.0
PICTURE = encode(color_blocks(), "PNG")
FORM = "multipart/form-data; boundary=xyz"


def part(content: bytes) -> bytes:
    disposition = b'Content-Disposition: form-data; name="image"; filename="a"'
    return b"--xyz\r\n" + disposition + b"\r\n\r\n" + content + b"\r\n"


PART = part(b"data")


def read(body: bytes, content_type: str = FORM) -> list[PictureSource]:
    headers = {"content-type": content_type}
    return read_pictures(Request("POST", "/predict", headers=headers, body=body), max_pictures=32)


def outcome(body: bytes, content_type: str = FORM) -> list[PictureSource] | CarlensError:
    """Read a body. Any exception but a CarlensError fails the test."""
    start = time.process_time()
    try:
        return read(body, content_type)
    except CarlensError as error:
        return error
    finally:
        assert time.process_time() - start < SECONDS


def header(text: bytes) -> bytes:
    return b"--xyz\r\n" + text + b"\r\n\r\ndata\r\n--xyz--\r\n"


@pytest.mark.parametrize(
    "body",
    [
        b"\r\n--xy" * (BODY // 6),
        b"--xyz\r\n" * (BODY // 7),
        b"--xyz" * (BODY // 5),
        b"\r\n" * (BODY // 2),
        b"-" * BODY,
        b"\r" * BODY,
        part(b"\r\n--xy" * (BODY // 6)),
        PART * (BODY // len(PART)),
        header(b"Content-Disposition: form-data; " + b"a=b; " * (BODY // 5)),
        header(b'Content-Disposition: form-data; name="' + b"\\" * BODY + b'"'),
        header(b"X: y\r\n" * (BODY // 6)),
        header(b"X: y\r\n" + b" z\r\n" * (BODY // 4)),
        header(b"X" * BODY),
        header(b"Content-Disposition: form-data; name*=" + b"'" * BODY),
        part(b"Content-Type: multipart/mixed; boundary=in\r\n\r\n--in\r\n" * 50_000) + b"--xyz--\r\n",
        b"preamble " * (BODY // 9) + PART + b"--xyz--\r\n",
        PART + b"--xyz--\r\n" + b"epilogue " * (BODY // 9),
        PART + b"--xyz--\r\n" + PART * 40_000,
    ],
    ids=[
        "near boundaries", "boundaries", "boundaries in a line", "empty lines", "dashes", "returns",
        "near boundaries in a part", "thousands of parts", "a million attributes", "backslashes", "headers",
        "folded header", "one header", "quotes", "nested multipart", "preamble", "epilogue", "parts after the end",
    ],
)  # fmt: skip
def test_a_form_made_to_be_slow_is_parsed_quickly(body: bytes) -> None:
    found = outcome(body)

    assert isinstance(found, CarlensError) or len(found) <= 32


@pytest.mark.parametrize(
    "content_type",
    [
        "multipart/form-data; boundary=" + "x" * 10_000,
        "multipart/form-data; boundary=" + "; boundary=" * 900,
        "multipart/form-data" + "; a=b" * 2000,
        "multipart/form-data; boundary=\"" + "\\\"" * 5000,
        "multipart/form-data; boundary*=utf-8''xyz",
        "multipart/form-data; boundary=é", "multipart/form-data; boundary=\udc80", "multipart/form-data; boundary=\0",
        "multipart/form-data; boundary=\r\nX: y", "multipart/form-data; boundary=''", "multipart/form-data;;;;",
        "multipart/form-data; boundary=abc", "multipart/form-data; boundary=xy", "multipart/form-data; boundary=xyzz",
    ],
)  # fmt: skip
def test_an_invalid_boundary_is_refused(content_type: str) -> None:
    assert isinstance(outcome(PART + b"--xyz--\r\n", content_type), MalformedBody | NoPictures)


def test_the_last_of_several_boundaries_is_used() -> None:
    body = PART + b"--xyz--\r\n"

    assert isinstance(outcome(body, f"{FORM}; boundary=other"), MalformedBody)
    assert read(body, "multipart/form-data; boundary=other; boundary=xyz") == read(body)


def test_a_nested_form_is_the_content_of_its_part() -> None:
    inner = b"--in\r\nContent-Disposition: form-data; name=image\r\n\r\ninner\r\n--in--"
    body = part(inner) + b"--xyz--\r\n"

    assert read(body) == [PictureSource("image", "a", inner)]


def test_a_binary_header_fails_its_part_with_a_plain_message() -> None:
    body = b"--xyz\r\nContent-Disposition: \xff\xfe\r\n\r\ndata\r\n" + PART + b"--xyz--\r\n"

    failed, good = read(body)

    assert isinstance(failed.content, NotAnImage)
    assert failed.content.message == "Part 1 of the form has no name; name it 'image' or 'url'."
    assert good == PictureSource("image", "a", b"data")


def test_parts_after_the_closing_boundary_are_ignored() -> None:
    body = PART + b"--xyz--\r\n"

    assert read(body + part(b"behind") + b"--xyz--\r\n") == read(body)


def test_a_truncated_form_is_refused() -> None:
    # Given a complete form
    body = PART + part(b"\xff\0\r\n") + b"--xyz--\r\n"
    assert len(read(body)) == 2

    # Then every prefix is refused, except those that end with a whole boundary line
    for length in range(1, len(body) - 2):
        if body[:length].rstrip().endswith(b"\r\n--xyz"):
            assert read(body[:length])
        else:
            with pytest.raises((MalformedBody, NoPictures)):
                read(body[:length])


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 1_000_000, b'{"images":' * 500_000, b'{"images": ' + b"[" * 2_000_000 + b"]" * 2_000_000 + b"}",
        b"9" * BODY, b"-" * 99, b'"' + b"\\" * 99_999, b'{"images": [{"data": "QUJD"', b"\xff\xfe\0", b"\0" * 99, b"NaN",
        b'{"images": {"data": "QUJD"}}', b'{"images": [[]]}', b'{"images": [{"data": 1}]}', b'{"images": [{"data": null}]}',
        b'{"images": [{"data": "QUJD", "url": "http://a"}]}', b'{"images": [{"data": "QUJD", "name": 7}]}',
        b'{"images": [{"url": ["http://a"]}]}', b'{"images": [{}]}', b'{"images": null}', b'"images"', b"[]", b"1e999",
    ],
)  # fmt: skip
def test_json_that_is_too_deep_or_invalid_is_refused(body: bytes) -> None:
    found = outcome(body, "application/json")

    assert isinstance(found, MalformedBody)
    assert 20 < len(found.message) < 300
    assert "recursion" not in found.message


def test_a_million_pictures_are_refused() -> None:
    body = b'{"images": [' + b",".join([b'{"url":"a"}'] * 300_000) + b"]}"

    assert isinstance(outcome(body, "application/json"), TooManyPictures)


@pytest.mark.parametrize(
    "data",
    ["####", "QUI", "QUJ=D", "QU JD", "QUJD\nQUI", "====", "=", "QUJD=", "é", "\ud800", "QUJ-_w==", "data:,", "data:", "Q" * 99_997],
)  # fmt: skip
def test_invalid_base64_fails_only_its_picture(data: str) -> None:
    body = json.dumps({"images": [{"data": data}, {"data": "QUJD"}]}).encode()

    first, second = read(body, "application/json")

    assert second.content == b"ABC"
    assert first.content == b"" or getattr(first.content, "code", "") == "invalid_base64"


def test_a_name_that_cannot_be_encoded_is_replaced() -> None:
    # Given a lone surrogate, which UTF-8 cannot encode, and a very long name
    items = [{"data": "QUJD", "name": "a\ud800b"}, {"data": "QUJD", "name": "x" * 100_000}]
    given = event("POST", "/shape", content_type="application/json", query={"format": "detailed"})
    given["body"] = json.dumps({"images": items})

    answer = respond(given, None, FakeApp().app)

    names = [image["name"] for image in json.loads(answer["body"].encode())["images"]]
    assert names == ["a?b", "x" * 256]


JUNK: list[Any] = [
    None,
    True,
    7,
    1.5,
    "text",
    [],
    [1],
    {},
    {"a": 1},
    {"a": [None]},
    [[]],
    "\ud800",
    "\r\nX: y",
]
MEMBERS = [
    "resource", "path", "httpMethod", "headers", "multiValueHeaders", "queryStringParameters",
    "multiValueQueryStringParameters", "pathParameters", "stageVariables", "requestContext", "body", "isBase64Encoded",
]  # fmt: skip


def well_formed(answer: dict[str, Any]) -> dict[str, Any]:
    """Check what API Gateway requires of a response, and what Carlens adds to each."""
    assert set(answer) == {"statusCode", "headers", "body", "isBase64Encoded"}
    assert type(answer["statusCode"]) is int
    assert 200 <= answer["statusCode"] < 500
    assert all(
        isinstance(value, str) and value.isprintable() for value in answer["headers"].values()
    )
    assert answer["headers"]["Access-Control-Allow-Origin"] == "*"
    assert answer["headers"]["X-Request-Id"]
    json.dumps(answer, ensure_ascii=False).encode()  # as Lambda's runtime does
    return answer


@pytest.mark.parametrize("junk", [*JUNK, b"bytes"], ids=repr)
def test_any_event_gets_a_well_formed_response(junk: Any) -> None:
    well_formed(respond(junk, None, FakeApp().app))
    with nullcontext() if isinstance(junk, dict) else pytest.raises(CarlensError):
        read_request(junk)


@pytest.mark.parametrize("junk", JUNK, ids=repr)
@pytest.mark.parametrize("member", MEMBERS)
def test_any_member_of_an_event_gets_a_well_formed_response(member: str, junk: Any) -> None:
    fake = FakeApp(metrics="Carlens")
    posted = multipart_event("/predict", [("image", ("a.png", PICTURE, "image/png"))])

    well_formed(respond({**posted, member: junk}, None, fake.app))
    nested = posted.get(member)
    if isinstance(nested, dict):
        for name in nested:
            well_formed(respond({**posted, member: {**nested, name: junk}}, None, fake.app))


def test_a_request_id_cannot_inject_headers() -> None:
    given = event("GET", "/health")
    given["requestContext"]["requestId"] = "a\r\nSet-Cookie: b"

    answer = well_formed(respond(given, None, FakeApp().app))

    assert "\n" not in answer["headers"]["X-Request-Id"]


class _ManyObjects:
    """Finds as many objects as allowed, each with the longest name."""

    def __init__(self, fake: FakeApp) -> None:
        self.manifest = fake.detector.manifest

    def detect(self, pixels: Any, options: Any) -> Detections:
        found = Detection(1, 2, 30, 20, "car", 0.5)
        return Detections([found] * options.max_objects, passes=1)


def test_a_response_over_lambdas_limit_is_an_error_that_says_what_to_do() -> None:
    # Given 32 pictures of 300 vehicles with 20 names each: 20 MB
    fake = FakeApp()
    bundle: Any = fake.app.models()
    longest = max(bundle.classifier.manifest.labels, key=len)
    many = SimpleNamespace(
        manifest=bundle.classifier.manifest,
        crop=bundle.classifier.crop,
        classify=lambda crops, kinds, top_k: [
            Classification((longest,) * top_k, (0.1234,) * top_k, None, None, None) for _ in crops
        ],
    )
    detector: Any = _ManyObjects(fake)
    classifier: Any = many
    crowd = ModelBundle(detector, classifier)
    app = RecognitionApp(Config(), lambda _: crowd)
    fields = [("image", (f"{i}.png", PICTURE, "image/png")) for i in range(32)]
    query = {"format": "detailed", "top_k": "20", "max_objects": "300"}

    answer = well_formed(respond(multipart_event("/predict", fields, query=query), None, app))

    assert answer["statusCode"] == 413
    error = json.loads(answer["body"])["error"]
    assert error["code"] == "payload_too_large"
    assert "max_objects" in error["message"]
    # And a tenth of it succeeds
    query["max_objects"] = "30"
    status, found = call(multipart_event("/predict", fields, query=query), app)
    assert status == 200
    assert len(found["images"][31]["objects"]) == 30


SECRETS = ("hunter2", "X-Amz-Signature", "abc123", "private-name", "SECRETPIXELS")


def secret_event() -> dict[str, Any]:
    fields = [
        ("image", ("private-name.png", b"SECRETPIXELS" * 50, "image/png")),
        ("image", ("private-name.png", PICTURE + b"SECRETPIXELS", "image/png")),
        ("url", "https://user:hunter2@example.com/private-name.png?X-Amz-Signature=abc123"),
    ]
    return multipart_event("/predict", fields, headers={"Authorization": "Bearer abc123"})


@pytest.mark.parametrize("breaks", [False, True])
def test_the_log_contains_no_client_data(
    breaks: bool, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    caplog.set_level(logging.DEBUG)
    if breaks:
        # Given an error that quotes the picture, and whose cause does too

        def broken(data: bytes, limits: Limits) -> None:
            try:
                raise ValueError(f"cannot decode {data!r}")
            except ValueError as error:
                raise RuntimeError(data[-12:]) from error

        monkeypatch.setattr("carlens.services.analyze.read_pixels", broken)

    answer = respond(secret_event(), None, FakeApp(metrics="Carlens").app)

    written = "".join((caplog.text, *capfd.readouterr()))
    assert answer["statusCode"] == (500 if breaks else 200)
    assert answer["headers"]["X-Request-Id"] in written
    assert not [secret for secret in SECRETS if secret in written]
    assert not [secret for secret in SECRETS if secret in answer["body"]]
    if breaks:  # the log still says where
        assert "RuntimeError" in written
        assert "ValueError" in written
        assert "in broken" in written
        assert not [inside for inside in ("broken", "/", "Error") if inside in answer["body"]]


def test_a_detailed_response_shows_a_url_without_its_secrets() -> None:
    given = secret_event()
    given["queryStringParameters"] = {"format": "detailed"}
    given["multiValueQueryStringParameters"] = None

    _, answer = call(given, FakeApp().app)

    assert answer["images"][2]["name"] == "https://example.com/private-name.png"
    assert answer["images"][2]["error"]["code"] == "url_refused"
    assert not [s for s in ("hunter2", "X-Amz-Signature", "abc123") if s in json.dumps(answer)]


def test_every_response_has_security_headers_and_the_page_has_more() -> None:
    everywhere = {
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Strict-Transport-Security": "max-age=31536000",
    }
    for given in (event("GET", "/"), event("GET", "/health"), event("GET", "/nowhere"), {}):
        assert everywhere.items() <= respond(given, None, FakeApp().app)["headers"].items()

    page = respond(event("GET", "/"), None, FakeApp().app)["headers"]
    assert "default-src 'none'" in page["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in page["Content-Security-Policy"]
    assert "unsafe" not in page["Content-Security-Policy"]
    assert "camera=()" in page["Permissions-Policy"]
    assert page["Cross-Origin-Opener-Policy"] == "same-origin"


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        ("https://shop.example", "https://shop.example"),
        ("https://evil.example", "https://shop.example"),
        ("https://shop.example.evil.example", "https://shop.example"),
        ("null", "https://shop.example"),
        ("", "https://shop.example"),
        ("*", "https://shop.example"),
    ],
)
def test_only_named_origins_are_allowed(origin: str, allowed: str) -> None:
    fake = FakeApp(cors_origins=("https://shop.example", "https://other.example"))
    for given in (
        event("GET", "/health", headers={"Origin": origin}),
        event("GET", "/x", headers={"Origin": origin}),
    ):
        headers = respond(given, None, fake.app)["headers"]

        assert headers["Access-Control-Allow-Origin"] == allowed
        assert headers["Vary"] == "Origin, Accept-Encoding"
        assert "Access-Control-Allow-Credentials" not in headers


@pytest.mark.parametrize("text", [",", " , ", ",,"])
def test_settings_without_an_origin_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="CARLENS_CORS_ORIGINS"):
        Config.from_env({"CARLENS_CORS_ORIGINS": text})


def urls_event(count: int, **more: Any) -> dict[str, Any]:
    return multipart_event("/shape", [("url", f"http://a/{i}") for i in range(count)], **more)


def test_eight_urls_are_fetched_ahead_of_the_picture_in_process(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Given 32 URLs, and an operation that waits until the fetches cannot get further ahead
    changed, fetched, processed, ahead = threading.Condition(), 0, 0, set[int]()

    def fetch(url: str, **_: Any) -> bytes:
        nonlocal fetched
        with changed:
            fetched += 1
            changed.notify()
        return PICTURE

    def process(data: bytes, limits: Limits) -> Any:
        nonlocal processed
        with changed:
            assert changed.wait_for(lambda: fetched >= min(32, processed + 8), timeout=60)
            ahead.add(fetched - processed)
            processed += 1
        return real(data, limits)

    real = decoder.read_shape
    monkeypatch.setattr(remote, "fetch", fetch)
    monkeypatch.setattr("carlens.services.measure.read_shape", process)

    status, answer = call(urls_event(32), FakeApp().app)

    # Then all pictures are returned in order, and never more than eight were in memory
    assert status == 200
    assert answer == [[32, 64, 3]] * 32
    assert ahead == {1, 2, 3, 4, 5, 6, 7, 8}


def test_urls_that_take_too_long_leave_time_for_the_response(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Given half a second beyond the reserve, and servers that take all the time they get
    clock, lock = FakeClock(), threading.Lock()
    allowed: list[float] = []

    def fetch(url: str, *, timeout: float, **_: Any) -> bytes:
        with lock:
            allowed.append(timeout)
            clock.now = max(clock.now, 0.5)
        raise UrlFailed("too slow")

    monkeypatch.setattr(timing, "time", clock)
    monkeypatch.setattr(remote, "fetch", fetch)
    context = SimpleNamespace(get_remaining_time_in_millis=lambda: 3500, aws_request_id="id")

    status, answer = call(urls_event(20, query={"format": "detailed"}), FakeApp().app, context)

    # Then no fetch starts after the deadline, and every picture reports it
    assert status == 200
    assert 1 <= len(allowed) <= 8
    assert all(0 < seconds <= 0.5 for seconds in allowed)
    assert {image["error"]["code"] for image in answer["images"]} == {"deadline_exceeded"}


def test_the_urls_of_a_request_share_ten_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    # Given servers that take four seconds each, and all the time that they get once it is less
    clock, turn = FakeClock(), threading.Lock()
    allowed: list[float] = []

    def fetch(url: str, *, timeout: float, **_: Any) -> bytes:
        with turn:
            allowed.append(timeout)
            clock.now += min(4.0, 10.0 - clock.now)
        raise UrlFailed("too slow")

    monkeypatch.setattr(timing, "time", clock)
    monkeypatch.setattr(remote, "fetch", fetch)

    status, answer = call(urls_event(32, query={"format": "detailed"}), FakeApp().app)

    # Then no fetch starts after ten seconds, and every picture reports it
    assert status == 200
    assert 1 <= len(allowed) <= 10
    assert all(0 < seconds <= 10.0 for seconds in allowed)
    assert clock.now == 10.0
    errors = [image["error"] for image in answer["images"]]
    assert {error["code"] for error in errors} == {"url_failed"}
    assert errors[31]["message"].startswith("The URLs of this request took 10 seconds together")


def test_time_between_fetches_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    # Given pictures that take longer to process than all fetches may take
    clock = FakeClock()
    monkeypatch.setattr(timing, "time", clock)
    monkeypatch.setattr(remote, "fetch", lambda url, **_: PICTURE)

    def process(data: bytes, limits: Limits) -> Any:
        clock.now += 0.8
        return real(data, limits)

    real = decoder.read_shape
    monkeypatch.setattr("carlens.services.measure.read_shape", process)
    context = SimpleNamespace(get_remaining_time_in_millis=lambda: 60_000, aws_request_id="id")

    status, answer = call(urls_event(32), FakeApp().app, context)

    assert (status, answer) == (200, [[32, 64, 3]] * 32)


def test_urls_that_are_turned_off_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def fetch(url: str, **_: Any) -> bytes:
        raise AssertionError(url)

    monkeypatch.setattr(remote, "fetch", fetch)
    data = "data:image/png;base64," + base64.b64encode(PICTURE).decode()
    fields = [("url", "https://example.com/a.png"), ("image", ("a", PICTURE)), ("url", data)]
    given = multipart_event("/shape", fields, query={"format": "detailed"})

    status, answer = call(given, FakeApp(urls=False).app)

    assert status == 200
    refused, *others = [image["error"] for image in answer["images"]]
    assert (refused["code"], others) == ("url_refused", [None, None])
    assert "send the picture itself" in refused["message"]


def test_unflagged_base64_is_decoded_strictly() -> None:
    given = event("POST", "/predict", content_type=FORM)
    for body in ("####", "QUI", base64.b64encode(PART).decode() + "\n"):
        with pytest.raises(MalformedBody):
            read_request({**given, "body": body, "isBase64Encoded": False})
