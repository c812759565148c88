"""The stateless stack: the functions, the API before them, and what watches them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from aws_cdk import CfnOutput, Stack
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra.api_function import ApiFunction
from infra.catalog_function import CatalogFunction
from infra.layer_versions import LayerVersions
from infra.layers import Function, LayerBuild
from infra.model_folder import Model
from infra.monitoring import Monitoring
from infra.recognition_function import RecognitionFunction
from infra.rest_api import RestApi
from infra.rollout import GradualRollout
from infra.settings import Settings


class ApiStack(Stack):
    """Carlens but for its models."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Settings,
        contract: Mapping[str, Any],
        code: Path,
        layers: Mapping[Function, Sequence[LayerBuild]],
        models: tuple[Model, Model],
        bucket_name: str,
        **stack: Any,
    ) -> None:
        super().__init__(scope, construct_id, **stack)
        versions = LayerVersions(self, "Layers", settings=settings, builds=layers)
        shared: dict[str, Any] = {
            "settings": settings,
            "bucket": s3.Bucket.from_bucket_name(self, "Models", bucket_name),
            "code": code,
            "version": contract["info"]["version"],
        }
        recognition = RecognitionFunction(
            self, models=models, layers=versions.of["recognition"], **shared
        )
        catalog = CatalogFunction(self, layers=versions.of["catalog"], **shared)
        functions: list[ApiFunction] = [recognition, catalog]
        api = RestApi(self, "Rest", settings=settings, contract=contract, functions=functions)
        monitoring = Monitoring(
            self,
            "Monitoring",
            settings=settings,
            recognition=recognition,
            catalog=catalog,
            api_stage=api.stage,
        )
        for function in functions:
            if settings.rollout != "AllAtOnce":
                GradualRollout(
                    function,
                    "Rollout",
                    rollout=settings.rollout,
                    alias=function.alias,
                    alarms=monitoring.rollback[function.name],
                )
            CfnOutput(
                self,
                f"{function.node.id}FunctionName",
                value=function.alias.lambda_.function_name,
                description=f"The function of {function.name}.",
            )
        CfnOutput(
            self,
            "FunctionAlias",
            value=recognition.alias.alias_name,
            description="What the API calls of each; moving it back is a rollback.",
        )
