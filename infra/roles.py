"""Roles that may do what is written at one place, and nothing that is added elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from aws_cdk import aws_iam as iam
from constructs import Construct

from infra.nag import acknowledge

OWN_LOG = ("logs:CreateLogStream", "logs:PutLogEvents")


def lambda_role(
    scope: Construct,
    construct_id: str,
    *,
    description: str,
    allow: Mapping[str, tuple[Sequence[str], Sequence[str]]],
    meant: Mapping[str, str] | None = None,
) -> iam.IRole:
    """Make a role for a function; the CDK adds nothing to it.

    Parameters
    ----------
    allow : Mapping
        By a name, actions and the resources that they are allowed on.
    meant : Mapping or None
        Reasons for findings of cdk-nag, by rule.
    """
    role = iam.Role(
        scope,
        construct_id,
        assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"),
        description=description,
        inline_policies={
            name: iam.PolicyDocument(
                statements=[iam.PolicyStatement(actions=[*actions], resources=[*resources])]
            )
            for name, (actions, resources) in allow.items()
        },
    )
    acknowledge(role, meant or {})
    return role.without_policy_updates()
