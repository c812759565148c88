"""What request bodies have in common: encodings, media types, JSON and base64."""

from __future__ import annotations

import json
from typing import Any

import pybase64

from carlens.errors import MalformedBody


def media_type(content_type: str) -> str:
    """Return a Content-Type header's media type in lower case, without parameters."""
    return content_type.partition(";")[0].strip().lower()


def read_json(body: bytes) -> Any:
    """Parse a JSON body.

    Raises
    ------
    MalformedBody
        The body is not JSON, or is nested too deeply.
    """
    try:
        return json.loads(body)
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
