"""The Lambda entry point."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from carlens.config import Config
from carlens.http.image_routes import respond
from carlens.images.process import configure_process
from carlens.services.image_app import App

# At init and not at the first call, so that SnapStart's snapshot holds the models.
configure_process()
app = App(Config.from_env())
app.warm_up()

with suppress(ImportError):  # only Lambda's runtime has it
    from snapshot_restore_py import register_before_snapshot

    # A copy without models must never become a snapshot: publishing it fails instead. Nothing is
    # made anew after a restore: S3 clients and request ids are made where they are used.
    register_before_snapshot(lambda: app.models().warm_up())


def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Answer one API Gateway REST proxy event."""
    return respond(event, context, app)
