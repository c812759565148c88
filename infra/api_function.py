"""A function behind the API, as both of Carlens's are: code, layers, role, log and alias."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from aws_cdk import AssetHashType, Duration, RemovalPolicy, Size
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from infra.layer_versions import ARCHITECTURES
from infra.layers import Function
from infra.logs import log_group
from infra.nag import acknowledge
from infra.roles import lambda_role
from infra.settings import Settings

# Of what lambda_src/carlens/aws/metrics.py writes, with the dimension Function.
METRICS_NAMESPACE = "Carlens"


class ApiFunction(Construct):
    """A function, and what it cannot be without.

    Parameters
    ----------
    name : {"recognition", "catalog"}
    description : str
        For people; a sentence.
    version : str
        Of Carlens.
    code : Path
        The folder of both functions' code, named by its hash: uploaded once, and what a
        function does not import costs it no time.
    handler : str
    layers : sequence of LayerVersion
    memory : int
        MB.
    environment : Mapping
        Variables beside those that both functions read.
    allow : Mapping
        What its role may do beside writing its own log and traces, by a name.
    nag_reasons : Mapping
        Reasons for what cdk-nag finds in `allow`, by rule.

    Attributes
    ----------
    name : {"recognition", "catalog"}
    alias : Alias
        `live`: what the API calls. Moving it is a deploy, and moving it back a rollback.
    logs : LogGroup
    """

    def __init__(
        self,
        scope: Construct,
        name: Function,
        *,
        description: str,
        settings: Settings,
        version: str,
        code: Path,
        handler: str,
        layers: Sequence[lambda_.ILayerVersion],
        memory: int,
        environment: Mapping[str, str],
        allow: Mapping[str, iam.PolicyStatement],
        nag_reasons: Mapping[str, str],
    ) -> None:
        super().__init__(scope, name.capitalize())
        self.name = name
        self.logs = log_group(self, "Logs", settings=settings)
        function = lambda_.Function(
            self,
            "Function",
            description=description,
            runtime=lambda_.Runtime.PYTHON_3_13,
            architecture=ARCHITECTURES[settings.architecture],
            handler=handler,
            code=lambda_.Code.from_asset(
                str(code), asset_hash=code.name, asset_hash_type=AssetHashType.CUSTOM
            ),
            layers=list(layers),
            role=self._role(allow, nag_reasons),
            memory_size=memory,
            timeout=Duration.seconds(settings.timeout),
            # SnapStart takes no more.
            ephemeral_storage_size=Size.mebibytes(512),
            reserved_concurrent_executions=settings.reserved_concurrency,
            snap_start=lambda_.SnapStartConf.ON_PUBLISHED_VERSIONS if settings.snap_start else None,
            environment={
                "CARLENS_VERSION": version,
                "CARLENS_METRICS": METRICS_NAMESPACE,
                "CARLENS_CORS_ORIGINS": ",".join(settings.cors_origins),
                **environment,
            },
            tracing=lambda_.Tracing.ACTIVE,
            log_group=self.logs,
            logging_format=lambda_.LoggingFormat.JSON,
            application_log_level_v2=lambda_.ApplicationLogLevel.INFO,
            system_log_level_v2=lambda_.SystemLogLevel.INFO,
            # Old versions stay, so that the alias can go back to them.
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
        self.alias = lambda_.Alias(
            self, "Live", alias_name="live", version=function.current_version
        )

    def _role(
        self, allow: Mapping[str, iam.PolicyStatement], nag_reasons: Mapping[str, str]
    ) -> iam.IRole:
        trace = iam.PolicyStatement(
            actions=["xray:PutTraceSegments", "xray:PutTelemetryRecords"], resources=["*"]
        )
        return lambda_role(
            self,
            "Role",
            description=f"Carlens, {self.name}: writes its own log and traces, and reads its data.",
            own_log=self.logs,
            allow={**allow, "Trace": trace},
            nag_reasons={
                **nag_reasons,
                "AwsSolutions-IAM5[Resource::*]": "X-Ray knows no narrower resource than all.",
            },
        )
