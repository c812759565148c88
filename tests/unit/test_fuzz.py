"""Properties that hold for any input, tested on the same inputs in every run.

`benchmarks/fuzz.py` runs longer, with other inputs.
"""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st
from requests_toolbelt import MultipartEncoder

from benchmarks import fuzz
from carlens.config import Config
from carlens.errors import CarlensError
from carlens.http import catalog_routes
from carlens.http.catalog_bodies import read_rows
from carlens.http.events import Request, read_request
from carlens.http.image_routes import respond
from carlens.http.pictures import read_pictures
from carlens.http.statuses import status_of
from carlens.services.catalog_app import CatalogApp
from tests.fakes import FakeApp
from tests.unit.http.test_attack_bodies import well_formed

bounded = settings(
    max_examples=300,
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)

TYPES = [
    "multipart/form-data; boundary=x", "application/json", "image/png", "text/plain", "text/csv", ""
]  # fmt: skip
MEMBERS = [
    "path", "httpMethod", "headers", "multiValueHeaders", "queryStringParameters", "isBase64Encoded",
    "multiValueQueryStringParameters", "requestContext", "body",
]  # fmt: skip

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip
half_valid = st.fixed_dictionaries(
    {},
    optional={
        "path": st.sampled_from(
            ["/predict", "/shape", "/size/", "/", "/health", "/norm", "/norm/europe", "/clean"]
        )
        | json_values,
        "pathParameters": st.dictionaries(st.just("table"), st.text(max_size=9)) | json_values,
        "httpMethod": st.sampled_from(["GET", "POST", "OPTIONS", "HEAD"]) | json_values,
        "headers": st.dictionaries(
            st.sampled_from(["Content-Type", "content-type", "Origin"]),
            st.sampled_from(TYPES) | json_values,
        ),
        "body": st.binary(max_size=200) | json_values,
        "isBase64Encoded": st.booleans() | json_values,
        "queryStringParameters": st.dictionaries(
            st.sampled_from(
                [
                    "format",
                    "confidence",
                    "classes",
                    "top_k",
                    "max_objects",
                    "slices",
                    "make",
                    "model",
                ]
            ),
            st.text(max_size=10) | json_values,
        ),
        "requestContext": json_values,
    },
)
lines = st.sampled_from(
    [
        b"--x\r\n", b"--x--", b"--x", b"\r\n", b"\n", b"\r", b'Content-Disposition: form-data; name="image"',
        b"; filename=a", b'Content-Disposition: form-data; name="url"', b"Content-Type: ", b":", b"data", b"\0\xff",
        b"Content-Length: 9\r\n", b"http://a/b", b'"', b"\\",
    ]
)  # fmt: skip
forms = st.lists(lines | st.binary(max_size=9), max_size=30).map(b"".join)


@bounded
@given(event=st.dictionaries(st.sampled_from(MEMBERS), json_values, max_size=6) | half_valid)
def test_reading_an_event_raises_only_our_errors(event: dict[str, Any]) -> None:
    try:
        request = read_request(event)
    except CarlensError as error:
        assert error.message  # noqa: PT017 - an error is allowed, not required
    else:
        assert isinstance(request.body, bytes)
        assert request.path.startswith("/") or request.path == event["path"].rstrip("/")


FAKE = FakeApp(metrics="Carlens")
CATALOG = CatalogApp(Config(metrics="Carlens"))


@bounded
@given(event=json_values | half_valid | st.dictionaries(st.sampled_from(MEMBERS), json_values))
def test_every_event_gets_a_well_formed_response(event: Any) -> None:
    well_formed(respond(event, None, FAKE.app))
    well_formed(catalog_routes.respond(event, None, CATALOG))


@bounded
@given(
    body=forms | st.binary(max_size=300), content_type=st.sampled_from(TYPES) | st.text(max_size=60)
)
def test_reading_a_body_raises_only_our_errors(body: bytes, content_type: str) -> None:
    request = Request("POST", "/predict", headers={"content-type": content_type}, body=body)
    try:
        uploads = read_pictures(request, max_pictures=8)
    except CarlensError as error:
        assert status_of(type(error)) in (400, 413, 415)  # noqa: PT017 - an error is allowed, not required
    else:
        assert 1 <= len(uploads) <= 8


@bounded
@given(
    body=st.text("a1;,\t\"'\r\n\0é ", max_size=80).map(str.encode)
    | forms
    | st.binary(max_size=200),
    content_type=st.sampled_from(TYPES),
)
def test_reading_rows_raises_only_our_errors(body: bytes, content_type: str) -> None:
    try:
        rows = read_rows(Request("POST", "/", headers={"content-type": content_type}, body=body))
    except CarlensError as error:
        assert status_of(type(error)) in (400, 413, 415)  # noqa: PT017 - an error is allowed, not required
    else:
        assert rows.pairs
        assert all(type(text) is str for pair in rows.pairs for text in pair)


@bounded
@given(document=json_values | st.fixed_dictionaries({"images": st.lists(json_values, max_size=5)}))
def test_reading_json_raises_only_our_errors(document: Any) -> None:
    headers = {"content-type": "application/json"}
    request = Request("POST", "/predict", headers=headers, body=json.dumps(document).encode())
    try:
        uploads = read_pictures(request, max_pictures=8)
    except CarlensError as error:
        assert status_of(type(error)) in (400, 413)  # noqa: PT017 - an error is allowed, not required
    else:
        assert uploads


@bounded
@given(
    contents=st.lists(st.binary(max_size=60) | forms, min_size=1, max_size=8),
    boundary=st.text("abcxyz0123456789-_.", min_size=1, max_size=40),
)
def test_files_in_a_form_are_read_unchanged(contents: list[bytes], boundary: str) -> None:
    # Given files that do not contain the boundary, which the sender must ensure
    if any(b"--" + boundary.encode() in content for content in contents):
        return
    fields = [("image", (f"{i}.png", content, "image/png")) for i, content in enumerate(contents)]
    encoder = MultipartEncoder(fields, boundary=boundary)
    headers = {"content-type": encoder.content_type}

    uploads = read_pictures(
        Request("POST", "/", headers=headers, body=encoder.to_string()), max_pictures=8
    )

    assert [upload.content for upload in uploads] == contents


@cache
def seeds_of(name: str) -> list[bytes]:
    """Make the seeds once, and not for each example: encoding them takes longer than the test."""
    _, make_seeds = fuzz.TARGETS[name]
    return make_seeds()


@seed(5)
@bounded
@given(chance=st.randoms(use_true_random=False))
@pytest.mark.parametrize("name", fuzz.TARGETS)
def test_mutated_seeds_raise_no_unexpected_error(name: str, chance: Any) -> None:
    target, _ = fuzz.TARGETS[name]
    seeds = seeds_of(name)

    for _ in range(5):
        assert target(fuzz.mutate(seeds, chance))


def test_a_fuzz_run_prints_a_summary(capsys: pytest.CaptureFixture[str]) -> None:
    fuzz.run("bodies", seconds=0.2, seed=1)

    assert "bodies:" in capsys.readouterr().out
