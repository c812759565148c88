"""Compares the events of two gateways for the same request, field by field."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from tests.integration.requests_table import RawRequest, RawResponse

_MAPS_OF_HEADERS = ("headers", "multiValueHeaders")

# The value of a field that an event does not have.
ABSENT = "(absent)"

# Our value and theirs, by the name of a field that differs.
Pairs = dict[str, tuple[Any, Any]]


@dataclass(frozen=True)
class Difference:
    """A known difference and its reason.

    Attributes
    ----------
    field : str
        A regular expression that matches the names of the fields.
    holds : callable
        Takes the request and the values `ours` and `theirs`; tells whether this is the known
        difference.
    reason : str
        Why they differ, and why ours is acceptable.
    """

    field: str
    holds: Callable[[RawRequest, Any, Any], bool]
    reason: str


def event_of(got: RawResponse) -> dict[str, Any] | None:
    """Return the event that `echo_handler.echo` returned, or None if it was not called."""
    if got.status != 200:
        return None
    to_head = got.headers.get("x-event")
    event: dict[str, Any] = json.loads(base64.b64decode(to_head) if to_head else got.body)
    return event


def fields_of(got: RawResponse) -> dict[str, Any]:
    """Return the status and the fields of the event as one flat dict, headers in lower case."""
    event = event_of(got)
    return {"status": got.status, **(_flat(event) if event else {})}


def differences(ours: RawResponse, theirs: RawResponse) -> Pairs:
    """Return the fields that differ; only the status if one response has no event."""
    a, b = fields_of(ours), fields_of(theirs)
    names = a.keys() | b.keys() if ours.status == theirs.status else {"status"}
    pairs = {name: (a.get(name, ABSENT), b.get(name, ABSENT)) for name in sorted(names)}
    # The spelling of a header cannot be compared if only one event has it.
    return {
        name: (left, right)
        for name, (left, right) in pairs.items()
        if left != right and not (name.startswith("spelling.") and ABSENT in (left, right))
    }


def unexplained(sent: RawRequest, found: Pairs, known: Mapping[str, Difference]) -> Pairs:
    """Return the differences that are not known."""
    return {
        field: pair for field, pair in found.items() if not _explanation(field, sent, pair, known)
    }


def outdated(
    everything: Iterable[tuple[RawRequest, Pairs]], known: Mapping[str, Difference]
) -> set[str]:
    """Return the names of the known differences that no longer occur."""
    seen = {
        _explanation(field, sent, pair, known)
        for sent, found in everything
        for field, pair in found.items()
    }
    return known.keys() - seen


def _explanation(
    field: str, sent: RawRequest, pair: tuple[Any, Any], known: Mapping[str, Difference]
) -> str | None:
    for name, difference in known.items():
        if re.fullmatch(difference.field, field) and difference.holds(sent, *pair):
            return name
    return None


def _flat(event: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in event.items():
        if name in _MAPS_OF_HEADERS:
            flat |= {f"{name}.{key.lower()}": v for key, v in (value or {}).items()}
            flat |= {f"spelling.{key.lower()}": key for key in value or {}}
        elif name in ("requestContext", "identity"):
            flat |= _flat(value, f"{prefix}{name}.")
        else:
            flat[prefix + name] = value
    return flat
