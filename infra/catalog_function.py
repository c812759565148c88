"""The catalog function: matches written makes and models to reference names."""

from __future__ import annotations

from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra.api_function import ApiFunction
from infra.function import FunctionProps, SharedProps
from infra.model_stack import TABLES, grant_on_folder


class CatalogFunction(ApiFunction):
    """The function behind the catalog routes; it uses neither pictures nor models."""

    def __init__(self, scope: Construct, *, shared: SharedProps) -> None:
        settings, bucket = shared.settings, shared.bucket
        super().__init__(
            scope,
            "catalog",
            shared=shared,
            props=FunctionProps(
                description="Matches written makes and models to reference names.",
                handler="catalog_handler.lambda_handler",
                memory=settings.catalog_memory,
                environment=_tables_location(bucket) if settings.tables else {},
                allow=_read_tables(bucket) if settings.tables else {},
                nag_reasons={
                    grant_on_folder(settings, TABLES): (
                        "All tables: their owner adds tables without a deployment."
                    )
                },
            ),
        )


def _tables_location(bucket: s3.IBucket) -> dict[str, str]:
    return {"CARLENS_TABLES": f"s3://{bucket.bucket_name}/{TABLES}"}


def _read_tables(bucket: s3.IBucket) -> dict[str, iam.PolicyStatement]:
    return {
        "ReadTables": iam.PolicyStatement(
            actions=["s3:GetObject"], resources=[bucket.arn_for_objects(f"{TABLES}/*")]
        ),
        # Without it S3 answers a request for a missing table with 403 in place of 404.
        "ListTables": iam.PolicyStatement(
            actions=["s3:ListBucket"],
            resources=[bucket.bucket_arn],
            conditions={"StringLike": {"s3:prefix": f"{TABLES}/*"}},
        ),
    }
