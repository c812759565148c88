"""The recognition function: finds vehicles in pictures."""

from __future__ import annotations

from typing import Any

from aws_cdk import aws_iam as iam
from constructs import Construct

from infra.api_function import ApiFunction
from infra.function import FunctionProps, SharedProps
from infra.model_folder import ModelFiles
from infra.model_stack import MODELS, grant_on_folder
from infra.settings import Settings
from infra.upload_bucket import UploadBucket


class RecognitionFunction(ApiFunction):
    """The function behind the picture routes and the page."""

    def __init__(
        self,
        scope: Construct,
        *,
        shared: SharedProps,
        models: tuple[ModelFiles, ...],
        uploads: UploadBucket | None,
    ) -> None:
        settings, bucket = shared.settings, shared.bucket
        super().__init__(
            scope,
            "recognition",
            shared=shared,
            props=FunctionProps(
                description="Finds vehicles in pictures and recognizes their make and model.",
                handler="handler.lambda_handler",
                memory=settings.memory,
                environment={
                    **environment(settings, models, bucket.bucket_name),
                    **(uploads.environment if uploads else {}),
                },
                allow={
                    "ReadModels": iam.PolicyStatement(
                        actions=["s3:GetObject"], resources=[bucket.arn_for_objects(f"{MODELS}/*")]
                    ),
                    **(uploads.allow if uploads else {}),
                },
                nag_reasons={
                    grant_on_folder(settings, MODELS): (
                        "All models, including those of older versions, which a rollback needs."
                    ),
                    **(uploads.nag_reasons if uploads else {}),
                },
            ),
        )


def environment(settings: Settings, models: tuple[ModelFiles, ...], bucket: str) -> dict[str, str]:
    """Return the `CARLENS_*` variables that only this function reads.

    Parameters
    ----------
    settings : Settings
        Settings of the stage.
    models : tuple of ModelFiles
        Those of the stage. Their hashes are part of the function, so different models make a new
        version of it.
    bucket : str
        Name of the model bucket.
    """
    hashes = {f"CARLENS_{model.setting.upper()}_HASH": model.content_hash for model in models}
    optional: dict[str, Any] = {
        "CARLENS_ANONYMIZE": "yes" if settings.anonymize else None,
        "CARLENS_PLATES": settings.plates if settings.anonymize else None,
        "CARLENS_FACES": settings.faces if settings.anonymize else None,
        "CARLENS_APPLIES_TO": ",".join(settings.applies_to) or None,
        "CARLENS_URLS": None if settings.urls else "no",
        "CARLENS_ALLOWED_HOSTS": ",".join(settings.allowed_hosts) or None,
        "CARLENS_BATCH": "yes" if settings.batch else None,
        "CARLENS_CONFIDENCE": settings.confidence,
        "CARLENS_MIN_AREA": settings.min_area,
        "CARLENS_SLICES": settings.slices,
    }
    return {
        "CARLENS_MODELS": f"s3://{bucket}/{MODELS}",
        "CARLENS_DETECTOR": settings.detector,
        "CARLENS_CLASSIFIER": settings.classifier,
        "CARLENS_THREADS": str(settings.threads),
        "CARLENS_MAX_PICTURES": str(settings.max_pictures),
        **hashes,
        **{name: str(value) for name, value in optional.items() if value is not None},
    }
