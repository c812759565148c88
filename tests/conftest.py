"""Fixtures and hooks for all tests."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Note = Callable[[str], None]

# As in the Makefile: `.venv/bin` has Node where this machine has no version that jsii supports.
os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])

# Files that take minutes. They start first: one that starts last would run alone at the end.
_LONGEST = ("unit/test_fuzz.py", "unit/teach/test_full.py", "unit/teach/test_main.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest files first, and keep the order of the rest."""
    items.sort(key=lambda item: not item.path.as_posix().endswith(_LONGEST))


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
