"""Forms with everything that clients do to them, and two other parsers to compare with."""

from __future__ import annotations

import base64
import random
from collections.abc import Callable
from dataclasses import dataclass, field

import multipart
from werkzeug.http import parse_options_header
from werkzeug.sansio.multipart import Data, Epilogue, Field, File, MultipartDecoder, NeedData

from carlens.errors import MalformedBody
from carlens.http.multipart import read_form

Fields = list[tuple[str, str, bytes]]


class Refused(Exception):
    """A parser refuses a body."""


def carlens_fields(body: bytes, content_type: str) -> Fields:
    try:
        return [
            (each.name, each.filename or "", each.content) for each in read_form(body, content_type)
        ]
    except MalformedBody as error:
        raise Refused from error


def multipart_fields(body: bytes, content_type: str) -> Fields:
    found: Fields = []
    try:
        boundary = multipart.parse_options_header(content_type)[1].get("boundary", "")
        with multipart.PushMultipartParser(boundary) as parser:
            for event in parser.parse(body):
                if isinstance(event, multipart.MultipartSegment):
                    found.append((event.name, event.filename or "", b""))
                elif event is not None:
                    found[-1] = (*found[-1][:2], found[-1][2] + event)
    except multipart.MultipartError as error:
        raise Refused from error
    return found


def werkzeug_fields(body: bytes, content_type: str) -> Fields:
    found: Fields = []
    boundary = parse_options_header(content_type)[1].get("boundary", "")
    if not boundary:
        raise Refused
    decoder = MultipartDecoder(boundary.encode("latin-1", "replace"))
    try:
        decoder.receive_data(body)
        decoder.receive_data(None)
        while not isinstance(event := decoder.next_event(), Epilogue):
            if isinstance(event, NeedData):
                raise Refused
            if isinstance(event, Field | File):
                found.append((event.name or "", getattr(event, "filename", None) or "", b""))
            elif isinstance(event, Data):
                found[-1] = (*found[-1][:2], found[-1][2] + event.data)
    except (ValueError, KeyError, LookupError) as error:  # it checks little before it unpacks
        raise Refused from error
    return found


Parser = Callable[[bytes, str], Fields]
OTHERS: dict[str, Parser] = {"multipart": multipart_fields, "Werkzeug": werkzeug_fields}


def outcome(parse: Parser, body: bytes, content_type: str) -> Fields | None:
    """Return the fields, or None if the parser refuses the body."""
    try:
        return parse(body, content_type)
    except Refused:
        return None


@dataclass
class Part:
    """A part of a form, as it is written, and the field that it means."""

    name: str
    filename: str
    content: bytes
    written: bytes = b""
    disposition: str = ""
    headers: list[str] = field(default_factory=list)
    separator: str = "\r\n\r\n"


@dataclass
class Form:
    """A form to be written."""

    boundary: str
    parts: list[Part]
    header: str = ""
    line: str = "\r\n"
    padding: str = ""
    between: str = ""
    before: bytes = b""
    after: bytes = b"\r\n"
    closing: str = "--"
    ended: bool = True

    @property
    def fields(self) -> Fields:
        """What the form means."""
        return [(part.name, part.filename, part.content) for part in self.parts]

    def write(self) -> tuple[bytes, str]:
        """Return the body and the Content-Type."""
        body = bytearray(self.before)
        for part in self.parts:
            head = self.line.join(filter(None, [part.disposition, *part.headers]))
            separator = part.separator.replace("\r\n", self.line)
            if not head:
                separator = self.line
            body += f"--{self.boundary}{self.padding}{self.line}{head}{separator}".encode()
            body += part.written + f"{self.line}{self.between}".encode()
        if self.ended:
            body += f"--{self.boundary}{self.closing}".encode() + self.after
        return bytes(body), self.header


# Pieces of files that a parser may take for something else.
_PIECES = (
    b"\r\n",
    b"\n",
    b"\r",
    b"-",
    b"--",
    b"\r\n--",
    b"\0",
    b"\xff",
    b"a",
    b"--xyz",
    b": ",
    b'"',
)
_NAMES = ("image", "url", "note", "été", "a b")
_FILES = ("a.png", "two words.jpg", "été 🚗.jpg", "a;b=c.gif", "100%.png", "it's.png")
_BOUNDARIES = "abcXYZ019'()+_,-."


