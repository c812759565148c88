"""Resolve and install wheels for Lambda with uv, whatever Python and machine run this."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Sequence
from importlib.metadata import distributions
from pathlib import Path

from uv import find_uv_bin

from infra.layers.contents import PYTHON, Architecture, LayerError, platform

# uv adds these to the files of a wheel; some depend on where it found the wheel, and when.
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
    lock = tomllib.loads(
        _uv("compile", "--format=pylock.toml", str(requirements), architecture=architecture)
    )
    return [
        " ".join(
            [
                f"{package['name']}=={package['version']}",
                *(f"--hash=sha256:{wheel['hashes']['sha256']}" for wheel in package["wheels"]),
            ]
        )
        for package in lock["packages"]
    ]


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
        "install",
        "--require-hashes",
        # A hard link would let changes of mode and time reach uv's cache.
        "--link-mode=copy",
        f"--target={target}",
        "--requirements=-",
        architecture=architecture,
        stdin="\n".join(locked),
    )
    for pattern in _ADDED_BY_UV:
        for path in target.glob(pattern):
            path.unlink()
    _check_files(target)


def _check_files(target: Path) -> None:
    recorded = Counter(
        str(file) for package in distributions(path=[str(target)]) for file in package.files or ()
    )
    if shared := sorted(file for file, count in recorded.items() if count > 1):
        raise LayerError(f"Two wheels contain the same file: {', '.join(shared)}.")
    if links := sorted(str(path) for path in target.rglob("*") if path.is_symlink()):
        raise LayerError(f"A wheel contains symbolic links: {', '.join(links)}.")


def _uv(command: str, *arguments: str, architecture: Architecture, stdin: str = "") -> str:
    done = subprocess.run(
        [
            *(find_uv_bin(), "pip", command, *arguments),
            # The dependencies of onnxruntime (flatbuffers, packaging, protobuf, sympy) serve only
            # its tools for making models, which are pruned.
            "--no-deps",
            "--only-binary=:all:",
            *(f"--python={sys.executable}", f"--python-version={PYTHON}"),
            f"--python-platform={platform(architecture)}",
            *("--quiet", "--color=never"),
        ],
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise LayerError(
            f"`uv pip {command}` failed; it needs access to the package registry. Its output:\n"
            f"{done.stderr.strip()}"
        )
    return done.stdout
