"""The commands and their options. What they do is imported when they run, so that help is quick."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from carlens import __version__
from carlens.cli import options
from carlens.cli.batch_app import batch_app
from carlens.cli.errors import WrongUsage

if TYPE_CHECKING:
    from carlens.cli.predict import Job, OpenService

# At the same time, with an API.
_REQUESTS = 4

_NO_SERVICE = "Name the address of an API, --api URL, or use this computer, --local."

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Find the vehicles in photos and name their make and model.",
)


_Workers = Annotated[
    int | None,
    typer.Option(min=1, max=64, help="Worker processes; the default is one for each core."),
]
_Photos = Annotated[
    list[str],
    typer.Argument(
        metavar="FOLDER|FILE|GLOB|s3://BUCKET/PREFIX...",
        help="Photos. A folder includes its subfolders; a prefix is how keys start.",
    ),
]
_Api = Annotated[
    str | None,
    typer.Option(
        metavar="URL",
        envvar="CARLENS_API",
        help="The address of an API. CARLENS_API_KEY holds its key, or CARLENS_TOKEN a token.",
    ),
]

app.add_typer(batch_app, name="batch")


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
    inputs: _Photos,
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
    operation: options.Operation = options.OperationName.predict,
    confidence: options.Confidence = None,
    classes: options.Classes = None,
    top_k: options.TopK = None,
    max_objects: options.MaxObjects = None,
    slices: options.Slices = None,
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
    with options.errors_shown():
        from carlens.cli.predict import Job, predict
        from carlens.cli.task import Task

        given = options.given(
            confidence=confidence,
            classes=classes,
            top_k=top_k,
            max_objects=max_objects,
            slices=slices,
        )
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
def anonymize(
    inputs: _Photos,
    out: Annotated[
        Path,
        typer.Option(
            metavar="FOLDER",
            help="Where to write the redacted photos. Those that are there already are left out, "
            "so that the same command continues.",
        ),
    ],
    api: _Api = None,
    local: Annotated[
        bool, typer.Option("--local", help="Redact on this computer, without a server.")
    ] = False,
    redact: options.Redact = None,
    style: options.Style = None,
    margin: options.Margin = None,
    confidence: options.Confidence = None,
    output: Annotated[str, typer.Option(help="The format: jpeg, png, webp or same.")] = "same",
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show only errors.")] = False,
) -> None:
    """Redact plates, faces and people in photos.

    Photos that fail are not written. Exit status: 0; 1 if photos failed; 2 for wrong usage.
    """
    with options.errors_shown():
        from carlens.cli.anonymize import anonymize_folder, anonymize_here, anonymize_there

        given = options.given(
            redact=redact, style=style, margin=margin, confidence=confidence, output=output
        )
        if local:  # even if CARLENS_API is set
            run = anonymize_here(given)
        elif api is None:
            raise WrongUsage(_NO_SERVICE)
        else:
            run = anonymize_there(api, given, _REQUESTS)
        status = anonymize_folder(inputs, out, run, given, quiet=quiet)
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
    with options.errors_shown():
        from carlens.cli.names import match_file, match_here, match_there

        match = match_there(api, table, top_k) if api else match_here(table, top_k)
        match_file(file, out, top_k, match)


@app.command()
def models(
    api: _Api = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print everything, as JSON.")] = False,
) -> None:
    """List the models of an API or of this computer; a star marks those in use."""
    with options.errors_shown():
        from carlens.cli import models

        found = models.models_there(api) if api else models.models_here()
        print(models.as_json(found.models) if as_json else models.as_table(found))


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
        raise WrongUsage(_NO_SERVICE)
    from carlens.cli.remote_service import remote_service

    return remote_service(job, api, workers or _REQUESTS)
