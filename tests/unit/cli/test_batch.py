"""Jobs on AWS; botocore checks each request, and gives the answers of the test."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.response import StreamingBody
from botocore.stub import ANY, Stubber
from typer.testing import CliRunner, Result

from carlens.cli import batch_app
from carlens.cli.app import app

MACHINE = "arn:aws:states:eu-west-1:123456789012:stateMachine:carlens-dev-batch"
EXECUTION = "arn:aws:states:eu-west-1:123456789012:execution:carlens-dev-batch:fleet"
RUN = "arn:aws:states:eu-west-1:123456789012:mapRun:carlens-dev-batch/Parts:1"
NOW = datetime(2026, 11, 28, tzinfo=UTC)
GOOD = b'{"name":"2026/a.jpg","width":4,"height":3,"objects":[],"error":null}\n'
BAD = b'{"name":"2026/b.jpg","width":null,"height":null,"objects":[],"error":{"code":"x"}}\n'


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Stubber]]:
    """Clients that give the answers that a test adds, and no others."""
    make = boto3.client
    keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
    clients = {
        name: make(name, region_name="eu-west-1", **keys)
        for name in ("cloudformation", "stepfunctions", "s3")
    }
    stubbers = {name: Stubber(client) for name, client in clients.items()}
    monkeypatch.setattr(boto3, "client", clients.__getitem__)
    for stubber in stubbers.values():
        stubber.activate()
    yield stubbers
    for stubber in stubbers.values():
        stubber.assert_no_pending_responses()


def deployed(aws: dict[str, Stubber], stage: str = "dev") -> None:
    outputs = {"StateMachineArn": MACHINE, "ResultsBucketName": "carlens-results"}
    stack = {
        "StackName": f"carlens-{stage}-batch",
        "CreationTime": NOW,
        "StackStatus": "CREATE_COMPLETE",
        "Outputs": [{"OutputKey": key, "OutputValue": value} for key, value in outputs.items()],
    }
    aws["cloudformation"].add_response(
        "describe_stacks", {"Stacks": [stack]}, {"StackName": f"carlens-{stage}-batch"}
    )


def at(aws: dict[str, Stubber], status: str, done: int, failed: int = 0, **more: str) -> None:
    """Add the answers to one look at a job of ten parts."""
    states = aws["stepfunctions"]
    described = {"executionArn": EXECUTION, "stateMachineArn": MACHINE, "startDate": NOW}
    states.add_response(
        "describe_execution",
        {**described, "status": status, **more},
        {"executionArn": EXECUTION},
    )
    run = {"mapRunArn": RUN, "executionArn": EXECUTION, "stateMachineArn": MACHINE}
    states.add_response(
        "list_map_runs",
        {"mapRuns": [{**run, "startDate": NOW}]},
        {"executionArn": EXECUTION},
    )
    names = ("pending", "running", "timedOut", "aborted", "resultsWritten")
    counts = {**dict.fromkeys(names, 0), "total": 10, "succeeded": done, "failed": failed}
    states.add_response(
        "describe_map_run",
        {
            "mapRunArn": RUN,
            "executionArn": EXECUTION,
            "status": "RUNNING",
            "startDate": NOW,
            "maxConcurrency": 200,
            "toleratedFailurePercentage": 0.0,
            "toleratedFailureCount": 10,
            "itemCounts": counts,
            "executionCounts": counts,
        },
        {"mapRunArn": RUN},
    )


def expect_start(aws: dict[str, Stubber], name: str, **wanted: Any) -> None:
    """Expect a job; the members of its input are compared with their order."""
    aws["stepfunctions"].add_response(
        "start_execution",
        {"executionArn": EXECUTION, "startDate": NOW},
        {"stateMachineArn": MACHINE, "name": name, "input": json.dumps(wanted)},
    )


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["batch", *map(str, arguments)])


def test_a_job_is_started_with_its_options(aws: dict[str, Stubber]) -> None:
    # Given
    deployed(aws, "prod")
    expect_start(
        aws,
        "fleet",
        bucket="photos",
        prefix="2026/",
        operation="predict",
        size=50,
        options={"classes": "car,bus", "slices": "auto"},
    )

    # When
    result = run(
        *("start", "s3://photos/2026/", "--stage", "prod", "--name", "fleet", "--size", "50"),
        *("--classes", "car,bus", "--slices", "auto"),
    )

    # Then
    assert (result.exit_code, result.stdout) == (0, "fleet\n")


def test_a_job_that_redacts_has_the_options_of_redaction(aws: dict[str, Stubber]) -> None:
    deployed(aws)
    expect_start(
        aws,
        "safe",
        bucket="photos",
        prefix="",
        operation="anonymize",
        size=100,
        options={"redact": "faces", "margin": "0.2", "output": "same"},
    )

    result = run(
        *("start", "s3://photos", "--name", "safe", "--operation", "anonymize"),
        *("--redact", "faces", "--margin", "0.2", "--output", "same"),
    )

    assert (result.exit_code, result.stdout) == (0, "safe\n")


def test_a_job_without_a_name_is_named_after_the_time(aws: dict[str, Stubber]) -> None:
    deployed(aws)
    answer = {"executionArn": EXECUTION, "startDate": NOW}
    expected = {"stateMachineArn": MACHINE, "name": ANY, "input": ANY}
    aws["stepfunctions"].add_response("start_execution", answer, expected)

    result = run("start", "s3://photos", "--operation", "object_detection")

    assert result.exit_code == 0
    assert result.stdout.startswith("job-20")


@pytest.mark.parametrize(
    ("status", "more", "code", "shown"),
    [
        ("RUNNING", {}, 0, "RUNNING, 3 of 10 parts\n"),
        ("SUCCEEDED", {}, 0, "SUCCEEDED, 3 of 10 parts\n"),
        (
            *("FAILED", {"error": "PartsMissing", "cause": "part 7"}),
            *(1, "FAILED, 3 of 10 parts: PartsMissing part 7\n"),
        ),
    ],
)
def test_the_status_of_a_job(
    aws: dict[str, Stubber], status: str, more: dict[str, str], code: int, shown: str
) -> None:
    deployed(aws)
    at(aws, status, 3, 0, **more)

    result = run("status", "fleet")

    assert (result.exit_code, result.stdout) == (code, shown)


def test_a_job_is_watched_until_it_ends(
    aws: dict[str, Stubber], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch_app, "_INTERVAL", 0.0)
    deployed(aws)
    at(aws, "RUNNING", 1)
    at(aws, "RUNNING", 1)
    at(aws, "RUNNING", 8, failed=1)
    at(aws, "SUCCEEDED", 10)

    result = run("watch", "fleet")

    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "RUNNING, 1 of 10 parts",
        "RUNNING, 8 of 10 parts, 1 failed",
        "SUCCEEDED, 10 of 10 parts",
    ]


def test_a_job_is_canceled(aws: dict[str, Stubber]) -> None:
    deployed(aws)
    aws["stepfunctions"].add_response(
        "stop_execution", {"stopDate": NOW}, {"executionArn": EXECUTION}
    )

    assert run("cancel", "fleet").exit_code == 0


def add_results(aws: dict[str, Stubber], *parts: bytes) -> None:
    deployed(aws)
    keys = [f"results/job=fleet/part-{number:06}.jsonl" for number in range(len(parts))]
    listed: dict[str, Any] = {"Contents": [{"Key": key} for key in keys]} if keys else {}
    aws["s3"].add_response(
        "list_objects_v2", listed, {"Bucket": "carlens-results", "Prefix": "results/job=fleet/"}
    )
    for key, part in zip(keys, parts, strict=True):
        body = StreamingBody(io.BytesIO(part), len(part))
        aws["s3"].add_response("get_object", {"Body": body}, {"Bucket": ANY, "Key": key})


def test_results_are_put_together(aws: dict[str, Stubber], tmp_path: Path) -> None:
    add_results(aws, GOOD, BAD)

    result = run("results", "fleet", "--out", tmp_path / "fleet.csv")

    assert result.exit_code == 1
    assert "2 pictures, 1 failed" in result.stderr
    assert (tmp_path / "fleet.jsonl").read_bytes() == GOOD + BAD
    assert "2026/a.jpg" in (tmp_path / "fleet.csv").read_text("utf-8")
    assert len(list(tmp_path.iterdir())) == 2


def test_results_without_failures_are_status_0(aws: dict[str, Stubber], tmp_path: Path) -> None:
    add_results(aws, GOOD)

    assert run("results", "fleet", "--out", tmp_path / "fleet.jsonl").exit_code == 0


def test_results_of_redaction_are_lines_and_no_table(
    aws: dict[str, Stubber], tmp_path: Path
) -> None:
    line = b'{"name":"a.jpg","width":4,"height":3,"regions":[],"error":null}\n'
    add_results(aws, line)

    result = run("results", "fleet", "--out", tmp_path / "fleet.csv")

    assert (result.exit_code, (tmp_path / "fleet.jsonl").read_bytes()) == (2, line)
    assert f"{tmp_path / 'fleet.jsonl'} has their regions" in result.stderr
    assert not (tmp_path / "fleet.csv").exists()


def test_a_job_without_results_leaves_no_file(aws: dict[str, Stubber], tmp_path: Path) -> None:
    add_results(aws)

    result = run("results", "fleet", "--out", tmp_path / "fleet.jsonl")

    assert result.exit_code == 2
    assert "has no results" in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_exists_is_not_replaced(aws: dict[str, Stubber], tmp_path: Path) -> None:
    deployed(aws)
    (tmp_path / "fleet.jsonl").write_bytes(GOOD)

    result = run("results", "fleet", "--out", tmp_path / "fleet.csv")

    assert result.exit_code == 2
    assert "fleet.jsonl exists" in result.stderr


def test_the_folder_of_the_results_is_made(aws: dict[str, Stubber], tmp_path: Path) -> None:
    add_results(aws, GOOD)

    assert run("results", "fleet", "--out", tmp_path / "a" / "b" / "fleet.jsonl").exit_code == 0
    assert (tmp_path / "a" / "b" / "fleet.jsonl").read_bytes() == GOOD


def test_results_that_cannot_be_written_are_status_1(
    aws: dict[str, Stubber], tmp_path: Path
) -> None:
    deployed(aws)
    (tmp_path / "file").touch()

    result = run("results", "fleet", "--out", tmp_path / "file" / "fleet.csv")

    assert result.exit_code == 1
    assert f"Error: {tmp_path / 'file' / 'fleet.csv'} cannot be written: " in result.stderr


def test_another_suffix_is_wrong_usage(tmp_path: Path) -> None:
    assert run("results", "fleet", "--out", tmp_path / "fleet.txt").exit_code == 2


def test_a_stage_without_jobs_is_wrong_usage(aws: dict[str, Stubber]) -> None:
    aws["cloudformation"].add_client_error(
        "describe_stacks", "ValidationError", "Stack with id carlens-dev-batch does not exist"
    )

    result = run("status", "fleet")

    assert result.exit_code == 2
    assert "There is no stack carlens-dev-batch" in result.stderr


def test_what_aws_refuses_is_status_1(aws: dict[str, Stubber]) -> None:
    aws["cloudformation"].add_client_error("describe_stacks", "AccessDenied", "Not yours")

    result = run("status", "fleet")

    assert result.exit_code == 1
    assert "Not yours" in result.stderr
