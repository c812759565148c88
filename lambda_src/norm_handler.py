"""The Lambda entry point of the second API: written makes and models."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import Any

from carlens.config import Config
from carlens.errors import CarlensError
from carlens.naming.answering import respond
from carlens.naming.operations import NamingApi
from carlens.naming.tables import FolderTables, source_of

config = Config.from_env()
# A user's own tables come first, and may replace ours.
own = os.environ.get("CARLENS_TABLES")
api = NamingApi([*([source_of(own)] if own else []), FolderTables()])
with suppress(CarlensError):  # a table of the user's by this name may be wrong: the call says so
    api.matcher("europe")


def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Answer one API Gateway REST proxy event."""
    return respond(event, context, api.routes, config.cors_origins)
