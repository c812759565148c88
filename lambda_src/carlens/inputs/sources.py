"""The pictures that a request names, before their bytes are read."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import Literal

from carlens.errors import PictureError

SourceField = Literal["image", "url", "body", "key"]

# Each fetched picture waits in memory, so this bounds the memory of a request.
_FETCHES_AHEAD = 8


@dataclass(frozen=True)
class PictureSource:
    """One picture of a request.

    Attributes
    ----------
    field : str
        How it was sent: form field `image` or `url`, the raw `body`, or the `key` of an upload.
    name : str or None
        The client's file name, the URL without its query and credentials, or the key.
    content : bytes, str or PictureError
        The encoded picture, the URL or key to fetch, or the reason why there is neither.
    """

    field: SourceField
    name: str | None
    content: bytes | str | PictureError


# Gets the field and the content of a source whose content is a text.
Fetch = Callable[[SourceField, str], bytes]
# Returns the encoded picture, or raises the PictureError that fails it.
Reader = Callable[[], bytes]


@contextmanager
def open_sources(sources: Sequence[PictureSource], fetch: Fetch) -> Iterator[Iterator[Reader]]:
    """Provide a reader for each picture, in order, while the next few are fetched.

    A reader must be called before the next one is taken. A fetched picture is released when
    the next reader is taken.

    Parameters
    ----------
    sources : sequence of PictureSource
    fetch : callable
        Reads a URL or a key, or raises a PictureError. Called in background threads.
    """
    pool = ThreadPoolExecutor(_FETCHES_AHEAD)  # starts no thread before the first fetch
    try:
        yield _readers(sources, fetch, pool)
    finally:
        # Running fetches are left to end at the request's deadline.
        pool.shutdown(wait=False, cancel_futures=True)


def _readers(
    sources: Sequence[PictureSource], fetch: Fetch, pool: ThreadPoolExecutor
) -> Iterator[Reader]:
    started = (
        pool.submit(fetch, source.field, source.content)
        for source in sources
        if isinstance(source.content, str)
    )
    fetches = deque(islice(started, _FETCHES_AHEAD))
    for source in sources:
        if isinstance(source.content, str):
            yield fetches.popleft().result
            fetches.extend(islice(started, 1))
        else:
            yield _reader_of(source.content)


def _reader_of(content: bytes | PictureError) -> Reader:
    def read() -> bytes:
        if isinstance(content, PictureError):
            raise content
        return content

    return read
