"""HTTP <-> proxy events, and what the gateway answers itself, without a server."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from carlens.local import gateway as gw
from carlens.local.event import (
    HttpRequest,
    MalformedAnswer,
    Route,
    UndecodableAnswer,
    header,
    to_event,
    to_response,
)
from carlens.local.gateway import Failure, Gateway

REQUEST_ID = "6d8a1f0e-3b52-4c7a-9e41-0f5d2b7c8a90"
NOW = datetime(2026, 3, 9, 8, 7, 6, 543000, tzinfo=UTC)
SHAPE = Route("/shape", "/shape", "local")


def event(request: HttpRequest, route: Route = SHAPE, binary: bool = False) -> dict[str, Any]:
    made = to_event(request, route, binary=binary, request_id=REQUEST_ID, now=NOW)
    # What travels is JSON, so what is compared has been JSON.
    again: dict[str, Any] = json.loads(json.dumps(made))
    return again


def test_a_whole_event() -> None:
    # Given a request as curl sends it
    request = HttpRequest(
        method="POST",
        target="/shape?format=detailed",
        headers=(
            ("Host", "127.0.0.1:8000"),
            ("User-Agent", "curl/8.5.0"),
            ("Content-Type", "image/png"),
            ("Content-Length", "3"),
        ),
        body=b"\x89PN",
        client="127.0.0.1",
        port=8000,
    )

    # When it becomes an event
    made = event(request, binary=True)

    # Then it is the event that API Gateway sends: every member, and no other
    trace = "Root=1-69ae7faa-6d8a1f0e3b524c7a9e410f5d"
    assert made == {
        "resource": "/shape",
        "path": "/shape",
        "httpMethod": "POST",
        "headers": {
            "Host": "127.0.0.1:8000",
            "User-Agent": "curl/8.5.0",
            "Content-Type": "image/png",
            "X-Amzn-Trace-Id": trace,
            "X-Forwarded-For": "127.0.0.1",
            "X-Forwarded-Port": "8000",
            "X-Forwarded-Proto": "http",
        },
        "multiValueHeaders": {
            "Host": ["127.0.0.1:8000"],
            "User-Agent": ["curl/8.5.0"],
            "Content-Type": ["image/png"],
            "X-Amzn-Trace-Id": [trace],
            "X-Forwarded-For": ["127.0.0.1"],
            "X-Forwarded-Port": ["8000"],
            "X-Forwarded-Proto": ["http"],
        },
        "queryStringParameters": {"format": "detailed"},
        "multiValueQueryStringParameters": {"format": ["detailed"]},
        "pathParameters": None,
        "stageVariables": None,
        "requestContext": {
            "accountId": "000000000000",
            "apiId": "local",
            "deploymentId": "local",
            "domainName": "127.0.0.1",
            "domainPrefix": "local",
            "extendedRequestId": REQUEST_ID,
            "httpMethod": "POST",
            "identity": {
                "accessKey": None,
                "accountId": None,
                "caller": None,
                "cognitoAuthenticationProvider": None,
                "cognitoAuthenticationType": None,
                "cognitoIdentityId": None,
                "cognitoIdentityPoolId": None,
                "principalOrgId": None,
                "sourceIp": "127.0.0.1",
                "user": None,
                "userAgent": "curl/8.5.0",
                "userArn": None,
            },
            "path": "/shape",
            "protocol": "HTTP/1.1",
            "requestId": REQUEST_ID,
            "requestTime": "09/Mar/2026:08:07:06 +0000",
            "requestTimeEpoch": 1773043626543,
            "resourceId": "local",
            "resourcePath": "/shape",
            "stage": "local",
        },
        "body": base64.b64encode(b"\x89PN").decode(),
        "isBase64Encoded": True,
    }


@pytest.mark.parametrize(
    ("query", "last", "every"),
    [
        ("", None, None),
        ("a=1", {"a": "1"}, {"a": ["1"]}),
        ("a=1&b=2&a=3", {"a": "3", "b": "2"}, {"a": ["1", "3"], "b": ["2"]}),
        ("a", {"a": ""}, {"a": [""]}),
        ("a=", {"a": ""}, {"a": [""]}),
        ("a=x%2By+z", {"a": "x+y z"}, {"a": ["x+y z"]}),
        ("n%C3%A9=%C3%A9", {"né": "é"}, {"né": ["é"]}),
        ("a=%FF", {"a": "\ufffd"}, {"a": ["\ufffd"]}),
        ("a=b=c", {"a": "b=c"}, {"a": ["b=c"]}),
        ("A=1&a=2", {"A": "1", "a": "2"}, {"A": ["1"], "a": ["2"]}),
        ("url=http://x/?y=1", {"url": "http://x/?y=1"}, {"url": ["http://x/?y=1"]}),
    ],
)
def test_query_parameters(query: str, last: object, every: object) -> None:
    made = event(HttpRequest("GET", f"/shape?{query}" if query else "/shape"))

    assert made["queryStringParameters"] == last
    assert made["multiValueQueryStringParameters"] == every


@pytest.mark.parametrize(
    ("sent", "every"),
    [
        ([("cOnTeNt-TyPe", "text/plain")], {"cOnTeNt-TyPe": ["text/plain"]}),
        ([("X-A", "1"), ("X-A", "2")], {"X-A": ["1", "2"]}),
        ([("X-A", "1"), ("x-a", "2")], {"X-A": ["1", "2"]}),
        ([("X-A", "")], {"X-A": [""]}),
        ([("Connection", "close"), ("Keep", "1")], {"Keep": ["1"]}),
        ([("TRANSFER-ENCODING", "chunked"), ("te", "trailers"), ("Expect", "100-continue")], {}),
        ([("Content-Length", "4"), ("Upgrade", "h2c")], {}),
    ],
)
def test_headers(sent: list[tuple[str, str]], every: dict[str, list[str]]) -> None:
    made = event(HttpRequest("GET", "/shape", tuple(sent)))

    added = {"X-Amzn-Trace-Id", "X-Forwarded-For", "X-Forwarded-Port", "X-Forwarded-Proto"}
    kept = {name: v for name, v in made["multiValueHeaders"].items() if name not in added}
    assert kept == every
    assert made["headers"] == {name: v[-1] for name, v in made["multiValueHeaders"].items()}


def test_the_gateway_has_the_last_word_on_forwarding() -> None:
    # Given a client that says where it comes from, and which trace it belongs to
    sent = (
        ("x-forwarded-for", "10.1.2.3"),
        ("X-Forwarded-Proto", "gopher"),
        ("X-Forwarded-Port", "1"),
        ("X-Amzn-Trace-Id", "Root=1-5-6"),
    )

    made = event(HttpRequest("GET", "/shape", sent, client="127.0.0.9", port=81))

    # Then its address is appended, the rest replaced, and the trace goes on
    assert made["headers"] == {
        "X-Amzn-Trace-Id": "Root=1-5-6",
        "X-Forwarded-For": "10.1.2.3, 127.0.0.9",
        "X-Forwarded-Port": "81",
        "X-Forwarded-Proto": "http",
    }


@pytest.mark.parametrize(
    ("body", "binary", "text", "flag"),
    [
        (b"", False, None, False),
        (b"", True, None, False),
        (b"{}", False, "{}", False),
        ("né".encode(), False, "né", False),
        (b"\xff\xd8\xff", False, "\ufffd\ufffd\ufffd", False),
        (b"\xff\xd8\xff", True, "/9j/", True),
        (b"text", True, "dGV4dA==", True),
    ],
)
def test_bodies(body: bytes, binary: bool, text: str | None, flag: bool) -> None:
    made = event(HttpRequest("POST", "/shape", body=body), binary=binary)

    assert made["body"] == text
    assert made["isBase64Encoded"] is flag


CONTRACT: dict[str, Any] = {
    "paths": {"/": {}, "/shape": {}},
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
def test_routes(stage: str | None, asked: str, resource: str, path: str, full: str) -> None:
    route = Gateway.from_openapi(CONTRACT, stage).route("PUT", asked)
    assert route
    made = event(HttpRequest("PUT", asked), route)

    assert (made["resource"], made["path"]) == (resource, path)
    context = made["requestContext"]
    assert (context["path"], context["resourcePath"]) == (full, resource)
    assert context["stage"] == (stage or "local")


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
def test_unknown_routes(stage: str | None, asked: str) -> None:
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
    ("asked", "resource", "values"),
    [
        ("/norm/europe", "/norm/{table}", {"table": "europe"}),
        ("/norm/europe/", "/norm/{table}", {"table": "europe"}),
        ("/norm/%65urope", "/norm/{table}", {"table": "europe"}),
        ("/norm/caf%C3%A9%20+1", "/norm/{table}", {"table": "café +1"}),
        ("/norm/..%2Fsecret", "/norm/{table}", {"table": "../secret"}),
        ("/norm/%FF", "/norm/{table}", {"table": "\ufffd"}),
        ("/norm/%", "/norm/{table}", {"table": "%"}),
        ("/norm/{table}", "/norm/{table}", {"table": "{table}"}),
        ("/norm/mine", "/norm/mine", None),
        ("/a.b/1/c/2", "/a.b/{x}/c/{y}", {"x": "1", "y": "2"}),
    ],
)
def test_what_stands_in_the_path_is_read(asked: str, resource: str, values: object) -> None:
    route = TABLES.route("GET", asked)
    assert route
    made = event(HttpRequest("GET", f"{asked}?a=1"), route)

    # Then it is decoded, and the path is as it was sent
    assert (made["resource"], made["path"], made["pathParameters"]) == (resource, asked, values)
    assert made["requestContext"]["resourcePath"] == resource


@pytest.mark.parametrize("asked", ["/norm", "/norm/", "/norm/a/b", "/norm//a", "/aXb/1/c/2"])
def test_a_name_in_the_path_is_one_segment(asked: str) -> None:
    assert TABLES.route("GET", asked) is None


def test_the_contract_says_which_function_answers() -> None:
    found = [TABLES.route("GET", path) for path in ("/norm/europe", "/norm/mine")]

    assert [route and route.function for route in found] == ["catalog", "recognition"]
    assert TABLES.functions == ["catalog", "recognition"]


@pytest.mark.parametrize("method", ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"])
def test_any_means_seven_methods(method: str) -> None:
    assert GATEWAY.route(method, "/shape")


@pytest.mark.parametrize("method", ["TRACE", "PROPFIND", "CONNECT", "get"])
def test_to_other_methods_there_is_no_route(method: str) -> None:
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
def test_binary_media_types(types: list[str], media_types: str, binary: bool) -> None:
    contract = {"paths": {}, "x-amazon-apigateway-binary-media-types": types}

    assert Gateway.from_openapi(contract).is_binary(media_types) is binary


def test_an_answer_the_contract_shapes() -> None:
    answer = GATEWAY.answer(gw.UNKNOWN_ROUTE, REQUEST_ID)

    assert answer.status == 404
    assert answer.headers == (
        ("Content-Type", "application/json"),
        ("Access-Control-Allow-Origin", "*"),
        ("X-Request-Id", REQUEST_ID),
    )
    assert json.loads(answer.body) == {
        "type": "MISSING_AUTHENTICATION_TOKEN",
        "text": "Missing Authentication Token",
        "id": REQUEST_ID,
    }


@pytest.mark.parametrize(
    ("failure", "status", "body"),
    [
        # not in the contract: the default of its class, with the failure's own status
        (gw.EVENT_TOO_LARGE, 413, {"id": REQUEST_ID}),
        (gw.BAD_REQUEST, 400, {"id": REQUEST_ID}),
        # a default that names a status gives it to all of its class
        (gw.HANDLER_FAILED, 599, {"message": "Internal server error"}),
        (gw.ANSWER_MALFORMED, 599, {"message": "Internal server error"}),
        # in the contract without a status
        (gw.TIMED_OUT, 504, {}),
    ],
)
def test_answers_fall_back(failure: Failure, status: int, body: object) -> None:
    answer = GATEWAY.answer(failure, REQUEST_ID)

    assert answer.status == status
    assert json.loads(answer.body) == body


@pytest.mark.parametrize(
    ("failure", "status", "message"),
    [
        (gw.UNKNOWN_ROUTE, 403, "Missing Authentication Token"),
        (gw.EVENT_TOO_LARGE, 413, "Request Too Long"),
        (gw.HANDLER_FAILED, 502, "Internal server error"),
        (gw.ANSWER_MALFORMED, 502, "Internal server error"),
        (gw.ANSWER_UNDECODABLE, 500, "Internal server error"),
        (gw.TIMED_OUT, 504, "Endpoint request timed out"),
    ],
)
def test_without_gateway_responses_it_speaks_as_aws(
    failure: Failure, status: int, message: str
) -> None:
    answer = Gateway.from_openapi({"paths": {}}).answer(failure, REQUEST_ID)

    assert answer.status == status
    assert json.loads(answer.body) == {"message": message}


@pytest.mark.parametrize(
    ("failure", "code"),
    [
        (gw.BAD_REQUEST, "bad_request"),
        (gw.UNKNOWN_ROUTE, "not_found"),
        (gw.EVENT_TOO_LARGE, "payload_too_large"),
        (gw.HANDLER_FAILED, "internal_error"),
        (gw.ANSWER_MALFORMED, "internal_error"),
        (gw.ANSWER_UNDECODABLE, "internal_error"),
        (gw.TIMED_OUT, "timeout"),
    ],
)
def test_the_contract_of_carlens_shapes_every_answer(failure: Failure, code: str) -> None:
    # Given the contract that is deployed
    path = Path(__file__).resolve().parents[3] / "lambda_src" / "openapi.yaml"
    gateway = Gateway.from_openapi(yaml.safe_load(path.read_bytes()))

    # When the gateway fails
    answer = gateway.answer(failure, REQUEST_ID)

    # Then the answer has the form of every other error, and a browser may read it
    error = json.loads(answer.body)["error"]
    assert (error["code"], error["request_id"]) == (code, REQUEST_ID)
    assert header(answer.headers, "Access-Control-Allow-Origin") == "*"
    assert answer.status // 100 == failure.status // 100


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
            r"THROTTLED maps gatewayresponse\.header\.X",
        ),
    ],
)
def test_a_contract_that_is_not_emulated_is_refused(change: dict[str, Any], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        Gateway.from_openapi(CONTRACT | change)


JSON_TYPE = ("Content-Type", "application/json")


@pytest.mark.parametrize(
    ("answer", "status", "headers", "body"),
    [
        ({}, 200, [JSON_TYPE], b""),
        ({"statusCode": "204", "body": None, "headers": None}, 204, [JSON_TYPE], b""),
        ({"statusCode": 404, "body": "né"}, 404, [JSON_TYPE], "né".encode()),
        ({"headers": {"content-type": "text/html"}}, 200, [("content-type", "text/html")], b""),
        (
            {"headers": {"content-type": "a/b", "X-Yes": True}},
            200,
            [("content-type", "a/b"), ("X-Yes", "true")],
            b"",
        ),
        (
            {
                "multiValueHeaders": {"Content-Type": ["a/b"], "Set-Cookie": ["a=1", "b=2"]},
                "headers": {"Set-Cookie": "b=2", "set-cookie": "c=3"},
            },
            200,
            [
                ("Content-Type", "a/b"),
                ("Set-Cookie", "a=1"),
                ("Set-Cookie", "b=2"),
                ("set-cookie", "c=3"),
            ],
            b"",
        ),
        (
            {"headers": {"Content-Length": "9", "Transfer-Encoding": "chunked", "Server": "me"}},
            200,
            [
                JSON_TYPE,
                ("x-amzn-Remapped-Content-Length", "9"),
                ("x-amzn-Remapped-Server", "me"),
            ],
            b"",
        ),
        ({"body": "iVBO", "isBase64Encoded": False}, 200, [JSON_TYPE], b"iVBO"),
        ({"body": "\ud800"}, 200, [JSON_TYPE], b"?"),
    ],
)
def test_responses(
    answer: dict[str, Any], status: int, headers: list[tuple[str, str]], body: bytes
) -> None:
    response = to_response(answer, binary=True)

    assert response.status == status
    assert list(response.headers) == headers
    assert response.body == body


@pytest.mark.parametrize(
    ("accepted", "flagged", "sent"),
    [
        (True, True, b"\x89PNG"),
        (True, False, b"iVBORw=="),
        (False, True, b"iVBORw=="),
        (False, False, b"iVBORw=="),
    ],
)
def test_base64_is_decoded_only_if_flagged_and_accepted(
    accepted: bool, flagged: bool, sent: bytes
) -> None:
    answer = {"statusCode": 200, "body": "iVBORw==", "isBase64Encoded": flagged}

    assert to_response(answer, binary=accepted).body == sent


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (None, "the answer is null"),
        ([], "the answer is a list"),
        ("hello", "the answer is text"),
        (7, "the answer is a number"),
        ({"cookies": []}, "the answer has 'cookies'"),
        ({"body": {"a": 1}}, "body is an object"),
        ({"body": 1}, "body is a number"),
        ({"statusCode": 100}, "statusCode is 100"),
        ({"statusCode": 600}, "statusCode is 600"),
        ({"statusCode": "OK"}, "statusCode is 'OK'"),
        ({"statusCode": True}, "statusCode is True"),
        ({"statusCode": 200.5}, "statusCode is 200.5"),
        ({"headers": ["a"]}, "headers is a list"),
        ({"headers": {"A": ["x"]}}, "headers has a list as A"),
        ({"headers": {"A": 1}}, "header A is a number"),
        ({"headers": {"A": None}}, "header A is null"),
        ({"headers": {"A b": "x"}}, "no header name"),
        ({"headers": {"": "x"}}, "no header name"),
        ({"headers": {"A": "x\r\nB: y"}}, "header A has a control character"),
        ({"multiValueHeaders": {"A": "x"}}, "multiValueHeaders has text as A"),
        ({"multiValueHeaders": {"A": [1]}}, "header A is a number"),
    ],
)
def test_malformed_answers(answer: object, reason: str) -> None:
    with pytest.raises(MalformedAnswer, match=reason):
        to_response(answer, binary=False)


def test_a_body_that_should_be_base64_and_is_not() -> None:
    with pytest.raises(UndecodableAnswer, match="not base64"):
        to_response({"body": "no base64!", "isBase64Encoded": True}, binary=True)


def test_a_body_over_the_limit_is_answered_in_front_of_the_api() -> None:
    answer = GATEWAY.answer(gw.BODY_TOO_LARGE, REQUEST_ID)

    assert answer.status == 413
    assert answer.headers == (("Content-Type", "text/plain"),)
    assert answer.body == b"HTTP content length exceeded 10485760 bytes."
