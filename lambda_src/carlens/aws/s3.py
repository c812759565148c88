"""Files in S3.

Time-outs are short: either a client waits, or Lambda's init phase, which lasts 10 seconds at most.
"""

from __future__ import annotations

import threading
from contextlib import closing
from typing import Any

from carlens.storage import FileForbidden, FileMissing, StorageError, check_size

_ERRORS = {"NoSuchKey": FileMissing, "AccessDenied": FileForbidden}


class S3Storage:
    """Files in a bucket; see `carlens.storage.Storage`.

    Parameters
    ----------
    address : str
        `s3://bucket/prefix`.
    read_timeout : float
        Seconds to wait for the bucket's next bytes.
    client : boto3 S3 client, optional
        Made at the first call if not given.
    """

    def __init__(self, address: str, *, read_timeout: float, client: Any = None) -> None:
        self._bucket, _, prefix = address.removeprefix("s3://").partition("/")
        self._prefix = f"{prefix.rstrip('/')}/" if prefix.rstrip("/") else ""
        self._read_timeout = read_timeout
        self._made = client
        self._lock = threading.Lock()

    def names(self) -> list[str]:
        """List the names of the objects directly below the prefix."""
        try:
            pages = self._client.get_paginator("list_objects_v2").paginate(
                Bucket=self._bucket, Prefix=self._prefix
            )
            keys = [item["Key"] for page in pages for item in page.get("Contents", ())]
        except Exception as error:  # botocore and urllib3 share no base class for their errors
            raise StorageError(f"cannot list {self._address('')}: {error}") from error
        names = (key.removeprefix(self._prefix) for key in keys)
        return sorted(name for name in names if name and "/" not in name)

    def read(self, key: str, *, max_bytes: int) -> bytes:
        """Read an object; see `Storage.read`."""
        address = self._address(key)
        try:
            found = self._client.get_object(Bucket=self._bucket, Key=self._prefix + key)
            with closing(found["Body"]) as body:
                check_size(address, found["ContentLength"], max_bytes)
                return bytes(body.read())
        except StorageError:
            raise
        except Exception as error:  # botocore and urllib3 share no base class for their errors
            kind = _ERRORS.get(_error_code(error), StorageError)
            raise kind(f"cannot read {address}: {error}") from error

    def _address(self, key: str) -> str:
        return f"s3://{self._bucket}/{self._prefix}{key}"

    @property
    def _client(self) -> Any:
        # Making a client is not thread-safe, and several threads may read the first files.
        with self._lock:
            if self._made is None:
                self._made = make_client(self._read_timeout)
            return self._made


def make_client(read_timeout: float) -> Any:
    """Make a boto3 S3 client that tries three times, waiting `read_timeout` seconds each time."""
    import boto3  # part of Lambda's runtime; not needed where files are in folders
    from botocore.config import Config

    tries = {"total_max_attempts": 3}
    return boto3.client(
        "s3", config=Config(connect_timeout=1, read_timeout=read_timeout, retries=tries)
    )


def _error_code(error: Exception) -> str:
    response = getattr(error, "response", None)
    return str(response["Error"]["Code"]) if isinstance(response, dict) else ""
