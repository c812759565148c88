"""Lock files: for each architecture, one wheel of each package, by its SHA-256."""

from __future__ import annotations

import re
from pathlib import Path

from infra.layers.contents import LAYERS, PYTHON, ROOT, Architecture, LayerError
from infra.layers.wheels import resolve

REQUIREMENTS = ROOT / "lambda_src" / "requirements.txt"
LOCKS = ROOT / "infra" / "locks"

_PINNED = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)==([^\s;,*]+)(?: --hash=\S+)*")


def read_lock(architecture: Architecture, *, locks: Path = LOCKS) -> dict[str, str]:
    """Read a lock file, and check it against the requirements.

    Returns
    -------
    dict of str to str
        Normalized package name -> its line, `name==version --hash=sha256:...`.

    Raises
    ------
    LayerError
        The lock is missing or stale, a version is not pinned, or a package has no layer.
    """
    path = locks / f"{architecture}.txt"
    if not path.is_file():
        raise LayerError(f"There is no lock file for {architecture}: run `make lock`.")
    locked = path.read_text(encoding="utf-8")
    check_lock(REQUIREMENTS.read_text(encoding="utf-8"), locked, path.name)
    return _lines(locked)


def check_lock(requirements: str, locked: str, name: str) -> None:
    """Check that a lock matches the requirements, and that each package is in one layer.

    Raises
    ------
    LayerError
        They do not match; the message names the packages.
    """
    wanted, pinned = _pins(requirements), _pins(locked)
    stale = sorted(p for p in wanted | pinned if wanted.get(p) != pinned.get(p))
    if stale:
        raise LayerError(
            f"The lock {name} does not match lambda_src/requirements.txt "
            f"({', '.join(stale)}): run `make lock`."
        )
    placed = [package for layer in LAYERS for package in layer.packages]
    misplaced = sorted(p for p in {*wanted, *placed} if p not in wanted or placed.count(p) != 1)
    if misplaced:
        raise LayerError(
            "Each package in lambda_src/requirements.txt must be in exactly one layer of "
            f"infra/layers/contents.py; check {', '.join(misplaced)}."
        )


def write_lock(architecture: Architecture, *, locks: Path = LOCKS) -> Path:
    """Resolve the requirements and write the lock file.

    Raises
    ------
    LayerError
        A package has no wheel for Lambda, or the package registry is not reachable.
    """
    header = (
        f"# The wheels of the layers for Lambda python{PYTHON} on {architecture}.\n"
        "# Made by `make lock` from lambda_src/requirements.txt.\n"
    )
    lines = resolve(REQUIREMENTS, architecture)
    locks.mkdir(exist_ok=True)
    path = locks / f"{architecture}.txt"
    path.write_text(header + "\n".join(lines) + "\n", encoding="utf-8")
    return path


def _pins(text: str) -> dict[str, str]:
    return {name: line.split()[0].partition("==")[2] for name, line in _lines(text).items()}


def _lines(text: str) -> dict[str, str]:
    """Map the normalized name of each package to its line, without comments."""
    lines = {}
    for raw in text.splitlines():
        line = re.sub(r"(^|\s)#.*", "", raw).strip()
        if line and (pin := _PINNED.fullmatch(line)):
            lines[re.sub(r"[-_.]+", "-", pin[1]).lower()] = line
        elif line:
            raise LayerError(f"The layers need `name==version` on each line; change `{line}`.")
    return lines
