"""Write docs/permissions.md from the templates: what each role may do.

make permissions
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tools.changelog import ROOT

PAGE = ROOT / "docs" / "permissions.md"

# A stage with every part that adds a role, a permission, an alarm or a log. Where a setting has
# several variants, such as `removal`, it is the one that adds some.
STAGE = "prod"
EVERYTHING = {
    "tables": "true",
    "uploads": "true",
    "anonymize": "true",
    "batch": "true",
    "photo_buckets": "your-photos",
    "api_key": "true",
    "canary_minutes": "5",
    "subnets": "subnet-0a1b2c3d",
    "security_groups": "sg-0c1b2c3d",
    "asset_key": "arn:aws:kms:eu-west-3:123456789012:key/0f-1e",
    "waf": "true",
    "removal": "destroy",
}

# Resources as people know them, by their logical IDs.
_WORDS = {
    "AccessLogs": "the access log bucket",
    "Models": "the model bucket",
    "Results": "the results bucket",
    "UploadsBucket": "the upload bucket",
    "MonitoringTopic": "the topic of the alarms",
    "CanarySchedule": "the schedule of the canary",
}
# Others by how their logical IDs end.
_KINDS = {
    "Logs": "the log of {}",
    "Live": "the alias `live` of {}",
    "Function": "the function {}",
}
_PSEUDO = {
    "AWS::AccountId": "ACCOUNT",
    "AWS::Partition": "aws",
    "AWS::Region": "REGION",
    "AWS::URLSuffix": "amazonaws.com",
}
_OPERATORS = {"ArnLike": "like", "Null": "absent:", "StringEquals": "is", "StringLike": "like"}
# Of the policies that AWS manages, in words.
_MANAGED = {
    "AWSCodeDeployRoleForLambdaLimited": "move aliases, read alarms",
    "AWSLambdaBasicExecutionRole": "write logs",
    "AmazonAPIGatewayPushToCloudWatchLogs": "write logs",
}
# Of the roles that the CDK makes, by how their logical IDs end.
_DESCRIPTIONS = {
    "AutoDeleteObjectsCustomResourceProviderRole": (
        "The CDK's function that empties the buckets before the stack is deleted."
    ),
    "RolloutGroupServiceRole": "CodeDeploy, which shifts the alias to a new version gradually.",
}
_HASH = re.compile(r"[0-9A-F]{8}$")
_VARIABLE = re.compile(r"\$\{([\w:]+)(?:\.Arn)?\}")
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")

Template = Mapping[str, Any]


@dataclass(frozen=True)
class Permission:
    """A statement of a policy.

    Attributes
    ----------
    purpose : str
    effect : {"Allow", "Deny"}
    actions, resources : tuple of str
        Resources in words.
    condition : str
        Empty if there is none.
    """

    purpose: str
    effect: str
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    condition: str = ""


@dataclass(frozen=True)
class Role:
    """A role, or a service of AWS that a policy of a resource allows something.

    Attributes
    ----------
    stack, name : str
    description : str
    assumed_by : str
        The service of AWS that may assume it.
    permissions : tuple of Permission
    """

    stack: str
    name: str
    description: str
    assumed_by: str
    permissions: tuple[Permission, ...]


def read_roles(templates: Mapping[str, Template]) -> list[Role]:
    """Read the roles of all stacks, with what the policies of buckets allow them."""
    return [
        Role(
            stack,
            _name(logical_id),
            role.get("Description") or _ending(_DESCRIPTIONS, _name(logical_id)),
            role["AssumeRolePolicyDocument"]["Statement"][0]["Principal"]["Service"],
            (*_managed(role), *_inline(role), *_granted(template, logical_id)),
        )
        for stack, template in templates.items()
        for logical_id, role in _of_type(template, "AWS::IAM::Role")
    ]


def read_services(templates: Mapping[str, Template]) -> list[tuple[str, Permission]]:
    """Read what policies of resources allow services of AWS: each service and its permission."""
    found = []
    for template in templates.values():
        for _, policy in _policies(template):
            for statement in policy["PolicyDocument"]["Statement"]:
                services = _list(_dict(statement["Principal"]).get("Service", []))
                found += [(service, _permission("", statement)) for service in services]
        for _, given in _of_type(template, "AWS::Lambda::Permission"):
            source = {"ArnLike": {"aws:SourceArn": given["SourceArn"]}}
            called = Permission(
                "", "Allow", (given["Action"],), _words([given["FunctionName"]]), _condition(source)
            )
            found.append((given["Principal"], called))
    return found


def _of_type(template: Template, kind: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for logical_id, resource in template["Resources"].items():
        if resource["Type"] == kind:
            yield logical_id, resource["Properties"]


def _policies(template: Template) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for kind in ("AWS::S3::BucketPolicy", "AWS::SNS::TopicPolicy"):
        yield from _of_type(template, kind)


def _inline(role: Mapping[str, Any]) -> Iterator[Permission]:
    for policy in role.get("Policies", ()):
        for statement in policy["PolicyDocument"]["Statement"]:
            yield _permission(_sentence(policy["PolicyName"]), statement)


def _managed(role: Mapping[str, Any]) -> Iterator[Permission]:
    for arn in role.get("ManagedPolicyArns", ()):
        name = _flat(arn).rpartition("/")[2]
        link = f"https://docs.aws.amazon.com/aws-managed-policy/latest/reference/{name}.html"
        yield Permission(
            _MANAGED[name].capitalize(), "Allow", (f"[{name}]({link})",), ("see there",)
        )


def _granted(template: Template, logical_id: str) -> Iterator[Permission]:
    arn = {"Fn::GetAtt": [logical_id, "Arn"]}
    for _, policy in _policies(template):
        for statement in policy["PolicyDocument"]["Statement"]:
            if _dict(statement["Principal"]).get("AWS") == arn:
                yield _permission("Policy of the bucket", statement)


def _permission(purpose: str, statement: Mapping[str, Any]) -> Permission:
    return Permission(
        purpose,
        statement["Effect"],
        tuple(_list(statement["Action"])),
        _words(_list(statement["Resource"])),
        _condition(statement.get("Condition", {})),
    )


def _condition(condition: Mapping[str, Mapping[str, Any]]) -> str:
    return "; ".join(
        f"`{key}` {_OPERATORS[operator]} {', '.join(_words(_list(value)))}"
        for operator, tests in condition.items()
        for key, value in tests.items()
    )


def _words(values: list[Any]) -> tuple[str, ...]:
    return tuple(sorted({_resource(_flat(value)) for value in values}))


def _resource(text: str) -> str:
    """Describe a resource: a known one by its name, others by their ARN."""
    if text == "*":
        return "all resources"
    found = _VARIABLE.match(text.removeprefix("arn:${AWS::Partition}:s3:::"))
    if found is None or found[1] in _PSEUDO:
        return f"`{_VARIABLE.sub(lambda each: _PSEUDO.get(each[1], _name(each[1])), text)}`"
    name, rest = _name(found[1]), found.string[found.end() :].removeprefix("/")
    known = _WORDS.get(name) or _ending(_KINDS, name)
    if not rest:
        return known
    return f"all objects in {known}" if rest == "*" else f"`{rest}` in {known}"


def _ending(words: Mapping[str, str], name: str) -> str:
    (end,) = (each for each in words if name.endswith(each))
    return words[end].format(name.removesuffix(end))


def _name(logical_id: str) -> str:
    return _HASH.sub("", logical_id)


def _flat(value: Any) -> str:
    """Write a CloudFormation value as text, with `${...}` for what only a deployment knows."""
    if not isinstance(value, dict):
        return str(value)
    ((function, argument),) = value.items()
    if function == "Fn::Join":
        return str(argument[0].join(_flat(part) for part in argument[1]))
    if function == "Fn::ImportValue":
        return "${Models}"
    if function == "Fn::GetAtt":
        return f"${{{'.'.join(argument)}}}"
    return str(argument) if function == "Fn::Sub" else f"${{{argument}}}"


def _sentence(camel: str) -> str:
    return _CAMEL.sub(" ", camel).capitalize().replace("vpc", "VPC")


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _dict(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def page(everything: Mapping[str, Template], stages: Mapping[str, Mapping[str, Template]]) -> str:
    """Write docs/permissions.md.

    Parameters
    ----------
    everything : Mapping
        The templates of a stage with every part, by the name of the stack.
    stages : Mapping
        Those of the stages in `cdk.json`, by stage.
    """
    whole = _general(everything, STAGE)
    usual = {name: _general(templates, name) for name, templates in stages.items()}
    parts = [_INTRODUCTION]
    for stack in whole:
        roles = [role for role in read_roles(whole) if role.stack == stack]
        parts += [f"## {stack}"] if roles else []
        parts += [_section(role, usual) for role in roles]
    parts += ["## Services of AWS", _SERVICES, _services(whole, usual)]
    return "\n\n".join(parts) + "\n"


def _general(templates: Mapping[str, Template], stage: str) -> dict[str, Template]:
    """Put STAGE in the place of the name of the stage, so that stages can be compared."""
    text = json.dumps(dict(templates))
    general = text.replace(f"carlens-{stage}-", "carlens-STAGE-").replace(f"/{stage}/", "/STAGE/")
    found: dict[str, Template] = json.loads(general)
    return found


def _section(role: Role, stages: Mapping[str, Mapping[str, Template]]) -> str:
    usual = {
        stage: {
            permission
            for other in read_roles(templates)
            if (other.stack, other.name) == (role.stack, role.name)
            for permission in other.permissions
        }
        for stage, templates in stages.items()
    }
    description = f"{role.description} " if role.description else ""
    rows = [
        (
            each.purpose,
            _actions(each),
            ", ".join(each.resources),
            each.condition,
            _used(usual, each),
        )
        for each in role.permissions
    ]
    return (
        f"### {role.name}\n\n{description}Assumed by `{role.assumed_by}`.\n\n"
        f"{_table(('Purpose', 'Actions', 'Resources', 'Condition', 'Stages'), rows)}"
    )


def _services(
    everything: Mapping[str, Template], stages: Mapping[str, Mapping[str, Template]]
) -> str:
    usual = {stage: set(read_services(templates)) for stage, templates in stages.items()}
    rows = [
        (
            f"`{found[0]}`",
            _actions(found[1]),
            ", ".join(found[1].resources),
            found[1].condition,
            _used(usual, found),
        )
        for found in sorted(set(read_services(everything)), key=repr)
    ]
    return _table(("Service", "Actions", "Resources", "Condition", "Stages"), rows)


def _actions(permission: Permission) -> str:
    actions = [each if each.startswith("[") else f"`{each}`" for each in permission.actions]
    denied = "" if permission.effect == "Allow" else "**denied**: "
    return denied + ", ".join(actions)


def _used(usual: Mapping[str, set[Any]], found: Any) -> str:
    return ", ".join(stage for stage, known in usual.items() if found in known) or "by a setting"


def _table(heads: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [heads, tuple("---" for _ in heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


_INTRODUCTION = """\
<!-- `make permissions` writes this page. -->

