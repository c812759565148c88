"""Show how far a run is, on standard error."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Protocol, TextIO

# Seconds between the lines of a run without a terminal.
_INTERVAL = 10.0
# Of the bar, in a second; the default of 10 costs more CPU time than writing the results.
_REFRESHES = 2


@dataclass
class Count:
    """The pictures of a run.

    Attributes
    ----------
    total : int
    before : int
        Those that an earlier run finished.
    done, failed : int
        Those of this run.
    """

    total: int
    before: int = 0
    done: int = 0
    failed: int = 0
    clock: Callable[[], float] = time.monotonic
    _start: float | None = field(init=False, default=None)

    def start(self) -> None:
        """Start the clock of the rate."""
        self._start = self.clock()

    @property
    def rate(self) -> float:
        """Pictures per second in this run."""
        return 0.0 if self._start is None else self.done / max(1e-9, self.clock() - self._start)

    @property
    def seconds_left(self) -> float | None:
        """None before the first picture."""
        left = self.total - self.before - self.done
        return left / self.rate if self.rate else None

    def describe(self) -> str:
        """Return one line of text."""
        seconds = self.seconds_left
        left = "" if seconds is None else f", {timedelta(seconds=round(seconds))} left"
        return (
            f"{self.before + self.done:,} of {self.total:,} pictures, {self.failed:,} failed, "
            f"{self.rate:.1f} per second{left}"
        )


class Progress(Protocol):
    """Shows a count."""

    def update(self, count: Count) -> None:
        """Show the count, if it is time to."""


class _Quiet:
    def update(self, count: Count) -> None:
        """Show nothing."""


class _Lines:
    """Prints a line from time to time."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._next = time.monotonic() + _INTERVAL

    def update(self, count: Count) -> None:
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + _INTERVAL
            print(count.describe(), file=self._stream, flush=True)


@contextmanager
def showing(total: int, *, quiet: bool, stream: TextIO | None = None) -> Iterator[Progress]:
    """Show a bar on a terminal, or lines elsewhere.

    Parameters
    ----------
    total : int
        The number of pictures.
    quiet : bool
        Whether to show nothing.
    stream : text file, optional
        Standard error if not given.
    """
    stream = stream or sys.stderr
    if quiet:
        yield _Quiet()
    elif not stream.isatty():
        yield _Lines(stream)
    else:
        with _bar(total, stream) as bar:
            yield bar


@contextmanager
def _bar(total: int, stream: TextIO) -> Iterator[Progress]:
    from rich.console import Console  # only a terminal pays for it
    from rich.progress import BarColumn, TextColumn
    from rich.progress import Progress as RichProgress

    columns = (BarColumn(), TextColumn("{task.description}"))
    console = Console(file=stream)
    with RichProgress(
        *columns, console=console, transient=True, refresh_per_second=_REFRESHES
    ) as rich:
        task = rich.add_task("starting", total=total)

        class Bar:
            def update(self, count: Count) -> None:
                done = count.before + count.done
                rich.update(task, completed=done, description=count.describe())

        yield Bar()
