"""Batch jobs on LocalStack: the deployed state machine, functions, layers and models."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import boto3
import pytest
from PIL import Image
from typer.testing import CliRunner

from carlens.cli import batch_app
from carlens.cli.app import app
from tests.integration.batch_jobs import (
    PHOTOS,
    PREFIX,
    BatchStage,
    photo_keys,
    put_photos,
)
from tests.integration.localstack import ACCOUNT, REGION, Project
from tests.integration.serving import wait_until
from tests.support import SKODA

pytestmark = pytest.mark.slow

COUNT, SIZE = 30, 10
JOB = {
    "bucket": PHOTOS,
    "prefix": PREFIX,
    "operation": "predict",
    "size": SIZE,
    "options": {"slices": 1},  # less than half of the time
}
PARTS = [f"part-{number:06}.jsonl" for number in range(COUNT // SIZE)]
_WAIT_SECONDS = 120
SIDES = ("x1", "y1", "x2", "y2")

Command = Callable[..., tuple[int, str]]


@pytest.fixture(scope="module")
def stage(project: Project) -> BatchStage:
    """The deployed stack, and photos."""
    put_photos(project.cloud, COUNT)
    return BatchStage(project.cloud, project.outputs())


@pytest.fixture(scope="module")
def undisturbed(stage: BatchStage) -> dict[str, bytes]:
    """The results of a job that nothing disturbed."""
    done = stage.run("undisturbed", **JOB)

    assert (done.status, done.error) == ("SUCCEEDED", "")
    assert done.output == {
        "job": "undisturbed",
        "photos": COUNT,
        "parts": len(PARTS),
        "results": f"s3://{stage.bucket}/results/job=undisturbed/",
    }
    [counts] = stage.map_runs(done.arn)
    assert (counts["total"], counts["succeeded"]) == (len(PARTS), len(PARTS))
    return stage.parts("undisturbed")


def test_a_job_has_a_line_for_each_photo(stage: BatchStage, undisturbed: dict[str, bytes]) -> None:
    lines = stage.lines("undisturbed")

    assert list(undisturbed) == PARTS
    assert [line["name"] for line in lines] == photo_keys(COUNT)
    assert [line["name"] for line in lines if line["error"]] == []
    for line in lines:
        first = line["objects"][0]
        assert (first["class_name"], len(first["pred"])) == ("car", 5)


def test_several_rounds_and_a_killed_worker_give_the_same_bytes(
    stage: BatchStage, undisturbed: dict[str, bytes]
) -> None:
    # Given a plan that ends after two parts
    stage.configure("batch_plan", Environment={"CARLENS_PLAN_PHOTOS": str(SIZE * 2)})

    # When the worker is killed once while the job runs
    execution = stage.start("rounds", **JOB)
    kill_worker(stage, "rounds")
    done = stage.wait(execution)

    # Then its part is tried again
    assert (done.status, done.error) == ("SUCCEEDED", "")
    assert [counts["total"] for counts in stage.map_runs(execution)] == [2, 1]
    assert stage.parts("rounds") == undisturbed
    stage.configure("batch_plan", Environment={"CARLENS_PLAN_PHOTOS": ""})


def kill_worker(stage: BatchStage, job: str) -> None:
    """Kill a worker of this LocalStack, once the plan of the job is written."""
    end = time.monotonic() + _WAIT_SECONDS
    s3 = stage.cloud.client("s3")
    while not s3.list_objects_v2(Bucket=stage.bucket, Prefix=f"plans/{job}/").get("Contents"):
        assert time.monotonic() < end
        time.sleep(0.05)
    while time.monotonic() < end:
        for process in workers(stage):
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
                return
        time.sleep(0.05)
    raise AssertionError("no worker is running")


def workers(stage: BatchStage) -> list[int]:
    """Return the IDs of the runtime processes of the worker, in this LocalStack alone."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            command = (folder / "cmdline").read_bytes().split(b"\0")
            here = str((folder / "cwd").readlink()).startswith(str(stage.cloud.log.parent))
            if here and b"awslambdaric" in command and b"--runtime-api-address" not in command:
                handler = command[command.index(b"awslambdaric") + 1]
                if handler == b"carlens.functions.batch_worker.lambda_handler":
                    found.append(int(folder.name))
    return found


