"""Types of settings: each accepts JSON from `cdk.json` and text from `-c name=value`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

from annotated_types import GroupedMetadata, Interval
from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    Strict,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)
from pydantic_core import PydanticCustomError

T = TypeVar("T")


def allowed(text: str) -> WrapValidator:
    """Describe the allowed values; `text` completes the sentence "it must be ..."."""

    def explain(value: Any, validate: ValidatorFunctionWrapHandler) -> Any:
        try:
            return validate(value)
        except ValidationError:
            raise _not_allowed(text) from None

    return WrapValidator(explain)


def one_of(*choices: object) -> BeforeValidator:
    """Allow the given values, also written as text."""
    by_text = {str(choice): choice for choice in choices}

    def choose(value: Any) -> object:
        if str(value) not in by_text:
            raise _not_allowed(f"one of {', '.join(by_text)}")
        return by_text[str(value)]

    return BeforeValidator(choose)


@dataclass(frozen=True)
class _Range(GroupedMetadata):
    kind: type[int] | type[float]
    low: float
    high: float
    noun: str

    def __iter__(self) -> Iterator[object]:
        yield Interval(ge=self.low, le=self.high)
        yield BeforeValidator(self._parse)
        yield allowed(f"{self.noun} from {self.low} to {self.high}")

    def _parse(self, value: Any) -> Any:
        if isinstance(value, bool):
            raise ValueError  # True is an int in Python
        return self.kind(value) if isinstance(value, str) else value


def whole(low: int, high: int) -> GroupedMetadata:
    """Allow a whole number from `low` to `high`."""
    return _Range(int, low, high, "a whole number")


def number(low: float, high: float) -> GroupedMetadata:
    """Allow a number from `low` to `high`."""
    return _Range(float, low, high, "a number")


def _not_allowed(text: str) -> PydanticCustomError:
    return PydanticCustomError("not_allowed", text)


def _optional(value: Any, validate: ValidatorFunctionWrapHandler) -> Any:
    if value is None or value == "":
        return None
    try:
        return validate(value)
    except ValidationError as error:
        raise _not_allowed(f"{error.errors()[0]['msg']}, or nothing") from None


def _parse_flag(value: Any) -> Any:
    return {"true": True, "false": False}.get(str(value).lower(), value)


def _split(value: Any) -> tuple[str, ...]:
    items = value.split(",") if isinstance(value, str) else value
    if not isinstance(items, list | tuple) or not all(isinstance(item, str) for item in items):
        raise ValueError
    return tuple(item.strip() for item in items if item.strip())


def _any_or_listed(origins: tuple[str, ...]) -> tuple[str, ...]:
    if not origins or ("*" in origins and len(origins) > 1):
        raise ValueError
    return origins


# `-c name=` passes an empty string, which stands for null.
OrNone = Annotated[T | None, WrapValidator(_optional)]

Flag = Annotated[bool, Strict(), BeforeValidator(_parse_flag), allowed("true or false")]
StageName = Annotated[
    str,
    Field(pattern=r"^[a-z][a-z0-9]{0,15}$"),
    allowed("1 to 16 lowercase letters and digits, starting with a letter"),
]
Account = Annotated[str, Field(pattern=r"^\d{12}$"), allowed("12 digits")]
Region = Annotated[
    str, Field(pattern=r"^[a-z]{2}(-[a-z]+)+-\d$"), allowed("a region such as eu-west-3")
]
ModelName = Annotated[
    str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$"), allowed("the name of a folder in models/")
]
Email = Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$"), allowed("an email address")]
Domain = Annotated[
    str, Field(pattern=r"^([a-z0-9-]+\.)+[a-z]{2,}$"), allowed("a domain such as cars.example.com")
]
CertificateArn = Annotated[
    str,
    Field(pattern=r"^arn:aws[a-z-]*:acm:[a-z0-9-]+:\d{12}:certificate/[\w-]+$"),
    allowed("the ARN of an ACM certificate in the region of the API"),
]
Hosts = Annotated[
    tuple[Annotated[str, Field(pattern=r"^[A-Za-z0-9.-]+(:\d{1,5})?$")], ...],
    BeforeValidator(_split),
    allowed("a list of hosts, each name or name:port"),
]
# Strict about characters: origins are written into a mapping template of API Gateway.
Origins = Annotated[
    tuple[Annotated[str, Field(pattern=r"^(https?://[a-z0-9.-]+(:\d{1,5})?|\*)$")], ...],
    BeforeValidator(_split),
    AfterValidator(_any_or_listed),
    allowed("* or a list of origins such as https://www.example.com"),
]
