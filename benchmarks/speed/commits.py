"""Compare the handler with that of an older commit: `python -m benchmarks.speed.commits c94e361`.

Both answer the same requests in turns, each in its own process on one CPU, with its own models and
the defaults of its version. Prints the CPU time of a request, and the ratio with its quartiles.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import statistics
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks import cost
from benchmarks.speed.contestants import event_of
from benchmarks.speed.duel import Ratio
from benchmarks.speed.pictures import Case

_ROOT = Path(__file__).resolve().parents[2]
_WORKER = Path(__file__).with_name("commit_worker.py")
_WARM = 2
CASES = (Case(1, 1), Case(1, 1, grid=3), Case(4, 1), Case(8, 1), Case(1, 12))


def compare(commit: str, cases: Mapping[str, dict[str, Any]], rounds: int) -> None:
    """Print a line for each case."""
    with tempfile.TemporaryDirectory() as name:
        old = Path(name)
        packed = subprocess.run(
            ["git", "archive", commit, "lambda_src", "models"],
            cwd=_ROOT, check=True, capture_output=True,
        )  # fmt: skip
        with tarfile.open(fileobj=io.BytesIO(packed.stdout)) as archive:
            archive.extractall(old, filter="data")
        for case, given in cases.items():
            times = _take_turns({"old": old, "new": _ROOT}, given, rounds)
            ms = {tree: statistics.median(found) for tree, found in times.items()}
            ratio = Ratio.of(times, "new", "old")
            # The price of a request, however many pictures it has.
            dollars = {tree: cost.price(cost.MB_PER_VCPU, ms[tree], pictures=1) for tree in ms}
            print(
                f"{case}: {ms['old']:.1f} ms at {commit}, {ms['new']:.1f} now, ratio "
                f"{ratio.median:.2f} ({ratio.low:.2f} to {ratio.high:.2f}), dollars per 1,000 "
                f"requests {dollars['new'] / dollars['old']:.2f} x",
                flush=True,
            )


def _take_turns(
    trees: Mapping[str, Path], given: Mapping[str, Any], rounds: int
) -> dict[str, list[float]]:
    times: dict[str, list[float]] = {tree: [] for tree in trees}
    with _worker(trees["old"], given) as old, _worker(trees["new"], given) as new:
        for _ in range(rounds + _WARM):
            for tree, process in (("old", old), ("new", new)):
                assert process.stdin is not None
                assert process.stdout is not None
                process.stdin.write("\n")
                process.stdin.flush()
                times[tree].append(float(process.stdout.readline()))
    return {tree: found[_WARM:] for tree, found in times.items()}


@contextmanager
def _worker(tree: Path, given: Mapping[str, Any]) -> Iterator[subprocess.Popen[str]]:
    environment = {
        **os.environ,
        "PYTHONPATH": str(tree / "lambda_src"),
        "CARLENS_MODELS": str(tree / "models"),
        "CARLENS_THREADS": "1",
    }
    process = subprocess.Popen(
        [sys.executable, str(_WORKER)],
        env=environment, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    try:
        assert process.stdin is not None
        process.stdin.write(json.dumps(given) + "\n")
        yield process
    finally:
        process.communicate()


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.speed.commits",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("commit")
    parser.add_argument("photos", type=Path, nargs="*", help="in place of the built-in pictures")
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    cases = {str(case): event_of(case.files()) for case in CASES}
    if options.photos:
        cases = {photo.name: event_of([photo.read_bytes()]) for photo in options.photos}
    compare(options.commit, cases, options.rounds)


if __name__ == "__main__":
    main()
