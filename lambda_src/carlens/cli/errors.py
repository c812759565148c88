"""The errors of the command."""

from __future__ import annotations

from carlens.errors import PictureError


class WrongUsage(Exception):
    """The command cannot be run as it was written; the exit status is 2."""


class Stopped(Exception):
    """The run cannot go on; the exit status is 1."""


class FileUnreadable(PictureError):
    """The file of a picture cannot be read."""

    code = "file_unreadable"


class WorkerCrashed(PictureError):
    """A picture ended the process that was reading it."""

    code = "internal_error"
