"""What API Gateway does itself: routing, media types, compression, limits and error responses.

Pure. Everything except the limits comes from the contract, `openapi.yaml`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from carlens.http.paths import match_path
from carlens.local.proxy_integration import HttpResponse, Pairs, Route, header

# Quotas of API Gateway (REST) and Lambda, in bytes and seconds.
BODY_LIMIT = 10_485_760
EVENT_LIMIT = 6_291_456
TIMEOUT = 29.0

# The function of paths without the `x-carlens-function` extension.
RECOGNITION = "recognition"
_FUNCTION = "x-carlens-function"

# The methods that ANY stands for in API Gateway; other methods have no route.
METHODS = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"})

_VARIABLE = re.compile(r"\$context((?:\.[A-Za-z]+)+)")
_VARIABLES = frozenset(
    {".requestId", ".error.message", ".error.messageString", ".error.responseType"}
)
_WEIGHT = re.compile(r"q\s*=\s*([01](?:\.\d{0,3})?)")
_HEADER = "gatewayresponse.header."


@dataclass(frozen=True)
class GatewayError:
    """A reason why the gateway responds itself.

    Attributes
    ----------
    type : str or None
        The gateway response type, for which the contract may define a response. None for
        errors in front of the API: they are plain text without CORS headers in any case.
    status : int
        The HTTP status, unless the contract defines another.
    message : str
        The default message.
    """

    type: str | None
    status: int
    message: str


BAD_REQUEST = GatewayError("DEFAULT_4XX", 400, "Bad Request")
UNKNOWN_ROUTE = GatewayError("MISSING_AUTHENTICATION_TOKEN", 403, "Missing Authentication Token")
BODY_TOO_LARGE = GatewayError(None, 413, f"HTTP content length exceeded {BODY_LIMIT} bytes.")
EVENT_TOO_LARGE = GatewayError("REQUEST_TOO_LARGE", 413, "Request Too Long")
HANDLER_FAILED = GatewayError("DEFAULT_5XX", 502, "Internal server error")
RESPONSE_MALFORMED = GatewayError("DEFAULT_5XX", 502, "Internal server error")
RESPONSE_UNDECODABLE = GatewayError("API_CONFIGURATION_ERROR", 500, "Internal server error")
TIMED_OUT = GatewayError("INTEGRATION_TIMEOUT", 504, "Endpoint request timed out")


@dataclass(frozen=True)
class GatewayResponse:
    """The response that the contract defines for a type of error.

    Attributes
    ----------
    status : int or None
        The HTTP status; None keeps the status of the error.
    headers : tuple of (name, expression)
        An expression is a literal in single quotes, or `context.requestId`.
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
        The name of the function by path template.
    binary_types : frozenset of str
        Media types, in lower case, whose bodies are sent as base64.
    responses : Mapping
        Gateway responses by type.
    compressed_from : int or None
        The size in bytes from which responses are compressed; None compresses none.
    stage : str
        The name of the stage.
    prefix : str
        `/` and the stage if URLs contain the stage, otherwise empty.
    """

    resources: Mapping[str, str]
    binary_types: frozenset[str] = frozenset()
    responses: Mapping[str, GatewayResponse] = field(default_factory=dict)
    compressed_from: int | None = None
    stage: str = "local"
    prefix: str = ""

    @classmethod
    def from_openapi(cls, contract: Mapping[str, Any], stage: str | None = None) -> Gateway:
        """Create the gateway that a contract describes.

        Parameters
        ----------
        contract : Mapping
            An OpenAPI document with API Gateway's extensions.
        stage : str or None
            Serve under `/stage`, as a deployed API does; None serves at the root.

        Raises
        ------
        ValueError
            The contract uses a feature that is not emulated; the message names it.
        """
        paths = contract["paths"]
        if greedy := sorted(path for path in paths if "+}" in path):
            raise ValueError(f"Greedy path parameters are not emulated: {', '.join(greedy)}")
        binary = contract.get("x-amazon-apigateway-binary-media-types") or ()
        responses = contract.get("x-amazon-apigateway-gateway-responses") or {}
        return cls(
            resources={path: item.get(_FUNCTION, RECOGNITION) for path, item in paths.items()},
            binary_types=frozenset(media_type.lower() for media_type in binary),
            responses={kind: _read_response(kind, found) for kind, found in responses.items()},
            compressed_from=contract.get("x-amazon-apigateway-minimum-compression-size"),
            stage=stage or "local",
            prefix=f"/{stage}" if stage else "",
        )

    @property
    def functions(self) -> list[str]:
        """The names of the functions that handle the paths, sorted."""
        return sorted(set(self.resources.values()))

    def route(self, method: str, path: str) -> Route | None:
        """Find the resource for `path`, with or without a trailing slash, or None."""
        if method not in METHODS:
            return None
        if path != self.prefix and not path.startswith(f"{self.prefix}/"):
            return None
        path = path.removeprefix(self.prefix) or "/"
        found = match_path(path.rstrip("/") or "/", self.resources)
        if found is None:
            return None
        resource, values = found
        parameters = tuple((name, unquote(value)) for name, value in values.items())
        function = self.resources[resource]
        return Route(resource, path, self.stage, self.prefix, parameters, function)

    def is_binary(self, media_types: str) -> bool:
        """Return whether the first of `media_types` (Content-Type or Accept) is binary.

        Parameters are ignored. Only `*/*` is a wildcard; `image/*` matches nothing else.
        """
        first = re.split("[,;]", media_types, maxsplit=1)[0].strip().lower()
        return bool(first) and not self.binary_types.isdisjoint({first, "*/*"})

    def compresses(self, response: HttpResponse, accept_encoding: str) -> bool:
        """Return whether the response is compressed with gzip.

        It is if gzip is the client's first choice, whatever the type of the response, unless the
        function has set Content-Encoding. API Gateway also supports deflate.
        """
        return (
            self.compressed_from is not None
            and len(response.body) >= self.compressed_from
            and not header(response.headers, "Content-Encoding")
            and _first_choice(accept_encoding) == "gzip"
        )

    def error_response(self, error: GatewayError, request_id: str) -> HttpResponse:
        """Build the response to an error, as the contract defines it."""
        if error.type is None:
            plain = (("Content-Type", "text/plain"),)
            return HttpResponse(error.status, plain, error.message.encode())
        default = "DEFAULT_4XX" if error.status < 500 else "DEFAULT_5XX"
        response = self.responses.get(error.type) or self.responses.get(default)
        response = response or GatewayResponse()
        values = {
            ".requestId": request_id,
            ".error.message": error.message,
            ".error.messageString": json.dumps(error.message),
            ".error.responseType": error.type,
        }
        headers = tuple(
            (name, request_id if expression == "context.requestId" else expression[1:-1])
            for name, expression in response.headers
        )
        return HttpResponse(
            status=response.status or error.status,
            headers=(("Content-Type", "application/json"), *headers),
            body=_VARIABLE.sub(lambda found: values[found[1]], response.template).encode(),
        )


def _first_choice(accept_encoding: str) -> str:
    """Return the coding with the highest weight, the first of several, or an empty string."""
    best, best_weight = "", 0.0
    for item in accept_encoding.lower().split(","):
        coding, _, parameter = item.partition(";")
        found = _WEIGHT.fullmatch(parameter.strip())
        weight = float(found[1]) if found else 1.0
        if weight > best_weight:
            best, best_weight = coding.strip(), weight
    return best


def _read_response(kind: str, found: Mapping[str, Any]) -> GatewayResponse:
    templates = found.get("responseTemplates") or {}
    template = templates.get("application/json", GatewayResponse.template)
    if unknown := set(_VARIABLE.findall(template)) - _VARIABLES:
        names = ", ".join(f"$context{name}" for name in sorted(unknown))
        raise ValueError(f"The gateway response {kind} uses {names}, which is not emulated.")
    headers = []
    for parameter, expression in (found.get("responseParameters") or {}).items():
        static = len(expression) > 1 and expression[0] == expression[-1] == "'"
        if not parameter.startswith(_HEADER) or not (static or expression == "context.requestId"):
            raise ValueError(
                f"The gateway response {kind} maps {parameter} to {expression}, "
                "which is not emulated."
            )
        headers.append((parameter.removeprefix(_HEADER), expression))
    status = found.get("statusCode")
    return GatewayResponse(int(status) if status else None, tuple(headers), template)
