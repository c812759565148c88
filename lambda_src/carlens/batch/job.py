"""What a job does, read from the input of its execution."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

from carlens.batch.errors import InvalidInput
from carlens.errors import InvalidParameter
from carlens.http.query import Query, read_parameters
from carlens.ranges import check_range
from carlens.services.parameters import Parameters
from carlens.services.recognition_app import RecognitionApp

Operation = Literal["predict", "object_detection"]

MAX_SIZE = 1000
_OPTIONS = ("classes", "confidence", "max_objects", "slices", "top_k")
# It becomes a part of S3 keys, and a partition of the Athena table.
_NAME = re.compile(r"[A-Za-z0-9._-]{1,80}")
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")


@dataclass(frozen=True, kw_only=True)
class Job:
    """A job over the photos under a prefix.

    Attributes
    ----------
    name : str
        Name of the execution.
    bucket, prefix : str
        Where the photos are.
    operation : {"predict", "object_detection"}
    size : int
        1..1000, photos in a part.
    options : Mapping
        Query parameters of the operation.
    """

    name: str
    bucket: str
    prefix: str = ""
    operation: Operation = "predict"
    size: int = 100
    options: Mapping[str, Any]

    def document(self) -> dict[str, Any]:
        """Return the input of the execution with its defaults, as JSON."""
        document = asdict(self)
        del document["name"]
        return document


def read_job(name: str, given: object) -> Job:
    """Validate the input of an execution.

    Parameters
    ----------
    name : str
        Name of the execution.
    given : object
        `{"bucket", "prefix", "operation", "size", "options"}`; only `bucket` and `operation` are
        required.

    Raises
    ------
    InvalidInput
        Names the member and what is allowed.
    """
    if not _NAME.fullmatch(name):
        raise InvalidInput(
            f"The execution is named {name!r}; use letters, digits, '.', '_' and '-'."
        )
    if not isinstance(given, Mapping):
        raise InvalidInput("The input must be a JSON object.")
    known = ("bucket", "prefix", "operation", "size", "options")
    for member in given:
        if member not in known:
            raise InvalidInput(f"{member!r} is not a member of the input; use {', '.join(known)}.")
    job = Job(
        name=name,
        bucket=_text(given, "bucket"),
        prefix=_text(given, "prefix", ""),
        operation=_operation(_text(given, "operation")),
        size=_size(given.get("size", Job.size)),
        options=_options(given.get("options", {})),
    )
    if not _BUCKET.fullmatch(job.bucket):
        raise InvalidInput(f"bucket is {job.bucket!r}; it must be the name of an S3 bucket.")
    return job


def job_parameters(job: Job, app: RecognitionApp) -> Parameters:
    """Validate the options of a job like the query parameters of its operation.

    Raises
    ------
    InvalidInput
        An option has a value that is not allowed.
    ModelsUnavailable
        The models cannot be loaded.
    """
    default: tuple[str, ...] | None = None
    if job.operation == "predict":
        bundle = app.naming_models()
        classes, default = bundle.vehicles, bundle.applies_to
    else:
        classes = app.models().detector.manifest.labels
    try:
        return read_parameters(_query(job.options), classes, default)
    except InvalidParameter as error:
        raise InvalidInput(f"options: {error.message}") from error


def _text(given: Mapping[str, Any], name: str, default: str | None = None) -> str:
    value = given.get(name, default)
    if not isinstance(value, str):
        problem = "is missing" if value is None else "must be a string"
        raise InvalidInput(f"{name} {problem}.")
    return value


def _operation(text: str) -> Operation:
    for operation in get_args(Operation):
        if text == operation:
            found: Operation = operation
            return found
    allowed = " or ".join(map(repr, get_args(Operation)))
    raise InvalidInput(f"operation is {text!r}; it must be {allowed}.")


def _size(value: object) -> int:
    try:
        return check_range(value if type(value) is int else None, 1, MAX_SIZE)
    except ValueError as error:
        raise InvalidInput(f"size is {value!r}; {error}.") from error


def _options(value: object) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise InvalidInput("options must be a JSON object.")
    for name in value:
        if name not in _OPTIONS:
            raise InvalidInput(f"options: {name!r} is unknown; use {', '.join(_OPTIONS)}.")
    return value


def _query(options: Mapping[str, Any]) -> Query:
    """Write options as the text of query parameters."""
    return {name: (_parameter(name, value),) for name, value in options.items()}


def _parameter(name: str, value: object) -> str:
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return ",".join(value)
    if isinstance(value, str | int | float) and not isinstance(value, bool):
        return str(value)
    raise InvalidInput(f"options: {name} must be a number, a string or a list of strings.")
