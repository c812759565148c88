"""The function that sees vehicles in photos."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra.api_function import ApiFunction
from infra.model_bucket import MODELS, grant_on_folder
from infra.model_folder import Model
from infra.settings import Settings


class RecognitionFunction(ApiFunction):
    """The function of the routes that read pictures, and of the page."""

    def __init__(
        self,
        scope: Construct,
        *,
        settings: Settings,
        models: tuple[Model, Model],
        bucket: s3.IBucket,
        **shared: Any,
    ) -> None:
        super().__init__(
            scope,
            "recognition",
            description="Sees the vehicles in photos.",
            settings=settings,
            handler="handler.lambda_handler",
            memory=settings.memory,
            environment=environment(settings, models, bucket.bucket_name),
            allow={
                "ReadModels": iam.PolicyStatement(
                    actions=["s3:GetObject"], resources=[bucket.arn_for_objects(f"{MODELS}/*")]
                )
            },
            nag_reasons={
                grant_on_folder(settings, MODELS): (
                    "All models, also those of older versions: the alias may go back to them."
                )
            },
            **shared,
        )


def environment(settings: Settings, models: tuple[Model, Model], bucket: str) -> Mapping[str, str]:
    """Give the `CARLENS_*` variables that only this function reads.

    Parameters
    ----------
    models : tuple of Model
        The detector and the classifier. Their hashes are part of the function, so other models
        make another version of it.
    bucket : str
        Name of the model bucket.
    """
    detector, classifier = models
    optional: dict[str, Any] = {
        "CARLENS_ALLOWED_HOSTS": ",".join(settings.allowed_hosts) or None,
        "CARLENS_CONFIDENCE": settings.confidence,
        "CARLENS_MIN_AREA": settings.min_area,
        "CARLENS_SLICES": settings.slices,
    }
    return {
        "CARLENS_MODELS": f"s3://{bucket}/{MODELS}",
        "CARLENS_DETECTOR": detector.name,
        "CARLENS_DETECTOR_HASH": detector.content_hash,
        "CARLENS_CLASSIFIER": classifier.name,
        "CARLENS_CLASSIFIER_HASH": classifier.content_hash,
        "CARLENS_THREADS": str(settings.threads),
        "CARLENS_MAX_PICTURES": str(settings.max_pictures),
        **{name: str(value) for name, value in optional.items() if value is not None},
    }
