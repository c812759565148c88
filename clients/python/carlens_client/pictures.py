"""Pictures to send, and how they are split into requests. Pure, except that it reads files."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path, PurePath
from typing import Any, BinaryIO, TypeAlias, TypeVar

from carlens_client.answers import Features, Limits

T = TypeVar("T")

# What a part of a form takes besides its content and its name.
_PART_BYTES = 400
# Forms for uploads are valid for five minutes, in which so many pictures can be sent.
_UPLOADS_AT_ONCE = 8

_TYPES = {
    "avif": "image/avif",
    "bmp": "image/bmp",
    "gif": "image/gif",
    "heic": "image/heic",
    "heif": "image/heif",
    "png": "image/png",
    "tif": "image/tiff",
    "tiff": "image/tiff",
    "webp": "image/webp",
}


@dataclass(frozen=True)
class Picture:
    """A picture with a name of your choice, which its answer repeats.

    Attributes
    ----------
    source : str, os.PathLike, bytes or file
        A path, an http or https URL, the bytes of the picture, or a file open in binary mode. The
        API names a picture from a URL after its URL.
    name : str, optional
        The name; by default that of the file.
    """

    source: str | os.PathLike[str] | bytes | BinaryIO
    name: str | None = None


# A string that starts with http:// or https:// is a URL, and any other string is a path.
PictureLike: TypeAlias = str | os.PathLike[str] | bytes | BinaryIO | Picture


@dataclass(frozen=True)
class Part:
    """A picture as it is sent.

    Attributes
    ----------
    name : str or None
        The file name.
    size : int
        The bytes that are sent: those of the picture, or those of its URL.
    content : bytes, Path or str
        The picture, its path, which is read when it is sent, or its URL.
    """

    name: str | None
    size: int
    content: bytes | Path | str

    @property
    def content_type(self) -> str:
        """The media type by the suffix of the name; JPEG if it says nothing."""
        return _TYPES.get(PurePath(self.name or "").suffix[1:].lower(), "image/jpeg")

    @property
    def cost(self) -> int:
        """The bytes that it takes in a form; an estimate that is never too low."""
        return self.size + 3 * len((self.name or "").encode()) + _PART_BYTES

    def read(self) -> bytes | str:
        """Return the bytes of the picture, or its URL."""
        return self.content.read_bytes() if isinstance(self.content, Path) else self.content


class Way(Enum):
    """How a picture is sent."""

    FORM = "form"
    UPLOAD = "upload"
    REFUSED = "refused"


@dataclass(frozen=True)
class Batch:
    """The pictures of one request; `first` is the index of the first of them."""

    way: Way
    first: int
    parts: tuple[Part, ...]


def one_or_many(pictures: PictureLike | Iterable[PictureLike]) -> Iterable[PictureLike]:
    """Return the pictures; a single one may be passed without a list."""
    is_one = isinstance(pictures, str | bytes | os.PathLike | Picture) or hasattr(pictures, "read")
    return [pictures] if is_one else pictures  # type: ignore[return-value,list-item]


def part_of(picture: PictureLike) -> Part:
    """Return a picture as it is sent.

    Raises
    ------
    OSError
        There is no such file.
    """
    given = picture if isinstance(picture, Picture) else Picture(picture)
    source, name = given.source, given.name
    if isinstance(source, str) and source.lower().startswith(("http://", "https://")):
        return Part(None, len(source.encode()), source)
    if isinstance(source, bytes):
        return Part(_utf8(name), len(source), source)
    if isinstance(source, str | os.PathLike):
        path = Path(source)
        return Part(_utf8(name or path.name), path.stat().st_size, path)
    content = source.read()
    file_name = getattr(source, "name", None)
    named = PurePath(file_name).name if isinstance(file_name, str) else None
    return Part(_utf8(name or named), len(content), content)


def _utf8(name: str | None) -> str | None:
    # A file name that is not UTF-8 has surrogates, which no request can carry.
    return name and name.encode("utf-8", "replace").decode()


def batches(
    parts: Iterable[Part], limits: Limits, features: Features, most: int | None = None
) -> Iterator[Batch]:
    """Split pictures into requests, in order and lazily.

    Parameters
    ----------
    parts : iterable of Part
        The pictures.
    limits, features : Limits, Features
        Those of the server.
    most : int, optional
        The most pictures in a request, if that is less than what the server takes.
    """

    def way_of(part: Part) -> Way:
        if part.cost <= limits.request_bytes:
            return Way.FORM
        fits = features.uploads and part.size <= limits.picture_bytes
        return Way.UPLOAD if fits else Way.REFUSED

    count, first = min(limits.pictures, most or limits.pictures), 0
    for way, run in itertools.groupby(parts, way_of):
        at_once = min(count, _UPLOADS_AT_ONCE) if way is Way.UPLOAD else count
        room = limits.request_bytes if way is Way.FORM else None
        for chunk in chunks(run, at_once, lambda part: part.cost, room):
            yield Batch(way, first, chunk)
            first += len(chunk)


def chunks(
    items: Iterable[T], most: int, cost: Callable[[T], int], room: int | None
) -> Iterator[tuple[T, ...]]:
    """Split items into chunks, in order and lazily.

    Parameters
    ----------
    items : iterable
        The items.
    most : int
        The most items in a chunk.
    cost : callable
        The cost of an item.
    room : int or None
        The highest total cost of a chunk; an item that costs more is a chunk of its own. None for
        no limit.
    """
    chunk: list[T] = []
    total = 0
    for item in items:
        added = cost(item)
        if chunk and (len(chunk) == most or (room is not None and total + added > room)):
            yield tuple(chunk)
            chunk, total = [], 0
        chunk.append(item)
        total += added
    if chunk:
        yield tuple(chunk)


def too_large(part: Part, limits: Limits, features: Features) -> dict[str, Any]:
    """Return the error of a picture that cannot be sent, in the form of the API."""
    if features.uploads:
        most, advice = limits.picture_bytes, "Scale it down"
    else:
        most = limits.request_bytes
        advice = "This server does not accept uploads; scale it down, or send its URL"
    message = (
        f"The picture has {part.size:,} bytes, and the server accepts about {most:,}. {advice}."
    )
    return {"code": "picture_too_large", "message": message}
