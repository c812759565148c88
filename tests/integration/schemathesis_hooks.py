"""What Schemathesis leaves out, and what it must be told; it loads this in its own process."""

from __future__ import annotations

import importlib
from typing import Any

from hypothesis import strategies as st

# By name, since it is no dependency of the project.
schemathesis: Any = importlib.import_module("schemathesis")

_CELLS = st.text("aZ09é;,\t\"' .-\x00", max_size=12)
_LINES = st.lists(st.lists(_CELLS, min_size=1, max_size=3).map(",".join), max_size=6)
_FILES = _LINES.map("\n".join)

# It cannot make up CSV itself.
schemathesis.openapi.media_type(
    "text/csv",
    st.one_of(_FILES.map(str.encode), _FILES.map(lambda text: text.encode("latin-1"))),
    aliases=("text/tab-separated-values", "text/plain", "application/csv"),
)


@schemathesis.hook  # type: ignore[untyped-decorator]
def before_load_schema(context: Any, raw_schema: Any) -> None:
    """Take the examples of CSV away: where bodies are made up as above, it cannot send them."""
    for kind, content in raw_schema["components"]["requestBodies"]["Rows"]["content"].items():
        if kind != "application/json":
            content.pop("example", None)


@schemathesis.hook  # type: ignore[untyped-decorator]
def filter_case(context: Any, case: Any) -> bool:
    """Leave out what the contract cannot say.

    Forms that should be wrong, since hardly any is: in a form all is text, so nothing is of the
    wrong type, an empty list is none, and an empty address is passed over: a page sends one when
    its field is left empty. And queries with neither a make nor a model.
    """
    parts = {location.value: info for location, info in case.meta.components.items()}
    wrong: set[str] = {name for name, info in parts.items() if info.mode.is_negative}
    if "body" in wrong:
        return bool(case.media_type != "multipart/form-data")
    return bool(wrong) or not _asks_for_one(case.operation) or _says_one(case.query)


@schemathesis.hook  # type: ignore[untyped-decorator]
def map_query(context: Any, query: Any) -> Any:
    """Give a model where there is nothing, so that not too many are left out."""
    if not _asks_for_one(context.operation) or not isinstance(query, dict) or _says_one(query):
        return query
    return {**query, _names(query)[1]: "clioRT"}


def _asks_for_one(operation: Any) -> bool:
    return operation.method == "get" and operation.path in ("/norm/{table}", "/clean")


def _names(query: Any) -> tuple[str, str]:
    return ("marque", "modele") if {"make", "model"}.isdisjoint(query) else ("make", "model")


def _says_one(query: Any) -> bool:
    return any(str(query.get(name, "")).strip() for name in _names(query))
