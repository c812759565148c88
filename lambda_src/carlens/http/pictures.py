"""Read the pictures in request bodies."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote_to_bytes

from carlens.errors import (
    InvalidBase64,
    KeyRefused,
    MalformedBody,
    NoPictures,
    NotAnImage,
    PictureError,
    TooManyPictures,
    UnsupportedMediaType,
)
from carlens.http.bodies import media_type, read_base64, read_json
from carlens.http.events import Request
from carlens.http.multipart import FormField, read_form
from carlens.inputs.sources import PictureSource
from carlens.inputs.upload_keys import is_key

_MAX_NAME = 256
# What an item of a JSON body may have.
_KINDS = frozenset({"url", "data", "key"})

_PICTURE_IN_DATA_URL = re.compile(
    rb"\s*+data:(?:image/[^,;]{1,80}|[^,]{0,200};\s*base64)[^,]{0,80},", re.I
)
# How pictures begin in base64: PNG, JPEG, GIF, WebP, BMP, TIFF, HEIC and AVIF.
_PICTURE_IN_BASE64 = re.compile(
    rb"\s*+(?:iVBORw0KGgo|/9j/|R0lGOD|UklGR|Qk[0-3]|SUkqA|TU0AK|AAAA..Z0eX)[A-Za-z0-9+/\s]"
)

_ACCEPTED = "multipart/form-data, application/json, image/* or application/octet-stream"


def read_pictures(request: Request, *, max_pictures: int) -> list[PictureSource]:
    """Find the pictures in a request's body, in the order sent.

    Parameters
    ----------
    request : Request
        Its body is multipart/form-data with fields `image` and `url`, JSON
        `{"images": [{"url"} | {"data", "name"} | {"key", "name"}]}`, or one raw picture.
    max_pictures : int
        The most pictures that a request may carry.

    Raises
    ------
    MalformedBody
        The body does not match its Content-Type.
    NoPictures, TooManyPictures
        The request has no pictures, or more than `max_pictures`.
    UnsupportedMediaType
        The Content-Type is missing, or not one of those above.
    """
    content_type = request.headers.get("content-type", "")
    kind = media_type(content_type)
    if not kind:
        raise UnsupportedMediaType(f"Content-Type is missing; send {_ACCEPTED}.")
    if not request.body:
        raise NoPictures("The body is empty; send at least one picture.")
    sources: list[PictureSource] = []
    for source in _sources(request.body, kind, content_type):
        if len(sources) == max_pictures:
            raise TooManyPictures(
                f"More than {max_pictures} pictures in one request; split them over several."
            )
        sources.append(source)
    if not sources:
        raise NoPictures("No pictures found; name the form fields 'image' (a file) or 'url'.")
    return sources


def _sources(body: bytes, kind: str, content_type: str) -> Iterator[PictureSource]:
    if kind == "multipart/form-data":
        return _from_multipart(body, content_type)
    if kind == "application/json":
        return _from_json(body)
    if kind.startswith("image/") or kind == "application/octet-stream":
        return iter([PictureSource("body", None, _unwrap(body, "The body"))])
    raise UnsupportedMediaType(f"Content-Type {kind[:80]!r} is not supported; send {_ACCEPTED}.")


def _from_multipart(body: bytes, content_type: str) -> Iterator[PictureSource]:
    for number, field in enumerate(read_form(body, content_type), 1):
        if source := _from_field(field, number):
            yield source


def _from_field(field: FormField, number: int) -> PictureSource | None:
    if field.name == "url":
        url = field.content.decode("utf-8", "replace").strip()
        return _from_url(url, "url") if url else None
    is_file = field.filename or field.content_type.startswith("image/")
    if field.name == "image" or (not field.name and is_file):
        # Browsers send an empty part without a file name for a file input that was left empty.
        if field.content or field.filename:
            return PictureSource("image", _name(field.filename), _unwrap(field.content, "image"))
        return None
    if field.name or not field.content:
        return None
    problem = f"Part {number} of the form has no name; name it 'image' or 'url'."
    return PictureSource("image", None, NotAnImage(problem))


def _from_url(url: str, where: str) -> PictureSource:
    if _is_data_url(url):
        return PictureSource("image", None, _read_data_url(url, where))
    bare = url.partition("?")[0].partition("#")[0]
    scheme, separator, rest = bare.partition("://")
    authority, slash, path = rest.partition("/")
    host = authority.rpartition("@")[2]
    return PictureSource("url", _name(f"{scheme}{separator}{host}{slash}{path}"), url)


def _name(text: str | None) -> str | None:
    # JSON input can hold lone surrogates, which the response could not encode.
    return text[:_MAX_NAME].encode("utf-8", "replace").decode() if text else None


def _from_json(body: bytes) -> Iterator[PictureSource]:
    document = read_json(body)
    items = document.get("images") if isinstance(document, dict) else None
    if not isinstance(items, list):
        raise MalformedBody(
            'The JSON body must be {"images": [{"url": …}, {"data": …} or {"key": …}]}.'
        )
    for index, item in enumerate(items):
        yield _from_item(item, f"images[{index}]")


def _from_item(item: Any, where: str) -> PictureSource:
    kinds = _KINDS.intersection(item) if isinstance(item, dict) else ()
    if len(kinds) != 1:
        raise MalformedBody(f"{where} must have one of 'url', 'data' and 'key'.")
    [kind] = kinds
    source, name = item[kind], item.get("name")
    if not isinstance(source, str) or not isinstance(name, str | None):
        raise MalformedBody(f"{where}: 'url', 'data', 'key' and 'name' must be strings.")
    if kind == "url":
        return _from_url(source.strip(), f"{where}.url")
    if kind == "key":
        return PictureSource("key", _name(name or source), _read_key(source, f"{where}.key"))
    read = _read_data_url if _is_data_url(source) else _read_base64
    return PictureSource("image", _name(name), read(source, f"{where}.data"))


def _read_key(key: str, where: str) -> str | PictureError:
    if is_key(key):
        return key
    return KeyRefused(f"{where} is not the key of an upload; take keys from POST /uploads.")


def _is_data_url(url: str) -> bool:
    return url[:5].lower() == "data:"


def _read_data_url(url: str, where: str) -> bytes | PictureError:
    media, comma, data = url.partition("#")[0].partition(",")
    if not comma:
        return InvalidBase64(f"{where} is a data URL without a comma; send the complete URL.")
    content = unquote_to_bytes(data.encode("utf-8", "replace"))
    if media.replace(" ", "").lower().endswith(";base64"):
        return _read_base64(content, where)
    return _unwrap_base64(content, where)


def _read_base64(text: str | bytes, where: str) -> bytes | PictureError:
    try:
        return read_base64(text)
    except ValueError:
        return InvalidBase64(f"{where} is not valid base64; send standard base64 with padding.")


def _unwrap(content: bytes, where: str) -> bytes | PictureError:
    """Return the picture that a file holds as base64 or as a data URL, or the file itself."""
    if _PICTURE_IN_DATA_URL.match(content):
        return _read_data_url(content.decode("latin-1").strip(), where)
    return _unwrap_base64(content, where)


def _unwrap_base64(content: bytes, where: str) -> bytes | PictureError:
    return _read_base64(content, where) if _PICTURE_IN_BASE64.match(content) else content
