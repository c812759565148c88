"""Describe the models: `carlens models`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from carlens.cli.errors import WrongUsage
from carlens.config import NO_CLASSIFIER, Config
from carlens.http.serializers import model_json
from carlens.models.manifest import Manifest, ModelError
from carlens.models.repository import ModelRepository
from carlens.services.storage import is_s3, open_storage
from carlens.vision.detector import vehicle_classes

Json = Mapping[str, Any]

_HEADINGS = ("", "model", "version", "task", "classes", "license")


@dataclass(frozen=True)
class Listing:
    """Models, as `GET /models` describes them.

    Attributes
    ----------
    models : list
    used : set of str
        The names of those in use.
    classes : tuple of str
        What `--classes` of `carlens predict` accepts; empty if that is unknown.
    """

    models: list[Json]
    used: set[str]
    classes: tuple[str, ...]


def models_here() -> Listing:
    """Return the models on this computer.

    Raises
    ------
    WrongUsage
        A model in use cannot be read, or a setting in the environment is not allowed.
    """
    try:
        config = Config.from_env()
    except ValueError as error:
        raise WrongUsage(str(error)) from error
    required = {config.detector, config.classifier} - {NO_CLASSIFIER}
    names = set(required)
    if not is_s3(config.models):
        names |= {path.parent.name for path in Path(config.models).glob("*/model.json")}
    repository = ModelRepository(open_storage(config.models, read_timeout=10))
    found: dict[str, Manifest] = {}
    for name in sorted(names):
        try:
            found[name] = repository.manifest(name)
        except ModelError as error:
            if name in required:
                raise WrongUsage(f"{error}.") from error
    applies_to = config.applies_to or found.get(config.classifier, Manifest).applies_to
    classes = vehicle_classes(found[config.detector].labels, applies_to)
    used = required | {config.plates, config.faces}
    return Listing(list(map(model_json, found.values())), used, classes)


def models_there(url: str) -> Listing:
    """Return the models of an API, all of which are in use.

    Raises
    ------
    Stopped
        The API cannot be reached, or refuses the request.
    """
    from carlens.cli.remote_service import connected

    with connected(url) as client:
        found = client.models()
    listed = (found.detector, found.classifier, found.plates, found.faces)
    models = [asdict(one) for one in listed if one is not None]
    classes = found.predict.classes if found.predict else ()
    return Listing(list(models), {model["name"] for model in models}, classes)


def as_json(models: Iterable[Json]) -> str:
    """Return models as `GET /models` describes them."""
    return json.dumps(list(models), ensure_ascii=False, indent=2)


def as_table(listing: Listing) -> str:
    """Return a table of models, in which those in use have a star, and the classes."""
    rows = [_HEADINGS, *(_row(model, listing.used) for model in listing.models)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    if listing.classes:
        lines += ["", f"Classes of carlens predict: {', '.join(sorted(listing.classes))}"]
    return "\n".join(lines)


def _row(model: Json, used: set[str]) -> tuple[str, ...]:
    star = "*" if model["name"] in used else ""
    classes = f"{len(model['classes']):,}"
    license_name = model["license"].partition(". ")[0]
    return (star, model["name"], model["version"], model["task"], classes, license_name)
