"""Runs contestants in turns, each in its own process with the same CPUs."""

from __future__ import annotations

import multiprocessing
import os
import statistics
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

from benchmarks.speed.pictures import Case
from carlens.ranges import Slices

Times = Mapping[str, Sequence[float]]

_STOP_SECONDS = 10
# By default, the threads of onnxruntime keep spinning for a while after a run.
_REST_SECONDS = 0.1


@dataclass(frozen=True)
class Ratio:
    """The time of one contestant relative to another: median and quartiles of paired ratios."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, times: Times, one: str, other: str) -> Ratio:
        """Compare two contestants that took turns."""
        paired = [a / b for a, b in zip(times[one], times[other], strict=True)]
        low, median, high = statistics.quantiles(paired, n=4)
        return cls(round(median, 3), round(low, 3), round(high, 3))


def take_turns(
    names: Sequence[str], case: Case, *, slices: Slices, cpus: int, rounds: int
) -> dict[str, list[float]]:
    """Measure contestants on the same request in turns.

    Returns
    -------
    dict of list of float
        The milliseconds of each round by contestant. The first two rounds are dropped.
    """
    with _started(names, case, slices, cpus) as connections:
        seen = {name: connection.recv() for name, connection in connections.items()}
        if len({str(found) for found in seen.values()}) > 1:
            raise AssertionError(f"{case}: the contestants found different vehicles: {seen}")
        times: dict[str, list[float]] = {name: [] for name in names}
        for _ in range(rounds + 2):
            for name, connection in connections.items():
                connection.send(None)
                times[name].append(connection.recv())
                rest()
        return {name: found[2:] for name, found in times.items()}


def rest() -> None:
    """Wait until the last contestant is idle, so that it does not slow down the next one."""
    time.sleep(_REST_SECONDS)


@contextmanager
def _started(
    names: Sequence[str], case: Case, slices: Slices, cpus: int
) -> Iterator[dict[str, Connection[Any, Any]]]:
    spawn = multiprocessing.get_context("spawn")
    connections, processes = {}, []
    for name in names:
        connections[name], remote = spawn.Pipe()
        process = spawn.Process(target=_serve, args=(remote, name, case, slices, cpus), daemon=True)
        process.start()
        remote.close()
        processes.append(process)
    try:
        yield connections
    finally:
        for connection in connections.values():
            connection.close()
        for process in processes:
            process.join(_STOP_SECONDS)
            process.kill()


def _serve(
    connection: Connection[Any, Any], name: str, case: Case, slices: Slices, cpus: int
) -> None:
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:cpus])
    os.environ["CARLENS_THREADS"] = str(cpus)
    from benchmarks.speed.contestants import (
        CONTESTANTS,  # imported late: its libraries read the CPU affinity
    )

    run = CONTESTANTS[name](case, slices)
    connection.send(run())
    while True:
        try:
            connection.recv()
        except EOFError:
            return
        start = time.perf_counter()
        run()
        connection.send((time.perf_counter() - start) * 1000)
