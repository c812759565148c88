"""Values of parameters and settings, and the ranges that they must lie in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, TypeVar

T = TypeVar("T", int, float)

# Tiles per side of a picture, 1..3; "auto" chooses the tiles for each picture.
Slices = int | Literal["auto"]


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


def check_slices(value: object) -> Slices:
    """Return a number of slices from 1 to 3, or "auto".

    Raises
    ------
    ValueError
        The value is neither; the message says what is allowed.
    """
    if value == "auto":
        return "auto"
    if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 3:
        return value
    raise ValueError("it must be 'auto' or a whole number from 1 to 3")


def read_slices(text: str) -> Slices:
    """Read a number of slices from text; see `check_slices`."""
    try:
        value: object = read_number(text, int, 1, 3)
    except ValueError:
        value = text
    return check_slices(value)
