"""Pictures are read from request bodies."""

from __future__ import annotations

import base64
import json
from typing import Any
from urllib.parse import quote

import pytest
from requests_toolbelt import MultipartEncoder

from carlens.errors import (
    CarlensError,
    InvalidBase64,
    MalformedBody,
    NoPictures,
    NotAnImage,
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


def raw_part(headers: str, content: bytes = b"data") -> bytes:
    return b"--xyz\r\n" + headers.encode() + b"\r\n" * bool(headers) + CRLF + content + CRLF


END = b"--xyz--\r\n"
PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR =?\xff"


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
        ("name=\"image\"; filename*=UTF-8''%C3%A9.jpg", "é.jpg"),
        ('name="image"; filename="?.jpg"; filename*=iso-8859-1\'fr\'%E9.jpg', "é.jpg"),
        ('name="image"; filename="a.jpg"; filename*=broken', "a.jpg"),
        ("name*=utf-8''image; filename*=nonsense''%C3%A9.jpg", "é.jpg"),
        ('name="image"; filename="=?UTF-8?B?w6k=?= =?utf-8?q?=C3=A9_?= .jpg"', "éé  .jpg"),
        ('name="image"; filename="=?utf-8?q?x?=.png"', "=?utf-8?q?x?=.png"),
        ('name="=?us-ascii?Q?image?="; filename="=?x?B?%?="', "=?x?B?%?="),
        ('filename="a\\"; name="image"', "a\\"),
        ('filename="a\\"; name="image"; x="y"', "a\\"),
        ('name="image"; filename="a\\"', "a\\"),
        ('name="image"; filename="a\\"; b.jpg"', 'a"; b.jpg'),
        ('name="image"; filename="C:\\My pictures\\a.jpg"', "a.jpg"),
        ('name="image"; filename="a"b".jpg"', 'a"b".jpg'),
        ('name="image"; filename="a.jpg', "a.jpg"),
        ('\tname\t=\t"image"\t;\tfilename\t=\t"a.jpg"\t', "a.jpg"),
        ('NAME="image";FileName="a.jpg";', "a.jpg"),
        ("name=image; filename=two words.jpg", "two words.jpg"),
        ('name="image[]"; filename="a.jpg"', "a.jpg"),
        ('name="image[0]"; filename="a.jpg"', "a.jpg"),
    ],
)
def test_the_field_name_is_found_however_the_header_is_written(
    disposition: str, name: str | None
) -> None:
    assert read_form(part(disposition) + END) == [PictureSource("image", name, b"data")]


@pytest.mark.parametrize(
    "disposition",
    [
        "form-data", "file", "attachment", "inline", "", "FORM-DATA ", "form-data; charset=utf-8", "form-data;",
    ],
)  # fmt: skip
def test_the_type_of_the_disposition_does_not_matter(disposition: str) -> None:
    header = f'Content-Disposition: {disposition}; name="image"; filename="a"'

    assert read_form(raw_part(header) + END) == [PictureSource("image", "a", b"data")]


def test_a_disposition_may_lack_its_type() -> None:
    header = 'Content-Disposition: name="image"; filename="a"'

    assert read_form(raw_part(header) + END) == [PictureSource("image", "a", b"data")]


@pytest.mark.parametrize(
    "header",
    [
        "X.Trace: 1", "X-Ünï: 1", "no colon", ": no name", "X-Empty:", "Content-Length: 3", "Content-Length: 4 ",
        "Content-Length: -1", "Content-Length: many", "Content-Length: 4\r\nContent-Length: 5", "X: " + "y" * 20_000,
        "\r\n".join(f"X-{i}: {i}" for i in range(100)), "Content-Type: image/png\r\n ; folded=yes",
        "X-Folded: a\r\n\tContent-Type: b", "Content-Transfer-Encoding: binary", "Content-Transfer-Encoding: 8bit",
        "Content-Transfer-Encoding: x-unknown", "Content-Transfer-Encoding: quoted-printable",
    ],
)  # fmt: skip
def test_unusual_headers_of_a_part_are_ignored(header: str) -> None:
    disposition = 'content-disposition : form-data; name="image"; filename="a"'
    body = raw_part(f"{header}\r\n{disposition}") + raw_part(f"{disposition}\r\n{header}") + END

    assert read_form(body) == [PictureSource("image", "a", b"data")] * 2


