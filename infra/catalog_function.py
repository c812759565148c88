"""The function that finds the reference make and model of written ones."""

from __future__ import annotations

from typing import Any

from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra.api_function import ApiFunction
from infra.model_bucket import TABLES, grant_on_folder
from infra.settings import Settings


class CatalogFunction(ApiFunction):
    """The function of the routes that read words; it knows of no picture and no model."""

    def __init__(
        self, scope: Construct, *, settings: Settings, bucket: s3.IBucket, **shared: Any
    ) -> None:
        super().__init__(
            scope,
            "catalog",
            description="Finds the reference make and model of written ones.",
            settings=settings,
            handler="catalog_handler.lambda_handler",
            memory=settings.catalog_memory,
            environment=_tables_at(bucket) if settings.tables else {},
            allow=_read_tables(bucket) if settings.tables else {},
            nag_reasons={
                grant_on_folder(settings, TABLES): (
                    "All tables: their owner adds to them without a deploy."
                )
            },
            **shared,
        )


def _tables_at(bucket: s3.IBucket) -> dict[str, str]:
    return {"CARLENS_TABLES": f"s3://{bucket.bucket_name}/{TABLES}"}


def _read_tables(bucket: s3.IBucket) -> dict[str, iam.PolicyStatement]:
    return {
        "ReadTables": iam.PolicyStatement(
            actions=["s3:GetObject"], resources=[bucket.arn_for_objects(f"{TABLES}/*")]
        ),
        # Without it S3 says of a table that is not there that it may not be read.
        "ListTables": iam.PolicyStatement(
            actions=["s3:ListBucket"],
            resources=[bucket.bucket_arn],
            conditions={"StringLike": {"s3:prefix": f"{TABLES}/*"}},
        ),
    }
