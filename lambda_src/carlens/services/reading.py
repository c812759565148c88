"""Read the bytes of picture sources, within a request's time and the limits of the settings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager

from carlens.config import Config
from carlens.errors import DeadlineExceeded, UrlFailed
from carlens.inputs.sources import PictureSource, Reader, open_sources
from carlens.timing import Deadline

_FETCH_SECONDS = 10.0


def open_within(
    sources: Sequence[PictureSource], config: Config, deadline: Deadline
) -> AbstractContextManager[Iterator[Reader]]:
    """Provide a reader for each picture, in order; see `carlens.inputs.sources.open_sources`."""
    return open_sources(sources, lambda url: _fetch(url, config, deadline))


def _fetch(url: str, config: Config, deadline: Deadline) -> bytes:
    from carlens.inputs import url_fetcher  # only requests with a URL pay for the import

    if deadline.has_passed():
        raise DeadlineExceeded("The request ran out of time before this URL was fetched.")
    try:
        return url_fetcher.fetch(
            url,
            max_bytes=config.max_bytes,
            timeout=min(_FETCH_SECONDS, deadline.seconds_left()),
            allowed_hosts=config.allowed_hosts,
        )
    except UrlFailed as error:
        if not deadline.has_passed():
            raise
        message = "The request ran out of time while this URL was fetched."
        raise DeadlineExceeded(message) from error
