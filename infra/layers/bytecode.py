"""Compile sources with a Python of Lambda's version: bytecode depends on the version."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from infra.layers.contents import PYTHON, LayerError

_TAG = "cpython-" + PYTHON.replace(".", "")


@cache
def find_python() -> Path | None:
    """Find a Python of Lambda's version on this machine; without one, print a warning.

    Returns
    -------
    Path or None
        The first match among the running Python, PATH, pyenv and uv.
    """
    for candidate in _candidates():
        code = "import sys; print(sys.implementation.cache_tag, sys.executable, sep='\\n')"
        tag, _, executable = _output(candidate, "-I", "-S", "-c", code).partition("\n")
        if tag == _TAG:
            return Path(executable)
    print(
        f"layers: no Python {PYTHON} on this machine, so layers and code contain no bytecode and"
        f" the functions start more slowly; install Python {PYTHON} and build again",
        file=sys.stderr,
        flush=True,
    )
    return None


def add_bytecode(tree: Path, python: Path, *, shown_as: str) -> None:
    """Compile all sources of a tree to unchecked bytecode, so that startup reads no sources.

    Parameters
    ----------
    tree : Path
        The folder to compile.
    python : Path
        A Python of Lambda's version.
    shown_as : str
        Path of the tree in Lambda, which tracebacks show.

    Raises
    ------
    LayerError
        A source has a syntax error.
    """
    done = subprocess.run(
        [
            *(python, "-I", "-S", "-m", "compileall", "-q", "-f"),
            "--invalidation-mode=unchecked-hash",
            *("-s", tree, "-p", shown_as, tree),
        ],
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode:
        raise LayerError(f"Python {PYTHON} cannot compile a source: {done.stdout[-2000:]}")


def _candidates() -> Iterator[str]:
    if sys.implementation.cache_tag == _TAG:
        yield sys.executable
    yield f"python{PYTHON}"
    if pyenv := _output("pyenv", "root"):
        for prefix in sorted(Path(pyenv, "versions").glob(f"{PYTHON}*")):
            yield str(prefix / "bin" / "python")
    if found := _output("uv", "python", "find", "--no-python-downloads", PYTHON):
        yield found


def _output(*command: str) -> str:
    """Return the output of a command, or nothing when it fails or does not exist."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return "" if done.returncode else done.stdout.strip()
