"""The stateless stack: the function, the API before it, and what watches both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from aws_cdk import CfnOutput, Stack
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra.layers import LayerBuild
from infra.model_folder import Model
from infra.monitoring import Monitoring
from infra.recognition_function import RecognitionFunction
from infra.rest_api import RestApi
from infra.rollout import GradualRollout
from infra.settings import Settings


class RecognitionApi(Stack):
    """Carlens but for its models."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Settings,
        contract: Mapping[str, Any],
        code: Path,
        layers: Sequence[LayerBuild],
        models: tuple[Model, Model],
        bucket_name: str,
        **stack: Any,
    ) -> None:
        super().__init__(scope, construct_id, **stack)
        function = RecognitionFunction(
            self,
            "Recognition",
            settings=settings,
            code=code,
            layers=layers,
            models=models,
            bucket=s3.Bucket.from_bucket_name(self, "Models", bucket_name),
            version=contract["info"]["version"],
        )
        api = RestApi(self, "Rest", settings=settings, contract=contract, alias=function.alias)
        monitoring = Monitoring(
            self,
            "Monitoring",
            settings=settings,
            alias=function.alias,
            function_logs=function.logs,
            api_stage=api.stage,
        )
        if settings.rollout != "AllAtOnce":
            GradualRollout(
                self,
                "Rollout",
                rollout=settings.rollout,
                alias=function.alias,
                alarms=monitoring.rollback,
            )
        CfnOutput(
            self,
            "FunctionName",
            value=function.alias.lambda_.function_name,
            description="The function.",
        )
        CfnOutput(
            self,
            "FunctionAlias",
            value=function.alias.alias_name,
            description="What the API calls; moving it back is a rollback.",
        )
