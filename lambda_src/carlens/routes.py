"""The image API: (method, path) -> operation."""

from __future__ import annotations

from typing import Any

from carlens import answering, operations
from carlens.app import App

ROUTES: answering.Routes[App] = {
    "/": {"GET": operations.page},
    "/assets/{version}/{name}": {"GET": operations.asset},
    "/health": {"GET": operations.health},
    "/models": {"GET": operations.models},
    "/object_detection": {"POST": operations.object_detection},
    "/openapi.json": {"GET": operations.contract},
    "/predict": {"POST": operations.predict},
    "/shape": {"POST": operations.shape},
    "/size": {"POST": operations.size},
}


def respond(event: object, context: Any, app: App) -> dict[str, Any]:
    """Answer a REST proxy event, whatever happens; see `answering.respond`."""
    return answering.respond(event, context, app, ROUTES)
