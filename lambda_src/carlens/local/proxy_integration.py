"""Convert HTTP to and from the Lambda proxy integration of API Gateway REST APIs.

Pure functions. They follow the AWS developer guide ("Lambda proxy integrations", "Important
notes", "Binary media types for REST APIs") and events recorded on AWS.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl

ACCOUNT = "000000000000"

Pairs = tuple[tuple[str, str], ...]

# Never forwarded to the function; the gateway sets its own values of the last two.
_DROPPED_REQUEST_HEADERS = {
    "connection",
    "content-length",
    "content-md5",
    "expect",
    "max-forwards",
    "proxy-authenticate",
    "server",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "www-authenticate",
    "x-forwarded-port",
    "x-forwarded-proto",
}
# The gateway sets these itself; it sends those of the function as `x-amzn-Remapped-...`.
_REMAPPED_RESPONSE_HEADERS = {"connection", "content-length", "date", "server", "www-authenticate"}

_RESPONSE_MEMBERS = {"statusCode", "headers", "multiValueHeaders", "body", "isBase64Encoded"}
_NO_IDENTITY = dict.fromkeys(
    (
        "accessKey",
        "accountId",
        "caller",
        "cognitoAuthenticationProvider",
        "cognitoAuthenticationType",
        "cognitoIdentityId",
        "cognitoIdentityPoolId",
        "principalOrgId",
        "user",
        "userArn",
    )
)
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


class MalformedResponse(ValueError):
    """The handler's response does not have the format of the proxy integration."""


class UndecodableResponse(MalformedResponse):
    """The handler's response is marked as base64, but its body is not base64."""


@dataclass(frozen=True)
class HttpRequest:
    """An HTTP request as received.

    Attributes
    ----------
    method : str
    target : str
        Path and query of the request line, percent-encoded.
    headers : tuple of (name, value)
        In the order and case sent.
    body : bytes
    client : str
        The client's IP address.
    port : int
        The server port that the request was sent to.
    protocol : str
        `HTTP/1.1` or `HTTP/1.0`.
    """

    method: str
    target: str
    headers: Pairs = ()
    body: bytes = b""
    client: str = "127.0.0.1"
    port: int = 80
    protocol: str = "HTTP/1.1"

    @property
    def path(self) -> str:
        """The target without its query."""
        return self.target.partition("?")[0]


@dataclass(frozen=True)
class HttpResponse:
    """An HTTP response, ready to be sent."""

    status: int
    headers: Pairs = ()
    body: bytes = b""


@dataclass(frozen=True)
class Route:
    """The resource that a request is routed to.

    Attributes
    ----------
    resource : str
        The path template in the contract, such as `/norm/{table}`.
    path : str
        The requested path without the stage, with its trailing slash and percent-encoding.
    stage : str
        The name of the stage.
    prefix : str
        The part of the URL path before `path`, such as `/prod`; may be empty.
    parameters : tuple of (name, value)
        The path parameters, decoded.
    function : str
        The name of the function that handles the resource.
    """

    resource: str
    path: str
    stage: str
    prefix: str = ""
    parameters: Pairs = ()
    function: str = ""


def header(headers: Pairs, name: str) -> str:
    """Return the last header with this name in any case, or an empty string."""
    values = [value for key, value in headers if key.lower() == name.lower()]
    return values[-1] if values else ""


def to_event(
    request: HttpRequest, route: Route, *, binary: bool, request_id: str, now: datetime
) -> dict[str, Any]:
    """Build the event that API Gateway would send for `request`.

    Parameters
    ----------
    request : HttpRequest
        The request.
    route : Route
        The resource that it is routed to.
    binary : bool
        Whether the request's Content-Type is one of the API's binary media types.
    request_id : str
        A UUID.
    now : datetime
        The time of the request, timezone-aware, in UTC.

    Returns
    -------
    dict
        The event, ready for JSON.
    """
    headers = _group(_forwarded_headers(request, request_id, now), str.lower)
    query = _group(parse_qsl(request.target.partition("?")[2], keep_blank_values=True), str)
    return {
        "resource": route.resource,
        "path": route.path,
        "httpMethod": request.method,
        "headers": _last_values(headers),
        "multiValueHeaders": headers,
        "queryStringParameters": _last_values(query) or None,
        "multiValueQueryStringParameters": query or None,
        "pathParameters": dict(route.parameters) or None,
        "stageVariables": None,
        "requestContext": _request_context(request, route, request_id, now),
        "body": _body_text(request.body, binary) if request.body else None,
        "isBase64Encoded": binary and bool(request.body),
    }


def to_response(returned: object, *, binary: bool) -> HttpResponse:
    """Convert the value that the handler returned to an HTTP response.

    Parameters
    ----------
    returned : object
        The value, parsed from JSON.
    binary : bool
        Whether the first entry of the request's Accept header is one of the API's binary
        media types. If not, a base64 body is sent without decoding it.

    Raises
    ------
    MalformedResponse
        `returned` does not have the format of the proxy integration.
    UndecodableResponse
        Its body is marked as base64, but is not base64.
    """
    if not isinstance(returned, dict):
        raise MalformedResponse(f"the response must be an object, not {_kind(returned)}")
    if unknown := sorted(set(returned) - _RESPONSE_MEMBERS):
        raise MalformedResponse(f"the response has unknown members: {', '.join(unknown)}")
    body = returned.get("body")
    if not isinstance(body, str | None):
        raise MalformedResponse(f"body must be a string, not {_kind(body)}")
    headers = _response_headers(returned)
    if not any(name.lower() == "content-type" for name, _ in headers):
        headers = (("Content-Type", "application/json"), *headers)
    return HttpResponse(
        status=_status(returned.get("statusCode")),
        headers=headers,
        body=_body_bytes(body or "", binary and returned.get("isBase64Encoded") is True),
    )


