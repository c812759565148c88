"""Fixtures and hooks for all tests."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadFileScheduling

Note = Callable[[str], None]

# As in the Makefile: `.venv/bin` has Node where this machine has no version that jsii supports.
os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])

# Files that take minutes. They start first: one that starts last would run alone at the end.
_LONGEST = ("unit/test_fuzz.py", "unit/teach/test_full.py", "unit/teach/test_main.py")

# Files that share a LocalStack and what is deployed to it. The last one destroys that.
_ON_LOCALSTACK = tuple(
    f"integration/test_{name}.py"
    for name in ("upload_bucket", "batch", "deployed_uploads", "deployment", "lifecycle")
)
_FIRST = (*_ON_LOCALSTACK, *_LONGEST)

# Files that share the synthesized templates, and the start of jsii.
_OF_TEMPLATES = tuple(f"unit/infra/test_{name}.py" for name in ("batch_stack", "canary", "stacks"))
_SHARED = {"LocalStack": _ON_LOCALSTACK, "templates": _OF_TEMPLATES}


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Collect without garbage collection: the items stay, and traversing them takes seconds."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest files first, and keep the order of the rest."""

    def place(item: pytest.Item) -> int:
        path = item.path.as_posix()
        return next((i for i, name in enumerate(_FIRST) if path.endswith(name)), len(_FIRST))

    items.sort(key=place)


class _ByFile(LoadFileScheduling):  # type: ignore[misc]
    """Runs the tests of a file, or of files that share something costly, in one process."""

    def _split_scope(self, nodeid: str) -> str:
        file: str = super()._split_scope(nodeid)
        return next((name for name, files in _SHARED.items() if file.endswith(files)), file)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> _ByFile | None:
    """Keep files that share something together when the tests are distributed by file."""
    return _ByFile(config, log) if config.getvalue("dist") == "loadfile" else None


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