# What each role may do

The roles of all stacks and their permissions, read from the CloudFormation templates of a stage
that has every part: tables, uploads, redaction, batch jobs, keys, the canary, a VPC, a KMS key for
assets, and buckets that are deleted with the stack. STAGE, ACCOUNT and REGION are those of the
stage. The last column tells which stages of [`cdk.json`](../cdk.json) have the permission; the
others get it by a setting. A test fails if the page does not match the templates.

The roles that deploy Carlens are those of `cdk bootstrap`; `.github/workflows/deploy.yml` lists
what the deploy workflow needs besides."""

_SERVICES = """\
The policies of the resources themselves allow these calls, without a role."""


def main() -> None:
    """Synthesize the stages and write the page."""
    # Importing the CDK takes seconds.
    from infra.application import build_app

    context = json.loads((ROOT / "cdk.json").read_text("utf-8"))["context"]

    def templates(stage: str, settings: Mapping[str, str]) -> dict[str, Template]:
        assembly = build_app({**context, "stage": stage, **settings}, bundle=False).synth()
        return {stack.stack_name: stack.template for stack in assembly.stacks}

    stages = {stage: templates(stage, {}) for stage in ("dev", "prod")}
    PAGE.write_text(page(templates(STAGE, EVERYTHING), stages), "utf-8")


if __name__ == "__main__":
    main()
