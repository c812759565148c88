"""Find a Python of Lambda's version on this machine: only it makes bytecode Lambda reads."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from infra.layers.contents import PYTHON

_TAG = "cpython-" + PYTHON.replace(".", "")


@cache
def find_python() -> Path | None:
    """Give the first Python of Lambda's version, or None after saying what that costs.

    Looked for as the running one, on PATH, among pyenv's and among uv's.
    """
    for candidate in _candidates():
        asked = "import sys; print(sys.implementation.cache_tag, sys.executable, sep='\\n')"
        tag, _, executable = _output(candidate, "-I", "-S", "-c", asked).partition("\n")
        if tag == _TAG:
            return Path(executable)
    print(
        f"layers: no Python {PYTHON} on this machine, so they carry no bytecode, and the function"
        f" starts slower; install Python {PYTHON} and build again",
        file=sys.stderr,
        flush=True,
    )
    return None


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
    """Run a command that may not exist, and give what it prints, or nothing."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return "" if done.returncode else done.stdout.strip()
