"""What a job needs of the buckets that it lists and writes; `carlens.aws.s3` provides it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import IO, Protocol

from carlens.storage import ListedFile


class Listing(Protocol):
    """A bucket that can be listed."""

    def files(self, prefix: str = "", after: str = "") -> Iterable[ListedFile]:
        """See `carlens.aws.s3.S3Storage.files`."""


class Writable(Protocol):
    """A bucket that can be written."""

    def write(self, key: str, content: bytes | IO[bytes], content_type: str) -> None:
        """See `carlens.aws.s3.S3Storage.write`."""
