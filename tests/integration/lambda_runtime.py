"""A copy of the function as in Lambda: its asset, its layers, the real runtime and emulator.

    with running_function(lay_out(folder, "x86_64"), tools) as function:
        answer = function.invoke(event)

Nothing else is on the path: no site-packages, and no variables but those that Lambda sets.
"""

from __future__ import annotations

import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.layers import Architecture, build_layers, stage_code
from infra.layers import FunctionName as Name
from infra.layers.contents import PYTHON
from tests.integration.tools import Tools

_PATH = "/2015-03-31/functions/function/invocations"
_START_SECONDS = 20.0
_STOP_SECONDS = 5.0


@dataclass(frozen=True)
class Image:
    """What Lambda unpacks for a function.

    Attributes
    ----------
    task : Path
        The function's asset; `/var/task` there.
    opt : Path
        The layers, one over the other; `/opt` there.
    """

    task: Path
    opt: Path


def lay_out(
    folder: Path, architecture: Architecture, *more: Path, function: Name = "recognition"
) -> Image:
    """Lay a function and its layers out in an empty folder.

    Parameters
    ----------
    architecture : {"x86_64", "arm64"}
    function : {"recognition", "catalog"}
        Whose layers.
    more : Path
        Modules to put beside the function's own.
    """
    image = Image(folder / "var" / "task", folder / "opt")
    shutil.copytree(stage_code(), image.task)
    for module in more:
        shutil.copy(module, image.task)
    for layer in build_layers(architecture, function):
        shutil.copytree(layer.path, image.opt, copy_function=_link, dirs_exist_ok=True)
    return image


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:  # another file system
        shutil.copy2(source, target)


@dataclass(frozen=True)
class Answer:
    """What Lambda answers to an invocation.

    Attributes
    ----------
    payload : bytes
    seconds : float
        From the request to its answer.
    """

    payload: bytes
    seconds: float

    @property
    def error(self) -> str | None:
        """The type of the error, when the function failed and did not answer."""
        if self.payload.startswith(b"Task timed out after "):  # as the emulator says it
            return "Sandbox.Timedout"
        with suppress(ValueError):
            document = json.loads(self.payload)
            if isinstance(document, dict) and "errorMessage" in document:
                return str(document.get("errorType"))
        return None

    @property
    def proxy(self) -> dict[str, Any]:
        """The proxy response."""
        assert self.error is None, self.payload
        response: dict[str, Any] = json.loads(self.payload)
        return response

    @property
    def body(self) -> Any:
        """The JSON in the proxy response's body."""
        return json.loads(self.proxy["body"])


