"""The commands of `carlens batch`."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from carlens.cli import options
from carlens.cli.task import Task

if TYPE_CHECKING:
    from carlens.cli.batch import Status

# Seconds between two looks at a job.
_INTERVAL = 5.0

batch_app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Recognize or redact the photos of an S3 bucket on AWS; see docs/batch.md.",
)

_Job = Annotated[str, typer.Argument(metavar="JOB", help="The name of the job.")]
_Stage = Annotated[str, typer.Option(envvar="CARLENS_STAGE", help="The stage of the deployment.")]

_Operation = Annotated[
    options.JobOperation,
    typer.Option(
        help="Vehicles with their names, objects of all classes, or redacted photos. Options of "
        "the other operations are refused."
    ),
]
_Output = Annotated[
    str | None, typer.Option(help="The format of redacted photos: jpeg, png, webp or same.")
]


@batch_app.command()
def start(
    address: Annotated[str, typer.Argument(metavar="s3://BUCKET/PREFIX")],
    stage: _Stage = "dev",
    name: Annotated[str | None, typer.Option(help="The name of the job.")] = None,
    size: Annotated[int, typer.Option(min=1, max=1000, help="Photos in a part.")] = 100,
    operation: _Operation = options.JobOperation.predict,
    confidence: options.Confidence = None,
    classes: options.Classes = None,
    top_k: options.TopK = None,
    max_objects: options.MaxObjects = None,
    slices: options.Slices = None,
    redact: options.Redact = None,
    style: options.Style = None,
    margin: options.Margin = None,
    output: _Output = None,
) -> None:
    """Start a job and print its name."""
    with options.errors_shown():
        from carlens.cli.batch import jobs_of

        given = options.given(
            confidence=confidence,
            classes=classes,
            top_k=top_k,
            max_objects=max_objects,
            slices=slices,
            redact=redact,
            style=style,
            margin=margin,
            output=output,
        )
        with jobs_of(stage) as jobs:
            print(jobs.start(address, Task(operation.value, given), size, name))


@batch_app.command()
def status(job: _Job, stage: _Stage = "dev") -> None:
    """Show how far a job is. Exit status 1 if it failed."""
    with options.errors_shown():
        from carlens.cli.batch import jobs_of

        with jobs_of(stage) as jobs:
            found = jobs.status(job)
        print(found.describe())
    raise typer.Exit(_exit_status(found))


@batch_app.command()
def watch(job: _Job, stage: _Stage = "dev") -> None:
    """Show how far a job is, until it ends. Exit status 1 if it failed."""
    with options.errors_shown():
        from carlens.cli.batch import jobs_of

        with jobs_of(stage) as jobs:
            shown = ""
            while True:
                found = jobs.status(job)
                if found.describe() != shown:
                    shown = found.describe()
                    print(shown, flush=True)
                if found.is_over:
                    break
                time.sleep(_INTERVAL)
    raise typer.Exit(_exit_status(found))


@batch_app.command()
def cancel(job: _Job, stage: _Stage = "dev") -> None:
    """Stop a job; the results that are written stay."""
    with options.errors_shown():
        from carlens.cli.batch import jobs_of

        with jobs_of(stage) as jobs:
            jobs.cancel(job)


@batch_app.command()
def results(
    job: _Job,
    out: Annotated[Path, typer.Option(help="The file to write: .jsonl, .csv or .json (COCO).")],
    stage: _Stage = "dev",
) -> None:
    """Download the results of a job. Exit status 1 if photos failed."""
    with options.errors_shown():
        from carlens.cli.batch import jobs_of
        from carlens.cli.predict import check_out

        check_out(out)
        with jobs_of(stage) as jobs:
            photos, failed = jobs.results(job, out)
        print(f"{out}: {photos:,} pictures, {failed:,} failed.", file=sys.stderr)
    raise typer.Exit(1 if failed else 0)


def _exit_status(found: Status) -> int:
    return 1 if found.is_over and found.name != "SUCCEEDED" else 0
