"""A request's body -> the pictures it carries, in the order sent."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from carlens.errors import (
    InvalidBase64,
    MalformedBody,
    NoPictures,
    PictureError,
    TooManyPictures,
    UnsupportedMediaType,
)
from carlens.http.events import Request, media_type, read_json, strict_base64
from carlens.http.multipart import read_form

Field = Literal["image", "url", "body"]

_MAX_NAME = 256

_ACCEPTED = "multipart/form-data, application/json, image/* or application/octet-stream"


@dataclass(frozen=True)
class Upload:
    """One picture of a request, not read yet.

    Attributes
    ----------
    field : str
        How it came: form field `image` or `url`, or the raw `body`.
    name : str or None
        The file name that the client gave, or the URL without query and credentials.
    content : bytes, str or PictureError
        The encoded picture, the URL where it is, or why there is neither.
    """

    field: Field
    name: str | None
    content: bytes | str | PictureError


def read_uploads(request: Request, *, max_pictures: int) -> list[Upload]:
    """Find the pictures in a request's body.

    Parameters
    ----------
    request : Request
        Its body is multipart/form-data with fields `image` and `url`, JSON
        `{"images": [{"url"} | {"data", "name"}]}`, or one raw picture.
    max_pictures : int
        How many pictures a request may carry.

    Raises
    ------
    MalformedBody
        The body is not what its Content-Type says.
    NoPictures, TooManyPictures, UnsupportedMediaType
        As their names say.
    """
    content_type = request.headers.get("content-type", "")
    kind = media_type(content_type)
    if not kind:
        raise UnsupportedMediaType(f"Content-Type is missing; send {_ACCEPTED}.")
    if not request.body:
        raise NoPictures("The body is empty; send at least one picture.")
    if kind == "multipart/form-data":
        found = _from_multipart(request.body, content_type)
    elif kind == "application/json":
        found = _from_json(request.body)
    elif kind.startswith("image/") or kind == "application/octet-stream":
        found = iter([Upload("body", None, request.body)])
    else:
        raise UnsupportedMediaType(f"Content-Type {kind[:80]!r} is not read; send {_ACCEPTED}.")

    uploads: list[Upload] = []
    for upload in found:
        if len(uploads) == max_pictures:
            raise TooManyPictures(
                f"More than {max_pictures} pictures in one request; send them in several."
            )
        uploads.append(upload)
    if not uploads:
        raise NoPictures("No picture found; name the form fields 'image' (a file) or 'url'.")
    return uploads


def _from_multipart(body: bytes, content_type: str) -> Iterator[Upload]:
    for field in read_form(body, content_type):
        # A browser sends an empty, nameless part for a file input left empty.
        if field.name == "image" and (field.content or field.filename):
            yield Upload("image", _name(field.filename), field.content)
        elif field.name == "url" and field.content.strip():
            yield _from_url(field.content.decode("utf-8", "replace").strip(), "url")


def _from_url(url: str, where: str) -> Upload:
    if _is_data(url):
        return _from_base64(url, None, where)
    bare = url.partition("?")[0].partition("#")[0]
    scheme, separator, rest = bare.partition("://")
    authority, slash, path = rest.partition("/")
    host = authority.rpartition("@")[2]
    return Upload("url", _name(f"{scheme}{separator}{host}{slash}{path}"), url)


def _name(text: str | None) -> str | None:
    # JSON can say half a character, which UTF-8 and so the answer cannot.
    return text[:_MAX_NAME].encode("utf-8", "replace").decode() if text else None


def _from_json(body: bytes) -> Iterator[Upload]:
    document = read_json(body)
    items = document.get("images") if isinstance(document, dict) else None
    if not isinstance(items, list):
        raise MalformedBody('The JSON body must be {"images": [{"url": …} or {"data": …}]}.')
    for index, item in enumerate(items):
        yield _from_item(item, f"images[{index}]")


def _from_item(item: Any, where: str) -> Upload:
    if not isinstance(item, dict) or ("url" in item) == ("data" in item):
        raise MalformedBody(f"{where} must have either 'url' or 'data'.")
    source = item.get("url", item.get("data"))
    name = item.get("name")
    if not isinstance(source, str) or not isinstance(name, str | None):
        raise MalformedBody(f"{where}: 'url', 'data' and 'name' must be strings.")
    if "url" in item:
        return _from_url(source.strip(), f"{where}.url")
    return _from_base64(source, name, f"{where}.data")


def _is_data(url: str) -> bool:
    return url[:5].lower() == "data:"


def _from_base64(text: str, name: str | None, where: str) -> Upload:
    content: bytes | PictureError
    try:
        content = strict_base64(text.partition(",")[2] if _is_data(text) else text)
    except ValueError:
        content = InvalidBase64(f"{where} is not base64; send it without line breaks or spaces.")
    return Upload("image", _name(name), content)
