"""A Lambda handler that shows what the local server gave it, and misbehaves on demand."""

from __future__ import annotations

import base64
import itertools
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

_COUNT = itertools.count()

print("echo handler loads")
time.sleep(float(os.environ.get("ECHO_LOAD_SECONDS", "0")))


def lambda_handler(event: dict[str, Any], context: Any) -> Any:
    query = event["queryStringParameters"] or {}
    match event["resource"]:
        case "/echo":
            return _json(_seen(event, context))
        case "/count":
            return _json(next(_COUNT))
        case "/door":
            _wait_at(Path(query["door"]))
        case "/sleep":
            time.sleep(float(query["s"]))
        case "/answer":
            return json.loads(event["body"])
        case "/big":
            return {"statusCode": 200, "body": "x" * int(query["n"])}
        case "/raise":
            raise RuntimeError("the handler broke\n\x1b[31m")
        case "/exit":
            sys.exit(3)
        case "/kill":
            os._exit(3)
        case "/spin":
            while True:
                pass
        case "/print":
            print("said by the handler")
    return _json({"pid": os.getpid()})


def echo(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Answer the event itself, on any route; to HEAD, in a header."""
    answer = _json(event)
    if event["httpMethod"] == "HEAD":
        answer["headers"]["X-Event"] = base64.b64encode(answer["body"].encode()).decode()
    return answer


def _wait_at(door: Path) -> None:
    (door / str(os.getpid())).touch()
    while not (door / "open").exists():
        time.sleep(0.01)


def _json(value: object) -> dict[str, Any]:
    return {
        "statusCode": 200,
        "headers": {"Content-Type": "application/json", "X-Carlens-Pictures": "3"},
        "body": json.dumps(value),
    }


def _seen(event: dict[str, Any], context: Any) -> dict[str, Any]:
    names = (
        "aws_request_id",
        "function_name",
        "function_version",
        "memory_limit_in_mb",
        "invoked_function_arn",
        "log_group_name",
    )
    return {
        "event": event,
        "context": {name: getattr(context, name) for name in names},
        "remaining": context.get_remaining_time_in_millis(),
        "pid": os.getpid(),
    }
