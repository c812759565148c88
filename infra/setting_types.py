"""Types of settings: each accepts JSON from `cdk.json` and text from `-c name=value`."""

from __future__ import annotations

from collections.abc import Iterator
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


class Rule(GroupedMetadata):
    """Constraints on a value, and the phrase that completes "it must be ..." when one fails."""

    def __init__(self, phrase: str, *constraints: object) -> None:
        self._phrase = phrase
        self._constraints = constraints

    def __iter__(self) -> Iterator[object]:
        """Yield what pydantic applies, the innermost first."""
        yield from self._constraints
        yield WrapValidator(self._explain)

    def _explain(self, value: Any, validate: ValidatorFunctionWrapHandler) -> Any:
        try:
            return validate(value)
        except ValidationError:
            raise _not_allowed(self._phrase) from None


def whole(low: int, high: int) -> Rule:
    """Allow a whole number from `low` to `high`."""
    phrase = f"a whole number from {low} to {high}"
    return Rule(phrase, Interval(ge=low, le=high), BeforeValidator(_number_parser(int)))


def number(low: float, high: float) -> Rule:
    """Allow a number from `low` to `high`."""
    phrase = f"a number from {low} to {high}"
    return Rule(phrase, Interval(ge=low, le=high), BeforeValidator(_number_parser(float)))


def one_of(*choices: object) -> BeforeValidator:
    """Allow the given values, also written as text."""
    by_text = {str(choice): choice for choice in choices}

    def choose(value: Any) -> object:
        if str(value) not in by_text:
            raise _not_allowed(f"one of {', '.join(by_text)}")
        return by_text[str(value)]

    return BeforeValidator(choose)


def text(pattern: str, phrase: str) -> Rule:
    """Allow text that a regular expression matches as a whole."""
    return Rule(phrase, Field(pattern=f"^({pattern})$"))


def _not_allowed(phrase: str) -> PydanticCustomError:
    return PydanticCustomError("not_allowed", phrase)


def _number_parser(kind: type[int] | type[float]) -> Any:
    def parse(value: Any) -> Any:
        if isinstance(value, bool):
            raise ValueError  # True is an int in Python
        return kind(value) if isinstance(value, str) else value

    return parse


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

Flag = Annotated[bool, Rule("true or false", Strict(), BeforeValidator(_parse_flag))]

StageName = Annotated[
    str,
    text("[a-z][a-z0-9]{0,15}", "1 to 16 lowercase letters and digits, starting with a letter"),
]
Account = Annotated[str, text(r"\d{12}", "12 digits")]
Region = Annotated[str, text(r"[a-z]{2}(-[a-z]+)+-\d", "a region such as eu-west-3")]
Email = Annotated[str, text(r"[^@\s]+@[^@\s]+\.[^@\s]+", "an email address")]
Domain = Annotated[str, text(r"([a-z0-9-]+\.)+[a-z]{2,}", "a domain such as cars.example.com")]
KeyArn = Annotated[
    str, text(r"arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{12}:key/[\w-]+", "the ARN of a KMS key")
]
PolicyArn = Annotated[
    str,
    text(
        r"arn:aws[a-z-]*:iam::(\d{12}|aws):policy/[\w+=,.@/-]+",
        "the ARN of a managed policy of IAM",
    ),
]
CertificateArn = Annotated[
    str,
    text(
        r"arn:aws[a-z-]*:acm:[a-z0-9-]+:\d{12}:certificate/[\w-]+",
        "the ARN of an ACM certificate in the region of the API",
    ),
]
_Bucket = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$")]
Buckets = Annotated[
    tuple[_Bucket, ...],
    Rule("a list of S3 buckets, by name", BeforeValidator(_split)),
]
_Subnet = Annotated[str, Field(pattern=r"^subnet-([0-9a-f]{8}|[0-9a-f]{17})$")]
Subnets = Annotated[
    tuple[_Subnet, ...], Rule("a list of subnets such as subnet-0a1b2c3d", BeforeValidator(_split))
]
_SecurityGroup = Annotated[str, Field(pattern=r"^sg-([0-9a-f]{8}|[0-9a-f]{17})$")]
SecurityGroups = Annotated[
    tuple[_SecurityGroup, ...],
    Rule("a list of security groups such as sg-0a1b2c3d", BeforeValidator(_split)),
]
_UserPool = Annotated[
    str, Field(pattern=r"^arn:aws[a-z-]*:cognito-idp:[a-z0-9-]+:\d{12}:userpool/[\w-]+$")
]
UserPools = Annotated[
    tuple[_UserPool, ...],
    Rule("a list of Cognito user pools, by ARN", BeforeValidator(_split)),
]
# The characters of a scope in OAuth 2.0, except the comma, which separates several.
_Scope = Annotated[str, Field(pattern=r"^[!#-+\--\[\]-~]+$")]
Scopes = Annotated[
    tuple[_Scope, ...],
    Rule("a list of OAuth scopes such as cars/read", BeforeValidator(_split)),
]
ModelName = Annotated[str, text(r"[a-z0-9][a-z0-9._-]{0,63}", "the name of a folder in models/")]
_Host = Annotated[str, Field(pattern=r"^[A-Za-z0-9.-]+(:\d{1,5})?$")]
Hosts = Annotated[
    tuple[_Host, ...],
    Rule("a list of hosts, each name or name:port", BeforeValidator(_split)),
]
_Class = Annotated[str, Field(min_length=1)]
Classes = Annotated[
    tuple[_Class, ...],
    Rule("a list of the detector's classes", BeforeValidator(_split)),
]
# Strict about characters: origins are written into a mapping template of API Gateway.
_Origin = Annotated[str, Field(pattern=r"^(https?://[a-z0-9.-]+(:\d{1,5})?|\*)$")]
Origins = Annotated[
    tuple[_Origin, ...],
    Rule(
        "* or a list of origins such as https://www.example.com",
        AfterValidator(_any_or_listed),
        BeforeValidator(_split),
    ),
]
