"""The bucket for uploaded pictures."""

from __future__ import annotations

from typing import cast

from aws_cdk import Duration, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra.buckets import private_bucket
from infra.nag import acknowledge
from infra.settings import Settings

# The keys that lambda_src/carlens/inputs/upload_keys.py makes start with one of these.
UPLOADS = "uploads"
REDACTED = "redacted"


class UploadBucket(Construct):
    """A bucket for uploads and for redacted pictures that do not fit into a response.

    Clients write to it with presigned forms, and fetch redacted pictures with presigned URLs; only
    the recognition function has access of its own.

    It belongs to the stack of the API, because nothing in it is older than a day or two.

    Attributes
    ----------
    environment : dict
        The variables of the function that gives out forms and reads pictures.
    allow : dict
        The permissions of that function: a form has those of the role that signs it.
    nag_reasons : dict
        Reasons for what cdk-nag finds in `allow`.
    """

    def __init__(self, scope: Construct, construct_id: str, *, settings: Settings) -> None:
        super().__init__(scope, construct_id)
        bucket = self._bucket(settings)
        logical_id = Stack.of(self).get_logical_id(cast(s3.CfnBucket, bucket.node.default_child))
        self.environment = {
            "CARLENS_UPLOADS": f"s3://{bucket.bucket_name}",
            "CARLENS_UPLOADS_URL": f"https://{bucket.bucket_regional_domain_name}/",
        }
        # Redacted pictures that do not fit into a response are written, and fetched by presigned
        # URLs, which have the permissions of the role that signs them.
        prefixes = {"Uploads": UPLOADS, **({"Redacted": REDACTED} if settings.anonymize else {})}
        self.allow = {
            name: iam.PolicyStatement(
                actions=["s3:GetObject", "s3:PutObject"],
                resources=[bucket.arn_for_objects(f"{prefix}/*")],
            )
            for name, prefix in prefixes.items()
        }
        self.nag_reasons = {
            f"AwsSolutions-IAM5[Resource::<{logical_id}.Arn>/{prefix}/*]": (
                "All of them: their keys are random, and none is known at deployment."
            )
            for prefix in prefixes.values()
        }

    def _bucket(self, settings: Settings) -> s3.Bucket:
        day = Duration.days(1)
        bucket = private_bucket(
            self,
            "Bucket",
            settings=settings,
            lifecycle_rules=[
                s3.LifecycleRule(expiration=day, abort_incomplete_multipart_upload_after=day)
            ],
        )
        bucket.add_cors_rule(
            allowed_methods=[
                s3.HttpMethods.POST,
                *([s3.HttpMethods.GET] if settings.anonymize else []),
            ],
            allowed_origins=list(settings.cors_origins),
            allowed_headers=["Content-Type"],
            max_age=600,
        )
        acknowledge(
            bucket,
            {
                "AwsSolutions-S1": (
                    "An access log would contain the keys, which are capabilities; the log of the "
                    "API has the requests."
                )
            },
        )
        return bucket
