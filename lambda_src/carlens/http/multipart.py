"""Parse multipart forms as clients really write them.

Our own parser: no library accepts bare line feeds, padded boundaries and unusual part headers, and
decodes parts. A body that is in memory needs no streaming either.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

from carlens.errors import MalformedBody
from carlens.http.bodies import media_type, read_base64

_MAX_PARTS = 1000
_MAX_TEXT = 2000  # characters of a name; some text encodings take quadratic time

_HEADER = re.compile(
    r"^content-(disposition|type|transfer-encoding)[ \t]*+:(.*)", re.I | re.M | re.ASCII
)
# A bare line feed may also be part of a file name.
_FOLD = re.compile(r"\r?\n[ \t]++|(?<!\r)\n(?![!-9;-~]++[ \t]*+:)")
_BLANK_LINE = re.compile(rb"\r\n\r\n|\n\n|\n\r\n(?!\r\n)")
_REST_OF_LINE = re.compile(rb"(--)|[ \t]*+\r?(?:\n|\Z)")
_HEADER_OR_END = re.compile(rb"[!-9;-~]++[ \t]*+:|\s*+\Z")

# What browsers send, which needs no further reading.
_USUAL = re.compile(r' form-data; name="(\w+)"(?:; filename="([^"\\%=]*)")?\r?\Z')
# Possessive quantifiers, and quotes that end at the end if never closed, keep the time linear.
_PARAMETER = r';\s*+([^\s;="]++)\s*+=\s*+(?:"(%s)|(%s)(?=;|\Z))'
_ESCAPED = re.compile(_PARAMETER % (r'(?:[^"\\]|\\.)*+"\s*+(?=;|\Z)', '[^;"]*+'), re.DOTALL)
_UNESCAPED = re.compile(_PARAMETER % (r'.*?(?:"\s*+(?=;|\Z)|\Z)', "[^;]*+"), re.DOTALL)
# A word stands alone; space between two words is not part of the text.
_ENCODED_WORD = re.compile(
    r"(?<!\S)=\?([^?*]++)(?:\*[^?]*+)?\?([bq])\?([^?]*+)\?=(?:\s++(?==\?)|(?!\S))", re.I
)
_INDEX = re.compile(r"\[\w*\]\Z")


@dataclass(frozen=True)
class FormField:
    """A field of a form.

    Attributes
    ----------
    name : str
        Without the index that some clients append: `image` for `image[]` and `image[0]`. Empty
        for a part without a name.
    filename : str or None
        As the client gave it; None for a field that is not a file.
    content : bytes
        Decoded, if the part has a `Content-Transfer-Encoding`.
    content_type : str
        The media type in lower case; empty if the part has none.
    """

    name: str
    filename: str | None
    content: bytes
    content_type: str = ""


def read_form(body: bytes, content_type: str) -> Iterator[FormField]:
    """Return the fields of a multipart/form-data body, in the order sent.

    Raises
    ------
    MalformedBody
        The body is malformed. The fields before the defect have already been yielded.
    """
    boundary = _parameters(content_type).get("boundary", "").strip()
    if not boundary:
        raise MalformedBody(
            "Content-Type multipart/form-data has no boundary; let your HTTP client set the header."
        )
    for start, end in _parts(body, boundary.encode("utf-8", "replace")):
        yield from _fields(body, start, end)


class _Delimiter(NamedTuple):
    """Where a delimiter starts, with the line break before it; where its line ends."""

    start: int
    end: int
    closes: bool


def _parts(body: bytes, boundary: bytes) -> Iterator[tuple[int, int]]:
    """Yield where each part starts and ends."""
    # Some clients add to the header the dashes of the body's lines, or single quotes.
    unquoted = boundary.removeprefix(b"'").removesuffix(b"'")
    for written in (boundary, boundary.removeprefix(b"--"), unquoted):
        delimiters = _delimiters(body, written)
        if first := next(delimiters, None):
            break
    else:
        raise MalformedBody(_no_boundary(body, boundary))
    _, start, closes = first
    for number, delimiter in enumerate(delimiters):
        if number == _MAX_PARTS:
            raise MalformedBody(f"The form has more than {_MAX_PARTS:,} parts; send fewer.")
        if delimiter.start > start:
            yield start, delimiter.start
        _, start, closes = delimiter
    # Some clients forget the dashes after the last boundary.
    if not closes and body[start:].strip():
        raise MalformedBody(
            "The multipart body ends without its closing boundary; send the complete body."
        )


def _delimiters(body: bytes, boundary: bytes) -> Iterator[_Delimiter]:
    dashed = b"--" + boundary
    line_break = b""
    part, content = 0, None  # where the part before the line starts, and its content
    at = 0 if body.startswith(dashed) else _next_line(body, dashed, 0)
    while at >= 0:
        found = _REST_OF_LINE.match(body, at + len(dashed))
        if found:
            if not line_break:  # the first line shows which one the client writes
                line_break = b"\n" if found[0].lstrip(b" \t") == b"\n" else b"\r\n"
                certain = True
            else:
                if content is None:
                    blank = _BLANK_LINE.search(body, part - 2, at)
                    content = blank.end() if blank else -1
                certain = body.endswith(line_break, 0, at) and at != content
            # A file may hold such a line, after another line break or as its first line.
            if certain or _HEADER_OR_END.match(body, found.end()):
                width = len(line_break) if body.endswith(line_break, 0, at) else 1
                yield _Delimiter(at - width, found.end(), found[1] is not None)
                part, content = found.end(), None
                if found[1]:
                    return
        # One line break may end a delimiter and precede the next.
        at = _next_line(body, dashed, found.end() - 1 if found else at)


def _next_line(body: bytes, beginning: bytes, start: int) -> int:
    """Return where the next line that begins like this starts, or -1."""
    found = body.find(b"\n" + beginning, start)
    return found + 1 if found >= 0 else -1


def _no_boundary(body: bytes, boundary: bytes) -> str:
    first = body[:200].lstrip().partition(b"\n")[0].strip()
    starts = f" It starts with {_quoted(first)}." if first.startswith(b"--") else ""
    return (
        f"The multipart body has no line {_quoted(b'--' + boundary)}, which its Content-Type "
        f"announces.{starts} Let your HTTP client set the header."
    )


def _quoted(text: bytes) -> str:
    return f"'{re.sub(rb'[^ -~]', b'?', text[:80]).decode()}'"


def _fields(body: bytes, start: int, end: int, outer: str | None = None) -> Iterator[FormField]:
    """Yield the field in a part, or the files in a nested `multipart/mixed`."""
    blank = _BLANK_LINE.search(body, start - 2, end)  # without headers, it starts before the part
    head = body[start : blank.start() if blank else end].decode("utf-8", "replace")
    content = body[blank.end() : end] if blank else b""
    headers = {name.lower(): value for name, value in _HEADER.findall(_FOLD.sub(" ", head))}
    name, filename = _names(headers.get("disposition", ""))
    content_type = headers.get("type", "")
    field = FormField(
        name=name if outer is None else outer,
        filename=filename,
        content=_decode(content, headers.get("transfer-encoding", "").strip().lower()),
        content_type=media_type(content_type),
    )
    nested = outer is None and field.content_type == "multipart/mixed"
    parts = _nested_parts(field.content, content_type) if nested else []
    for inner_start, inner_end in parts:
        yield from _fields(field.content, inner_start, inner_end, field.name)
    if not parts:
        yield field


def _nested_parts(content: bytes, content_type: str) -> list[tuple[int, int]]:
    boundary = _parameters(content_type).get("boundary", "").encode("utf-8", "replace")
    try:
        return list(_parts(content, boundary))
    except MalformedBody:  # then it is the content of a file
        return []


def _decode(content: bytes, encoding: str) -> bytes:
    # Some clients name an encoding without applying it; encoded content would be ASCII.
    if encoding == "base64":
        try:
            return read_base64(content)
        except ValueError:
            return content
    if encoding == "quoted-printable" and content.isascii():
        return binascii.a2b_qp(content)
    return content


def _parameters(header: str) -> dict[str, str]:
    r"""Return the parameters of a header by lower-case name, without quotes.

    A backslash escapes the quote after it, as in `"a \"b\".png"`, unless quotes would be left
    over: in `"a\"; name="image"` it is the end of the value.
    """
    header = header.strip()
    if "=" in header.partition(";")[0]:
        header = f";{header}"  # a client left out the value before the parameters
    escapes = '"' not in _ESCAPED.sub("", header)
    found: dict[str, str] = {}
    for name, quoted, bare in (_ESCAPED if escapes else _UNESCAPED).findall(header):
        value = (quoted or bare).strip().removesuffix('"')
        if escapes and '\\"' in value:
            value = value.replace("\\\\", "\\").replace('\\"', '"')
        found[name.lower()] = value
    return found


def _names(disposition: str) -> tuple[str, str | None]:
    """Return the name of the field and that of the file."""
    if usual := _USUAL.match(disposition):
        return usual[1], usual[2]
    parameters = _parameters(disposition)
    name = _INDEX.sub("", (_text(parameters, "name") or "").strip())
    filename = _text(parameters, "filename")
    if filename and (filename[1:3] == ":\\" or filename[:2] == "\\\\"):
        filename = filename.rpartition("\\")[2]  # the path, as old browsers send
    return name, filename


def _text(parameters: dict[str, str], name: str) -> str | None:
    """Return a parameter, in whichever way its characters are encoded."""
    extended = parameters.get(f"{name}*", "")[:_MAX_TEXT].split("'", 2)
    if len(extended) == 3:  # RFC 5987
        return _in_charset(unquote_to_bytes(extended[2]), extended[0])
    value = parameters.get(name)
    if value and "%" in value:  # as browsers escape quotes and line breaks
        value = value.replace("%0D", "\r").replace("%0A", "\n").replace("%22", '"')
    if value and "=?" in value:  # RFC 2047
        value = _ENCODED_WORD.sub(_encoded_word, value[:_MAX_TEXT])
    return value


def _encoded_word(word: re.Match[str]) -> str:
    charset, encoding, text = word.groups()
    data = text.encode("ascii", "replace")
    try:
        raw = read_base64(data) if encoding in "bB" else binascii.a2b_qp(data, header=True)
    except ValueError:
        return word[0]
    return _in_charset(raw, charset)


def _in_charset(raw: bytes, charset: str) -> str:
    try:
        return raw.decode(charset or "utf-8", "replace")
    except (LookupError, ValueError):
        return raw.decode("utf-8", "replace")
