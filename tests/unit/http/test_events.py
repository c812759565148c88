"""API Gateway events become requests, and responses become proxy responses."""

from __future__ import annotations

import base64
import json
import zlib

import pytest

from carlens.errors import CarlensError, MalformedBody, PayloadTooLarge, UnsupportedMediaType
from carlens.http.bodies import media_type, strict_base64
from carlens.http.events import Response, read_request, write_response
from tests.support import event, golden, gzipped

MULTIPART = "multipart/form-data; boundary=xyz"
FORM = b'--xyz\r\nContent-Disposition: form-data; name="url"\r\n\r\nhttp://a/b\r\n--xyz--\r\n'


def test_the_golden_event_is_read() -> None:
    request = read_request(golden("get_health"))

    assert (request.method, request.path, request.prefix) == ("GET", "/health", "/prod")
    assert request.headers["x-forwarded-for"] == "203.0.113.7"
    assert request.query == {}
    assert request.body == b""


@pytest.mark.parametrize(
    ("name", "resource", "prefix"),
    [
        ("base_path_norm", "/norm/{table}", "/cars"),
        ("base_path_page", "/", "/cars"),
        ("base_path_levels_health", "/health", "/sales/v1.2"),
        ("get_health", "/health", "/prod"),
    ],
)
def test_the_prefix_is_what_precedes_the_resource(name: str, resource: str, prefix: str) -> None:
    request = read_request(golden(name))

    assert (request.resource, request.prefix) == (resource, prefix)


@pytest.mark.parametrize(
    ("resource", "full", "prefix"),
    [
        ("/predict", "/prod/predict/", "/prod"),
        ("/", "/prod/", "/prod"),
        ("/", "/", ""),
        ("/norm/{table}", "/norm/europe", ""),
        ("/norm/{table}", "/europe", ""),
        ("/", '/"><script>', ""),
        ("/", "//evil.example", ""),
        ("/", "/../a", ""),
    ],
)
def test_the_prefix_has_only_what_a_stage_or_base_path_may_have(
    resource: str, full: str, prefix: str
) -> None:
    given = {"resource": resource, "path": full, "requestContext": {"path": full}}

    assert read_request(given).prefix == prefix


@pytest.mark.parametrize("name", ["Content-Type", "content-type", "CONTENT-TYPE"])
@pytest.mark.parametrize("member", ["headers", "multiValueHeaders"])
def test_headers_match_in_any_case(name: str, member: str) -> None:
    value = "image/png" if member == "headers" else ["image/png"]

    request = read_request({"httpMethod": "POST", "path": "/predict", member: {name: value}})

    assert request.headers["content-type"] == "image/png"


@pytest.mark.parametrize(
    "empty", [{}, {"headers": None, "multiValueHeaders": None, "requestContext": None}]
)
def test_a_nearly_empty_event_is_read(empty: dict[str, None]) -> None:
    request = read_request(empty)

    assert (request.method, request.path, request.body) == ("GET", "/", b"")


def test_every_value_of_a_repeated_parameter_is_kept() -> None:
    given = event("GET", "/models")
    given["queryStringParameters"] = {"a": "2"}
    given["multiValueQueryStringParameters"] = {"a": ["1", "2"]}

    assert read_request(given).query == {"a": ("1", "2")}


@pytest.mark.parametrize(
    ("path", "full", "expected"),
    [
        ("/predict/", "/prod/predict/", ("/predict", "/prod")),
        ("/", "/prod/", ("/", "/prod")),
        ("/predict", "/predict", ("/predict", "")),
        ("/predict", "/somewhere/else", ("/predict", "")),
        ("/predict", '/"><script>/predict', ("/predict", "")),
    ],
)
def test_the_path_has_no_stage_and_no_trailing_slash(
    path: str, full: str, expected: tuple[str, str]
) -> None:
    request = read_request({"path": path, "requestContext": {"path": full}})

    assert (request.path, request.prefix) == expected


