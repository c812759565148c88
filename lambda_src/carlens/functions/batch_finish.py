"""The Lambda function that checks the results of a batch job; it needs no layer."""

from __future__ import annotations

from typing import Any

from carlens.aws.s3 import S3Storage
from carlens.batch.finish import finish_job
from carlens.config import Config

# Seconds.
_READ_TIMEOUT = 10

config = Config.from_env()
results = S3Storage(f"s3://{config.results}", read_timeout=_READ_TIMEOUT)


def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Check the results of a job; see `finish_job`."""
    return finish_job(event, results, config.results)
