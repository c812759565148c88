"""Recognize pictures with an API."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from carlens.cli.answers import Answer, failure
from carlens.cli.errors import Problem, Stopped, WrongUsage
from carlens.cli.local_files import LocalFile, local_files
from carlens.cli.pictures import Picture
from carlens.cli.predict import Job, OpenService
from carlens.cli.shrink import enlarge, shrink
from carlens.errors import PictureError, PictureTooLarge
from carlens.result_lines import result_line
from carlens_client import BadRequest, CarlensError, Client, Entry
from carlens_client import Picture as Sent

# A minute and a half, if the server does not say how long to wait.
_RETRIES = 8

# Pictures that the server refuses because of their size wait here, to be scaled down.
_MAX_WAITING = 32

# A picture that is refused because of its size is not scaled down to less.
_LEAST_BYTES = 100_000


def remote_service(job: Job, url: str, requests: int) -> OpenService:
    """Return what connects a job with an API.

    Parameters
    ----------
    job : Job
    url : str
        The address of the API.
    requests : int
        Requests at the same time.
    """

    @contextmanager
    def open_service(pictures: int) -> Iterator[RemoteService]:
        with connected(url, retries=_RETRIES, concurrency=requests) as client:
            yield RemoteService(client, job)

    return open_service


@contextmanager
def connected(url: str, **settings: Any) -> Iterator[Client]:
    """Yield a client with the key or the token of the environment.

    Its errors become those of the command.
    """
    key, token = os.environ.get("CARLENS_API_KEY"), os.environ.get("CARLENS_TOKEN")

    def with_token(request: httpx.Request) -> httpx.Request:
        request.headers["Authorization"] = f"Bearer {token}"
        return request

    auth = with_token if token else None
    with api_errors(), Client(url, api_key=key, auth=auth, **settings) as client:
        yield client


@contextmanager
def api_errors() -> Iterator[None]:
    """Turn the errors of the client into those of the command."""
    try:
        yield
    except BadRequest as error:
        raise WrongUsage(str(error)) from error
    except (CarlensError, OSError) as error:
        raise Stopped(str(error)) from error


class RemoteService:
    """An API that recognizes pictures.

    Pictures that are too large for it are scaled down, and their boxes scaled up again.

    Parameters
    ----------
    client : Client
    job : Job

    Attributes
    ----------
    models : dict
        The name and version of each model.
    """

    def __init__(self, client: Client, job: Job) -> None:
        self._client = client
        self._job = job
        options: dict[str, Any] = dict(job.task.options)
        if "classes" in options:
            options["classes"] = options["classes"].split(",")
        self._options = options
        self._limits = client.health().limits
        found = client.models()
        used = {"detector": found.detector}
        if job.task.operation == "predict" and found.classifier is not None:
            used["classifier"] = found.classifier
        self.models = {
            role: {"name": model.name, "version": model.version} for role, model in used.items()
        }

    def recognize(self, pictures: Iterable[Picture]) -> Iterator[Answer]:
        """Recognize pictures and yield each result as soon as it is known.

        Raises
        ------
        Stopped
            The API cannot be reached, or refuses requests.
        WrongUsage
            It does not accept an option.
        """
        with local_files(pictures) as files:
            yield from self._recognize(files)

    def _recognize(self, files: Iterator[LocalFile]) -> Iterator[Answer]:
        sent: deque[LocalFile] = deque()
        unreadable: deque[LocalFile] = deque()
        too_large: list[LocalFile] = []
        for entry in self._stream(_readable(files, sent, unreadable)):
            yield from _failures(unreadable)
            file = sent.popleft()
            if _is_too_large(entry.raw):
                too_large.append(file)
            else:
                yield self._answer(file, dict(entry.raw))
            if len(too_large) >= _MAX_WAITING:
                yield from map(self._scaled_down, too_large)
                too_large.clear()
        yield from _failures(unreadable)
        yield from map(self._scaled_down, too_large)

    def _stream(self, pictures: Iterable[Sent]) -> Iterator[Entry]:
        if self._job.task.operation == "predict":
            return self._client.iter_predict(pictures, **self._options)
        return self._client.iter_object_detection(pictures, **self._options)

    def _scaled_down(self, file: LocalFile) -> Answer:
        """Return the result of a picture that is too large, scaled down until it is accepted."""
        content = Path(file.path).read_bytes()
        max_bytes = min(self._limits.request_bytes, self._limits.picture_bytes)
        while True:
            try:
                small = shrink(content, max_bytes, self._limits.picture_pixels)
            except PictureError as error:
                return _failed(file, Problem(error.code, error.message))
            [entry] = self._stream([Sent(small.content, file.name)])
            # A proxy may take less than the API says.
            max_bytes = min(max_bytes, len(small.content)) // 2
            if not _is_too_large(entry.raw) or max_bytes < _LEAST_BYTES:
                return self._answer(file, enlarge(dict(entry.raw), small))

    def _answer(self, file: LocalFile, entry: dict[str, Any]) -> Answer:
        # Uploads have another field; the line says nothing of the way that a picture took.
        entry = {**entry, "field": "image", "name": file.name}
        if self._job.annotate is not None:
            from carlens.cli.annotate import annotate_picture  # few runs need it
            from carlens.cli.shrink import LIMITS

            content = Path(file.path).read_bytes()
            annotate_picture(content, entry, self._job.annotate, LIMITS)
        file.release()
        return Answer(file.name, result_line(entry), failed=entry["error"] is not None)


def _readable(
    files: Iterator[LocalFile], sent: deque[LocalFile], unreadable: deque[LocalFile]
) -> Iterator[Sent]:
    """Yield the pictures to send and note them; note those that cannot be read apart."""
    for file in files:
        if file.problem is not None:
            unreadable.append(file)
            continue
        sent.append(file)
        yield Sent(file.path, file.name)


def _failures(files: deque[LocalFile]) -> Iterator[Answer]:
    """Take the pictures that cannot be read, and yield their results."""
    while files:
        file = files.popleft()
        assert file.problem is not None  # noqa: S101 - that is why it is here
        yield _failed(file, file.problem)


def _failed(file: LocalFile, problem: Problem) -> Answer:
    file.release()
    return failure(file.name, problem)


def _is_too_large(entry: Mapping[str, Any]) -> bool:
    error = entry["error"]
    return error is not None and error["code"] == PictureTooLarge.code
