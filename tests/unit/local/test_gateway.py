"""What API Gateway does itself: routing, binary media types and error responses."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml

from carlens.http.contract import contract_path
from carlens.local.gateway import (
    BAD_REQUEST,
    BODY_TOO_LARGE,
    EVENT_TOO_LARGE,
    HANDLER_FAILED,
    RESPONSE_MALFORMED,
    RESPONSE_UNDECODABLE,
    TIMED_OUT,
    UNKNOWN_ROUTE,
    Gateway,
    GatewayError,
)
from carlens.local.proxy_integration import HttpResponse, Pairs, header

REQUEST_ID = "6d8a1f0e-3b52-4c7a-9e41-0f5d2b7c8a90"

CONTRACT: dict[str, Any] = {
    "paths": {"/": {}, "/shape": {}},
    "x-amazon-apigateway-minimum-compression-size": 9,
    "x-amazon-apigateway-binary-media-types": ["multipart/form-data", "Image/PNG"],
    "x-amazon-apigateway-gateway-responses": {
        "DEFAULT_4XX": {
            "responseParameters": {"gatewayresponse.header.Access-Control-Allow-Origin": "'*'"},
            "responseTemplates": {"application/json": '{"id":"$context.requestId"}'},
        },
        "DEFAULT_5XX": {"statusCode": "599"},
        "MISSING_AUTHENTICATION_TOKEN": {
            "statusCode": "404",
            "responseParameters": {
                "gatewayresponse.header.Access-Control-Allow-Origin": "'*'",
                "gatewayresponse.header.X-Request-Id": "context.requestId",
            },
            "responseTemplates": {
                "application/json": '{"type":"$context.error.responseType",'
                '"text":$context.error.messageString,"id":"$context.requestId"}'
            },
        },
        "INTEGRATION_TIMEOUT": {"responseTemplates": {"application/json": "{}"}},
    },
}
GATEWAY = Gateway.from_openapi(CONTRACT)


@pytest.mark.parametrize(
    ("stage", "asked", "resource", "path", "full"),
    [
        (None, "/shape", "/shape", "/shape", "/shape"),
        (None, "/shape/", "/shape", "/shape/", "/shape/"),
        (None, "/", "/", "/", "/"),
        ("prod", "/prod/shape", "/shape", "/shape", "/prod/shape"),
        ("prod", "/prod/shape/", "/shape", "/shape/", "/prod/shape/"),
        ("prod", "/prod/", "/", "/", "/prod/"),
        ("prod", "/prod", "/", "/", "/prod/"),
    ],
)
def test_a_path_is_routed_to_its_resource(
    stage: str | None, asked: str, resource: str, path: str, full: str
) -> None:
    route = Gateway.from_openapi(CONTRACT, stage).route("PUT", asked)

    assert route
    assert (route.resource, route.path, route.stage) == (resource, path, stage or "local")
    assert route.prefix + route.path == full


@pytest.mark.parametrize(
    ("stage", "asked"),
    [
        (None, "/shap"),
        (None, "/SHAPE"),
        (None, "/shape/x"),
        (None, "//shape"),
        (None, "/prod/shape"),
        (None, "*"),
        (None, "host:443"),
        ("prod", "/shape"),
        ("prod", "/"),
        ("prod", "/production/shape"),
    ],
)
def test_an_unknown_path_has_no_route(stage: str | None, asked: str) -> None:
    assert Gateway.from_openapi(CONTRACT, stage).route("GET", asked) is None


TABLES = Gateway.from_openapi(
    {
        "paths": {
            "/norm/{table}": {"x-carlens-function": "catalog"},
            "/norm/mine": {},
            "/a.b/{x}/c/{y}": {},
        }
    }
)


@pytest.mark.parametrize(
    ("asked", "resource", "parameters"),
    [
        ("/norm/europe", "/norm/{table}", {"table": "europe"}),
        ("/norm/europe/", "/norm/{table}", {"table": "europe"}),
        ("/norm/%65urope", "/norm/{table}", {"table": "europe"}),
        ("/norm/caf%C3%A9%20+1", "/norm/{table}", {"table": "café +1"}),
        ("/norm/..%2Fsecret", "/norm/{table}", {"table": "../secret"}),
        ("/norm/%FF", "/norm/{table}", {"table": "\ufffd"}),
        ("/norm/%", "/norm/{table}", {"table": "%"}),
        ("/norm/{table}", "/norm/{table}", {"table": "{table}"}),
        ("/norm/mine", "/norm/mine", {}),
        ("/a.b/1/c/2", "/a.b/{x}/c/{y}", {"x": "1", "y": "2"}),
    ],
)
def test_path_parameters_are_decoded_and_the_path_is_kept(
    asked: str, resource: str, parameters: dict[str, str]
) -> None:
    route = TABLES.route("GET", asked)

    assert route
    assert (route.resource, route.path) == (resource, asked)
    assert dict(route.parameters) == parameters


@pytest.mark.parametrize("asked", ["/norm", "/norm/", "/norm/a/b", "/norm//a", "/aXb/1/c/2"])
def test_a_path_parameter_is_one_segment(asked: str) -> None:
    assert TABLES.route("GET", asked) is None


def test_the_contract_names_the_function_of_a_path() -> None:
    found = [TABLES.route("GET", path) for path in ("/norm/europe", "/norm/mine")]

    assert [route and route.function for route in found] == ["catalog", "recognition"]
    assert TABLES.functions == ["catalog", "recognition"]


@pytest.mark.parametrize("method", ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"])
def test_the_methods_of_any_have_a_route(method: str) -> None:
    assert GATEWAY.route(method, "/shape")


@pytest.mark.parametrize("method", ["TRACE", "PROPFIND", "CONNECT", "get"])
def test_other_methods_have_no_route(method: str) -> None:
    assert GATEWAY.route(method, "/shape") is None


@pytest.mark.parametrize(
    ("types", "media_types", "binary"),
    [
        (["image/png"], "image/png", True),
        (["image/png"], "IMAGE/png; charset=x", True),
        (["Image/PNG"], "image/png", True),
        (["multipart/form-data"], "multipart/form-data; boundary=a,b", True),
        (["image/png"], "image/png, */*", True),
        (["image/png"], "*/*, image/png", False),
        (["image/png"], "image/*", False),
        (["image/*"], "image/png", False),
        (["*/*"], "text/plain", True),
        (["*/*"], "", False),
        ([], "image/png", False),
    ],
)
def test_binary_media_types_are_those_of_the_contract(
    types: list[str], media_types: str, binary: bool
) -> None:
    contract = {"paths": {}, "x-amazon-apigateway-binary-media-types": types}

    assert Gateway.from_openapi(contract).is_binary(media_types) is binary


@pytest.mark.parametrize(
    ("accept_encoding", "body", "headers", "compressed"),
    [
        ("gzip, deflate, br, zstd", b"123456789", (), True),
        ("br;q=0.9, GZIP", b"123456789", (), True),
        ("gzip", b"12345678", (), False),
        ("gzip;q=0.5, br", b"123456789", (), False),
        ("gzip;q=0", b"123456789", (), False),
        ("*", b"123456789", (), False),
        ("", b"123456789", (), False),
        ("gzip", b"123456789", (("content-encoding", "identity"),), False),
    ],
)
def test_a_large_response_is_compressed_for_clients_that_prefer_gzip(
    accept_encoding: str, body: bytes, headers: Pairs, compressed: bool
) -> None:
    response = HttpResponse(200, headers, body)

    assert GATEWAY.compresses(response, accept_encoding) is compressed
    assert not Gateway.from_openapi({"paths": {}}).compresses(response, accept_encoding)


def test_an_error_response_follows_the_contract() -> None:
    response = GATEWAY.error_response(UNKNOWN_ROUTE, REQUEST_ID)

    assert response.status == 404
    assert response.headers == (
        ("Content-Type", "application/json"),
        ("Access-Control-Allow-Origin", "*"),
        ("X-Request-Id", REQUEST_ID),
    )
    assert json.loads(response.body) == {
        "type": "MISSING_AUTHENTICATION_TOKEN",
        "text": "Missing Authentication Token",
        "id": REQUEST_ID,
    }


@pytest.mark.parametrize(
    ("error", "status", "body"),
    [
        # not in the contract: the default of its class, with the status of the error
        (EVENT_TOO_LARGE, 413, {"id": REQUEST_ID}),
        (BAD_REQUEST, 400, {"id": REQUEST_ID}),
        # the status of a default applies to its whole class
        (HANDLER_FAILED, 599, {"message": "Internal server error"}),
        (RESPONSE_MALFORMED, 599, {"message": "Internal server error"}),
        # in the contract, without a status
        (TIMED_OUT, 504, {}),
    ],
)
def test_an_error_without_a_response_of_its_own_gets_the_default(
    error: GatewayError, status: int, body: object
) -> None:
    response = GATEWAY.error_response(error, REQUEST_ID)

    assert response.status == status
    assert json.loads(response.body) == body


@pytest.mark.parametrize(
    ("error", "status", "message"),
    [
        (UNKNOWN_ROUTE, 403, "Missing Authentication Token"),
        (EVENT_TOO_LARGE, 413, "Request Too Long"),
        (HANDLER_FAILED, 502, "Internal server error"),
        (RESPONSE_MALFORMED, 502, "Internal server error"),
        (RESPONSE_UNDECODABLE, 500, "Internal server error"),
        (TIMED_OUT, 504, "Endpoint request timed out"),
    ],
)
def test_without_gateway_responses_the_messages_are_those_of_aws(
    error: GatewayError, status: int, message: str
) -> None:
    response = Gateway.from_openapi({"paths": {}}).error_response(error, REQUEST_ID)

    assert response.status == status
    assert json.loads(response.body) == {"message": message}


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (BAD_REQUEST, "bad_request"),
        (UNKNOWN_ROUTE, "not_found"),
        (EVENT_TOO_LARGE, "payload_too_large"),
        (HANDLER_FAILED, "internal_error"),
        (RESPONSE_MALFORMED, "internal_error"),
        (RESPONSE_UNDECODABLE, "internal_error"),
        (TIMED_OUT, "timeout"),
    ],
)
def test_every_error_response_follows_the_contract_of_carlens(
    error: GatewayError, code: str
) -> None:
    # Given the deployed contract
    gateway = Gateway.from_openapi(yaml.safe_load(contract_path().read_bytes()))

    # When the gateway responds with an error
    response = gateway.error_response(error, REQUEST_ID)

    # Then the response has the format of every other error, and browsers may read it
    body = json.loads(response.body)["error"]
    assert (body["code"], body["request_id"]) == (code, REQUEST_ID)
    assert header(response.headers, "Access-Control-Allow-Origin") == "*"
    assert response.status // 100 == error.status // 100


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"paths": {"/models/{name+}": {}}}, r"/models/\{name\+\}"),
        (
            {
                "x-amazon-apigateway-gateway-responses": {
                    "THROTTLED": {"responseTemplates": {"application/json": "$context.stage"}}
                }
            },
            r"THROTTLED uses \$context\.stage",
        ),
        (
            {
                "x-amazon-apigateway-gateway-responses": {
                    "THROTTLED": {
                        "responseParameters": {"gatewayresponse.header.X": "method.request.path"}
                    }
                }
            },
            r"THROTTLED maps gatewayresponse\.header\.X to method\.request\.path",
        ),
    ],
)
def test_a_contract_with_a_feature_that_is_not_emulated_is_refused(
    change: dict[str, Any], named: str
) -> None:
    with pytest.raises(ValueError, match=named):
        Gateway.from_openapi(CONTRACT | change)


def test_a_body_over_the_limit_is_refused_before_the_contract_applies() -> None:
    response = GATEWAY.error_response(BODY_TOO_LARGE, REQUEST_ID)

    assert response.status == 413
    assert response.headers == (("Content-Type", "text/plain"),)
    assert response.body == b"HTTP content length exceeded 10485760 bytes."