def make_form(chance: random.Random) -> Form:
    """Make a form that every parser should read."""
    boundary = "".join(chance.choices(_BOUNDARIES, k=chance.randint(1, 40))) + "z"
    parts = []
    for _ in range(chance.randint(1, 4)):
        content = b"".join(chance.choices(_PIECES, k=chance.randint(0, 12)))
        name, filename = chance.choice(_NAMES), chance.choice((*_FILES, ""))
        disposition = f'Content-Disposition: form-data; name="{name}"'
        if filename:
            disposition += f'; filename="{filename}"'
        headers = ["Content-Type: image/png"] if chance.random() < 0.5 else []
        parts.append(Part(name, filename, content, content, disposition, headers))
    header = f'multipart/form-data; boundary="{boundary}"'
    before = b"preamble\r\n" if chance.random() < 0.2 else b""
    return Form(boundary, parts, header, before=before)


def _each(change: Callable[[Part, random.Random], object]) -> Callable[[Form, random.Random], None]:
    def apply(form: Form, chance: random.Random) -> None:
        for part in form.parts:
            change(part, chance)

    return apply


def _set(**values: object) -> Callable[[Form, random.Random], None]:
    def apply(form: Form, _: random.Random) -> None:
        for name, value in values.items():
            setattr(form, name, value)

    return apply


def _headers(*choices: str) -> Callable[[Form, random.Random], None]:
    return _each(lambda part, chance: part.headers.append(chance.choice(choices)))


def _written_as(name: str, written: str) -> Callable[[Form, random.Random], None]:
    """Give each part this file name, and write the disposition so."""

    def change(part: Part, _: random.Random) -> None:
        part.name, part.filename, part.disposition = (
            "image",
            name,
            f"Content-Disposition: {written}",
        )

    return _each(change)


def _header(template: str) -> Callable[[Form, random.Random], None]:
    def apply(form: Form, _: random.Random) -> None:
        form.header = template.format(form.boundary)

    return apply


def _with_boundary(boundary: str) -> Callable[[Form, random.Random], None]:
    def apply(form: Form, _: random.Random) -> None:
        form.boundary, form.header = boundary, f"multipart/form-data; boundary={boundary}"

    return apply


def _bare_lf(form: Form, _: random.Random) -> None:
    form.line, form.before, form.after = "\n", b"", b"\n"


def _content(part: Part, content: bytes, written: bytes | None = None) -> None:
    part.content, part.written = content, content if written is None else written


def _base64(part: Part, chance: random.Random) -> None:
    _content(part, part.content, base64.encodebytes(part.content).rstrip(b"\n"))
    part.headers.append("Content-Transfer-Encoding: base64")


def _quoted_printable(part: Part, _: random.Random) -> None:
    _content(part, part.content, b"".join(b"=%02X" % byte for byte in part.content))
    part.headers.append("Content-Transfer-Encoding: quoted-printable")


def _no_name(part: Part, _: random.Random) -> None:
    part.name, part.disposition = "", 'Content-Disposition: form-data; filename="a.png"'
    part.filename = "a.png"


def _no_headers(part: Part, _: random.Random) -> None:
    part.name = part.filename = part.disposition = ""
    part.headers = []
    _content(part, b"text" + part.content)


def _nested(part: Part, chance: random.Random) -> None:
    _content(part, b"A")
    part.name, part.filename = "image", "b.png"
    part.disposition = 'Content-Disposition: form-data; name="image"'
    part.headers = ["Content-Type: multipart/mixed; boundary=in"]
    part.written = b'--in\r\nContent-Disposition: file; filename="b.png"\r\n\r\nA\r\n--in--'


def _longer_line(form: Form, _: random.Random) -> None:
    for part in form.parts:
        _content(part, b"a\r\n--" + form.boundary.encode() + b"z\r\nb")


def _lf_line(form: Form, _: random.Random) -> None:
    for part in form.parts:
        _content(part, b"a\n--" + form.boundary.encode() + b"\nb")


def _first_line(form: Form, _: random.Random) -> None:
    for part in form.parts:
        _content(part, b"--" + form.boundary.encode() + b"\r\nb")


def _no_blank_line(part: Part, _: random.Random) -> None:
    _content(part, b"")
    part.separator = ""


