"""The image API: (method, path) -> operation."""

from __future__ import annotations

from typing import Any

from carlens.http import dispatch, operations
from carlens.services.image_app import App

ROUTES: dispatch.Routes[App] = {
    "/": {"GET": operations.page},
    "/health": {"GET": operations.health},
    "/models": {"GET": operations.models},
    "/object_detection": {"POST": operations.object_detection},
    "/openapi.json": {"GET": operations.contract},
    "/predict": {"POST": operations.predict},
    "/shape": {"POST": operations.shape},
    "/size": {"POST": operations.size},
}


def respond(event: object, context: Any, app: App) -> dict[str, Any]:
    """Answer a REST proxy event, whatever happens; see `dispatch.respond`."""
    return dispatch.respond(event, context, app, ROUTES)
