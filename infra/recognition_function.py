"""The function: its code, layers, role and log, and the alias that the API calls."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from aws_cdk import AssetHashType, Duration, RemovalPolicy, Size
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra.layers import LayerBuild
from infra.logs import log_group
from infra.model_folder import Model
from infra.model_store import PREFIX, bucket_export
from infra.monitoring import METRICS_NAMESPACE
from infra.nag import acknowledge
from infra.roles import OWN_LOG, lambda_role
from infra.settings import Settings

# The layers hold what requirements.txt names; bytecode of this machine's Python is of no use.
_LEFT_OUT = ["requirements.txt", "**/__pycache__/**", "**/__pycache__"]

_ARCHITECTURES = {"x86_64": lambda_.Architecture.X86_64, "arm64": lambda_.Architecture.ARM_64}


class RecognitionFunction(Construct):
    """The function that answers all routes.

    Attributes
    ----------
    alias : Alias
        `live`: what the API calls. Moving it is a deploy, and moving it back a rollback.
    logs : LogGroup
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Settings,
        code: Path,
        layers: Sequence[LayerBuild],
        models: tuple[Model, Model],
        bucket: s3.IBucket,
        version: str,
    ) -> None:
        super().__init__(scope, construct_id)
        architecture = _ARCHITECTURES[settings.architecture]
        self.logs = log_group(self, "Logs", settings=settings)
        self._function = lambda_.Function(
            self,
            "Function",
            description="Sees the vehicles in photos.",
            runtime=lambda_.Runtime.PYTHON_3_13,
            architecture=architecture,
            handler="handler.lambda_handler",
            code=lambda_.Code.from_asset(str(code), exclude=_LEFT_OUT),
            layers=[self._layer(layer, architecture) for layer in layers],
            role=self._role(settings, bucket),
            memory_size=settings.memory,
            timeout=Duration.seconds(settings.timeout),
            # SnapStart takes no more.
            ephemeral_storage_size=Size.mebibytes(512),
            reserved_concurrent_executions=settings.reserved_concurrency,
            snap_start=lambda_.SnapStartConf.ON_PUBLISHED_VERSIONS if settings.snap_start else None,
            environment=environment(settings, models, bucket.bucket_name, version),
            tracing=lambda_.Tracing.ACTIVE,
            log_group=self.logs,
            logging_format=lambda_.LoggingFormat.JSON,
            application_log_level_v2=lambda_.ApplicationLogLevel.INFO,
            system_log_level_v2=lambda_.SystemLogLevel.INFO,
            # Old versions stay, so that the alias can go back to them.
            current_version_options=lambda_.VersionOptions(removal_policy=RemovalPolicy.RETAIN),
        )
        acknowledge(
            self._function,
            {
                "AwsSolutions-L1": "The layers are built for Python 3.13.",
                "Annotation::@aws-cdk/aws-lambda:snapStartRequirePublish": (
                    "The alias publishes versions."
                ),
            },
        )
        self.alias = lambda_.Alias(
            self, "Live", alias_name="live", version=self._function.current_version
        )

    def _layer(self, build: LayerBuild, architecture: lambda_.Architecture) -> lambda_.LayerVersion:
        return lambda_.LayerVersion(
            self,
            f"Layer/{build.name}",
            description=f"Carlens: {build.name}, {build.unzipped_bytes:,} bytes unzipped",
            code=lambda_.Code.from_asset(
                str(build.path),
                asset_hash=build.asset_hash,
                asset_hash_type=AssetHashType.CUSTOM,
            ),
            compatible_runtimes=[lambda_.Runtime.PYTHON_3_13],
            compatible_architectures=[architecture],
        )

    def _role(self, settings: Settings, bucket: s3.IBucket) -> iam.IRole:
        models = f"arn:<AWS::Partition>:s3:::{bucket_export(settings)}/{PREFIX}/*"
        return lambda_role(
            self,
            "Role",
            description="Carlens: reads the models, writes its own log and traces.",
            allow={
                "ReadModels": (["s3:GetObject"], [bucket.arn_for_objects(f"{PREFIX}/*")]),
                "WriteOwnLog": (OWN_LOG, [self.logs.log_group_arn]),
                "Trace": (["xray:PutTraceSegments", "xray:PutTelemetryRecords"], ["*"]),
            },
            meant={
                f"AwsSolutions-IAM5[Resource::{models}]": (
                    "All models, also those of older versions: the alias may go back to them."
                ),
                "AwsSolutions-IAM5[Resource::*]": "X-Ray knows no narrower resource than all.",
            },
        )


def environment(
    settings: Settings, models: tuple[Model, Model], bucket: str, version: str
) -> dict[str, str]:
    """Give the `CARLENS_*` variables that `lambda_src/carlens/config.py` reads.

    Parameters
    ----------
    models : tuple of Model
        The detector and the classifier. Their hashes are part of the function, so other models
        make another version of it.
    bucket : str
        Name of the model bucket.
    version : str
        Of Carlens.
    """
    detector, classifier = models
    optional: dict[str, Any] = {
        "CARLENS_ALLOWED_HOSTS": ",".join(settings.allowed_hosts) or None,
        "CARLENS_CONFIDENCE": settings.confidence,
        "CARLENS_MIN_AREA": settings.min_area,
        "CARLENS_SLICES": settings.slices,
    }
    return {
        "CARLENS_VERSION": version,
        "CARLENS_METRICS": METRICS_NAMESPACE,
        "CARLENS_MODELS": f"s3://{bucket}/{PREFIX}",
        "CARLENS_DETECTOR": detector.name,
        "CARLENS_DETECTOR_HASH": detector.content_hash,
        "CARLENS_CLASSIFIER": classifier.name,
        "CARLENS_CLASSIFIER_HASH": classifier.content_hash,
        "CARLENS_THREADS": str(settings.threads),
        "CARLENS_CORS_ORIGINS": ",".join(settings.cors_origins),
        "CARLENS_MAX_PICTURES": str(settings.max_pictures),
        **{name: str(value) for name, value in optional.items() if value is not None},
    }
