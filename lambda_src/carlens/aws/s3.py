"""S3, with little patience: who waits for it is a caller, or Lambda's init of 10 seconds."""

from __future__ import annotations

from typing import Any


def client(*, read_timeout: float) -> Any:
    """Make a boto3 S3 client that tries three times.

    Parameters
    ----------
    read_timeout : float
        Seconds that the bucket may be silent.
    """
    import boto3  # Lambda's own copy; a laptop with its files in folders needs none
    from botocore.config import Config

    tries = {"total_max_attempts": 3}
    return boto3.client(
        "s3", config=Config(connect_timeout=1, read_timeout=read_timeout, retries=tries)
    )


def split(address: str) -> tuple[str, str]:
    """Give bucket and prefix of `s3://bucket/prefix`; the prefix without slashes at its end."""
    bucket, _, prefix = address.removeprefix("s3://").partition("/")
    return bucket, prefix.rstrip("/")
