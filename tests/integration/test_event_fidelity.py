"""Local events compared with those of AWS SAM field by field, and checked against a model."""

from __future__ import annotations

import importlib.util
import json
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import flask
import pytest
import yaml
from aws_lambda_powertools.utilities.parser.models import APIGatewayProxyEventModel
from werkzeug import serving

from carlens.http.events import read_request
from tests.integration.echo_handler import echo
from tests.integration.event_differences import (
    ABSENT,
    Difference,
    differences,
    event_of,
    outdated,
    unexplained,
)
from tests.integration.requests_table import REQUESTS as COMMON
from tests.integration.requests_table import RawRequest, RawResponse, send
from tests.integration.serving import running_server
from tests.support import missing

_WHY = "needs AWS SAM, which `make test SLOW=yes` installs"
if importlib.util.find_spec("samcli") is None:
    missing(_WHY)
sam_event = importlib.import_module("samcli.local.apigw.event_constructor")
sam_errors = importlib.import_module("samcli.local.apigw.service_error_responses")
sam_route = importlib.import_module("samcli.local.apigw.route")

CONTRACT = yaml.safe_load(
    (Path(__file__).parents[2] / "lambda_src/openapi.yaml").read_text("utf-8")
)
HOST = "carlens.example"

REQUESTS = COMMON | {
    "path parameter": RawRequest(target="/norm/europe?make=vw&model=golf"),
    "path parameter with a trailing slash": RawRequest(target="/norm/europe/"),
    "path parameter encoded": RawRequest(target="/norm/caf%C3%A9%20%2B1"),
    "path parameter with a plus": RawRequest(target="/norm/a+b"),
    "path parameter missing": RawRequest(target="/norm/"),
    "path parameter and more": RawRequest(target="/norm/europe/more"),
    "path parameter in a post": RawRequest(
        "POST", "/norm/europe", (("Content-Type", "text/csv"),), b"vw,golf\n\xff"
    ),
}
ECHO = "tests.integration.echo_handler:echo"

_DROPPED = (
    "connection|content-length|content-md5|expect|max-forwards|server|te|transfer-encoding|upgrade"
)

