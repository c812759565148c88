"""Wake a version of a function, and check that it answers."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable
from typing import Any, Literal

from botocore.exceptions import ClientError

from carlens.smoke import CHECKS, SmokeError
from operations.stage import OperationError

FunctionName = Literal["recognition", "catalog"]

# Making a snapshot again takes a minute or two.
_POLLS = 60
_PAUSE = 10.0  # seconds

# What Lambda answers while it wakes a version.
_WAKING = ("SnapStartNotReadyException", "ResourceNotReadyException", "ResourceConflictException")


def wake(
    functions: Any,
    name: str,
    version: int,
    *,
    report: Callable[[str], None] = print,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Wait until a version is active; call it if it is inactive, which makes Lambda wake it.

    Raises
    ------
    OperationError
        It does not exist, Lambda cannot start it, or it is not active after ten minutes.
    """
    called = False
    for _ in range(_POLLS):
        state, reason = _state(functions, name, version)
        if state == "Active":
            return
        if state == "Failed":
            raise OperationError(f"Lambda cannot start version {version} of {name}: {reason}.")
        if state == "Inactive" and not called:
            report(f"Version {version} of {name} is inactive; waking it takes a minute or two.")
            _call_to_wake(functions, name, version)
            called = True
        sleep(_PAUSE)
    raise OperationError(
        f"Version {version} of {name} is still {state} after {_POLLS * _PAUSE / 60:.0f} minutes."
    )


def _state(functions: Any, name: str, version: int) -> tuple[str, str]:
    try:
        found = functions.get_function_configuration(FunctionName=name, Qualifier=str(version))
    except ClientError as error:
        if error.response["Error"]["Code"] != "ResourceNotFoundException":
            raise
        pages = functions.get_paginator("list_versions_by_function").paginate(FunctionName=name)
        numbers = [
            v["Version"] for page in pages for v in page["Versions"] if v["Version"].isdigit()
        ]
        raise OperationError(
            f"{name} has no version {version}; it has {', '.join(numbers) or 'none'}."
        ) from None
    return found.get("State", "Active"), found.get("StateReason", "no reason given")


def _call_to_wake(functions: Any, name: str, version: int) -> None:
    try:
        functions.invoke(
            FunctionName=name,
            Qualifier=str(version),
            Payload=json.dumps(request("GET", "/health")).encode(),
        )
    except ClientError as error:
        if error.response["Error"]["Code"] not in _WAKING:
            raise


def request(
    method: str, path: str, body: bytes = b"", content_type: str = "", **query: str
) -> dict[str, Any]:
    """Build the part of API Gateway's proxy event that the functions read."""
    return {
        "httpMethod": method,
        "path": path,
        "headers": {"Content-Type": content_type} if content_type else {},
        "multiValueQueryStringParameters": {key: [value] for key, value in query.items()},
        "body": base64.b64encode(body).decode(),
        "isBase64Encoded": True,
    }


def check_event(function: FunctionName) -> dict[str, Any]:
    """Return a request that needs everything that the function loads: models or tables."""
    check = CHECKS[function]
    return request(check.method, check.path, check.body, check.content_type, **check.query)


def check_answer(functions: Any, name: str, qualifier: str, function: FunctionName) -> None:
    """Check that a version or an alias answers a request with status 200 and a result.

    Raises
    ------
    OperationError
        It does not.
    """
    called = functions.invoke(
        FunctionName=name, Qualifier=qualifier, Payload=json.dumps(check_event(function)).encode()
    )
    payload = called["Payload"].read().decode()
    if "FunctionError" in called:
        raise OperationError(f"{name}:{qualifier} does not answer as expected: {payload[:500]}")
    answer = json.loads(payload)
    try:
        CHECKS[function].expect(answer["statusCode"], answer["body"])
    except SmokeError as error:
        raise OperationError(f"{name}:{qualifier} does not answer as expected: {error}") from None