def test_a_stopped_job_is_completed_by_processing_the_parts_of_its_plan(
    stage: BatchStage, undisturbed: dict[str, bytes]
) -> None:
    # Given a job that was stopped when its first part was written
    execution = stage.start("stopped", **JOB)
    end = time.monotonic() + _WAIT_SECONDS
    while not stage.parts("stopped") and time.monotonic() < end:
        time.sleep(0.05)
    states = stage.cloud.client("stepfunctions")
    states.stop_execution(executionArn=execution)
    assert stage.wait(execution).status == "ABORTED"

    # When the missing parts of its plan are processed, and the one that was written too
    s3 = stage.cloud.client("s3")
    plan = s3.get_object(Bucket=stage.bucket, Key="plans/stopped/000000.json")["Body"].read()
    written, *_ = stage.parts("stopped")
    for number, part in enumerate(json.loads(plan)):
        if PARTS[number] == written or PARTS[number] not in stage.parts("stopped"):
            invoke_worker(stage, {**part, "name": "stopped", "input": JOB})

    # Then its results have the bytes of the undisturbed job
    assert stage.parts("stopped") == undisturbed


def invoke_worker(stage: BatchStage, event: dict[str, Any]) -> None:
    answer = stage.cloud.client("lambda").invoke(
        FunctionName=stage.outputs["WorkerFunctionName"], Payload=json.dumps(event)
    )
    summary = json.load(answer["Payload"])
    assert "FunctionError" not in answer, summary
    assert (summary["part"], summary["photos"]) == (event["part"], SIZE)


def test_a_bad_photo_is_a_line_with_its_error(stage: BatchStage) -> None:
    s3 = stage.cloud.client("s3")
    s3.put_object(Bucket=PHOTOS, Key="bad/a.png", Body=SKODA.read_bytes())
    s3.put_object(Bucket=PHOTOS, Key="bad/b.jpg", Body=b"not a photo")

    done = stage.run("bad", bucket=PHOTOS, prefix="bad/", operation="object_detection")

    assert (done.status, done.error) == ("SUCCEEDED", "")
    good, bad = stage.lines("bad")
    assert (good["name"], good["error"]) == ("bad/a.png", None)
    assert good["objects"][0]["class_name"] == "car"
    assert (bad["name"], bad["objects"]) == ("bad/b.jpg", [])
    assert bad["error"]["code"] == "not_an_image"

    # When the same photos are redacted
    options = {"redact": "plates", "output": "same"}
    done = stage.run("safe", bucket=PHOTOS, prefix="bad/", operation="anonymize", options=options)

    # Then the good one has a redacted picture of its own kind, and the bad one has none
    assert (done.status, done.error) == ("SUCCEEDED", "")
    good, bad = stage.lines("safe")
    assert {region["kind"] for region in good["regions"]} == {"plate"}
    assert (good["picture_key"], bad["picture_key"]) == ("redacted/job=safe/bad/a.png", None)
    listed = s3.list_objects_v2(Bucket=stage.bucket, Prefix="redacted/")["Contents"]
    assert [found["Key"] for found in listed] == [good["picture_key"]]
    picture = s3.get_object(Bucket=stage.bucket, Key=good["picture_key"])
    assert picture["ContentType"] == "image/png"
    with Image.open(io.BytesIO(picture["Body"].read())) as pixels:
        for region in good["regions"]:
            assert not any(pixels.crop(tuple(region[side] for side in SIDES)).tobytes())


