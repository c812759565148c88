"""The OpenAPI document, as `GET /openapi.json` gives it."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

_PACKAGE = Path(__file__).resolve().parents[1]


def contract_path() -> Path:
    """Give the place of the contract: in the installed package, or beside it in a checkout."""
    installed = _PACKAGE / "openapi.yaml"
    return installed if installed.is_file() else _PACKAGE.parent / "openapi.yaml"


@cache
def public_contract() -> dict[str, Any]:
    """Read the contract, without the extensions that only deployments use."""
    import yaml  # only this route pays for the import

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    text = contract_path().read_text("utf-8")
    document: dict[str, Any] = _public(yaml.load(text, loader))  # noqa: S506 - both loaders are safe
    return document


def _public(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            key: _public(member)
            for key, member in value.items()
            if not str(key).startswith(("x-amazon-", "x-carlens-"))
        }
    return [_public(member) for member in value] if isinstance(value, list) else value
