"""The Lambda entry point of the second API: written makes and models."""

from __future__ import annotations

from typing import Any

from carlens.config import Config
from carlens.naming.app import NamingApp
from carlens.naming.routes import respond

# At init and not at the first call, so that SnapStart's snapshot holds our usual table.
app = NamingApp(Config.from_env())
app.warm_up()


def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Answer one API Gateway REST proxy event."""
    return respond(event, context, app)
