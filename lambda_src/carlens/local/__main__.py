"""Serve Carlens on this computer: `python -m carlens.local --port 8000`."""

from __future__ import annotations

import argparse
import asyncio
import errno
import os
import re
import socket
import sys
from pathlib import Path

import yaml

from carlens.local.gateway import RECOGNITION, TIMEOUT, Gateway
from carlens.local.server import say, serve
from carlens.local.workers import Pool, WorkerDied

_ROOT = Path(__file__).resolve().parents[3]
_SOURCE = _ROOT / "lambda_src"

# By the name that the contract calls a function.
_HANDLERS = {RECOGNITION: "handler:lambda_handler", "catalog": "catalog_handler:lambda_handler"}


def main(arguments: list[str] | None = None) -> None:
    """Serve until stopped; what prevents it is said in one line."""
    options = _parser().parse_args(arguments)
    try:
        gateway = Gateway.from_openapi(_contract(options.openapi), options.stage)
        handlers = {name: options.handler or _handler_of(name) for name in gateway.functions}
        listening = _listen(options.host, options.port)
    except (OSError, ValueError) as error:
        sys.exit(str(error))
    host, port = listening.getsockname()[:2]
    address = f"http://{f'[{host}]' if ':' in host else host}:{port}{gateway.prefix}"
    workers = f"{options.workers} worker{'s' if options.workers > 1 else ''}"

    async def run() -> None:
        environment = _worker_environment()
        pools = {
            # What answers in a millisecond needs no second worker.
            name: Pool(
                options.workers if name == RECOGNITION else 1, handler, environment, options.timeout
            )
            for name, handler in handlers.items()
        }
        await serve(gateway, pools, listening, lambda: say(f"Carlens is at {address} ({workers})"))

    try:
        with listening:
            asyncio.run(run())
    except WorkerDied:
        which = " or ".join(dict.fromkeys(handlers.values()))
        sys.exit(f"The handler {which} could not be loaded; the reason is above.")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m carlens.local",
        description="Serve Carlens on this computer, as API Gateway and Lambda do on AWS.",
    )
    add = parser.add_argument
    add("--port", type=_port, default=8000, help="the port; 0 takes a free one (8000)")
    add("--host", default="127.0.0.1", help="the address to listen on (127.0.0.1)")
    add(
        "--workers",
        type=_workers,
        default=min(os.cpu_count() or 1, 4),
        help="how many photo requests run at once, each in its own process (one a CPU, at most 4)",
    )
    add("--stage", type=_stage, help="serve below /STAGE, as a deployed API does")
    add(
        "--timeout",
        type=_seconds,
        default=TIMEOUT,
        help=f"seconds until a request gets a 504 ({TIMEOUT:g})",
    )
    add(
        "--handler",
        type=_handler,
        help=f"one Lambda handler for all routes (by route {' or '.join(_HANDLERS.values())})",
    )
    add(
        "--openapi",
        type=Path,
        default=_SOURCE / "openapi.yaml",
        help="the contract (lambda_src/openapi.yaml)",
    )
    return parser


def _contract(path: Path) -> dict[str, object]:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        with path.open("rb") as file:
            contract = yaml.load(file, loader)  # noqa: S506  # a safe loader, in C
    except yaml.YAMLError as error:
        raise ValueError(f"{path} is not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(contract, dict) or "paths" not in contract:
        raise ValueError(f"{path} is no OpenAPI document: it has no paths.")
    return contract


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=128)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise OSError(
                f"Port {port} is in use. Stop the program that has it, or take another port: "
                f"python -m carlens.local --port {port + 1 if port < 65535 else 8000}"
            ) from error
        raise OSError(f"Cannot listen on {host} port {port}: {error.strerror}") from error


def _handler_of(function: str) -> str:
    if function not in _HANDLERS:
        raise ValueError(
            f"The contract leads to the function {function!r}; known are {', '.join(_HANDLERS)}."
        )
    return _HANDLERS[function]


def _worker_environment() -> dict[str, str]:
    # Each worker may use all CPUs: under load that costs 3 %, and alone it saves a third.
    paths = [str(_SOURCE), str(_ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}


def _port(text: str) -> int:
    return int(_number(text, r"\d+", 0, 65535))


def _workers(text: str) -> int:
    return int(_number(text, r"\d+", 1, 64))


def _seconds(text: str) -> float:
    return _number(text, r"\d+(\.\d+)?", 0.01, 900)


def _number(text: str, form: str, low: float, high: float) -> float:
    if not re.fullmatch(form, text, re.ASCII) or not low <= float(text) <= high:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from {low} to {high}")
    return float(text)


def _stage(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,128}", text):
        raise argparse.ArgumentTypeError(f"{text!r} is not letters, digits, - and _")
    return text


def _handler(text: str) -> str:
    if not re.fullmatch(r"[\w.]+:\w+", text):
        raise argparse.ArgumentTypeError(f"{text!r} is not module:function")
    return text


if __name__ == "__main__":
    main()
