"""Worker processes that run the handler, each one event at a time, like Lambda environments."""

from __future__ import annotations

import asyncio
import sys
from collections import deque
from collections.abc import Mapping
from types import TracebackType
from typing import Self

from carlens.local.runtime import EVENT_HEADER, RESPONSE_HEADER


class WorkerFailed(Exception):
    """A worker returned no response."""


class HandlerRaised(WorkerFailed):
    """The handler raised an exception, or its response is too large; the worker can continue."""


class WorkerDied(WorkerFailed):
    """The worker's process exited, or did not start."""


class Worker:
    """One process with the handler loaded."""

    def __init__(
        self,
        process: asyncio.subprocess.Process,
        events: asyncio.StreamWriter,
        responses: asyncio.StreamReader,
    ) -> None:
        self._process = process
        self._events = events
        self._responses = responses

    @classmethod
    async def start(cls, handler: str, env: Mapping[str, str]) -> Worker:
        """Start a process and wait until it has loaded `handler` (`module:function`).

        Raises
        ------
        WorkerDied
            The handler could not be loaded; the traceback is on standard error.
        """
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            # -P: do not import from the current directory. -u: show the handler's output at once.
            *("-P", "-u", "-m", "carlens.local.runtime", handler),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env=env,
            limit=2**20,
            # Ctrl-C must only reach the server, which then ends its workers.
            start_new_session=True,
        )
        if process.stdin is None or process.stdout is None:
            raise RuntimeError("The worker process has no pipes.")
        worker = cls(process, process.stdin, process.stdout)
        try:
            await worker._receive()
        except BaseException:
            worker.kill()
            await worker.wait()
            raise
        return worker

    @property
    def alive(self) -> bool:
        """Whether the process is running; its output may end before asyncio reports its exit."""
        return self._process.returncode is None and not self._responses.at_eof()

    async def invoke(self, event: bytes, millis: int) -> bytes:
        """Run the handler on an event and return its response, both as JSON.

        Parameters
        ----------
        event : bytes
            The event.
        millis : int
            The time limit that the handler sees, in milliseconds.

        Raises
        ------
        HandlerRaised
            The handler raised an exception, or its response is too large.
        WorkerDied
            The process exited.
        """
        try:
            self._events.write(EVENT_HEADER.pack(millis, len(event)))
            self._events.write(event)
            await self._events.drain()
        except ConnectionError as error:
            raise WorkerDied("the worker process exited") from error
        return await self._receive()

    def kill(self) -> None:
        """Kill the process; does nothing if it has exited."""
        # A process whose output has ended is already exiting; a signal would then race with
        # asyncio for its exit status.
        if self.alive:
            self._process.kill()
        self._events.close()

    async def wait(self) -> None:
        """Wait until the process has exited."""
        await self._process.wait()

    async def _receive(self) -> bytes:
        try:
            header = await self._responses.readexactly(RESPONSE_HEADER.size)
            succeeded, size = RESPONSE_HEADER.unpack(header)
            payload = await self._responses.readexactly(size)
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            raise WorkerDied("the worker process exited") from error
        if not succeeded:
            raise HandlerRaised(payload.decode())
        return payload


class _Slot:
    """Keeps one worker running: a worker that dies or times out is replaced at once."""

    def __init__(self, handler: str, env: Mapping[str, str]) -> None:
        self._handler = handler
        self._env = env
        self._old: Worker | None = None
        self._worker = self._start_task()

    async def ready(self) -> Worker:
        """Wait for the worker; first replace one that did not start or died while idle."""
        if self._worker.done() and (self._worker.exception() or not self._worker.result().alive):
            self._worker = self._start_task()
        # A request that times out while waiting must not cancel the start of the worker.
        return await asyncio.shield(self._worker)

    async def invoke(self, event: bytes, deadline: float) -> bytes:
        worker = await self.ready()
        left = deadline - asyncio.get_running_loop().time()
        try:
            return await worker.invoke(event, max(0, round(left * 1000)))
        except HandlerRaised:
            raise
        except BaseException:
            # It died or is still busy after its time limit; it must be replaced by a new process.
            worker.kill()
            self._old = worker
            self._worker = self._start_task()
            raise

    async def stop(self) -> None:
        self._worker.cancel()
        (found,) = await asyncio.gather(self._worker, return_exceptions=True)
        for worker in (self._old, found):
            if isinstance(worker, Worker):
                worker.kill()
                await worker.wait()

    def _start_task(self) -> asyncio.Task[Worker]:
        task = asyncio.create_task(self._start())
        # Retrieve the exception: asyncio would log it before anyone waits for the worker.
        task.add_done_callback(lambda done: done.cancelled() or done.exception())
        return task

    async def _start(self) -> Worker:
        if self._old:
            await self._old.wait()
        return await Worker.start(self._handler, self._env)


class Pool:
    """A fixed number of workers; requests wait for a free worker in order of arrival.

    Use it in `async with`; leaving the block ends all workers.

    Parameters
    ----------
    size : int
        The number of workers.
    handler : str
        The handler that they run, as `module:function`.
    env : Mapping
        Their environment variables.
    timeout : float
        The time limit of an invocation in seconds, including the wait for a worker.
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
            A worker could not load it.
        """
        await asyncio.gather(*(slot.ready() for slot in self._slots))

    async def invoke(self, event: bytes) -> bytes:
        """Run the handler on an event in the next free worker and return its response.

        Raises
        ------
        TimeoutError
            No response in time; the worker that was handling the event is killed.
        WorkerFailed
            The handler raised an exception, or its process exited.
        """
        deadline = asyncio.get_running_loop().time() + self._timeout
        async with asyncio.timeout_at(deadline), self._free:
            slot = self._idle.popleft()
            try:
                return await slot.invoke(event, deadline)
            finally:
                self._idle.append(slot)
