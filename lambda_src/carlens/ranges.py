"""A written number -> a number in its range."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T", int, float)


def read_number(text: str, parse: Callable[[str], T], low: T, high: T) -> T:
    """Read a number from `low` to `high`.

    Parameters
    ----------
    parse : callable
        `int` for whole numbers, or `float`.

    Raises
    ------
    ValueError
        It is no such number; the message says which are.
    """
    try:
        # Python reads 1_0 as 10 and the digits of every script; who writes them means no number.
        value = parse(text) if text.isascii() and "_" not in text else None
    except ValueError:
        value = None
    # Written so that NaN fails too.
    if value is None or not low <= value <= high:
        kind = "a whole number" if parse is int else "a number"
        raise ValueError(f"it must be {kind} from {low:.12g} to {high:.12g}")
    return value
