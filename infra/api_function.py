"""A function of the API: code, layers, role, log and alias."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from aws_cdk import AssetHashType, Duration, RemovalPolicy, Size
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra.layer_versions import ARCHITECTURES
from infra.layers import FunctionName
from infra.logs import log_group
from infra.nag import acknowledge
from infra.roles import lambda_role
from infra.settings import Settings

# Namespace of the metrics that lambda_src/carlens/aws/metrics.py writes.
METRICS_NAMESPACE = "Carlens"


@dataclass(frozen=True, kw_only=True)
class SharedProps:
    """What the functions have in common.

    Attributes
    ----------
    settings : Settings
        Settings of the stage.
    bucket : IBucket
        The model bucket.
    code : Path
        Folder with the code of all functions, named by its hash: it is uploaded once, and modules
        that a function does not import cost it no time.
    layers : Mapping
        The layers of each function.
    """

    settings: Settings
    bucket: s3.IBucket
    code: Path
    layers: Mapping[FunctionName, Sequence[lambda_.ILayerVersion]]


@dataclass(frozen=True, kw_only=True)
class FunctionProps:
    """What distinguishes a function.

    Attributes
    ----------
    description : str
        One sentence for people.
    handler : str
        Module and function, as Lambda names them.
    memory : int
        Memory in MB.
    environment : Mapping
        Variables beyond those of all functions.
    allow : Mapping
        Permissions beyond writing its own log and traces, each by the name of its policy.
    nag_reasons : Mapping
        Reasons for what cdk-nag finds in `allow`, by rule.
    """

    description: str
    handler: str
    memory: int
    environment: Mapping[str, str] = field(default_factory=dict)
    allow: Mapping[str, iam.PolicyStatement] = field(default_factory=dict)
    nag_reasons: Mapping[str, str] = field(default_factory=dict)


class ApiFunction(Construct):
    """A function of the API, with its role, log and alias.

    Attributes
    ----------
    name : {"recognition", "catalog"}
        Name of the function.
    alias : Alias
        `live`, which the API calls: a deployment moves it, and moving it back is a rollback.
    logs : LogGroup
        The log of the function.
    """

    def __init__(
        self, scope: Construct, name: FunctionName, *, shared: SharedProps, props: FunctionProps
    ) -> None:
        super().__init__(scope, name.capitalize())
        self.name = name
        self.logs = log_group(self, "Logs", settings=shared.settings)
        function = self._function(shared, props)
        self.alias = lambda_.Alias(
            self, "Live", alias_name="live", version=function.current_version
        )

    def _function(self, shared: SharedProps, props: FunctionProps) -> lambda_.Function:
        settings = shared.settings
        function = lambda_.Function(
            self,
            "Function",
            description=props.description,
            runtime=lambda_.Runtime.PYTHON_3_13,
            architecture=ARCHITECTURES[settings.architecture],
            handler=props.handler,
            code=lambda_.Code.from_asset(
                str(shared.code), asset_hash=shared.code.name, asset_hash_type=AssetHashType.CUSTOM
            ),
            layers=list(shared.layers[self.name]),
            role=self._role(props),
            memory_size=props.memory,
            timeout=Duration.seconds(settings.timeout),
            # The largest size that SnapStart supports.
            ephemeral_storage_size=Size.mebibytes(512),
            reserved_concurrent_executions=settings.reserved_concurrency,
            snap_start=lambda_.SnapStartConf.ON_PUBLISHED_VERSIONS if settings.snap_start else None,
            environment={
                "CARLENS_METRICS": METRICS_NAMESPACE,
                "CARLENS_CORS_ORIGINS": ",".join(settings.cors_origins),
                **props.environment,
            },
            tracing=lambda_.Tracing.ACTIVE,
            log_group=self.logs,
            logging_format=lambda_.LoggingFormat.JSON,
            application_log_level_v2=lambda_.ApplicationLogLevel.INFO,
            system_log_level_v2=lambda_.SystemLogLevel.INFO,
            # Old versions are kept so that the alias can go back to them.
            current_version_options=lambda_.VersionOptions(removal_policy=RemovalPolicy.RETAIN),
        )
        acknowledge(
            function,
            {
                "AwsSolutions-L1": "The layers are built for Python 3.13.",
                "Annotation::@aws-cdk/aws-lambda:snapStartRequirePublish": (
                    "The alias publishes versions."
                ),
            },
        )
        return function

    def _role(self, props: FunctionProps) -> iam.IRole:
        trace = iam.PolicyStatement(
            actions=["xray:PutTraceSegments", "xray:PutTelemetryRecords"], resources=["*"]
        )
        return lambda_role(
            self,
            "Role",
            description=f"Carlens, {self.name}: writes its own log and traces, reads its data.",
            own_log=self.logs,
            allow={**props.allow, "Trace": trace},
            nag_reasons={
                **props.nag_reasons,
                "AwsSolutions-IAM5[Resource::*]": "X-Ray does not support narrower resources.",
            },
        )
