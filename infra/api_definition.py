"""Turn the contract into the OpenAPI document that API Gateway imports."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from infra.settings import Authorizer

Document = dict[str, Any]

_METHODS = ("get", "put", "post", "delete", "head", "patch")

# Names the function that handles a path of the contract; by default the recognition function.
_FUNCTION = "x-carlens-function"

# Browsers opening the page and health checks cannot send a key, a signature or a token.
OPEN = frozenset({"/", "/assets/{version}/{name}", "/health", "/openapi.json"})

# Gives out forms for uploads.
UPLOADS = "/uploads"

_RESPONSES = "x-amazon-apigateway-gateway-responses"
_ORIGIN = "Access-Control-Allow-Origin"
_HEADERS = "Access-Control-Allow-Headers"
_PREFLIGHT_SECONDS = 600

# The headers of Signature Version 4 besides Authorization.
_SIGNATURE = ("X-Amz-Content-Sha256", "X-Amz-Date", "X-Amz-Security-Token")


@dataclass(frozen=True, kw_only=True)
class Access:
    """What callers need.

    Attributes
    ----------
    api_key : bool
        Whether routes other than `OPEN` require an API key.
    uploads_key : bool
        Whether `UPLOADS` requires an API key in any case.
    authorizer : {"none", "iam", "cognito"}
        Whether routes other than `OPEN` also require a signature or a token.
    user_pools : sequence of str
        ARNs of the user pools whose tokens the authorizer "cognito" accepts.
    scopes : sequence of str
        OAuth scopes of which a token needs one; without them it is an ID token.
    """

    api_key: bool = False
    uploads_key: bool = False
    authorizer: Authorizer = "none"
    user_pools: Sequence[str] = ()
    scopes: Sequence[str] = ()

    def security(self, path: str) -> dict[str, list[str]]:
        """Return the scopes of each scheme that a path requires."""
        closed = path not in OPEN
        needs_key = (self.api_key and closed) or (self.uploads_key and path == UPLOADS)
        needs_authorizer = self.authorizer != "none" and closed
        return {
            **({"api_key": []} if needs_key else {}),
            **({self.authorizer: list(self.scopes)} if needs_authorizer else {}),
        }

    def schemes(self) -> Document:
        """Return the OpenAPI security schemes, with API Gateway's extensions."""
        authorization = {"type": "apiKey", "name": "Authorization", "in": "header"}
        known = {
            "api_key": {"type": "apiKey", "name": "x-api-key", "in": "header"},
            "iam": {**authorization, "x-amazon-apigateway-authtype": "awsSigv4"},
            "cognito": {
                **authorization,
                "x-amazon-apigateway-authtype": "cognito_user_pools",
                "x-amazon-apigateway-authorizer": {
                    "type": "cognito_user_pools",
                    "providerARNs": list(self.user_pools),
                },
            },
        }
        used = {"api_key": self.api_key or self.uploads_key, self.authorizer: True}
        return {name: scheme for name, scheme in known.items() if used.get(name)}


def api_definition(
    contract: Mapping[str, Any],
    *,
    function_uris: Mapping[str, str],
    cors_origins: Sequence[str],
    access: Access,
) -> Document:
    """Make the OpenAPI document that API Gateway imports.

    All methods of a path go to its function, which answers those outside the contract with 405 and
    Allow. API Gateway answers OPTIONS itself: a preflight then costs nothing and works while the
    function is throttled, so that a page can read why its request failed.

    Schemas are left out: the importer supports only some, and a multipart body has none that it
    could check. `/openapi.json` serves them.

    Parameters
    ----------
    contract : Mapping
        `lambda_src/openapi.yaml`.
    function_uris : Mapping
        Invocation URI of each function, by the name in `x-carlens-function`; paths without it go
        to `recognition`.
    cors_origins : sequence of str
        `*`, or the origins that may call.
    access : Access
        What routes other than `OPEN` require.

    Returns
    -------
    dict
        The document.

    Raises
    ------
    KeyError
        A path names an unknown function.
    """
    if access.authorizer == "iam":
        contract = {**contract, _RESPONSES: _responses_to_signers(contract[_RESPONSES])}
    definition: Document = {
        "openapi": contract["openapi"],
        "info": {key: contract["info"][key] for key in ("title", "version")},
        "paths": {
            path: _path(
                contract,
                path,
                cors_origins,
                forward=_forward(
                    function_uris[item.get(_FUNCTION, "recognition")],
                    security=access.security(path),
                ),
            )
            for path, item in contract["paths"].items()
        },
        "x-amazon-apigateway-request-validators": {
            "parameters": {"validateRequestParameters": True, "validateRequestBody": False}
        },
        "x-amazon-apigateway-request-validator": "parameters",
        **copy.deepcopy({key: contract[key] for key in contract if key.startswith("x-amazon-")}),
    }
    for response in definition[_RESPONSES].values():
        response["responseParameters"][f"gatewayresponse.header.{_ORIGIN}"] = _origin(cors_origins)
    schemes = access.schemes()
    if schemes:
        definition["components"] = {"securitySchemes": schemes}
    if "api_key" in schemes:
        definition["x-amazon-apigateway-api-key-source"] = "HEADER"
    return definition


