"""Fixtures and hooks for all tests."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

Note = Callable[[str], None]


@pytest.fixture
def note(record_property: Callable[[str, Any], None]) -> Note:
    """A function that adds a line, such as a measurement, to the end of the report."""
    return lambda line: record_property("note", line)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the notes of all tests."""
    for report in terminalreporter.getreports("passed") + terminalreporter.getreports("failed"):
        for name, value in report.user_properties:
            if name == "note":
                terminalreporter.write_line(value)
