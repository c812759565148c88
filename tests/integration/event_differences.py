"""Two gateways' answers to the same request, compared field by field."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from tests.integration.requests_table import Got, Sent

_MAPS_OF_HEADERS = ("headers", "multiValueHeaders")

# What a field is where it is not.
ABSENT = "(absent)"

# What both have in each field that differs.
Pairs = dict[str, tuple[Any, Any]]


@dataclass(frozen=True)
class Difference:
    """A difference that is known, with its reason.

    Attributes
    ----------
    field : str
        A regular expression for the names of the fields that differ.
    holds : callable
        Takes the request and what `ours` and `theirs` have in that field, and says whether
        this is the difference that is meant.
    reason : str
        Why they differ, and why ours may stay as it is.
    """

    field: str
    holds: Callable[[Sent, Any, Any], bool]
    reason: str


def event_of(got: Got) -> dict[str, Any] | None:
    """Give the event that `echo_handler.echo` has sent back, if the request came so far."""
    if got.status != 200:
        return None
    to_head = got.headers.get("x-event")
    event: dict[str, Any] = json.loads(base64.b64decode(to_head) if to_head else got.body)
    return event


def fields_of(got: Got) -> dict[str, Any]:
    """Give the status and every field of the event, one level deep, headers in lower case."""
    event = event_of(got)
    return {"status": got.status, **(_flat(event) if event else {})}


def differences(ours: Got, theirs: Got) -> Pairs:
    """Give the fields that differ; the status alone where one has no event."""
    a, b = fields_of(ours), fields_of(theirs)
    names = a.keys() | b.keys() if ours.status == theirs.status else {"status"}
    pairs = {name: (a.get(name, ABSENT), b.get(name, ABSENT)) for name in sorted(names)}
    # A header that only one has has no second spelling.
    return {
        name: (left, right)
        for name, (left, right) in pairs.items()
        if left != right and not (name.startswith("spelling.") and ABSENT in (left, right))
    }


def unexplained(sent: Sent, found: Pairs, known: Mapping[str, Difference]) -> Pairs:
    """Give the differences that are not known."""
    return {
        field: pair for field, pair in found.items() if not _explanation(field, sent, pair, known)
    }


def outdated(everything: Iterable[tuple[Sent, Pairs]], known: Mapping[str, Difference]) -> set[str]:
    """Name the known differences that are none any more."""
    seen = {
        _explanation(field, sent, pair, known)
        for sent, found in everything
        for field, pair in found.items()
    }
    return known.keys() - seen


def _explanation(
    field: str, sent: Sent, pair: tuple[Any, Any], known: Mapping[str, Difference]
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
