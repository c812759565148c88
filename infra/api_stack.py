"""The stateless stack: the functions, the REST API and its monitoring."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aws_cdk import CfnOutput, Stack
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra.api_function import ApiFunction
from infra.canary import Canary
from infra.catalog_function import CatalogFunction
from infra.function import SharedProps
from infra.layer_versions import LayerVersions
from infra.layers import FunctionName, LayerBuild
from infra.model_folder import ModelFiles
from infra.monitoring import Monitoring
from infra.recognition_function import RecognitionFunction
from infra.rest_api import RestApi
from infra.rollout import GradualRollout
from infra.settings import Settings
from infra.upload_bucket import UploadBucket


@dataclass(frozen=True, kw_only=True)
class ApiStackProps:
    """What the stack is made from.

    Attributes
    ----------
    settings : Settings
        Settings of the stage.
    contract : Mapping
        `lambda_src/openapi.yaml`.
    layers : Mapping
        The built layers of each function.
    models : tuple of ModelFiles
        The detector and, unless the stage only detects, the classifier.
    bucket_name : str
        Name of the model bucket.
    """

    settings: Settings
    contract: Mapping[str, Any]
    layers: Mapping[FunctionName, Sequence[LayerBuild]]
    models: tuple[ModelFiles, ...]
    bucket_name: str


class ApiStack(Stack):
    """Everything except the models."""

    def __init__(
        self, scope: Construct, construct_id: str, *, props: ApiStackProps, **stack: Any
    ) -> None:
        super().__init__(scope, construct_id, **stack)
        settings = props.settings
        layers = LayerVersions(self, "Layers", settings=settings, builds=props.layers)
        shared = SharedProps(
            settings=settings,
            bucket=s3.Bucket.from_bucket_name(self, "Models", props.bucket_name),
            layers=layers.by_function,
        )
        uploads = UploadBucket(self, "Uploads", settings=settings) if settings.uploads else None
        recognition = RecognitionFunction(self, shared=shared, models=props.models, uploads=uploads)
        catalog = CatalogFunction(self, shared=shared)
        functions: list[ApiFunction] = [recognition, catalog]
        api = RestApi(self, "Rest", settings=settings, contract=props.contract, functions=functions)
        minutes = settings.canary_minutes
        canary = (
            Canary(self, "Canary", shared=shared, api=api, minutes=minutes) if minutes else None
        )
        monitoring = Monitoring(
            self,
            "Monitoring",
            settings=settings,
            functions=functions,
            api_stage=api.stage,
            canary=canary,
        )
        for function in functions:
            if settings.rollout != "AllAtOnce":
                GradualRollout(
                    function,
                    "Rollout",
                    rollout=settings.rollout,
                    alias=function.alias,
                    alarms=monitoring.rollback_alarms[function.name],
                )
            CfnOutput(
                self,
                f"{function.node.id}FunctionName",
                value=function.alias.lambda_.function_name,
                description=f"Name of the {function.name} function.",
            )
        CfnOutput(
            self,
            "FunctionAlias",
            value=recognition.alias.alias_name,
            description="Alias that the API calls on each function; move it back to roll back.",
        )
