"""What a job does, read from the input of its execution."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

from carlens.batch.errors import InvalidInput
from carlens.errors import InvalidParameter
from carlens.http.query import Query, read_parameters
from carlens.ranges import check_range
from carlens.services.parameters import Parameters
from carlens.services.recognition_app import RecognitionApp

if TYPE_CHECKING:
    from carlens.services.anonymize import Redactor

Operation = Literal["predict", "object_detection", "anonymize"]

MAX_SIZE = 1000
_ANALYZE = ("classes", "confidence", "max_objects", "slices", "top_k")
_OPTIONS: Mapping[Operation, tuple[str, ...]] = {
    "predict": _ANALYZE,
    "object_detection": _ANALYZE,
    "anonymize": ("confidence", "margin", "output", "redact", "style"),
}
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
    operation : {"predict", "object_detection", "anonymize"}
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
    operation = _operation(_text(given, "operation"))
    job = Job(
        name=name,
        bucket=_text(given, "bucket"),
        prefix=_text(given, "prefix", ""),
        operation=operation,
        size=_size(given.get("size", Job.size)),
        options=_options(given.get("options", {}), _OPTIONS[operation]),
    )
    if not _BUCKET.fullmatch(job.bucket):
        raise InvalidInput(f"bucket is {job.bucket!r}; it must be the name of an S3 bucket.")
    return job


def check_options(job: Job, app: RecognitionApp) -> None:
    """Validate the options of a job, and load the models that it needs.

    Raises
    ------
    InvalidInput
        An option has a value that is not allowed, or the operation is off.
    ModelsUnavailable
        The models cannot be loaded.
    """
    if job.operation == "anonymize":
        job_redactor(job, app)
    else:
        job_parameters(job, app)


def job_redactor(job: Job, app: RecognitionApp) -> Redactor:
    """Validate the options of a job that redacts, and load its models; see `check_options`."""
    # only redaction pays for the imports
    from carlens.http.anonymize import read_options
    from carlens.services.anonymize import make_redactor

    if not app.config.anonymize:
        raise InvalidInput("operation is 'anonymize'; this deployment does not anonymize pictures.")
    if job.bucket == app.config.results:
        raise InvalidInput("bucket is the one of the results, where redacted pictures are written.")
    with _options_named():
        return make_redactor(app, read_options(_query(job.options)))


def job_parameters(job: Job, app: RecognitionApp) -> Parameters:
    """Validate the options of a job that recognizes, like query parameters.

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
    with _options_named():
        return read_parameters(_query(job.options), classes, default)


@contextmanager
def _options_named() -> Iterator[None]:
    try:
        yield
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
    allowed = ", ".join(get_args(Operation))
    raise InvalidInput(f"operation is {text!r}; it must be one of {allowed}.")


def _size(value: object) -> int:
    try:
        return check_range(value if type(value) is int else None, 1, MAX_SIZE)
    except ValueError as error:
        raise InvalidInput(f"size is {value!r}; {error}.") from error


def _options(value: object, known: tuple[str, ...]) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise InvalidInput("options must be a JSON object.")
    for name in value:
        if name not in known:
            raise InvalidInput(f"options: {name!r} is unknown; use {', '.join(known)}.")
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
