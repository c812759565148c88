"""Parse and validate query strings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

from carlens.errors import InvalidParameter
from carlens.ranges import T, read_number, read_slices
from carlens.services.parameters import Parameters

V = TypeVar("V")

Query = Mapping[str, tuple[str, ...]]

S = TypeVar("S", bound=str)


def read_parameters(
    query: Query, classes: tuple[str, ...], default: tuple[str, ...] | None = None
) -> Parameters:
    """Validate a query. The last value of a repeated parameter counts.

    Parameters
    ----------
    classes : tuple of str
        The classes of the route, from which the parameter `classes` may choose.
    default : tuple of str or None
        Those to keep without that parameter; None for all classes of the route.

    Raises
    ------
    InvalidParameter
        Names the parameter and the values that are allowed.
    """
    return Parameters(
        confidence=read_query_number(query, "confidence", float, 0.0, 1.0),
        classes=read_choices(query, "classes", classes, "is not a class here")
        or frozenset(classes if default is None else default),
        top_k=read_query_number(query, "top_k", int, 1, 20) or Parameters.top_k,
        max_objects=read_query_number(query, "max_objects", int, 1, 300) or Parameters.max_objects,
        slices=_value(query, "slices", read_slices),
    )


def wants_detailed(query: Query) -> bool:
    """Return whether the query has `format=detailed`.

    Raises
    ------
    InvalidParameter
        `format` is neither `list` nor `detailed`.
    """
    return read_choice(query, "format", ("list", "detailed")) == "detailed"


def read_choice(query: Query, name: str, allowed: tuple[S, ...]) -> S | None:
    """Return a parameter that is one of a few words, or None if it is absent.

    Raises
    ------
    InvalidParameter
        The value is another word.
    """
    text = _last(query, name)
    if text is None:
        return None
    for choice in allowed:
        if text == choice:
            return choice
    words = " or ".join(map(repr, allowed)) if len(allowed) == 2 else f"one of {', '.join(allowed)}"
    raise InvalidParameter(f"{name} is {text[:40]!r}; it must be {words}.")


def read_choices(
    query: Query, name: str, allowed: tuple[S, ...], refusal: str = "is not allowed"
) -> frozenset[S] | None:
    """Return a parameter that is a comma-separated list of words, or None if it is absent.

    Parameters
    ----------
    refusal : str
        What the message says of another word.

    Raises
    ------
    InvalidParameter
        The list is empty or has another word.
    """
    text = _last(query, name)
    if text is None:
        return None
    names = {word.strip() for word in text.split(",") if word.strip()}
    if unknown := sorted(names - set(allowed)):
        what = f"{unknown[0][:40]!r} {refusal}"
    elif not names:
        what = "the list is empty"
    else:
        return frozenset(choice for choice in allowed if choice in names)
    raise InvalidParameter(f"{name}: {what}; choose from {', '.join(allowed)}.")


def read_query_number(
    query: Query, name: str, parse: Callable[[str], T], low: T, high: T
) -> T | None:
    """Return a parameter from `low` to `high`, or None if it is absent.

    Raises
    ------
    InvalidParameter
        The value is not a number in that range.
    """
    return _value(query, name, lambda text: read_number(text, parse, low, high))


def _value(query: Query, name: str, read: Callable[[str], V]) -> V | None:
    text = _last(query, name)
    if text is None:
        return None
    try:
        return read(text)
    except ValueError as error:
        raise InvalidParameter(f"{name} is {text[:40]!r}; {error}.") from error


def _last(query: Query, name: str) -> str | None:
    values = query.get(name)
    return values[-1].strip() if values else None
