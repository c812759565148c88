"""How far a run is."""

from __future__ import annotations

import io
from itertools import count as numbers

import pytest

from carlens.cli.progress import Count, showing


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_rate_and_time_left_are_those_of_this_run() -> None:
    # Given 50 of 100 pictures from an earlier run, and 10 in the next 5 seconds
    times = iter([100.0, *([105.0] * 9)])
    count = Count(100, before=50, clock=lambda: next(times))
    count.start()
    count.done = 10

    assert count.rate == pytest.approx(2)
    assert count.seconds_left == pytest.approx(20)
    assert count.describe() == "60 of 100 pictures, 0 failed, 2.0 per second, 0:00:20 left"


def test_before_the_first_picture_there_is_no_rate() -> None:
    assert Count(1500).describe() == "0 of 1,500 pictures, 0 failed, 0.0 per second"


def test_without_a_terminal_a_line_is_printed_from_time_to_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Given a clock that advances by four seconds whenever it is read, and a line every ten seconds
    times = numbers(0, 4)
    monkeypatch.setattr("time.monotonic", lambda: next(times))
    stream = io.StringIO()

    with showing(9, quiet=False, stream=stream) as shown:
        for _ in range(9):
            shown.update(Count(9))

    assert 1 < len(stream.getvalue().splitlines()) < 9


def test_a_terminal_shows_a_bar() -> None:
    stream = Terminal()

    with showing(10, quiet=False, stream=stream) as shown:
        shown.update(Count(10, done=3))

    assert "3 of 10 pictures" in stream.getvalue()


def test_quiet_shows_nothing() -> None:
    stream = Terminal()

    with showing(10, quiet=True, stream=stream) as shown:
        shown.update(Count(10, done=3))

    assert stream.getvalue() == ""
