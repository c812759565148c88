"""Rolling back: waking a version, moving the alias, and recording it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from carlens.config import Config
from carlens.http import catalog_routes, image_routes
from carlens.services.catalog_app import CatalogApp
from carlens.services.recognition_app import RecognitionApp
from carlens.smoke import CHECKS
from operations.calls import check_event
from operations.rollback import roll_back
from operations.stage import OperationError
from tests.unit.operations.cloud import (
    S3,
    STACK_ID,
    Formation,
    Lambda,
    client_for,
    refusal,
)

TEMPLATE: dict[str, Any] = {
    "Resources": {
        "R": {
            "Type": "AWS::Lambda::Function",
            "Properties": {
                "Code": {"S3Bucket": {"Fn::Sub": "cdk-me-assets-${AWS::AccountId}-${AWS::Region}"}}
            },
        },
        "RLive": {
            "Type": "AWS::Lambda::Alias",
            "Properties": {
                "FunctionName": {"Ref": "R"},
                "FunctionVersion": {"Fn::GetAtt": ["RVersion", "Version"]},
            },
            "UpdatePolicy": {"CodeDeployLambdaAliasUpdate": {}},
        },
    }
}


class Cloud:
    """A stage with versions 41 and 42 of the recognition function, of which 42 is live."""

    def __init__(self, **states: list[str]) -> None:
        versions = [{"Version": number} for number in ("$LATEST", "41", "42")]
        self.functions = Lambda(
            {"recognition": versions},
            alias={"recognition": {"FunctionVersion": "42"}},
            states={name.removeprefix("v"): list(each) for name, each in states.items()},
        )
        outputs = [{"OutputKey": "RecognitionFunctionName", "OutputValue": "recognition"}]
        self.formation = Formation(
            {
                "carlens-prod-api": {
                    "StackId": STACK_ID,
                    "StackStatus": "UPDATE_COMPLETE",
                    "Outputs": outputs,
                    "Parameters": [{"ParameterKey": "BootstrapVersion"}],
                }
            },
            {"carlens-prod-api": [("AWS::Lambda::Function", "R", "recognition")]},
            TEMPLATE,
        )
        self.storage = S3()
        self.slept: list[float] = []
        self.said: list[str] = []

    def roll_back(self, version: int = 41) -> None:
        roll_back(
            client_for(self.functions, self.formation, self.storage),
            "prod",
            "recognition",
            version,
            report=self.said.append,
            sleep=self.slept.append,
        )

    @property
    def live(self) -> str:
        return str(self.functions.alias["recognition"]["FunctionVersion"])


def test_the_alias_is_moved_after_the_version_has_answered() -> None:
    cloud = Cloud()

    cloud.roll_back()

    assert cloud.functions.calls == ["invoke 41", "alias 41", "invoke live"]
    # No weight is left: CodeDeploy cannot deploy to an alias with two versions.
    assert cloud.functions.alias["recognition"]["RoutingConfig"] == {"AdditionalVersionWeights": {}}
    assert cloud.slept == []
    assert "calls version 41 instead of 42" in cloud.said[1]


def test_cloudformation_records_the_version_without_a_deployment_of_codedeploy() -> None:
    cloud = Cloud()

    cloud.roll_back()

    (update,) = cloud.formation.updates
    bucket, key = "cdk-me-assets-123456789012-eu-west-3", "rollback/carlens-prod-api.json"
    assert update["TemplateURL"] == f"https://s3.eu-west-3.amazonaws.com/{bucket}/{key}"
    assert update["Parameters"] == [{"ParameterKey": "BootstrapVersion", "UsePreviousValue": True}]
    _, template = cloud.storage.objects[bucket, key]
    alias = json.loads(template)["Resources"]["RLive"]
    assert alias["Properties"]["FunctionVersion"] == "41"
    assert "UpdatePolicy" not in alias


def test_an_inactive_version_is_woken_and_awaited() -> None:
    cloud = Cloud(v41=["Inactive", "Pending", "Pending", "Active"])

    cloud.roll_back()

    assert cloud.functions.calls == ["invoke 41", "invoke 41", "alias 41", "invoke live"]
    assert len(cloud.slept) == 3
    assert "is inactive" in cloud.said[0]


@pytest.mark.parametrize(
    ("states", "says"),
    [
        (["Inactive", "Pending", "Failed"], "cannot start version 41.*the models cannot be read"),
        (["Inactive"], "still Inactive after 10 minutes"),
    ],
)
def test_a_version_that_does_not_wake_leaves_the_alias(states: list[str], says: str) -> None:
    cloud = Cloud(v41=states)

    with pytest.raises(OperationError, match=says):
        cloud.roll_back()

    assert cloud.live == "42"
    assert sum(cloud.slept) <= 600


@pytest.mark.parametrize(
    "answer",
    [
        {"statusCode": 500, "body": '{"error": {"code": "internal_error"}}'},
        {"errorMessage": "no module named handler", "errorType": "Runtime.ImportModuleError"},
        {"statusCode": 200, "body": "[]"},
        {"statusCode": 200, "body": '{"images": [{"error": null, "objects": []}]}'},
    ],
)
def test_a_version_that_does_not_answer_leaves_the_alias(answer: dict[str, Any]) -> None:
    cloud = Cloud()
    cloud.functions.answers["41"] = answer

    with pytest.raises(OperationError, match="recognition:41 does not answer as expected"):
        cloud.roll_back()

    assert cloud.live == "42"
    assert cloud.formation.updates == []


def test_a_version_that_does_not_exist_is_reported_with_those_that_do() -> None:
    with pytest.raises(OperationError, match="recognition has no version 40; it has 41, 42"):
        Cloud().roll_back(40)


def test_a_deployment_in_progress_is_not_disturbed() -> None:
    cloud = Cloud()
    cloud.formation.stacks["carlens-prod-api"]["StackStatus"] = "UPDATE_IN_PROGRESS"

    with pytest.raises(OperationError, match="stop-deployment --auto-rollback-enabled"):
        cloud.roll_back()

    assert cloud.functions.calls == []


def test_a_version_that_is_live_and_recorded_is_only_checked() -> None:
    cloud = Cloud()
    cloud.formation.refusal = refusal("ValidationError", "No updates are to be performed.")

    cloud.roll_back(42)

    assert cloud.live == "42"


def test_what_cloudformation_cannot_record_is_reported() -> None:
    cloud = Cloud()
    cloud.formation.refusal = refusal("ValidationError", "stack is in UPDATE_ROLLBACK_FAILED")

    with pytest.raises(OperationError, match=r"calls version 41, but .*UPDATE_ROLLBACK_FAILED"):
        cloud.roll_back()

    assert cloud.live == "41"


def test_the_functions_answer_the_request_that_checks_them() -> None:
    answers = {
        "recognition": image_routes.respond(
            check_event("recognition"), None, RecognitionApp(Config(threads=2))
        ),
        "catalog": catalog_routes.respond(check_event("catalog"), None, CatalogApp(Config())),
    }

    for function, answer in answers.items():
        CHECKS[function].expect(answer["statusCode"], answer["body"])
