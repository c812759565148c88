"""Turn events into responses: find the route, run it, and turn errors into HTTP."""

from __future__ import annotations

import json
import logging
import re
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
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
from carlens.http.cors import SECURITY_HEADERS, cors_headers
from carlens.http.events import Request, Response, read_request, request_context, write_response
from carlens.http.paths import has_values, match_path
from carlens.http.statuses import status_of
from carlens.timing import Deadline

log = logging.getLogger("carlens")


class Configured(Protocol):
    """The state of a function, which lives as long as its process."""

    @property
    def config(self) -> Config:
        """Its settings."""


A = TypeVar("A", bound=Configured)


@dataclass(frozen=True)
class RequestContext(Generic[A]):
    """What an operation needs besides the request itself.

    Attributes
    ----------
    app : Configured
    request_id : str
    deadline : Deadline
        When the response should be started.
    path_parameters : Mapping
        The text of the path for each `{name}` of its template.
    """

    app: A
    request_id: str
    deadline: Deadline
    path_parameters: Mapping[str, str] = field(default_factory=dict)


Operation = Callable[[Request, RequestContext[A]], Response]
Methods = Mapping[str, Operation[A]]
# By path template, such as `/norm/{table}`.
Routes = Mapping[str, Methods[A]]

# Kept for finishing the current picture or row, and for writing the response.
_RESERVE_SECONDS = 3.0
_SECONDS_WITHOUT_CONTEXT = 29.0
# Lambda's quota for a response, minus the JSON around the body.
_MAX_RESPONSE_BYTES = 6_291_556 - 16_384
_REQUEST_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")


@dataclass(frozen=True)
class _Route(Generic[A]):
    """The route of a request. `template` is `unknown` until it is found."""

    template: str = "unknown"
    methods: Methods[A] = field(default_factory=dict)
    path_parameters: Mapping[str, str] = field(default_factory=dict)

    @property
    def allow(self) -> str:
        """The value of the `Allow` header."""
        return ",".join(sorted({*self.methods, "OPTIONS"}))


def respond(event: object, context: Any, app: A, routes: Routes[A]) -> dict[str, Any]:
    """Answer a REST proxy event. Never raises.

    Parameters
    ----------
    event : Mapping
        As API Gateway sends it.
    context : object
        Lambda's context; its request id and remaining time are used if it has them.
    app : Configured
        Handed to the operations.
    routes : Mapping
        Operations by method, by path template.

    Returns
    -------
    dict
        The proxy response.
    """
    request_id, deadline = _request_id(event, context), _deadline(context)
    origin = ""
    route: _Route[A] = _Route()
    try:
        request = read_request(event)
        origin = request.headers.get("origin", "")
        route = _find(routes, request)
        call = RequestContext(app, request_id, deadline, route.path_parameters)
        response = _run(route, request, call)
        _check_size(response)
    except CarlensError as error:
        response = _error_response(error, request_id)
    except Exception as error:  # noqa: BLE001 - the client gets a response in any case
        log.error("request %s failed\n%s", request_id, _stack(error))
        message = "Something went wrong. Try again; if it persists, report the request_id."
        response = _error_response(InternalError(message), request_id)
    if app.config.metrics:
        method = request_context(event).get("httpMethod")
        about = {"method": method, "route": route.template, "status": response.status}
        _log({"request_id": request_id, **about}, response, context, app.config.metrics)
    headers = {
        **response.headers,
        **_picture_count(response),
        **cors_headers(app.config.cors_origins, origin, route.allow),
        "X-Request-Id": request_id,
        **SECURITY_HEADERS,
    }
    return write_response(replace(response, headers=headers))


def _find(routes: Routes[A], request: Request) -> _Route[A]:
    # The path may start with the base path of a custom domain; the resource does not.
    if request.resource in routes and has_values(request.resource, request.path_parameters):
        return _Route(request.resource, routes[request.resource], request.path_parameters)
    found = match_path(request.path, routes)
    if found is None:
        raise NotFound("No such route. GET /openapi.json lists the routes.")
    template, values = found
    # The gateway's values come decoded.
    return _Route(template, routes[template], values and {**values, **request.path_parameters})


def _run(route: _Route[A], request: Request, call: RequestContext[A]) -> Response:
    if request.method == "OPTIONS":
        return Response(204)
    operation = route.methods.get("GET" if request.method == "HEAD" else request.method)
    if operation is None:
        raise MethodNotAllowed(
            f"{route.template} does not accept {request.method[:20]}; use {route.allow}.",
            allow=route.allow,
        )
    return operation(request, call)


def _check_size(response: Response) -> None:
    # The body travels as a JSON string, in which a character takes at most six bytes.
    size = 6 * len(response.body)
    if size > _MAX_RESPONSE_BYTES:
        size = len(json.dumps(response.body, ensure_ascii=False).encode())
    if size > _MAX_RESPONSE_BYTES:
        raise PayloadTooLarge(
            f"The response would have {size:,} bytes; the limit is {_MAX_RESPONSE_BYTES:,}. "
            "Send fewer pictures or rows, lower max_objects or top_k, or raise confidence."
        )


def _stack(error: BaseException) -> str:
    """Return the types and frames of an error and its causes; messages may quote the request."""
    cause = error.__cause__ or error.__context__
    before = "" if cause is None else f"{_stack(cause)}which caused\n"
    frames = "".join(traceback.format_tb(error.__traceback__))
    return f"{before}{type(error).__name__} at\n{frames}"


def _error_response(error: CarlensError, request_id: str) -> Response:
    headers = {"Allow": error.allow} if isinstance(error, MethodNotAllowed) else {}
    body = {"code": error.code, "message": error.message, "request_id": request_id}
    return Response.of_json({"error": body}, status_of(type(error)), headers=headers)


def _log(about: Mapping[str, Any], response: Response, context: Any, namespace: str) -> None:
    for line in metric_lines(
        namespace=namespace,
        function=str(getattr(context, "function_name", "local")),
        version=str(getattr(context, "function_version", "local")),
        request=about,
        stats=response.stats,
    ):
        print(line, flush=True)


def _picture_count(response: Response) -> dict[str, str]:
    stats = response.stats
    return {} if stats is None else {"X-Carlens-Pictures": str(stats.pictures)}


def _request_id(event: object, context: Any) -> str:
    given = request_context(event).get("requestId") or getattr(context, "aws_request_id", None)
    # It is written into a header and the log.
    if isinstance(given, str) and _REQUEST_ID.fullmatch(given):
        return given
    from uuid import uuid4  # only requests that bypass the gateway pay for the import

    return str(uuid4())


def _deadline(context: Any) -> Deadline:
    remaining = getattr(context, "get_remaining_time_in_millis", None)
    seconds = remaining() / 1000 if remaining else _SECONDS_WITHOUT_CONTEXT
    return Deadline.after(seconds - _RESERVE_SECONDS)
