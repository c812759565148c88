"""Recognize the pictures of a command line and write the results: `carlens predict`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from carlens.cli.annotate_paths import annotated_path, may_write, note_path
from carlens.cli.answers import Answer
from carlens.cli.errors import Stopped, WrongUsage
from carlens.cli.pictures import Found, Picture, find_pictures, say, warn
from carlens.cli.progress import Count, showing
from carlens.cli.results_file import ResultsFile, StandardOutput, check_settings, kept_settings
from carlens.cli.task import Task

_SUFFIXES = (".jsonl", ".csv", ".json")

# As a shell reports a program that Ctrl-C ended.
_INTERRUPTED = 130


@dataclass(frozen=True)
class Job:
    """A run of `carlens predict`.

    Attributes
    ----------
    inputs : tuple of str
        Files, folders, globs and prefixes of S3 buckets.
    task : Task
    out : Path or None
        The file to write; None for lines on standard output.
    annotate : Path or None
        Where to write pictures with bounding boxes.
    retry_failed : bool
        Whether to try again what failed in an earlier run.
    quiet : bool
        Whether to show only errors.
    """

    inputs: tuple[str, ...]
    task: Task
    out: Path | None = None
    annotate: Path | None = None
    retry_failed: bool = False
    quiet: bool = False


class Service(Protocol):
    """What recognizes pictures: the cores of this computer, or an API."""

    @property
    def models(self) -> Mapping[str, Any]:
        """The name and version of each model."""

    def recognize(self, pictures: Iterable[Picture]) -> Iterator[Answer]:
        """Yield each result as soon as it is known, in any order."""


class OpenService(Protocol):
    """Opens the service for a number of pictures."""

    def __call__(self, pictures: int) -> AbstractContextManager[Service]:
        """Return the service; it ends with its `with` block."""


def predict(job: Job, open_service: OpenService) -> int:
    """Run a job and return the exit status.

    Returns
    -------
    int
        0, or 1 if pictures failed or could not be found.

    Raises
    ------
    WrongUsage
        The job cannot be run as it is.
    Stopped
        The job cannot go on; the next run continues it.
    """
    check_out(job.out)
    found = find_pictures(job.inputs, leave_out=job.annotate)
    warn(found)
    with _open_results(job) as results:
        if job.annotate is not None:
            may_write(job.annotate, found.root, before=_annotated_before(results))
        todo = [one for one in found.pictures if not _is_done(one, results.failed, job.annotate)]
        count = Count(len(found.pictures), before=len(found.pictures) - len(todo))
        try:
            _recognize(job, found, todo, results, count, open_service)
        except KeyboardInterrupt:
            say(f"Stopped after {count.describe()}. Run the same command to continue.")
            return _INTERRUPTED
        failed = sum(results.failed.get(one.name, False) for one in found.pictures)
        _export(job.out, results)
    if not job.quiet:
        say(_summary(count, failed, job.out))
    return 1 if failed or found.unreadable else 0


def _recognize(
    job: Job,
    found: Found,
    todo: Sequence[Picture],
    results: ResultsFile | StandardOutput,
    count: Count,
    open_service: OpenService,
) -> None:
    with showing(count.total, quiet=job.quiet) as progress, open_service(len(todo)) as service:
        if isinstance(results, ResultsFile):
            settings = {
                "operation": job.task.operation,
                "options": dict(job.task.options),
                "models": dict(service.models),
                "folder": found.root,
                "annotate": str(job.annotate.resolve()) if job.annotate else None,
            }
            check_settings(results.path, settings, started=bool(results.failed))
        count.start()
        for answer in service.recognize(todo):
            results.append(answer.name, answer.line, failed=answer.failed)
            count.done += 1
            count.failed += answer.failed
            progress.update(count)


def check_out(out: Path | None) -> None:
    """Make sure that results can have the name of a file.

    Raises
    ------
    WrongUsage
        It has another suffix, or is a folder.
    """
    if out is not None and out.suffix.lower() not in _SUFFIXES:
        raise WrongUsage(f"--out {out} must end in .jsonl, .csv or, for COCO, .json.")
    if out is not None and out.is_dir():
        raise WrongUsage(f"--out {out} is a folder.")


def _open_results(job: Job) -> AbstractContextManager[ResultsFile | StandardOutput]:
    if job.out is None:
        if job.retry_failed:
            raise WrongUsage("--retry-failed needs --out.")
        return nullcontext(StandardOutput())
    return ResultsFile(job.out.with_suffix(".jsonl"), retry_failed=job.retry_failed)


def _annotated_before(results: ResultsFile | StandardOutput) -> str | None:
    kept = kept_settings(results.path) if isinstance(results, ResultsFile) else {}
    return kept.get("annotate")


def _is_done(picture: Picture, failed: Mapping[str, bool], annotate: Path | None) -> bool:
    """Return whether a picture has its line and, where wanted, its annotated picture."""
    if picture.name not in failed:
        return False
    if annotate is None or failed[picture.name]:
        return True
    places = (annotated_path(annotate, picture.name), note_path(annotate, picture.name))
    return any(place.exists() for place in places)


def _export(out: Path | None, results: ResultsFile | StandardOutput) -> None:
    if out is None or not isinstance(results, ResultsFile) or out.suffix.lower() == ".jsonl":
        return
    from carlens.cli.exports import export  # only two formats need it

    try:
        export(results.path, out)
    except OSError as error:
        raise Stopped(f"{out} cannot be written: {error.strerror}.") from error


def _summary(count: Count, failed: int, out: Path | None) -> str:
    before = f", {count.before:,} of them before" if count.before else ""
    place = f"{out}: " if out else ""
    return (
        f"{place}{count.total:,} pictures{before}, {failed:,} failed; "
        f"{count.rate:.1f} pictures per second."
    )
