"""What a synth tells the owner of a stage."""

from __future__ import annotations

from typing import Any

import pytest

from infra.advice import advice, reserved_concurrency
from infra.settings import Settings

POOL = "arn:aws:cognito-idp:eu-west-3:123456789012:userpool/eu-west-3_Ab1"


def told(**settings: Any) -> str:
    return "\n".join(advice(Settings(stage="prod", **settings)))


def test_what_is_reserved_counts_for_each_function_and_for_batch_jobs() -> None:
    jobs: dict[str, Any] = {"batch": True, "photo_buckets": ("photos",), "batch_concurrency": 30}

    assert reserved_concurrency(Settings(stage="prod")) == 0
    assert reserved_concurrency(Settings(stage="prod", reserved_concurrency=50)) == 100
    assert reserved_concurrency(Settings(stage="prod", reserved_concurrency=50, **jobs)) == 130


def test_the_quota_that_a_stage_needs_is_told() -> None:
    assert "reserves 100 concurrent executions" in told(reserved_concurrency=50)
    assert "a quota of at least 200" in told(reserved_concurrency=50)
    assert "set reserved_concurrency" in told()


@pytest.mark.parametrize(
    "closed",
    [{"api_key": True}, {"waf": True}, {"authorizer": "cognito", "user_pools": (POOL,)}],
)
def test_an_open_api_is_told(closed: dict[str, Any]) -> None:
    assert "Anyone who knows the address can call this API, 20 times a second" in told()
    assert "Anyone" not in told(**closed)


def test_private_hosts_need_a_vpc_and_a_vpc_needs_ways_out() -> None:
    vpc = {"subnets": ("subnet-0a1b2c3d",), "security_groups": ("sg-0c1b2c3d",)}

    assert "outside your VPC" in told(allowed_hosts=("photos.internal",))
    assert "outside your VPC" not in told(allowed_hosts=("photos.internal",), **vpc)
    assert "gateway endpoint for S3" in told(**vpc)
    assert "VPC" not in told()


def test_a_subscription_must_be_confirmed() -> None:
    assert "asks me@example.com to confirm" in told(alarm_email="me@example.com")
    assert "confirm" not in told()
