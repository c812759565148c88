"""What becomes of the pictures of workers that end; here the workers are threads."""

from __future__ import annotations

import json
import multiprocessing
import os
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any, ClassVar

import pytest

from carlens.cli.answers import Answer
from carlens.cli.errors import Stopped
from carlens.cli.pictures import Picture
from carlens.cli.task import Task
from carlens.cli.worker import Ready
from carlens.cli.workers import Workers
from carlens.config import Config

MODELS = {"detector": {"name": "d", "version": "1"}}


class FakeProcess:
    """Answers pictures in a thread; ends at `crash` always, and at `once` the first time."""

    started = 0
    seen: ClassVar[Counter[str]] = Counter()

    def __init__(self, target: object, args: tuple[Any, ...], daemon: bool) -> None:
        self._connection: Connection = args[0]
        self.exitcode: int | None = None

    def start(self) -> None:
        type(self).started += 1
        # The parent closes its copy, as it does for a process.
        connection = Connection(os.dup(self._connection.fileno()))
        threading.Thread(target=self._work, args=(connection,), daemon=True).start()

    def _work(self, connection: Connection) -> None:
        with connection:
            connection.send(Ready(MODELS))
            while True:
                try:
                    picture = connection.recv()
                except (EOFError, OSError):
                    return
                self.seen[picture.name] += 1
                is_first = self.seen[picture.name] == 1
                if picture.name == "crash" or (picture.name == "once" and is_first):
                    self.exitcode = -9
                    return
                with suppress(BrokenPipeError):  # the run may have stopped meanwhile
                    connection.send(Answer(picture.name, "{}\n", failed=False))

    def join(self, timeout: float | None = None) -> None:
        """Nothing to wait for."""

    def kill(self) -> None:
        """The thread ends with its connection."""


@pytest.fixture(autouse=True)
def fake_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    class Context:
        Pipe = staticmethod(multiprocessing.Pipe)
        Process = FakeProcess

    monkeypatch.setattr(multiprocessing, "get_context", lambda method: Context)
    monkeypatch.setattr(FakeProcess, "started", 0)
    monkeypatch.setattr(FakeProcess, "seen", Counter())


def recognize(names: list[str], size: int = 2) -> dict[str, Answer]:
    pictures = [Picture(name, name) for name in names]
    with Workers(size, Config(), Task("predict", {})) as service:
        assert service.models == MODELS
        answers = list(service.recognize(pictures))
    assert sorted(one.name for one in answers) == sorted(names)
    return {one.name: one for one in answers}


def test_every_picture_has_one_answer() -> None:
    answers = recognize([f"{number}" for number in range(50)])

    assert not any(one.failed for one in answers.values())
    assert FakeProcess.started == 2


def test_a_picture_that_ends_its_worker_twice_fails_alone() -> None:
    answers = recognize(["a", "b", "crash", "c", "d", "e"])

    assert [name for name, one in answers.items() if one.failed] == ["crash"]
    error = json.loads(answers["crash"].line)["error"]
    assert error["code"] == "internal_error"
    assert "signal 9" in error["message"]
    assert FakeProcess.seen["crash"] == 2
    assert FakeProcess.started == 4


def test_a_picture_that_ends_its_worker_once_is_recognized() -> None:
    answers = recognize(["a", "once", "b"], size=1)

    assert not any(one.failed for one in answers.values())
    assert FakeProcess.started == 2


def test_no_more_pictures_are_taken_than_the_workers_hold() -> None:
    taken: list[int] = []

    def pictures() -> Iterator[Picture]:
        for number in range(20):
            taken.append(number)
            yield Picture(str(number), "")

    with Workers(2, Config(), Task("predict", {})) as service:
        answers = service.recognize(pictures())
        next(answers)
        assert len(taken) <= 4


def test_a_worker_that_cannot_start_stops_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FakeProcess, "_work", lambda self, connection: connection.close())

    with (
        pytest.raises(Stopped, match="A worker process cannot be started"),
        Workers(1, Config(), Task("predict", {})),
    ):
        pass
