"""What fails a job or a part; Step Functions shows the name of the class and the message."""

from __future__ import annotations


class InvalidInput(Exception):
    """The input of the execution has a member that is missing, unknown or not allowed."""


class NoPhotos(Exception):
    """There are no photos under the prefix."""


class PartOutOfTime(Exception):
    """The function ran out of time before the part was complete; it has no results."""


class PartsMissing(Exception):
    """Planned parts have no results."""


class PartsUnplanned(Exception):
    """The results contain parts that this execution did not write."""
