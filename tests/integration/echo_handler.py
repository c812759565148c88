"""A Lambda handler that returns what the local server passed to it, or fails on request."""

from __future__ import annotations

import base64
import itertools
import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NoReturn

_COUNT = itertools.count()


def lambda_handler(event: dict[str, Any], context: Any) -> Any:
    return _ROUTES.get(event["resource"], _pid)(event, context)


def echo(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Return the event on every route; for HEAD, in a header."""
    response = _json(event)
    if event["httpMethod"] == "HEAD":
        response["headers"]["X-Event"] = base64.b64encode(response["body"].encode()).decode()
    return response


def _echo(event: dict[str, Any], context: Any) -> Any:
    names = (
        "aws_request_id",
        "function_name",
        "function_version",
        "memory_limit_in_mb",
        "invoked_function_arn",
        "log_group_name",
    )
    return _json(
        {
            "event": event,
            "context": {name: getattr(context, name) for name in names},
            "remaining": context.get_remaining_time_in_millis(),
            "pid": os.getpid(),
        }
    )


def _pid(event: dict[str, Any], context: Any) -> Any:
    return _json({"pid": os.getpid()})


def _next_number(event: dict[str, Any], context: Any) -> Any:
    return _json(next(_COUNT))


def _response_in_body(event: dict[str, Any], context: Any) -> Any:
    return json.loads(event["body"])


def _big(event: dict[str, Any], context: Any) -> Any:
    return {"statusCode": 200, "body": "x" * int(_query(event)["n"])}


def _print(event: dict[str, Any], context: Any) -> Any:
    print("printed by the handler")
    return _pid(event, context)


def _wait(event: dict[str, Any], context: Any) -> Any:
    _wait_at(Path(_query(event)["barrier"]))
    return _pid(event, context)


def _sleep_forever(event: dict[str, Any], context: Any) -> NoReturn:
    _arrive(event)
    while True:
        time.sleep(60)


def _spin_forever(event: dict[str, Any], context: Any) -> NoReturn:
    _arrive(event)
    while True:
        pass


def _raise(event: dict[str, Any], context: Any) -> NoReturn:
    raise RuntimeError("the handler failed\n\x1b[31m")


def _exit(event: dict[str, Any], context: Any) -> NoReturn:
    sys.exit(3)


def _exit_at_once(event: dict[str, Any], context: Any) -> NoReturn:
    os._exit(3)


def _query(event: dict[str, Any]) -> Mapping[str, str]:
    return event["queryStringParameters"] or {}


def _arrive(event: dict[str, Any]) -> None:
    if barrier := _query(event).get("barrier"):
        (Path(barrier) / str(os.getpid())).touch()


def _wait_at(barrier: Path) -> None:
    (barrier / str(os.getpid())).touch()
    while not (barrier / "open").exists():
        time.sleep(0.01)


def _json(value: object) -> dict[str, Any]:
    return {
        "statusCode": 200,
        "headers": {"Content-Type": "application/json", "X-Carlens-Pictures": "3"},
        "body": json.dumps(value),
    }


_ROUTES: dict[str, Callable[[dict[str, Any], Any], Any]] = {
    "/echo": _echo,
    "/count": _next_number,
    "/wait": _wait,
    "/sleep": _sleep_forever,
    "/respond": _response_in_body,
    "/big": _big,
    "/raise": _raise,
    "/exit": _exit,
    "/kill": _exit_at_once,
    "/spin": _spin_forever,
    "/print": _print,
}

print("echo handler loads")
if "ECHO_LOAD_BARRIER" in os.environ:
    _wait_at(Path(os.environ["ECHO_LOAD_BARRIER"]))
