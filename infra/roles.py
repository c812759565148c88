"""Roles whose permissions are all in one place."""

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
    """Make the role of a function; the CDK cannot add permissions to it.

    Parameters
    ----------
    scope, construct_id
        As for any construct.
    description : str
        Description of the role.
    own_log : ILogGroup
        The log group that the function writes to.
    allow : Mapping
        Further permissions, each by the name of its policy.
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


def vpc_permissions() -> dict[str, iam.PolicyStatement]:
    """Return the permissions with which Lambda connects a function to a VPC, by policy.

    Lambda creates the network interfaces under the role of the function. The code of the function
    may not: the key `lambda:SourceFunctionArn` is only present in its own requests.

    https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html
    """
    actions = [
        "ec2:AssignPrivateIpAddresses",
        "ec2:CreateNetworkInterface",
        "ec2:DeleteNetworkInterface",
        "ec2:DescribeNetworkInterfaces",
        "ec2:DescribeSubnets",
        "ec2:UnassignPrivateIpAddresses",
    ]
    return {
        "JoinVpc": iam.PolicyStatement(actions=actions, resources=["*"]),
        "KeepCodeFromVpc": iam.PolicyStatement(
            effect=iam.Effect.DENY,
            actions=actions,
            resources=["*"],
            conditions={"Null": {"lambda:SourceFunctionArn": "false"}},
        ),
    }