def test_a_folded_disposition_is_read() -> None:
    header = 'Content-Disposition: form-data;\r\n name="image";\r\n\tfilename="a"'

    assert read_form(raw_part(header) + END) == [PictureSource("image", "a", b"data")]


@pytest.mark.parametrize(
    ("encoding", "sent"),
    [
        ("base64", base64.b64encode(PNG)),
        ("BASE64", base64.encodebytes(PNG)),
        ("base64", base64.encodebytes(PNG).replace(b"\n", b"\r\n") + b"\r\n"),
        ("base64", PNG),
        ("base64", b"not base64"),
        (" Quoted-Printable ", b"".join(b"=%02X" % byte for byte in PNG)),
        ("quoted-printable", b"=89PNG\r\n=1A=0A=00=00=00=\r\n=0DIHDR =3D?=FF"),
        ("quoted-printable", PNG),
        ("binary", PNG),
    ],
)
def test_an_encoded_part_is_decoded(encoding: str, sent: bytes) -> None:
    header = f'Content-Disposition: form-data; name="image"\r\nContent-Transfer-Encoding:{encoding}'

    [found] = read_form(raw_part(header, sent) + END)

    assert found.content == (sent if sent == b"not base64" else PNG)


@pytest.mark.parametrize(
    "text",
    [
        base64.b64encode(PNG),
        base64.encodebytes(PNG),
        b"\n" + base64.encodebytes(PNG).replace(b"\n", b"\r\n  "),
        b"data:image/png;base64," + base64.b64encode(PNG),
        b"DATA:image/png; BASE64," + base64.b64encode(PNG),
        b" data:image/png," + quote(PNG).encode(),
    ],
)
@pytest.mark.parametrize("kind", ["form", "body"])
def test_a_file_that_holds_a_picture_as_text_is_decoded(kind: str, text: bytes) -> None:
    form = part('name="image"', text) + END
    [found] = read_form(form) if kind == "form" else read(text, "image/png")

    assert found.content == PNG


@pytest.mark.parametrize("start", [b"\xff\xd8\xff", b"GIF89a", b"RIFF\0\0\0\0WEBP", b"BM\0\0\0\0",
    b"II*\0", b"MM\0*", b"\0\0\0\x18ftypheic", b"\0\0\0\x20ftypavif"])  # fmt: skip
def test_the_beginning_of_every_format_is_known_in_base64(start: bytes) -> None:
    content = start + b"\0" * 20

    [found] = read_form(part('name="image"', base64.b64encode(content)) + END)

    assert found.content == content


def test_a_file_with_damaged_base64_fails_with_a_reason() -> None:
    [found] = read_form(part('name="image"', base64.b64encode(PNG)[:-3]) + END)

    assert isinstance(found.content, InvalidBase64)


@pytest.mark.parametrize(
    "content",
    [b"data", b"data:", b"data:,", b"data:a,b", b"SGVsbG8gd29ybGQ=", b"dataset:", b"AAAA", b"/9k="],
)
def test_other_text_is_not_taken_for_base64(content: bytes) -> None:
    assert read_form(part('name="image"', content) + END)[0].content == content


def test_a_part_without_a_name_keeps_its_place() -> None:
    # Given a file and a text without a name, and parts without a name or content
    body = (
        raw_part('Content-Disposition: form-data; filename="a"', b"A")
        + raw_part("Content-Type: image/png", b"B")
        + raw_part("", b"text")
        + raw_part("Content-Disposition: form-data", b"")
        + b"--xyz\r\n\r\n"
        + part('name="image"; filename="c"', b"C")
        + END
    )

    # Then the files are pictures, and the text is reported
    first, second, third, last = read_form(body)
    assert (first.content, second.content, last.content) == (b"A", b"B", b"C")
    assert isinstance(third.content, NotAnImage)
    assert "Part 3" in third.content.message


