"""Forms that clients send, and how each client spells the names in them."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

BODIES = Path(__file__).parent / "bodies"


@dataclass(frozen=True)
class Part:
    """A form's field: text, or a file, which may have no name."""

    field: str
    content: str | bytes
    name: str | None = None


# A pixel, and after it what a parser could take for the end of the part.
_PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108000000003a7e9b550000000a49444154789c6360000000020001"
    "48afa4710000000049454e44ae426082"
)
PNG = _PNG + b"\r\n--\r\n--boundary--\r\n------WebKitFormBoundary\r\n\r\n"
GIF = b"GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff,\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;"
URL = "https://example.com/é.jpg?a=b&c=d#e"

# What tests/bodies holds, as each client has sent it.
FORM = (
    Part("image", PNG, 'photo "1" é🚗.png'),
    Part("url", URL),
    Part("image", GIF, "two words; a=b.gif"),
    Part("image", b"", "empty.png"),
    Part("image", PNG),
)


def _as_given(name: str | None) -> str | None:
    return name


def _blob(name: str | None) -> str | None:
    return "blob" if name is None else name


# The names that come back where they are not those given, and why.
_SPELLED: dict[str, Callable[[str | None], str | None]] = {
    # The standard's name for a Blob.
    "node": _blob,
    "chromium": _blob,
    # It percent-encodes names whole. A receiver cannot tell that from a name with percents in
    # it, as browsers send them, and so it comes back so; only %22, a quote, is never a name's.
    "aiohttp": lambda name: quote(name, safe="").replace("%22", '"') if name else "image",
    # They double backslashes, which browsers do not.
    "httpx": lambda name: name and name.replace("\\", "\\\\"),
    "curl --form-escape": lambda name: (
        name.replace("\\", "\\\\") if name and '"' not in name else name
    ),
}


def expected(client: str, parts: tuple[Part, ...] = FORM) -> list[Part]:
    """Give the parts as Carlens should see them, when `client` has sent `parts`.

    A form on a page has no files without a name: in its place stands an input left empty,
    which is no picture.
    """
    spelled = _SPELLED.get(client, _as_given)
    return [
        part
        if isinstance(part.content, str)
        else Part(part.field, part.content, spelled(part.name))
        for part in parts
        if part.name or isinstance(part.content, str) or client != "chromium form"
    ]


def captured_name(client: str) -> str:
    """Give the file in tests/bodies with what `client` has sent."""
    return re.sub(r"\W+", "-", client) + ".mime"


def captured(name: str) -> tuple[str, bytes]:
    """Read the Content-Type and the body that a file in tests/bodies holds."""
    head, _, body = (BODIES / name).read_bytes().partition(b"\r\n\r\n")
    return head.decode().removeprefix("Content-Type: "), body
