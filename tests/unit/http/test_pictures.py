"""Pictures are read from request bodies."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from requests_toolbelt import MultipartEncoder

from carlens.errors import (
    CarlensError,
    InvalidBase64,
    MalformedBody,
    NoPictures,
    TooManyPictures,
    UnsupportedMediaType,
)
from carlens.http.events import Request
from carlens.http.pictures import read_pictures
from carlens.http.statuses import status_of
from carlens.inputs.sources import PictureSource

CRLF = b"\r\n"
JSON = "application/json"


def read(body: bytes, content_type: str | None, max_pictures: int = 32) -> list[PictureSource]:
    headers = {} if content_type is None else {"content-type": content_type}
    return read_pictures(
        Request("POST", "/predict", headers=headers, body=body), max_pictures=max_pictures
    )


def read_form(body: bytes, boundary: str = "xyz") -> list[PictureSource]:
    return read(body, f"multipart/form-data; boundary={boundary}")


def part(disposition: str, content: bytes = b"data", boundary: bytes = b"xyz") -> bytes:
    header = b"Content-Disposition: form-data; " + disposition.encode()
    return b"--" + boundary + CRLF + header + CRLF + CRLF + content + CRLF


END = b"--xyz--\r\n"


def test_images_and_urls_keep_the_order_sent() -> None:
    encoder = MultipartEncoder(
        [
            ("image", ("a.jpg", b"A", "image/jpeg")),
            ("url", "https://example.com/b.jpg?key=secret"),
            ("image", ("c.png", b"C", "image/png")),
            ("comment", "not a picture"),
            ("url", "https://user:pass@example.com/@d.jpg#x"),
        ]
    )

    found = read(encoder.to_string(), encoder.content_type)

    assert found == [
        PictureSource("image", "a.jpg", b"A"),
        PictureSource("url", "https://example.com/b.jpg", "https://example.com/b.jpg?key=secret"),
        PictureSource("image", "c.png", b"C"),
        PictureSource(
            "url", "https://example.com/@d.jpg", "https://user:pass@example.com/@d.jpg#x"
        ),
    ]


@pytest.mark.parametrize(
    ("disposition", "name"),
    [
        ('name="image"; filename="a.jpg"', "a.jpg"),
        ('filename="a.jpg"; name="image"', "a.jpg"),
        ("name=image; filename=a.jpg", "a.jpg"),
        ('name="image"', None),
        ('name="image"; filename="a \\"b\\".jpg"', 'a "b".jpg'),
        ('name="image"; filename="a %22b%22.jpg"', 'a "b".jpg'),
        ('name="image"; filename="été 🚗.jpg"', "été 🚗.jpg"),
        ("name=\"image\"; filename*=UTF-8''%C3%A9.jpg", None),
    ],
    ids=["usual", "other order", "bare", "nameless", "backslash", "browser", "utf-8", "rfc 5987"],
)
def test_the_field_name_is_found_however_the_header_is_written(
    disposition: str, name: str | None
) -> None:
    assert read_form(part(disposition) + END) == [PictureSource("image", name, b"data")]


@pytest.mark.parametrize(
    "content",
    [b"", b"\r\n", b"--xyz", b"\r\n--xy", b"--", b"\x00" * 100_000],
    ids=["empty", "newline", "inline boundary", "short boundary", "dashes", "zeros"],
)
def test_the_bytes_of_a_file_are_unchanged(content: bytes) -> None:
    body = part('name="image"; filename="a"', content) + part('name="url"', b"u") + END

    assert [u.content for u in read_form(body)] == [content, "u"]


def test_a_preamble_and_an_epilogue_are_ignored() -> None:
    body = b"preamble\r\n" + part('name="image"; filename="a"') + END + b"epilogue"

    assert read_form(body) == [PictureSource("image", "a", b"data")]


def test_an_empty_file_input_of_a_browser_is_ignored() -> None:
    body = part('name="image"; filename=""', b"") + part('name="url"', b"  ") + END

    with pytest.raises(NoPictures):
        read_form(body)


def test_a_quoted_boundary_is_read() -> None:
    body = part('name="image"; filename="a"', boundary=b"x y:z") + b"--x y:z--\r\n"

    assert len(read(body, 'multipart/form-data; charset=utf-8; boundary="x y:z"')) == 1


@pytest.mark.parametrize(
    "body",
    [
        b"junk",
        END,
        part('name="image"'),
        part('name="image"')[:-3],
        part('name="image"', b"\r\n--xyzz") + END,
        b"--xyz\r\nContent-Disposition: form-data; name=",
        b"--xyz\r\n\r\nno disposition\r\n--xyz--\r\n",
        b"--xyz\nContent-Disposition: form-data; name=image\n\ndata\n--xyz--\n",
        b"--xyz\r\n" + b"X: y\r\n" * 100 + b"\r\ndata\r\n--xyz--\r\n",
        b"--xyz\r\nX: " + b"y" * 10_000 + b"\r\n\r\ndata\r\n--xyz--\r\n",
        part('name="other"') * 2000 + END,
    ],
    ids=[
        "no boundary", "only the end", "no end", "cut part", "near boundary", "cut header", "no disposition",
        "bare LF", "headers without end", "long header", "thousands of parts",
    ],
)  # fmt: skip
def test_a_malformed_form_is_refused_with_a_reason(body: bytes) -> None:
    with pytest.raises((MalformedBody, NoPictures)) as refused:
        read_form(body)

    assert status_of(refused.type) == 400
    assert len(refused.value.message) > 20


@pytest.mark.parametrize("header", ["multipart/form-data", "multipart/form-data; boundary="])
def test_a_form_without_a_boundary_is_refused(header: str) -> None:
    with pytest.raises(MalformedBody, match="boundary"):
        read(part('name="image"') + END, header)


@pytest.mark.parametrize("kind", ["image/jpeg", "IMAGE/PNG; x=y", "application/octet-stream"])
def test_a_raw_body_is_one_picture(kind: str) -> None:
    assert read(b"data", kind) == [PictureSource("body", None, b"data")]


def test_a_long_url_is_not_truncated() -> None:
    url = "https://example.com/" + "車" * 5000

    [upload] = read_form(part('name="url"', url.encode()) + END)

    assert upload.content == url


@pytest.mark.parametrize(
    ("raw", "name"),
    [
        (b"na\xefve.png", "na\ufffdve.png"),  # Windows-1252
        ("naïve 車.png".encode(), "naïve 車.png"),
    ],
)
def test_a_file_name_in_a_legacy_encoding_is_accepted(raw: bytes, name: str) -> None:
    body = part('name="image"; filename="FILENAME"').replace(b"FILENAME", raw) + END

    assert read_form(body) == [PictureSource("image", name, b"data")]


def test_a_data_url_is_accepted_wherever_a_url_is() -> None:
    data = "DATA:image/png;base64," + base64.b64encode(b"png").decode()

    form = read_form(part('name="url"', data.encode()) + END)
    listed = read(json.dumps({"images": [{"url": data}, {"data": data}]}).encode(), JSON)

    assert form == [PictureSource("image", None, b"png")]
    assert listed == [PictureSource("image", None, b"png")] * 2


def test_json_may_contain_urls_and_base64() -> None:
    data = base64.b64encode(b"data").decode()
    items = [
        {"url": " http://a/b "},
        {"data": data, "name": "c"},
        {"data": f"data:image/png;base64,{data}"},
    ]

    found = read(json.dumps({"images": items}).encode(), "application/json; charset=utf-8")

    assert found == [
        PictureSource("url", "http://a/b", "http://a/b"),
        PictureSource("image", "c", b"data"),
        PictureSource("image", None, b"data"),
    ]


def test_invalid_base64_in_json_fails_only_that_picture() -> None:
    body = json.dumps({"images": [{"data": "####"}, {"data": "QUJD"}]}).encode()

    broken, good = read(body, "application/json")

    assert isinstance(broken.content, InvalidBase64)
    assert "images[0]" in broken.content.message
    assert good.content == b"ABC"


@pytest.mark.parametrize(
    "document",
    [
        "junk",
        "[]",
        "{}",
        '{"images": {}}',
        '{"images": [1]}',
        '{"images": [{}]}',
        '{"images": [{"url": "a", "data": "b"}]}',
        '{"images": [{"url": 1}]}',
        '{"images": [{"data": "QUJD", "name": 1}]}',
        "[" * 100_000,
        '{"images": ' + "[" * 100_000,
        b"\xff\xfe",
    ],
)
def test_malformed_json_is_refused(document: str | bytes) -> None:
    body = document if isinstance(document, bytes) else document.encode()

    with pytest.raises(MalformedBody):
        read(body, "application/json")


@pytest.mark.parametrize(
    ("body", "kind", "error"),
    [
        (b"data", None, UnsupportedMediaType),
        (b"data", "text/plain", UnsupportedMediaType),
        (b"data", "application/x-www-form-urlencoded", UnsupportedMediaType),
        (b"", "image/png", NoPictures),
        (b"", "multipart/form-data; boundary=xyz", NoPictures),
        (b'{"images": []}', "application/json", NoPictures),
    ],
)
def test_a_body_without_pictures_is_refused(
    body: bytes, kind: str | None, error: type[CarlensError]
) -> None:
    with pytest.raises(error):
        read(body, kind)


def test_the_number_of_pictures_is_limited() -> None:
    fields: list[Any] = [("image", (f"{i}", b"x")) for i in range(4)]
    encoder = MultipartEncoder(fields)
    body, kind = encoder.to_string(), encoder.content_type

    assert len(read(body, kind, max_pictures=4)) == 4
    with pytest.raises(TooManyPictures, match="3"):
        read(body, kind, max_pictures=3)


def test_a_form_has_at_most_a_thousand_fields() -> None:
    note = part('name="note"')
    image = part('name="image"; filename="a.png"')

    assert len(read_form(note * 999 + image + END)) == 1
    with pytest.raises(MalformedBody):
        read_form(note * 1000 + image + END)


def test_a_broken_form_is_refused_with_the_reason() -> None:
    with pytest.raises(MalformedBody, match=r"multipart body.*: Unexpected end"):
        read_form(part('name="image"; filename="a.png"'))