@pytest.mark.parametrize(
    ("name", "change", "error", "message"),
    [
        ("empty", {"prefix": "2027/"}, "NoPhotos", "no photos under s3://photos/2027/"),
        ("no-bucket", {"bucket": "photos-2"}, "BucketMissing", "cannot list s3://photos-2/2026/"),
        ("wrong", {"options": {"top_k": 99}}, "InvalidInput", "top_k is '99'"),
    ],
)
def test_a_job_that_cannot_run_fails_at_once_and_says_why(
    stage: BatchStage, name: str, change: dict[str, Any], error: str, message: str
) -> None:
    done = stage.run(name, **{**JOB, **change})

    assert (done.status, done.error) == ("FAILED", error)
    assert message in json.loads(done.cause)["errorMessage"]
    assert stage.map_runs(done.arn) == []


def test_a_worker_that_runs_out_of_time_writes_nothing_and_its_parts_are_named(
    stage: BatchStage,
) -> None:
    # Given a timeout that leaves no time besides the reserve
    stage.configure("batch_worker", Timeout=10)

    done = stage.run("late", **{**JOB, "prefix": f"{PREFIX}été 0000", "size": 5})

    assert (done.status, done.error) == ("FAILED", "PartsMissing")
    assert re.search(r"2 of 2 parts have no results: 0-1\.", json.loads(done.cause)["errorMessage"])
    assert stage.parts("late") == {}
    [counts] = stage.map_runs(done.arn)
    assert (counts["total"], counts["failed"]) == (2, 2)
    stage.configure("batch_worker", Timeout=900)


@pytest.fixture
def command(stage: BatchStage, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Runs `carlens batch`, and returns its exit status and what it printed."""
    monkeypatch.setattr(batch_app, "_INTERVAL", 0.5)
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    for name, value in {
        "AWS_ENDPOINT_URL": stage.cloud.url,
        "AWS_ACCESS_KEY_ID": ACCOUNT,
        "AWS_SECRET_ACCESS_KEY": "none",
        "AWS_DEFAULT_REGION": REGION,
    }.items():
        monkeypatch.setenv(name, value)

    def run(*arguments: str | Path) -> tuple[int, str]:
        done = CliRunner().invoke(app, ["batch", *map(str, arguments)])
        return done.exit_code, done.output

    return run


def test_the_command_runs_jobs(
    stage: BatchStage, command: Command, undisturbed: dict[str, bytes], tmp_path: Path
) -> None:
    # Given a job of ten photos, and one of all photos that is canceled while it runs
    options = ("--size", "5", "--slices", "1")
    started = command("start", f"s3://{PHOTOS}/{PREFIX}été 0000", "--name", "small", *options)
    assert started == (0, "small\n")
    status, shown = command("watch", "small")
    assert (status, shown.splitlines()[-1]) == (0, "SUCCEEDED, 2 of 2 parts")

    command("start", f"s3://{PHOTOS}/{PREFIX}", "--name", "canceled", *options)
    # Canceled before its first state has ended, a job is sometimes FAILED in LocalStack.
    wait_until(lambda: bool(stage.parts("canceled")), lambda: "no part was written")
    assert command("cancel", "canceled") == (0, "")
    status, shown = command("watch", "canceled")
    assert (status, shown.splitlines()[-1].split(",")[0]) == (1, "ABORTED")
    assert command("status", "canceled") == (1, shown.splitlines()[-1] + "\n")

    # When results are downloaded
    out = tmp_path / "small.csv"
    status, shown = command("results", "small", "--out", out)

    # Then they are those of other jobs, and a job that does not exist has a message
    assert (status, shown) == (0, f"{out}: 10 pictures, 0 failed.\n")
    lines = b"".join(undisturbed.values()).splitlines(keepends=True)
    assert out.with_suffix(".jsonl").read_bytes() == b"".join(lines[:10])
    with out.open(encoding="utf-8-sig", newline="") as file:
        pictures = dict.fromkeys(row["picture"] for row in csv.DictReader(file))
    assert list(pictures) == photo_keys(COUNT)[:10]
    assert command("status", "nobody")[0] == 1
    status, shown = command("results", "nobody", "--out", tmp_path / "nobody.jsonl")
    assert (status, shown) == (2, "Error: The job nobody has no results.\n")
    assert command("status", "small", "--stage", "mars")[0] == 2
