"""Measures Carlens and its rivals as local servers: single requests and load."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.speed.duel import rest
from benchmarks.speed.pictures import Case

_ROOT = Path(__file__).resolve().parents[2]
_HERE = "benchmarks.speed.services"
_START_SECONDS = 60
_STOP_SECONDS = 10


@dataclass(frozen=True)
class System:
    """A server to start, as its users start it.

    Attributes
    ----------
    command : tuple of str
        Arguments of Python; the port follows.
    query : str
        Of the request.
    env : Mapping of str to str
        Additional environment variables.
    cpus : int or None
        CPUs that it may use; None for all.
    """

    command: tuple[str, ...]
    query: str = ""
    env: Mapping[str, str] = field(default_factory=dict)
    cpus: int | None = None


CARLENS = ("-m", "carlens.local", "--port")
RIVALS: Mapping[str, tuple[str, ...]] = {
    "FastAPI": ("-m", f"{_HERE}.fastapi_service"),
    "LitServe": ("-m", f"{_HERE}.litserve_service"),
    "BentoML": ("-m", "bentoml", "serve", f"{_HERE}.bentoml_service:Vehicles", "--port"),
}
# Carlens uses one pass because the others do.
SERVERS: Mapping[str, System] = {
    "Carlens": System(CARLENS, "?slices=1"),
    **{name: System(command) for name, command in RIVALS.items()},
}


class Server:
    """A running server and the request that it gets repeatedly."""

    def __init__(self, system: System, case: Case) -> None:
        with closing(socket.create_server(("127.0.0.1", 0))) as free:
            self._port = free.getsockname()[1]
        self._path = "/predict" + system.query
        self.use(case)

        def limit_cpus() -> None:
            os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: system.cpus])

        self._process = subprocess.Popen(
            [sys.executable, *system.command, str(self._port)],
            cwd=_ROOT,
            env={**os.environ, "PYTHONPATH": f"{_ROOT / 'lambda_src'}:{_ROOT}", **system.env},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=limit_cpus,
        )

    def use(self, case: Case) -> None:
        """Send another request from now on."""
        self._body, content_type = case.form()
        self._headers = {"Content-Type": content_type}
        self._case = case

    def wait(self) -> list[int]:
        """Wait until it responds; return the number of vehicles in each picture."""
        end = time.monotonic() + _START_SECONDS
        while time.monotonic() < end and self._process.poll() is None:
            with suppress(OSError, http.client.HTTPException):
                return [len(picture) for picture in json.loads(self.answer())]
            time.sleep(0.2)
        raise RuntimeError("The server did not start.")

    def answer(self) -> bytes:
        """Send the request and return the body of the response."""
        with closing(http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)) as server:
            server.request("POST", self._path, self._body, self._headers)
            response = server.getresponse()
            body = response.read()
            if response.status != 200:
                raise RuntimeError(f"status {response.status}: {body[:200]!r}")
            return body

    def load(self, clients: int, seconds: float) -> float:
        """Send requests from several clients without a pause; return pictures per second."""
        start = time.perf_counter()
        done: list[float] = []

        def ask() -> None:
            while time.perf_counter() < start + seconds:
                self.answer()
                done.append(time.perf_counter())

        threads = [threading.Thread(target=ask) for _ in range(clients)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return len(done) * self._case.pictures / (max(done) - start)

    def megabytes(self) -> float:
        """Return the memory of its processes; what they share counts once."""
        kilobytes, left = 0, [self._process.pid]
        while left:
            process = Path("/proc", str(left.pop()))
            with suppress(OSError):
                for children in process.glob("task/*/children"):
                    left += map(int, children.read_text().split())
                rollup = (process / "smaps_rollup").read_text()
                kilobytes += int(rollup.partition("\nPss:")[2].split()[0])
        return kilobytes / 1024

    def stop(self) -> None:
        """Stop it and its child processes."""
        for how in (signal.SIGINT, signal.SIGKILL):
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, how)
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(_STOP_SECONDS)


@contextmanager
def running(
    systems: Mapping[str, System], case: Case, *, alike: bool = True
) -> Iterator[dict[str, Server]]:
    """Start servers, and stop them afterwards.

    Parameters
    ----------
    alike : bool
        Whether to check that all find the same vehicles.
    """
    servers: dict[str, Server] = {}
    try:
        for name, system in systems.items():
            servers[name] = Server(system, case)
        seen = {name: server.wait() for name, server in servers.items()}
        if alike and len({str(found) for found in seen.values()}) > 1:
            raise AssertionError(f"{case}: the servers found different numbers of vehicles: {seen}")
        yield servers
    finally:
        for server in servers.values():
            server.stop()


def one_by_one(servers: Mapping[str, Server], rounds: int) -> dict[str, list[float]]:
    """Send each server one request at a time, in turns; return milliseconds."""
    times: dict[str, list[float]] = {name: [] for name in servers}
    for _ in range(rounds + 2):
        for name, server in servers.items():
            start = time.perf_counter()
            server.answer()
            times[name].append((time.perf_counter() - start) * 1000)
            rest()
    return {name: found[2:] for name, found in times.items()}


def under_load(
    servers: Mapping[str, Server], clients: int, seconds: float, rounds: int
) -> dict[str, list[float]]:
    """Put load on each server in turns; return milliseconds per picture."""
    times: dict[str, list[float]] = {name: [] for name in servers}
    for _ in range(rounds):
        for name, server in servers.items():
            times[name].append(1000 / server.load(clients, seconds))
            rest()
    return times
