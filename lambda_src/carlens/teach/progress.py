"""A progress bar with the time left."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import TextIO, TypeVar

T = TypeVar("T")

_WIDTH = 30


def with_progress(items: Sequence[T], stream: TextIO) -> Iterator[T]:
    """Return the items, and write how many are done and how long the others will take.

    On a terminal it is a bar that is redrawn; elsewhere, such as in a log, one line per tenth.
    """
    started = time.monotonic()
    tenth = 0
    for done, item in enumerate(items):
        yield item
        share = (done + 1) / len(items)
        left = (time.monotonic() - started) / share * (1 - share)
        text = f"{done + 1}/{len(items)} photos, {format_seconds(left)} left"
        if stream.isatty():
            bar = "#" * round(_WIDTH * share)
            end = "\n" if done + 1 == len(items) else ""
            print(f"\r[{bar:<{_WIDTH}}] {text:<40}", end=end, file=stream, flush=True)
        elif int(10 * share) > tenth:
            tenth = int(10 * share)
            print(text, file=stream, flush=True)


def format_seconds(seconds: float) -> str:
    """Write a duration, such as `2 min 05 s`."""
    whole = round(seconds)
    return f"{whole // 60} min {whole % 60:02} s" if whole >= 60 else f"{whole} s"
