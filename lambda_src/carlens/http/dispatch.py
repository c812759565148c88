"""Operations by path and method -> a function that always answers: errors -> HTTP, CORS, log.

Knows of neither API what it does.
"""

from __future__ import annotations

import json
import logging
import re
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Generic, Protocol, TypeVar

from carlens.aws.metrics import metric_lines
from carlens.config import Config
from carlens.errors import (
    CarlensError,
    InternalError,
    MethodNotAllowed,
    NotFound,
    PayloadTooLarge,
)
from carlens.http.events import Request, Response, read_request, request_context, write_response

log = logging.getLogger("carlens")

# On every answer; the contract says them again for those that the gateway makes.
SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Strict-Transport-Security": "max-age=31536000",
}


class Configured(Protocol):
    """An API's state, which lives as long as this copy of the function."""

    @property
    def config(self) -> Config:
        """Its settings."""


A = TypeVar("A", bound=Configured)


@dataclass(frozen=True)
class RequestContext(Generic[A]):
    """What an operation needs beside its request.

    Attributes
    ----------
    app : Configured
    request_id : str
    deadline : float
        The `time.monotonic()` by which the answer should be begun.
    values : Mapping
        What stands in the path for each `{name}` of its template.
    """

    app: A
    request_id: str
    deadline: float
    values: Mapping[str, str] = field(default_factory=dict)

    def seconds_left(self) -> float:
        """Give the seconds until the deadline; negative after it."""
        return self.deadline - time.monotonic()

    def out_of_time(self) -> bool:
        """Tell whether the deadline is past."""
        return self.seconds_left() <= 0


Operation = Callable[[Request, RequestContext[A]], Response]
Methods = Mapping[str, Operation[A]]
# By path; `{name}` in one stands for a segment.
Routes = Mapping[str, Methods[A]]

# Kept back for the picture or row at hand, and for writing the answer.
_RESERVE_SECONDS = 3.0
_TIME_WITHOUT_CONTEXT = 29.0
# Lambda's quota on an answer, less what stands around its body.
_MAX_ANSWER = 6_291_556 - 16_384
_REQUEST_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")


def respond(event: object, context: Any, app: A, routes: Routes[A]) -> dict[str, Any]:
    """Answer a REST proxy event, whatever happens.

    Parameters
    ----------
    event : Mapping
        As API Gateway sends it.
    context : object
        Lambda's; its request id and remaining time are used when it has them.
    app : Configured
        Handed to the operations.
    routes : Mapping
        Operations by method, by path.

    Returns
    -------
    dict
        The proxy response.
    """
    request_id, deadline = _request_id(event, context), _deadline(context)
    origin, allow, route = "", "OPTIONS", "unknown"
    try:
        request = read_request(event)
        origin = request.headers.get("origin", "")
        route, values = _find(routes, request)
        allow = ",".join(sorted({*routes[route], "OPTIONS"}))
        call = RequestContext(app, request_id, deadline, values)
        response = _run(routes[route], request, call, route, allow)
        _check_size(response)
    except CarlensError as error:
        response = _of_error(error, request_id)
    except Exception as error:  # noqa: BLE001 - the client gets an answer whatever it is
        log.error("request %s failed\n%s", request_id, _where(error))
        message = "Something broke on our side. Try again; if it stays, report the request_id."
        response = _of_error(InternalError(message), request_id)
    if app.config.metrics:
        method = request_context(event).get("httpMethod")
        about = {"method": method, "route": route, "status": response.status}
        _log({"request_id": request_id, **about}, response, context, app.config.metrics)
    headers = {
        **response.headers,
        **_pictures(response),
        **_cors(app.config.cors_origins, origin, allow),
        "X-Request-Id": request_id,
        **SECURITY_HEADERS,
    }
    return write_response(Response(response.status, response.body, headers))


def _find(routes: Routes[A], request: Request) -> tuple[str, Mapping[str, str]]:
    """Give the route's template, and what the path has in it; the gateway's reading counts."""
    path = request.path
    if path in routes and "{" not in path:
        return path, {}
    for template in routes:
        if "{" in template and (found := _pattern(template).fullmatch(path)):
            return template, {**found.groupdict(), **request.values}
    raise NotFound("There is no such route. GET /openapi.json lists the routes.")


@cache
def _pattern(template: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", template))


def _run(
    methods: Methods[A], request: Request, call: RequestContext[A], route: str, allow: str
) -> Response:
    if request.method == "OPTIONS":
        return Response(204)
    operation = methods.get("GET" if request.method == "HEAD" else request.method)
    if operation is None:
        raise MethodNotAllowed(
            f"{route} does not take {request.method[:20]}; use {allow}.", allow=allow
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
            "Send fewer pictures or rows, lower max_objects or top_k, or raise confidence."
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
    if isinstance(named, str) and _REQUEST_ID.fullmatch(named):
        return named
    from uuid import uuid4  # only calls past the gateway pay for it

    return str(uuid4())


def _deadline(context: Any) -> float:
    remaining = getattr(context, "get_remaining_time_in_millis", None)
    seconds = remaining() / 1000 if remaining else _TIME_WITHOUT_CONTEXT
    return time.monotonic() + seconds - _RESERVE_SECONDS
