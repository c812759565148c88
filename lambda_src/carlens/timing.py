"""How long a request may take, and how long each of its stages took."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(frozen=True)
class Deadline:
    """The moment by which a response should be started.

    Attributes
    ----------
    at : float
        Seconds on the clock of `time.monotonic()`.
    """

    at: float

    @classmethod
    def after(cls, seconds: float) -> Deadline:
        """Return the deadline that many seconds from now."""
        return cls(time.monotonic() + seconds)

    def seconds_left(self) -> float:
        """Return the seconds until the deadline; negative after it."""
        return self.at - time.monotonic()

    def has_passed(self) -> bool:
        """Return whether no time is left."""
        return self.seconds_left() <= 0


class SharedTime:
    """Seconds that several threads share: they pass while at least one thread uses them.

    Parameters
    ----------
    seconds : float
    """

    def __init__(self, seconds: float) -> None:
        self._left = seconds
        self._users = 0
        self._since = 0.0
        self._lock = threading.Lock()

    @contextmanager
    def __call__(self) -> Iterator[float]:
        """Use the time in the body of a `with` statement, which gets the seconds left."""
        with self._lock:
            self._count()
            self._users += 1
            left = self._left
        try:
            yield left
        finally:
            with self._lock:
                self._count()
                self._users -= 1

    def _count(self) -> None:
        now = time.monotonic()
        if self._users:
            self._left -= now - self._since
        self._since = now


class Stopwatch:
    """Adds up the milliseconds of each stage, from its creation until `stop`.

    Parameters
    ----------
    clock : callable
        Returns seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._start = clock()
        self._stages: dict[str, float] = {}

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        """Time the body of a `with` statement."""
        start = self._clock()
        try:
            yield
        finally:
            elapsed = (self._clock() - start) * 1000
            self._stages[stage] = self._stages.get(stage, 0.0) + elapsed

    def stop(self, stages: tuple[str, ...]) -> dict[str, float]:
        """Return the milliseconds of each of `stages`, and the `total`."""
        total = (self._clock() - self._start) * 1000
        spent = {stage: round(self._stages.get(stage, 0.0), 2) for stage in stages}
        return {**spent, "total": round(total, 2)}