# How the events of SAM differ from those of Carlens, and why.
KNOWN_OF_SAM: dict[str, Difference] = {
    "headers of the connection": Difference(
        rf"(headers|multiValueHeaders)\.({_DROPPED})",
        lambda sent, ours, theirs: ours == ABSENT,
        "According to the developer guide, API Gateway drops these headers; SAM keeps them.",
    ),
    "forwarding": Difference(
        r"headers\.x-forwarded-for",
        lambda sent, ours, theirs: ours.removesuffix("127.0.0.1") in ("", f"{theirs}, "),
        "API Gateway appends the address of the client; SAM does not.",
    ),
    "forwarding, all values": Difference(
        r"multiValueHeaders\.x-forwarded-for",
        lambda sent, ours, theirs: (
            theirs == ABSENT or ours == [f"{value}, 127.0.0.1" for value in theirs]
        ),
        "See above.",
    ),
    "trace": Difference(
        r"(headers|multiValueHeaders)\.x-amzn-trace-id",
        lambda sent, ours, theirs: (
            theirs == ABSENT and "Root=1-" in (ours if isinstance(ours, str) else ours[0])
        ),
        "API Gateway starts a trace if the client sends none; SAM does not.",
    ),
    "case of header names": Difference(
        r"spelling\..*",
        lambda sent, ours, theirs: ours.title() == theirs and ours in dict(sent.headers),
        "API Gateway keeps the case of names; WSGI, on which SAM runs, converts them to upper case.",
    ),
    "repeated headers": Difference(
        r"multiValueHeaders\..*",
        lambda sent, ours, theirs: theirs == [",".join(ours)] and len(ours) > 1,
        "API Gateway keeps all values; WSGI joins them.",
    ),
    "repeated headers, the last": Difference(
        r"headers\..*",
        lambda sent, ours, theirs: theirs.endswith(f",{ours}"),
        "API Gateway keeps the last value; WSGI joins them.",
    ),
    "utf-8 in headers": Difference(
        r"(headers|multiValueHeaders)\..*",
        lambda sent, ours, theirs: (
            json.dumps(ours, ensure_ascii=False).encode().decode("latin-1")
            == json.dumps(theirs, ensure_ascii=False)
        ),
        "API Gateway decodes UTF-8; WSGI decodes Latin-1, and SAM does not change that.",
    ),
    "underscores in header names": Difference(
        r"(headers|multiValueHeaders)\..*_.*",
        lambda sent, ours, theirs: theirs == ABSENT,
        "Werkzeug drops these headers because WSGI cannot tell underscores from dashes.",
    ),
    "query that is not UTF-8": Difference(
        r"(multiValueQ|q)ueryStringParameters",
        lambda sent, ours, theirs: (
            "%FF" in sent.target and "\ufffd" in str(ours) and "%FF" in str(theirs)
        ),
        "API Gateway decodes the query; Werkzeug does not decode bytes that are not UTF-8.",
    ),
    "path of the request context": Difference(
        r"requestContext\.path",
        lambda sent, ours, theirs: (
            ours == sent.target.partition("?")[0] and theirs in (ours.rstrip("/"), "/norm/{table}")
        ),
        "API Gateway sends the requested path with its trailing slash; SAM sends the resource.",
    ),
    "an empty body of a binary type": Difference(
        r"isBase64Encoded",
        lambda sent, ours, theirs: not sent.body and theirs,
        "Not verified on API Gateway. The body is empty, so the function accepts both.",
    ),
    "IDs and times": Difference(
        r"requestContext\.(accountId|apiId|resourceId|deploymentId|domainPrefix|"
        r"(extendedR|r)equestId|requestTime(Epoch)?)",
        lambda sent, ours, theirs: bool(ours),
        "These differ by API. SAM has no deployment, and uses one request ID and time for all requests.",
    ),
    "client": Difference(
        r"requestContext\.identity\.userAgent",
        lambda sent, ours, theirs: (
            ours == dict(sent.headers).get("User-Agent") and theirs == "Custom User Agent String"
        ),
        "API Gateway sends the User-Agent header; SAM sends a constant.",
    ),
    "identity without authentication": Difference(
        r"requestContext\.identity\.(accessKey|cognitoIdentityId|principalOrgId)",
        lambda sent, ours, theirs: ours is None and theirs == ABSENT,
        "API Gateway sends null; SAM omits these fields.",
    ),
    "identity without an API key": Difference(
        r"requestContext\.identity\.apiKey",
        lambda sent, ours, theirs: ours == ABSENT and theirs is None,
        "API Gateway sends it only if the method requires a key; SAM always sends null.",
    ),
    "no such route": Difference(
        r"status",
        lambda sent, ours, theirs: (ours, theirs) == (404, 403),
        "SAM returns 403, the default of API Gateway. The contract defines 404 as a gateway "
        "response, which SAM ignores.",
    ),
    "paths that match only when decoded": Difference(
        r"status",
        lambda sent, ours, theirs: (
            (ours, theirs) == (404, 200) and bool(re.search("%|//", sent.target))
        ),
        "Werkzeug decodes paths and merges slashes before routing. API Gateway sends the original "
        "path; not verified whether it decodes paths for routing. Clients do not send these.",
    ),
    "path that is encoded": Difference(
        r"path",
        lambda sent, ours, theirs: ours == sent.target and unquote(ours) == theirs,
        "API Gateway sends the original path; Werkzeug decodes it.",
    ),
    "two trailing slashes": Difference(
        r"status",
        lambda sent, ours, theirs: (ours, theirs) == (200, 308) and sent.target.endswith("//"),
        "Werkzeug redirects to the path with merged slashes; API Gateway does not redirect.",
    ),
    "a text body that is not UTF-8": Difference(
        r"status",
        lambda sent, ours, theirs: (ours, theirs) == (200, 500) and b"\xff" in (sent.body or b""),
        "SAM fails; API Gateway replaces invalid bytes.",
    ),
    "two content types": Difference(
        r"status",
        lambda sent, ours, theirs: (
            (ours, theirs) == (400, 200) and sum(n == "Content-Type" for n, _ in sent.headers) == 2
        ),
        "aiohttp refuses contradictory headers. Not verified on API Gateway.",
    ),
    "unknown methods": Difference(
        r"status",
        lambda sent, ours, theirs: ours == 400 and sent.method in ("FOO", "post"),
        "aiohttp accepts only registered methods in upper case. Clients do not send these.",
    ),
}

