"""Where models and tables are kept: a folder, or an S3 bucket."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

from carlens.files import replace_file

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

log = logging.getLogger("carlens")

T = TypeVar("T")

# Seconds; doubled after each attempt.
_FIRST_PAUSE = 0.25


class StorageError(Exception):
    """A file cannot be read, or the files cannot be listed; the message is for the log."""


class FileMissing(StorageError):
    """There is no such file."""


class FileForbidden(StorageError):
    """The file may not be read. S3 says the same of a missing file if it may not be listed."""


class FileTooLarge(StorageError):
    """The file has more bytes than the caller allows."""


class FileArchived(StorageError):
    """The file must be restored before it can be read."""


class BucketMissing(StorageError):
    """There is no such bucket."""


class StorageUnavailable(StorageError):
    """The storage is busy or does not answer; the same call may succeed later."""


@dataclass(frozen=True)
class ListedFile:
    """A file in a listing.

    Attributes
    ----------
    key : str
    modified : datetime
        When it was last written.
    """

    key: str
    modified: datetime


class Storage(Protocol):
    """Read-only files below one root."""

    def names(self) -> list[str]:
        """List the names of the files directly below the root.

        Raises
        ------
        StorageError
            They cannot be listed.
        """

    def read(self, key: str, *, max_bytes: int) -> bytes:
        """Read a file.

        Parameters
        ----------
        key : str
            Path relative to the root, with `/` between its parts.
        max_bytes : int
            A larger file is not read.

        Raises
        ------
        FileMissing
            There is no such file.
        FileForbidden
            It may not be read, or there is no such file.
        FileTooLarge
            The file has more than `max_bytes` bytes.
        StorageError
            The file cannot be read for another reason.
        """


class WritableStorage(Storage, Protocol):
    """Files below one root that can also be written."""

    def write(self, key: str, content: bytes, content_type: str) -> None:
        """Write a file: all of it, or nothing.

        Raises
        ------
        StorageError
            It cannot be written.
        """


class FolderStorage:
    """Files in a folder.

    Parameters
    ----------
    root : Path
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    def names(self) -> list[str]:
        """List the names of the files in the folder; a missing folder has none."""
        return sorted(path.name for path in self._root.glob("*") if path.is_file())

    def read(self, key: str, *, max_bytes: int) -> bytes:
        """Read a file; see `Storage.read`."""
        path = self._root / key
        try:
            if not path.is_file():
                raise FileMissing(f"cannot read {path}: no such file")
            check_size(str(path), path.stat().st_size, max_bytes)
            return path.read_bytes()
        except OSError as error:
            raise StorageError(f"cannot read {path}: {error.strerror}") from error

    def write(self, key: str, content: bytes, content_type: str) -> None:
        """Write a file, whose folder exists; see `WritableStorage.write`."""
        path = self._root / key
        try:
            replace_file(path, content)
        except OSError as error:
            raise StorageError(f"cannot write {path}: {error.strerror}") from error


class PatientStorage:
    """Another storage, which is tried again after a pause while it is unavailable.

    Other failures, such as a missing file, are raised at once.

    Parameters
    ----------
    storage : Storage
    seconds : float
        No attempt starts later than this after the storage was opened, whatever the number of
        files.
    clock, sleep : callable, optional
        Tell the time and wait, in seconds.
    """

    def __init__(
        self,
        storage: Storage,
        *,
        seconds: float,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._storage, self._clock, self._sleep = storage, clock, sleep
        self._end = clock() + seconds

    def names(self) -> list[str]:
        """List the names of the files directly below the root; see `Storage.names`."""
        return self._patiently(self._storage.names)

    def read(self, key: str, *, max_bytes: int) -> bytes:
        """Read a file; see `Storage.read`."""
        return self._patiently(lambda: self._storage.read(key, max_bytes=max_bytes))

    def _patiently(self, call: Callable[[], T]) -> T:
        pause = _FIRST_PAUSE
        while True:
            try:
                return call()
            except StorageUnavailable as error:
                if self._clock() + pause > self._end:
                    raise
                log.warning("trying again in %g s: %s", pause, error)
            self._sleep(pause)
            pause *= 2


def check_size(address: str, size: int, max_bytes: int) -> None:
    """Refuse a file that is too large.

    Raises
    ------
    FileTooLarge
        `size` is above `max_bytes`.
    """
    if size > max_bytes:
        raise FileTooLarge(f"{address} has {size} bytes; at most {max_bytes} are allowed")
