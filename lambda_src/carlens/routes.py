"""(method, path) -> operation; errors -> HTTP; CORS on every answer."""

from __future__ import annotations

import json
import logging
import re
import time
import traceback
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from carlens import operations
from carlens.app import App
from carlens.errors import (
    CarlensError,
    InternalError,
    MethodNotAllowed,
    NotFound,
    PayloadTooLarge,
)
from carlens.gateway import Request, Response, read_request, request_context, write_response
from carlens.operations import Call
from carlens.telemetry import metric_lines

log = logging.getLogger("carlens")

Operation = Callable[[Request, Call], Response]

ROUTES: dict[str, dict[str, Operation]] = {
    "/": {"GET": operations.page},
    "/health": {"GET": operations.health},
    "/models": {"GET": operations.models},
    "/object_detection": {"POST": operations.object_detection},
    "/openapi.json": {"GET": operations.contract},
    "/predict": {"POST": operations.predict},
    "/shape": {"POST": operations.shape},
    "/size": {"POST": operations.size},
}

# Kept back for the picture at hand, and for writing the answer.
_RESERVE_SECONDS = 3.0
_TIME_WITHOUT_CONTEXT = 29.0
# Lambda's quota on an answer, less what stands around its body.
_MAX_ANSWER = 6_291_556 - 16_384
_REQUEST_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")


def respond(event: object, context: Any, app: App) -> dict[str, Any]:
    """Answer a REST proxy event, whatever happens.

    Parameters
    ----------
    event : Mapping
        As API Gateway sends it.
    context : object
        Lambda's; its request id and remaining time are used when it has them.
    app : App

    Returns
    -------
    dict
        The proxy response.
    """
    call = Call(app, _request_id(event, context), _deadline(context))
    origin, allow, route = "", "OPTIONS", "unknown"
    try:
        request = read_request(event)
        origin = request.headers.get("origin", "")
        methods = _methods(request.path)
        route = request.path
        allow = ",".join(sorted({*methods, "OPTIONS"}))
        response = _route(request, methods, allow, call)
        _check_size(response)
    except CarlensError as error:
        response = _of_error(error, call.request_id)
    except Exception as error:  # noqa: BLE001 - the client gets an answer whatever it is
        log.error("request %s failed\n%s", call.request_id, _where(error))
        message = "Carlens failed on this request; report it with the request_id."
        response = _of_error(InternalError(message), call.request_id)
    if app.config.metrics:
        method = request_context(event).get("httpMethod")
        about = {"method": method, "route": route, "status": response.status}
        _log({"request_id": call.request_id, **about}, response, context, app.config.metrics)
    headers = {
        **response.headers,
        **_pictures(response),
        **_cors(app.config.cors_origins, origin, allow),
        "X-Request-Id": call.request_id,
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Strict-Transport-Security": "max-age=31536000",
    }
    return write_response(Response(response.status, response.body, headers))


def _methods(path: str) -> dict[str, Operation]:
    if path not in ROUTES:
        raise NotFound("No such route; GET /openapi.json lists them.")
    return ROUTES[path]


def _route(request: Request, methods: dict[str, Operation], allow: str, call: Call) -> Response:
    if request.method == "OPTIONS":
        return Response(204)
    operation = methods.get("GET" if request.method == "HEAD" else request.method)
    if operation is None:
        raise MethodNotAllowed(
            f"{request.path} does not take {request.method[:20]}; use {allow}.", allow=allow
        )
    return operation(request, call)


def _check_size(response: Response) -> None:
    # As it travels: a string in JSON. No letter of it takes more than six bytes there.
    size = 6 * len(response.body)
    if size > _MAX_ANSWER:
        size = len(json.dumps(response.body, ensure_ascii=False).encode())
    if size > _MAX_ANSWER:
        raise PayloadTooLarge(
            f"The answer would have {size:,} bytes; the limit is {_MAX_ANSWER:,}. "
            "Lower max_objects or top_k, raise confidence, or send fewer pictures."
        )


def _where(error: BaseException) -> str:
    """Tell where an error arose, and what led to it; its words may quote the request."""
    cause = error.__cause__ or error.__context__
    led_by = "" if cause is None else f"{_where(cause)}which led to\n"
    frames = "".join(traceback.format_tb(error.__traceback__))
    return f"{led_by}{type(error).__name__} at\n{frames}"


def _of_error(error: CarlensError, request_id: str) -> Response:
    headers = {"Allow": error.allow} if isinstance(error, MethodNotAllowed) else {}
    body = {"code": error.code, "message": error.message, "request_id": request_id}
    return Response.of_json({"error": body}, error.status, headers=headers)


def _log(about: Mapping[str, Any], response: Response, context: Any, namespace: str) -> None:
    function = str(getattr(context, "function_name", "local"))
    for line in metric_lines(
        namespace=namespace, function=function, request=about, outcome=response.outcome
    ):
        print(line, flush=True)


def _pictures(response: Response) -> dict[str, str]:
    outcome = response.outcome
    return {} if outcome is None else {"X-Carlens-Pictures": str(outcome.pictures)}


def _cors(origins: tuple[str, ...], origin: str, allow: str) -> dict[str, str]:
    if "*" in origins:
        allowed = {"Access-Control-Allow-Origin": "*"}
    else:
        known = origin if origin in origins else origins[0]
        allowed = {"Access-Control-Allow-Origin": known, "Vary": "Origin"}
    return {
        **allowed,
        "Access-Control-Allow-Methods": allow,
        "Access-Control-Allow-Headers": "Content-Type,Authorization,X-Api-Key",
        "Access-Control-Expose-Headers": "X-Request-Id",
        "Access-Control-Max-Age": "600",
    }


def _request_id(event: object, context: Any) -> str:
    named = request_context(event).get("requestId") or getattr(context, "aws_request_id", None)
    # It goes into a header and the log.
    return named if isinstance(named, str) and _REQUEST_ID.fullmatch(named) else str(uuid.uuid4())


def _deadline(context: Any) -> float:
    remaining = getattr(context, "get_remaining_time_in_millis", None)
    seconds = remaining() / 1000 if remaining else _TIME_WITHOUT_CONTEXT
    return time.monotonic() + seconds - _RESERVE_SECONDS
