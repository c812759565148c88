"""A progress bar with the time left."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import TextIO, TypeVar

T = TypeVar("T")

_WIDTH = 30


class Bar:
    """On a terminal, a bar that is redrawn; elsewhere, such as in a log, one line per tenth.

    Parameters
    ----------
    stream : TextIO
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._tenth = 0

    def show(self, share: float, text: str) -> None:
        """Show the share that is done, 0..1, and a text."""
        if self._stream.isatty():
            bar = "#" * round(_WIDTH * share)
            end = "\n" if share >= 1 else ""
            print(f"\r[{bar:<{_WIDTH}}] {text:<40}", end=end, file=self._stream, flush=True)
        elif int(10 * share) > self._tenth:
            self._tenth = int(10 * share)
            print(text, file=self._stream, flush=True)

    def line(self, text: str) -> None:
        """Write a line that stays."""
        start = "\r\x1b[K" if self._stream.isatty() else ""
        print(f"{start}{text}", file=self._stream, flush=True)


def with_progress(items: Sequence[T], stream: TextIO) -> Iterator[T]:
    """Return the items, and write how many are done and how long the others will take."""
    started = time.monotonic()
    bar = Bar(stream)
    for done, item in enumerate(items, 1):
        yield item
        share = done / len(items)
        left = (time.monotonic() - started) / share * (1 - share)
        bar.show(share, f"{done}/{len(items)} photos, {format_seconds(left)} left")


def format_seconds(seconds: float) -> str:
    """Write a duration, such as `2 min 05 s`."""
    whole = round(seconds)
    return f"{whole // 60} min {whole % 60:02} s" if whole >= 60 else f"{whole} s"