# Fields that API Gateway sends but the model of Powertools does not define.
UNKNOWN_TO_POWERTOOLS = {"requestContext.deploymentId"}


@pytest.fixture(scope="module")
def ours() -> Iterator[str]:
    """Run the local API with a handler that returns its event."""
    with running_server("--handler", ECHO, "--workers", "1") as url:
        yield url


@pytest.fixture(scope="module")
def sam(ours: str) -> Iterator[str]:
    """Serve the routes of the contract as `sam local start-api` does, with Flask and SAM's events."""
    app = flask.Flask("sam", static_folder=None)
    app.url_map.strict_slashes = False
    for status in (404, 405):
        app.register_error_handler(status, sam_errors.ServiceErrorResponses.route_not_found)

    def answer(**_: str) -> Any:
        event = sam_event.construct_v1_event(
            flask.request,
            port=urlsplit(ours).port,
            binary_types=CONTRACT["x-amazon-apigateway-binary-media-types"],
            stage_name="local",
        )
        sent_back = echo(event, None)
        return sent_back["body"], sent_back["statusCode"], sent_back["headers"]

    for path in CONTRACT["paths"]:
        app.add_url_rule(
            path.replace("{", "<").replace("}", ">"),
            endpoint=path,
            view_func=answer,
            methods=sam_route.Route.ANY_HTTP_METHODS,
            provide_automatic_options=False,
        )
    app.logger.disabled = True
    server = serving.make_server(
        "127.0.0.1", 0, app, threaded=True, request_handler=_quiet_handler()
    )
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def _quiet_handler() -> Any:
    return type(
        "Quiet",
        (serving.WSGIRequestHandler,),
        {"protocol_version": "HTTP/1.1", "log_request": lambda *_: None},
    )


@pytest.fixture(scope="module")
def answers(ours: str, sam: str) -> dict[str, tuple[RawResponse, RawResponse]]:
    """Send every request to both."""
    return {
        name: (send(ours, request, HOST), send(sam, request, HOST))
        for name, request in REQUESTS.items()
    }


@pytest.mark.parametrize("name", REQUESTS)
def test_the_event_equals_that_of_sam(
    answers: dict[str, tuple[RawResponse, RawResponse]], name: str
) -> None:
    assert unexplained(REQUESTS[name], differences(*answers[name]), KNOWN_OF_SAM) == {}


def test_every_known_difference_still_occurs(
    answers: dict[str, tuple[RawResponse, RawResponse]],
) -> None:
    found = [(REQUESTS[name], differences(*both)) for name, both in answers.items()]

    assert outdated(found, KNOWN_OF_SAM) == set()


@pytest.mark.parametrize("name", REQUESTS)
def test_the_event_is_valid_for_the_model_of_powertools(
    answers: dict[str, tuple[RawResponse, RawResponse]], name: str
) -> None:
    event = event_of(answers[name][0])
    if event is None:
        # The gateway responded itself, so there is no event to compare
        assert answers[name][0].status in (400, 404)
        return

    model = APIGatewayProxyEventModel.model_validate(event)

    # Then no field is missing or has a wrong type, and the model defines every field
    known = model.model_dump(by_alias=True, exclude_unset=True)
    assert _members(event) - _members(known) == UNKNOWN_TO_POWERTOOLS


def _members(event: dict[str, Any], prefix: str = "") -> set[str]:
    found = {prefix + name for name in event}
    for name in ("requestContext", "identity"):
        if name in event:
            found |= _members(event[name], f"{prefix}{name}.")
    return found


# The gateway refuses the first exception and replaces a byte in the second one; the function
# decompresses the third.
@pytest.mark.parametrize(
    "name",
    [
        name
        for name, sent in REQUESTS.items()
        if sent.body and name not in ("body of two types", "body json not utf-8", "body compressed")
    ],
)
def test_a_body_reaches_the_function_unchanged(
    answers: dict[str, tuple[RawResponse, RawResponse]], name: str
) -> None:
    event = event_of(answers[name][0])

    assert event
    assert read_request(event).body == REQUESTS[name].body
