"""What a thousand pictures cost on Lambda, by memory size.

    python -m benchmarks.cost

Runs the handler on one request of four pictures of about a megapixel under the CPU share that
Lambda gives each memory size (1,769 MB is one vCPU), and prices the median. It needs a machine
with as many CPUs and, for parts of one, the right to make a control group.
"""

from __future__ import annotations

import argparse
import contextlib
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

MB_PER_VCPU = 1769
# us-east-1, x86_64, in dollars, as AWS's price lists had them in 2026.
DOLLARS_PER_GB_SECOND = 0.0000166667
DOLLARS_PER_INVOCATION = 0.20 / 1_000_000
DOLLARS_PER_API_REQUEST = 3.50 / 1_000_000

SIZES = (1024, 1769, 2654, 3538)
RUNS = 15
PICTURES = 4
PERIOD_US = 100_000


@dataclass(frozen=True)
class Row:
    """One memory size: megabytes, vCPUs, milliseconds a picture, dollars a thousand pictures."""

    memory: int
    vcpus: float
    ms_per_picture: float
    dollars_per_thousand: float


def price(memory: int, ms_per_picture: float) -> float:
    """Give the dollars that a thousand pictures cost, four in each request."""
    requests = 1000 / PICTURES
    # A thousand take as many seconds as one takes milliseconds.
    compute = ms_per_picture * memory / 1024 * DOLLARS_PER_GB_SECOND
    return compute + requests * (DOLLARS_PER_INVOCATION + DOLLARS_PER_API_REQUEST)


def measure(memory: int, runs: int) -> Row:
    """Run the handler in a process of its own under the share of `memory`."""
    vcpus = memory / MB_PER_VCPU
    with _share(vcpus) as group:
        command = [sys.executable, "-m", "benchmarks.cost", "--worker", str(runs)]
        environment = {**os.environ, "CARLENS_THREADS": str(max(1, round(vcpus)))}

        def prepare() -> None:
            (group / "cgroup.procs").write_text(str(os.getpid()))

        run = subprocess.run(
            command, env=environment, check=True, capture_output=True, text=True, preexec_fn=prepare
        )
    ms = float(run.stdout)
    return Row(memory, round(vcpus, 2), round(ms, 1), round(price(memory, ms), 4))


@contextlib.contextmanager
def _share(vcpus: float) -> Iterator[Path]:
    """Make a control group with a share of the CPUs."""
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


def _worker(runs: int) -> None:
    """Print the median milliseconds a picture of warm requests."""
    import handler

    given = event(Case(PICTURES, 1), slices=2)
    times = []
    for _ in range(runs + 2):
        start = time.perf_counter()
        answer = handler.lambda_handler(given, None)
        times.append((time.perf_counter() - start) * 1000)
        assert answer["statusCode"] == 200
        assert len(json.loads(answer["body"])) == PICTURES
    print(statistics.median(times[2:]) / PICTURES)


def table(sizes: Sequence[int] = SIZES, runs: int = RUNS) -> list[Row]:
    """Measure and print a row for each memory size."""
    print("| memory, MB | vCPUs | ms a picture | $ a thousand pictures |\n|---|---|---|---|")
    rows = []
    for memory in sizes:
        rows.append(measure(memory, runs))
        print("| " + " | ".join(map(str, asdict(rows[-1]).values())) + " |", flush=True)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description="What a thousand pictures cost on Lambda.")
    parser.add_argument("--memory", type=int, nargs="*", default=SIZES)
    parser.add_argument("--runs", type=int, default=RUNS)
    parser.add_argument("--worker", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        _worker(arguments.worker)
        return
    table(arguments.memory, arguments.runs)


if __name__ == "__main__":
    main()
