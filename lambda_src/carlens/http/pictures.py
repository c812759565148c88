"""Read the pictures in request bodies."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from carlens.errors import (
    InvalidBase64,
    MalformedBody,
    NoPictures,
    PictureError,
    TooManyPictures,
    UnsupportedMediaType,
)
from carlens.http.bodies import media_type, read_json, strict_base64
from carlens.http.events import Request
from carlens.http.multipart import read_form
from carlens.inputs.sources import PictureSource

_MAX_NAME = 256

_ACCEPTED = "multipart/form-data, application/json, image/* or application/octet-stream"


def read_pictures(request: Request, *, max_pictures: int) -> list[PictureSource]:
    """Find the pictures in a request's body, in the order sent.

    Parameters
    ----------
    request : Request
        Its body is multipart/form-data with fields `image` and `url`, JSON
        `{"images": [{"url"} | {"data", "name"}]}`, or one raw picture.
    max_pictures : int
        The most pictures that a request may carry.

    Raises
    ------
    MalformedBody
        The body does not match its Content-Type.
    NoPictures, TooManyPictures, UnsupportedMediaType
        As their names say.
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
        return iter([PictureSource("body", None, body)])
    raise UnsupportedMediaType(f"Content-Type {kind[:80]!r} is not supported; send {_ACCEPTED}.")


def _from_multipart(body: bytes, content_type: str) -> Iterator[PictureSource]:
    for field in read_form(body, content_type):
        # Browsers send an empty part without a name for a file input that was left empty.
        if field.name == "image" and (field.content or field.filename):
            yield PictureSource("image", _name(field.filename), field.content)
        elif field.name == "url" and field.content.strip():
            yield _from_url(field.content.decode("utf-8", "replace").strip(), "url")


def _from_url(url: str, where: str) -> PictureSource:
    if _is_data_url(url):
        return _from_base64(url, None, where)
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
        raise MalformedBody('The JSON body must be {"images": [{"url": …} or {"data": …}]}.')
    for index, item in enumerate(items):
        yield _from_item(item, f"images[{index}]")


def _from_item(item: Any, where: str) -> PictureSource:
    if not isinstance(item, dict) or ("url" in item) == ("data" in item):
        raise MalformedBody(f"{where} must have either 'url' or 'data'.")
    source = item.get("url", item.get("data"))
    name = item.get("name")
    if not isinstance(source, str) or not isinstance(name, str | None):
        raise MalformedBody(f"{where}: 'url', 'data' and 'name' must be strings.")
    if "url" in item:
        return _from_url(source.strip(), f"{where}.url")
    return _from_base64(source, name, f"{where}.data")


def _is_data_url(url: str) -> bool:
    return url[:5].lower() == "data:"


def _from_base64(text: str, name: str | None, where: str) -> PictureSource:
    content: bytes | PictureError
    try:
        content = strict_base64(text.partition(",")[2] if _is_data_url(text) else text)
    except ValueError:
        content = InvalidBase64(
            f"{where} is not valid base64; send it without line breaks or spaces."
        )
    return PictureSource("image", _name(name), content)
