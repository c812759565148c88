"""The Lambda entry point."""

from __future__ import annotations

from typing import Any

from carlens.app import App
from carlens.config import Config
from carlens.routes import respond

# At init and not at the first call, so that SnapStart's snapshot holds the models.
app = App(Config.from_env())
app.warm_up()


def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Answer one API Gateway REST proxy event."""
    return respond(event, context, app)
