"""Cold starts under Lambda's runtime and emulator, with the deployed layers."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from benchmarks.speed.contestants import event
from benchmarks.speed.pictures import Case
from tests.integration.lambda_runtime import Image, environment, lay_out, running_function
from tests.integration.tools import Tools, find_tools

_ROOT = Path(__file__).resolve().parents[2]
_FLOOR = Path(__file__).with_name("floor_handler.py")
HANDLERS = {"floor": "floor_handler.lambda_handler", "Carlens": "handler.lambda_handler"}
_PICTURE = Case(1, 1)
_WARM = 5


@contextmanager
def unpacked_function() -> Iterator[tuple[Image, Tools]]:
    """Unpack the function and its layers as in Lambda."""
    tools = find_tools()
    # Not in the temporary folder, which may be in memory and therefore never cold.
    (_ROOT / "build").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=_ROOT / "build") as folder:
        yield lay_out(Path(folder), tools.architecture, _FLOOR), tools


def cold_starts(rounds: int, *, threads: int, dropped: bool) -> dict[str, list[float]]:
    """Start the minimal function (`floor`) and Carlens in turns.

    Parameters
    ----------
    dropped : bool
        Whether to empty the page cache before each start; needs root.

    Returns
    -------
    dict of list of float
        Milliseconds: the init of `floor` and `Carlens`, the `first` request of Carlens, and the
        median of its `warm` requests. The first round is dropped.
    """
    times: dict[str, list[float]] = {"floor": [], "Carlens": [], "first": [], "warm": []}
    variables = {"CARLENS_MODELS": str(_ROOT / "models"), "CARLENS_THREADS": str(threads)}
    given = event(_PICTURE, 1)
    with unpacked_function() as (image, tools):
        for _ in range(rounds + 1):
            for name, handler in HANDLERS.items():
                if dropped:
                    drop_page_cache()
                with running_function(image, tools, env=variables, handler=handler) as function:
                    answers = [function.invoke(given) for _ in range(1 + _WARM)]
                    [init] = function.init_seconds()
                times[name].append(init * 1000)
                if name == "Carlens":
                    first, *warm = (answer.seconds * 1000 for answer in answers)
                    # The first invocation includes the init.
                    times["first"].append(first - init * 1000)
                    times["warm"].append(sorted(warm)[len(warm) // 2])
    return {name: found[1:] for name, found in times.items()}


def can_drop_page_cache() -> bool:
    """Return whether this process may empty the page cache."""
    with suppress(OSError):
        drop_page_cache()
        return True
    return False


def drop_page_cache() -> None:
    """Empty the page cache, so that files are read from disk."""
    os.sync()
    Path("/proc/sys/vm/drop_caches").write_text("3")


def profile(threads: int, most: int) -> list[tuple[str, float]]:
    """Return the modules that take most of the init, with their own time in milliseconds."""
    variables = {"CARLENS_MODELS": str(_ROOT / "models"), "CARLENS_THREADS": str(threads)}
    with unpacked_function() as (image, tools):
        command = [str(tools.python), "-S", "-P", "-X", "importtime", "-c", "import handler"]
        for _ in range(2):
            run = subprocess.run(
                command, env={**environment(image, tools), **variables}, cwd=image.task,
                check=True, capture_output=True, text=True,
            )  # fmt: skip
    spent = []
    for line in run.stderr.splitlines():
        if line.startswith("import time:") and line.count("|") == 2:
            own, _, module = line.removeprefix("import time:").split("|")
            with suppress(ValueError):
                spent.append((module.strip(), int(own) / 1000))
    return sorted(spent, key=lambda found: -found[1])[:most]
