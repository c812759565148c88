"""Describe the models: `carlens models`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from carlens.cli.errors import WrongUsage
from carlens.config import Config
from carlens.http.serializers import model_json
from carlens.models.manifest import ModelError
from carlens.models.repository import ModelRepository
from carlens.services.storage import is_s3, open_storage

Json = Mapping[str, Any]

_HEADINGS = ("", "model", "version", "task", "classes", "license")


def models_here() -> tuple[list[Json], set[str]]:
    """Return the models on this computer, and the names of those in use.

    Raises
    ------
    WrongUsage
        A model in use cannot be read, or a setting in the environment is not allowed.
    """
    try:
        config = Config.from_env()
    except ValueError as error:
        raise WrongUsage(str(error)) from error
    used = {config.detector, config.classifier} - {"none"}
    names = set(used)
    if not is_s3(config.models):
        names |= {path.parent.name for path in Path(config.models).glob("*/model.json")}
    repository = ModelRepository(open_storage(config.models, read_timeout=10))
    found: list[Json] = []
    for name in sorted(names):
        try:
            found.append(model_json(repository.manifest(name)))
        except ModelError as error:
            if name in used:
                raise WrongUsage(f"{error}.") from error
    return found, used


def models_there(url: str) -> tuple[list[Json], set[str]]:
    """Return the models of an API, all of which are in use.

    Raises
    ------
    Stopped
        The API cannot be reached, or refuses the request.
    """
    from carlens.cli.remote_service import connected

    with connected(url) as client:
        found = client.models()
    models = [asdict(one) for one in (found.detector, found.classifier) if one is not None]
    return list(models), {model["name"] for model in models}


def as_json(models: Iterable[Json]) -> str:
    """Return models as `GET /models` describes them."""
    return json.dumps(list(models), ensure_ascii=False, indent=2)


def as_table(models: Iterable[Json], used: set[str]) -> str:
    """Return a table of models, in which those in use have a star."""
    rows = [_HEADINGS, *(_row(model, used) for model in models)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )


def _row(model: Json, used: set[str]) -> tuple[str, ...]:
    star = "*" if model["name"] in used else ""
    classes = f"{len(model['classes']):,}"
    license_name = model["license"].partition(". ")[0]
    return (star, model["name"], model["version"], model["task"], classes, license_name)
