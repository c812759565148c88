"""Worker processes that recognize pictures, one for each core."""

from __future__ import annotations

import multiprocessing
import signal
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import suppress
from multiprocessing.connection import wait
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import Any, Self

from carlens.cli.answers import Answer, failure
from carlens.cli.errors import Problem, Stopped
from carlens.cli.pictures import Picture
from carlens.cli.task import Task
from carlens.cli.worker import Failed, Ready, work
from carlens.config import Config
from carlens.errors import InternalError

# A worker has one picture in work and one that it reads meanwhile.
_AHEAD = 2
# A picture during which a worker ended may not be the reason, so it is tried again once.
_ATTEMPTS = 2


class Workers:
    """Processes with the models loaded. Use them in `with`; leaving the block ends them.

    They end by themselves when this process does, even if it is killed.

    Parameters
    ----------
    size : int
        The number of processes.
    config : Config
    task : Task
    annotate : Path or None
        Where to write pictures with bounding boxes.

    Raises
    ------
    WrongUsage
        The models cannot be used, or an option has a value that is not allowed.
    """

    def __init__(self, size: int, config: Config, task: Task, annotate: Path | None = None) -> None:
        self._start = (config, task, annotate)
        self._workers: list[_Worker] = []
        self._size = size
        self.models: dict[str, Any] = {}

    def __enter__(self) -> Self:
        try:
            self._workers = [_Worker(*self._start) for _ in range(self._size)]
            for worker in self._workers:
                self.models = worker.wait_until_ready().models
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        self._stop()

    def recognize(self, pictures: Iterable[Picture]) -> Iterator[Answer]:
        """Recognize pictures and yield each result as soon as it is known, in no fixed order.

        No more pictures are taken from `pictures` than the workers can hold. A picture that ends
        its worker twice fails.

        Raises
        ------
        Stopped
            A worker cannot be started again, or cannot write.
        """
        following = iter(pictures)
        again: deque[Picture] = deque()
        attempts: dict[str, int] = {}
        while True:
            for worker in self._workers:
                while worker.has_room and (picture := _next(again, following)):
                    worker.send(picture)
            busy = {worker.connection: worker for worker in self._workers if worker.pictures}
            if not busy:
                return
            for connection in wait(list(busy)):
                worker = busy[connection]  # type: ignore[index]
                answer = worker.receive()
                if answer is not None:
                    yield answer
                    continue
                culprit = worker.pictures.popleft()
                again.extend(worker.pictures)
                attempts[culprit.name] = attempts.get(culprit.name, 0) + 1
                if attempts[culprit.name] < _ATTEMPTS:
                    again.appendleft(culprit)
                else:
                    yield _crashed(culprit, worker.exit_status())
                self._replace(worker)

    def _replace(self, worker: _Worker) -> None:
        worker.stop()
        fresh = _Worker(*self._start)
        self._workers[self._workers.index(worker)] = fresh
        fresh.wait_until_ready()

    def _stop(self) -> None:
        for worker in self._workers:
            worker.stop()


class _Worker:
    """One process, seen from outside.

    Attributes
    ----------
    connection : Connection
        Takes pictures and gives results, in the same order.
    pictures : deque of Picture
        Those without a result.
    """

    def __init__(self, config: Config, task: Task, annotate: Path | None) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self.pictures: deque[Picture] = deque()
        self._process: SpawnProcess = context.Process(
            target=work, args=(theirs, config, task, annotate), daemon=True
        )
        # Inherited: Ctrl-C is for the process that writes, which ends its workers.
        handler = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            self._process.start()
        finally:
            signal.signal(signal.SIGINT, handler)
        theirs.close()

    @property
    def has_room(self) -> bool:
        return len(self.pictures) < _AHEAD

    def wait_until_ready(self) -> Ready:
        message = self._receive()
        if not isinstance(message, Ready):
            raise Stopped(f"A worker process cannot be started ({self.exit_status()}).")
        return message

    def send(self, picture: Picture) -> None:
        self.pictures.append(picture)
        with suppress(OSError):  # it has ended, which `receive` reports
            self.connection.send(picture)

    def receive(self) -> Answer | None:
        """Return the next result, or None if the process has ended."""
        message = self._receive()
        if not isinstance(message, Answer):
            return None
        self.pictures.popleft()
        return message

    def exit_status(self) -> str:
        self._process.join(timeout=10)
        code = self._process.exitcode
        return f"signal {-code}" if code and code < 0 else f"exit status {code}"

    def stop(self) -> None:
        self._process.kill()
        self._process.join()
        self.connection.close()

    def _receive(self) -> object:
        try:
            message = self.connection.recv()
        except (EOFError, OSError):
            return None
        if isinstance(message, Failed):
            raise message.error
        return message


def _next(again: deque[Picture], following: Iterator[Picture]) -> Picture | None:
    return again.popleft() if again else next(following, None)


def _crashed(picture: Picture, status: str) -> Answer:
    message = f"The process that read this picture ended ({status}); it may lack memory."
    return failure(picture.name, Problem(InternalError.code, message))
