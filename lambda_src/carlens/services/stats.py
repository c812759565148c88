"""What a request with pictures did, for its log line."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from carlens.errors import PictureError


@dataclass(frozen=True)
class RequestStats:
    """Counts and timings of a request that carried pictures.

    Attributes
    ----------
    pictures, objects : int
        Pictures sent, and objects in the response.
    failures : tuple of str
        The error code of each picture that failed.
    stages : Mapping
        Milliseconds by stage: read, decode, detect, classify, total.
    """

    pictures: int
    objects: int = 0
    failures: tuple[str, ...] = ()
    stages: Mapping[str, float] = field(default_factory=dict)


def failure_codes(results: Iterable[object]) -> tuple[str, ...]:
    """Give the code of each result that is a PictureError."""
    return tuple(result.code for result in results if isinstance(result, PictureError))