def test_the_files_of_a_nested_part_are_read_in_order() -> None:
    inner = (
        b'--in\r\nContent-Disposition: attachment; filename="a"\r\n\r\nA\r\n'
        b'--in\r\nContent-Disposition: attachment; filename="b"\r\n\r\nB\r\n--in--'
    )
    header = (
        'Content-Disposition: form-data; name="image"\r\nContent-Type: multipart/mixed; boundary=in'
    )

    found = read_form(raw_part(header, inner) + part('name="url"', b"u") + END)

    assert [(each.name, each.content) for each in found] == [("a", b"A"), ("b", b"B"), ("u", "u")]
    assert read_form(raw_part(header, b"junk") + END)[0].content == b"junk"


def test_a_part_without_a_blank_line_has_no_content() -> None:
    header = b'--xyz\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n'

    assert read_form(header + part('name="url"', b"u") + END) == [
        PictureSource("image", "a", b""),
        PictureSource("url", "u", "u"),
    ]
    assert read_form(header + b"\r\n" + END) == [PictureSource("image", "a", b"")]


@pytest.mark.parametrize(
    "content",
    [b"", b"\r\n", b"--xyz", b"\r\n--xy", b"\r\n--xyzz", b"\n--xyz\n", b"\n--xyz--\n", b"--", b"\r", b"\x00" * 100_000],
    ids=[
        "empty", "newline", "inline boundary", "short boundary", "longer boundary", "boundary after LF", "end after LF",
        "dashes", "return", "zeros",
    ],
)  # fmt: skip
def test_the_bytes_of_a_file_are_unchanged(content: bytes) -> None:
    body = part('name="image"; filename="a"', content) + part('name="url"', b"u") + END

    assert [u.content for u in read_form(body)] == [content, "u"]


@pytest.mark.parametrize("content", [b"", b"\n", b"\r", b"\r\n", b"a\nb", b"\x89PNG\r\n\x1a\n"])
def test_a_form_with_bare_line_feeds_is_read(content: bytes) -> None:
    header = b'Content-Disposition: form-data; name="image"; filename="a"'
    piece = b"--xyz\n" + header + b"\n\n" + content + b"\n"

    for body in (piece * 2 + b"--xyz--\n", b"\n" + piece * 2 + b"--xyz--"):
        assert [each.content for each in read_form(body)] == [content, content]


@pytest.mark.parametrize("first", ["\r\n", "\n"])
@pytest.mark.parametrize("second", ["\r\n", "\n"])
@pytest.mark.parametrize("third", ["\r\n", "\n"])
def test_line_breaks_may_be_mixed(first: str, second: str, third: str) -> None:
    header = 'Content-Disposition: form-data; name="image"; filename="a"'
    piece = f"--xyz{first}{header}{second}{second}data{third}"

    found = read_form(f"{piece}{piece}--xyz--{third}".encode())

    assert [each.content for each in found] in ([b"data"] * 2, [b"data\r"] * 2)


@pytest.mark.parametrize(
    ("named", "written"),
    [
        ("----=_Part_1_2.3", "----=_Part_1_2.3"),
        ("==1650==", "==1650=="),
        ("a/b:c=d?e", "a/b:c=d?e"),
        ("(a)+_,-./:=?'b", "(a)+_,-./:=?'b"),
        ("two words", "two words"),
        ('"two words "', "two words"),
        ('"a;b"', "a;b"),
        ('"open', "open"),
        (" \tpadded\t ; charset=utf-8", "padded"),
        ("xyz; charset=utf-8", "xyz"),
        ("xyz ;", "xyz"),
        ("--xyz", "xyz"),
        ("'xyz'", "xyz"),
        ("'xyz'", "'xyz'"),
        ("-", "-"),
        ("xyz--", "xyz--"),
        (r"a\b.*", r"a\b.*"),
        ("x" * 70, "x" * 70),
    ],
)
def test_a_boundary_is_read_as_clients_write_it(named: str, written: str) -> None:
    body = part('name="image"; filename="a"', boundary=written.encode()) * 2
    body += f"--{written}--".encode()

    for header in (
        f"multipart/form-data; boundary={named}",
        f"Multipart/Form-Data;BOUNDARY\t= {named}",
    ):
        assert len(read(body, header)) == 2


