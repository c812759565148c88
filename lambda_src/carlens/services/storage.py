"""Open the storage that a setting names."""

from __future__ import annotations

from pathlib import Path

from carlens.storage import FolderStorage, PatientStorage, Storage, WritableStorage


def is_s3(address: str) -> bool:
    """Return whether a setting names a bucket rather than a folder."""
    return address.startswith("s3://")


def open_storage(address: str, *, read_timeout: float, retry_seconds: float = 0) -> Storage:
    """Open a storage; nothing is read or connected yet.

    Parameters
    ----------
    address : str
        A folder, or `s3://bucket/prefix`.
    read_timeout : float
        Seconds to wait for a bucket's next bytes.
    retry_seconds : float
        How long to wait and try again while a bucket is unavailable, for all its files together.
        With 0, boto3 tries each request three times, but no download that breaks off.
    """
    if not is_s3(address) or not retry_seconds:
        return open_writable_storage(address, read_timeout=read_timeout)
    from carlens.aws.s3 import S3Storage  # only deployments pay for it

    once = S3Storage(address, read_timeout=read_timeout, attempts=1)
    return PatientStorage(once, seconds=retry_seconds)


def open_writable_storage(address: str, *, read_timeout: float) -> WritableStorage:
    """Open a storage that can also be written; see `open_storage`."""
    if not is_s3(address):
        return FolderStorage(Path(address))
    from carlens.aws.s3 import S3Storage  # only deployments pay for it

    return S3Storage(address, read_timeout=read_timeout)
