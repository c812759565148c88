"""Files in S3.

Time-outs are short: either a client waits, or Lambda's init phase, which lasts 10 seconds at most.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import cache
from typing import IO, Any

from carlens.storage import (
    BucketMissing,
    FileArchived,
    FileForbidden,
    FileMissing,
    ListedFile,
    StorageError,
    StorageUnavailable,
    check_size,
)

_ERRORS = {
    "AccessDenied": FileForbidden,
    "InvalidObjectState": FileArchived,
    "NoSuchBucket": BucketMissing,
    "NoSuchKey": FileMissing,
}

# Statuses below 500 of requests that may succeed later: Request Timeout, Too Many Requests.
_TEMPORARY = (408, 429)


class S3Storage:
    """Files in a bucket; see `carlens.storage.Storage`.

    Parameters
    ----------
    address : str
        `s3://bucket/prefix`.
    read_timeout : float
        Seconds to wait for the bucket's next bytes.
    attempts : int
        How often boto3 tries a request that gets no answer.
    client : boto3 S3 client, optional
        Made at the first call if not given.
    """

    def __init__(
        self, address: str, *, read_timeout: float, attempts: int = 3, client: Any = None
    ) -> None:
        self._bucket, _, prefix = address.removeprefix("s3://").partition("/")
        self._prefix = f"{prefix.rstrip('/')}/" if prefix.rstrip("/") else ""
        self._read_timeout, self._attempts = read_timeout, attempts
        self._made = client
        self._lock = threading.Lock()

    def names(self) -> list[str]:
        """List the names of the objects directly below the prefix."""
        names = (file.key for file in self.files())
        return sorted(name for name in names if name and "/" not in name)

    def files(self, prefix: str = "", after: str = "") -> Iterator[ListedFile]:
        """List the objects at any depth, in the order of the bytes of their keys.

        Parameters
        ----------
        prefix : str
            How their keys start.
        after : str
            List only keys after this one.

        Raises
        ------
        BucketMissing, FileForbidden
            There is no such bucket, or the function may not list it.
        StorageError
            They cannot be listed for another reason.
        """
        start = {"StartAfter": self._prefix + after} if after else {}
        try:
            pages = self._client.get_paginator("list_objects_v2").paginate(
                Bucket=self._bucket, Prefix=self._prefix + prefix, **start
            )
            for page in pages:
                for found in page.get("Contents", ()):
                    key = found["Key"].removeprefix(self._prefix)
                    yield ListedFile(key, found["LastModified"])
        except Exception as error:  # botocore and urllib3 share no base class for their errors
            raise self._error("list", prefix, error) from error

    def read(self, key: str, *, max_bytes: int) -> bytes:
        """Read an object; see `Storage.read`."""
        try:
            found = self._client.get_object(Bucket=self._bucket, Key=self._prefix + key)
            with closing(found["Body"]) as body:
                check_size(self._address(key), found["ContentLength"], max_bytes)
                return bytes(body.read())
        except StorageError:
            raise
        except Exception as error:  # botocore and urllib3 share no base class for their errors
            raise self._error("read", key, error) from error

    def write(self, key: str, content: bytes | IO[bytes], content_type: str) -> None:
        """Write an object: all of it, or nothing.

        Raises
        ------
        StorageError
            It cannot be written.
        """
        try:
            self._client.put_object(
                Bucket=self._bucket,
                Key=self._prefix + key,
                Body=content,
                ContentType=content_type,
            )
        except Exception as error:  # botocore and urllib3 share no base class for their errors
            raise self._error("write", key, error) from error

    def _error(self, action: str, key: str, error: Exception) -> StorageError:
        return _kind(error)(f"cannot {action} {self._address(key)}: {error}")

    def _address(self, key: str) -> str:
        return f"s3://{self._bucket}/{self._prefix}{key}"

    @property
    def _client(self) -> Any:
        # Making a client is not thread-safe, and several threads may read the first files.
        with self._lock:
            if self._made is None:
                self._made = make_client(self._read_timeout, self._attempts)
            return self._made


def bucket_opener(read_timeout: float) -> Callable[[str], S3Storage]:
    """Return a function that opens a bucket by its name; all share one client, made when used."""
    client = cache(lambda: make_client(read_timeout))
    return lambda bucket: S3Storage(f"s3://{bucket}", read_timeout=read_timeout, client=client())


def make_client(read_timeout: float, attempts: int = 3) -> Any:
    """Make a boto3 S3 client that waits `read_timeout` seconds in each of its attempts."""
    import boto3  # part of Lambda's runtime; not needed where files are in folders
    from botocore.config import Config

    tries = {"total_max_attempts": attempts}
    return boto3.client(
        "s3", config=Config(connect_timeout=1, read_timeout=read_timeout, retries=tries)
    )


def _kind(error: Exception) -> type[StorageError]:
    """Return the error to raise for one of botocore or of the connection."""
    response = getattr(error, "response", None)
    if not isinstance(response, dict):
        return StorageUnavailable
    status = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 500)
    refused = 400 <= status < 500 and status not in _TEMPORARY
    return _ERRORS.get(response["Error"]["Code"], StorageError if refused else StorageUnavailable)
