"""Runs the function as Lambda does: its asset and layers under the real runtime and its emulator.

    with running_function(lay_out(folder, "x86_64"), tools) as function:
        result = function.invoke(event)

No site-packages are on the path, and only the variables that Lambda sets are defined.
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

from infra.layers import HANDLER_MODULES, Architecture, build_layers, stage_code
from infra.layers import FunctionName as Name
from infra.layers.contents import PYTHON
from tests.integration.tools import Tools

_PATH = "/2015-03-31/functions/function/invocations"
_START_SECONDS = 60.0
_STOP_SECONDS = 30.0


@dataclass(frozen=True)
class Image:
    """The files that Lambda unpacks for a function.

    Attributes
    ----------
    task : Path
        The asset of the function; `/var/task` in Lambda.
    opt : Path
        All layers in one folder; `/opt` in Lambda.
    """

    task: Path
    opt: Path


def lay_out(
    folder: Path, architecture: Architecture, *more: Path, function: Name = "recognition"
) -> Image:
    """Copy a function and its layers to an empty folder.

    Parameters
    ----------
    architecture : {"x86_64", "arm64"}
    function : {"recognition", "catalog"}
        The function whose layers are copied.
    more : Path
        Additional modules, copied next to those of the function.
    """
    image = Image(folder / "var" / "task", folder / "opt")
    shutil.copytree(stage_code(HANDLER_MODULES[function]), image.task)
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
class InvocationResult:
    """The result of an invocation.

    Attributes
    ----------
    payload : bytes
        What the function returned, or a description of its error.
    seconds : float
        The time from the request to the response.
    """

    payload: bytes
    seconds: float

    @property
    def error(self) -> str | None:
        """The type of the error, or None if the function returned."""
        if self.payload.startswith(b"Task timed out after "):  # the message of the emulator
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
        """The body of the proxy response, parsed as JSON."""
        return json.loads(self.proxy["body"])


class Process:
    """A running program and its output so far, in lines."""

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
        """Wait until it exits and return its exit code."""
        code = self._process.wait(seconds)
        self._reader.join(_STOP_SECONDS)
        return code

    def line_with(self, text: str, seconds: float = 60.0) -> str:
        """Wait for a line that contains `text` and return it."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for line in list(self.lines):
                if text in line:
                    return line.rstrip("\n")
            time.sleep(0.01)
        raise AssertionError(f"no line with {text!r} in:\n{self.output}")

    def logged(self) -> list[dict[str, Any]]:
        """Return the lines that are JSON objects."""
        documents = []
        for line in list(self.lines):
            if line.startswith("{"):
                documents.append(json.loads(line))
        return documents

    def children(self) -> list[int]:
        """Return the IDs of its running child processes."""
        found: list[int] = []
        for file in Path(f"/proc/{self.pid}/task").glob("*/children"):
            with suppress(OSError):
                found += map(int, file.read_text().split())
        return found

    def stop(self, *, gracefully: bool = True) -> None:
        """Stop it and its child processes; kill it at once unless `gracefully` is true."""
        children = self.children()
        try:
            if not gracefully:
                self._process.kill()
            self._process.terminate()
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(_STOP_SECONDS)
        for child in children:  # they still run if the emulator was killed
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
    """The emulator; it starts the function on the first invocation."""

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
        self._timeout = float(env["AWS_LAMBDA_FUNCTION_TIMEOUT"]) + _START_SECONDS
        # Like an environment in Lambda, the emulator handles one invocation at a time.
        self._one_at_a_time = threading.Lock()

    def wait_until_ready(self) -> None:
        """Wait until the emulator accepts connections."""
        end = time.monotonic() + _START_SECONDS
        while time.monotonic() < end and self.exit_code is None:
            with suppress(OSError), socket.create_connection(("127.0.0.1", self._port), 1):
                return
            time.sleep(0.01)
        raise AssertionError(f"The emulator did not start. Its output:\n{self.output}")

    def invoke(self, event: object) -> InvocationResult:
        """Invoke the function with an event."""
        return self.invoke_bytes(json.dumps(event).encode())

    def invoke_bytes(self, payload: bytes) -> InvocationResult:
        """Invoke the function with bytes, which need not be JSON."""
        emulator = http.client.HTTPConnection("127.0.0.1", self._port, timeout=self._timeout)
        with self._one_at_a_time, closing(emulator):
            start = time.monotonic()
            emulator.request("POST", _PATH, payload)
            data = emulator.getresponse().read()
            return InvocationResult(data, time.monotonic() - start)

    def init_seconds(self) -> list[float]:
        """Return the durations of all inits so far, as the emulator reports them."""
        reports = re.findall(r"INIT REPORT\(durationMs: ([\d.]+)\)", self.output)
        return [float(milliseconds) / 1000 for milliseconds in reports]

    def peak_memory(self) -> int:
        """Return the peak memory of the running process in bytes."""
        [process] = self.children()
        status = Path(f"/proc/{process}/status").read_text()
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
    """Run the function in the emulator on free local ports, and stop it afterwards.

    Parameters
    ----------
    env : Mapping, optional
        Environment variables of the function.
    timeout : int
        The timeout of the function in seconds; the first invocation includes the init.
    options : sequence of str
        Command-line options of the emulator.
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
    """Return the command that starts the runtime client without site-packages."""
    return [tools.python, "-S", "-P", "-m", "awslambdaric", handler]


def environment(image: Image, tools: Tools, timeout: int = 29) -> dict[str, str]:
    """Return the variables that Lambda sets, including the search path of its Python image."""
    packages = image.opt / "python" / "lib" / f"python{PYTHON}" / "site-packages"
    path = (image.task, packages, image.opt / "python", tools.runtime)
    return {
        "PATH": "/usr/bin:/bin",
        "LANG": "en_US.UTF-8",
        "TZ": ":UTC",
        "PYTHONPATH": os.pathsep.join(map(str, path)),
        "PYTHONDONTWRITEBYTECODE": "1",  # /var/task and /opt are read-only in Lambda
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
    """Return free ports of the loopback interface."""
    with closing(socket.socket()) as first:
        first.bind(("127.0.0.1", 0))
        taken = [first.getsockname()[1]]
        return taken + (free_ports(count - 1) if count > 1 else [])
