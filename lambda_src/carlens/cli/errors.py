"""The errors of the command."""

from __future__ import annotations

from dataclasses import dataclass


class WrongUsage(Exception):
    """The command cannot be run as it was written; the exit status is 2."""


class Stopped(Exception):
    """The run cannot go on; the exit status is 1."""


@dataclass(frozen=True)
class Problem:
    """Why a picture failed before it was recognized.

    Attributes
    ----------
    code : str
        A code of the API, or `file_unreadable`.
    message : str
    """

    code: str
    message: str


def unreadable(reason: str | None) -> Problem:
    """Return the problem of a file that cannot be read."""
    return Problem("file_unreadable", f"The file cannot be read: {reason}.")
