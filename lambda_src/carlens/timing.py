"""How long a request may take, and how long each of its stages took."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


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
        """Give the deadline that many seconds from now."""
        return cls(time.monotonic() + seconds)

    def seconds_left(self) -> float:
        """Give the seconds until the deadline; negative after it."""
        return self.at - time.monotonic()

    def has_passed(self) -> bool:
        """Tell whether no time is left."""
        return self.seconds_left() <= 0


@dataclass
class Stopwatch:
    """Adds up the milliseconds of each stage, from its creation until `stop`."""

    _stages: dict[str, float] = field(default_factory=dict)
    _start: float = field(default_factory=time.perf_counter)

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        """Time the body of the `with` statement."""
        start = time.perf_counter()
        try:
            yield
        finally:
            elapsed = (time.perf_counter() - start) * 1000
            self._stages[stage] = self._stages.get(stage, 0.0) + elapsed

    def stop(self, stages: tuple[str, ...]) -> dict[str, float]:
        """Give the milliseconds of each of `stages`, and the `total`."""
        total = (time.perf_counter() - self._start) * 1000
        spent = {stage: round(self._stages.get(stage, 0.0), 2) for stage in stages}
        return {**spent, "total": round(total, 2)}
