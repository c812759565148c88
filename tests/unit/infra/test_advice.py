"""What a synth tells the owner of a stage."""

from __future__ import annotations

from typing import Any

import pytest

from infra.advice import advice
from infra.settings import Settings

POOL = "arn:aws:cognito-idp:eu-west-3:123456789012:userpool/eu-west-3_Ab1"
VPC = {"subnets": ("subnet-0a1b2c3d",), "security_groups": ("sg-0c1b2c3d",)}
DOMAIN = {
    "domain_name": "cars.example.com",
    "certificate_arn": "arn:aws:acm:us-east-1:123456789012:certificate/0f-1e",
}


def told(**settings: Any) -> str:
    return "\n".join(advice(Settings(stage="prod", **settings)))


def test_the_quota_counts_each_function_batch_jobs_and_what_lambda_keeps() -> None:
    jobs: dict[str, Any] = {"batch": True, "photo_buckets": ("photos",), "batch_concurrency": 30}

    of_api = told(reserved_concurrency=50)
    assert "reserves 100 concurrent executions (recognition 50, catalog 50)" in of_api
    assert "must be at least 200" in of_api
    of_all = told(reserved_concurrency=50, **jobs)
    assert "reserves 130 concurrent executions" in of_all
    assert "batch worker 30" in of_all
    assert "must be at least 230" in of_all
    assert "reserves 30 " in told(**jobs)
    assert "reserves" not in told()


def test_an_api_without_a_limit_is_told() -> None:
    assert "concurrency of the whole account" in told()
    assert "whole account" not in told(reserved_concurrency=50)


@pytest.mark.parametrize(
    "closed", [{"api_key": True}, {"authorizer": "cognito", "user_pools": (POOL,)}]
)
def test_an_open_api_is_told(closed: dict[str, Any]) -> None:
    assert "Anyone who knows the address can call this API, 20 times per second" in told()
    assert "and waf is false" not in told(waf=True)
    assert "Anyone" not in told(**closed)


def test_a_store_that_anyone_can_fill_is_told() -> None:
    assert "Anyone can store" in told(uploads=True, uploads_key=False)
    assert "store" not in told(uploads=True)


def test_private_hosts_need_a_vpc_and_a_vpc_needs_ways_out() -> None:
    assert "cannot reach the private hosts" in told(allowed_hosts=("photos.internal",))
    assert "cannot reach" not in told(allowed_hosts=("photos.internal",), **VPC)
    assert "gateway endpoint for S3" in told(**VPC)
    assert "NAT" not in told()


def test_a_subscription_must_exist_and_be_confirmed() -> None:
    assert "asks me@example.com to confirm" in told(alarm_email="me@example.com")
    assert "Alarms reach nobody: set alarm_email" in told()


def test_a_budget_by_tags_needs_activated_tags() -> None:
    assert "cost allocation tags" in told(monthly_budget=9, budget_by_tags=True)
    assert "tags" not in told(monthly_budget=9)


def test_a_certificate_ties_the_stage_to_its_region() -> None:
    assert "The certificate is in us-east-1" in told(**DOMAIN)
    assert "certificate" not in told(region="us-east-1", **DOMAIN)


def test_the_role_of_the_account_is_not_replaced_silently() -> None:
    assert "set gateway_log_role to false" in told()
    assert "gateway_log_role" not in told(gateway_log_role=False)
