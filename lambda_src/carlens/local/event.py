"""HTTP <-> the events of API Gateway's Lambda proxy integration for REST APIs.

Pure. The rules are those of the AWS developer guide ("Lambda proxy integrations",
"Important notes", "Binary media types for REST APIs") and of events recorded on AWS.
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

# These never reach the function; the last two only as the gateway says them.
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
# The gateway writes these itself; the function's own go out as `x-amzn-Remapped-...`.
_REMAPPED_RESPONSE_HEADERS = {"connection", "content-length", "date", "server", "www-authenticate"}

_ANSWER_MEMBERS = {"statusCode", "headers", "multiValueHeaders", "body", "isBase64Encoded"}
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


class MalformedAnswer(ValueError):
    """The handler's answer is not what the proxy integration takes."""


class UndecodableAnswer(MalformedAnswer):
    """The handler's answer says it is base64 and is not."""


@dataclass(frozen=True)
class HttpRequest:
    """An HTTP request as it came over the wire.

    Attributes
    ----------
    method : str
    target : str
        Path and query of the request line, still percent-encoded.
    headers : tuple of (name, value)
        In the order and the case sent.
    body : bytes
    client : str
        The client's IP address.
    port : int
        The port it called.
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
        """The target before its query."""
        return self.target.partition("?")[0]


@dataclass(frozen=True)
class HttpResponse:
    """An HTTP response, ready for the wire."""

    status: int
    headers: Pairs = ()
    body: bytes = b""


@dataclass(frozen=True)
class Route:
    """Where in the API a request goes.

    Attributes
    ----------
    resource : str
        The path in the contract.
    path : str
        The path asked for, without the stage; trailing slash and encoding kept.
    stage : str
        The name of the stage.
    prefix : str
        What stands before `path` in the address: `/prod`, or empty.
    values : tuple of (name, value)
        What `path` has in the place of each `{name}` of `resource`, decoded.
    function : str
        Which function the resource leads to.
    """

    resource: str
    path: str
    stage: str
    prefix: str = ""
    values: Pairs = ()
    function: str = ""


def header(headers: Pairs, name: str) -> str:
    """Give the last header of that name, in any case; empty if there is none."""
    values = [value for key, value in headers if key.lower() == name.lower()]
    return values[-1] if values else ""


def to_event(
    request: HttpRequest, route: Route, *, binary: bool, request_id: str, now: datetime
) -> dict[str, Any]:
    """Build the event that API Gateway would send for `request`.

    Parameters
    ----------
    request, route
        What was asked, and where that is in the API.
    binary : bool
        Whether the request's Content-Type is one of the API's binary media types.
    request_id : str
        A UUID.
    now : datetime
        Aware, in UTC.
    """
    headers = _grouped(_forwarded(request, request_id, now), str.lower)
    query = _grouped(parse_qsl(request.target.partition("?")[2], keep_blank_values=True), str)
    return {
        "resource": route.resource,
        "path": route.path,
        "httpMethod": request.method,
        "headers": _last(headers),
        "multiValueHeaders": headers,
        "queryStringParameters": _last(query) or None,
        "multiValueQueryStringParameters": query or None,
        "pathParameters": dict(route.values) or None,
        "stageVariables": None,
        "requestContext": _context(request, route, request_id, now),
        "body": _text(request.body, binary) if request.body else None,
        "isBase64Encoded": binary and bool(request.body),
    }


def to_response(answer: object, *, binary: bool) -> HttpResponse:
    """Turn what the handler returned into HTTP.

    Parameters
    ----------
    answer : object
        Parsed from the handler's JSON.
    binary : bool
        Whether the first entry of the request's Accept header is one of the API's binary
        media types: without it a base64 body goes out as base64.

    Raises
    ------
    MalformedAnswer
        `answer` has not the form that the proxy integration takes.
    UndecodableAnswer
        Its body should be base64 and is not.
    """
    if not isinstance(answer, dict):
        raise MalformedAnswer(f"the answer is {_kind(answer)}; it must be an object")
    if unknown := sorted(set(answer) - _ANSWER_MEMBERS):
        raise MalformedAnswer(f"the answer has {', '.join(map(repr, unknown))}: no such member")
    body = answer.get("body")
    if not isinstance(body, str | None):
        raise MalformedAnswer(f"body is {_kind(body)}; it must be text")
    headers = _response_headers(answer)
    if not any(name.lower() == "content-type" for name, _ in headers):
        headers = (("Content-Type", "application/json"), *headers)
    return HttpResponse(
        status=_status(answer.get("statusCode")),
        headers=headers,
        body=_bytes(body or "", binary and answer.get("isBase64Encoded") is True),
    )


def _forwarded(request: HttpRequest, request_id: str, now: datetime) -> Iterable[tuple[str, str]]:
    """Give the headers with those that the gateway drops, replaces and adds."""
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


def _context(request: HttpRequest, route: Route, request_id: str, now: datetime) -> dict[str, Any]:
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


def _text(body: bytes, binary: bool) -> str:
    # Outside the binary types the gateway reads UTF-8 and replaces what is not.
    return base64.b64encode(body).decode() if binary else body.decode("utf-8", "replace")


def _grouped(pairs: Iterable[tuple[str, str]], key: Callable[[str], str]) -> dict[str, list[str]]:
    """Give all values by name; names of equal `key` share the spelling that came first."""
    spelling: dict[str, str] = {}
    grouped: dict[str, list[str]] = {}
    for name, value in pairs:
        grouped.setdefault(spelling.setdefault(key(name), name), []).append(value)
    return grouped


def _last(grouped: dict[str, list[str]]) -> dict[str, str]:
    return {name: values[-1] for name, values in grouped.items()}


def _status(status: object) -> int:
    if status is None:
        return 200
    if isinstance(status, int | str) and not isinstance(status, bool):
        digits = str(status)
        if re.fullmatch("[2-5][0-9][0-9]", digits):
            return int(digits)
    raise MalformedAnswer(f"statusCode is {status!r}; it must be a number from 200 to 599")


def _response_headers(answer: dict[str, Any]) -> Pairs:
    """Merge both maps: each value once, those of `multiValueHeaders` first."""
    merged: dict[tuple[str, str], tuple[str, str]] = {}
    for member in ("multiValueHeaders", "headers"):
        for name, value in _header_values(answer, member):
            lower = name.lower()
            if lower in _REMAPPED_RESPONSE_HEADERS:
                name = f"x-amzn-Remapped-{name}"
            if lower != "transfer-encoding":
                merged.setdefault((lower, value), (name, value))
    return tuple(merged.values())


def _header_values(answer: dict[str, Any], member: str) -> Iterable[tuple[str, str]]:
    headers = answer.get(member) or {}
    if not isinstance(headers, dict):
        raise MalformedAnswer(f"{member} is {_kind(headers)}; it must be an object")
    for name, found in headers.items():
        if not _TOKEN.fullmatch(name):
            raise MalformedAnswer(f"{member} has {name!r}, which is no header name")
        if isinstance(found, list) != (member == "multiValueHeaders"):
            raise MalformedAnswer(f"{member} has {_kind(found)} as {name}")
        for value in found if isinstance(found, list) else [found]:
            yield name, _header_value(name, value)


def _header_value(name: str, value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str):
        raise MalformedAnswer(f"header {name} is {_kind(value)}; it must be text")
    if _CONTROL.search(value):
        raise MalformedAnswer(f"header {name} has a control character")
    return value.encode("utf-8", "replace").decode()


def _bytes(body: str, binary: bool) -> bytes:
    if not binary:
        return body.encode("utf-8", "replace")
    try:
        return base64.b64decode(body, validate=True)
    except (binascii.Error, ValueError) as error:
        raise UndecodableAnswer("isBase64Encoded is true and the body is not base64") from error


def _kind(value: object) -> str:
    kinds = {dict: "an object", list: "a list", str: "text", bool: "a boolean"}
    return "null" if value is None else kinds.get(type(value), "a number")
