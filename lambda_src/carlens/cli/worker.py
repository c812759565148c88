"""Recognizes pictures in a process of its own; `carlens.cli.workers` starts it."""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from queue import Queue
from typing import Any

from carlens.cli.answers import Answer, failure
from carlens.cli.errors import Problem, Stopped, WrongUsage
from carlens.cli.pictures import Picture
from carlens.cli.reading import read_picture
from carlens.cli.task import Task
from carlens.config import Config
from carlens.result_lines import result_line


@dataclass(frozen=True)
class Ready:
    """A worker has loaded the models."""

    models: dict[str, Any]


@dataclass(frozen=True)
class Failed:
    """A worker cannot go on, and neither can the others."""

    error: Exception


# A picture, and its file or why there is none. `Stopped` ends the run.
_Waiting = Queue[tuple[Picture, bytes | Problem | Stopped]]


def work(connection: Connection, config: Config, task: Task, annotate: Path | None) -> None:
    """Recognize the pictures that arrive until the connection ends; runs in a worker process."""
    # Read by NumPy's libraries when they are imported.
    os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"
    from carlens.cli.recognize import Recognizer

    try:
        recognizer = Recognizer(config, task)
    except WrongUsage as error:
        connection.send(Failed(error))
        return
    connection.send(Ready(recognizer.models))
    waiting: _Waiting = Queue(maxsize=1)
    reading = (connection, recognizer.limits.max_bytes, waiting)
    threading.Thread(target=_read_ahead, args=reading, daemon=True).start()
    while True:
        picture, content = waiting.get()
        if isinstance(content, Stopped):
            connection.send(Failed(content))
            return
        if isinstance(content, Problem):
            connection.send(failure(picture.name, content))
            continue
        entry = recognizer.entry(picture.name, content)
        if annotate is not None:
            from carlens.cli.annotate import annotate_picture  # few runs need it

            try:
                annotate_picture(content, entry, annotate, recognizer.limits)
            except OSError as error:
                connection.send(Failed(Stopped(f"{annotate} cannot be written: {error}.")))
                return
        failed = entry["error"] is not None
        connection.send(Answer(picture.name, result_line(entry), failed))


def _read_ahead(connection: Connection, max_bytes: int, waiting: _Waiting) -> None:
    """Read each picture that arrives while the one before is in work."""
    while True:
        try:
            picture = connection.recv()
        except (EOFError, OSError):
            os._exit(0)  # nobody waits for the picture in work
        try:
            waiting.put((picture, read_picture(picture.path, max_bytes)))
        except Stopped as error:
            waiting.put((picture, error))
