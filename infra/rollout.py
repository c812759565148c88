"""Shift the alias to a new version gradually, and back on an alarm."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_codedeploy as codedeploy
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from infra.nag import acknowledge
from infra.settings import Rollout


class GradualRollout(Construct):
    """CodeDeploy shifts the alias; CloudFormation alone would do it at once."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        rollout: Rollout,
        alias: lambda_.Alias,
        alarms: Sequence[cloudwatch.Alarm],
    ) -> None:
        super().__init__(scope, construct_id)
        group = codedeploy.LambdaDeploymentGroup(
            self,
            "Group",
            alias=alias,
            deployment_config=codedeploy.LambdaDeploymentConfig.from_lambda_deployment_config_name(
                self, "Config", f"CodeDeployDefault.Lambda{rollout}"
            ),
            alarms=list(alarms),
            auto_rollback=codedeploy.AutoRollbackConfig(
                deployment_in_alarm=True, failed_deployment=True, stopped_deployment=True
            ),
        )
        acknowledge(
            group,
            {
                "AwsSolutions-IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/service-role/"
                "AWSCodeDeployRoleForLambdaLimited]": (
                    "The AWS managed policy for shifting aliases; CodeDeploy keeps it up to date."
                )
            },
        )
