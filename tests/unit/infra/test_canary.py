"""The synthetic canary in the template, and the alarm that watches it."""

from __future__ import annotations

import pytest

from infra.layers import stage_code
from infra.settings import SettingError, Settings
from tests.unit.infra.test_stacks import (
    CONTEXT,
    alarms,
    flat,
    named,
    of_type,
    only,
    statements,
    synthesized,
)

ON = {"canary_minutes": "5"}
KEYED_IN_VPC = {
    **ON,
    "api_key": "true",
    "monthly_quota": "5000",
    "subnets": "subnet-0a1b2c3d",
    "security_groups": "sg-0c1b2c3d",
}


def test_there_is_no_canary_unless_a_stage_has_one() -> None:
    prod = synthesized("prod")

    assert not of_type(prod.api, "AWS::Events::Rule")
    assert "CanaryFailures" not in alarms(prod)


def test_a_rule_runs_the_canary_every_few_minutes_without_retries() -> None:
    stage = synthesized("prod", **ON)
    function, resource = named(stage.api, "AWS::Lambda::Function", "Canary")
    _, rule = only(stage.api, "AWS::Events::Rule")
    _, invocations = only(stage.api, "AWS::Lambda::EventInvokeConfig")

    assert rule["ScheduleExpression"] == "rate(5 minutes)"
    assert [flat(target["Arn"]) for target in rule["Targets"]] == [f"${{{function}.Arn}}"]
    # A failed run that is repeated would count twice.
    assert (invocations["FunctionName"], invocations["MaximumRetryAttempts"]) == (
        {"Ref": function},
        0,
    )
    variables = resource["Properties"]["Environment"]["Variables"]
    assert flat(variables["CARLENS_CANARY_URL"]) == flat(stage.api["Outputs"]["ApiUrl"]["Value"])
    assert "CARLENS_CANARY_KEY_ID" not in variables
    assert "Layers" not in resource["Properties"]


def test_the_alarm_fires_after_two_failures_or_if_the_canary_does_not_run() -> None:
    stage = synthesized("prod", **ON)
    function, _ = named(stage.api, "AWS::Lambda::Function", "Canary")

    alarm = alarms(stage)["CanaryFailures"]

    assert (alarm["Namespace"], alarm["MetricName"]) == ("AWS/Lambda", "Errors")
    assert alarm["Dimensions"] == [{"Name": "FunctionName", "Value": {"Ref": function}}]
    assert (alarm["Period"], alarm["EvaluationPeriods"], alarm["Threshold"]) == (300, 2, 1)
    assert alarm["TreatMissingData"] == "breaching"


def test_the_canary_has_a_key_without_a_quota_and_may_read_no_other() -> None:
    stage = synthesized("prod", **KEYED_IN_VPC)
    key, _ = named(stage.api, "AWS::ApiGateway::ApiKey", "RestCanaryKey")
    plan, limits = named(stage.api, "AWS::ApiGateway::UsagePlan", "RestCanaryPlan")
    _, link = named(stage.api, "AWS::ApiGateway::UsagePlanKey", "RestCanaryPlan")
    _, function = named(stage.api, "AWS::Lambda::Function", "Canary")
    _, role = named(stage.api, "AWS::IAM::Role", "Canary")
    logs, _ = named(stage.api, "AWS::Logs::LogGroup", "Canary")

    assert function["Properties"]["Environment"]["Variables"]["CARLENS_CANARY_KEY_ID"] == {
        "Ref": key
    }
    assert (link["Properties"]["KeyId"], link["Properties"]["UsagePlanId"]) == (
        {"Ref": key},
        {"Ref": plan},
    )
    assert "Quota" not in limits["Properties"]
    assert statements(role) == {
        (
            "Allow",
            "apigateway:GET",
            f"arn:${{AWS::Partition}}:apigateway:${{AWS::Region}}::/apikeys/${{{key}}}",
        ),
        ("Allow", "logs:CreateLogStream logs:PutLogEvents", f"${{{logs}.Arn}}"),
        ("Allow", "xray:PutTelemetryRecords xray:PutTraceSegments", "*"),
    }


def test_the_canary_calls_from_outside_of_a_vpc() -> None:
    stage = synthesized("prod", **KEYED_IN_VPC)

    assert "VpcConfig" in named(stage.api, "AWS::Lambda::Function", "Recognition")[1]["Properties"]
    assert "VpcConfig" not in named(stage.api, "AWS::Lambda::Function", "Canary")[1]["Properties"]


def test_a_canary_cannot_pass_an_authorizer() -> None:
    with pytest.raises(SettingError, match="left out unless authorizer is none"):
        Settings.from_context({**CONTEXT, "stage": "prod", **ON, "authorizer": "iam"})


def test_the_code_of_the_canary_is_little_more_than_its_photo() -> None:
    files = {
        path.relative_to(folder).as_posix()
        for folder in [stage_code("carlens.functions.canary")]
        for path in folder.rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }

    assert files == {
        "carlens/__init__.py",
        "carlens/aws/__init__.py",
        "carlens/aws/api_keys.py",
        "carlens/functions/__init__.py",
        "carlens/functions/canary.py",
        "carlens/smoke.py",
        "carlens/web/assets/street.webp",
    }
