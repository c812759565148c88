"""Deadlines and stopwatches, on a clock of the test."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from carlens import timing
from carlens.timing import Deadline, SharedTime, Stopwatch
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


def test_shared_time_passes_once_for_all_that_use_it(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = FakeClock()
    monkeypatch.setattr(timing, "time", clock)
    shared = SharedTime(10)

    # Given two overlapping uses, from 0 to 3 and from 2 to 5
    with ExitStack() as second:
        with shared() as left:
            assert left == 10
            clock.now = 2
            assert second.enter_context(shared()) == 8
            clock.now = 3
        clock.now = 5

    # Then five seconds have passed, and none while nobody uses it
    clock.now = 60
    with shared() as left:
        assert left == 5
        clock.now = 65.5
    with shared() as left:
        assert left == -0.5


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
