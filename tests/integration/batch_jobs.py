"""Runs batch jobs on LocalStack.

with running_localstack() as cloud:
    put_photos(cloud, 60)
    stage = deploy_batch(cloud, folder)
    job = stage.run("fleet", bucket=PHOTOS, operation="predict", size=20)
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.integration.localstack import REGION, STAGE, LocalStack, bootstrap, copy_project
from tests.support import PASSAT, SKODA

PHOTOS = "photos"
PREFIX = "2026/"
_STACKS = (f"carlens-{STAGE}-models", f"carlens-{STAGE}-batch")
_PAGE = 1000
_JOB_SECONDS = 600
# LocalStack starts a process for each part that is processed at once.
_CONCURRENCY = 2
BATCH_SETTINGS = (
    "batch=true",
    f"photo_buckets={PHOTOS}",
    f"batch_concurrency={_CONCURRENCY}",
)


@dataclass(frozen=True)
class JobResult:
    """A finished execution.

    Attributes
    ----------
    arn, status : str
    error, cause : str
        Empty unless it failed.
    output : Any
        None if it failed.
    seconds : float
    """

    arn: str
    status: str
    error: str
    cause: str
    output: Any
    seconds: float


@dataclass(frozen=True)
class BatchStage:
    """The deployed stack of batch jobs.

    Attributes
    ----------
    cloud : LocalStack
    outputs : dict
        The outputs of the stack.
    """

    cloud: LocalStack
    outputs: dict[str, str]

    @property
    def bucket(self) -> str:
        """The results bucket."""
        return self.outputs["ResultsBucketName"]

    def start(self, name: str, **given: Any) -> str:
        """Start a job, and return the ARN of its execution."""
        started = self.cloud.client("stepfunctions").start_execution(
            stateMachineArn=self.outputs["StateMachineArn"], name=name, input=json.dumps(given)
        )
        return str(started["executionArn"])

    def wait(self, arn: str) -> JobResult:
        """Wait for the end of an execution."""
        states, start = self.cloud.client("stepfunctions"), time.monotonic()
        while time.monotonic() - start < _JOB_SECONDS:
            found = states.describe_execution(executionArn=arn)
            if found["status"] != "RUNNING":
                return JobResult(
                    arn,
                    found["status"],
                    found.get("error", ""),
                    found.get("cause", ""),
                    json.loads(found["output"]) if "output" in found else None,
                    time.monotonic() - start,
                )
            time.sleep(0.2)
        raise AssertionError(f"{arn} is still running.\n{self.cloud.log.read_text()[-4000:]}")

    def run(self, name: str, **given: Any) -> JobResult:
        """Run a job."""
        return self.wait(self.start(name, **given))

    def map_runs(self, arn: str) -> list[dict[str, int]]:
        """Return the counts of each map run of an execution, the first one first."""
        states = self.cloud.client("stepfunctions")
        runs = states.list_map_runs(executionArn=arn)["mapRuns"]
        return [
            states.describe_map_run(mapRunArn=run["mapRunArn"])["itemCounts"]
            for run in sorted(runs, key=lambda run: run["startDate"])
        ]

    def parts(self, job: str) -> dict[str, bytes]:
        """Return the results of a job by the name of the file."""
        s3 = self.cloud.client("s3")
        pages = s3.get_paginator("list_objects_v2").paginate(
            Bucket=self.bucket, Prefix=f"results/job={job}/"
        )
        keys = [found["Key"] for page in pages for found in page.get("Contents", ())]
        return {
            key.rpartition("/")[2]: s3.get_object(Bucket=self.bucket, Key=key)["Body"].read()
            for key in keys
        }

    def lines(self, job: str) -> list[dict[str, Any]]:
        """Return the lines of a job, in the order of its parts."""
        return [json.loads(line) for part in self.parts(job).values() for line in part.splitlines()]

    def configure(self, function: str, **changes: Any) -> None:
        """Change the configuration of the function whose handler is in this module."""
        client = self.cloud.client("lambda")
        [found] = [
            each
            for each in client.list_functions()["Functions"]
            if each["Handler"] == f"carlens.functions.{function}.lambda_handler"
        ]
        if "Environment" in changes:
            variables = found["Environment"]["Variables"] | changes["Environment"]
            changes = {**changes, "Environment": {"Variables": variables}}
        name = found["FunctionName"]
        client.update_function_configuration(FunctionName=name, **changes)
        client.get_waiter("function_updated_v2").wait(FunctionName=name)


def photo_keys(count: int) -> list[str]:
    """Return the keys that `put_photos` writes, in the order of S3."""
    # LocalStack loses keys that are not ASCII beyond the first page of a listing.
    word = "été" if count < _PAGE else "photo"
    return [f"{PREFIX}{word} {i:05}{(SKODA, PASSAT)[i % 2].suffix}" for i in range(count)]


def put_photos(cloud: LocalStack, count: int) -> None:
    """Fill the bucket `photos`: two photos by turns, and an object that is not a photo."""
    s3 = cloud.client("s3")
    s3.create_bucket(Bucket=PHOTOS, CreateBucketConfiguration={"LocationConstraint": REGION})
    contents = {path.suffix: path.read_bytes() for path in (SKODA, PASSAT)}
    for key in photo_keys(count):
        s3.put_object(Bucket=PHOTOS, Key=key, Body=contents[Path(key).suffix])
    s3.put_object(Bucket=PHOTOS, Key=f"{PREFIX}readme.txt", Body=b"not a photo")


def deploy_batch(cloud: LocalStack, folder: Path) -> BatchStage:
    """Deploy the models and batch jobs over the bucket `photos`; `folder` is empty."""
    (folder / "empty").mkdir()
    (folder / "project").mkdir()
    bootstrap(folder / "empty", cloud)
    project = copy_project(folder / "project", cloud, (f"stage={STAGE}", *BATCH_SETTINGS))
    project.deploy_fast(*_STACKS)
    return BatchStage(cloud, project.outputs())
