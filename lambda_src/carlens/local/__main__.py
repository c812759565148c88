"""Serve Carlens on this computer: `python -m carlens.local --port 8000`."""

from __future__ import annotations

import argparse
import asyncio
import errno
import os
import re
import secrets
import socket
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

import yaml

from carlens.config import UPLOADS_SECRET, Config
from carlens.http.contract import contract_path
from carlens.local.gateway import RECOGNITION, TIMEOUT, Gateway
from carlens.local.server import print_line, serve
from carlens.local.upload_store import STORE_PATH, UploadStore
from carlens.local.workers import Pool, WorkerDied
from carlens.ranges import T, read_number

# The folder that contains the package `carlens`.
_PACKAGE_PARENT = Path(__file__).resolve().parents[2]

# By the name of the function in the contract.
_HANDLERS = {
    RECOGNITION: "carlens.functions.recognition:lambda_handler",
    "catalog": "carlens.functions.catalog:lambda_handler",
}


def main(arguments: list[str] | None = None) -> None:
    """Run the server until it is stopped; report a startup error in one line."""
    options = _parser().parse_args(arguments)
    try:
        config = Config.from_env()
        gateway = Gateway.from_openapi(_read_contract(options.openapi), options.stage)
        handlers = {name: options.handler or _handler_of(name) for name in gateway.functions}
        listening = _listen(options.host, options.port)
    except (OSError, ValueError) as error:
        sys.exit(str(error))
    try:
        with listening, tempfile.TemporaryDirectory(prefix="carlens-uploads-") as folder:
            asyncio.run(_run(options, config, gateway, handlers, listening, Path(folder)))
    except WorkerDied:
        names = " or ".join(dict.fromkeys(handlers.values()))
        sys.exit(f"The handler {names} could not be loaded; see the error above.")


async def _run(
    options: argparse.Namespace,
    config: Config,
    gateway: Gateway,
    handlers: Mapping[str, str],
    listening: socket.socket,
    uploads: Path,
) -> None:
    environment = _worker_environment(custom_handler=options.handler is not None)
    store = None
    # A bucket of the user's is used in place of the local store.
    if not environment.get("CARLENS_UPLOADS"):
        secret = secrets.token_hex(32)
        store = UploadStore(uploads, secret, cors_origins=config.cors_origins)
        environment |= {
            "CARLENS_UPLOADS": str(uploads),
            "CARLENS_UPLOADS_URL": STORE_PATH,
            UPLOADS_SECRET: secret,
        }
    environment.setdefault("CARLENS_ANONYMIZE", "yes")
    pools = {
        # The catalog responds within a millisecond, so one worker is enough.
        name: Pool(
            options.workers if name == RECOGNITION else 1, handler, environment, options.timeout
        )
        for name, handler in handlers.items()
    }
    host, port = listening.getsockname()[:2]
    url = f"http://{f'[{host}]' if ':' in host else host}:{port}{gateway.prefix}"
    workers = f"{options.workers} worker{'s' if options.workers > 1 else ''}"
    await serve(
        gateway, pools, listening, lambda: print_line(f"Carlens is at {url} ({workers})"), store
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m carlens.local",
        description="Serve Carlens on this computer, as API Gateway and Lambda do on AWS.",
    )
    add = parser.add_argument
    add(
        "--port",
        type=_number_type(int, 0, 65535),
        default=8000,
        help="the port to listen on; 0 picks a free port (default: 8000)",
    )
    add("--host", default="127.0.0.1", help="the address to listen on (default: 127.0.0.1)")
    add(
        "--workers",
        type=_number_type(int, 1, 64),
        default=min(os.cpu_count() or 1, 4),
        help="the number of photo requests handled at once, each in its own process "
        "(default: one per CPU, at most 4)",
    )
    add("--stage", type=_stage, help="serve under /STAGE, as a deployed API does")
    add(
        "--timeout",
        type=_number_type(float, 0.01, 900.0),
        default=TIMEOUT,
        help=f"seconds after which a request gets status 504 (default: {TIMEOUT:g})",
    )
    add(
        "--handler",
        type=_handler,
        help="a Lambda handler for all routes, as module:function; the module may be in the "
        "current directory (default: the handlers of Carlens)",
    )
    add(
        "--openapi",
        type=Path,
        default=contract_path(),
        help="the OpenAPI document to serve (default: the contract of Carlens)",
    )
    return parser


def _read_contract(path: Path) -> dict[str, object]:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        with path.open("rb") as file:
            contract = yaml.load(file, loader)  # noqa: S506 - both loaders are safe
    except yaml.YAMLError as error:
        raise ValueError(f"{path} is not valid YAML: {' '.join(str(error).split())}") from error
    if not isinstance(contract, dict) or "paths" not in contract:
        raise ValueError(f"{path} is not an OpenAPI document: it has no paths.")
    return contract


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=128)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise OSError(
                f"Port {port} is in use. Stop the program that uses it, or choose another port: "
                f"python -m carlens.local --port {port + 1 if port < 65535 else 8000}"
            ) from error
        raise OSError(f"Cannot listen on {host} port {port}: {error.strerror}") from error


def _handler_of(function: str) -> str:
    if function not in _HANDLERS:
        raise ValueError(
            f"The contract names the unknown function {function!r}; "
            f"the functions are {', '.join(_HANDLERS)}."
        )
    return _HANDLERS[function]


def _worker_environment(*, custom_handler: bool) -> dict[str, str]:
    folders = [
        str(_PACKAGE_PARENT),
        *([str(Path.cwd())] if custom_handler else []),
        *filter(None, [os.environ.get("PYTHONPATH")]),
    ]
    # Each worker may use all CPUs: this costs 3 % under load and saves a third for one request.
    return {**os.environ, "PYTHONPATH": os.pathsep.join(folders)}


def _number_type(parse: Callable[[str], T], low: T, high: T) -> Callable[[str], T]:
    def read(text: str) -> T:
        try:
            return read_number(text, parse, low, high)
        except ValueError as error:
            raise argparse.ArgumentTypeError(f"{error}, not {text!r}") from error

    return read


def _stage(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,128}", text):
        raise argparse.ArgumentTypeError(
            f"it must consist of letters, digits, - and _, not {text!r}"
        )
    return text


def _handler(text: str) -> str:
    if not re.fullmatch(r"[\w.]+:\w+", text):
        raise argparse.ArgumentTypeError(f"it must have the form module:function, not {text!r}")
    return text


if __name__ == "__main__":
    main()
