"""HTTP requests to events, and handler responses to HTTP, as API Gateway does it."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from carlens.local.proxy_integration import (
    HttpRequest,
    MalformedResponse,
    Route,
    UndecodableResponse,
    to_event,
    to_response,
)

REQUEST_ID = "6d8a1f0e-3b52-4c7a-9e41-0f5d2b7c8a90"
NOW = datetime(2026, 3, 9, 8, 7, 6, 543000, tzinfo=UTC)
SHAPE = Route("/shape", "/shape", "local")


def event(request: HttpRequest, route: Route = SHAPE, binary: bool = False) -> dict[str, Any]:
    built = to_event(request, route, binary=binary, request_id=REQUEST_ID, now=NOW)
    # Compare what the function receives: the event is sent as JSON.
    received: dict[str, Any] = json.loads(json.dumps(built))
    return received


def test_an_event_has_every_member_that_api_gateway_sends() -> None:
    # Given a request from curl
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

    # When it is converted
    built = event(request, binary=True)

    # Then the event has the members that API Gateway sends and no others
    trace = "Root=1-69ae7faa-6d8a1f0e3b524c7a9e410f5d"
    assert built == {
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


def test_an_event_carries_its_route() -> None:
    route = Route("/norm/{table}", "/norm/caf%C3%A9/", "prod", "/prod", (("table", "café"),))

    built = event(HttpRequest("GET", "/prod/norm/caf%C3%A9/?top_k=2"), route)

    assert (built["resource"], built["path"]) == ("/norm/{table}", "/norm/caf%C3%A9/")
    assert built["pathParameters"] == {"table": "café"}
    context = built["requestContext"]
    assert (context["path"], context["resourcePath"]) == ("/prod/norm/caf%C3%A9/", "/norm/{table}")
    assert context["stage"] == "prod"


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
def test_query_parameters_are_decoded(query: str, last: object, every: object) -> None:
    built = event(HttpRequest("GET", f"/shape?{query}" if query else "/shape"))

    assert built["queryStringParameters"] == last
    assert built["multiValueQueryStringParameters"] == every


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
def test_headers_keep_their_case_and_hop_by_hop_headers_are_dropped(
    sent: list[tuple[str, str]], every: dict[str, list[str]]
) -> None:
    built = event(HttpRequest("GET", "/shape", tuple(sent)))

    added = {"X-Amzn-Trace-Id", "X-Forwarded-For", "X-Forwarded-Port", "X-Forwarded-Proto"}
    kept = {name: v for name, v in built["multiValueHeaders"].items() if name not in added}
    assert kept == every
    assert built["headers"] == {name: v[-1] for name, v in built["multiValueHeaders"].items()}


def test_forwarding_headers_are_set_by_the_gateway() -> None:
    # Given a client that sends forwarding headers and a trace ID
    sent = (
        ("x-forwarded-for", "10.1.2.3"),
        ("X-Forwarded-Proto", "gopher"),
        ("X-Forwarded-Port", "1"),
        ("X-Amzn-Trace-Id", "Root=1-5-6"),
    )

    built = event(HttpRequest("GET", "/shape", sent, client="127.0.0.9", port=81))

    # Then its address is appended, the trace ID is kept, and the others are replaced
    assert built["headers"] == {
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
def test_binary_bodies_are_base64_and_others_are_text(
    body: bytes, binary: bool, text: str | None, flag: bool
) -> None:
    built = event(HttpRequest("POST", "/shape", body=body), binary=binary)

    assert built["body"] == text
    assert built["isBase64Encoded"] is flag


JSON_TYPE = ("Content-Type", "application/json")


@pytest.mark.parametrize(
    ("returned", "status", "headers", "body"),
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
def test_the_response_of_the_handler_becomes_an_http_response(
    returned: dict[str, Any], status: int, headers: list[tuple[str, str]], body: bytes
) -> None:
    response = to_response(returned, binary=True)

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
    returned = {"statusCode": 200, "body": "iVBORw==", "isBase64Encoded": flagged}

    assert to_response(returned, binary=accepted).body == sent


@pytest.mark.parametrize(
    ("returned", "reason"),
    [
        (None, "the response must be an object, not null"),
        ([], "the response must be an object, not a list"),
        ("hello", "the response must be an object, not a string"),
        (7, "the response must be an object, not a number"),
        ({"cookies": []}, "the response has unknown members: cookies"),
        ({"body": {"a": 1}}, "body must be a string, not an object"),
        ({"body": 1}, "body must be a string, not a number"),
        ({"statusCode": 100}, "statusCode must be a number from 200 to 599, not 100"),
        ({"statusCode": 600}, "statusCode must be .*, not 600"),
        ({"statusCode": "OK"}, "statusCode must be .*, not 'OK'"),
        ({"statusCode": True}, "statusCode must be .*, not True"),
        ({"statusCode": 200.5}, "statusCode must be .*, not 200.5"),
        ({"headers": ["a"]}, "headers must be an object, not a list"),
        ({"headers": {"A": ["x"]}}, "A in headers must be a string, not a list"),
        ({"headers": {"A": 1}}, "header A must be a string, not a number"),
        ({"headers": {"A": None}}, "header A must be a string, not null"),
        ({"headers": {"A b": "x"}}, "headers has an invalid header name"),
        ({"headers": {"": "x"}}, "headers has an invalid header name"),
        ({"headers": {"A": "x\r\nB: y"}}, "header A has a control character"),
        ({"multiValueHeaders": {"A": "x"}}, "A in multiValueHeaders must be a list, not a string"),
        ({"multiValueHeaders": {"A": [1]}}, "header A must be a string, not a number"),
    ],
)
def test_a_malformed_response_is_refused(returned: object, reason: str) -> None:
    with pytest.raises(MalformedResponse, match=reason):
        to_response(returned, binary=False)


def test_a_body_that_is_marked_as_base64_but_is_not_is_refused() -> None:
    with pytest.raises(UndecodableResponse, match="not base64"):
        to_response({"body": "not base64!", "isBase64Encoded": True}, binary=True)
