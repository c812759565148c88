"""Hooks for Schemathesis, which loads this module in its own process."""

from __future__ import annotations

import importlib
from typing import Any

from hypothesis import strategies as st

# Imported by name because it is not installed where mypy runs.
schemathesis: Any = importlib.import_module("schemathesis")

_CELLS = st.text("aZ09é;,\t\"' .-\x00", max_size=12)
_LINES = st.lists(st.lists(_CELLS, min_size=1, max_size=3).map(",".join), max_size=6)
_FILES = _LINES.map("\n".join)

# Schemathesis cannot generate CSV itself.
schemathesis.openapi.media_type(
    "text/csv",
    st.one_of(_FILES.map(str.encode), _FILES.map(lambda text: text.encode("latin-1"))),
    aliases=(
        *("text/tab-separated-values", "text/plain", "text/comma-separated-values", "text/x-csv"),
        *("application/csv", "application/x-csv", "application/vnd.ms-excel"),
    ),
)


@schemathesis.hook  # type: ignore[untyped-decorator]
def before_load_schema(context: Any, raw_schema: Any) -> None:
    """Remove the CSV examples: Schemathesis cannot send them together with generated bodies."""
    for kind, content in raw_schema["components"]["requestBodies"]["Rows"]["content"].items():
        if kind != "application/json":
            content.pop("example", None)


@schemathesis.hook  # type: ignore[untyped-decorator]
def filter_case(context: Any, case: Any) -> bool:
    """Skip cases whose validity the contract cannot express.

    These are negative tests of forms: every form field is text, so it never has the wrong type,
    and empty lists and empty URLs are ignored, because pages send them for empty inputs. Queries
    with neither a make nor a model are skipped too.
    """
    parts = {location.value: info for location, info in case.meta.components.items()}
    wrong: set[str] = {name for name, info in parts.items() if info.mode.is_negative}
    if "body" in wrong:
        return bool(case.media_type != "multipart/form-data")
    return bool(wrong) or not _is_name_lookup(case.operation) or _has_name(case.query)


@schemathesis.hook  # type: ignore[untyped-decorator]
def map_query(context: Any, query: Any) -> Any:
    """Add a model to queries without a name, so that fewer cases are skipped."""
    if not _is_name_lookup(context.operation) or not isinstance(query, dict) or _has_name(query):
        return query
    return {**query, _names(query)[1]: "clioRT"}


def _is_name_lookup(operation: Any) -> bool:
    return operation.method == "get" and operation.path in ("/norm/{table}", "/clean")


def _names(query: Any) -> tuple[str, str]:
    return ("marque", "modele") if {"make", "model"}.isdisjoint(query) else ("make", "model")


def _has_name(query: Any) -> bool:
    return any(str(query.get(name, "")).strip() for name in _names(query))
