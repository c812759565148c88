"""A Lambda function: code, layers, role and log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast

from aws_cdk import AssetHashType, Duration, RemovalPolicy, Size
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra.layer_versions import ARCHITECTURES
from infra.layers import FunctionName, stage_code
from infra.logs import log_group
from infra.nag import acknowledge
from infra.roles import lambda_role, vpc_permissions
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
    layers : Mapping
        The layers of each function.
    """

    settings: Settings
    bucket: s3.IBucket
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
    timeout : int
        Seconds; by default the longest that Lambda allows.
    layers_of : {"recognition", "catalog"} or None
        The function of the API whose layers it uses; None for no layers.
    concurrency : int or None
        Reserved concurrent executions, which are also its limit.
    snap_start : bool
        Whether its versions start from a snapshot.
    in_vpc : bool
        Whether it runs in the subnets of the stage, if there are any.
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
    timeout: int = 900
    layers_of: FunctionName | None = None
    concurrency: int | None = None
    snap_start: bool = False
    in_vpc: bool = True
    environment: Mapping[str, str] = field(default_factory=dict)
    allow: Mapping[str, iam.PolicyStatement] = field(default_factory=dict)
    nag_reasons: Mapping[str, str] = field(default_factory=dict)


class Function(Construct):
    """A function with its role and log.

    Attributes
    ----------
    resource : Function
        The function itself.
    logs : LogGroup
        The log of the function.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, shared: SharedProps, props: FunctionProps
    ) -> None:
        super().__init__(scope, construct_id)
        self.logs = log_group(self, "Logs", settings=shared.settings)
        self.resource = self._function(shared, props)

    def _function(self, shared: SharedProps, props: FunctionProps) -> lambda_.Function:
        settings = shared.settings
        module, _, _ = props.handler.rpartition(".")
        code = stage_code(module)
        function = lambda_.Function(
            self,
            "Function",
            description=props.description,
            runtime=lambda_.Runtime.PYTHON_3_13,
            architecture=ARCHITECTURES[settings.architecture],
            handler=props.handler,
            code=lambda_.Code.from_asset(
                str(code), asset_hash=code.name, asset_hash_type=AssetHashType.CUSTOM
            ),
            layers=list(shared.layers[props.layers_of]) if props.layers_of else None,
            role=self._role(settings, props),
            memory_size=props.memory,
            timeout=Duration.seconds(props.timeout),
            # The largest size that SnapStart supports.
            ephemeral_storage_size=Size.mebibytes(512),
            reserved_concurrent_executions=props.concurrency,
            snap_start=lambda_.SnapStartConf.ON_PUBLISHED_VERSIONS if props.snap_start else None,
            environment={"CARLENS_METRICS": METRICS_NAMESPACE, **props.environment},
            tracing=lambda_.Tracing.ACTIVE,
            log_group=self.logs,
            logging_format=lambda_.LoggingFormat.JSON,
            application_log_level_v2=lambda_.ApplicationLogLevel.INFO,
            system_log_level_v2=lambda_.SystemLogLevel.INFO,
            # Old versions are kept so that the alias can go back to them, except one that a failed
            # deployment created: the next attempt would find that it exists already.
            current_version_options=lambda_.VersionOptions(
                removal_policy=RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE
            ),
        )
        if settings.subnets and props.in_vpc:
            # Set on the resource, because the CDK wants the whole VPC described.
            resource = cast(lambda_.CfnFunction, function.node.default_child)
            resource.vpc_config = lambda_.CfnFunction.VpcConfigProperty(
                subnet_ids=list(settings.subnets),
                security_group_ids=list(settings.security_groups),
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

    def _role(self, settings: Settings, props: FunctionProps) -> iam.IRole:
        name = self.node.id.lower()
        in_vpc = bool(settings.subnets) and props.in_vpc
        trace = iam.PolicyStatement(
            actions=["xray:PutTraceSegments", "xray:PutTelemetryRecords"], resources=["*"]
        )
        return lambda_role(
            self,
            "Role",
            description=f"Carlens, {name}: writes its own log and traces, reads its data.",
            own_log=self.logs,
            allow={
                **props.allow,
                **(vpc_permissions() if in_vpc else {}),
                "Trace": trace,
            },
            nag_reasons={
                **props.nag_reasons,
                "AwsSolutions-IAM5[Resource::*]": (
                    "X-Ray and network interfaces do not support narrower resources."
                    if in_vpc
                    else "X-Ray does not support narrower resources."
                ),
            },
        )
