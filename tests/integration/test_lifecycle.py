"""The life of a deployment on LocalStack, from its first update to its destruction."""

from __future__ import annotations

import json
import re
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from operations.keys import Keys, Limits
from operations.prune import apply_plan, read_plan
from operations.rollback import roll_back
from tests.integration.localstack import STAGE, Project, change_version
from tests.integration.requests_table import RawRequest

pytestmark = pytest.mark.slow

DETECTOR = "ssdlite-mobilenet-v2-coco"
API_STACK = f"carlens-{STAGE}-api"


def without_hashes(changes: list[str]) -> list[str]:
    return [re.sub("[0-9A-F]{8}[0-9a-f]*$", "", change) for change in changes]


def test_a_caller_opens_a_route_with_a_key_until_it_is_removed(project: Project) -> None:
    keys, deployed = Keys(project.cloud.client, STAGE), project.api()
    gateway = project.cloud.client("apigateway")

    def status_with(value: str) -> int:
        headers = (("Content-Type", "application/json"), ("x-api-key", value))
        return deployed.send(RawRequest("POST", "/uploads", headers, b'{"count": 1}')).status

    key = keys.add("partner", Limits(rate=5, burst=10, quota=10_000))
    value = gateway.get_api_key(apiKey=key.key_id, includeValue=True)["value"]
    assert keys.all() == [key]
    assert (status_with(value), status_with(value[::-1])) == (200, 403)

    keys.remove("partner")
    assert keys.all() == []
    assert status_with(value) == 403


def test_a_deployment_is_updated_repaired_pruned_rolled_back_and_destroyed(
    project: Project,
) -> None:
    cloud, deployed = project.cloud, project.api()
    model, functions = project.folder / "models" / DETECTOR, cloud.client("lambda")
    function = project.outputs()["RecognitionFunctionName"]

    def version() -> str:
        answer = deployed.send(RawRequest(target="/models"))
        assert answer.status == 200, cloud.log.read_text()[-4000:]
        return str(json.loads(answer.body)["detector"]["version"])

    def published() -> list[str]:
        versions = functions.list_versions_by_function(FunctionName=function)["Versions"]
        return [each["Version"] for each in versions if each["Version"] != "$LATEST"]

    # Given a deployment
    [number] = published()

    # When it is deployed again, then nothing changes
    assert project.deploy("--app", "cdk.out") == []
    # Without change sets, for each of which the CDK waits five seconds.
    diff = project.cdk("diff", "--app", "cdk.out", "--method", "template")
    assert "Number of stacks with differences: 0" in diff

    # When a model changes, then only its files, the functions, an alarm and the alias change
    change_version(model, "99.0.0")
    api_changes = [
        "CREATE AWS::Lambda::Version RecognitionFunctionCurrentVersion",
        # Its metric is that of one version.
        "UPDATE AWS::CloudWatch::Alarm MonitoringRecognitionServerErrors",
        "UPDATE AWS::Lambda::Alias RecognitionLive",
        "UPDATE AWS::Lambda::Function RecognitionFunction",
    ]
    batch_changes = [
        "UPDATE AWS::Lambda::Function PlanFunction",
        "UPDATE AWS::Lambda::Function WorkerFunction",
    ]
    assert without_hashes(project.deploy()) == sorted(
        [
            *api_changes,
            *batch_changes,
            "UPDATE Custom::ModelFile Placessdlitemobilenetv2cocolabelstxt",
            "UPDATE Custom::ModelFile Placessdlitemobilenetv2cocomodeljson",
            "UPDATE Custom::ModelFile Placessdlitemobilenetv2cocomodelonnx",
        ]
    )
    assert version() == "99.0.0"
    _, second = published()

    # When an update fails, then it is rolled back and leaves no version behind
    change_version(model, "100.0.0")
    shutil.copy(Path(__file__).with_name("broken_app.py"), project.folder)
    project.cdk(
        *("deploy", API_STACK, "--require-approval", "never", "--app", "python3 broken_app.py"),
        status=1,
    )
    [stack] = cloud.client("cloudformation").describe_stacks(StackName=API_STACK)["Stacks"]
    assert stack["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    assert version() == "99.0.0"
    assert published() == [number, second]

    # When it is tried again without the error, then it succeeds
    assert without_hashes(project.deploy()) == sorted([*api_changes, *batch_changes])
    assert version() == "100.0.0"
    *_, third = published()

    # When it is pruned later, then the version of the alias and the one before stay
    later = datetime.now(UTC) + timedelta(days=2)
    plan = read_plan(cloud.client, STAGE, keep=1, now=later)
    assert [str(each.number) for each in plan.versions] == [number]
    assert {Path(file.key).name for file in plan.files} == {
        *("labels.txt", "model.json", "model.onnx")
    }
    apply_plan(cloud.client, STAGE, plan)
    assert published() == [second, third]

    # When it is rolled back, then the previous model is used
    roll_back(cloud.client, STAGE, "recognition", int(second))
    assert version() == "99.0.0"

    # When it is deployed again, then only the alias moves, to the new model
    assert without_hashes(project.deploy("--app", "cdk.out")) == [
        "UPDATE AWS::Lambda::Alias RecognitionLive"
    ]
    assert version() == "100.0.0"

    # When it is destroyed, then only the resources of the CDK are left
    project.cdk("destroy", "--all", "--force", "--app", "cdk.out")
    buckets = [bucket["Name"] for bucket in cloud.client("s3").list_buckets()["Buckets"]]
    assert [name for name in buckets if name.startswith(f"carlens-{STAGE}")] == []
    names = [each["FunctionName"] for each in functions.list_functions()["Functions"]]
    assert [name for name in names if "carlens" in name] == []
    assert deployed.send(RawRequest(target="/health")).status == 404