# What clients do to a form, by its name in the table of docs/requests.md.
ODDITIES: dict[str, Callable[[Form, random.Random], None]] = {
    "bare line feeds as line breaks": _bare_lf,
    "spaces or tabs after a boundary": _set(padding=" \t"),
    "a last boundary without its dashes": _set(closing=""),
    "no last boundary": _set(ended=False),
    "text after the last boundary": _set(after=b"\r\nepilogue\r\n--x"),
    "text on the line of the last boundary": _set(after=b" end"),
    "an unquoted boundary with `=`": _with_boundary("----=_Part_1_23.4"),
    "an unquoted boundary with `/`, `:` or `?`": _with_boundary("a/b:c?d"),
    "spaces around the `=` of the boundary": _header('multipart/form-data; boundary = "{}"'),
    "a boundary in single quotes": _header("multipart/form-data; boundary='{}'"),
    "the dashes of the lines in the header": _header('multipart/form-data; boundary="--{}"'),
    "no boundary in the header": _header("multipart/form-data"),
    "another boundary in the header": _header("multipart/form-data; boundary=other"),
    "two boundaries in a row": lambda form, _: setattr(form, "between", f"--{form.boundary}\r\n"),
    "a line that continues after the boundary": _longer_line,
    "a boundary after a bare line feed in a file": _lf_line,
    "a boundary as the first line of a file": _first_line,
    "a header name with a dot": _headers("X.Trace: 1"),
    "a header line without a colon": _headers("nonsense"),
    "more than eight headers": _each(lambda part, _: part.headers.extend(f"X-{i}: 1" for i in range(20))),
    "a header of 9,000 characters": _headers("X: " + "y" * 9000),
    "a wrong Content-Length of a part": _headers("Content-Length: 9999", "Content-Length: many"),
    "a folded header": _headers("X-Folded: a\r\n\tb"),
    "the type `file` or `attachment`": _each(
        lambda part, chance: setattr(
            part, "disposition", part.disposition.replace("form-data", chance.choice(("file", "attachment")))
        )
    ),
    "no type before the name": _written_as("a.png", 'name="image"; filename="a.png"'),
    "tabs between the parameters": _written_as("a.png", 'form-data;\tname="image";\tfilename="a.png"'),
    "a file name without quotes, with spaces": _written_as("my a.png", 'form-data; name="image"; filename=my a.png'),
    "a file name with bare quotes": _written_as('a"b".png', 'form-data; name="image"; filename="a"b".png"'),
    "a file name with escaped quotes": _written_as('a"b".png', r'form-data; name="image"; filename="a\"b\".png"'),
    "a file name with `%22`": _written_as('a"b".png', 'form-data; name="image"; filename="a%22b%22.png"'),
    "a file name that ends in a backslash": _written_as("a\\", 'form-data; filename="a\\"; name="image"'),
    "a Windows path": _written_as("a.png", r'form-data; name="image"; filename="C:\dir\a.png"'),
    "`filename*` alone": _written_as("é.png", "form-data; name=\"image\"; filename*=UTF-8''%C3%A9.png"),
    "`filename` and `filename*`": _written_as(
        "é.png", "form-data; name=\"image\"; filename=\"e.png\"; filename*=UTF-8''%C3%A9.png"
    ),
    "RFC 2047 names": _written_as("é.png", 'form-data; name="image"; filename="=?utf-8?b?w6kucG5n?="'),
    "two names": _written_as("a.png", 'form-data; name="other"; name="image"; filename="a.png"'),
    "`image[]` and `image[0]`": _written_as("a.png", 'form-data; name="image[]"; filename="a.png"'),
    "a base64 part": _each(_base64),
    "a quoted-printable part": _each(_quoted_printable),
    "a part without a name": _each(_no_name),
    "a part without headers": _each(_no_headers),
    "a part without a blank line": _each(_no_blank_line),
    "a nested `multipart/mixed`": _each(_nested),
}  # fmt: skip


_JUNK = (
    b"\r\n", b"\n", b"\r", b"--", b'"', b";", b":", b"=", b" ", b"\t", b"\\", b"\0", b"\xff", b"%", b"'", b"*", b"=?",
)  # fmt: skip


def damage(body: bytes, chance: random.Random) -> bytes:
    """Insert, delete, replace or repeat a few bytes."""
    data = bytearray(body)
    for _ in range(chance.randint(1, 3)):
        at, how = chance.randrange(len(data) + 1), chance.randrange(4)
        if how == 0:
            data[at:at] = chance.choice(_JUNK)
        elif how == 1:
            del data[at : at + chance.randint(1, 8)]
        elif how == 2:
            data[at : at + 1] = chance.choice(_JUNK)
        else:
            start = chance.randrange(len(data))
            data[at:at] = data[start : start + chance.randint(1, 60)]
    return bytes(data)
