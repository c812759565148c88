"""The stateful stack: the model bucket, and the models in it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from aws_cdk import CfnOutput, DefaultStackSynthesizer, Duration, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from aws_cdk import custom_resources as cr
from aws_cdk.aws_logs import LogGroup
from aws_cdk.aws_s3_assets import Asset
from constructs import Construct

from infra.logs import log_group, removal_policy
from infra.model_folder import Model
from infra.nag import acknowledge
from infra.roles import lambda_role
from infra.settings import Settings

# The bucket's folders: <MODELS>/<name>/<content hash>/<file>, and <TABLES>/<name>.csv, which
# belongs to the user: no deploy writes there.
MODELS = "models"
TABLES = "tables"


def bucket_export(settings: Settings) -> str:
    """Name the export that holds the bucket's name."""
    return f"carlens-{settings.stage}-model-bucket"


def grant_on_folder(settings: Settings, folder: str) -> str:
    """Name what cdk-nag finds in another stack's grant on all of a folder of the bucket."""
    objects = f"arn:<AWS::Partition>:s3:::{bucket_export(settings)}/{folder}/*"
    return f"AwsSolutions-IAM5[Resource::{objects}]"


class ModelBucket(Stack):
    """A bucket that holds each model under the hash of its content.

    A key is written once and never changes or goes, so that a version of the function always
    finds the models that it was deployed with, after a rollback too.

    Attributes
    ----------
    bucket : Bucket
    bucket_name : str
        The same to other stacks, under an export whose name is fixed.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Settings,
        models: Sequence[Model],
        **stack: Any,
    ) -> None:
        super().__init__(scope, construct_id, **stack)
        self._settings = settings
        self.bucket = self._bucket()
        self.bucket_name: str = self.export_value(
            self.bucket.bucket_name, name=bucket_export(settings)
        )
        self._place(models)
        CfnOutput(
            self,
            "ModelBucketName",
            value=self.bucket.bucket_name,
            description="Holds the models, and your tables.",
        )

    def _bucket(self) -> s3.Bucket:
        removal = removal_policy(self._settings)
        # Encrypted with S3's own keys: the models are no secret, and a key of one's own would
        # cost its rent and one more permission of the function.
        shared: dict[str, Any] = {
            "encryption": s3.BucketEncryption.S3_MANAGED,
            "enforce_ssl": True,
            "minimum_tls_version": 1.2,
            "block_public_access": s3.BlockPublicAccess.BLOCK_ALL,
            "object_ownership": s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            "removal_policy": removal,
            "auto_delete_objects": self._settings.removal == "destroy",
        }
        access_logs = s3.Bucket(
            self,
            "AccessLogs",
            lifecycle_rules=[
                s3.LifecycleRule(expiration=Duration.days(self._settings.log_retention))
            ],
            **shared,
        )
        acknowledge(
            access_logs,
            {"AwsSolutions-S1": "It holds the access log; one of its own would be endless."},
        )
        return s3.Bucket(
            self,
            "Models",
            versioned=True,
            server_access_logs_bucket=access_logs,
            server_access_logs_prefix="models/",
            lifecycle_rules=[
                s3.LifecycleRule(
                    noncurrent_version_expiration=Duration.days(90),
                    expired_object_delete_marker=True,
                    abort_incomplete_multipart_upload_after=Duration.days(7),
                )
            ],
            **shared,
        )

    def _place(self, models: Sequence[Model]) -> None:
        """Copy the models' files from the CDK's asset bucket, each once.

        S3 copies them itself, asked by the CDK's own SDK-call function, which may read assets
        and write models and no more. `BucketDeployment` would bring a 22 MB
        layer, roles with wildcards, and every model's bytes through its function; a function of
        our own, the protocol of custom resources to get right.
        """
        files = {
            f"{MODELS}/{model.name}/{model.content_hash}/{file.name}": Asset(
                self, f"{model.name}/{file.name}", path=str(file)
            )
            for model in models
            for file in model.files
        }
        logs = log_group(self, "PlacingLogs", settings=self._settings)
        role = self._placing_role(next(iter(files.values())).bucket, logs)
        for key, asset in files.items():
            copy = cr.AwsSdkCall(
                service="S3",
                action="copyObject",
                parameters={
                    "Bucket": self.bucket.bucket_name,
                    "Key": key,
                    "CopySource": f"{asset.s3_bucket_name}/{asset.s3_object_key}",
                    "ChecksumAlgorithm": "SHA256",
                },
                physical_resource_id=cr.PhysicalResourceId.of(key),
                output_paths=["CopyObjectResult.ETag"],
            )
            _, name, _, file_name = key.split("/")
            placed = cr.AwsCustomResource(
                self,
                f"Place/{name}/{file_name}",
                resource_type="Custom::ModelFile",
                on_update=copy,  # and on creation
                role=role,
                log_group=logs,
                install_latest_aws_sdk=False,
                service_timeout=Duration.minutes(5),
            )
            placed.node.add_dependency(role)

    def _placing_role(self, assets: s3.IBucket, logs: LogGroup) -> iam.IRole:
        """Give the role that copies the files, the same whatever the models are.

        With the keys of today's files it would change with each model, and be used at once,
        while IAM takes seconds to know of a change everywhere.
        """
        account = self._settings.account or "<AWS::AccountId>"
        region = self._settings.region or "<AWS::Region>"
        bootstrapped = f"{DefaultStackSynthesizer.DEFAULT_QUALIFIER}-assets-{account}-{region}"
        models = self.get_logical_id(cast(s3.CfnBucket, self.bucket.node.default_child))
        return lambda_role(
            self,
            "PlacingRole",
            description="Copies the models from the CDK's asset bucket to the model bucket.",
            own_log=logs,
            allow={
                "ReadAssets": iam.PolicyStatement(
                    actions=["s3:GetObject"], resources=[assets.arn_for_objects("*")]
                ),
                "WriteModels": iam.PolicyStatement(
                    actions=["s3:PutObject"], resources=[self.bucket.arn_for_objects(f"{MODELS}/*")]
                ),
            },
            nag_reasons={
                f"AwsSolutions-IAM5[Resource::arn:<AWS::Partition>:s3:::cdk-{bootstrapped}/*]": (
                    "All assets, so that the role stays as it is when a model changes."
                ),
                f"AwsSolutions-IAM5[Resource::<{models}.Arn>/{MODELS}/*]": (
                    "All models, for the same reason."
                ),
            },
        )
