"""The OpenAPI contract: where its file is, and the document that clients get."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

_PACKAGE = Path(__file__).resolve().parents[1]


def contract_path(package: Path = _PACKAGE) -> Path:
    """Return the path of `openapi.yaml`.

    An installed wheel has it inside the package; a checkout and Lambda have it next to the package.
    """
    inside = package / "openapi.yaml"
    return inside if inside.is_file() else package.parent / "openapi.yaml"


@cache
def public_contract() -> dict[str, Any]:
    """Return the contract without the extensions that only deployments read."""
    import yaml  # only `GET /openapi.json` pays for this import

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    text = contract_path().read_text("utf-8")
    document: dict[str, Any] = _without_extensions(yaml.load(text, loader))  # noqa: S506 - both loaders are safe
    return document


def _without_extensions(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            key: _without_extensions(member)
            for key, member in value.items()
            if not str(key).startswith(("x-amazon-", "x-carlens-"))
        }
    return [_without_extensions(member) for member in value] if isinstance(value, list) else value
