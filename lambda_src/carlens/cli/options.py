"""Options that several commands have."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import Annotated

import typer

from carlens.cli.errors import Stopped, WrongUsage


class OperationName(StrEnum):
    """What is looked for."""

    predict = "predict"
    object_detection = "object_detection"


class JobOperation(StrEnum):
    """What a batch job does."""

    predict = "predict"
    object_detection = "object_detection"
    anonymize = "anonymize"


class SliceChoice(StrEnum):
    """How closely to look for small objects."""

    auto = "auto"
    one = "1"
    two = "2"
    three = "3"


Operation = Annotated[
    OperationName, typer.Option(help="Vehicles with their names, or objects of all classes.")
]
Confidence = Annotated[
    float | None, typer.Option(min=0, max=1, help="The least confidence of an object.")
]
Classes = Annotated[str | None, typer.Option(help="The classes to find, separated by commas.")]
TopK = Annotated[int | None, typer.Option(min=1, max=20, help="Names for each vehicle.")]
MaxObjects = Annotated[int | None, typer.Option(min=1, max=300, help="Objects for each photo.")]
Slices = Annotated[
    SliceChoice | None,
    typer.Option(help="Tiles per side, for small vehicles in large photos; auto: where it pays."),
]

Redact = Annotated[
    str | None,
    typer.Option(help="plates, faces, people, separated by commas; default: plates,faces."),
]
Style = Annotated[
    str | None, typer.Option(help="fill, pixelate or blur; only fill removes everything.")
]
Margin = Annotated[
    float | None, typer.Option(min=0, max=1, help="How far regions grow, as a share of them.")
]


def given(**options: float | str | None) -> dict[str, str]:
    """Return the options that have a value, as text."""
    return {name: str(value) for name, value in options.items() if value is not None}


@contextmanager
def errors_shown() -> Iterator[None]:
    """Turn the errors of the command into messages and exit statuses."""
    try:
        yield
    except WrongUsage as error:
        print(f"Error: {error}", file=sys.stderr)
        raise typer.Exit(2) from error
    except Stopped as error:
        print(f"Error: {error}", file=sys.stderr)
        raise typer.Exit(1) from error
