"""Open the storage that a setting names."""

from __future__ import annotations

from pathlib import Path

from carlens.storage import FolderStorage, Storage


def is_s3(address: str) -> bool:
    """Return whether a setting names a bucket rather than a folder."""
    return address.startswith("s3://")


def open_storage(address: str, *, read_timeout: float) -> Storage:
    """Open a storage; nothing is read or connected yet.

    Parameters
    ----------
    address : str
        A folder, or `s3://bucket/prefix`.
    read_timeout : float
        Seconds to wait for a bucket's next bytes.
    """
    if is_s3(address):
        from carlens.aws.s3 import S3Storage  # only deployments pay for it

        return S3Storage(address, read_timeout=read_timeout)
    return FolderStorage(Path(address))
