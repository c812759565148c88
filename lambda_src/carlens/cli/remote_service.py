"""Recognize pictures with an API."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from carlens.cli.answers import Answer, failed_entry, failure
from carlens.cli.errors import Problem, Stopped, WrongUsage, unreadable
from carlens.cli.pictures import Picture
from carlens.cli.predict import Job, OpenService
from carlens.cli.shrink import Shrunk, enlarge, shrink
from carlens.errors import InternalError as InternalServerError
from carlens.errors import PictureError, PictureTooLarge
from carlens.result_lines import result_line
from carlens_client import (
    BadRequest,
    CarlensError,
    Client,
    Entry,
    InternalError,
    TimedOut,
    TooLarge,
    UploadFailed,
)
from carlens_client import Picture as Sent

# One picture may be the reason for these, so the others are tried without it.
_OF_ONE_PICTURE = (InternalError, TimedOut, TooLarge, UploadFailed)

# A minute and a half, if the server does not say how long to wait.
_RETRIES = 8

# Pictures that the server refuses because of their size wait here, to be scaled down.
_MAX_WAITING = 32


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
    """Yield a client with the key of the environment; its errors become those of the command."""
    key = os.environ.get("CARLENS_API_KEY")
    with api_errors(), Client(url, api_key=key, **settings) as client:
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
        too_large: list[Picture] = []
        for picture, entry in self._send(pictures):
            if _code(entry) == PictureTooLarge.code:
                too_large.append(picture)
            else:
                yield self._answer(picture, entry)
            if len(too_large) >= _MAX_WAITING:
                yield from self._scaled_down(too_large)
                too_large.clear()
        yield from self._scaled_down(too_large)

    def _send(self, pictures: Iterable[Picture]) -> Iterator[tuple[Picture, dict[str, Any]]]:
        """Yield the entries of pictures; those that cannot be read come first in their request."""
        following = iter(pictures)
        while True:
            sent: deque[Picture] = deque()
            failed: deque[tuple[Picture, dict[str, Any]]] = deque()
            try:
                for entry in self._stream(_readable(following, sent, failed)):
                    while failed:
                        yield failed.popleft()
                    yield sent.popleft(), dict(entry.raw)
                yield from failed
                return
            except _OF_ONE_PICTURE:
                yield from failed
                while sent:
                    yield sent[0], self._send_alone(sent[0])
                    sent.popleft()

    def _send_alone(self, picture: Picture) -> dict[str, Any]:
        try:
            [entry] = self._stream([Sent(picture.path, picture.name)])
            return dict(entry.raw)
        except _OF_ONE_PICTURE as error:
            return _refusal(picture, error)

    def _stream(self, pictures: Iterable[Sent]) -> Iterator[Entry]:
        if self._job.task.operation == "predict":
            return self._client.iter_predict(pictures, **self._options)
        return self._client.iter_object_detection(pictures, **self._options)

    def _scaled_down(self, pictures: Iterable[Picture]) -> Iterator[Answer]:
        max_bytes = min(self._limits.request_bytes, self._limits.picture_bytes)
        for picture in pictures:
            try:
                content = Path(picture.path).read_bytes()
                small = shrink(content, max_bytes, self._limits.picture_pixels)
            except PictureError as error:
                yield failure(picture.name, Problem(error.code, error.message))
                continue
            yield self._answer(picture, self._send_small(picture, small))

    def _send_small(self, picture: Picture, small: Shrunk) -> dict[str, Any]:
        try:
            [entry] = self._stream([Sent(small.content, picture.name)])
            return enlarge(dict(entry.raw), small)
        except _OF_ONE_PICTURE as error:
            return _refusal(picture, error)

    def _answer(self, picture: Picture, entry: dict[str, Any]) -> Answer:
        # Uploads have another field; the line says nothing of the way that a picture took.
        entry = {**entry, "field": "image", "name": picture.name}
        if self._job.annotate is not None:
            from carlens.cli.annotate import annotate_picture  # few runs need it
            from carlens.cli.shrink import LIMITS

            content = Path(picture.path).read_bytes()
            annotate_picture(content, entry, self._job.annotate, LIMITS)
        return Answer(picture.name, result_line(entry), failed=entry["error"] is not None)


def _readable(
    pictures: Iterator[Picture],
    sent: deque[Picture],
    failed: deque[tuple[Picture, dict[str, Any]]],
) -> Iterator[Sent]:
    """Yield the pictures to send and note them; note those that cannot be read apart."""
    for picture in pictures:
        try:
            with open(picture.path, "rb"):  # noqa: PTH123 - a name may be of bytes, not UTF-8
                pass
        except OSError as error:
            failed.append((picture, failed_entry(picture.name, unreadable(error))))
            continue
        sent.append(picture)
        yield Sent(picture.path, picture.name)


def _refusal(picture: Picture, error: CarlensError) -> dict[str, Any]:
    """Return the entry of a picture for which the API gave no answer."""
    code = getattr(error, "code", "") or InternalServerError.code
    return failed_entry(picture.name, Problem(code, str(error)))


def _code(entry: dict[str, Any]) -> str | None:
    error = entry["error"]
    return None if error is None else str(error["code"])
