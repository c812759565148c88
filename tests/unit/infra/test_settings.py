"""Settings: every value is parsed or refused by name, in a stage's block and as an override."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from infra.settings import SettingError, Settings

CDK_JSON: dict[str, Any] = json.loads((Path(__file__).parents[3] / "cdk.json").read_text("utf-8"))
POOL = "arn:aws:cognito-idp:eu-west-3:123456789012:userpool/eu-west-3_Ab1"
KEY = "arn:aws:kms:eu-west-3:123456789012:key/0f-1e"
BOUNDARY = "arn:aws:iam::123456789012:policy/teams/Developers"
CERTIFICATE = "arn:aws:acm:eu-west-3:123456789012:certificate/0f-1e"

# Setting, value given, value parsed. `-c` gives text; cdk.json gives JSON.
GOOD: list[tuple[str, Any, Any]] = [
    ("account", "123456789012", "123456789012"),
    ("account", "", None),
    ("region", "eu-west-3", "eu-west-3"),
    ("region", "us-gov-west-1", "us-gov-west-1"),
    ("architecture", "arm64", "arm64"),
    ("memory", 3008, 3008),
    ("memory", "10240", 10240),
    ("memory", 2048.0, 2048),
    ("timeout", "10", 10),
    ("snap_start", False, False),
    ("snap_start", "false", False),
    ("snap_start", "True", True),
    ("reserved_concurrency", "10", 10),
    ("reserved_concurrency", None, None),
    ("catalog_memory", "1769", 1769),
    ("tables", "true", True),
    ("detector", "my-detector.v2", "my-detector.v2"),
    ("classifier", "yolo_8", "yolo_8"),
    ("classifier", "none", "none"),
    ("applies_to", "car, license plate", ("car", "license plate")),
    ("applies_to", ["bus"], ("bus",)),
    ("applies_to", "", ()),
    ("confidence", "0.25", 0.25),
    ("confidence", 1, 1.0),
    ("confidence", "", None),
    ("min_area", 0.01, 0.01),
    ("slices", "3", 3),
    ("slices", 2, 2),
    ("slices", "auto", "auto"),
    ("slices", None, None),
    ("max_pictures", 8, 8),
    ("urls", "false", False),
    ("anonymize", "true", True),
    ("plates", "my-plates", "my-plates"),
    ("faces", "my-faces", "my-faces"),
    ("uploads", "true", True),
    ("uploads_key", "false", False),
    ("uploads_rate", "2", 2),
    ("uploads_burst", 5000, 5000),
    ("allowed_hosts", "photos, photos:8080", ("photos", "photos:8080")),
    ("allowed_hosts", ["10.0.0.7"], ("10.0.0.7",)),
    ("allowed_hosts", "", ()),
    ("batch", "false", False),
    ("photo_buckets", "", ()),
    ("batch_concurrency", "50", 50),
    ("cors_origins", "*", ("*",)),
    (
        "cors_origins",
        "https://a.fr,http://localhost:3000",
        ("https://a.fr", "http://localhost:3000"),
    ),
    ("cors_origins", ["https://a.fr"], ("https://a.fr",)),
    ("throttle_rate", "100", 100),
    ("throttle_burst", 5, 5),
    ("api_key", "true", True),
    ("monthly_quota", None, None),
    ("waf", True, True),
    ("authorizer", "iam", "iam"),
    ("user_pools", "", ()),
    ("scopes", [], ()),
    ("domain_name", "", None),
    ("subnets", "", ()),
    ("security_groups", [], ()),
    ("permissions_boundary", BOUNDARY, BOUNDARY),
    ("asset_key", KEY, KEY),
    ("gateway_log_role", "false", False),
    ("monthly_budget", "50", 50),
    ("monthly_budget", None, None),
    ("budget_by_tags", "false", False),
    ("certificate_arn", None, None),
    ("rollout", "Linear10PercentEvery1Minute", "Linear10PercentEvery1Minute"),
    ("log_retention", "365", 365),
    ("alarm_email", "me@example.com", "me@example.com"),
    ("canary_minutes", "5", 5),
    ("removal", "destroy", "destroy"),
]

# Setting, wrong value, and part of the message on the allowed values.
BAD: list[tuple[str, Any, str]] = [
    ("account", "12345", "12 digits"),
    ("account", 123456789012, "12 digits"),
    ("region", "Paris", "eu-west-3"),
    ("architecture", "riscv", "x86_64, arm64"),
    ("memory", 1279, "1280 to 10240"),
    ("memory", "10241", "1280 to 10240"),
    ("memory", 1280.5, "whole number"),
    ("memory", True, "whole number"),
    ("memory", "2 GB", "whole number"),
    ("memory", None, "whole number"),
    ("timeout", 4, "5 to 29"),
    ("timeout", "30", "5 to 29"),
    ("snap_start", "on", "true or false"),
    ("snap_start", 1, "true or false"),
    ("reserved_concurrency", 0, "1 to 100000"),
    ("catalog_memory", 255, "256 to 10240"),
    ("tables", "s3://mine/tables", "true or false"),
    ("detector", "../secrets", "folder in models/"),
    ("detector", "", "folder in models/"),
    ("classifier", ["a"], "folder in models/"),
    ("applies_to", [1], "list of the detector's classes"),
    ("applies_to", {"car": 1}, "list of the detector's classes"),
    ("confidence", 1.01, "0 to 1"),
    ("confidence", "nan", "0 to 1"),
    ("min_area", -0.1, "0 to 1"),
    ("slices", 4, "one of auto, 1, 2, 3"),
    ("slices", True, "one of auto, 1, 2, 3"),
    ("max_pictures", 0, "1 to 1000"),
    ("urls", "off", "true or false"),
    ("anonymize", "plates", "true or false"),
    ("plates", "../plates", "the name of a folder in models/"),
    ("faces", "", "the name of a folder in models/"),
    ("uploads", "s3://mine", "true or false"),
    ("uploads_key", "no", "true or false"),
    ("uploads_rate", 0, "1 to 10000"),
    ("uploads_burst", 5001, "1 to 5000"),
    ("allowed_hosts", "http://photos", "name:port"),
    ("allowed_hosts", [8080], "name:port"),
    ("batch", "on", "true or false"),
    ("batch", True, "set together with photo_buckets"),
    ("photo_buckets", "Photos", "list of S3 buckets"),
    ("photo_buckets", "s3://photos", "list of S3 buckets"),
    ("photo_buckets", "photos", "left out unless batch is true"),
    ("batch_concurrency", 0, "1 to 10000"),
    ("cors_origins", "", "* or a list"),
    ("cors_origins", "example.com", "https://www.example.com"),
    ("cors_origins", "https://a.fr/", "https://www.example.com"),
    ("cors_origins", "*,https://a.fr", "* or a list"),
    ("cors_origins", "https://a.fr' || 1 == 1", "https://www.example.com"),
    ("throttle_rate", 0, "1 to 10000"),
    ("throttle_burst", "x", "1 to 5000"),
    ("api_key", "yes", "true or false"),
    ("monthly_quota", 100, "left out unless api_key is true"),
    ("monthly_quota", 0, "1 to"),
    ("waf", "maybe", "true or false"),
    ("waf_rate", 9, "10 to"),
    ("waf_rate", 500, "left out unless waf is true"),
    ("authorizer", "jwt", "none, iam, cognito"),
    ("user_pools", POOL, "left out unless authorizer is cognito"),
    ("user_pools", "eu-west-3_Ab1", "Cognito user pools"),
    ("scopes", "cars/read", "left out unless user_pools is set"),
    ("subnets", "vpc-1", "subnet-0a1b2c3d"),
    ("security_groups", "sg-0c1b2c3d", "set together with subnets"),
    ("security_groups", "default", "sg-0a1b2c3d"),
    ("permissions_boundary", "Developers", "managed policy"),
    ("asset_key", "alias/mine", "KMS key"),
    ("gateway_log_role", "no", "true or false"),
    ("monthly_budget", 0, "1 to"),
    ("scopes", 'a"b', "OAuth scopes"),
    ("domain_name", "https://cars.example.com", "cars.example.com"),
    ("certificate_arn", "arn:aws:iam::1:role/x", "ACM certificate"),
    ("certificate_arn", CERTIFICATE, "together with domain_name"),
    ("rollout", "slowly", "AllAtOnce"),
    ("log_retention", 31, "14, 30, 60"),
    ("alarm_email", "me", "email address"),
    ("budget_by_tags", "yes", "true or false"),
    ("canary_minutes", 61, "1 to 60"),
    ("canary_minutes", "often", "1 to 60"),
    ("removal", "snapshot", "retain, destroy"),
]


def context(block: dict[str, Any] | None = None, **overrides: Any) -> dict[str, Any]:
    """Return a context with two stages, of which `dev` is selected."""
    return {"stage": "dev", "stages": {"dev": block or {}, "prod": {"memory": 3008}}, **overrides}


def test_every_setting_is_in_both_tables() -> None:
    names = Settings.model_fields.keys() - {"stage"}

    # A rate of the firewall is only allowed with the firewall.
    assert {name for name, _, _ in GOOD} == names - {"waf_rate"}
    assert {name for name, _, _ in BAD} == names


@pytest.mark.parametrize(("name", "given", "parsed"), GOOD)
def test_a_value_is_parsed_from_the_block_and_from_the_command_line(
    name: str, given: Any, parsed: Any
) -> None:
    from_block = getattr(Settings.from_context(context({name: given})), name)
    overridden = getattr(Settings.from_context(context(**{name: given})), name)

    assert from_block == overridden == parsed
    assert type(from_block) is type(overridden) is type(parsed)


@pytest.mark.parametrize("where", ["block", "override"])
@pytest.mark.parametrize(("name", "value", "allowed"), BAD)
def test_a_wrong_value_is_refused_with_its_name_and_what_is_allowed(
    name: str, value: Any, allowed: str, where: str
) -> None:
    given = context({name: value}) if where == "block" else context(**{name: value})

    with pytest.raises(SettingError) as refused:
        Settings.from_context(given)

    message = str(refused.value)
    assert message.startswith(f"{name} is ")
    assert allowed in message
    assert str(value).strip("[]'") in message or name == "cors_origins"


@pytest.mark.parametrize("stage", ["dev", "prod"])
def test_the_stages_of_cdk_json_are_parsed_unchanged(stage: str) -> None:
    settings = Settings.from_context({**CDK_JSON["context"], "stage": stage})

    assert settings.stage == stage
    for name, value in CDK_JSON["context"]["stages"][stage].items():
        assert getattr(settings, name) == value


@pytest.mark.parametrize("stage", ["dev", "prod"])
@pytest.mark.parametrize(("name", "value", "allowed"), BAD)
def test_a_wrong_override_is_refused_for_each_stage_of_cdk_json(
    stage: str, name: str, value: Any, allowed: str
) -> None:
    with pytest.raises(SettingError, match=f"^{name} is "):
        Settings.from_context({**CDK_JSON["context"], "stage": stage, name: value})


def test_production_keeps_its_models_and_rolls_out_gradually() -> None:
    prod = Settings.from_context({**CDK_JSON["context"], "stage": "prod"})

    assert (prod.removal, prod.snap_start) == ("retain", True)
    assert prod.rollout != "AllAtOnce"


def test_batch_jobs_come_with_the_buckets_that_they_may_read() -> None:
    settings = Settings.from_context(context(batch="true", photo_buckets="photos, archive.2025"))

    assert (settings.batch, settings.photo_buckets) == (True, ("photos", "archive.2025"))
    assert settings.batch_concurrency == 200


def test_an_override_takes_precedence_over_the_block() -> None:
    settings = Settings.from_context(context({"memory": 1280, "timeout": 20}, memory="2048"))

    assert (settings.memory, settings.timeout) == (2048, 20)


def test_only_the_block_of_the_selected_stage_applies() -> None:
    assert Settings.from_context(context()).memory == 1769
    assert Settings.from_context({**context(), "stage": "prod"}).memory == 3008


def test_an_unknown_name_is_refused_with_the_nearest_known_one() -> None:
    with pytest.raises(SettingError, match=r"^stages\.dev\.memry is not a setting.* memory\?$"):
        Settings.from_context(context({"memry": 1024}))
    with pytest.raises(SettingError, match=r"^snap-start is not a setting.* snap_start\?$"):
        Settings.from_context({**context(), "snap-start": "false"})


def test_the_cdks_own_keys_are_ignored() -> None:
    cdk_keys = {
        "aws:cdk:bundling-stacks": ["**"],
        "@aws-cdk/core:x": True,
        "availability-zones:a": [],
    }

    assert Settings.from_context({**context(), **cdk_keys}) == Settings.from_context(context())


@pytest.mark.parametrize("stage", ["qa", None, 3, ["dev"]])
def test_an_unknown_stage_is_refused_with_the_known_ones(stage: Any) -> None:
    with pytest.raises(SettingError, match=r"stage is .* one of dev, prod"):
        Settings.from_context({**context(), "stage": stage})


@pytest.mark.parametrize("name", ["Dev", "1st", "my-stage", "a" * 17, ""])
def test_a_stage_needs_a_name_that_fits_into_resource_names(name: str) -> None:
    with pytest.raises(SettingError, match=r"stage is .* lowercase letters and digits"):
        Settings.from_context({"stage": name, "stages": {name: {}}})


@pytest.mark.parametrize("stages", [None, [], {"dev": 1}, "dev"])
def test_stages_must_be_blocks(stages: Any) -> None:
    with pytest.raises(SettingError, match="a block of settings for each stage"):
        Settings.from_context({"stage": "dev", "stages": stages})


def test_a_domain_needs_its_certificate_in_the_same_region() -> None:
    both = {"domain_name": "cars.example.com", "certificate_arn": CERTIFICATE}

    for region in ("eu-west-3", None):  # without a region, that of the credentials is not known
        found = Settings.from_context(context({**both, "region": region}))
        assert (found.certificate_arn, found.certificate_region) == (CERTIFICATE, "eu-west-3")
    with pytest.raises(SettingError, match="certificate_arn is None"):
        Settings.from_context(context(domain_name="cars.example.com"))
    with pytest.raises(SettingError, match=r"certificate_arn is .*a certificate in us-east-1\.$"):
        Settings.from_context(context({**both, "region": "us-east-1"}))


def test_a_budget_by_tags_comes_with_its_amount() -> None:
    assert Settings.from_context(context(monthly_budget=9, budget_by_tags=True)).budget_by_tags
    with pytest.raises(SettingError, match=r"budget_by_tags is True; .* monthly_budget is set"):
        Settings.from_context(context(budget_by_tags=True))


def test_the_rate_of_the_firewall_comes_with_the_firewall() -> None:
    assert Settings.from_context(context(waf="true", waf_rate="100")).waf_rate == 100


def test_a_vpc_is_given_by_its_subnets_and_security_groups() -> None:
    settings = Settings.from_context(
        context(subnets="subnet-0a1b2c3d,subnet-0b1b2c3d", security_groups="sg-0c1b2c3d")
    )

    assert (settings.subnets, settings.security_groups) == (
        ("subnet-0a1b2c3d", "subnet-0b1b2c3d"),
        ("sg-0c1b2c3d",),
    )
    with pytest.raises(SettingError, match=r"security_groups is \(\); it must be set together"):
        Settings.from_context(context(subnets="subnet-0a1b2c3d"))


def test_tokens_come_from_a_user_pool() -> None:
    settings = Settings.from_context(
        context(authorizer="cognito", user_pools=POOL, scopes="cars/read, cars/all")
    )

    assert (settings.user_pools, settings.scopes) == ((POOL,), ("cars/read", "cars/all"))
    with pytest.raises(SettingError, match=r"user_pools is .* set if authorizer is cognito"):
        Settings.from_context(context(authorizer="cognito"))


@pytest.mark.parametrize(
    ("memory", "threads"), [(1280, 1), (1769, 1), (2048, 1), (3008, 2), (5307, 3), (10240, 6)]
)
def test_threads_follow_the_vcpus_of_the_memory(memory: int, threads: int) -> None:
    assert Settings(stage="dev", memory=memory).threads == threads


def test_every_wrong_value_is_reported_on_its_own_line() -> None:
    with pytest.raises(SettingError) as refused:
        Settings.from_context(context({"memory": 1}, waf="maybe"))

    assert str(refused.value).splitlines() == [
        "memory is 1; it must be a whole number from 1280 to 10240.",
        "waf is 'maybe'; it must be true or false.",
    ]


def test_settings_cannot_be_changed() -> None:
    settings = Settings(stage="dev")

    with pytest.raises(ValidationError, match="frozen"):
        settings.memory = 2048  # type: ignore[misc]


def test_every_setting_is_documented() -> None:
    fields = Settings.model_fields.items()

    assert [name for name, field in fields if not field.description] == []
