"""The stateful stack: the model bucket and the models in it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from aws_cdk import CfnOutput, Duration, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from aws_cdk import custom_resources as cr
from aws_cdk.aws_logs import LogGroup
from aws_cdk.aws_s3_assets import Asset
from constructs import Construct

from infra.buckets import access_log_bucket, private_bucket
from infra.logs import log_group
from infra.model_folder import ModelFiles
from infra.roles import lambda_role
from infra.settings import Settings

# The folders of the bucket: <MODELS>/<name>/<content hash>/<file>, and <TABLES>/<name>.csv. Tables
# belong to the user: no deployment writes them.
MODELS = "models"
TABLES = "tables"


def bucket_export(settings: Settings) -> str:
    """Return the name of the export that holds the name of the bucket."""
    return f"carlens-{settings.stage}-model-bucket"


def grant_on_folder(settings: Settings, folder: str) -> str:
    """Return the finding of cdk-nag when another stack may read all objects of a folder."""
    objects = f"arn:<AWS::Partition>:s3:::{bucket_export(settings)}/{folder}/*"
    return f"AwsSolutions-IAM5[Resource::{objects}]"


class ModelStack(Stack):
    """The bucket that holds each model under the hash of its content.

    Models are never changed or deleted, so a version of a function always finds the models that it
    was deployed with, also after a rollback.

    Attributes
    ----------
    bucket : Bucket
        The model bucket.
    bucket_name : str
        Its name for other stacks, through an export with a fixed name.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Settings,
        models: Sequence[ModelFiles],
        **stack: Any,
    ) -> None:
        super().__init__(scope, construct_id, **stack)
        self._settings = settings
        self.bucket = self._bucket()
        self.bucket_name: str = self.export_value(
            self.bucket.bucket_name, name=bucket_export(settings)
        )
        self._copy_models(models)
        CfnOutput(
            self,
            "ModelBucketName",
            value=self.bucket.bucket_name,
            description="Name of the bucket with the models and your tables.",
        )

    def _bucket(self) -> s3.Bucket:
        return private_bucket(
            self,
            "Models",
            settings=self._settings,
            versioned=True,
            access_logs=access_log_bucket(self, settings=self._settings),
            lifecycle_rules=[
                s3.LifecycleRule(
                    noncurrent_version_expiration=Duration.days(90),
                    expired_object_delete_marker=True,
                    abort_incomplete_multipart_upload_after=Duration.days(7),
                )
            ],
        )

    def _copy_models(self, models: Sequence[ModelFiles]) -> None:
        """Copy the files of the models from the CDK's asset bucket.

        S3 copies them, called by the CDK's function for SDK calls, which may only read assets and
        write models. `BucketDeployment` would add a layer of 22 MB and roles with wildcards, and
        download every file; a function of our own would have to implement custom resources.
        """
        files = {
            f"{MODELS}/{model.name}/{model.content_hash}/{file.name}": Asset(
                self, f"{model.name}/{file.name}", path=str(file)
            )
            for model in models
            for file in model.files
        }
        logs = log_group(self, "PlacingLogs", settings=self._settings)
        role = self._copy_role(next(iter(files.values())).bucket, logs)
        for key, asset in files.items():
            call = cr.AwsSdkCall(
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
            copy = cr.AwsCustomResource(
                self,
                f"Place/{name}/{file_name}",
                resource_type="Custom::ModelFile",
                on_update=call,  # also on creation
                role=role,
                log_group=logs,
                install_latest_aws_sdk=False,
                service_timeout=Duration.minutes(5),
            )
            copy.node.add_dependency(role)

    def _copy_role(self, assets: s3.IBucket, logs: LogGroup) -> iam.IRole:
        """Make the role that copies the files; it does not depend on the models.

        A role limited to the current files would change with each model and be used at once, while
        IAM takes seconds to apply a change everywhere.
        """
        account = self._settings.account or "<AWS::AccountId>"
        region = self._settings.region or "<AWS::Region>"
        bootstrapped = f"{self.synthesizer.bootstrap_qualifier}-assets-{account}-{region}"
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
                **self._decrypt_assets(),
                "WriteModels": iam.PolicyStatement(
                    actions=["s3:PutObject"], resources=[self.bucket.arn_for_objects(f"{MODELS}/*")]
                ),
            },
            nag_reasons={
                f"AwsSolutions-IAM5[Resource::arn:<AWS::Partition>:s3:::cdk-{bootstrapped}/*]": (
                    "All assets, so that the role does not change with the models."
                ),
                f"AwsSolutions-IAM5[Resource::<{models}.Arn>/{MODELS}/*]": (
                    "All models, for the same reason."
                ),
            },
        )

    def _decrypt_assets(self) -> dict[str, iam.PolicyStatement]:
        key = self._settings.asset_key
        if key is None:
            return {}
        return {
            "DecryptAssets": iam.PolicyStatement(
                actions=["kms:Decrypt"],
                resources=[key],
                conditions={
                    "StringEquals": {"kms:ViaService": f"s3.{self.region}.{self.url_suffix}"}
                },
            )
        }
