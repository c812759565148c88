"""Measure `carlens predict --local` against one process, and its memory.

    python -m benchmarks.command FOLDER [--pictures 200] [--rounds 3]

A round runs the same pictures in one process without the command's workers, and then with one
worker for each core. The aim is a rate of 0.9 x cores x that of the one process. On a busy computer
compare the pictures per second of CPU time, which say what the workers cost. Needs Linux.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import resource
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median

from carlens.cli.local_service import cores
from carlens.cli.pictures import Picture, find_pictures
from carlens.cli.reading import read_picture
from carlens.cli.recognize import Recognizer
from carlens.cli.task import Task
from carlens.cli.workers import Workers
from carlens.config import Config

_TASK = Task("predict", {})


@dataclass(frozen=True)
class Run:
    """How long some pictures took.

    Attributes
    ----------
    pictures : int
    seconds : float
        Elapsed, without loading the models.
    cpu : float
        Of all processes, in seconds, without loading the models.
    megabytes : float
        The peak memory of the largest process.
    """

    pictures: int
    seconds: float
    cpu: float
    megabytes: float


def cpu_seconds() -> float:
    """Return the CPU time that this process and its workers have used."""
    total = 0
    for pid in ("self", *(child.pid for child in multiprocessing.active_children())):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        total += int(fields[11]) + int(fields[12])
    return total / os.sysconf("SC_CLK_TCK")


def seconds_of(work: Callable[[], None]) -> tuple[float, float]:
    """Return the elapsed seconds and the CPU time of a call."""
    start, before = time.perf_counter(), cpu_seconds()
    work()
    return time.perf_counter() - start, cpu_seconds() - before


def alone(pictures: Sequence[Picture]) -> tuple[float, float]:
    """Recognize pictures in this process, and return the seconds of it."""
    recognizer = Recognizer(Config.from_env(), _TASK)

    def work() -> None:
        for picture in pictures:
            content = read_picture(picture.path, recognizer.limits.max_bytes)
            assert isinstance(content, bytes), content
            recognizer.entry(picture.name, content)

    return seconds_of(work)


def with_workers(size: int, pictures: Sequence[Picture]) -> tuple[float, float]:
    """Recognize pictures as the command does, and return the seconds of it."""
    with Workers(size, Config.from_env(), _TASK) as workers:

        def work() -> None:
            assert sum(1 for _ in workers.recognize(pictures)) == len(pictures)

        return seconds_of(work)


def measure(pictures: Sequence[Picture], size: int | None, connection: Connection) -> None:
    """Run in this new process, so that its use of CPU and memory is that of the run."""
    seconds, cpu = alone(pictures) if size is None else with_workers(size, pictures)
    kinds = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    peak = max(resource.getrusage(kind).ru_maxrss for kind in kinds) / 1024
    connection.send(Run(len(pictures), seconds, cpu, peak))


def run(pictures: Sequence[Picture], size: int | None) -> Run:
    """Return the measurement of a run in a new process."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=measure, args=(pictures, size, theirs))
    process.start()
    theirs.close()
    result: Run = ours.recv()
    process.join()
    return result


def main() -> None:
    """Print a line for each round, and the medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder")
    parser.add_argument("--pictures", type=int, default=200, help="in each run; some repeat")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    found = find_pictures([options.folder]).pictures
    pictures = list(islice(cycle(found), options.pictures))
    size = cores()
    ratios, cpu_ratios = [], []
    for _ in range(options.rounds):
        one, all_cores = run(pictures, None), run(pictures, size)
        ratio = one.seconds / all_cores.seconds / size
        ratios.append(ratio)
        cpu_ratios.append(one.cpu / all_cores.cpu)
        print(
            f"{one.pictures / one.seconds:.1f} pictures per second in one process, "
            f"{all_cores.pictures / all_cores.seconds:.1f} with {size} workers: {ratio:.2f} of "
            f"{size} x that; per second of CPU time {cpu_ratios[-1]:.2f}; "
            f"{all_cores.megabytes:.0f} MB in the largest process",
            flush=True,
        )
    print(f"Median: {median(ratios):.2f}, by CPU time {median(cpu_ratios):.2f}")


if __name__ == "__main__":
    main()
