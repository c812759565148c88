"""The Lambda function that plans a batch job."""

from __future__ import annotations

from typing import Any

from carlens.aws.s3 import bucket_opener
from carlens.batch.plan import plan_job
from carlens.config import Config
from carlens.services.recognition_app import RecognitionApp
from carlens.timing import Deadline

# Seconds. A full plan has half a gigabyte, which takes some time to write.
_READ_TIMEOUT = 60
_RESERVE = 120

open_bucket = bucket_opener(_READ_TIMEOUT)
app = RecognitionApp(Config.from_env())


def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Plan a round of a job; see `plan_job`."""
    deadline = Deadline.after(context.get_remaining_time_in_millis() / 1000 - _RESERVE)
    return plan_job(event, app, open_bucket, open_bucket(app.config.results), deadline)
