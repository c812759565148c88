"""Read the bytes of picture sources, within a request's time and the limits of the settings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager

from carlens.config import Config
from carlens.errors import DeadlineExceeded, UrlFailed, UrlRefused
from carlens.inputs.sources import PictureSource, Reader, open_sources
from carlens.timing import Deadline, SharedTime

# Shared by the URLs of a request, so that slow servers cannot hold the function for longer.
_FETCH_SECONDS = 10.0


def open_within(
    sources: Sequence[PictureSource], config: Config, deadline: Deadline
) -> AbstractContextManager[Iterator[Reader]]:
    """Provide a reader for each picture, in order; see `carlens.inputs.sources.open_sources`."""
    shared = SharedTime(_FETCH_SECONDS)
    return open_sources(sources, lambda url: _fetch(url, config, deadline, shared))


def _fetch(url: str, config: Config, deadline: Deadline, shared: SharedTime) -> bytes:
    if not config.urls:
        raise UrlRefused("This deployment fetches no URLs; upload the picture instead.")
    from carlens.inputs import url_fetcher  # only requests with a URL pay for the import

    if deadline.has_passed():
        raise DeadlineExceeded("The request ran out of time before this URL was fetched.")
    try:
        with shared() as seconds:
            if seconds <= 0:
                raise UrlFailed(
                    f"The URLs of this request took {_FETCH_SECONDS:.0f} seconds together, the "
                    "limit; send fewer, or upload the picture."
                )
            return url_fetcher.fetch(
                url,
                max_bytes=config.max_bytes,
                timeout=min(seconds, deadline.seconds_left()),
                allowed_hosts=config.allowed_hosts,
            )
    except UrlFailed as error:
        if not deadline.has_passed():
            raise
        message = "The request ran out of time while this URL was fetched."
        raise DeadlineExceeded(message) from error
