"""Starts and stops the real local server for tests."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

_START_SECONDS = 60
_STOP_SECONDS = 5


@dataclass
class RunningServer:
    """A server process, and what it has printed so far."""

    process: subprocess.Popen[str]
    url: str = ""
    lines: list[str] = field(default_factory=list)
    _ready: threading.Event = field(default_factory=threading.Event)
    _ended: threading.Event = field(default_factory=threading.Event)

    @property
    def output(self) -> str:
        return "".join(self.lines)

    def wait_until_ready(self) -> None:
        threading.Thread(target=self._read, daemon=True).start()
        if not self._ready.wait(_START_SECONDS) or not self.url:
            raise AssertionError(f"The server did not start. It said:\n{self.output}")

    def stop(self) -> int:
        """Stop it as Ctrl-C in a service manager would, and return its exit code."""
        self.process.terminate()
        try:
            code = self.process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired as error:
            raise AssertionError(f"The server did not stop. It said:\n{self.output}") from error
        self._ended.wait(_STOP_SECONDS)
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
    """Run `python -m carlens.local` with `args` on a free port, and stop it afterwards.

    Parameters
    ----------
    args : str
        Options of the server.
    env : Mapping, optional
        Environment variables to add.

    Raises
    ------
    AssertionError
        It did not start, or did not stop; the message has its output.
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
    """Do as `start_server`, and give the base URL alone."""
    with start_server(*args, env=env) as server:
        yield server.url