def _responses_to_signers(responses: Mapping[str, Document]) -> dict[str, Document]:
    """Return the gateway responses of an API whose callers sign their requests.

    Pages may send the headers of a signature. A request without one is a 401; the response is also
    that of an unknown route, because API Gateway does not tell them apart.
    """
    unsigned = {
        "code": "unauthorized",
        "message": (
            "The request is not signed, or its route does not exist. Sign it with Signature "
            "Version 4; GET /openapi.json lists the routes."
        ),
        "request_id": "$context.requestId",
    }
    parameter = f"gatewayresponse.header.{_HEADERS}"
    changed = {}
    for name, response in responses.items():
        headers = response["responseParameters"]
        allowed = ",".join((headers[parameter].strip("'"), *_SIGNATURE))
        changed[name] = {**response, "responseParameters": {**headers, parameter: f"'{allowed}'"}}
    changed["MISSING_AUTHENTICATION_TOKEN"] |= {
        "statusCode": "401",
        "responseTemplates": {"application/json": json.dumps({"error": unsigned})},
    }
    return changed


def _forward(function_uri: str, *, security: Mapping[str, Sequence[str]]) -> Document:
    return {
        # OpenAPI would read a list as alternatives, but API Gateway requires all of its schemes.
        **({"security": [{name: scopes} for name, scopes in security.items()]} if security else {}),
        "x-amazon-apigateway-integration": {
            "type": "aws_proxy",
            "httpMethod": "POST",
            "uri": function_uri,
            "timeoutInMillis": 29_000,
        },
    }


def _path(
    contract: Mapping[str, Any], path: str, cors_origins: Sequence[str], *, forward: Document
) -> Document:
    item = contract["paths"][path]
    operations = {method: item[method] for method in _METHODS if method in item}
    allow = ",".join(sorted({*(method.upper() for method in operations), "OPTIONS"}))
    return {
        **{
            method: {
                "operationId": operation["operationId"],
                "parameters": _parameters(contract, path, item, operation),
                "responses": {
                    status: {"description": "See /openapi.json."}
                    for status in operation["responses"]
                },
                **forward,
            }
            for method, operation in operations.items()
        },
        "options": {
            "parameters": _parameters(contract, path),
            **_preflight(contract, allow, cors_origins),
        },
        "x-amazon-apigateway-any-method": {
            "parameters": _parameters(contract, path),
            "responses": {"405": {"description": "See Allow."}},
            **forward,
        },
    }


def _parameters(
    contract: Mapping[str, Any], path: str, *holders: Mapping[str, Any]
) -> list[Document]:
    # Every method has the parameters in the path, even those outside the contract.
    required = {("path", name): True for name in re.findall(r"\{(\w+)\}", path)}
    for parameter in (each for holder in holders for each in holder.get("parameters", ())):
        if "$ref" in parameter:
            name = parameter["$ref"].removeprefix("#/components/parameters/")
            parameter = contract["components"]["parameters"][name]
        required[parameter["in"], parameter["name"]] = parameter.get("required", False)
    # The function validates them; API Gateway only checks that required ones are present.
    return [
        {"name": name, "in": where, "required": needed, "schema": {"type": "string"}}
        for (where, name), needed in required.items()
    ]


def _preflight(contract: Mapping[str, Any], allow: str, cors_origins: Sequence[str]) -> Document:
    gateway = contract[_RESPONSES]["DEFAULT_4XX"]["responseParameters"]
    headers = {
        _ORIGIN: f"'{cors_origins[0]}'",
        "Access-Control-Allow-Methods": f"'{allow}'",
        "Access-Control-Max-Age": f"'{_PREFLIGHT_SECONDS}'",
        "X-Request-Id": "context.requestId",
    }
    for name in (_HEADERS, "Access-Control-Expose-Headers"):
        headers[name] = gateway[f"gatewayresponse.header.{name}"]
    headers["Vary"] = "'Accept-Encoding'" if cors_origins[0] == "*" else "'Origin, Accept-Encoding'"
    return {
        "responses": {
            "204": {
                "description": "CORS preflight.",
                "headers": {name: {"schema": {"type": "string"}} for name in headers},
            }
        },
        "x-amazon-apigateway-integration": {
            "type": "mock",
            "requestTemplates": {"application/json": '{"statusCode": 204}'},
            "responses": {
                "default": {
                    "statusCode": "204",
                    "responseParameters": {
                        f"method.response.header.{name}": value for name, value in headers.items()
                    },
                    "responseTemplates": {"application/json": _echo_known(cors_origins)},
                }
            },
        },
    }


def _echo_known(cors_origins: Sequence[str]) -> str:
    """Write the mapping template that allows the caller's origin if it is one of several."""
    if len(cors_origins) == 1:
        return ""
    known = " || ".join(f'$origin == "{origin}"' for origin in cors_origins)
    return (
        '#set($origin = $input.params().header.get("Origin"))\n'
        '#if(!$origin)#set($origin = $input.params().header.get("origin"))#end\n'
        f"#if({known})\n"
        f"#set($context.responseOverride.header.{_ORIGIN} = $origin)\n"
        "#end"
    )


def _origin(cors_origins: Sequence[str]) -> str:
    """Return the allowed origin of API Gateway's own error responses.

    They cannot choose among several origins, so they echo the caller's. They only say that a
    request failed, which pages of all origins may read.
    """
    return f"'{cors_origins[0]}'" if len(cors_origins) == 1 else "method.request.header.Origin"
