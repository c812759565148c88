"""What to do with each picture."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Operation = Literal["predict", "object_detection", "anonymize"]


@dataclass(frozen=True)
class Task:
    """What to do with each picture.

    Attributes
    ----------
    operation : str
        A route of the API, without its slash.
    options : Mapping
        The query parameters of the route, as text.
    """

    operation: Operation
    options: Mapping[str, str]
