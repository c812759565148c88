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
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from benchmarks.speed.duel import rest
from benchmarks.speed.pictures import Case

_ROOT = Path(__file__).resolve().parents[2]
_HERE = "benchmarks.speed.services"
_START_SECONDS = 60
_STOP_SECONDS = 10
# Started as users start them, with all CPUs. Carlens uses one pass because the others do.
SERVERS: Mapping[str, Sequence[str]] = {
    "Carlens": ("-m", "carlens.local", "--port"),
    "FastAPI": ("-m", f"{_HERE}.fastapi_service"),
    "LitServe": ("-m", f"{_HERE}.litserve_service"),
    "BentoML": ("-m", "bentoml", "serve", f"{_HERE}.bentoml_service:Vehicles", "--port"),
}
_QUERY = "?slices=1"


class Server:
    """A running server and the request that it gets repeatedly."""

    def __init__(self, name: str, case: Case) -> None:
        with closing(socket.create_server(("127.0.0.1", 0))) as free:
            self._port = free.getsockname()[1]
        self._path = "/predict" + (_QUERY if name == "Carlens" else "")
        self._body, content_type = case.form()
        self._headers = {"Content-Type": content_type}
        self._case = case
        self._process = subprocess.Popen(
            [sys.executable, *SERVERS[name], str(self._port)],
            cwd=_ROOT,
            env={**os.environ, "PYTHONPATH": f"{_ROOT / 'lambda_src'}:{_ROOT}"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

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

    def stop(self) -> None:
        """Stop it and its child processes."""
        for how in (signal.SIGINT, signal.SIGKILL):
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, how)
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(_STOP_SECONDS)


@contextmanager
def running(names: Sequence[str], case: Case) -> Iterator[dict[str, Server]]:
    """Start servers, check that all find the same vehicles, and stop them afterwards."""
    servers: dict[str, Server] = {}
    try:
        for name in names:
            servers[name] = Server(name, case)
        seen = {name: server.wait() for name, server in servers.items()}
        if len({str(found) for found in seen.values()}) > 1:
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
