"""The Lambda entry point of the second API: written makes and models."""

from __future__ import annotations

from typing import Any

from carlens.config import Config
from carlens.http.catalog_routes import respond
from carlens.services.catalog_app import CatalogApp

# At init and not at the first call, so that SnapStart's snapshot holds our usual table.
app = CatalogApp(Config.from_env())
app.warm_up()


def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Answer one API Gateway REST proxy event."""
    return respond(event, context, app)
