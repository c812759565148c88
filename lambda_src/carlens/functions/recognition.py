"""The Lambda function that finds and names vehicles in pictures."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from carlens.config import Config
from carlens.http.image_routes import respond
from carlens.images.process import configure_process
from carlens.services.recognition_app import RecognitionApp

configure_process()
# Loaded at init, not on the first request, so that the SnapStart snapshot contains the models.
app = RecognitionApp(Config.from_env())
app.warm_up()

with suppress(ImportError):  # only Lambda's runtime provides it
    from snapshot_restore_py import register_before_snapshot

    # If the models cannot be loaded, publishing the version fails instead of creating a broken
    # snapshot. No restore hook is needed: S3 clients and request ids are created when used.
    register_before_snapshot(lambda: app.models().warm_up())


def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Handle one API Gateway REST proxy event."""
    return respond(event, context, app)