def _forwarded_headers(
    request: HttpRequest, request_id: str, now: datetime
) -> Iterable[tuple[str, str]]:
    """Yield the headers that the function gets: some are dropped, replaced or added."""
    chain = []
    traced = False
    for name, value in request.headers:
        lower = name.lower()
        if lower == "x-forwarded-for":
            chain.append(value)
        elif lower not in _DROPPED_REQUEST_HEADERS:
            traced |= lower == "x-amzn-trace-id"
            yield name, value
    if not traced:
        unique = request_id.replace("-", "")[:24]
        yield "X-Amzn-Trace-Id", f"Root=1-{int(now.timestamp()):08x}-{unique}"
    yield "X-Forwarded-For", ", ".join((*chain, request.client))
    yield "X-Forwarded-Port", str(request.port)
    yield "X-Forwarded-Proto", "http"


def _request_context(
    request: HttpRequest, route: Route, request_id: str, now: datetime
) -> dict[str, Any]:
    return {
        "accountId": ACCOUNT,
        "apiId": "local",
        "deploymentId": "local",
        "domainName": re.sub(r":\d+$", "", header(request.headers, "Host")),
        "domainPrefix": "local",
        "extendedRequestId": request_id,
        "httpMethod": request.method,
        "identity": {
            **_NO_IDENTITY,
            "sourceIp": request.client,
            "userAgent": header(request.headers, "User-Agent") or None,
        },
        "path": route.prefix + route.path,
        "protocol": request.protocol,
        "requestId": request_id,
        "requestTime": now.strftime("%d/%b/%Y:%H:%M:%S +0000"),
        "requestTimeEpoch": int(now.timestamp() * 1000),
        "resourceId": "local",
        "resourcePath": route.resource,
        "stage": route.stage,
    }


def _body_text(body: bytes, binary: bool) -> str:
    # The gateway decodes every other media type as UTF-8 and replaces invalid bytes.
    return base64.b64encode(body).decode() if binary else body.decode("utf-8", "replace")


def _group(pairs: Iterable[tuple[str, str]], key: Callable[[str], str]) -> dict[str, list[str]]:
    """Collect the values by name; names with the same `key` share the first spelling."""
    spelling: dict[str, str] = {}
    grouped: dict[str, list[str]] = {}
    for name, value in pairs:
        grouped.setdefault(spelling.setdefault(key(name), name), []).append(value)
    return grouped


def _last_values(grouped: dict[str, list[str]]) -> dict[str, str]:
    return {name: values[-1] for name, values in grouped.items()}


def _status(status: object) -> int:
    if status is None:
        return 200
    if isinstance(status, int | str) and not isinstance(status, bool):
        digits = str(status)
        if re.fullmatch("[2-5][0-9][0-9]", digits):
            return int(digits)
    raise MalformedResponse(f"statusCode must be a number from 200 to 599, not {status!r}")


def _response_headers(returned: dict[str, Any]) -> Pairs:
    """Merge both header maps without duplicates, `multiValueHeaders` first."""
    merged: dict[tuple[str, str], tuple[str, str]] = {}
    for member in ("multiValueHeaders", "headers"):
        for name, value in _header_values(returned, member):
            lower = name.lower()
            if lower in _REMAPPED_RESPONSE_HEADERS:
                name = f"x-amzn-Remapped-{name}"
            if lower != "transfer-encoding":
                merged.setdefault((lower, value), (name, value))
    return tuple(merged.values())


def _header_values(returned: dict[str, Any], member: str) -> Iterable[tuple[str, str]]:
    headers = returned.get(member) or {}
    if not isinstance(headers, dict):
        raise MalformedResponse(f"{member} must be an object, not {_kind(headers)}")
    for name, found in headers.items():
        if not _TOKEN.fullmatch(name):
            raise MalformedResponse(f"{member} has an invalid header name: {name!r}")
        if isinstance(found, list) != (member == "multiValueHeaders"):
            wanted = "a string" if member == "headers" else "a list"
            raise MalformedResponse(f"{name} in {member} must be {wanted}, not {_kind(found)}")
        for value in found if isinstance(found, list) else [found]:
            yield name, _header_value(name, value)


def _header_value(name: str, value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str):
        raise MalformedResponse(f"header {name} must be a string, not {_kind(value)}")
    if _CONTROL.search(value):
        raise MalformedResponse(f"header {name} has a control character")
    return value.encode("utf-8", "replace").decode()


def _body_bytes(body: str, binary: bool) -> bytes:
    if not binary:
        return body.encode("utf-8", "replace")
    try:
        return base64.b64decode(body, validate=True)
    except (binascii.Error, ValueError) as error:
        raise UndecodableResponse("isBase64Encoded is true, but the body is not base64") from error


def _kind(value: object) -> str:
    kinds = {dict: "an object", list: "a list", str: "a string", bool: "a boolean"}
    return "null" if value is None else kinds.get(type(value), "a number")
