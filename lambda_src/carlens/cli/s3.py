"""Photos in S3, read by this computer with the credentials of the environment."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

from carlens.aws.s3 import S3Storage
from carlens.batch.photos import read_photo
from carlens.cli.errors import Problem, Stopped, WrongUsage, unreadable
from carlens.errors import PictureError
from carlens.photo_names import is_photo
from carlens.storage import BucketMissing, FileForbidden, StorageError

_CONNECT_SECONDS, _READ_SECONDS, _TRIES = 10, 60, 5


def split_address(address: str) -> tuple[str, str]:
    """Return the bucket and the prefix or key of `s3://bucket/prefix`.

    Raises
    ------
    WrongUsage
        It is something else.
    """
    scheme, _, rest = address.partition("s3://")
    bucket, _, prefix = rest.partition("/")
    if scheme or not bucket:
        raise WrongUsage(f"{address} must have the form s3://bucket/prefix.")
    return bucket, prefix


def list_photos(bucket: str, prefix: str) -> Iterator[str]:
    """Yield the keys of photos, in the order of S3.

    Raises
    ------
    WrongUsage
        There is no such bucket, or it may not be listed.
    Stopped
        It cannot be listed for another reason.
    """
    try:
        yield from (file.key for file in _bucket(bucket).files(prefix) if is_photo(file.key))
    except (BucketMissing, FileForbidden) as error:
        raise WrongUsage(f"{_sentence(error)}.") from error
    except StorageError as error:
        raise Stopped(f"{_sentence(error)}.") from error


def read_object(address: str, max_bytes: int) -> bytes | Problem:
    """Read a photo, or return why it cannot be read.

    Raises
    ------
    Stopped
        The reason has nothing to do with the photo, such as a broken connection.
    """
    bucket, key = split_address(address)
    try:
        return read_photo(_bucket(bucket), key, max_bytes)
    except PictureError as error:
        return Problem(error.code, error.message)
    except FileForbidden:
        return unreadable("access denied")
    except StorageError as error:
        raise Stopped(f"{_sentence(error)}.") from error


def _bucket(name: str) -> S3Storage:
    return S3Storage(f"s3://{name}", read_timeout=_READ_SECONDS, client=_client())


@cache
def _client() -> Any:
    try:
        import boto3  # only runs over S3 pay for it
        from botocore.config import Config
    except ModuleNotFoundError as error:
        message = "Photos in S3 need the extra aws: pip install 'carlens[aws,cli]'"
        raise WrongUsage(message) from error
    retries = {"mode": "standard", "total_max_attempts": _TRIES}
    return boto3.client(
        "s3",
        config=Config(
            connect_timeout=_CONNECT_SECONDS, read_timeout=_READ_SECONDS, retries=retries
        ),
    )


def _sentence(error: StorageError) -> str:
    text = str(error).rstrip(".")
    return text[:1].upper() + text[1:]
