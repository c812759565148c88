"""Resolve and install wheels for Lambda with uv, whatever Python and machine run this."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Sequence
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

from infra.layers.contents import PLATFORMS, PYTHON, Architecture, LayerError

# The dependencies of onnxruntime (flatbuffers, packaging, protobuf, sympy) serve only its tools for
# making models, which are pruned.
_OPTIONS = (
    *("--no-deps", "--only-binary=:all:", f"--python-version={PYTHON}"),
    *("--quiet", "--color=never"),
)

# uv adds these to the files of a wheel; some depend on where and when it found the wheel.
_ADDED_BY_UV = (
    ".lock",
    "*.dist-info/INSTALLER",
    "*.dist-info/REQUESTED",
    "*.dist-info/direct_url.json",
    "*.dist-info/uv_*.json",
)


def resolve(requirements: Path, architecture: Architecture) -> list[str]:
    """Choose the wheel of each requirement.

    Returns
    -------
    list of str
        One line for each package, `name==version --hash=sha256:...`, sorted by name.

    Raises
    ------
    LayerError
        A package has no wheel for Lambda, or the package registry is not reachable.
    """
    lock = _uv("compile", "--format=pylock.toml", str(requirements), architecture=architecture)
    return [_line(package) for package in tomllib.loads(lock)["packages"]]


def install(locked: Sequence[str], architecture: Architecture, target: Path) -> None:
    """Install locked wheels into a folder.

    Parameters
    ----------
    locked : sequence of str
        Lines of a lock file; each wheel must match one of its hashes.
    architecture : {"x86_64", "arm64"}
        Architecture of the function.
    target : Path
        The folder; made if it does not exist.

    Raises
    ------
    LayerError
        A wheel is not available, does not match its hash, or contains a symbolic link; or two
        wheels contain the same file.
    """
    _uv(
        *("install", "--require-hashes", f"--target={target}", "--requirements=-"),
        # A hard link would let changes of mode and time reach uv's cache.
        "--link-mode=copy",
        architecture=architecture,
        stdin="\n".join(locked),
    )
    for pattern in _ADDED_BY_UV:
        for path in target.glob(pattern):
            path.unlink()
    _check_files(target)


def _line(package: dict[str, Any]) -> str:
    hashes = [f"--hash=sha256:{wheel['hashes']['sha256']}" for wheel in package["wheels"]]
    return " ".join([f"{package['name']}=={package['version']}", *hashes])


def _check_files(target: Path) -> None:
    packages = distributions(path=[str(target)])
    recorded = Counter(str(file) for package in packages for file in package.files or ())
    if shared := sorted(file for file, count in recorded.items() if count > 1):
        raise LayerError(f"Two wheels contain the same file: {', '.join(shared)}.")
    if links := sorted(str(path) for path in target.rglob("*") if path.is_symlink()):
        raise LayerError(f"A wheel contains symbolic links: {', '.join(links)}.")


def _uv(*arguments: str, architecture: Architecture, stdin: str = "") -> str:
    from uv import find_uv_bin  # LocalStack's environment reads built layers and has no uv

    done = subprocess.run(
        [
            *(find_uv_bin(), "pip", *arguments, *_OPTIONS),
            *(f"--python={sys.executable}", f"--python-platform={PLATFORMS[architecture]}"),
        ],
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise LayerError(
            f"`uv pip {arguments[0]}` failed; it needs access to the package registry. "
            f"Its output:\n{done.stderr.strip()}"
        )
    return done.stdout
