"""The second API: (method, path) -> operation."""

from __future__ import annotations

from typing import Any

from carlens import answering
from carlens.naming import operations
from carlens.naming.app import NamingApp

ROUTES: answering.Routes[NamingApp] = {
    "/clean": {"GET": operations.clean},
    "/norm": {"GET": operations.tables},
    "/norm/{table}": {"GET": operations.norm_one, "POST": operations.norm_many},
}


def respond(event: object, context: Any, app: NamingApp) -> dict[str, Any]:
    """Answer a REST proxy event, whatever happens; see `answering.respond`."""
    return answering.respond(event, context, app, ROUTES)
