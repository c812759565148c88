"""Read the bytes of picture sources, within a request's time and the limits of the settings."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager

from carlens.config import Config
from carlens.errors import (
    DeadlineExceeded,
    KeyNotFound,
    KeyRefused,
    PictureTooLarge,
    UrlFailed,
    UrlRefused,
)
from carlens.inputs.sources import PictureSource, Reader, SourceField, open_sources
from carlens.services.recognition_app import RecognitionApp
from carlens.storage import FileForbidden, FileMissing, FileTooLarge, Storage, StorageError
from carlens.timing import Deadline, SharedTime

log = logging.getLogger("carlens")

# Shared by the URLs of a request, so that slow servers cannot hold the function for longer.
_FETCH_SECONDS = 10.0


def open_within(
    sources: Sequence[PictureSource], app: RecognitionApp, deadline: Deadline
) -> AbstractContextManager[Iterator[Reader]]:
    """Provide a reader for each picture, in order; see `carlens.inputs.sources.open_sources`."""
    config, uploads, shared = app.config, app.uploads, SharedTime(_FETCH_SECONDS)

    def fetch(field: SourceField, address: str) -> bytes:
        if field == "key":
            return _read_upload(address, uploads, config.max_bytes, deadline)
        return _fetch(address, config, deadline, shared)

    return open_sources(sources, fetch)


def _read_upload(key: str, uploads: Storage | None, max_bytes: int, deadline: Deadline) -> bytes:
    if uploads is None:
        raise KeyRefused("This deployment has no uploads; send the picture itself.")
    if deadline.has_passed():
        raise DeadlineExceeded("The request ran out of time before this upload was read.")
    try:
        return uploads.read(key, max_bytes=max_bytes)
    except FileTooLarge as error:
        message = f"The upload has more than {max_bytes:,} bytes; scale the picture down."
        raise PictureTooLarge(message) from error
    except (FileMissing, FileForbidden) as error:
        message = "Nothing was uploaded under this key, or it expired; upload the picture again."
        raise KeyNotFound(message) from error
    except StorageError as error:
        # Whoever knows a key may use it, so the log does not contain any.
        log.error("an upload cannot be read: %s", str(error).replace(key, "uploads/…"))
        raise KeyNotFound("The upload cannot be read now; try again.") from error


def _fetch(url: str, config: Config, deadline: Deadline, shared: SharedTime) -> bytes:
    if not config.urls:
        raise UrlRefused("This deployment fetches no URLs; send the picture itself.")
    from carlens.inputs import url_fetcher  # only requests with a URL pay for the import

    if deadline.has_passed():
        raise DeadlineExceeded("The request ran out of time before this URL was fetched.")
    try:
        with shared() as seconds:
            if seconds <= 0:
                raise UrlFailed(
                    f"The URLs of this request took {_FETCH_SECONDS:.0f} seconds together, the "
                    "limit; send fewer, or send the picture itself."
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
