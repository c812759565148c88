"""The second API: (method, path) -> operation."""

from __future__ import annotations

from typing import Any

from carlens.http import catalog_operations, dispatch
from carlens.services.catalog_app import CatalogApp

ROUTES: dispatch.Routes[CatalogApp] = {
    "/clean": {"GET": catalog_operations.clean},
    "/norm": {"GET": catalog_operations.tables},
    "/norm/{table}": {"GET": catalog_operations.norm_one, "POST": catalog_operations.norm_many},
}


def respond(event: object, context: Any, app: CatalogApp) -> dict[str, Any]:
    """Answer a REST proxy event, whatever happens; see `dispatch.respond`."""
    return dispatch.respond(event, context, app, ROUTES)