@pytest.mark.parametrize(
    ("body", "flag"),
    [
        (base64.b64encode(FORM).decode(), True),
        (base64.b64encode(FORM).decode(), False),
        (base64.b64encode(FORM), False),
        (FORM, False),
        (FORM.decode(), False),
    ],
    ids=["flagged", "base64 text", "base64 bytes", "bytes", "text"],
)
def test_a_multipart_body_is_read_in_every_encoding(body: str | bytes, flag: bool) -> None:
    given = {"headers": {"Content-Type": MULTIPART}, "body": body, "isBase64Encoded": flag}

    assert read_request(given).body == FORM


def test_other_bytes_without_the_flag_are_unchanged() -> None:
    given = {"headers": {"Content-Type": "image/png"}, "body": b"\x89PNG\r\n", "isBase64Encoded": 0}

    assert read_request(given).body == b"\x89PNG\r\n"


def test_a_lone_surrogate_in_a_text_body_is_harmless() -> None:
    assert read_request({"body": "\ud800"}).body == b"\xed\xa0\x80"


@pytest.mark.parametrize("junk", ["not base64!", "QUJD\nQUJD", "QUJ", "QQ=A", "QUJD====", "é"])
@pytest.mark.parametrize("flag", [True, False])
def test_junk_in_base64_is_refused(junk: str, flag: bool) -> None:
    given = {"headers": {"Content-Type": MULTIPART}, "body": junk, "isBase64Encoded": flag}

    with pytest.raises(MalformedBody, match="base64"):
        read_request(given)


@pytest.mark.parametrize("content_type", [MULTIPART, "application/json"])
@pytest.mark.parametrize(
    ("encoding", "sent"),
    [
        ("gzip", gzipped(FORM)),
        ("GZIP", gzipped(FORM)),
        ("deflate", zlib.compress(FORM)),
        ("utf-8", FORM),
        ("", FORM),
        # The gateway has decompressed these and kept the header
        ("gzip", FORM),
        ("deflate", FORM),
    ],
)
def test_a_compressed_body_is_decompressed(encoding: str, sent: bytes, content_type: str) -> None:
    headers = {"Content-Type": content_type, "Content-Encoding": encoding}

    for body in (
        {"body": base64.b64encode(sent).decode(), "isBase64Encoded": True},
        {"body": sent, "isBase64Encoded": False},
    ):
        assert read_request({"headers": headers, **body}).body == FORM


GARBLED = gzipped(FORM).decode("utf-8", "replace")


@pytest.mark.parametrize(
    ("encoding", "body", "error", "message"),
    [
        ("br", FORM, UnsupportedMediaType, "'br' is not supported; use gzip, or none"),
        ("gzip", gzipped(bytes(10_485_761)), PayloadTooLarge, "10,485,760 bytes"),
        ("gzip", gzipped(FORM)[:-9], MalformedBody, "cannot be decompressed"),
        ("deflate", zlib.compress(FORM)[:-9], MalformedBody, "cannot be decompressed"),
        ("gzip", GARBLED, UnsupportedMediaType, "send this one uncompressed"),
    ],
)
def test_a_compressed_body_that_cannot_be_read_is_refused(
    encoding: str, body: bytes | str, error: type[CarlensError], message: str
) -> None:
    given = {"headers": {"Content-Type": MULTIPART, "Content-Encoding": encoding}, "body": body}

    with pytest.raises(error, match=message):
        read_request(given)


def test_a_compressed_body_may_have_as_many_bytes_as_another() -> None:
    given = {"headers": {"Content-Encoding": "gzip"}, "body": gzipped(bytes(10_485_760))}

    assert len(read_request(given).body) == 10_485_760


def test_strict_base64_agrees_with_the_standard_library() -> None:
    data = bytes(range(256))

    assert strict_base64(base64.b64encode(data)) == data


@pytest.mark.parametrize(
    ("header", "expected"),
    [("Image/JPEG; q=1", "image/jpeg"), ("  text/plain", "text/plain"), ("", "")],
)
def test_media_type_drops_parameters_and_case(header: str, expected: str) -> None:
    assert media_type(header) == expected


def test_a_response_becomes_a_proxy_response() -> None:
    written = write_response(Response.of_json({"name": "Škoda"}, 201, headers={"X-A": "b"}))

    assert written["statusCode"] == 201
    assert written["headers"] == {"Content-Type": "application/json", "X-A": "b"}
    assert json.loads(written["body"]) == {"name": "Škoda"}
    assert written["isBase64Encoded"] is False
