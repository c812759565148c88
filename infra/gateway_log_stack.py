"""The role with which API Gateway writes logs, one for all its APIs in an account and region."""

from __future__ import annotations

from typing import Any

from aws_cdk import Stack
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_iam as iam
from constructs import Construct

from infra.nag import acknowledge

_POLICY = "AmazonAPIGatewayPushToCloudWatchLogs"


class GatewayLogStack(Stack):
    """The role, and the setting of the account that names it.

    All stages of an account and region share this stack. None of them owns it, so destroying one
    neither stops the logs of the others nor leaves a role behind.
    """

    def __init__(self, scope: Construct, construct_id: str, **stack: Any) -> None:
        super().__init__(scope, construct_id, **stack)
        role = iam.Role(
            self,
            "Role",
            assumed_by=iam.ServicePrincipal("apigateway.amazonaws.com"),
            description="Lets API Gateway write the logs of all its APIs in this region.",
            managed_policies=[
                iam.ManagedPolicy.from_aws_managed_policy_name(f"service-role/{_POLICY}")
            ],
        )
        apigateway.CfnAccount(self, "Account", cloud_watch_role_arn=role.role_arn)
        acknowledge(
            role,
            {
                "AwsSolutions-IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/service-role/"
                f"{_POLICY}]": (
                    "The AWS managed policy for the account-wide role that lets API Gateway log."
                )
            },
        )
