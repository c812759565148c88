"""Measure the cost of a thousand pictures on Lambda by memory size.

    python -m benchmarks.cost

Runs the handler on a request of four pictures of about one megapixel with the CPU share of each
memory size (1,769 MB gives one vCPU), and computes the cost from the median time. Needs as many
CPUs as the largest size has, and the permission to create a control group.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.speed.contestants import event
from benchmarks.speed.pictures import Case
from carlens.ranges import Slices, read_slices
from operations import prices

MB_PER_VCPU = 1769

SIZES = (1280, 1769, 2654, 3538)
RUNS = 15
PICTURES = 4
# The default, and the most that "auto" takes.
SLICES: tuple[Slices, ...] = ("auto", 2)
PERIOD_US = 100_000


@dataclass(frozen=True)
class Row:
    """The result for a memory size in MB: vCPUs, ms per picture, US dollars per 1,000 pictures."""

    memory: int
    vcpus: float
    slices: Slices
    ms_per_picture: float
    dollars_per_thousand: float


def price(memory: int, ms_per_picture: float, pictures: int = PICTURES) -> float:
    """Return the cost of 1,000 pictures in US dollars, with `pictures` per request."""
    requests = 1000 / pictures
    # 1,000 pictures take as many seconds as one takes milliseconds.
    compute = ms_per_picture * memory / 1024 * prices.GB_SECOND.each
    return compute + requests * (prices.INVOCATION.each + prices.API_REQUEST.each)


def measure(memory: int, slices: Slices, runs: int) -> Row:
    """Run the handler in a new process with the CPU share of `memory` MB."""
    vcpus = memory / MB_PER_VCPU
    with _cpu_share(vcpus) as group:
        command = [sys.executable, "-m", "benchmarks.cost", "--worker", str(runs)]
        command += ["--slices", str(slices)]
        environment = {**os.environ, "CARLENS_THREADS": str(max(1, round(vcpus)))}

        def prepare() -> None:
            (group / "cgroup.procs").write_text(str(os.getpid()))

        run = subprocess.run(
            command, env=environment, check=True, capture_output=True, text=True, preexec_fn=prepare
        )
    ms = float(run.stdout)
    return Row(memory, round(vcpus, 2), slices, round(ms, 1), round(price(memory, ms), 4))


@contextlib.contextmanager
def _cpu_share(vcpus: float) -> Iterator[Path]:
    """Create a control group with a share of the CPUs."""
    root, second = Path("/sys/fs/cgroup/cpu"), Path("/sys/fs/cgroup")
    base = root if root.is_dir() else second
    group = base / f"carlens-{os.getpid()}"
    group.mkdir()
    quota = round(vcpus * PERIOD_US)
    try:
        if base == root:
            (group / "cpu.cfs_period_us").write_text(str(PERIOD_US))
            (group / "cpu.cfs_quota_us").write_text(str(quota))
        else:
            (group / "cpu.max").write_text(f"{quota} {PERIOD_US}")
        yield group
    finally:
        group.rmdir()


def _worker(slices: Slices, runs: int) -> None:
    """Print the median time of warm requests in milliseconds per picture."""
    import handler

    given = event(Case(PICTURES, 1), slices)
    times = []
    for _ in range(runs + 2):
        start = time.perf_counter()
        answer = handler.lambda_handler(given, None)
        times.append((time.perf_counter() - start) * 1000)
        assert answer["statusCode"] == 200
        assert len(json.loads(answer["body"])) == PICTURES
    print(statistics.median(times[2:]) / PICTURES)


def table(
    sizes: Sequence[int] = SIZES, slices: Sequence[Slices] = SLICES, runs: int = RUNS
) -> list[Row]:
    """Measure each memory size and print a row for it."""
    print("| memory, MB | vCPUs | slices | ms per picture | $ per 1,000 pictures |")
    print("|---|---|---|---|---|")
    rows = []
    for memory, each in itertools.product(sizes, slices):
        rows.append(measure(memory, each, runs))
        print("| " + " | ".join(map(str, asdict(rows[-1]).values())) + " |", flush=True)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.cost",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--memory", type=int, nargs="*", default=SIZES, help="memory sizes in MB")
    parser.add_argument("--slices", type=read_slices, nargs="*", default=SLICES)
    parser.add_argument("--runs", type=int, default=RUNS, help="requests for each memory size")
    parser.add_argument("--worker", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        [slices] = arguments.slices
        _worker(slices, arguments.worker)
        return
    table(arguments.memory, arguments.slices, arguments.runs)


if __name__ == "__main__":
    main()
