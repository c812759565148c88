"""What API Gateway itself does: routes, binary media types, limits, and its own answers.

Pure. All but the limits comes from the contract, `openapi.yaml`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from carlens.local.event import HttpResponse, Pairs, Route

# Quotas of API Gateway (REST) and Lambda, in bytes and seconds.
BODY_LIMIT = 10_485_760
EVENT_LIMIT = 6_291_456
TIMEOUT = 29.0

# The function of paths without the extension.
RECOGNITION = "recognition"
_FUNCTION = "x-carlens-function"

# What API Gateway means by ANY; to other methods it has no route.
METHODS = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"})

_VARIABLE = re.compile(r"\$context((?:\.[A-Za-z]+)+)")
_VARIABLES = frozenset(
    {".requestId", ".error.message", ".error.messageString", ".error.responseType"}
)
_HEADER = "gatewayresponse.header."


@dataclass(frozen=True)
class Failure:
    """A way the gateway fails.

    Attributes
    ----------
    type : str or None
        The gateway response type, by which the contract may shape the answer. None for
        what fails in front of the API: plain text, without CORS, whatever the contract says.
    status : int
        The HTTP status, unless the contract names another.
    message : str
        What the gateway says, unless the contract says it otherwise.
    """

    type: str | None
    status: int
    message: str


BAD_REQUEST = Failure("DEFAULT_4XX", 400, "Bad Request")
UNKNOWN_ROUTE = Failure("MISSING_AUTHENTICATION_TOKEN", 403, "Missing Authentication Token")
BODY_TOO_LARGE = Failure(None, 413, f"HTTP content length exceeded {BODY_LIMIT} bytes.")
EVENT_TOO_LARGE = Failure("REQUEST_TOO_LARGE", 413, "Request Too Long")
HANDLER_FAILED = Failure("INTEGRATION_FAILURE", 502, "Internal server error")
ANSWER_MALFORMED = Failure("DEFAULT_5XX", 502, "Internal server error")
ANSWER_UNDECODABLE = Failure("API_CONFIGURATION_ERROR", 500, "Internal server error")
TIMED_OUT = Failure("INTEGRATION_TIMEOUT", 504, "Endpoint request timed out")


@dataclass(frozen=True)
class GatewayResponse:
    """How the gateway answers a failure.

    Attributes
    ----------
    status : int or None
        None keeps the failure's own.
    headers : tuple of (name, expression)
        An expression is text in single quotes, or `context.requestId`.
    template : str
        JSON with `$context` variables.
    """

    status: int | None = None
    headers: Pairs = ()
    template: str = '{"message":$context.error.messageString}'


@dataclass(frozen=True)
class Gateway:
    """One deployed API.

    Attributes
    ----------
    resources : Mapping
        The function that each path of the contract leads to.
    binary_types : frozenset of str
        Media types, in lower case, whose bodies travel as base64.
    responses : Mapping
        Gateway responses by type.
    stage : str
        The name of the stage.
    prefix : str
        `/` and the stage if the address carries it, else empty.
    """

    resources: Mapping[str, str]
    binary_types: frozenset[str] = frozenset()
    responses: Mapping[str, GatewayResponse] = field(default_factory=dict)
    stage: str = "local"
    prefix: str = ""

    @classmethod
    def from_openapi(cls, contract: Mapping[str, Any], stage: str | None = None) -> Gateway:
        """Read the contract.

        Parameters
        ----------
        contract : Mapping
            An OpenAPI document with API Gateway's extensions.
        stage : str or None
            Serve below this stage, as a deployed API does; None serves at the root.

        Raises
        ------
        ValueError
            The contract uses something that is not emulated here; the message names it.
        """
        paths = contract["paths"]
        if greedy := sorted(path for path in paths if "+}" in path):
            raise ValueError(f"greedy path parameters are not emulated here: {', '.join(greedy)}")
        binary = contract.get("x-amazon-apigateway-binary-media-types") or ()
        responses = contract.get("x-amazon-apigateway-gateway-responses") or {}
        return cls(
            resources={path: item.get(_FUNCTION, RECOGNITION) for path, item in paths.items()},
            binary_types=frozenset(media_type.lower() for media_type in binary),
            responses={kind: _response(kind, found) for kind, found in responses.items()},
            stage=stage or "local",
            prefix=f"/{stage}" if stage else "",
        )

    @property
    def functions(self) -> list[str]:
        """The functions that its paths lead to."""
        return sorted(set(self.resources.values()))

    def route(self, method: str, path: str) -> Route | None:
        """Find the resource for `path`, with or without a trailing slash."""
        if method not in METHODS:
            return None
        if path != self.prefix and not path.startswith(f"{self.prefix}/"):
            return None
        path = path.removeprefix(self.prefix) or "/"
        found = self._find(path.rstrip("/") or "/")
        if found is None:
            return None
        resource, values = found
        return Route(resource, path, self.stage, self.prefix, values, self.resources[resource])

    def _find(self, path: str) -> tuple[str, Pairs] | None:
        """Find a path's resource and what it has for the `{name}`s; literal ones come first."""
        if path in self.resources and "{" not in path:
            return path, ()
        for resource in self.resources:
            pattern = re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", re.escape(resource))
            if "{" in resource and (match := re.fullmatch(pattern, path)):
                return resource, tuple((n, unquote(v)) for n, v in match.groupdict().items())
        return None

    def is_binary(self, media_types: str) -> bool:
        """Say whether the first of `media_types` (Content-Type or Accept) is binary.

        Parameters do not count, and `image/*` stands for itself: only `*/*` is a wildcard.
        """
        first = re.split("[,;]", media_types, maxsplit=1)[0].strip().lower()
        return bool(first) and not self.binary_types.isdisjoint({first, "*/*"})

    def answer(self, failure: Failure, request_id: str) -> HttpResponse:
        """Answer without the function."""
        if failure.type is None:
            plain = (("Content-Type", "text/plain"),)
            return HttpResponse(failure.status, plain, failure.message.encode())
        default = "DEFAULT_4XX" if failure.status < 500 else "DEFAULT_5XX"
        response = self.responses.get(failure.type) or self.responses.get(default)
        response = response or GatewayResponse()
        values = {
            ".requestId": request_id,
            ".error.message": failure.message,
            ".error.messageString": json.dumps(failure.message),
            ".error.responseType": failure.type,
        }
        headers = tuple(
            (name, request_id if expression == "context.requestId" else expression[1:-1])
            for name, expression in response.headers
        )
        return HttpResponse(
            status=response.status or failure.status,
            headers=(("Content-Type", "application/json"), *headers),
            body=_VARIABLE.sub(lambda found: values[found[1]], response.template).encode(),
        )


def _response(kind: str, found: Mapping[str, Any]) -> GatewayResponse:
    templates = found.get("responseTemplates") or {}
    template = templates.get("application/json", GatewayResponse.template)
    if unknown := set(_VARIABLE.findall(template)) - _VARIABLES:
        names = ", ".join(f"$context{name}" for name in sorted(unknown))
        raise ValueError(f"{kind} uses {names}, which is not emulated here")
    headers = []
    for parameter, expression in (found.get("responseParameters") or {}).items():
        static = len(expression) > 1 and expression[0] == expression[-1] == "'"
        if not parameter.startswith(_HEADER) or not (static or expression == "context.requestId"):
            raise ValueError(f"{kind} maps {parameter}: {expression}, which is not emulated here")
        headers.append((parameter.removeprefix(_HEADER), expression))
    status = found.get("statusCode")
    return GatewayResponse(int(status) if status else None, tuple(headers), template)
