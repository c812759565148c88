"""Numbers and the ranges that they must lie in."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T", int, float)


def check_range(value: T | None, low: T, high: T) -> T:
    """Return a number that lies in a range.

    Parameters
    ----------
    value : int, float or None
        None is never in the range.
    low, high : int or float
        Both are part of the range; of type int for whole numbers.

    Raises
    ------
    ValueError
        The number is not in the range, or is NaN; the message gives the range.
    """
    # Written so that NaN fails too.
    if value is None or not low <= value <= high:
        kind = "a whole number" if isinstance(low, int) else "a number"
        raise ValueError(f"it must be {kind} from {low:.12g} to {high:.12g}")
    return value


def read_number(text: str, parse: Callable[[str], T], low: T, high: T) -> T:
    """Read a number from text.

    Parameters
    ----------
    text : str
    parse : callable
        `int` for whole numbers, or `float`.
    low, high : int or float
        As for `check_range`.

    Raises
    ------
    ValueError
        The text is not such a number; the message gives the range.
    """
    try:
        # Python also reads 1_0 as 10, and the digits of other scripts.
        value = parse(text) if text.isascii() and "_" not in text else None
    except ValueError:
        value = None
    return check_range(value, low, high)
