"""The stack of batch jobs, read from its template."""

from __future__ import annotations

import json
from typing import Any

import pytest

from carlens import storage
from carlens.batch import errors
from carlens.batch.keys import plan_key, redacted_key, results_prefix
from carlens.batch.plan import Progress
from carlens.config import Config
from infra.batch_definition import PLANS, REDACTED, RESULTS, RUNS
from tests.unit.infra.test_stacks import (
    EVERYTHING,
    JOIN_VPC,
    KEPT,
    Stage,
    flat,
    function,
    named,
    of_type,
    only,
    statements,
    synthesized,
)

FUNCTIONS = ("Plan", "Worker", "Finish")
MODELS = "arn:${AWS::Partition}:s3:::${carlens-prod-model-bucket}/models/*"
TRACE = ("Allow", "xray:PutTelemetryRecords xray:PutTraceSegments", "*")
PHOTOS = [f"arn:${{AWS::Partition}}:s3:::{name}" for name in ("archive.2025", "photos")]
LIST_PHOTOS = ("Allow", "s3:ListBucket", " ".join(PHOTOS))


@pytest.fixture(scope="module")
def everything() -> Stage:
    return synthesized("prod", **EVERYTHING)


@pytest.fixture(scope="module")
def batch(everything: Stage) -> dict[str, Any]:
    template: dict[str, Any] = everything.stacks["batch"].template
    return template


