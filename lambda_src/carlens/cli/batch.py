"""Jobs over the photos of an S3 bucket on AWS: `carlens batch`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from carlens.cli.errors import Stopped, WrongUsage
from carlens.cli.exports import export
from carlens.cli.results_file import is_failed, read_entries
from carlens.cli.s3 import split_address
from carlens.cli.task import Task
from carlens.files import replacing

_GOING_ON = frozenset({"RUNNING", "PENDING_REDRIVE"})


@dataclass(frozen=True)
class Status:
    """How far a job is.

    Attributes
    ----------
    name : str
        Step Functions' name of the status, such as `RUNNING` or `SUCCEEDED`.
    parts, done, failed : int
        The parts of the job so far; each has `size` photos.
    error : str
        Why the job failed; empty if it did not.
    """

    name: str
    parts: int
    done: int
    failed: int
    error: str

    @property
    def is_over(self) -> bool:
        """Whether the job has ended, in whatever way."""
        return self.name not in _GOING_ON

    def describe(self) -> str:
        """Return one line of text."""
        failed = f", {self.failed:,} failed" if self.failed else ""
        error = f": {self.error}" if self.error else ""
        return f"{self.name}, {self.done:,} of {self.parts:,} parts{failed}{error}"


@dataclass(frozen=True)
class Jobs:
    """The jobs of a stage.

    Attributes
    ----------
    machine : str
        The ARN of the state machine.
    bucket : str
        Where it writes results.
    step_functions, s3 : client
        Those of boto3.
    """

    machine: str
    bucket: str
    step_functions: Any
    s3: Any

    def start(self, address: str, task: Task, size: int, name: str | None = None) -> str:
        """Start a job and return its name, by default the time in UTC.

        Parameters
        ----------
        address : str
            `s3://bucket/prefix`.
        task : Task
        size : int
            Photos in a part.
        name : str or None
            AWS accepts each name once in 90 days.
        """
        bucket, prefix = split_address(address)
        wanted = {
            "bucket": bucket,
            "prefix": prefix,
            "operation": task.operation,
            "size": size,
            "options": dict(task.options),
        }
        name = name or datetime.now(UTC).strftime("job-%Y%m%d-%H%M%S")
        self.step_functions.start_execution(
            stateMachineArn=self.machine, name=name, input=json.dumps(wanted)
        )
        return name

    def status(self, name: str) -> Status:
        """Return how far a job is."""
        execution = self._execution(name)
        found = self.step_functions.describe_execution(executionArn=execution)
        runs = self.step_functions.list_map_runs(executionArn=execution)["mapRuns"]
        counts = [
            self.step_functions.describe_map_run(mapRunArn=run["mapRunArn"])["itemCounts"]
            for run in runs
        ]
        reason = (found.get("error", ""), found.get("cause", ""))
        return Status(
            found["status"],
            parts=sum(count["total"] for count in counts),
            done=sum(count["succeeded"] for count in counts),
            failed=sum(count["failed"] + count["timedOut"] for count in counts),
            error=" ".join(filter(None, reason)),
        )

    def cancel(self, name: str) -> None:
        """Stop a job; the parts that are written stay."""
        self.step_functions.stop_execution(executionArn=self._execution(name))

    def results(self, name: str, out: Path) -> tuple[int, int]:
        """Write the results of a job to a file.

        Returns
        -------
        tuple of int
            The number of photos, and of those that failed.

        Raises
        ------
        WrongUsage
            The file exists, the job has no results, or it redacted photos and the file is not
            `.jsonl`.
        Stopped
            The file cannot be written.
        """
        try:
            return self._write_results(name, out)
        except OSError as error:
            if error.errno is None:  # a connection: some errors of botocore are OSErrors as well
                raise
            raise Stopped(f"{out} cannot be written: {error.strerror}.") from error

    def _write_results(self, name: str, out: Path) -> tuple[int, int]:
        lines = out.with_suffix(".jsonl")
        for path in (lines, out):
            if path.exists():
                raise WrongUsage(f"{path} exists; use another --out.")
        lines.parent.mkdir(parents=True, exist_ok=True)
        with replacing(lines) as part, part.open("wb") as file:
            for key in self._parts(name):
                body = self.s3.get_object(Bucket=self.bucket, Key=key)["Body"]
                for chunk in body.iter_chunks(1 << 20):
                    file.write(chunk)
            if not file.tell():
                raise WrongUsage(f"The job {name} has no results.")
        failed = [is_failed(entry) for entry in read_entries(lines)]
        if out != lines:
            if "regions" in next(read_entries(lines)):
                raise WrongUsage(f"Redacted photos have no objects; {lines} has their regions.")
            export(lines, out)
        return len(failed), sum(failed)

    def _parts(self, name: str) -> Iterator[str]:
        """Yield the keys of the results, which are in the order of the photos."""
        pages = self.s3.get_paginator("list_objects_v2").paginate(
            Bucket=self.bucket, Prefix=f"results/job={name}/"
        )
        for page in pages:
            yield from (found["Key"] for found in page.get("Contents", ()))

    def _execution(self, name: str) -> str:
        return f"{self.machine.replace(':stateMachine:', ':execution:')}:{name}"


@contextmanager
def jobs_of(stage: str) -> Iterator[Jobs]:
    """Connect to the jobs of a stage, with the credentials and the region of the environment.

    Raises
    ------
    WrongUsage
        boto3 is not installed, or the stage has no batch jobs.
    Stopped
        AWS refuses a request.
    """
    try:
        import boto3  # only this command pays for it
        from botocore.exceptions import BotoCoreError, ClientError
    except ModuleNotFoundError as error:
        message = "Batch jobs need the extra aws: pip install 'carlens[aws,cli]'"
        raise WrongUsage(message) from error
    try:
        stack = f"carlens-{stage}-batch"
        outputs = _outputs(boto3.client("cloudformation"), stack, ClientError)
        yield Jobs(
            outputs["StateMachineArn"],
            outputs["ResultsBucketName"],
            boto3.client("stepfunctions"),
            boto3.client("s3"),
        )
    except (BotoCoreError, ClientError) as error:
        raise Stopped(str(error)) from error


def _outputs(cloudformation: Any, stack: str, client_error: type[Exception]) -> dict[str, str]:
    try:
        [found] = cloudformation.describe_stacks(StackName=stack)["Stacks"]
    except client_error as error:
        if "does not exist" in str(error):
            raise WrongUsage(
                f"There is no stack {stack} in this account and region; see docs/batch.md."
            ) from error
        raise
    return {output["OutputKey"]: output["OutputValue"] for output in found["Outputs"]}
