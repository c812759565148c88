"""Worker processes that run the handler, each one event at a time like a Lambda environment."""

from __future__ import annotations

import asyncio
import sys
from collections import deque
from collections.abc import Mapping
from types import TracebackType
from typing import Self

from carlens.local.runtime import ANSWER_HEADER, EVENT_HEADER


class WorkerFailed(Exception):
    """A worker gave no answer."""


class HandlerRaised(WorkerFailed):
    """The handler raised, or its answer is too large; the worker is sound."""


class WorkerDied(WorkerFailed):
    """The worker's process ended, or never came up."""


class Worker:
    """One process with the handler loaded."""

    def __init__(
        self,
        process: asyncio.subprocess.Process,
        events: asyncio.StreamWriter,
        answers: asyncio.StreamReader,
    ) -> None:
        self._process = process
        self._events = events
        self._answers = answers

    @classmethod
    async def start(cls, handler: str, env: Mapping[str, str]) -> Worker:
        """Start a process and wait until it has loaded `handler` (`module:function`).

        Raises
        ------
        WorkerDied
            The handler could not be loaded; the process has said why on standard error.
        """
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            # -P: what lies in the current directory is no part of the function. -u: what the
            # handler prints shows at once.
            *("-P", "-u", "-m", "carlens.local.runtime", handler),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env=env,
            limit=2**20,
            # Ctrl-C is for the server, which then ends its workers.
            start_new_session=True,
        )
        if process.stdin is None or process.stdout is None:
            raise RuntimeError("The worker has no pipes.")
        worker = cls(process, process.stdin, process.stdout)
        try:
            await worker._answer()
        except BaseException:
            worker.kill()
            await worker.gone()
            raise
        return worker

    @property
    def alive(self) -> bool:
        """Whether the process still runs; its output ends before its end is told."""
        return self._process.returncode is None and not self._answers.at_eof()

    async def invoke(self, event: bytes, millis: int) -> bytes:
        """Give the handler an event, as JSON, and return its answer, as JSON.

        Raises
        ------
        HandlerRaised
            The handler raised, or its answer is too large.
        WorkerDied
            The process ended.
        """
        try:
            self._events.write(EVENT_HEADER.pack(millis, len(event)))
            self._events.write(event)
            await self._events.drain()
        except ConnectionError as error:
            raise WorkerDied("the worker's process ended") from error
        return await self._answer()

    def kill(self) -> None:
        """End the process, whatever it is doing."""
        # At the end of its output it is already ending; to signal it then would race with
        # asyncio for its exit status.
        if self.alive:
            self._process.kill()
        self._events.close()

    async def gone(self) -> None:
        """Wait until the process has ended."""
        await self._process.wait()

    async def _answer(self) -> bytes:
        try:
            header = await self._answers.readexactly(ANSWER_HEADER.size)
            returned, size = ANSWER_HEADER.unpack(header)
            answer = await self._answers.readexactly(size)
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            raise WorkerDied("the worker's process ended") from error
        if not returned:
            raise HandlerRaised(answer.decode())
        return answer


class _Slot:
    """Room for one worker; a worker that dies or runs out of time is replaced at once."""

    def __init__(self, handler: str, env: Mapping[str, str]) -> None:
        self._handler = handler
        self._env = env
        self._old: Worker | None = None
        self._worker = self._starting()

    async def ready(self) -> Worker:
        """Wait for the worker; one that could not start or died idle is replaced first."""
        if self._worker.done() and (self._worker.exception() or not self._worker.result().alive):
            self._worker = self._starting()
        # A request that gives up waiting must not take the worker with it.
        return await asyncio.shield(self._worker)

    async def invoke(self, event: bytes, deadline: float) -> bytes:
        worker = await self.ready()
        left = deadline - asyncio.get_running_loop().time()
        try:
            return await worker.invoke(event, max(0, round(left * 1000)))
        except HandlerRaised:
            raise
        except BaseException:
            # Dead, or out of time and busy: only killing it makes room.
            worker.kill()
            self._old = worker
            self._worker = self._starting()
            raise

    async def stop(self) -> None:
        self._worker.cancel()
        (found,) = await asyncio.gather(self._worker, return_exceptions=True)
        for worker in (self._old, found):
            if isinstance(worker, Worker):
                worker.kill()
                await worker.gone()

    def _starting(self) -> asyncio.Task[Worker]:
        task = asyncio.create_task(self._start())
        # A failure matters to who waits for the worker, and to nobody before.
        task.add_done_callback(lambda done: done.cancelled() or done.exception())
        return task

    async def _start(self) -> Worker:
        if self._old:
            await self._old.gone()
        return await Worker.start(self._handler, self._env)


class Pool:
    """A fixed number of workers; requests wait for a free one, first come, first served.

    Use it in `async with`; leaving it ends all workers.

    Parameters
    ----------
    size : int
        How many workers.
    handler : str
        What they run, as `module:function`.
    env : Mapping
        Their environment.
    timeout : float
        Seconds an invocation may take, waiting for a worker included.
    """

    def __init__(self, size: int, handler: str, env: Mapping[str, str], timeout: float) -> None:
        self._size = size
        self._handler = handler
        self._env = env
        self._timeout = timeout
        self._free = asyncio.Semaphore(size)
        self._slots: list[_Slot] = []
        self._idle: deque[_Slot] = deque()

    async def __aenter__(self) -> Self:
        self._slots = [_Slot(self._handler, self._env) for _ in range(self._size)]
        self._idle.extend(self._slots)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        await asyncio.gather(*(slot.stop() for slot in self._slots))

    async def ready(self) -> None:
        """Wait until all workers have loaded the handler.

        Raises
        ------
        WorkerDied
            One of them could not.
        """
        await asyncio.gather(*(slot.ready() for slot in self._slots))

    async def invoke(self, event: bytes) -> bytes:
        """Give an event, as JSON, to the next free worker and return the handler's answer.

        Raises
        ------
        TimeoutError
            No answer in time; a worker that was busy with the event is killed.
        WorkerFailed
            The handler raised, or its process ended.
        """
        deadline = asyncio.get_running_loop().time() + self._timeout
        async with asyncio.timeout_at(deadline), self._free:
            slot = self._idle.popleft()
            try:
                return await slot.invoke(event, deadline)
            finally:
                self._idle.append(slot)
