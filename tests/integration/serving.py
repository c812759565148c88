"""Starts and stops the local server for tests."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

_START_SECONDS = 60
_POLL_SECONDS = 60
_STOP_SECONDS = 60


def wait_until(condition: Callable[[], bool], message: Callable[[], str]) -> None:
    """Poll until `condition` holds.

    Raises
    ------
    AssertionError
        The condition does not hold within a minute; the text comes from `message`.
    """
    end = time.monotonic() + _POLL_SECONDS
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(message())
        time.sleep(0.01)


@dataclass
class RunningServer:
    """A server process and its output so far."""

    process: subprocess.Popen[str]
    url: str = ""
    lines: list[str] = field(default_factory=list)
    _ready: threading.Event = field(default_factory=threading.Event)
    _ended: threading.Event = field(default_factory=threading.Event)

    @property
    def output(self) -> str:
        return "".join(self.lines)

    def line_with(self, text: str) -> str:
        """Wait for a line of output that contains `text`, and return it."""
        found: list[str] = []

        def look() -> bool:
            found.extend(line for line in list(self.lines) if text in line)
            return bool(found)

        wait_until(look, lambda: f"no line with {text!r} in:\n{self.output}")
        return found[0].rstrip("\n")

    def wait_until_ready(self) -> None:
        threading.Thread(target=self._read, daemon=True).start()
        if not self._ready.wait(_START_SECONDS) or not self.url:
            raise AssertionError(f"The server did not start. Its output:\n{self.output}")

    def stop(self) -> int:
        """Stop the server as a service manager would, and return its exit code."""
        self.process.terminate()
        return self.wait_until_stopped()

    def wait_until_stopped(self) -> int:
        """Wait until the server has exited and its output is complete; return its exit code."""
        try:
            code = self.process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired as error:
            raise AssertionError(f"The server did not stop. Its output:\n{self.output}") from error
        if not self._ended.wait(_STOP_SECONDS):
            raise AssertionError("The server has exited, but something keeps its output open.")
        return code

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self.lines.append(line)
            if found := re.match(r"Carlens is at (\S+) \(\d+ workers?\)\n", line):
                self.url = found[1]
                self._ready.set()
        self._ready.set()
        self._ended.set()


@contextmanager
def start_server(*args: str, env: Mapping[str, str] | None = None) -> Iterator[RunningServer]:
    """Run `python -m carlens.local` with `args` on a free port and stop it afterwards.

    Parameters
    ----------
    args : str
        Command-line options of the server.
    env : Mapping, optional
        Additional environment variables.

    Raises
    ------
    AssertionError
        It did not start or did not stop; the message contains its output.
    """
    process = subprocess.Popen(
        [sys.executable, "-m", "carlens.local", "--port", "0", *args],
        cwd=ROOT,
        env={**os.environ, **(env or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    with process:
        try:
            server = RunningServer(process)
            server.wait_until_ready()
            yield server
            if process.poll() is None:
                server.stop()
        finally:
            process.kill()


@contextmanager
def running_server(*args: str, env: Mapping[str, str] | None = None) -> Iterator[str]:
    """Like `start_server`, but return only the base URL."""
    with start_server(*args, env=env) as server:
        yield server.url
