"""The commands and their options. What they do is imported when they run, so that help is quick."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from carlens import __version__
from carlens.cli.errors import Stopped, WrongUsage

if TYPE_CHECKING:
    from carlens.cli.predict import Job, OpenService

# At the same time, with an API.
_REQUESTS = 4

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Find the vehicles in photos and name their make and model.",
)


class _Operation(StrEnum):
    """What is looked for."""

    predict = "predict"
    object_detection = "object_detection"


_Workers = Annotated[
    int | None,
    typer.Option(min=1, max=64, help="Worker processes; the default is one for each core."),
]
_Api = Annotated[
    str | None,
    typer.Option(
        metavar="URL",
        envvar="CARLENS_API",
        help="The address of an API. Its key is read from CARLENS_API_KEY.",
    ),
]


@app.callback(invoke_without_command=True)
def carlens(
    version: Annotated[bool, typer.Option("--version", help="Show the version.")] = False,
) -> None:
    """Find the vehicles in photos and name their make and model."""
    if version:
        print(__version__)
        raise typer.Exit


@app.command()
def predict(
    inputs: Annotated[
        list[str],
        typer.Argument(
            metavar="FOLDER|FILE|GLOB...", help="Photos. A folder includes its subfolders."
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            help="The file to write: .jsonl, .csv or .json (COCO). A file of an interrupted run is "
            "continued. Without it, lines go to standard output."
        ),
    ] = None,
    api: _Api = None,
    local: Annotated[
        bool, typer.Option("--local", help="Recognize on this computer, without a server.")
    ] = False,
    operation: Annotated[
        _Operation, typer.Option(help="Vehicles with their names, or objects of all classes.")
    ] = _Operation.predict,
    confidence: Annotated[
        float | None, typer.Option(min=0, max=1, help="The least confidence of an object.")
    ] = None,
    classes: Annotated[
        str | None, typer.Option(help="The classes to find, separated by commas.")
    ] = None,
    top_k: Annotated[
        int | None, typer.Option(min=1, max=20, help="Names for each vehicle.")
    ] = None,
    max_objects: Annotated[
        int | None, typer.Option(min=1, max=300, help="Objects for each photo.")
    ] = None,
    slices: Annotated[
        int | None,
        typer.Option(min=1, max=3, help="Tiles per side, for small vehicles in large photos."),
    ] = None,
    annotate: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Where to write photos with boxes and names."),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=64,
            help="Worker processes, by default one for each core; or with --api requests at the "
            "same time, by default 4.",
        ),
    ] = None,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Try again the photos that failed before.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show only errors.")] = False,
) -> None:
    """Recognize photos, and write one line for each.

    Exit status: 0; 1 if photos failed; 2 for wrong usage.
    """
    with _errors():
        from carlens.cli.predict import Job, predict
        from carlens.cli.task import Task

        options = {
            "confidence": confidence,
            "classes": classes,
            "top_k": top_k,
            "max_objects": max_objects,
            "slices": slices,
        }
        given = {name: str(value) for name, value in options.items() if value is not None}
        job = Job(
            inputs=tuple(inputs),
            task=Task(operation.value, given),
            out=out,
            annotate=annotate,
            retry_failed=retry_failed,
            quiet=quiet,
        )
        status = predict(job, _service(job, api, workers, local=local))
    raise typer.Exit(status)


@app.command()
def names(
    file: Annotated[
        Path, typer.Argument(metavar="FILE.csv", help="A file with makes and models.", exists=True)
    ],
    out: Annotated[
        Path | None, typer.Option(help="The file to write; without it, standard output.")
    ] = None,
    api: _Api = None,
    table: Annotated[str, typer.Option(help="The catalog table to match to.")] = "europe",
    top_k: Annotated[int, typer.Option(min=1, max=20, help="Matches for each row.")] = 1,
) -> None:
    """Match the makes and models of a CSV file to the catalog."""
    with _errors():
        from carlens.cli.names import match_file, match_here, match_there

        match = match_there(api, table, top_k) if api else match_here(table, top_k)
        match_file(file, out, top_k, match)


@app.command()
def models(
    api: _Api = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print everything, as JSON.")] = False,
) -> None:
    """List the models of an API or of this computer; a star marks those in use."""
    with _errors():
        from carlens.cli import models

        found, used = models.models_there(api) if api else models.models_here()
        print(models.as_json(found) if as_json else models.as_table(found, used))


@app.command()
def serve(
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 picks a free port.")] = 8000,
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    workers: _Workers = None,
) -> None:
    """Serve the API and its page on this computer."""
    from carlens.local.__main__ import main

    count = [] if workers is None else ["--workers", str(workers)]
    main(["--port", str(port), "--host", host, *count])


def _service(job: Job, api: str | None, workers: int | None, *, local: bool) -> OpenService:
    if local:  # even if CARLENS_API is set
        from carlens.cli.local_service import local_service

        return local_service(job, workers)
    if api is None:
        raise WrongUsage("Name the address of an API, --api URL, or use this computer, --local.")
    from carlens.cli.remote_service import remote_service

    return remote_service(job, api, workers or _REQUESTS)


@contextmanager
def _errors() -> Iterator[None]:
    """Turn the errors of the command into messages and exit statuses."""
    try:
        yield
    except WrongUsage as error:
        print(f"Error: {error}", file=sys.stderr)
        raise typer.Exit(2) from error
    except Stopped as error:
        print(f"Error: {error}", file=sys.stderr)
        raise typer.Exit(1) from error