class Process:
    """A running program, and the lines that it has printed so far."""

    def __init__(self, command: Sequence[str | Path], env: Mapping[str, str], cwd: Path) -> None:
        self.lines: list[str] = []
        self._process = subprocess.Popen(
            command,
            env=env,
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def output(self) -> str:
        return "".join(self.lines)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        return self._process.poll()

    def wait(self, seconds: float) -> int:
        """Wait for its end and give its exit code."""
        code = self._process.wait(seconds)
        self._reader.join(_STOP_SECONDS)
        return code

    def line_with(self, text: str, seconds: float = 10.0) -> str:
        """Wait for a line that holds `text`."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for line in list(self.lines):
                if text in line:
                    return line.rstrip("\n")
            time.sleep(0.01)
        raise AssertionError(f"no line with {text!r} in:\n{self.output}")

    def logged(self) -> list[dict[str, Any]]:
        """Give the lines that are JSON objects."""
        documents = []
        for line in list(self.lines):
            if line.startswith("{"):
                documents.append(json.loads(line))
        return documents

    def children(self) -> list[int]:
        """Give the ids of the processes that it has started and that still run."""
        found: list[int] = []
        for file in Path(f"/proc/{self.pid}/task").glob("*/children"):
            with suppress(OSError):
                found += map(int, file.read_text().split())
        return found

    def stop(self, *, politely: bool = True) -> None:
        """Stop it and what it has started; without asking it first, unless `politely`."""
        children = self.children()
        try:
            if not politely:
                self._process.kill()
            self._process.terminate()
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(_STOP_SECONDS)
        for child in children:  # which the emulator has ended, unless it was killed
            with suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
        self._reader.join(_STOP_SECONDS)
        assert self._process.stdout
        self._process.stdout.close()

    def _read(self) -> None:
        assert self._process.stdout
        with suppress(ValueError):  # closed
            for line in self._process.stdout:
                self.lines.append(line)


class Function(Process):
    """The emulator with a copy of the function, which it starts at the first invocation."""

    def __init__(
        self,
        command: Sequence[str | Path],
        env: Mapping[str, str],
        cwd: Path,
        *,
        port: int,
        runtime_api: str,
    ) -> None:
        super().__init__(command, env, cwd)
        self.runtime_api = runtime_api
        self._port = port
        self._patience = float(env["AWS_LAMBDA_FUNCTION_TIMEOUT"]) + _START_SECONDS
        # Two invocations at once are too much for the emulator, as for a copy in Lambda.
        self._one_at_a_time = threading.Lock()

    def wait_until_ready(self) -> None:
        """Wait until the emulator listens."""
        end = time.monotonic() + _START_SECONDS
        while time.monotonic() < end and self.exit_code is None:
            with suppress(OSError), socket.create_connection(("127.0.0.1", self._port), 1):
                return
            time.sleep(0.01)
        raise AssertionError(f"The emulator did not start. It said:\n{self.output}")

    def invoke(self, event: object) -> Answer:
        """Send an event."""
        return self.invoke_bytes(json.dumps(event).encode())

    def invoke_bytes(self, payload: bytes) -> Answer:
        """Send what is to be an event in JSON."""
        emulator = http.client.HTTPConnection("127.0.0.1", self._port, timeout=self._patience)
        with self._one_at_a_time, closing(emulator):
            start = time.monotonic()
            emulator.request("POST", _PATH, payload)
            data = emulator.getresponse().read()
            return Answer(data, time.monotonic() - start)

    def init_seconds(self) -> list[float]:
        """Give how long each init took so far, as the emulator reports it."""
        reports = re.findall(r"INIT REPORT\(durationMs: ([\d.]+)\)", self.output)
        return [float(milliseconds) / 1000 for milliseconds in reports]

    def peak_memory(self) -> int:
        """Give the most memory that the running copy has had, in bytes."""
        [copy] = self.children()
        status = Path(f"/proc/{copy}/status").read_text()
        kilobytes = re.search(r"VmHWM:\s+(\d+) kB", status)
        assert kilobytes
        return int(kilobytes[1]) * 1024


@contextmanager
def running_function(
    image: Image,
    tools: Tools,
    *,
    env: Mapping[str, str] | None = None,
    handler: str = "handler.lambda_handler",
    timeout: int = 29,
    options: Sequence[str] = (),
) -> Iterator[Function]:
    """Run the function behind the emulator, on free loopback ports, and stop it after.

    Parameters
    ----------
    env : Mapping, optional
        The function's variables.
    timeout : int
        Seconds; the function's, which the first invocation shares with the init.
    options : sequence of str
        Of the emulator.
    """
    port, runtime_port = free_ports(2)
    runtime_api = f"127.0.0.1:{runtime_port}"
    function = Function(
        [
            tools.emulator,
            *("--log-level", "info", "--runtime-api-address", runtime_api),
            *("--runtime-interface-emulator-address", f"127.0.0.1:{port}"),
            *options,
            *runtime_command(tools, handler),
        ],
        {**environment(image, tools, timeout), **(env or {})},
        image.task,
        port=port,
        runtime_api=runtime_api,
    )
    try:
        function.wait_until_ready()
        yield function
    finally:
        function.stop()


def runtime_command(tools: Tools, handler: str) -> list[str | Path]:
    """Give the command that starts the runtime client, without site-packages."""
    return [tools.python, "-S", "-P", "-m", "awslambdaric", handler]


def environment(image: Image, tools: Tools, timeout: int = 29) -> dict[str, str]:
    """Give the variables that Lambda sets, with the search path of its Python image."""
    packages = image.opt / "python" / "lib" / f"python{PYTHON}" / "site-packages"
    path = (image.task, packages, image.opt / "python", tools.runtime)
    return {
        "PATH": "/usr/bin:/bin",
        "LANG": "en_US.UTF-8",
        "TZ": ":UTC",
        "PYTHONPATH": os.pathsep.join(map(str, path)),
        "PYTHONDONTWRITEBYTECODE": "1",  # /var/task and /opt are read-only there
        "LAMBDA_TASK_ROOT": str(image.task),
        "AWS_EXECUTION_ENV": f"AWS_Lambda_python{PYTHON}",
        "AWS_REGION": "eu-west-3",
        "AWS_DEFAULT_REGION": "eu-west-3",
        "AWS_ACCESS_KEY_ID": "none",
        "AWS_SECRET_ACCESS_KEY": "none",
        "AWS_LAMBDA_FUNCTION_NAME": "carlens",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1769",
        "AWS_LAMBDA_FUNCTION_TIMEOUT": str(timeout),
        "AWS_LAMBDA_LOG_FORMAT": "JSON",
        "AWS_LAMBDA_LOG_LEVEL": "INFO",
    }


def free_ports(count: int) -> list[int]:
    """Give ports of the loopback that nobody listens on now."""
    with closing(socket.socket()) as first:
        first.bind(("127.0.0.1", 0))
        taken = [first.getsockname()[1]]
        return taken + (free_ports(count - 1) if count > 1 else [])
