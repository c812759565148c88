"""Deadlines and stopwatches, on a clock of the test."""

from __future__ import annotations

import pytest

from carlens import timing
from carlens.timing import Deadline, Stopwatch
from tests.fakes import FakeClock


def test_a_deadline_passes_when_no_time_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = FakeClock()
    monkeypatch.setattr(timing, "time", clock)
    deadline = Deadline.after(2.5)

    assert (deadline.seconds_left(), deadline.has_passed()) == (2.5, False)
    clock.now = 2.5
    assert deadline.has_passed()
    clock.now = 4.0
    assert deadline.seconds_left() == -1.5


def test_a_stopwatch_adds_up_each_stage_and_the_total() -> None:
    clock = FakeClock()
    watch = Stopwatch(lambda: clock.now)

    with watch("read"):
        clock.now = 0.010
    with watch("detect"):
        clock.now = 0.0300
    clock.now = 0.050
    with watch("read"):
        clock.now = 0.055

    assert watch.stop(("read", "decode", "detect")) == {
        "read": 15.0,
        "decode": 0.0,
        "detect": 20.0,
        "total": 55.0,
    }


def test_a_stage_that_fails_is_timed_too() -> None:
    clock = FakeClock()
    watch = Stopwatch(lambda: clock.now)

    def fail() -> None:
        with watch("read"):
            clock.now = 0.003
            raise KeyError

    with pytest.raises(KeyError):
        fail()

    assert watch.stop(("read",))["read"] == 3.0
