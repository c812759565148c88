"""The page of what each role may do, compared with the templates."""

from __future__ import annotations

import copy

import pytest

from tests.unit.infra import test_stacks
from tests.unit.infra.test_stacks import Stage, named, synthesized
from tools.permissions import EVERYTHING, PAGE, STAGE, Permission, page, read_roles, read_services


@pytest.fixture(scope="module")
def whole() -> Stage:
    return synthesized(STAGE, **EVERYTHING)


def test_the_page_is_that_of_the_templates(whole: Stage) -> None:
    stages = {name: synthesized(name).templates for name in ("dev", "prod")}

    assert PAGE.read_text("utf-8") == page(whole.templates, stages), "run `make permissions`"


def test_the_page_has_every_role_and_policy_of_any_stage(whole: Stage) -> None:
    def known(stage: Stage) -> set[tuple[str, str, str]]:
        return {
            (role.stack.rpartition("-")[2], role.name, permission.purpose)
            for role in read_roles(stage.templates)
            for permission in role.permissions
        }

    for stage in (synthesized("dev"), synthesized("prod", **test_stacks.EVERYTHING)):
        assert known(stage) <= known(whole)


def test_a_new_permission_makes_the_page_outdated(whole: Stage) -> None:
    stages = {"prod": whole.templates}
    changed = copy.deepcopy(whole.templates)
    _, role = named(changed[f"carlens-{STAGE}-models"], "AWS::IAM::Role", "PlacingRole")
    role["Properties"]["Policies"][0]["PolicyDocument"]["Statement"][0]["Action"] = "s3:*"

    assert page(changed, stages) != page(whole.templates, stages)


def test_permissions_are_read_in_words() -> None:
    bucket = {"Fn::GetAtt": ["UploadsBucketC4B27CC7", "Arn"]}
    statement = {
        "Effect": "Allow",
        "Action": "s3:ListBucket",
        "Resource": [bucket, {"Fn::Join": ["", [bucket, "/*"]]}],
        "Condition": {"StringLike": {"s3:prefix": "tables/*"}},
    }
    policy = {"PolicyName": "ListTables", "PolicyDocument": {"Statement": [statement]}}
    trusted = {"Statement": [{"Principal": {"Service": "lambda.amazonaws.com"}}]}
    role = {
        "Description": "Reads.",
        "AssumeRolePolicyDocument": trusted,
        "Policies": [policy],
    }
    template = {"Resources": {"Role1ABCC5F0": {"Type": "AWS::IAM::Role", "Properties": role}}}

    (read,) = read_roles({"stack": template})

    assert (read.stack, read.name, read.assumed_by) == ("stack", "Role", "lambda.amazonaws.com")
    assert read.permissions == (
        Permission(
            "List tables",
            "Allow",
            ("s3:ListBucket",),
            ("all objects in the upload bucket", "the upload bucket"),
            "`s3:prefix` like `tables/*`",
        ),
    )


def test_services_are_read_from_the_policies_of_resources(whole: Stage) -> None:
    services = {service for service, _ in read_services(whole.templates)}

    assert services == {
        f"{name}.amazonaws.com"
        for name in ("apigateway", "budgets", "cloudwatch", "events", "logging.s3")
    }
