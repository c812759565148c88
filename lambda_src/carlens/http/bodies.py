"""What request bodies have in common: encodings, media types, JSON and base64."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pybase64

from carlens.compression import TooLarge, UnknownCompression, decompress, starts_compressed
from carlens.errors import MalformedBody, PayloadTooLarge, UnsupportedMediaType

# As much as the gateway accepts without compression.
_MAX_BODY = 10 * 1024 * 1024
# A gzip body of a media type that the gateway takes for text: its second byte is not UTF-8.
_GARBLED = b"\x1f\xef\xbf\xbd"


def media_type(content_type: str) -> str:
    """Return a Content-Type header's media type in lower case, without parameters."""
    return content_type.partition(";")[0].strip().lower()


def decompress_body(body: bytes, content_encoding: str) -> bytes:
    """Undo the Content-Encoding of a request's body.

    API Gateway decompresses bodies, but leaves the header in place. A body that does not start like
    compressed data is therefore returned as it is.

    Raises
    ------
    MalformedBody
        The body is damaged or incomplete.
    PayloadTooLarge
        It has too many bytes once it is decompressed.
    UnsupportedMediaType
        The encoding is not supported, or did not pass the gateway.
    """
    try:
        return decompress(body, content_encoding, _MAX_BODY)
    except UnknownCompression as error:
        raise UnsupportedMediaType(
            f"Content-Encoding {error.args[0]!r} is not supported; use gzip, or none."
        ) from error
    except TooLarge as error:
        raise PayloadTooLarge(
            f"The body has more than {_MAX_BODY:,} bytes once it is decompressed; send less."
        ) from error
    except ValueError as error:
        if body.startswith(_GARBLED):
            raise UnsupportedMediaType(
                "The gateway passes compressed bodies only for forms, pictures and CSV; send this "
                "one uncompressed."
            ) from error
        if not starts_compressed(body):
            return body
        raise MalformedBody(
            f"The body cannot be decompressed as its Content-Encoding {content_encoding[:40]!r} "
            "says; send the complete body, or leave out the header."
        ) from error


def read_json(body: bytes, *, parse_number: Callable[[str], Any] | None = None) -> Any:
    """Parse a JSON body.

    Parameters
    ----------
    parse_number : callable, optional
        Gets the text of each number and returns its value; by default an int or a float.

    Raises
    ------
    MalformedBody
        The body is not JSON, or is nested too deeply.
    """
    try:
        return json.loads(body, parse_int=parse_number, parse_float=parse_number)
    except RecursionError as error:
        raise MalformedBody("The JSON body is nested too deeply; send a flatter one.") from error
    except json.JSONDecodeError as error:
        raise MalformedBody(f"The body is not valid JSON: {error}.") from error
    except UnicodeDecodeError as error:
        raise MalformedBody("The JSON body is not UTF-8; encode it as UTF-8.") from error
    except ValueError as error:  # Python parses numbers of at most 4,300 digits
        raise MalformedBody("A number in the JSON body has too many digits; shorten it.") from error


def strict_base64(text: str | bytes) -> bytes:
    """Decode standard base64, padded, without line breaks or other characters.

    pybase64, because the standard library takes 40 times as long.

    Raises
    ------
    ValueError
        The text is anything else.
    """
    return pybase64.b64decode(text, validate=True)


def read_base64(text: str | bytes) -> bytes:
    """Decode base64 that may have line breaks, indentation and surrounding space.

    A space within a line is not accepted, because it may be a `+` that a form has decoded.

    Raises
    ------
    ValueError
        The text is anything else.
    """
    try:
        return strict_base64(text)
    except ValueError:
        lines = (text.encode("ascii") if isinstance(text, str) else text).splitlines()
        return strict_base64(b"".join(line.strip() for line in lines))
