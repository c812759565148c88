"""The Lambda function that processes one part of a batch job."""

from __future__ import annotations

from typing import Any

from carlens.aws.metrics import metric_lines
from carlens.aws.s3 import bucket_opener
from carlens.batch.worker import write_part
from carlens.config import Config
from carlens.images.process import configure_process
from carlens.services.recognition_app import RecognitionApp
from carlens.timing import Deadline

# Seconds.
_READ_TIMEOUT = 10
# Kept for finishing the current photo and for writing the results.
_RESERVE = 10

configure_process()
open_bucket = bucket_opener(_READ_TIMEOUT)
app = RecognitionApp(Config.from_env())
app.warm_up()


def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Process a part of a job; see `write_part`."""
    deadline = Deadline.after(context.get_remaining_time_in_millis() / 1000 - _RESERVE)
    summary, stats = write_part(event, app, open_bucket, open_bucket(app.config.results), deadline)
    if app.config.metrics:
        for line in metric_lines(
            namespace=app.config.metrics,
            function=context.function_name,
            request={"job": event["name"], "part": event["part"]},
            stats=stats,
        ):
            print(line, flush=True)
    return summary
