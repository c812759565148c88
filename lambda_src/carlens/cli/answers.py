"""The result of a picture, on its way into the results file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from carlens.cli.errors import Problem
from carlens.result_lines import result_line


@dataclass(frozen=True)
class Answer:
    """The result of a picture.

    Attributes
    ----------
    name : str
        That of the picture.
    line : str
        Its line in the results file.
    failed : bool
    """

    name: str
    line: str
    failed: bool


def failure(name: str, problem: Problem) -> Answer:
    """Return the result of a picture that failed before it was recognized."""
    return Answer(name, result_line(failed_entry(name, problem)), failed=True)


def failed_entry(name: str, problem: Problem) -> dict[str, Any]:
    """Return the detailed form of a picture that failed."""
    return {
        "field": "image",
        "name": name,
        "width": None,
        "height": None,
        "passes": None,
        "objects": [],
        "error": {"code": problem.code, "message": problem.message},
    }
