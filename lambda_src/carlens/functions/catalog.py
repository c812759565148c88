"""The Lambda function that matches written makes and models to the catalog."""

from __future__ import annotations

from typing import Any

from carlens.config import Config
from carlens.http.catalog_routes import respond
from carlens.services.catalog_app import CatalogApp

# Loaded at init, not on the first request, so that the SnapStart snapshot contains the table.
app = CatalogApp(Config.from_env())
app.warm_up()


def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Handle one API Gateway REST proxy event."""
    return respond(event, context, app)
