"""Roles that may do what is written at one place, and nothing that is added elsewhere."""

from __future__ import annotations

from collections.abc import Mapping

from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from constructs import Construct

from infra.nag import acknowledge


def lambda_role(
    scope: Construct,
    construct_id: str,
    *,
    description: str,
    own_log: logs.ILogGroup,
    allow: Mapping[str, iam.PolicyStatement],
    nag_reasons: Mapping[str, str],
) -> iam.IRole:
    """Make a role for a function; the CDK adds nothing to it.

    Parameters
    ----------
    own_log : ILogGroup
        What it may write.
    allow : Mapping
        What else it may do, by a name.
    nag_reasons : Mapping
        Reasons for findings of cdk-nag, by rule.
    """
    write_own_log = iam.PolicyStatement(
        actions=["logs:CreateLogStream", "logs:PutLogEvents"], resources=[own_log.log_group_arn]
    )
    role = iam.Role(
        scope,
        construct_id,
        assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"),
        description=description,
        inline_policies={
            name: iam.PolicyDocument(statements=[statement])
            for name, statement in {**allow, "WriteOwnLog": write_own_log}.items()
        },
    )
    acknowledge(role, nag_reasons)
    return role.without_policy_updates()