@pytest.mark.parametrize("padding", [b" ", b"\t", b" \t  "])
def test_a_delimiter_may_be_padded(padding: bytes) -> None:
    body = part('name="image"; filename="a"') * 2 + END

    assert len(read_form(body.replace(b"--xyz\r\n", b"--xyz" + padding + b"\r\n"))) == 2


@pytest.mark.parametrize(
    "end", [b"--xyz\r\n", b"--xyz", b"--xyz \r\n\r\n", b"--xyz--", b"--xyz-- \r\n", b"--xyz--x"]
)
def test_the_last_boundary_may_be_incomplete(end: bytes) -> None:
    assert len(read_form(part('name="image"; filename="a"') * 2 + end)) == 2


def test_empty_parts_are_skipped() -> None:
    body = b"--xyz\r\n--xyz\r\n" + part('name="image"; filename="a"') + b"--xyz\r\n" + END

    assert read_form(body) == [PictureSource("image", "a", b"data")]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (part('name="image"', boundary=b"abc") + b"--abc--", "no line '--xyz', .* It starts with '--abc'. Let your"),
        (b"junk", "no line '--xyz', which its Content-Type announces. Let your"),
        (b"--\xff\0", "It starts with '--\\?\\?'."),
        (part('name="image"'), "ends without its closing boundary; send the complete body"),
    ],
)  # fmt: skip
def test_a_refused_form_says_what_is_wrong(body: bytes, message: str) -> None:
    with pytest.raises(MalformedBody, match=message):
        read_form(body)


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
        b"--xyz\r\nContent-Disposition: form-data; name=",
        b"--xyz\nContent-Disposition: form-data; name=image\n\ndata\n",
        b"--xyz\r\n" + b"X: y\r\n" * 100,
        part('name="other"') * 2000 + END,
    ],
    ids=[
        "no boundary", "only the end", "no end", "cut part", "cut header", "bare LF without end",
        "headers without end", "thousands of parts",
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


@pytest.mark.parametrize(
    ("url", "content"),
    [
        ("data:image/png;base64," + quote(base64.b64encode(PNG), safe=""), PNG),
        ("data:image/png;charset=utf-8;BASE64," + base64.encodebytes(PNG).decode(), PNG),
        ("data:image/png; base64 ,%0A" + base64.b64encode(PNG).decode() + "%0a#fragment", PNG),
        ("data:image/png," + quote(PNG), PNG),
        ("Data:," + "".join(f"%{byte:02x}" for byte in PNG), PNG),
        ("data:image/png," + base64.b64encode(PNG).decode(), PNG),
        ("data:,100%", b"100%"),
    ],
)
def test_a_data_url_is_read_as_browsers_read_it(url: str, content: bytes) -> None:
    body = json.dumps({"images": [{"url": url}, {"data": url}]}).encode()
    found = [*read(body, JSON), *read_form(part('name="url"', url.encode()) + END)]

    assert [each.content for each in found] == [content] * 3


@pytest.mark.parametrize(
    "url", ["data:image/png;base64", "data:;base64,QQ", "data:;base64,Q%51%3D"]
)
def test_a_broken_data_url_fails_only_its_picture(url: str) -> None:
    broken, good = read_form(part('name="url"', url.encode()) + part('name="image"') + END)

    assert isinstance(broken.content, InvalidBase64)
    assert good.content == b"data"


@pytest.mark.parametrize("line", ["\n", "\r\n", "\r", "\n  ", " \n\n"])
def test_base64_may_have_line_breaks(line: str) -> None:
    lines = base64.encodebytes(PNG * 9).decode().splitlines()
    text = line.join(["", *lines, ""])

    [found] = read(json.dumps({"images": [{"data": text, "name": "a"}]}).encode(), JSON)

    assert found == PictureSource("image", "a", PNG * 9)


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
