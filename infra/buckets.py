"""Buckets that only their owner reaches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from aws_cdk import CfnResource, Duration, Stack
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra.logs import log_group, removal_policy
from infra.nag import acknowledge
from infra.settings import Settings


def private_bucket(
    scope: Construct,
    construct_id: str,
    *,
    settings: Settings,
    lifecycle_rules: Sequence[s3.LifecycleRule],
    access_logs: s3.IBucket | None = None,
    versioned: bool = False,
) -> s3.Bucket:
    """Make a bucket that is encrypted, reached over TLS only, and closed to the public.

    Parameters
    ----------
    scope, construct_id
        As for any construct.
    settings : Settings
        Settings of the stage.
    lifecycle_rules : sequence of LifecycleRule
    access_logs : IBucket or None
        The bucket for its access log, under the name of the construct in lower case.
    versioned : bool
        Whether to keep old versions of objects.
    """
    bucket = s3.Bucket(
        scope,
        construct_id,
        versioned=versioned,
        server_access_logs_bucket=access_logs,
        server_access_logs_prefix=f"{construct_id.lower()}/" if access_logs else None,
        lifecycle_rules=list(lifecycle_rules),
        # S3's own keys are enough: a customer-managed key costs a monthly fee and needs another
        # permission.
        encryption=s3.BucketEncryption.S3_MANAGED,
        enforce_ssl=True,
        minimum_tls_version=1.2,
        block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
        object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
        removal_policy=removal_policy(settings),
        auto_delete_objects=settings.removal == "destroy",
    )
    _log_emptying(Stack.of(scope), settings)
    return bucket


def _log_emptying(stack: Stack, settings: Settings) -> None:
    """Give the CDK's function that empties the buckets of a stack a log group of the stage.

    Otherwise Lambda makes one that is kept forever, also after the stack is deleted.
    """
    provider = stack.node.try_find_child("Custom::S3AutoDeleteObjectsCustomResourceProvider")
    if provider is None or stack.node.try_find_child("EmptyingLogs"):
        return
    function = cast(CfnResource, provider.node.find_child("Handler"))
    group = log_group(stack, "EmptyingLogs", settings=settings)
    function.add_property_override("LoggingConfig", {"LogGroup": group.log_group_name})


def access_log_bucket(scope: Construct, *, settings: Settings) -> s3.Bucket:
    """Make the bucket that holds the access logs of a stack's other buckets."""
    bucket = private_bucket(
        scope,
        "AccessLogs",
        settings=settings,
        lifecycle_rules=[s3.LifecycleRule(expiration=Duration.days(settings.log_retention))],
    )
    acknowledge(
        bucket,
        {"AwsSolutions-S1": "It holds the access log; logging access to it would never end."},
    )
    return bucket
