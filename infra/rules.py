"""How the value of a setting is read: JSON from `cdk.json`, or text from `-c name=value`."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any


class SettingError(ValueError):
    """A setting that cannot be used; the message says which, and what is allowed."""

    @classmethod
    def of(cls, name: str, value: object, allowed: str) -> SettingError:
        """Say that `name` has a wrong value."""
        return cls(f"{name} is {value!r}; it must be {allowed}.")


@dataclass(frozen=True)
class Rule:
    """What a setting may be.

    Attributes
    ----------
    allowed : str
        For people; ends the sentence "it must be …".
    parse : callable
        Gives the typed value; raises for any other, whatever comes to hand.
    """

    allowed: str
    parse: Callable[[Any], Any]

    def read(self, name: str, value: Any) -> Any:
        """Give the typed value of the setting `name`.

        Raises
        ------
        SettingError
            `value` is not allowed.
        """
        try:
            return self.parse(value)
        except (ValueError, TypeError, KeyError, AttributeError, OverflowError):
            raise SettingError.of(name, value, self.allowed) from None


def whole(low: int, high: int) -> Rule:
    """Allow a whole number from `low` to `high`."""
    return Rule(f"a whole number from {low} to {high}", lambda v: _within(int(v), v, low, high))


def number(low: float, high: float) -> Rule:
    """Allow a number from `low` to `high`."""
    return Rule(f"a number from {low} to {high}", lambda v: _within(float(v), v, low, high))


def flag() -> Rule:
    """Allow true and false."""
    return Rule("true or false", lambda v: {"true": True, "false": False}[str(v).lower()])


def one_of(*allowed: object) -> Rule:
    """Allow the values given."""
    values = {str(value): value for value in allowed}
    return Rule(f"one of {', '.join(values)}", lambda v: values[str(v)])


def text(pattern: str, allowed: str) -> Rule:
    """Allow text that a regular expression matches as a whole."""

    def parse(value: Any) -> str:
        if not re.fullmatch(pattern, value):
            raise ValueError
        return str(value)

    return Rule(allowed, parse)


def items(pattern: str, allowed: str) -> Rule:
    """Allow a list, or text with commas, of what a regular expression matches."""

    def parse(value: Any) -> tuple[str, ...]:
        found = value.split(",") if isinstance(value, str) else value
        if not isinstance(found, Sequence) or not all(isinstance(item, str) for item in found):
            raise TypeError
        parts = tuple(item.strip() for item in found if item.strip())
        if not all(re.fullmatch(pattern, part) for part in parts):
            raise ValueError
        return parts

    return Rule(allowed, parse)


def optional(rule: Rule) -> Rule:
    """Allow nothing too: null, or empty text."""
    return Rule(
        f"{rule.allowed}, or nothing", lambda v: None if v is None or v == "" else rule.parse(v)
    )


def _within(parsed: Any, value: Any, low: float, high: float) -> Any:
    if isinstance(value, bool) or not low <= parsed <= high:
        raise ValueError
    if isinstance(value, float) and parsed != value:  # 2.5 is no whole number
        raise ValueError
    return parsed
