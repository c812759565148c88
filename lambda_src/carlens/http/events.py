"""Convert API Gateway REST proxy events to requests, and responses to proxy responses."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from carlens.aws.metrics import RequestStats
from carlens.compression import is_compressed
from carlens.errors import BadRequest, MalformedBody
from carlens.http.bodies import decompress_body, media_type, strict_base64

# A stage, or the base path of a custom domain, which may have several levels. Without the quotes
# that a base path may contain and without `..`, because the prefix is written into the page.
_PREFIX = re.compile(r"(?:/(?!\.+(?:/|\Z))[A-Za-z0-9_.~$!*()+-]{1,128}){1,8}")
_NOT_AN_EVENT = "Not an API Gateway event. Call Carlens through its API."


@dataclass(frozen=True)
class Request:
    """An HTTP request.

    Attributes
    ----------
    method : str
        In upper case.
    path : str
        Starts with `/`; without the stage and without a trailing slash. A custom domain's base path
        is part of it.
    resource : str
        The path template that the gateway chose, such as `/norm/{table}`; empty if the event does
        not have it.
    prefix : str
        What precedes the route in the URL: `/prod` under a stage, `/cars` under a base path, or
        empty.
    headers : Mapping
        By lower-case name; repeated headers are joined with `, `.
    query : Mapping
        All values of each parameter, in order.
    path_parameters : Mapping
        The decoded value of each `{name}` in the route's path, if the gateway gives it.
    body : bytes
        As the client sent it, but decompressed.
    """

    method: str
    path: str
    resource: str = ""
    prefix: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    path_parameters: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True)
class Response:
    """An HTTP response.

    Attributes
    ----------
    status : int
    body : str
        Text, or base64 of bytes.
    headers : Mapping
    stats : RequestStats or None
        What the log line reports; None if the request carried no pictures.
    binary : bool
        Whether the body is base64, which the gateway decodes for clients that accept its type.
    """

    status: int
    body: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    stats: RequestStats | None = None
    binary: bool = False

    @classmethod
    def of_json(
        cls,
        value: object,
        status: int = 200,
        *,
        headers: Mapping[str, str] | None = None,
        stats: RequestStats | None = None,
    ) -> Response:
        """Make a response of `value` as compact JSON."""
        body = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
        return cls(status, body, {"Content-Type": "application/json", **(headers or {})}, stats)


def read_request(event: object) -> Request:
    """Read a REST proxy event.

    Parameters
    ----------
    event : Mapping
        As API Gateway sends it. Members that are absent or null count as empty.

    Raises
    ------
    BadRequest
        Not such an event. A caller of the function itself may send any JSON.
    MalformedBody
        The body is flagged as base64 but is not, it is multipart text that neither starts with
        its boundary nor is base64, or it cannot be decompressed.
    PayloadTooLarge, UnsupportedMediaType
        The body is compressed, and too large or in a way that is not supported.
    """
    if not isinstance(event, Mapping):
        raise BadRequest(_NOT_AN_EVENT)
    try:
        headers = _headers(event)
        path = event.get("path") or "/"
        resource = event.get("resource") or ""
        parameters = event.get("pathParameters") or {}
        return Request(
            method=str(event.get("httpMethod") or "GET").upper(),
            path=path.rstrip("/") or "/",
            resource=resource.rstrip("/") or resource,
            prefix=_prefix(event, path, resource),
            headers=headers,
            query=_query(event),
            path_parameters={name: str(value) for name, value in parameters.items()},
            body=_body(event, headers),
        )
    except (AttributeError, TypeError) as error:  # a member has another type
        raise BadRequest(_NOT_AN_EVENT) from error


def request_context(event: object) -> Mapping[str, Any]:
    """Return the event's `requestContext`, or an empty mapping if it has none."""
    context = event.get("requestContext") if isinstance(event, Mapping) else None
    return context if isinstance(context, Mapping) else {}


def write_response(response: Response) -> dict[str, Any]:
    """Return the proxy response that API Gateway expects."""
    return {
        "statusCode": response.status,
        "headers": dict(response.headers),
        # JSON input can hold lone surrogates, which a response may quote and UTF-8 cannot encode.
        "body": response.body.encode("utf-8", "replace").decode(),
        "isBase64Encoded": response.binary,
    }


def _headers(event: Mapping[str, Any]) -> dict[str, str]:
    headers = {name.lower(): str(value) for name, value in (event.get("headers") or {}).items()}
    for name, values in (event.get("multiValueHeaders") or {}).items():
        headers[name.lower()] = ", ".join(map(str, values))
    return headers


def _query(event: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    single = event.get("queryStringParameters") or {}
    query: dict[str, tuple[str, ...]] = {name: (str(value),) for name, value in single.items()}
    for name, values in (event.get("multiValueQueryStringParameters") or {}).items():
        if texts := tuple(map(str, values)):
            query[name] = texts
    return query


def _prefix(event: Mapping[str, Any], path: str, resource: str) -> str:
    full = str(request_context(event).get("path") or path).rstrip("/")
    if resource:
        # Below a base path, `path` starts with the prefix too.
        route = resource.strip("/")
        segments = full.split("/")
        prefix = "/".join(segments[: len(segments) - len(route.split("/"))] if route else segments)
    else:
        route = path.rstrip("/")
        prefix = full.removesuffix(route) if full.endswith(route) else ""
    return prefix if _PREFIX.fullmatch(prefix) else ""


def _body(event: Mapping[str, Any], headers: Mapping[str, str]) -> bytes:
    encoding = headers.get("content-encoding", "")
    if not is_compressed(encoding):
        return _plain_body(event, headers.get("content-type", ""))
    return decompress_body(_plain_body(event, ""), encoding)


def _plain_body(event: Mapping[str, Any], content_type: str) -> bytes:
    body = event.get("body") or b""
    if not isinstance(body, str | bytes):
        raise TypeError("body")
    if event.get("isBase64Encoded"):
        try:
            return strict_base64(body)
        except ValueError as error:
            raise MalformedBody("The body is flagged as base64 but is not base64.") from error
    raw: bytes = body.encode("utf-8", "surrogatepass") if isinstance(body, str) else body
    if media_type(content_type) == "multipart/form-data" and not raw.lstrip(b"\r\n").startswith(
        b"--"
    ):
        # Clients of the original project send multipart as base64 without the flag. "-" is not a
        # base64 character, so a body that starts with its boundary is never mistaken for base64.
        try:
            return strict_base64(raw)
        except ValueError as error:
            raise MalformedBody(
                "The multipart body does not start with its boundary and is not base64."
            ) from error
    return raw
