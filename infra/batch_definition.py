"""The state machine of a batch job, in the Amazon States Language.

https://docs.aws.amazon.com/step-functions/latest/dg/state-map-distributed.html
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

# The folders of the results bucket.
PLANS = "plans"
RESULTS = "results"
REDACTED = "redacted"
RUNS = "runs"

# Part of the ARN of map runs.
LABEL = "Parts"

# With more failed parts, the map stops and the execution can be redriven. With fewer, the other
# parts are completed, and Finish names those that are missing.
TOLERATED_FAILURES = 10

# The storage would answer the same again.
_NO_STORAGE = ("BucketMissing", "FileForbidden")

_JOB = {"name.$": "$.name", "input.$": "$.input"}
_BACKOFF = {"BackoffRate": 2, "MaxDelaySeconds": 60, "JitterStrategy": "FULL"}


@dataclass(frozen=True, kw_only=True)
class BatchArns:
    """What the states call and write.

    Attributes
    ----------
    plan, worker, finish : str
        ARNs of the functions.
    bucket : str
        Name of the results bucket.
    partition : str
        Partition of AWS, such as `aws`.
    """

    plan: str
    worker: str
    finish: str
    bucket: str
    partition: str


def batch_definition(arns: BatchArns, *, concurrency: int) -> dict[str, Any]:
    """Return the definition: Plan -> Parts (-> Plan -> Parts ...) -> Finish.

    Parameters
    ----------
    arns : BatchArns
    concurrency : int
        Parts that are processed at once.
    """
    start = {
        "Type": "Pass",
        "Parameters": {
            "name.$": "$$.Execution.Name",
            "started.$": "$$.Execution.StartTime",
            "input.$": "$$.Execution.Input",
            "progress": {"rounds": 0, "parts": 0, "photos": 0, "after": ""},
        },
        "Next": "Plan",
    }
    plan = {
        "Type": "Task",
        "Resource": arns.plan,
        "Retry": [_never("InvalidInput", "NoPhotos", *_NO_STORAGE), _retry("States.ALL", 3)],
        "Next": "Parts",
    }
    process = {
        "Type": "Task",
        "Resource": arns.worker,
        "Retry": [
            _never("InvalidInput", "PartOutOfTime", *_NO_STORAGE),
            # Other jobs use the reserved concurrency; they take minutes.
            _retry("Lambda.TooManyRequestsException", 20),
            _retry("States.ALL", 4),
        ],
        "End": True,
    }
    parts = {
        "Type": "Map",
        "Label": LABEL,
        "MaxConcurrency": concurrency,
        "ToleratedFailureCount": TOLERATED_FAILURES,
        "ItemReader": {
            "Resource": f"arn:{arns.partition}:states:::s3:getObject",
            "ReaderConfig": {"InputType": "JSON"},
            "Parameters": {"Bucket": arns.bucket, "Key.$": "$.plan"},
        },
        "ItemSelector": {
            **_JOB,
            "part.$": "$$.Map.Item.Value.part",
            "keys.$": "$$.Map.Item.Value.keys",
        },
        "ItemProcessor": {
            # Express children would be limited to five minutes.
            "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
            "StartAt": "Process",
            "States": {"Process": process},
        },
        # Without it, the outputs of all children would have to fit into 256 KiB.
        "ResultWriter": {
            "Resource": f"arn:{arns.partition}:states:::s3:putObject",
            "Parameters": {"Bucket": arns.bucket, "Prefix": RUNS},
        },
        "ResultPath": "$.run",
        "Next": "More",
    }
    more = {
        "Type": "Choice",
        "Choices": [{"Variable": "$.progress.after", "StringEquals": "", "Next": "Finish"}],
        "Default": "Plan",
    }
    finish = {
        "Type": "Task",
        "Resource": arns.finish,
        "Retry": [_never("PartsMissing", "PartsUnplanned"), _retry("States.ALL", 3)],
        "End": True,
    }
    return {
        "Comment": "Recognize the vehicles in all photos under a prefix, or redact the photos.",
        "StartAt": "Start",
        "States": {
            "Start": start,
            "Plan": plan,
            "Parts": parts,
            "More": more,
            "Finish": finish,
        },
    }


def _never(*errors: str) -> dict[str, Any]:
    return {"ErrorEquals": list(errors), "MaxAttempts": 0}


def _retry(error: str, attempts: int) -> dict[str, Any]:
    return {
        "ErrorEquals": [error],
        "IntervalSeconds": 2,
        "MaxAttempts": attempts,
        **_BACKOFF,
    }
