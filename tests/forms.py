"""Forms that clients send, and how each client encodes the file names."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

BODIES = Path(__file__).parent / "bodies"


@dataclass(frozen=True)
class Part:
    """A field of a form: text, or a file with or without a name."""

    field: str
    content: str | bytes
    name: str | None = None


# A picture of one pixel, followed by bytes that a parser could take for the end of the part.
_PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108000000003a7e9b550000000a49444154789c6360000000020001"
    "48afa4710000000049454e44ae426082"
)
PNG = _PNG + b"\r\n--\r\n--boundary--\r\n------WebKitFormBoundary\r\n\r\n"
GIF = b"GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff,\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;"
URL = "https://example.com/é.jpg?a=b&c=d#e"

# The form that each client sent to record tests/bodies.
FORM = (
    Part("image", PNG, 'photo "1" é🚗.png'),
    Part("url", URL),
    Part("image", GIF, "two words; a=b.gif"),
    Part("image", b"", "empty.png"),
    Part("image", PNG),
)


def _unchanged(name: str | None) -> str | None:
    return name


def _blob(name: str | None) -> str | None:
    return "blob" if name is None else name


# Clients that change file names, and how.
_RENAMED: dict[str, Callable[[str | None], str | None]] = {
    # The name of a Blob according to the standard.
    "node": _blob,
    "chromium": _blob,
    # Percent-encodes the whole name. A server cannot tell this from a name that contains percent
    # signs, so it is not decoded; only %22, which browsers send for a quote, is.
    "aiohttp": lambda name: quote(name, safe="").replace("%22", '"') if name else "image",
    # These clients double backslashes; browsers do not.
    "httpx": lambda name: name and name.replace("\\", "\\\\"),
    "curl --form-escape": lambda name: (
        name.replace("\\", "\\\\") if name and '"' not in name else name
    ),
}


def expected(client: str, parts: tuple[Part, ...] = FORM) -> list[Part]:
    """Return the parts that Carlens should read when `client` sends `parts`.

    A form on a page cannot send a file without a name; it has an empty file input instead, which
    is not a picture.
    """
    renamed = _RENAMED.get(client, _unchanged)
    return [
        part
        if isinstance(part.content, str)
        else Part(part.field, part.content, renamed(part.name))
        for part in parts
        if part.name or isinstance(part.content, str) or client != "chromium form"
    ]


def captured_name(client: str) -> str:
    """Return the name of the file in tests/bodies with the body of `client`."""
    return re.sub(r"\W+", "-", client) + ".mime"


def captured(name: str) -> tuple[str, bytes]:
    """Read the Content-Type and the body from a file in tests/bodies."""
    head, _, body = (BODIES / name).read_bytes().partition(b"\r\n\r\n")
    return head.decode().removeprefix("Content-Type: "), body
