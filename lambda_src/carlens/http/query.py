"""A request's query -> checked parameters."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from carlens.errors import InvalidParameter
from carlens.ranges import T, read_number

Query = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class Parameters:
    """What a client asks of a detection.

    Attributes
    ----------
    confidence : float or None
        0..1; None for the default.
    classes : frozenset of str or None
        Names to keep; None for all that the route answers.
    top_k : int
        1..20, names given for each vehicle.
    max_objects : int
        1..300, objects given for each picture.
    slices : int or None
        1..3; None for the default.
    """

    confidence: float | None = None
    classes: frozenset[str] | None = None
    top_k: int = 5
    max_objects: int = 100
    slices: int | None = None


def read_parameters(query: Query, allowed_classes: tuple[str, ...]) -> Parameters:
    """Check a query; of a repeated parameter the last one counts.

    Parameters
    ----------
    allowed_classes : tuple of str
        The names that `classes` may hold.

    Raises
    ------
    InvalidParameter
        Naming the parameter and what is allowed.
    """
    return Parameters(
        confidence=number(query, "confidence", float, 0.0, 1.0),
        classes=_classes(query, allowed_classes),
        top_k=number(query, "top_k", int, 1, 20) or Parameters.top_k,
        max_objects=number(query, "max_objects", int, 1, 300) or Parameters.max_objects,
        slices=number(query, "slices", int, 1, 3),
    )


def wants_detailed(query: Query) -> bool:
    """Tell whether `format=detailed` is asked.

    Raises
    ------
    InvalidParameter
        `format` is neither `list` nor `detailed`.
    """
    form = _last(query, "format")
    if form not in (None, "list", "detailed"):
        raise InvalidParameter(f"format is {form[:40]!r}; it must be 'list' or 'detailed'.")
    return form == "detailed"


def _last(query: Query, name: str) -> str | None:
    values = query.get(name)
    return values[-1].strip() if values else None


def number(query: Query, name: str, parse: Callable[[str], T], low: T, high: T) -> T | None:
    """Give a parameter from `low` to `high`, or None when it is not given.

    Raises
    ------
    InvalidParameter
        It is no such number.
    """
    text = _last(query, name)
    if text is None:
        return None
    try:
        return read_number(text, parse, low, high)
    except ValueError as error:
        raise InvalidParameter(f"{name} is {text[:40]!r}; {error}.") from error


def _classes(query: Query, allowed: tuple[str, ...]) -> frozenset[str] | None:
    text = _last(query, "classes")
    if text is None:
        return None
    names = frozenset(name.strip() for name in text.split(",") if name.strip())
    unknown = sorted(names - set(allowed))
    if unknown or not names:
        what = f"{unknown[0][:40]!r} is not a class here" if unknown else "it is empty"
        raise InvalidParameter(f"classes: {what}; name one or more of {', '.join(allowed)}.")
    return names
