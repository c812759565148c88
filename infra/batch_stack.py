"""The stack of batch jobs: a state machine, its functions and the bucket of their results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from aws_cdk import Arn, ArnComponents, ArnFormat, CfnOutput, Duration, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from infra.batch_definition import (
    LABEL,
    PLANS,
    REDACTED,
    RESULTS,
    RUNS,
    BatchArns,
    batch_definition,
)
from infra.buckets import access_log_bucket, private_bucket
from infra.function import Function, FunctionProps, SharedProps
from infra.layer_versions import LayerVersions
from infra.layers import FunctionName, LayerBuild
from infra.logs import log_group
from infra.model_folder import ModelFiles
from infra.model_stack import MODELS, grant_on_folder
from infra.nag import acknowledge
from infra.recognition_function import environment
from infra.settings import Settings

_FINISH_MEMORY = 512
# Executions can be redriven for two weeks, and need their plan for it.
_DAYS_OF_PLANS = 30


@dataclass(frozen=True, kw_only=True)
class BatchStackProps:
    """What the stack is made from.

    Attributes
    ----------
    settings : Settings
        Settings of the stage.
    layers : Mapping
        The built layers of each function of the API.
    models : tuple of ModelFiles
        Those of the stage.
    bucket_name : str
        Name of the model bucket.
    """

    settings: Settings
    layers: Mapping[FunctionName, Sequence[LayerBuild]]
    models: tuple[ModelFiles, ...]
    bucket_name: str


class BatchStack(Stack):
    """Everything that batch jobs need, except the models."""

    def __init__(
        self, scope: Construct, construct_id: str, *, props: BatchStackProps, **stack: Any
    ) -> None:
        super().__init__(scope, construct_id, **stack)
        self._settings = settings = props.settings
        self._name = f"carlens-{settings.stage}-batch"
        builds: dict[FunctionName, Sequence[LayerBuild]] = {
            "recognition": props.layers["recognition"]
        }
        layers = LayerVersions(self, "Layers", settings=settings, builds=builds)
        self._shared = SharedProps(
            settings=settings,
            bucket=s3.Bucket.from_bucket_name(self, "Models", props.bucket_name),
            layers=layers.by_function,
        )
        self._results = self._bucket()
        self._photos = [
            s3.Bucket.from_bucket_name(self, f"Photos-{name}", name)
            for name in settings.photo_buckets
        ]
        environ = environment(settings, props.models, self._shared.bucket.bucket_name)
        plan, worker, finish = self._plan(environ), self._worker(environ), self._finish()
        machine = self._machine(plan, worker, finish)
        outputs = {
            "StateMachineArn": (machine.state_machine_arn, "State machine of batch jobs."),
            "ResultsBucketName": (self._results.bucket_name, "Bucket with the results of jobs."),
            "PlanRoleArn": (plan.resource.role, "Role that lists the photos."),
            "WorkerRoleArn": (worker.resource.role, "Role that reads the photos."),
            "WorkerFunctionName": (
                worker.resource.function_name,
                "Function that processes a part.",
            ),
        }
        for name, (value, description) in outputs.items():
            text = value if isinstance(value, str) else cast(iam.IRole, value).role_arn
            CfnOutput(self, name, value=text, description=description)

    def _bucket(self) -> s3.Bucket:
        return private_bucket(
            self,
            "Results",
            settings=self._settings,
            access_logs=access_log_bucket(self, settings=self._settings),
            lifecycle_rules=[
                *(
                    s3.LifecycleRule(prefix=f"{folder}/", expiration=Duration.days(_DAYS_OF_PLANS))
                    for folder in (PLANS, RUNS)
                ),
                s3.LifecycleRule(abort_incomplete_multipart_upload_after=Duration.days(7)),
            ],
        )

    def _plan(self, environ: Mapping[str, str]) -> Function:
        return Function(
            self,
            "Plan",
            shared=self._shared,
            props=FunctionProps(
                description="Plans a batch job: divides the photos under a prefix into parts.",
                handler="carlens.functions.batch_plan.lambda_handler",
                memory=self._settings.memory,
                layers_of="recognition",
                environment={**environ, **self._environment()},
                allow={
                    **self._read_models(),
                    "ListPhotos": self._list_photos(),
                    "WritePlans": self._write(PLANS),
                },
                nag_reasons={**self._models_reason(), **self._write_reason(PLANS)},
            ),
        )

    def _worker(self, environ: Mapping[str, str]) -> Function:
        folders = {"WriteResults": RESULTS}
        if self._settings.anonymize:
            folders["WriteRedacted"] = REDACTED
        return Function(
            self,
            "Worker",
            shared=self._shared,
            props=FunctionProps(
                description="Processes a part of a batch job.",
                handler="carlens.functions.batch_worker.lambda_handler",
                memory=self._settings.memory,
                layers_of="recognition",
                # A limit as well as a reservation: jobs leave the rest to the API.
                concurrency=self._settings.batch_concurrency,
                environment={**environ, **self._environment()},
                allow={
                    **self._read_models(),
                    "ReadPhotos": iam.PolicyStatement(
                        actions=["s3:GetObject"],
                        resources=[bucket.arn_for_objects("*") for bucket in self._photos],
                    ),
                    # Without it S3 answers a request for a missing photo with 403 in place of 404.
                    "ListPhotos": self._list_photos(),
                    **{name: self._write(folder) for name, folder in folders.items()},
                },
                nag_reasons={
                    **self._models_reason(),
                    **self._write_reason(*folders.values()),
                    **{
                        f"AwsSolutions-IAM5[Resource::arn:<AWS::Partition>:s3:::{name}/*]": (
                            "All photos in a bucket that the settings name; a job chooses a prefix."
                        )
                        for name in self._settings.photo_buckets
                    },
                },
            ),
        )

    def _finish(self) -> Function:
        return Function(
            self,
            "Finish",
            shared=self._shared,
            props=FunctionProps(
                description="Checks that all parts of a batch job have results.",
                handler="carlens.functions.batch_finish.lambda_handler",
                memory=_FINISH_MEMORY,
                environment=self._environment(),
                allow={
                    "ListResults": iam.PolicyStatement(
                        actions=["s3:ListBucket"],
                        resources=[self._results.bucket_arn],
                        conditions={"StringLike": {"s3:prefix": f"{RESULTS}/*"}},
                    )
                },
            ),
        )

    def _environment(self) -> dict[str, str]:
        return {"CARLENS_RESULTS": self._results.bucket_name}

    def _read_models(self) -> dict[str, iam.PolicyStatement]:
        models = self._shared.bucket.arn_for_objects(f"{MODELS}/*")
        return {"ReadModels": iam.PolicyStatement(actions=["s3:GetObject"], resources=[models])}

    def _models_reason(self) -> dict[str, str]:
        return {grant_on_folder(self._settings, MODELS): "All models, as for the API."}

    def _list_photos(self) -> iam.PolicyStatement:
        return iam.PolicyStatement(
            actions=["s3:ListBucket"], resources=[bucket.bucket_arn for bucket in self._photos]
        )

    def _write(self, folder: str) -> iam.PolicyStatement:
        return iam.PolicyStatement(
            actions=["s3:PutObject"], resources=[self._results.arn_for_objects(f"{folder}/*")]
        )

    def _write_reason(self, *folders: str) -> dict[str, str]:
        bucket = self.get_logical_id(cast(s3.CfnBucket, self._results.node.default_child))
        return {
            f"AwsSolutions-IAM5[Resource::<{bucket}.Arn>/{folder}/*]": (
                "The keys contain the name of the job, which the caller chooses."
            )
            for folder in folders
        }

    def _machine(self, plan: Function, worker: Function, finish: Function) -> sfn.StateMachine:
        definition = batch_definition(
            BatchArns(
                plan=plan.resource.function_arn,
                worker=worker.resource.function_arn,
                finish=finish.resource.function_arn,
                bucket=self._results.bucket_name,
                partition=self.partition,
            ),
            concurrency=self._settings.batch_concurrency,
        )
        return sfn.StateMachine(
            self,
            "Jobs",
            # Named, because its role must name it too.
            state_machine_name=self._name,
            definition_body=sfn.DefinitionBody.from_string(self.to_json_string(definition)),
            role=self._role([plan, worker, finish]),
            tracing_enabled=True,
            logs=sfn.LogOptions(
                # AWS needs this prefix so as not to fill the log's resource policy.
                destination=log_group(
                    self,
                    "JobsLogs",
                    settings=self._settings,
                    name=f"/aws/vendedlogs/states/{self._name}",
                ),
                level=sfn.LogLevel.ALL,
                # The data has the keys of the photos.
                include_execution_data=False,
            ),
        )

    def _role(self, functions: Sequence[Function]) -> iam.IRole:
        """Make the role of the state machine; the CDK cannot add permissions to it."""
        plans, runs = (self._results.arn_for_objects(f"{folder}/*") for folder in (PLANS, RUNS))
        machine = self._arn("stateMachine", self._name)
        children = self._arn("execution", f"{self._name}/{LABEL}:*")
        allow = {
            "CallFunctions": (
                ["lambda:InvokeFunction"],
                [function.resource.function_arn for function in functions],
            ),
            "StartChildren": (["states:StartExecution"], [machine]),
            "ControlChildren": (
                ["states:DescribeExecution", "states:StopExecution", "states:RedriveExecution"],
                [children],
            ),
            "ReadPlans": (["s3:GetObject"], [plans]),
            "WriteRuns": (
                [
                    "s3:PutObject",
                    "s3:GetObject",
                    "s3:ListMultipartUploadParts",
                    "s3:AbortMultipartUpload",
                ],
                [runs],
            ),
            "DeliverLogs": (
                [
                    "logs:CreateLogDelivery",
                    "logs:GetLogDelivery",
                    "logs:UpdateLogDelivery",
                    "logs:DeleteLogDelivery",
                    "logs:ListLogDeliveries",
                    "logs:PutResourcePolicy",
                    "logs:DescribeResourcePolicies",
                    "logs:DescribeLogGroups",
                ],
                ["*"],
            ),
            "Trace": (
                [
                    "xray:PutTraceSegments",
                    "xray:PutTelemetryRecords",
                    "xray:GetSamplingRules",
                    "xray:GetSamplingTargets",
                ],
                ["*"],
            ),
        }
        role = iam.Role(
            self,
            "JobsRole",
            assumed_by=iam.ServicePrincipal("states.amazonaws.com"),
            description="Carlens, batch jobs: calls their functions, reads plans, writes runs.",
            inline_policies={
                name: iam.PolicyDocument(
                    statements=[iam.PolicyStatement(actions=actions, resources=resources)]
                )
                for name, (actions, resources) in allow.items()
            },
        )
        acknowledge(role, self._role_reasons())
        return role.without_policy_updates()

    def _role_reasons(self) -> dict[str, str]:
        bucket = self.get_logical_id(cast(s3.CfnBucket, self._results.node.default_child))
        account = self._settings.account or "<AWS::AccountId>"
        region = self._settings.region or "<AWS::Region>"
        children = f"arn:<AWS::Partition>:states:{region}:{account}:execution:{self._name}"
        return {
            "AwsSolutions-IAM5[Resource::*]": (
                "X-Ray and the delivery of logs do not support narrower resources."
            ),
            f"AwsSolutions-IAM5[Resource::{children}/{LABEL}:*]": (
                "Step Functions names the children of a map run."
            ),
            f"AwsSolutions-IAM5[Resource::<{bucket}.Arn>/{PLANS}/*]": (
                "The keys contain the name of the job, which the caller chooses."
            ),
            f"AwsSolutions-IAM5[Resource::<{bucket}.Arn>/{RUNS}/*]": (
                "Step Functions names the folder of a map run."
            ),
        }

    def _arn(self, kind: str, name: str) -> str:
        return Arn.format(
            ArnComponents(
                service="states",
                resource=kind,
                resource_name=name,
                arn_format=ArnFormat.COLON_RESOURCE_NAME,
            ),
            self,
        )
