"""The resources of the stacks, read from their templates."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any, get_args

import aws_cdk as cdk
import grimp
import pytest
import yaml
from aws_cdk import aws_s3 as s3

from benchmarks import bill
from carlens import __version__
from carlens.aws.metrics import RequestStats, metric_lines
from carlens.config import NO_CLASSIFIER, Config
from carlens.http.catalog_routes import ROUTES as CATALOG_ROUTES
from carlens.models.manifest import ManifestError
from carlens.services.recognition_app import RecognitionApp
from infra.advice import advice
from infra.application import build_app
from infra.contract import load_contract
from infra.layers import FunctionName, LayerError, build_layers, stage_code
from infra.layers.bytecode import find_python
from infra.layers.code import CODE, code_hash
from infra.logs import log_group
from infra.model_folder import ModelFiles
from infra.model_stack import ModelStack
from infra.settings import RETENTIONS, SettingError, Settings
from operations import prices
from operations.rollback import pin_alias
from tools import permissions

ROOT = Path(__file__).parents[3]
CONTEXT: dict[str, Any] = json.loads((ROOT / "cdk.json").read_text("utf-8"))["context"]
CONTRACT: dict[str, Any] = yaml.safe_load((ROOT / "lambda_src" / "openapi.yaml").read_text("utf-8"))

# Every optional part of a stage, switched on as with `-c`.
EVERYTHING = {
    "architecture": "arm64",
    "reserved_concurrency": "5",
    "timeout": "20",
    "catalog_memory": "1024",
    "tables": "true",
    "applies_to": "car,truck,bus",
    "confidence": "0.3",
    "min_area": "0.002",
    "slices": "1",
    "max_pictures": "8",
    "urls": "false",
    "uploads": "true",
    "anonymize": "true",
    "uploads_rate": "3",
    "uploads_burst": "4",
    "allowed_hosts": "photos.internal:8080",
    "batch": "true",
    "photo_buckets": "photos,archive.2025",
    "batch_concurrency": "50",
    "cors_origins": "https://a.example,https://b.example",
    "throttle_rate": "7",
    "throttle_burst": "9",
    "api_key": "true",
    "monthly_quota": "5000",
    "authorizer": "cognito",
    "user_pools": "arn:aws:cognito-idp:eu-west-3:123456789012:userpool/eu-west-3_Ab1",
    "scopes": "cars/read",
    "waf": "true",
    "waf_rate": "300",
    "domain_name": "cars.example.com",
    "certificate_arn": "arn:aws:acm:eu-west-3:123456789012:certificate/0f-1e",
    "subnets": "subnet-0a1b2c3d,subnet-0b1b2c3d",
    "security_groups": "sg-0c1b2c3d",
    "permissions_boundary": "arn:aws:iam::123456789012:policy/teams/Developers",
    "asset_key": "arn:aws:kms:eu-west-3:123456789012:key/0f-1e",
    "alarm_email": "me@example.com",
    "monthly_budget": "70",
    "budget_by_tags": "true",
    "region": "eu-west-3",
    "account": "123456789012",
}


# The deletion and replacement policies of what is kept, except what a failed deployment created.
KEPT = ("RetainExceptOnCreate", "Retain")


class Stage:
    """The synthesized stacks of one stage."""

    def __init__(self, stage: str, **overrides: str) -> None:
        context = {**CONTEXT, "stage": stage, **overrides}
        self.settings = Settings.from_context(context)
        self._assembly = build_app(context, bundle=False).synth()
        self.directory = Path(self._assembly.directory)
        self.stacks = {
            name: self._assembly.get_stack_by_name(f"carlens-{stage}-{name}")
            for name in ("models", "api", *(["batch"] if self.settings.batch else []))
        }
        self.models: dict[str, Any] = self.stacks["models"].template
        self.api: dict[str, Any] = self.stacks["api"].template

    @property
    def templates(self) -> dict[str, Any]:
        return {stack.stack_name: stack.template for stack in self._assembly.stacks}


@cache
def synthesized(stage: str, **overrides: str) -> Stage:
    return Stage(stage, **overrides)


@pytest.fixture(scope="module")
def dev() -> Stage:
    return synthesized("dev")


@pytest.fixture(scope="module")
def prod() -> Stage:
    return synthesized("prod")


@pytest.fixture(scope="module")
def everything() -> Stage:
    return synthesized("prod", **EVERYTHING)


def of_type(template: dict[str, Any], kind: str) -> dict[str, dict[str, Any]]:
    return {k: r for k, r in template["Resources"].items() if r["Type"] == kind}


def only(template: dict[str, Any], kind: str) -> tuple[str, dict[str, Any]]:
    """Return the only resource of a kind: its logical ID and its properties."""
    ((name, resource),) = of_type(template, kind).items()
    return name, resource.get("Properties", {})


def named(template: dict[str, Any], kind: str, part: str) -> tuple[str, dict[str, Any]]:
    """Return the only resource of a kind whose logical ID starts with `part`."""
    found = {k: r for k, r in of_type(template, kind).items() if k.startswith(part)}
    ((name, resource),) = found.items()
    return name, resource


def flat(value: Any) -> str:
    """Write a CloudFormation value as text, with `${...}` for what only a deployment knows."""
    if isinstance(value, str):
        return value
    ((function, argument),) = value.items()
    if function == "Fn::Join":
        return str(argument[0].join(flat(part) for part in argument[1]))
    if function == "Fn::Sub":
        return str(argument)
    return "${" + (argument if isinstance(argument, str) else ".".join(argument)) + "}"


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def statements(role: dict[str, Any]) -> set[tuple[str, ...]]:
    """Return the permissions of a role: effect, actions, resources, and any conditions."""
    return {
        (
            statement["Effect"],
            " ".join(sorted(as_list(statement["Action"]))),
            " ".join(sorted(flat(resource) for resource in as_list(statement["Resource"]))),
            *([json.dumps(statement["Condition"])] if "Condition" in statement else []),
        )
        for policy in role["Properties"]["Policies"]
        for statement in policy["PolicyDocument"]["Statement"]
    }


def body(stage: Stage) -> dict[str, Any]:
    definition: dict[str, Any] = only(stage.api, "AWS::ApiGateway::RestApi")[1]["Body"]
    return definition


# --- the stage as a whole ---------------------------------------------------------------------


def test_stacks_are_named_after_their_stage(dev: Stage, prod: Stage) -> None:
    logs = "carlens-gateway-logs"
    assert set(dev.templates) == {logs, "carlens-dev-models", "carlens-dev-api"}
    assert set(prod.templates) == {logs, "carlens-prod-models", "carlens-prod-api"}


def test_stages_share_no_name_within_an_account(dev: Stage, prod: Stage) -> None:
    def names(stage: Stage) -> set[str]:
        exports = [
            output["Export"]["Name"]
            for template in stage.templates.values()
            for output in template.get("Outputs", {}).values()
            if "Export" in output
        ]
        given = [
            flat(value)
            for template in stage.templates.values()
            for resource in template["Resources"].values()
            for key, value in resource.get("Properties", {}).items()
            if key in {"AlarmName", "DashboardName", "BucketName", "FunctionName", "RoleName"}
            and isinstance(value, str)
        ]
        metrics = [
            transformation["MetricName"]
            for resource in of_type(stage.api, "AWS::Logs::MetricFilter").values()
            for transformation in resource["Properties"]["MetricTransformations"]
        ]
        return {*exports, *given, *metrics}

    assert names(dev)
    assert not names(dev) & names(prod)


@pytest.mark.parametrize("stage", ["dev", "prod"])
def test_the_same_settings_give_the_same_templates(stage: str) -> None:
    first, second = synthesized(stage), Stage(stage)

    assert json.dumps(first.templates) == json.dumps(second.templates)
    for file in first.directory.glob("*.assets.json"):
        assert file.read_bytes() == (second.directory / file.name).read_bytes()


def test_without_an_account_a_stage_uses_that_of_the_credentials(dev: Stage) -> None:
    assert dev.stacks["api"].environment.account == "unknown-account"
    assert dev.stacks["api"].environment.region == "unknown-region"


def test_a_stage_can_be_bound_to_an_account(everything: Stage) -> None:
    for stack in everything.stacks.values():
        assert stack.environment.account == "123456789012"
        assert stack.environment.region == "eu-west-3"


def test_the_version_is_that_of_the_package(dev: Stage) -> None:
    assert body(dev)["info"]["version"] == __version__
    for template in (dev.models, dev.api):
        assert template["Description"].startswith(f"Carlens {__version__}: ")


def test_a_package_without_a_version_is_refused(tmp_path: Path) -> None:
    (tmp_path / "carlens").mkdir()
    (tmp_path / "carlens" / "__init__.py").write_text('"""No version."""\n')
    (tmp_path / "openapi.yaml").write_text("info: {}\n")

    with pytest.raises(ValueError, match=r"__init__\.py has no line such as `__version__"):
        load_contract(tmp_path)


def test_a_wrong_setting_stops_the_synth() -> None:
    with pytest.raises(SettingError, match=r"detector is 'eye'.* ssdlite-mobilenet-v2-coco"):
        build_app({**CONTEXT, "detector": "eye"}, bundle=False)


def test_cdk_nag_checks_every_stack() -> None:
    app = build_app({**CONTEXT, "batch": "true", "photo_buckets": "photos"}, bundle=False)
    for stack in app.node.children:
        if isinstance(stack, cdk.Stack):
            s3.Bucket(stack, "Careless")

    with pytest.raises(RuntimeError) as failed:
        app.synth()

    report = Path(str(failed.value).rpartition(": ")[2]).read_text("utf-8")
    for name in ("models", "api", "batch"):
        assert f"carlens-dev-{name}/Careless" in report
    assert "AwsSolutions-S10" in report


def test_a_failed_deployment_leaves_nothing_that_the_next_attempt_would_find(
    dev: Stage, everything: Stage
) -> None:
    for stage in (dev, everything):
        for template in stage.templates.values():
            for name, resource in template["Resources"].items():
                assert resource.get("DeletionPolicy") in (None, "Delete", KEPT[0]), name


def test_production_is_protected_against_deletion(dev: Stage, prod: Stage) -> None:
    assert prod.stacks["models"].termination_protection is True
    assert not dev.stacks["models"].termination_protection


# --- the model bucket -------------------------------------------------------------------------


def buckets(stage: Stage) -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    """Yield each bucket: its logical ID, the resource, and its policy."""
    for template in (stage.models, stage.api):
        policies = of_type(template, "AWS::S3::BucketPolicy").values()
        for name, bucket in of_type(template, "AWS::S3::Bucket").items():
            (policy,) = [p for p in policies if p["Properties"]["Bucket"] == {"Ref": name}]
            yield name, bucket, policy["Properties"]["PolicyDocument"]


def test_buckets_are_encrypted_and_closed_to_the_public(everything: Stage) -> None:
    for _, bucket, _ in buckets(everything):
        properties = bucket["Properties"]
        assert properties["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        assert set(properties["PublicAccessBlockConfiguration"].values()) == {True}
        assert properties["OwnershipControls"]["Rules"] == [
            {"ObjectOwnership": "BucketOwnerEnforced"}
        ]


@pytest.mark.parametrize(
    "condition",
    [
        {"Bool": {"aws:SecureTransport": "false"}},
        {"NumericLessThan": {"s3:TlsVersion": 1.2}},
    ],
)
def test_buckets_require_tls(everything: Stage, condition: dict[str, Any]) -> None:
    for name, _, policy in buckets(everything):
        (denied,) = [s for s in policy["Statement"] if s.get("Condition") == condition]
        assert denied["Effect"] == "Deny"
        assert denied["Action"] == "s3:*"
        assert denied["Principal"] == {"AWS": "*"}
        arn = "${" + name + ".Arn}"
        assert {flat(resource) for resource in denied["Resource"]} == {arn, f"{arn}/*"}


def test_the_model_bucket_is_versioned_logged_and_cleaned(prod: Stage) -> None:
    _, bucket = named(prod.models, "AWS::S3::Bucket", "Models")
    logs, _ = named(prod.models, "AWS::S3::Bucket", "AccessLogs")

    assert bucket["Properties"]["VersioningConfiguration"] == {"Status": "Enabled"}
    assert bucket["Properties"]["LoggingConfiguration"]["DestinationBucketName"] == {"Ref": logs}
    (rule,) = bucket["Properties"]["LifecycleConfiguration"]["Rules"]
    assert rule["Status"] == "Enabled"
    assert rule["NoncurrentVersionExpiration"]["NoncurrentDays"] > 0
    assert "ExpirationInDays" not in rule  # the current version never expires


def test_production_keeps_its_buckets_and_dev_deletes_them(everything: Stage) -> None:
    for _, bucket, _ in buckets(everything):
        assert (bucket["DeletionPolicy"], bucket["UpdateReplacePolicy"]) == KEPT
    dev = synthesized("dev", uploads="true")
    emptied: list[dict[str, Any]] = []
    for ours, theirs in ((everything.models, dev.models), (everything.api, dev.api)):
        assert not of_type(ours, "Custom::S3AutoDeleteObjects")
        emptied += of_type(theirs, "Custom::S3AutoDeleteObjects").values()
    for name, bucket, _ in buckets(dev):
        assert bucket["DeletionPolicy"] == "Delete"
        # CloudFormation only deletes empty buckets.
        assert {"Ref": name} in [each["Properties"]["BucketName"] for each in emptied]


# --- the upload bucket ------------------------------------------------------------------------


def test_uploads_are_off_unless_a_stage_has_them(prod: Stage) -> None:
    assert not of_type(prod.api, "AWS::S3::Bucket")
    assert not {"CARLENS_UPLOADS", "CARLENS_UPLOADS_URL"} & variables(prod).keys()
    (settings,) = only(prod.api, "AWS::ApiGateway::Stage")[1]["MethodSettings"]
    assert settings["ResourcePath"] == "/*"


def test_uploads_expire_after_a_day_and_so_do_aborted_ones(everything: Stage) -> None:
    _, bucket = only(everything.api, "AWS::S3::Bucket")

    (rule,) = bucket["LifecycleConfiguration"]["Rules"]
    assert rule == {
        "Status": "Enabled",
        "ExpirationInDays": 1,
        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1},
    }
    assert "VersioningConfiguration" not in bucket  # versions would outlive their day


def test_only_pages_of_the_allowed_origins_may_upload(everything: Stage) -> None:
    _, bucket = only(everything.api, "AWS::S3::Bucket")

    (rule,) = bucket["CorsConfiguration"]["CorsRules"]
    assert rule["AllowedMethods"] == ["POST", "GET"]  # redacted pictures are fetched
    assert rule["AllowedOrigins"] == ["https://a.example", "https://b.example"]


def test_the_function_knows_the_upload_bucket(everything: Stage) -> None:
    name, _ = only(everything.api, "AWS::S3::Bucket")

    config = Config.from_env(variables(everything))

    assert config.uploads == f"s3://${{{name}}}"
    assert config.uploads_url == f"https://${{{name}.RegionalDomainName}}/"


def test_anonymizing_adds_two_models_and_access_to_redacted_pictures(prod: Stage) -> None:
    stage = synthesized("prod", anonymize="true", uploads="true")

    # Then the function knows the models, whose files are in the bucket
    after = variables(stage)
    added = after.keys() - variables(prod).keys()
    assert {name for name in added if "UPLOADS" not in name} == {
        "CARLENS_ANONYMIZE", "CARLENS_FACES", "CARLENS_FACES_HASH", "CARLENS_PLATES",
        "CARLENS_PLATES_HASH",
    }  # fmt: skip
    placed = json.dumps(stage.models)
    assert f"models/centerface/{after['CARLENS_FACES_HASH']}/model.onnx" in placed
    # And its role may write redacted pictures and sign URLs for them, and nothing else
    _, role = named(stage.api, "AWS::IAM::Role", "RecognitionRole")
    _, plain = named(synthesized("prod", uploads="true").api, "AWS::IAM::Role", "RecognitionRole")
    [more_allowed] = statements(role) - statements(plain)
    assert more_allowed[:2] == ("Allow", "s3:GetObject s3:PutObject")
    assert more_allowed[2].endswith("/redacted/*")
    _, bucket = only(stage.api, "AWS::S3::Bucket")
    (rule,) = bucket["CorsConfiguration"]["CorsRules"]
    assert rule["AllowedMethods"] == ["POST", "GET"]
    _, dashboard = only(stage.api, "AWS::CloudWatch::Dashboard")
    assert "RedactTime" in flat(dashboard["DashboardBody"])


def test_requests_for_uploads_are_throttled_on_their_own(everything: Stage) -> None:
    _, stage = only(everything.api, "AWS::ApiGateway::Stage")

    (settings,) = [s for s in stage["MethodSettings"] if s["ResourcePath"] != "/*"]
    assert (settings["ResourcePath"], settings["HttpMethod"]) == ("/~1uploads", "POST")
    assert (settings["ThrottlingRateLimit"], settings["ThrottlingBurstLimit"]) == (3, 4)
    assert (settings["LoggingLevel"], settings["DataTraceEnabled"]) == ("ERROR", False)
    assert settings["MetricsEnabled"] is False


def test_uploads_need_a_key_even_if_nothing_else_does() -> None:
    # Given prod, whose other routes need no key
    stage = synthesized("prod", uploads="true")
    paths = body(stage)["paths"]

    # Then only this route needs one, also for other methods than POST, and there is a key
    keyed = {path for path, item in paths.items() if any("security" in m for m in item.values())}
    assert keyed == {"/uploads"}
    assert paths["/uploads"]["post"]["security"] == [{"api_key": []}]
    assert "security" not in paths["/uploads"]["options"]
    assert "securitySchemes" in body(stage)["components"]
    assert of_type(stage.api, "AWS::ApiGateway::ApiKey")


def test_uploads_without_a_key_are_a_choice() -> None:
    stage = synthesized("dev", uploads="true", uploads_key="false")

    assert not of_type(stage.api, "AWS::ApiGateway::ApiKey")
    assert "security" not in body(stage)["paths"]["/uploads"]["post"]


def copied(stage: Stage) -> dict[str, dict[str, Any]]:
    """Return the S3 call that copies each model file, by key."""
    calls = {}
    for resource in of_type(stage.models, "Custom::ModelFile").values():
        created, updated = resource["Properties"]["Create"], resource["Properties"]["Update"]
        assert created == updated
        call = json.loads(flat(created))
        calls[call["parameters"]["Key"]] = call
    return calls


def test_each_model_file_is_copied_to_the_hash_of_its_model(dev: Stage) -> None:
    environment = function(dev)["Properties"]["Environment"]["Variables"]
    expected = {}
    for kind in ("DETECTOR", "CLASSIFIER"):
        name, content = environment[f"CARLENS_{kind}"], environment[f"CARLENS_{kind}_HASH"]
        folder = ROOT / "models" / name
        manifest = json.loads((folder / "model.json").read_text("utf-8"))
        for file in ("model.json", manifest["labels"], manifest["file"]):
            expected[f"models/{name}/{content}/{file}"] = folder / file

    calls = copied(dev)

    assert calls.keys() == expected.keys()
    for key, call in calls.items():
        assert (call["service"], call["action"]) == ("S3", "copyObject")
        assert call["parameters"]["ChecksumAlgorithm"] == "SHA256"
        # Different content is a different resource, so the old key remains.
        assert call["physicalResourceId"] == {"id": key}
        assert "delete" not in call
        asset = dev.directory / f"asset.{call['parameters']['CopySource'].rpartition('/')[2]}"
        content = asset.read_bytes()
        assert sha256(content).digest() == sha256(expected[key].read_bytes()).digest()


def test_the_copy_role_may_copy_assets_to_models_and_nothing_else(dev: Stage) -> None:
    name, role = named(dev.models, "AWS::IAM::Role", "PlacingRole")
    bucket, _ = named(dev.models, "AWS::S3::Bucket", "Models")
    logs, _ = named(dev.models, "AWS::Logs::LogGroup", "PlacingLogs")
    (assets,) = {
        call["parameters"]["CopySource"].partition("/")[0] for call in copied(dev).values()
    }

    assert "ManagedPolicyArns" not in role["Properties"]
    assert statements(role) == {
        ("Allow", "s3:GetObject", f"arn:${{AWS::Partition}}:s3:::{assets}/*"),
        ("Allow", "s3:PutObject", f"${{{bucket}.Arn}}/models/*"),
        ("Allow", "logs:CreateLogStream logs:PutLogEvents", f"${{{logs}.Arn}}"),
    }
    assert not of_type(dev.models, "AWS::IAM::Policy")
    for resource in of_type(dev.models, "Custom::ModelFile").values():
        assert name in resource["DependsOn"]


def test_another_model_does_not_change_the_copy_role(tmp_path: Path) -> None:
    # IAM takes seconds to apply a change, and the role is used at once.
    def synthesize(content: str) -> dict[str, Any]:
        file = tmp_path / "model.json"
        file.write_text(content)
        app = cdk.App(context=CONTEXT)
        models = [ModelFiles("detector", "eye", (file,), content)]
        ModelStack(app, "Store", settings=Settings(stage="dev"), models=models)
        template: dict[str, Any] = app.synth().get_stack_by_name("Store").template
        return template

    old, new = synthesize("0123456789abcdef"), synthesize("fedcba9876543210")

    assert of_type(old, "Custom::ModelFile") != of_type(new, "Custom::ModelFile")
    assert of_type(old, "AWS::IAM::Role") == of_type(new, "AWS::IAM::Role")


def test_models_are_in_place_before_the_function_starts(prod: Stage) -> None:
    before = {dependency.id for dependency in prod.stacks["api"].dependencies}

    assert "carlens-prod-models" in before


# --- the function -----------------------------------------------------------------------------


FUNCTIONS = ("Recognition", "Catalog")


def function(stage: Stage, name: str = "Recognition") -> dict[str, Any]:
    _, resource = named(stage.api, "AWS::Lambda::Function", name)
    return resource


def variables(stage: Stage, name: str = "Recognition") -> dict[str, str]:
    given = function(stage, name)["Properties"]["Environment"]["Variables"]
    return {key: flat(value) for key, value in given.items()}


def role(stage: Stage, name: str) -> dict[str, Any]:
    resource: dict[str, Any] = stage.api["Resources"][
        function(stage, name)["Properties"]["Role"]["Fn::GetAtt"][0]
    ]
    return resource


def test_there_are_two_functions_with_a_role_and_a_log_each(prod: Stage) -> None:
    assert len(of_type(prod.api, "AWS::Lambda::Function")) == len(FUNCTIONS)
    for kind in ("Role", "LoggingConfig"):
        theirs = [json.dumps(function(prod, name)["Properties"][kind]) for name in FUNCTIONS]
        assert len({*theirs}) == len(FUNCTIONS)


def test_each_function_has_its_handler_and_memory(dev: Stage, everything: Stage) -> None:
    for stage in (dev, everything):
        recognition, catalog = (function(stage, name)["Properties"] for name in FUNCTIONS)
        assert recognition["Handler"] == "handler.lambda_handler"
        assert recognition["MemorySize"] == stage.settings.memory
        assert catalog["Handler"] == "catalog_handler.lambda_handler"
        assert catalog["MemorySize"] == stage.settings.catalog_memory
        assert recognition["Code"] != catalog["Code"]  # or a change of one would publish both


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_matches_the_settings(name: str, dev: Stage, everything: Stage) -> None:
    for stage in (dev, everything):
        properties = function(stage, name)["Properties"]
        assert properties["Runtime"] == "python3.13"
        assert properties["Timeout"] == stage.settings.timeout
        assert properties["Architectures"] == [stage.settings.architecture]
        assert properties["EphemeralStorage"] == {"Size": 512}
        assert properties["TracingConfig"] == {"Mode": "Active"}
        limit = properties.get("ReservedConcurrentExecutions")
        assert limit == stage.settings.reserved_concurrency


def test_the_environment_is_what_the_runtime_reads(everything: Stage) -> None:
    # Given
    settings = everything.settings

    # When
    config = Config.from_env(variables(everything))

    # Then
    assert config.models == "s3://${carlens-prod-model-bucket}/models"
    assert (config.detector, config.classifier) == (settings.detector, settings.classifier)
    assert config.applies_to == ("car", "truck", "bus")
    assert (config.confidence, config.min_area, config.slices) == (0.3, 0.002, 1)
    assert config.threads == settings.threads == 2
    assert config.cors_origins == ("https://a.example", "https://b.example")
    assert config.urls is False
    assert config.allowed_hosts == {"photos.internal:8080"}
    assert config.max_pictures == 8
    assert config.version == __version__


def test_a_stage_that_only_detects_has_no_classifier() -> None:
    stage = synthesized("dev", classifier="none")

    environment = variables(stage)

    assert Config.from_env(environment).classifier == NO_CLASSIFIER
    assert "CARLENS_CLASSIFIER_HASH" not in environment
    assert "efficientnet" not in json.dumps(stage.templates)


def test_the_catalog_function_has_only_the_variables_that_it_reads(
    prod: Stage, everything: Stage
) -> None:
    with_tables, without = variables(everything, "Catalog"), variables(prod, "Catalog")

    config = Config.from_env(with_tables)

    assert config.tables == "s3://${carlens-prod-model-bucket}/tables"
    assert config.cors_origins == ("https://a.example", "https://b.example")
    assert config.version == __version__
    assert with_tables.keys() - without.keys() == {"CARLENS_TABLES"}
    assert without.keys() == {"CARLENS_METRICS", "CARLENS_CORS_ORIGINS"}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_variable_is_one_that_the_runtime_reads(name: str, everything: Stage) -> None:
    names = {key.removeprefix("CARLENS_").lower() for key in variables(everything, name)}

    assert names <= set(Config.__dataclass_fields__)


def test_thresholds_that_are_not_set_are_left_to_the_models(dev: Stage) -> None:
    given = variables(dev)

    assert all(given.values())
    assert not {"CARLENS_CONFIDENCE", "CARLENS_MIN_AREA", "CARLENS_SLICES"} & set(given)


BUCKET = "arn:${AWS::Partition}:s3:::${carlens-prod-model-bucket}"
READ_MODELS = ("Allow", "s3:GetObject", f"{BUCKET}/models/*")
READ_TABLES = ("Allow", "s3:GetObject", f"{BUCKET}/tables/*")
_INTERFACES = (
    "ec2:AssignPrivateIpAddresses ec2:CreateNetworkInterface ec2:DeleteNetworkInterface "
    "ec2:DescribeNetworkInterfaces ec2:DescribeSubnets ec2:UnassignPrivateIpAddresses"
)
JOIN_VPC = {
    ("Allow", _INTERFACES, "*"),
    # Requests of the function's own code have this key; those of Lambda do not.
    ("Deny", _INTERFACES, "*", '{"Null": {"lambda:SourceFunctionArn": "false"}}'),
}
UPLOADS = ("Allow", "s3:GetObject s3:PutObject", "${UploadsBucketC4B27CC7.Arn}/uploads/*")
REDACTED = ("Allow", "s3:GetObject s3:PutObject", "${UploadsBucketC4B27CC7.Arn}/redacted/*")
LIST_TABLES = ("Allow", "s3:ListBucket", BUCKET, '{"StringLike": {"s3:prefix": "tables/*"}}')


@pytest.mark.parametrize(
    ("name", "overrides", "reads"),
    [
        ("Recognition", {}, {READ_MODELS}),
        ("Recognition", EVERYTHING, {READ_MODELS, UPLOADS, REDACTED, *JOIN_VPC}),
        ("Catalog", {}, set()),
        ("Catalog", EVERYTHING, {READ_TABLES, LIST_TABLES, *JOIN_VPC}),
    ],
)
def test_a_role_reads_its_data_writes_its_log_and_traces_and_can_do_nothing_else(
    name: str, overrides: dict[str, str], reads: set[tuple[str, ...]]
) -> None:
    stage = synthesized("prod", **overrides)
    logs, _ = named(stage.api, "AWS::Logs::LogGroup", f"{name}Logs")
    granted = role(stage, name)

    assert statements(granted) == {
        *reads,
        ("Allow", "logs:CreateLogStream logs:PutLogEvents", f"${{{logs}.Arn}}"),
        ("Allow", "xray:PutTelemetryRecords xray:PutTraceSegments", "*"),
    }
    assert "ManagedPolicyArns" not in granted["Properties"]
    assert not of_type(stage.api, "AWS::IAM::Policy")
    (trust,) = granted["Properties"]["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"] == {"Service": "lambda.amazonaws.com"}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_writes_json_into_its_own_log_group(name: str, dev: Stage) -> None:
    logs, _ = named(dev.api, "AWS::Logs::LogGroup", f"{name}Logs")

    logging = function(dev, name)["Properties"]["LoggingConfig"]
    assert logging["LogFormat"] == "JSON"
    assert logging["LogGroup"] == {"Ref": logs}


def test_every_log_group_has_the_retention_and_removal_of_the_stage(
    dev: Stage, everything: Stage
) -> None:
    for stage, fate in ((dev, "Delete"), (everything, KEPT[0])):
        for template in stage.templates.values():
            for group in of_type(template, "AWS::Logs::LogGroup").values():
                assert group["Properties"]["RetentionInDays"] == stage.settings.log_retention
                assert group["DeletionPolicy"] == fate


def test_every_retention_is_the_right_number_of_days() -> None:
    app = cdk.App()
    stack = cdk.Stack(app, "Logs")
    for days in RETENTIONS:
        log_group(stack, f"Days{days}End", settings=Settings(stage="dev", log_retention=days))

    template = app.synth().get_stack_by_name("Logs").template

    for days in RETENTIONS:
        _, group = named(template, "AWS::Logs::LogGroup", f"Days{days}End")
        assert group["Properties"]["RetentionInDays"] == days


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_alias_points_to_a_version_that_is_kept(name: str, prod: Stage) -> None:
    version, resource = named(prod.api, "AWS::Lambda::Version", name)
    _, alias = named(prod.api, "AWS::Lambda::Alias", name)

    assert alias["Properties"]["Name"] == "live"
    assert alias["Properties"]["FunctionVersion"] == {"Fn::GetAtt": [version, "Version"]}
    assert (resource["DeletionPolicy"], resource.get("UpdateReplacePolicy")) == KEPT


def test_a_rollback_changes_only_the_alias_of_its_function(prod: Stage) -> None:
    name, _ = named(prod.api, "AWS::Lambda::Function", "Catalog")
    alias, _ = named(prod.api, "AWS::Lambda::Alias", "Catalog")

    pinned = pin_alias(prod.api, name, 7)

    changed = pinned["Resources"].pop(alias)
    assert changed["Properties"]["FunctionVersion"] == "7"
    assert "UpdatePolicy" not in changed  # CodeDeploy would shift an alias that is already there
    assert pinned["Resources"] == {k: r for k, r in prod.api["Resources"].items() if k != alias}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_snap_start_serves_published_versions_unless_it_is_off(name: str, dev: Stage) -> None:
    off = synthesized("dev", snap_start="false")

    assert function(dev, name)["Properties"]["SnapStart"] == {"ApplyOn": "PublishedVersions"}
    assert "SnapStart" not in function(off, name)["Properties"]


def test_a_changed_function_publishes_a_new_version(dev: Stage) -> None:
    off = synthesized("dev", snap_start="false")

    assert set(of_type(dev.api, "AWS::Lambda::Version")) != set(
        of_type(off.api, "AWS::Lambda::Version")
    )


@pytest.mark.parametrize("name", get_args(FunctionName))
def test_the_layers_are_those_of_the_function_and_architecture(
    name: FunctionName, dev: Stage, everything: Stage
) -> None:
    for stage in (dev, everything):
        every = of_type(stage.api, "AWS::Lambda::LayerVersion")
        refs = function(stage, name.capitalize())["Properties"]["Layers"]
        layers = {layer["Ref"]: every[layer["Ref"]] for layer in refs}
        builds = build_layers(stage.settings.architecture, name, bundle=False)
        keys = {flat(layer["Properties"]["Content"]["S3Key"]) for layer in layers.values()}
        # The name of the asset depends on the hash of the layer, not on its files on this machine.
        assert keys == {f"{sha256(build.asset_hash.encode()).hexdigest()}.zip" for build in builds}
        for layer in layers.values():
            properties = layer["Properties"]
            assert properties["CompatibleArchitectures"] == [stage.settings.architecture]
            assert properties["CompatibleRuntimes"] == ["python3.13"]


def test_a_shared_layer_is_made_once(dev: Stage) -> None:
    layers = of_type(dev.api, "AWS::Lambda::LayerVersion")
    used = [ref["Ref"] for name in FUNCTIONS for ref in function(dev, name)["Properties"]["Layers"]]

    assert set(used) == set(layers)
    assert len(used) > len(layers)


# The module with the handler of each function.
MODULES = (
    "handler",
    "catalog_handler",
    "carlens.functions.batch_plan",
    "carlens.functions.batch_worker",
    "carlens.functions.batch_finish",
)


def assets(stage: Stage) -> dict[str, Path]:
    """Return the folder with the code of each function, by the module with its handler."""
    return {
        properties["Handler"].removesuffix(".lambda_handler"): stage.directory
        / f"asset.{properties['Code']['S3Key'].removesuffix('.zip')}"
        for template in (stage.api, stage.stacks["batch"].template)
        for properties in (
            resource["Properties"]
            for resource in of_type(template, "AWS::Lambda::Function").values()
        )
        if properties["Runtime"].startswith("python")
    }


def python_modules(folder: Path) -> set[str]:
    return {
        ".".join(path.relative_to(folder).with_suffix("").parts).removesuffix(".__init__")
        for path in folder.rglob("*.py")
    }


def test_the_code_of_a_function_is_what_it_imports(everything: Stage) -> None:
    graph = grimp.build_graph("carlens", cache_dir=None)
    deployed = assets(everything)

    assert deployed.keys() == set(MODULES)
    for module, folder in deployed.items():
        found = python_modules(folder)
        imported = {
            name
            for entry in found & graph.modules
            if entry.startswith("carlens.functions.")
            for name in {entry, *graph.find_upstream_modules(entry)}
        }
        packages = {".".join(name.split(".")[:end]) for name in imported for end in range(1, 4)}
        assert found == imported | packages | {module}


def test_the_code_has_the_data_that_it_reads(everything: Stage) -> None:
    data = {
        module: {
            path.relative_to(folder).as_posix()
            for path in folder.rglob("*")
            if path.is_file() and path.suffix not in {".py", ".pyc"}
        }
        for module, folder in assets(everything).items()
    }
    shipped = {
        path.relative_to(CODE).as_posix()
        for path in CODE.rglob("*")
        if path.is_file() and path.suffix not in {".py", ".pyc", ".typed", ".txt"}
    } | {"carlens/web/assets/marked.LICENSE.txt"}

    # Every file reaches a function that reads it.
    assert set().union(*data.values()) == shipped
    assert {"openapi.yaml", "carlens/web/index.html"} <= data["handler"]
    tables = {path for path in shipped if path.startswith("carlens/catalog/data/tables/")}
    assert tables < data["handler"]
    assert tables < data["catalog_handler"]
    assert data["carlens.functions.batch_finish"] == set()
    assert "openapi.yaml" not in data["catalog_handler"]


def test_each_function_starts_with_its_code_alone(everything: Stage) -> None:
    started = {}
    for module, folder in assets(everything).items():
        # Installed packages take the place of the layers; `-I` ignores this folder and PYTHONPATH.
        code = f"import sys; sys.path.insert(0, {str(folder)!r}); import {module}, carlens"
        started[module] = subprocess.Popen(
            [sys.executable, "-I", "-B", "-c", f"{code}; print(carlens.__file__)"],
            env={
                "CARLENS_MODELS": str(ROOT / "models"),
                "CARLENS_RESULTS": "results",
                "AWS_DEFAULT_REGION": "eu-west-3",
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    for module, process in started.items():
        output, errors = process.communicate(timeout=60)
        assert output.strip() == str(assets(everything)[module] / "carlens/__init__.py"), errors


@pytest.mark.parametrize(
    ("changed", "publishes"),
    [
        ("carlens/functions/recognition.py", {"handler"}),
        ("carlens/vision/detector.py", set(MODULES) - {"catalog_handler", MODULES[-1]}),
        ("carlens/web/index.html", {"handler"}),
        ("carlens/catalog/matcher.py", {"catalog_handler"}),
        ("carlens/catalog/data/words/makes.csv", {"catalog_handler"}),
        ("carlens/batch/finish.py", {"carlens.functions.batch_finish"}),
        ("carlens/cli/app.py", set()),
        ("carlens/config.py", set(MODULES)),
    ],
)
def test_a_comment_publishes_only_the_functions_that_it_concerns(
    changed: str, publishes: set[str], tmp_path: Path
) -> None:
    code = tmp_path / "code"
    shutil.copytree(CODE, code, ignore=shutil.ignore_patterns("__pycache__"))

    def hashes() -> dict[str, str]:
        return {module: code_hash(module, code) for module in MODULES}

    before = hashes()

    with (code / changed).open("a", encoding="utf-8") as file:
        file.write("# a comment\n")

    after = hashes()
    assert {module for module in MODULES if before[module] != after[module]} == publishes


def test_the_code_has_bytecode_for_lambdas_python_only(everything: Stage) -> None:
    # /var/task is read-only, so without bytecode each cold start would compile every module.
    for folder in assets(everything).values():
        sources = {p.relative_to(folder).with_suffix("") for p in folder.rglob("*.py")}
        compiled = {
            p.relative_to(folder).parent.parent / p.name.removesuffix(".cpython-313.pyc")
            for p in folder.rglob("*.pyc")
        }
        assert compiled == (sources if find_python() else set())


def test_the_name_of_the_code_is_the_hash_of_what_is_deployed(tmp_path: Path) -> None:
    # Given a handler that imports one module, and files that it does not import
    code, cache = tmp_path / "code", tmp_path / "cache"
    (code / "__pycache__").mkdir(parents=True)
    (code / "handler.py").write_text("def answer():\n    import local.used\n")
    (code / "local").mkdir()
    for name in ("__init__", "used", "unused"):
        (code / "local" / f"{name}.py").write_text("A = 1\n")
    (code / "__pycache__" / "handler.cpython-311.pyc").write_bytes(b"of another Python")
    first = stage_code("handler", code, cache=cache)

    # When only other files change, then the name stays
    (code / "requirements.txt").write_text("numpy\n")
    (code / ".env").write_text("SECRET=none\n")
    (code / "local" / "unused.py").write_text("A = 2\n")
    assert stage_code("handler", code, cache=cache) == first

    # When the module changes, then the name changes too
    (code / "local" / "used.py").write_text("A = 2\n")
    second = stage_code("handler", code, cache=cache)
    assert second != first
    assert python_modules(second) == {"handler", "local", "local.used"}
    assert (second / "local" / "used.py").read_text() == "A = 2\n"


def test_code_that_cannot_be_compiled_is_refused(tmp_path: Path) -> None:
    code = tmp_path / "code"
    code.mkdir()
    (code / "handler.py").write_text("def\n")

    with pytest.raises(LayerError, match=r"handler\.py"):
        stage_code("handler", code, cache=tmp_path / "cache")
    assert not (tmp_path / "cache").exists()


# --- the REST API -----------------------------------------------------------------------------


def test_every_route_of_the_contract_calls_the_alias_of_its_function(prod: Stage) -> None:
    paths = body(prod)["paths"]

    assert paths.keys() == CONTRACT["paths"].keys()
    for path, item in paths.items():
        name = "Catalog" if path in CATALOG_ROUTES else "Recognition"
        alias, _ = named(prod.api, "AWS::Lambda::Alias", name)
        uri = (
            "arn:${AWS::Partition}:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/"
            f"${{{alias}}}/invocations"
        )
        for method, operation in item.items():
            integration = operation["x-amazon-apigateway-integration"]
            if method == "options":
                assert integration["type"] == "mock"
            else:
                assert flat(integration["uri"]) == uri, (path, method)


def test_only_the_api_may_call_each_alias(prod: Stage) -> None:
    api, _ = only(prod.api, "AWS::ApiGateway::RestApi")
    aliases = of_type(prod.api, "AWS::Lambda::Alias")

    permissions = [p["Properties"] for p in of_type(prod.api, "AWS::Lambda::Permission").values()]

    assert sorted(p["FunctionName"]["Ref"] for p in permissions) == sorted(aliases)
    for permission in permissions:
        assert permission["Action"] == "lambda:InvokeFunction"
        assert permission["Principal"] == "apigateway.amazonaws.com"
        assert flat(permission["SourceArn"]) == (
            "arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}:"
            f"${{{api}}}/prod/*/*"
        )


def test_the_stage_throttles_logs_and_traces(everything: Stage) -> None:
    _, stage = only(everything.api, "AWS::ApiGateway::Stage")
    group, _ = named(everything.api, "AWS::Logs::LogGroup", "RestAccessLog")

    settings, *_ = stage["MethodSettings"]
    assert (settings["ResourcePath"], settings["HttpMethod"]) == ("/*", "*")
    assert (settings["ThrottlingRateLimit"], settings["ThrottlingBurstLimit"]) == (7, 9)
    assert settings["LoggingLevel"] == "ERROR"
    assert settings["DataTraceEnabled"] is False  # bodies are users' photos
    assert stage["TracingEnabled"] is True
    assert flat(stage["AccessLogSetting"]["DestinationArn"]).endswith(f":${{{group}}}")
    line = json.loads(stage["AccessLogSetting"]["Format"])
    assert {"request_id", "status", "route", "milliseconds"} <= line.keys()
    assert line["request_id"] == "$context.requestId"


def test_the_api_is_regional(prod: Stage) -> None:
    _, api = only(prod.api, "AWS::ApiGateway::RestApi")

    assert api["EndpointConfiguration"] == {"Types": ["REGIONAL"]}
    assert api["Parameters"] == {"endpointConfigurationTypes": "REGIONAL"}
    assert "Policy" not in api


def test_large_responses_are_compressed(prod: Stage) -> None:
    _, api = only(prod.api, "AWS::ApiGateway::RestApi")

    assert api["MinimumCompressionSize"] == 1024
    assert api["Body"]["x-amazon-apigateway-minimum-compression-size"] == 1024


def test_a_throttled_function_is_a_503_that_says_when_to_try_again(prod: Stage) -> None:
    _, api = only(prod.api, "AWS::ApiGateway::RestApi")

    response = api["Body"]["x-amazon-apigateway-gateway-responses"]["INTEGRATION_FAILURE"]
    assert response["statusCode"] == "503"
    assert response["responseParameters"]["gatewayresponse.header.Retry-After"] == "'2'"
    assert '"code": "unavailable"' in response["responseTemplates"]["application/json"]


def test_the_log_of_api_gateway_has_a_retention(prod: Stage) -> None:
    api, _ = only(prod.api, "AWS::ApiGateway::RestApi")
    name, group = named(prod.api, "AWS::Logs::LogGroup", "RestErrorLog")
    _, stage = named(prod.api, "AWS::ApiGateway::Stage", "Rest")

    expected = f"API-Gateway-Execution-Logs_${{{api}}}/prod"
    assert flat(group["Properties"]["LogGroupName"]) == expected
    assert name in stage["DependsOn"]


def test_all_stages_share_the_role_of_the_gateways_logs(dev: Stage, prod: Stage) -> None:
    # Given the same stack for each stage, which the API waits for
    shared = dev.templates["carlens-gateway-logs"]
    assert shared == prod.templates["carlens-gateway-logs"]
    assert "carlens-gateway-logs" in {each.id for each in dev.stacks["api"].dependencies}

    # Then no stage owns the setting of the account
    role, _ = only(shared, "AWS::IAM::Role")
    _, account = only(shared, "AWS::ApiGateway::Account")
    assert account["CloudWatchRoleArn"] == {"Fn::GetAtt": [role, "Arn"]}
    assert not of_type(dev.api, "AWS::ApiGateway::Account")


def test_an_account_may_have_its_own_role_for_the_gateways_logs() -> None:
    stage = synthesized("dev", gateway_log_role="false")

    assert set(stage.templates) == {"carlens-dev-models", "carlens-dev-api"}


def test_methods_have_no_metrics_of_their_own(prod: Stage) -> None:
    (settings,) = only(prod.api, "AWS::ApiGateway::Stage")[1]["MethodSettings"]

    assert settings["MetricsEnabled"] is False
    # What is watched exists without them: metrics of the stage.
    dimensions = {each["Name"] for each in alarms(prod)["ServerErrors"]["Dimensions"]}
    assert dimensions == {"ApiName", "Stage"}


def test_a_changed_definition_is_deployed(prod: Stage, everything: Stage) -> None:
    ours, theirs = (of_type(s.api, "AWS::ApiGateway::Deployment") for s in (prod, everything))

    assert set(ours) != set(theirs)


def test_an_api_key_comes_with_its_usage_plan(prod: Stage, everything: Stage) -> None:
    stage, _ = only(everything.api, "AWS::ApiGateway::Stage")
    key, _ = only(everything.api, "AWS::ApiGateway::ApiKey")
    plan_id, plan = only(everything.api, "AWS::ApiGateway::UsagePlan")
    _, link = only(everything.api, "AWS::ApiGateway::UsagePlanKey")

    needed = body(everything)["paths"]["/predict"]["post"]["security"]
    assert needed == [{"api_key": []}, {"cognito": ["cars/read"]}]
    assert "security" not in body(everything)["paths"]["/predict"]["options"]
    assert plan["Quota"] == {"Limit": 5000, "Period": "MONTH"}
    assert plan["Throttle"] == {"RateLimit": 7, "BurstLimit": 9}
    assert plan["ApiStages"][0]["Stage"] == {"Ref": stage}
    assert (link["KeyId"], link["UsagePlanId"]) == ({"Ref": key}, {"Ref": plan_id})

    assert not of_type(prod.api, "AWS::ApiGateway::ApiKey")
    assert "security" not in body(prod)["paths"]["/predict"]["post"]


def test_the_firewall_limits_addresses_and_does_not_block_pictures(everything: Stage) -> None:
    _, acl = only(everything.api, "AWS::WAFv2::WebACL")
    rules = {rule["Name"]: rule for rule in acl["Rules"]}

    rate = rules["rate"]
    assert rate["Action"] == {"Block": {}}
    assert rate["Statement"]["RateBasedStatement"]["Limit"] == 300
    assert rate["Statement"]["RateBasedStatement"]["AggregateKeyType"] == "IP"
    common = rules["common"]["Statement"]["ManagedRuleGroupStatement"]
    assert common["Name"] == "AWSManagedRulesCommonRuleSet"
    counted = {
        rule["Name"]
        for rule in common["RuleActionOverrides"]
        if rule["ActionToUse"] == {"Count": {}}
    }
    assert {"SizeRestrictions_BODY", "CrossSiteScripting_BODY"} <= counted
    assert all(name.endswith("_BODY") for name in counted)


def test_the_firewall_protects_the_stage_and_logs_nothing_secret(
    prod: Stage, everything: Stage
) -> None:
    secret = ["authorization", "cookie", "x-amz-security-token", "x-api-key"]
    stage, _ = only(everything.api, "AWS::ApiGateway::Stage")
    acl, acl_properties = only(everything.api, "AWS::WAFv2::WebACL")
    _, association = only(everything.api, "AWS::WAFv2::WebACLAssociation")
    _, logging = only(everything.api, "AWS::WAFv2::LoggingConfiguration")
    _, group = named(everything.api, "AWS::Logs::LogGroup", "RestFirewall")

    assert flat(association["ResourceArn"]).endswith(f"/stages/${{{stage}}}")
    assert association["WebACLArn"] == {"Fn::GetAtt": [acl, "Arn"]}
    assert logging["RedactedFields"] == [
        {"QueryString": {}},
        *({"SingleHeader": {"Name": name}} for name in secret),
    ]
    # The redaction of the log covers neither samples of requests nor the details of rules.
    hidden = [each["Field"] for each in acl_properties["DataProtectionConfig"]["DataProtections"]]
    assert hidden == [
        {"FieldType": "QUERY_STRING"},
        {"FieldType": "BODY"},
        {"FieldType": "SINGLE_HEADER", "FieldKeys": secret},
    ]
    assert group["Properties"]["LogGroupName"]["Fn::Join"][1][0] == "aws-waf-logs-"
    assert not of_type(prod.api, "AWS::WAFv2::WebACL")


def test_a_custom_domain_points_to_the_stage(prod: Stage, everything: Stage) -> None:
    stage, _ = only(everything.api, "AWS::ApiGateway::Stage")
    domain_id, domain = only(everything.api, "AWS::ApiGateway::DomainName")
    _, mapping = only(everything.api, "AWS::ApiGateway::BasePathMapping")

    assert domain["DomainName"] == "cars.example.com"
    assert domain["SecurityPolicy"] == "TLS_1_2"
    assert domain["RegionalCertificateArn"] == EVERYTHING["certificate_arn"]
    assert (mapping["DomainName"], mapping["Stage"]) == ({"Ref": domain_id}, {"Ref": stage})
    assert everything.api["Outputs"]["ApiUrl"]["Value"] == "https://cars.example.com/"
    assert "DomainTarget" in everything.api["Outputs"]
    assert not of_type(prod.api, "AWS::ApiGateway::DomainName")


def test_outputs_name_the_url_the_functions_and_the_bucket(prod: Stage) -> None:
    outputs = prod.api["Outputs"]

    functions = {f"{name}FunctionName" for name in FUNCTIONS}
    assert set(outputs) == {"ApiUrl", "AlarmTopicArn", "FunctionAlias", *functions}
    api, _ = only(prod.api, "AWS::ApiGateway::RestApi")
    assert flat(outputs["ApiUrl"]["Value"]).startswith(f"https://${{{api}}}.execute-api.")
    assert outputs["FunctionAlias"]["Value"] == "live"
    assert "ModelBucketName" in prod.models["Outputs"]


# --- rollout and monitoring -------------------------------------------------------------------


def alarms(stage: Stage) -> dict[str, dict[str, Any]]:
    found = of_type(stage.api, "AWS::CloudWatch::Alarm").values()
    return {
        alarm["Properties"]["AlarmName"].removeprefix(f"carlens-{stage.settings.stage}-"): alarm[
            "Properties"
        ]
        for alarm in found
    }


def test_alarms_watch_each_alias_and_the_api(everything: Stage) -> None:
    watched = alarms(everything)

    of_each = {"Errors", "Throttles", "SlowCalls", "StartFailures", "ServerErrors"}
    assert watched.keys() == {"ServerErrors"} | {
        f"{f}{name}" for f in FUNCTIONS for name in of_each
    }
    for name in FUNCTIONS:
        function_id, _ = named(everything.api, "AWS::Lambda::Function", name)
        for kind in ("Errors", "Throttles", "SlowCalls"):
            dimensions = {d["Name"]: flat(d["Value"]) for d in watched[name + kind]["Dimensions"]}
            assert dimensions["Resource"] == f"${{{function_id}}}:live"
        assert watched[f"{name}SlowCalls"]["ExtendedStatistic"] == "p99"
        assert watched[f"{name}SlowCalls"]["Threshold"] == 0.8 * 20 * 1000
    assert watched["ServerErrors"]["MetricName"] == "5XXError"
    assert {alarm["TreatMissingData"] for alarm in watched.values()} == {"notBreaching"}


def test_a_failed_start_in_the_log_raises_the_alarm(
    prod: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    # Given: what the runtime logs when its models cannot be loaded
    def load(config: Config) -> Any:
        raise ManifestError("no such model")

    RecognitionApp(Config(), load=load).warm_up()
    (record,) = caplog.records

    # When
    filters = {
        name: named(prod.api, "AWS::Logs::MetricFilter", name)[1]["Properties"]
        for name in FUNCTIONS
    }

    # Then
    for name, metric_filter in filters.items():
        logs, _ = named(prod.api, "AWS::Logs::LogGroup", f"{name}Logs")
        pattern = metric_filter["FilterPattern"]
        wanted = pattern.partition('$.message = "')[2].partition('*"')[0]
        assert wanted
        assert record.getMessage().startswith(wanted)
        assert '$.type = "platform.initReport"' in pattern
        assert metric_filter["LogGroupName"] == {"Ref": logs}
        (transformation,) = metric_filter["MetricTransformations"]
        alarm = alarms(prod)[f"{name}StartFailures"]
        assert alarm["MetricName"] == transformation["MetricName"]
        assert alarm["Namespace"] == transformation["MetricNamespace"]
    assert alarms(prod)["CatalogStartFailures"] != alarms(prod)["RecognitionStartFailures"]


def test_alarms_are_sent_to_the_email_address(prod: Stage, everything: Stage) -> None:
    topic, _ = only(everything.api, "AWS::SNS::Topic")
    _, subscription = only(everything.api, "AWS::SNS::Subscription")
    _, policy = only(everything.api, "AWS::SNS::TopicPolicy")

    assert (subscription["Protocol"], subscription["Endpoint"]) == ("email", "me@example.com")
    for alarm in alarms(everything).values():
        assert alarm["AlarmActions"] == [{"Ref": topic}]
    effects = {
        statement["Effect"]: statement for statement in policy["PolicyDocument"]["Statement"]
    }
    assert effects["Allow"]["Principal"] == {
        "Service": ["budgets.amazonaws.com", "cloudwatch.amazonaws.com"]
    }
    assert effects["Deny"]["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_alarms_have_a_topic_even_without_an_email_address(dev: Stage) -> None:
    topic, _ = only(dev.api, "AWS::SNS::Topic")

    assert dev.api["Outputs"]["AlarmTopicArn"]["Value"] == {"Ref": topic}
    assert {str(alarm["AlarmActions"]) for alarm in alarms(dev).values()} == {str([{"Ref": topic}])}
    assert not of_type(dev.api, "AWS::SNS::Subscription")


def test_production_has_a_budget_that_tells_the_topic(dev: Stage, prod: Stage) -> None:
    topic, _ = only(prod.api, "AWS::SNS::Topic")
    _, budget = only(prod.api, "AWS::Budgets::Budget")

    assert budget["Budget"]["BudgetLimit"] == {"Amount": 200, "Unit": "USD"}
    counted = budget["Budget"]["FilterExpression"]["Dimensions"]
    assert counted["Key"] == "SERVICE"
    assert {"AWS Lambda", "Amazon API Gateway"} <= set(counted["Values"])
    _, policy = only(prod.api, "AWS::SNS::TopicPolicy")
    assert "budgets.amazonaws.com" in json.dumps(policy)
    told = {
        (each["Notification"]["NotificationType"], each["Notification"]["Threshold"])
        for each in budget["NotificationsWithSubscribers"]
        if each["Subscribers"] == [{"SubscriptionType": "SNS", "Address": {"Ref": topic}}]
    }
    assert told == {("ACTUAL", 80), ("FORECASTED", 100)}
    assert not of_type(dev.api, "AWS::Budgets::Budget")


def test_a_budget_may_count_only_what_has_the_tags_of_the_stage(everything: Stage) -> None:
    _, budget = only(everything.api, "AWS::Budgets::Budget")

    tags = {"application": ["carlens"], "stage": ["prod"]}
    assert budget["Budget"]["FilterExpression"] == {
        "And": [{"Tags": {"Key": key, "Values": values}} for key, values in tags.items()]
    }
    assert everything.stacks["api"].tags == {"application": "carlens", "stage": "prod"}


def test_the_dashboard_shows_what_the_runtime_measures(prod: Stage) -> None:
    # Given: what the runtime writes into its log
    stages = dict.fromkeys(("read", "decode", "detect", "classify", "total"), 1.0)
    lines = [
        json.loads(line)
        for line in metric_lines(
            namespace=variables(prod)["CARLENS_METRICS"],
            function="f",
            request={},
            stats=RequestStats(pictures=2, objects=1, failures=("not_an_image",), stages=stages),
        )
    ]
    written = {
        (directive["Namespace"], *directive["Dimensions"][0], metric["Name"])
        for line in lines
        for directive in line["_aws"]["CloudWatchMetrics"]
        for metric in directive["Metrics"]
    }

    # When
    _, dashboard = only(prod.api, "AWS::CloudWatch::Dashboard")
    widgets = json.loads(flat(dashboard["DashboardBody"]))["widgets"]
    metrics = [m for widget in widgets for m in widget["properties"].get("metrics", [])]

    # Then
    pictures, _ = named(prod.api, "AWS::Lambda::Function", "Recognition")
    ours = [m for m in metrics if m[0] == "Carlens" and len(m) > 3 and m[1] != "ServerErrors"]
    shown = {(m[0], m[2], m[1]) for m in ours}
    assert {m[3] for m in ours} == {f"${{{pictures}}}"}
    assert len(shown) == 7
    assert shown <= written
    (search,) = [m[0]["expression"] for m in metrics if isinstance(m[0], dict)]
    assert "{Carlens,Function,Code}" in search
    assert ("Carlens", "Function", "Code", "Failures") in written


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_dashboard_shows_the_metrics_of_each_function(name: str, prod: Stage) -> None:
    function_id, _ = named(prod.api, "AWS::Lambda::Function", name)
    logs, _ = named(prod.api, "AWS::Logs::LogGroup", f"{name}Logs")

    text = flat(only(prod.api, "AWS::CloudWatch::Dashboard")[1]["DashboardBody"])

    metrics = [
        metric
        for widget in json.loads(text)["widgets"]
        for metric in widget["properties"].get("metrics", [])
        if f"${{{function_id}}}:live" in metric
    ]
    assert {metric[1] for metric in metrics} == {"Errors", "Throttles", "Duration"}
    assert f"{name}StartFailures-prod" in text
    assert f"${{{logs}}}" in text


@pytest.mark.parametrize("name", FUNCTIONS)
def test_production_shifts_the_alias_gradually_and_rolls_back_on_an_alarm(
    name: str, prod: Stage
) -> None:
    group, resource = named(prod.api, "AWS::CodeDeploy::DeploymentGroup", name)
    rollout = resource["Properties"]
    _, alias = named(prod.api, "AWS::Lambda::Alias", name)

    assert rollout["DeploymentConfigName"] == "CodeDeployDefault.LambdaCanary10Percent5Minutes"
    update = alias["UpdatePolicy"]["CodeDeployLambdaAliasUpdate"]
    assert update["DeploymentGroupName"] == {"Ref": group}
    assert "DEPLOYMENT_STOP_ON_ALARM" in rollout["AutoRollbackConfiguration"]["Events"]
    watching = {alarm["Name"]["Ref"] for alarm in rollout["AlarmConfiguration"]["Alarms"]}
    assert watching == {
        named(prod.api, "AWS::CloudWatch::Alarm", f"Monitoring{name}{kind}")[0]
        for kind in ("Errors", "StartFailures", "ServerErrors")
    }


@pytest.mark.parametrize("name", FUNCTIONS)
def test_each_rollback_alarm_is_a_plain_metric_of_one_minute(name: str, prod: Stage) -> None:
    for kind in ("Errors", "StartFailures", "ServerErrors"):
        alarm = alarms(prod)[f"{name}{kind}"]

        assert (
            "Metrics" not in alarm
        )  # CodeDeploy needs no math, and reacts within its five minutes
        assert (alarm["Period"], alarm["EvaluationPeriods"], alarm["Threshold"]) == (60, 1, 1)
        assert alarm["Statistic"] == "Sum"


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_rollback_alarm_reads_what_the_new_version_logs_when_it_answers_500(
    name: str, prod: Stage
) -> None:
    # Given what a version logs for a response of status 500
    function_id, _ = named(prod.api, "AWS::Lambda::Function", name)
    version, _ = named(prod.api, "AWS::Lambda::Version", name)
    (written,) = metric_lines(
        namespace=variables(prod, name)["CARLENS_METRICS"],
        function=f"${{{function_id}}}",
        version=f"${{{version}.Version}}",
        request={"status": 500},
        stats=None,
    )
    line = json.loads(written)
    (directive,) = line["_aws"]["CloudWatchMetrics"]

    # Then the alarm reads that metric, of the version that is being deployed
    alarm = alarms(prod)[f"{name}ServerErrors"]
    watched = {d["Name"]: flat(d["Value"]) for d in alarm["Dimensions"]}
    assert alarm["Namespace"] == directive["Namespace"]
    assert alarm["MetricName"] == directive["Metrics"][0]["Name"]
    assert sorted(watched) in [sorted(names) for names in directive["Dimensions"]]
    assert watched == {key: line[key] for key in watched}


def test_dev_shifts_the_alias_at_once(dev: Stage) -> None:
    for alias in of_type(dev.api, "AWS::Lambda::Alias").values():
        assert "UpdatePolicy" not in alias
    assert not of_type(dev.api, "AWS::CodeDeploy::DeploymentGroup")


# --- logs -------------------------------------------------------------------------------------


def test_each_function_writes_to_a_log_group_of_the_stage(everything: Stage) -> None:
    # Given also a stage whose buckets are emptied by a function of the CDK
    whole = synthesized(permissions.STAGE, **permissions.EVERYTHING)
    emptying = [
        name
        for template in whole.templates.values()
        for name in of_type(template, "AWS::Lambda::Function")
        if name.startswith("CustomS3AutoDeleteObjects")
    ]
    assert len(emptying) == 3

    for stage in (everything, whole):
        for template in stage.templates.values():
            groups = of_type(template, "AWS::Logs::LogGroup")
            for function in of_type(template, "AWS::Lambda::Function").values():
                group = groups[function["Properties"]["LoggingConfig"]["LogGroup"]["Ref"]]
                assert group["Properties"]["RetentionInDays"] == stage.settings.log_retention


# --- other accounts ---------------------------------------------------------------------------


def our_functions(stage: Stage) -> list[dict[str, Any]]:
    """Return the properties of the functions that run our code."""
    return [
        function["Properties"]
        for template in stage.templates.values()
        for function in of_type(template, "AWS::Lambda::Function").values()
        if function["Properties"]["Runtime"] == "python3.13"
    ]


def test_functions_run_in_the_given_subnets(prod: Stage, everything: Stage) -> None:
    assert len(our_functions(everything)) == 5
    for function in our_functions(everything):
        assert function["VpcConfig"] == {
            "SubnetIds": ["subnet-0a1b2c3d", "subnet-0b1b2c3d"],
            "SecurityGroupIds": ["sg-0c1b2c3d"],
        }
    assert not any("VpcConfig" in function for function in our_functions(prod))


def test_a_boundary_bounds_all_roles(prod: Stage, everything: Stage) -> None:
    def boundaries(stage: Stage) -> set[str]:
        return {
            flat(role["Properties"].get("PermissionsBoundary", "none"))
            for template in stage.templates.values()
            for role in of_type(template, "AWS::IAM::Role").values()
        }

    assert boundaries(everything) == {EVERYTHING["permissions_boundary"]}
    assert boundaries(prod) == {"none"}


def test_the_copier_of_models_decrypts_assets_with_the_given_key(
    prod: Stage, everything: Stage
) -> None:
    def decrypts(stage: Stage) -> set[tuple[str, ...]]:
        _, role = named(stage.models, "AWS::IAM::Role", "PlacingRole")
        return {each for each in statements(role) if "kms:" in each[1]}

    (allowed,) = decrypts(everything)
    assert allowed[:3] == ("Allow", "kms:Decrypt", EVERYTHING["asset_key"])
    s3 = json.loads(allowed[3])["StringEquals"]["kms:ViaService"]
    assert flat(s3) == "s3.eu-west-3.${AWS::URLSuffix}"
    assert decrypts(prod) == set()


@pytest.mark.parametrize(
    ("setting", "account", "region"),
    [
        ({"region": "eu-west-3"}, "unknown-account", "eu-west-3"),
        ({"account": "123456789012"}, "123456789012", "unknown-region"),
    ],
)
def test_a_stage_can_be_bound_to_an_account_or_a_region_alone(
    setting: dict[str, str], account: str, region: str
) -> None:
    stage = synthesized("dev", **setting)

    found = {(s.environment.account, s.environment.region) for s in stage.stacks.values()}
    assert found == {(account, region)}


def test_a_synth_says_what_the_owner_should_know(prod: Stage) -> None:
    said = [str(message.entry.data) for message in prod.stacks["api"].messages]

    assert said == list(advice(prod.settings))
    assert {message.level.name for message in prod.stacks["api"].messages} == {"INFO"}


def test_an_account_may_be_bootstrapped_with_another_qualifier() -> None:
    stage = synthesized("dev", **{"@aws-cdk/core:bootstrapQualifier": "mine"})

    _, role = named(stage.models, "AWS::IAM::Role", "PlacingRole")
    assert "cdk-mine-assets-" in str(statements(role))


def test_the_page_of_costs_is_that_of_the_templates(dev: Stage, prod: Stage) -> None:
    stages = {
        name: bill.read_templates(
            stage.templates.values(), bill.model_bytes({**CONTEXT, "stage": name})
        )
        for name, stage in (("dev", dev), ("prod", prod))
    }

    assert [stage.unknown for stage in stages.values()] == [(), ()]
    assert bill.PAGE.read_text("utf-8") == bill.page(stages), "run `make costs`"


def test_the_bill_counts_options_and_names_what_it_does_not_count(everything: Stage) -> None:
    stage = bill.read_templates(everything.templates.values(), 0)
    lines = bill.bill(stage, bill.Usage(4_000_000, cold=0.5, versions=2, ms=100))
    dollars = {line.price: line.dollars for line in lines}

    assert "AWS::StepFunctions::StateMachine" in stage.unknown
    assert dollars[prices.ACL] + dollars[prices.ACL_RULE] == 5 + 2
    assert dollars[prices.ACL_REQUEST] == pytest.approx(0.60)
    assert dollars[prices.API_REQUEST] == pytest.approx(3.50)
    assert dollars[prices.GB_SECOND_ARM] == pytest.approx(400_000 * 3008 / 1024 * 0.0000133334)
    assert dollars[prices.SNAPSHOT_GB_RESTORED] == pytest.approx(
        500_000 * 3008 / 1024 * 0.0001397998
    )
    assert dollars[prices.ALARM] == pytest.approx(
        0.1 * len(of_type(everything.api, "AWS::CloudWatch::Alarm"))
    )


@pytest.mark.parametrize(
    "part",
    [
        {"architecture": "arm64", "snap_start": "false"},
        {"waf": "true"},
        {"api_key": "true"},
        {"authorizer": "iam"},
        {name: EVERYTHING[name] for name in ("domain_name", "certificate_arn")},
        {name: EVERYTHING[name] for name in ("subnets", "security_groups")},
    ],
    ids=" ".join,
)
def test_each_optional_part_can_be_the_only_one(part: dict[str, str]) -> None:
    # cdk-nag and the CDK's own checks of templates run in each synth.
    stage = synthesized("dev", **part)

    assert set(stage.templates) == {"carlens-gateway-logs", "carlens-dev-models", "carlens-dev-api"}
