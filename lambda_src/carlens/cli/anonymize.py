"""Redact the pictures of a command line: `carlens anonymize`."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import get_args

import httpx

from carlens.cli.annotate_paths import check_folder, path_inside
from carlens.cli.errors import Problem, Stopped, WrongUsage
from carlens.cli.local_service import cores
from carlens.cli.pictures import Picture, find_pictures, say, warn
from carlens.cli.progress import Count, showing
from carlens.cli.reading import read_picture
from carlens.cli.remote_service import connected
from carlens.cli.results_file import check_settings, kept_settings, settings_path
from carlens.config import Config
from carlens.errors import InvalidParameter, ModelsUnavailable, PictureError
from carlens.files import replace_file
from carlens.http.anonymize import read_options
from carlens.images.encode import OutputFormat
from carlens.images.process import configure_process
from carlens.inputs.sources import PictureSource
from carlens.photo_names import redacted_name
from carlens.services.anonymize import anonymize, make_redactor
from carlens.services.recognition_app import RecognitionApp
from carlens.timing import Deadline, Stopwatch
from carlens_client import Client, Redaction
from carlens_client import Picture as Sent

_MAX_BYTES = 100_000_000


@dataclass(frozen=True)
class RedactedFile:
    """A redacted picture.

    Attributes
    ----------
    media_type : str
    file : bytes
    regions : int
        How many there are.
    """

    media_type: str
    file: bytes
    regions: int


# Yields the result for each picture, in order.
Anonymize = Callable[[Iterable[Picture]], Iterator[tuple[Picture, RedactedFile | Problem]]]


def anonymize_folder(
    inputs: Iterable[str],
    out: Path,
    anonymize_all: Anonymize,
    options: Mapping[str, str],
    *,
    quiet: bool,
) -> int:
    """Write redacted pictures to a folder, and return the exit status.

    Pictures whose redacted ones exist are left out, so that the same command continues. A picture
    that fails is never written.

    Returns
    -------
    int
        0, or 1 if pictures failed or could not be found.

    Raises
    ------
    WrongUsage
        The folder cannot be used, or has pictures of another folder or with other options; or two
        pictures would have one name in it.
    Stopped
        The run cannot go on.
    """
    found = find_pictures(tuple(inputs), leave_out=out)
    check_folder("--out", out, found.root)
    warn(found)
    _check_names(found.pictures)
    todo = [one for one in found.pictures if not _is_done(out, one.name)]
    count = Count(len(found.pictures), before=len(found.pictures) - len(todo))
    regions = 0
    _check_settings(out, {"folder": found.root, **options}, started=count.before > 0)
    with showing(count.total, quiet=quiet) as progress:
        count.start()
        for picture, result in anonymize_all(todo):
            if isinstance(result, Problem):
                say(f"{picture.name}: {result.message}")
                count.failed += 1
            else:
                _write(_place(out, picture.name, result.media_type), result.file)
                regions += result.regions
            count.done += 1
            progress.update(count)
    if not quiet:
        before = f", {count.before:,} of them before" if count.before else ""
        say(
            f"{out}: {count.total:,} pictures{before}, {count.failed:,} failed; {regions:,} "
            "regions redacted. Look at the pictures before you publish them: models miss some."
        )
    return 1 if count.failed or found.unreadable else 0


def anonymize_here(options: Mapping[str, str]) -> Anonymize:
    """Return a function that redacts pictures on this computer.

    Raises
    ------
    WrongUsage
        An option or a setting is not allowed, or a model cannot be loaded.
    """
    try:
        config = replace(Config.from_env(), threads=min(cores(), 6))
        asked = read_options({name: (value,) for name, value in options.items()})
    except (ValueError, InvalidParameter) as error:
        raise WrongUsage(str(error)) from error
    configure_process(threads=config.threads)
    app = RecognitionApp(config)
    try:
        redactor = make_redactor(app, asked)
        app.models()
    except InvalidParameter as error:
        raise WrongUsage(str(error)) from error
    except ModelsUnavailable as error:
        raise WrongUsage("The models cannot be loaded; see above.") from error

    def one(picture: Picture) -> RedactedFile | Problem:
        content = read_picture(picture.path, config.max_bytes)
        if isinstance(content, Problem):
            return content
        source = PictureSource("image", picture.name, content)
        [result] = anonymize([source], redactor, Deadline(math.inf), Stopwatch(), files=True)
        if isinstance(result, PictureError):
            return Problem(result.code, result.message)
        return RedactedFile(f"image/{result.format}", result.file, len(result.regions))

    return lambda pictures: ((picture, one(picture)) for picture in pictures)


def anonymize_there(url: str, options: Mapping[str, str], requests: int) -> Anonymize:
    """Return a function that redacts pictures with an API."""
    asked: dict[str, object] = dict(options)
    if "redact" in options:
        asked["redact"] = options["redact"].split(",")

    def run(pictures: Iterable[Picture]) -> Iterator[tuple[Picture, RedactedFile | Problem]]:
        with connected(url, retries=8, concurrency=requests) as client:
            if not client.health().features.anonymize:
                raise WrongUsage(f"{url} does not anonymize pictures.")
            yield from _run(client, pictures, asked)

    return run


def _run(
    client: Client, pictures: Iterable[Picture], options: Mapping[str, object]
) -> Iterator[tuple[Picture, RedactedFile | Problem]]:
    sent: list[Picture] = []
    unreadable: list[tuple[Picture, Problem]] = []

    def readable() -> Iterator[Sent]:
        for picture in pictures:
            content = read_picture(picture.path, _MAX_BYTES)
            if isinstance(content, Problem):
                unreadable.append((picture, content))
            else:
                sent.append(picture)
                yield Sent(content, picture.name)

    for entry in client.iter_anonymize(readable(), **options):  # type: ignore[arg-type]
        yield sent.pop(0), _safe(entry)
    yield from unreadable


def _safe(entry: Redaction) -> RedactedFile | Problem:
    if entry.error is not None:
        return Problem(entry.error.code, entry.error.message)
    file = entry.file
    if file is None:
        try:
            file = httpx.get(str(entry.picture_url), timeout=60).raise_for_status().content
        except httpx.HTTPError as error:
            return Problem("url_failed", f"The redacted picture cannot be fetched: {error}.")
    return RedactedFile(str(entry.media_type), file, len(entry.regions or ()))


def _place(out: Path, name: str, media_type: str) -> Path:
    """Return where a redacted picture is written."""
    return path_inside(out, redacted_name(name, media_type.removeprefix("image/")))


def _is_done(out: Path, name: str) -> bool:
    return any(_place(out, name, output).exists() for output in get_args(OutputFormat))


def _check_names(pictures: Iterable[Picture]) -> None:
    """Refuse files without a photo's suffix that would be redacted under the name of another."""
    for output in get_args(OutputFormat):
        names: dict[str, str] = {}
        for picture in pictures:
            first = names.setdefault(redacted_name(picture.name, output), picture.name)
            if first != picture.name:
                raise WrongUsage(
                    f"{first} and {picture.name} would be redacted under one name. Rename one, or "
                    "redact them into different folders."
                )


def _check_settings(out: Path, settings: Mapping[str, str], *, started: bool) -> None:
    """Refuse to continue with other options: what is there may be redacted less."""
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Stopped(f"{out} cannot be written: {error.strerror}.") from error
    if started and not kept_settings(out):
        raise WrongUsage(
            f"{out} has pictures of these names, but {settings_path(out)}, which says how they "
            "were redacted, is missing. Use another --out."
        )
    has_files = any(not path.name.startswith(".") for path in out.iterdir())
    check_settings(out, settings, started=has_files)


def _write(path: Path, file: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, file)
    except OSError as error:
        raise Stopped(f"{path} cannot be written: {error.strerror}.") from error
