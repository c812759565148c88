"""What the operations have in common: how a part is read, and what comes of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

from carlens.aws.metrics import RequestStats
from carlens.batch.errors import PartOutOfTime
from carlens.batch.photos import read_photo
from carlens.inputs.sources import PictureSource, Reader, SourceField, open_sources
from carlens.storage import Storage


@dataclass(frozen=True)
class PartResult:
    """The results of a part.

    Attributes
    ----------
    lines : str
        A line for each photo, in the order of the keys.
    stats : RequestStats
    """

    lines: str
    stats: RequestStats


def part_sources(keys: Sequence[str]) -> list[PictureSource]:
    """Return a source for each photo."""
    return [PictureSource("image", key, key) for key in keys]


def open_part(
    sources: Sequence[PictureSource], photos: Storage, max_bytes: int
) -> AbstractContextManager[Iterator[Reader]]:
    """Provide a reader for each photo, while the next ones are read."""

    def fetch(_: SourceField, key: str) -> bytes:
        return read_photo(photos, key, max_bytes)

    return open_sources(sources, fetch)


def out_of_time(done: int, photos: int) -> PartOutOfTime:
    """Return the error of a part whose time was enough for some of its photos."""
    return PartOutOfTime(
        f"The time was enough for {done} of {photos} photos; start the job with a smaller size."
    )
