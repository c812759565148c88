"""Routes and their operations -> a proxy function that always answers, with CORS.

Knows nothing of makes and models.
"""

from __future__ import annotations

import json
import logging
import re
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from carlens.errors import CarlensError, InternalError, MethodNotAllowed, NotFound
from carlens.gateway import Request, Response, read_request, write_response

log = logging.getLogger("carlens")

# A request and the values in its path -> the answer.
Operation = Callable[[Request, Mapping[str, str]], Response]
Routes = Mapping[str, Mapping[str, Operation]]


def respond(
    event: Mapping[str, Any], context: Any, routes: Routes, origins: tuple[str, ...]
) -> dict[str, Any]:
    """Answer a REST proxy event, whatever happens.

    Parameters
    ----------
    routes : Mapping
        Operations by method, by path; `{name}` in a path is one segment of it.
    origins : tuple of str
        Origins that browsers may call from; `("*",)` for any.

    Returns
    -------
    dict
        The proxy response.
    """
    from_gateway = (event.get("requestContext") or {}).get("requestId")
    request_id = str(from_gateway or getattr(context, "aws_request_id", None) or uuid.uuid4())
    origin, allow, route = "", "OPTIONS", "unknown"
    try:
        request = read_request(event)
        origin = request.headers.get("origin", "")
        route, values = _find(routes, request.path)
        methods = routes[route]
        allow = ",".join(sorted({*methods, "OPTIONS"}))
        response = _run(request, methods, values, allow)
    except CarlensError as error:
        response = _of_error(error, request_id)
    except Exception:
        log.exception("request %s failed", request_id)
        message = "Carlens failed on this request; report it with the request_id."
        response = _of_error(InternalError(message), request_id)
    about = {"request_id": request_id, "method": event.get("httpMethod"), "route": route}
    print(json.dumps({**about, "status": response.status}), flush=True)
    headers = {
        **response.headers,
        **_cors(origins, origin, allow),
        "X-Request-Id": request_id,
        "X-Content-Type-Options": "nosniff",
    }
    return write_response(Response(response.status, response.body, headers))


def _find(routes: Routes, path: str) -> tuple[str, dict[str, str]]:
    for template in routes:
        pattern = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", template)
        if found := re.fullmatch(pattern, path):
            return template, found.groupdict()
    raise NotFound("No such route; GET /openapi.json lists them.")


def _run(
    request: Request, methods: Mapping[str, Operation], values: Mapping[str, str], allow: str
) -> Response:
    if request.method == "OPTIONS":
        return Response(204)
    operation = methods.get("GET" if request.method == "HEAD" else request.method)
    if operation is None:
        raise MethodNotAllowed(
            f"{request.path[:80]} does not take {request.method[:20]}; use {allow}.", allow=allow
        )
    return operation(request, values)


def _of_error(error: CarlensError, request_id: str) -> Response:
    headers = {"Allow": error.allow} if isinstance(error, MethodNotAllowed) else {}
    body = {"code": error.code, "message": error.message, "request_id": request_id}
    return Response.of_json({"error": body}, error.status, headers=headers)


def _cors(origins: tuple[str, ...], origin: str, allow: str) -> dict[str, str]:
    known = "*" if "*" in origins else origin if origin in origins else origins[0]
    return {
        "Access-Control-Allow-Origin": known,
        **({} if known == "*" else {"Vary": "Origin"}),
        "Access-Control-Allow-Methods": allow,
        "Access-Control-Allow-Headers": "Content-Type,Authorization,X-Api-Key",
        "Access-Control-Expose-Headers": "X-Request-Id",
        "Access-Control-Max-Age": "600",
    }