def properties(batch: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = named(batch, "AWS::Lambda::Function", name)[1]["Properties"]
    return found


def variables(batch: dict[str, Any], name: str) -> dict[str, str]:
    given = properties(batch, name)["Environment"]["Variables"]
    return {key: flat(value) for key, value in given.items()}


@pytest.fixture(scope="module")
def definition(batch: dict[str, Any]) -> dict[str, Any]:
    _, machine = only(batch, "AWS::StepFunctions::StateMachine")
    document: dict[str, Any] = json.loads(flat(machine["DefinitionString"]))
    return document


def test_a_stage_has_batch_jobs_only_if_it_asks_for_them() -> None:
    assert "carlens-prod-batch" not in synthesized("prod").templates
    assert "carlens-prod-batch" in synthesized("prod", **EVERYTHING).templates


def test_the_api_says_that_there_are_batch_jobs_and_its_roles_stay_the_same() -> None:
    on, off = synthesized("dev", batch="true", photo_buckets="photos"), synthesized("dev")

    assert on.models == off.models
    assert of_type(on.api, "AWS::IAM::Role") == of_type(off.api, "AWS::IAM::Role")
    ours, theirs = (
        function(stage)["Properties"]["Environment"]["Variables"] for stage in (on, off)
    )
    assert ours == {**theirs, "CARLENS_BATCH": "yes"}


def test_models_are_in_place_before_a_job_starts(everything: Stage) -> None:
    before = {dependency.id for dependency in everything.stacks["batch"].dependencies}

    assert "carlens-prod-models" in before


# --- the state machine


def test_a_job_is_planned_processed_and_checked(
    batch: dict[str, Any], definition: dict[str, Any]
) -> None:
    states = definition["States"]
    functions = {
        name: f"${{{named(batch, 'AWS::Lambda::Function', name)[0]}.Arn}}" for name in FUNCTIONS
    }

    assert definition["StartAt"] == "Start"
    assert [states[name]["Next"] for name in ("Start", "Plan", "Parts")] == [
        "Plan",
        "Parts",
        "More",
    ]
    assert states["More"]["Choices"] == [
        {"Variable": "$.progress.after", "StringEquals": "", "Next": "Finish"}
    ]
    assert states["More"]["Default"] == "Plan"
    assert states["Plan"]["Resource"] == functions["Plan"]
    assert states["Finish"]["Resource"] == functions["Finish"]
    process = states["Parts"]["ItemProcessor"]["States"]["Process"]
    assert process["Resource"] == functions["Worker"]


def test_the_first_state_is_what_the_plan_reads(definition: dict[str, Any]) -> None:
    first = definition["States"]["Start"]["Parameters"]

    assert Progress(**first["progress"]) == Progress()
    assert {name.removesuffix(".$") for name in first} == {"name", "started", "input", "progress"}


def test_parts_are_standard_children_of_a_distributed_map(
    batch: dict[str, Any], definition: dict[str, Any]
) -> None:
    parts = definition["States"]["Parts"]
    bucket, _ = named(batch, "AWS::S3::Bucket", "Results")

    assert parts["MaxConcurrency"] == 50
    assert parts["ToleratedFailureCount"] == 10
    assert "ToleratedFailurePercentage" not in parts
    assert parts["ItemProcessor"]["ProcessorConfig"] == {
        "Mode": "DISTRIBUTED",
        "ExecutionType": "STANDARD",
    }
    assert parts["ItemReader"]["ReaderConfig"] == {"InputType": "JSON"}
    assert parts["ItemReader"]["Parameters"] == {"Bucket": f"${{{bucket}}}", "Key.$": "$.plan"}
    assert parts["ResultWriter"]["Parameters"] == {"Bucket": f"${{{bucket}}}", "Prefix": "runs"}
    assert parts["ResultPath"] == "$.run"


def test_failures_are_retried_with_backoff_unless_they_would_repeat(
    definition: dict[str, Any],
) -> None:
    states = definition["States"]
    process = states["Parts"]["ItemProcessor"]["States"]["Process"]
    known = {*vars(errors), *vars(storage)}
    for task in (states["Plan"], process, states["Finish"]):
        never, *again = task["Retry"]
        assert never["MaxAttempts"] == 0
        assert set(never["ErrorEquals"]) <= known
        assert again[-1]["ErrorEquals"] == ["States.ALL"]
        for retry in again:
            assert retry["MaxAttempts"] >= 3
            assert retry["BackoffRate"] > 1
            assert retry["JitterStrategy"] == "FULL"
    assert "PartOutOfTime" in process["Retry"][0]["ErrorEquals"]


def test_executions_are_logged_without_their_data_and_traced(batch: dict[str, Any]) -> None:
    _, machine = only(batch, "AWS::StepFunctions::StateMachine")
    logs, group = named(batch, "AWS::Logs::LogGroup", "JobsLogs")

    assert machine["StateMachineName"] == "carlens-prod-batch"
    assert machine["TracingConfiguration"] == {"Enabled": True}
    logging = machine["LoggingConfiguration"]
    assert (logging["Level"], logging["IncludeExecutionData"]) == ("ALL", False)
    (destination,) = logging["Destinations"]
    assert flat(destination["CloudWatchLogsLogGroup"]["LogGroupArn"]) == f"${{{logs}.Arn}}"
    assert group["Properties"]["LogGroupName"].startswith("/aws/vendedlogs/states/")


# --- functions


def test_the_worker_has_the_layers_models_and_memory_of_the_api(
    batch: dict[str, Any], everything: Stage
) -> None:
    api, worker = function(everything)["Properties"], properties(batch, "Worker")

    assert worker["Handler"] == "carlens.functions.batch_worker.lambda_handler"
    for name in ("MemorySize", "Runtime", "Architectures", "EphemeralStorage"):
        assert worker[name] == api[name]
    layers = [
        [flat(stack["Resources"][layer["Ref"]]["Properties"]["Content"]["S3Key"]) for layer in refs]
        for stack, refs in ((everything.api, api["Layers"]), (batch, worker["Layers"]))
    ]
    assert layers[0] == layers[1]
    ours, theirs = (
        {name: flat(value) for name, value in each["Environment"]["Variables"].items()}
        for each in (worker, api)
    )
    assert ours.keys() - theirs.keys() == {"CARLENS_RESULTS"}
    assert theirs.keys() - ours.keys() == {
        "CARLENS_CORS_ORIGINS",
        "CARLENS_UPLOADS",
        "CARLENS_UPLOADS_URL",
    }
    assert {name: theirs[name] for name in ours if name in theirs} == {
        name: value for name, value in ours.items() if name in theirs
    }


def test_only_the_worker_reserves_concurrency(batch: dict[str, Any]) -> None:
    assert properties(batch, "Worker")["ReservedConcurrentExecutions"] == 50
    for name in ("Plan", "Finish"):
        assert "ReservedConcurrentExecutions" not in properties(batch, name)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_of_a_job_may_run_for_as_long_as_lambda_allows(
    batch: dict[str, Any], name: str
) -> None:
    assert properties(batch, name)["Timeout"] == 900
    assert "SnapStart" not in properties(batch, name)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_variable_is_one_that_the_runtime_reads(batch: dict[str, Any], name: str) -> None:
    given = variables(batch, name)

    bucket, _ = named(batch, "AWS::S3::Bucket", "Results")
    assert Config.from_env(given).results == f"${{{bucket}}}"
    names = {key.removeprefix("CARLENS_").lower() for key in given}
    assert names <= set(Config.__dataclass_fields__)


def test_jobs_redact_and_may_write_pictures_only_where_the_stage_anonymizes(
    batch: dict[str, Any],
) -> None:
    without: dict[str, Any] = (
        synthesized("prod", **{**EVERYTHING, "anonymize": "false"}).stacks["batch"].template
    )
    bucket, _ = named(batch, "AWS::S3::Bucket", "Results")
    write = ("Allow", "s3:PutObject", f"${{{bucket}.Arn}}/{REDACTED}/*")

    assert granted(batch, "Worker") - granted(without, "Worker") == {write}
    for name in ("Plan", "Worker"):
        added = variables(batch, name).keys() - variables(without, name).keys()
        assert added == {
            *("CARLENS_ANONYMIZE", "CARLENS_FACES", "CARLENS_FACES_HASH"),
            *("CARLENS_PLATES", "CARLENS_PLATES_HASH"),
        }
    for name in ("Plan", "Finish"):
        assert granted(batch, name) == granted(without, name)
    assert redacted_key("fleet", "a.jpg", "jpeg").startswith(f"{REDACTED}/")


def test_finish_needs_no_layer(batch: dict[str, Any]) -> None:
    assert "Layers" not in properties(batch, "Finish")


# --- permissions


def granted(batch: dict[str, Any], name: str) -> set[tuple[str, ...]]:
    role = batch["Resources"][properties(batch, name)["Role"]["Fn::GetAtt"][0]]
    assert "ManagedPolicyArns" not in role["Properties"]
    logs, _ = named(batch, "AWS::Logs::LogGroup", f"{name}Logs")
    own = ("Allow", "logs:CreateLogStream logs:PutLogEvents", f"${{{logs}.Arn}}")
    common = {own, TRACE, *JOIN_VPC}
    assert common <= statements(role)
    return statements(role) - common


def test_each_function_may_do_its_step_and_nothing_else(batch: dict[str, Any]) -> None:
    bucket, _ = named(batch, "AWS::S3::Bucket", "Results")
    results = f"${{{bucket}.Arn}}"

    assert granted(batch, "Plan") == {
        ("Allow", "s3:GetObject", MODELS),
        LIST_PHOTOS,
        ("Allow", "s3:PutObject", f"{results}/plans/*"),
    }
    assert granted(batch, "Worker") == {
        ("Allow", "s3:GetObject", MODELS),
        ("Allow", "s3:GetObject", " ".join(f"{arn}/*" for arn in PHOTOS)),
        LIST_PHOTOS,
        ("Allow", "s3:PutObject", f"{results}/results/*"),
        ("Allow", "s3:PutObject", f"{results}/redacted/*"),
    }
    condition = json.dumps({"StringLike": {"s3:prefix": "results/*"}})
    assert granted(batch, "Finish") == {("Allow", "s3:ListBucket", results, condition)}
    assert not of_type(batch, "AWS::IAM::Policy")


def test_the_state_machine_may_call_its_functions_and_start_its_own_children(
    batch: dict[str, Any],
) -> None:
    bucket, _ = named(batch, "AWS::S3::Bucket", "Results")
    _, role = named(batch, "AWS::IAM::Role", "JobsRole")
    functions = [named(batch, "AWS::Lambda::Function", name)[0] for name in FUNCTIONS]
    states = "arn:${AWS::Partition}:states:eu-west-3:123456789012"
    found = {tuple(statement[1:]) for statement in statements(role)}

    everywhere = {actions for actions, resource in found if resource == "*"}
    assert {action.partition(":")[0] for each in everywhere for action in each.split()} == {
        "logs",
        "xray",
    }
    assert {each for each in found if each[1] != "*"} == {
        ("lambda:InvokeFunction", " ".join(sorted(f"${{{name}.Arn}}" for name in functions))),
        ("states:StartExecution", f"{states}:stateMachine:carlens-prod-batch"),
        (
            "states:DescribeExecution states:RedriveExecution states:StopExecution",
            f"{states}:execution:carlens-prod-batch/Parts:*",
        ),
        ("s3:GetObject", f"${{{bucket}.Arn}}/plans/*"),
        (
            "s3:AbortMultipartUpload s3:GetObject s3:ListMultipartUploadParts s3:PutObject",
            f"${{{bucket}.Arn}}/runs/*",
        ),
    }
    (trust,) = role["Properties"]["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"] == {"Service": "states.amazonaws.com"}


# --- the results bucket


def test_the_folders_are_those_that_the_functions_write() -> None:
    assert plan_key("fleet", 0).startswith(f"{PLANS}/")
    assert results_prefix("fleet").startswith(f"{RESULTS}/")


def test_results_are_kept_and_plans_expire(batch: dict[str, Any]) -> None:
    _, bucket = named(batch, "AWS::S3::Bucket", "Results")
    rules = bucket["Properties"]["LifecycleConfiguration"]["Rules"]

    expiring = {rule["Prefix"]: rule["ExpirationInDays"] for rule in rules if "Prefix" in rule}
    assert expiring == {f"{PLANS}/": 30, f"{RUNS}/": 30}
    assert [rule for rule in rules if "ExpirationInDays" in rule and "Prefix" not in rule] == []
    assert (bucket["DeletionPolicy"], bucket["UpdateReplacePolicy"]) == KEPT


def test_buckets_are_encrypted_closed_logged_and_reached_over_tls(batch: dict[str, Any]) -> None:
    logs, _ = named(batch, "AWS::S3::Bucket", "AccessLogs")
    _, results = named(batch, "AWS::S3::Bucket", "Results")
    policies = of_type(batch, "AWS::S3::BucketPolicy").values()

    assert results["Properties"]["LoggingConfiguration"] == {
        "DestinationBucketName": {"Ref": logs},
        "LogFilePrefix": "results/",
    }
    for name, bucket in of_type(batch, "AWS::S3::Bucket").items():
        given = bucket["Properties"]
        assert given["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        assert set(given["PublicAccessBlockConfiguration"].values()) == {True}
        (policy,) = [p for p in policies if p["Properties"]["Bucket"] == {"Ref": name}]
        denied = [
            statement["Condition"]
            for statement in policy["Properties"]["PolicyDocument"]["Statement"]
            if statement["Effect"] == "Deny"
        ]
        assert {"Bool": {"aws:SecureTransport": "false"}} in denied


def test_outputs_name_what_callers_need(batch: dict[str, Any]) -> None:
    machine, _ = only(batch, "AWS::StepFunctions::StateMachine")
    bucket, _ = named(batch, "AWS::S3::Bucket", "Results")
    worker, _ = named(batch, "AWS::Lambda::Function", "Worker")

    outputs = {name: flat(output["Value"]) for name, output in batch["Outputs"].items()}
    assert outputs["StateMachineArn"] == f"${{{machine}}}"
    assert outputs["ResultsBucketName"] == f"${{{bucket}}}"
    assert outputs["WorkerFunctionName"] == f"${{{worker}}}"
    assert {"PlanRoleArn", "WorkerRoleArn"} <= outputs.keys()
