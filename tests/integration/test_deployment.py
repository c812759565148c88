"""Carlens deployed to LocalStack with the CDK: responses and events."""

from __future__ import annotations

import base64
import io
import json
import re
import zipfile
import zlib
from pathlib import Path
from typing import Any

import pytest
import yaml
from requests_toolbelt import MultipartEncoder

from infra.api_definition import Access, api_definition
from tests.integration.event_differences import (
    ABSENT,
    Difference,
    Pairs,
    differences,
    outdated,
    unexplained,
)
from tests.integration.localstack import (
    REGION,
    STAGE,
    Api,
    LocalStack,
    Project,
)
from tests.integration.requests_table import REQUESTS, RawRequest, RawResponse, send
from tests.integration.serving import ROOT, running_server
from tests.support import PASSAT, SKODA, photo

pytestmark = pytest.mark.slow

CONTRACT = yaml.safe_load((ROOT / "lambda_src/openapi.yaml").read_text("utf-8"))


@pytest.fixture(scope="module")
def deployed(project: Project) -> Api:
    return project.api()


# --- responses


def _form(*fields: tuple[str, Any], path: str = "/predict") -> RawRequest:
    form = MultipartEncoder(fields, boundary="a-boundary")
    return RawRequest("POST", path, (("Content-Type", form.content_type),), form.to_string())


def _body(content_type: str, body: bytes, path: str = "/predict") -> RawRequest:
    return RawRequest("POST", path, (("Content-Type", content_type),), body)


def _answers(photo_host: str) -> dict[str, RawRequest]:
    """Return requests for every route, every kind of body and every error."""
    skoda, passat = SKODA.read_bytes(), PASSAT.read_bytes()
    url = f"http://{photo_host}/{PASSAT.name}"
    junk = ("image", ("x.png", b"junk", "image/png"))
    # Text fields come first; see "text fields before files" in KNOWN_ANSWERS.
    fields = (("url", url), ("image", photo(SKODA)), junk)
    in_json = {"images": [{"data": base64.b64encode(skoda).decode(), "name": "é"}, {"url": url}]}
    refused = ("url", "http://169.254.169.254/latest/meta-data/")
    missing = ("url", f"http://{photo_host}/none.png")
    pixels = ("image", ("large.png", _png_of(30000, 30000), "image/png"))
    bad_data = json.dumps({"images": [{"data": "%%%"}]}).encode()
    too_many = tuple(("image", ("x", b"x", "image/png")) for _ in range(33))
    paths = ("/predict", "/object_detection", "/shape", "/size")
    queries = ("confidence=2", "top_k=0", "max_objects=no", "slices=4", "format=xml", "classes=,")
    targets = {path.replace("{table}", "europe"): item for path, item in CONTRACT["paths"].items()}
    routes = {
        **{
            f"GET {path}": RawRequest(target=path)
            for path, item in targets.items()
            if "get" in item
        },
        **{f"HEAD {path}": RawRequest("HEAD", path) for path in ("/", "/health")},
        **{f"OPTIONS {path}": RawRequest("OPTIONS", path) for path in targets},
        **{f"PUT {path}": RawRequest("PUT", path) for path in targets},
    }
    bodies = {
        name: sent
        for path in paths
        for name, sent in {
            f"form {path}": _form(*fields, path=path),
            f"form {path} detailed": _form(*fields, path=f"{path}?format=detailed"),
            f"png {path}": _body("image/png", skoda, path),
            f"webp {path} detailed": _body("image/webp", passat, f"{path}?format=detailed"),
            f"bytes {path}": _body("application/octet-stream", skoda, path),
            f"json {path} detailed": _body(
                "application/json", json.dumps(in_json).encode(), f"{path}?format=detailed"
            ),
        }.items()
    }
    rows = "marque;modèle\nCitroën;C3\nreneau;clioRT\n"
    csv = ("file", ("x.csv", rows.encode(), "text/csv"))
    asked = "make=renault&model=clio5portes%20turbo"
    names = {
        "a name": RawRequest(target=f"/norm/europe?{asked}"),
        "a name, with alternatives": RawRequest(target=f"/norm/europe?{asked}&top_k=3"),
        "a name, cleaned": RawRequest(target=f"/clean?{asked}"),
        "a name, wrong parameter": RawRequest(target=f"/norm/europe?{asked}&top_k=0"),
        "a name in another table": RawRequest(target=f"/norm/stanford_cars?{asked}"),
        "a name in an encoded table": RawRequest(target=f"/norm/e%75rope?{asked}"),
        "a name in an unknown table": RawRequest(target=f"/norm/nothing?{asked}"),
        "a name in a nested table": RawRequest(target=f"/norm/a/b?{asked}"),
        "names in CSV": _body("text/csv", rows.encode(), "/norm/europe"),
        "names in Latin-1": _body("text/csv", rows.encode("latin-1"), "/norm/europe"),
        "names in a form": _form(csv, path="/norm/europe"),
        "names in JSON": _body(
            "application/json", b'[{"make": "vw", "model": "golf"}]', "/norm/europe"
        ),
        "names in an unsupported type": _body("image/png", skoda, "/norm/europe"),
    }
    errors = {
        "unknown route": RawRequest(target="/nowhere"),
        "no body": RawRequest("POST", "/predict"),
        "empty body": _body("multipart/form-data; boundary=x", b""),
        "form without a boundary": _body("multipart/form-data", b"--x\r\n"),
        "malformed form": _body("multipart/form-data; boundary=x", b"junk"),
        "form without pictures": _form(("note", "hello")),
        "truncated form": _body(
            "multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="image"',
        ),
        "malformed json": _body("application/json", b"{"),
        "json of another type": _body("application/json", b"[1]"),
        "json without pictures": _body("application/json", b'{"images": []}'),
        "deeply nested json": _body("application/json", b"[" * 100_000),
        "bad base64": _body("application/json", bad_data, "/predict?format=detailed"),
        "url-encoded form": _body("application/x-www-form-urlencoded", b"a=b"),
        "text": _body("text/plain", b"hello"),
        "refused URL": _form(refused, path="/predict?format=detailed"),
        "missing picture": _form(missing, path="/predict?format=detailed"),
        "text after a file": _form(("image", photo(SKODA)), ("url", url), junk),
        "too many pixels": _form(pixels, path="/predict?format=detailed"),
        "too many pictures": _form(*too_many),
        "event too large": _body("image/png", bytes(5_000_000)),
        "body too large": _body("image/png", bytes(10_485_761)),
        **{f"query {query}": _form(*fields, path=f"/predict?{query}") for query in queries},
        "unknown parameter": _form(*fields, path="/predict?nothing=1"),
    }
    return {**routes, **bodies, **names, **errors}


def _png_of(width: int, height: int) -> bytes:
    """Return the start of a PNG of this size, which is enough to read its header."""
    head = b"IHDR" + width.to_bytes(4, "big") + height.to_bytes(4, "big") + b"\x08\x02\0\0\0"
    return b"\x89PNG\r\n\x1a\n" + b"\0\0\0\x0d" + head + zlib.crc32(head).to_bytes(4, "big")


# Headers of the connection or the server.
_OF_THE_WIRE = re.compile(
    r"server|date|connection|content-length|transfer-encoding|keep-alive|x-localstack"
    r"|x-amz-apigw-id|x-amzn-.*"
)


def _is_cut_form(sent: RawRequest) -> bool:
    return "multipart/form-data" in str(sent.headers) and not (sent.body or b"").endswith(b"--\r\n")


# How the responses of LocalStack differ from those of the local server, and why.
KNOWN_ANSWERS: dict[str, Difference] = {
    "batch jobs": Difference(
        "body",
        lambda sent, ours, theirs: (
            sent.target == "/health"
            and theirs["features"]["batch"]
            and theirs == {**ours, "features": {**ours["features"], "batch": True}}
        ),
        "The deployed stage has batch jobs; the local server cannot.",
    ),
    "bucket for uploads": Difference(
        r"header\.content-security-policy",
        lambda sent, ours, theirs: (
            ours == re.sub(r"(connect-src 'self') http://127\.0\.0\.1:\d+;", r"\1;", theirs)
        ),
        "The page of the deployed API sends uploads to a bucket, and that of the local server to its "
        "own origin.",
    ),
    "key for uploads": Difference(
        r".*",
        lambda sent, ours, theirs: (sent.method, sent.target) == ("PUT", "/uploads"),
        "The deployed stage asks for an API key first; LocalStack refuses without CORS.",
    ),
    "preflight": Difference(
        r"header\.(x-content-type-options|strict-transport-security|referrer-policy)",
        lambda sent, ours, theirs: sent.method == "OPTIONS" and theirs == ABSENT,
        "The deployed gateway responds to OPTIONS itself, at no cost; locally the function does. "
        "Browsers only need the CORS headers.",
    ),
    "text fields before files": Difference(
        "body",
        lambda sent, ours, theirs: (
            bool(sent.body)
            and isinstance(ours, list)
            and ours != theirs
            and sorted(map(json.dumps, ours)) == sorted(map(json.dumps, theirs))
        ),
        "The server of LocalStack parses forms and encodes them again, with text fields first. API "
        "Gateway does not change bodies.",
    ),
    "malformed forms": Difference(
        r"body|header\..*",
        lambda sent, ours, theirs: (
            _is_cut_form(sent)
            and (theirs in (ABSENT, b"") or theirs["error"]["code"] == "no_pictures")
        ),
        "See above: LocalStack sends an empty form instead, or fails with an empty 400.",
    ),
    "unknown route": Difference(
        r".*",
        lambda sent, ours, theirs: (
            sent.target.startswith(("/nowhere", "/norm/a/b")) and ours != b""
        ),
        "LocalStack ignores the gateway responses of the definition and returns its 403 without CORS.",
    ),
    "encoded path": Difference(
        r"status|body",
        lambda sent, ours, theirs: "/e%75rope" in sent.target,
        "LocalStack does not decode path parameters. Not verified on API Gateway; the names of "
        "tables need no encoding.",
    ),
    "event too large": Difference(
        r".*",
        lambda sent, ours, theirs: 4_700_000 < len(sent.body or b"") <= 10_485_760,
        "API Gateway returns 413 (REQUEST_TOO_LARGE) for events over the limit; LocalStack 502.",
    ),
    "body too large": Difference(
        r".*",
        lambda sent, ours, theirs: len(sent.body or b"") > 10_485_760,
        "API Gateway limits bodies to 10 MB; LocalStack has no limit, and its Lambda returns 502.",
    ),
}


def _seen(got: RawResponse) -> dict[str, Any]:
    """Return what a client sees, without the values that differ in every response."""
    headers = {
        f"header.{name}": "(some id)" if name == "x-request-id" else value
        for name, value in got.headers.items()
        if not _OF_THE_WIRE.fullmatch(name)
    }
    return {"status": got.status, "body": _without_ids(got.body), **headers}


def _without_ids(body: bytes) -> Any:
    try:
        document = json.loads(body)
    except ValueError:
        return body
    if isinstance(document, dict):
        document.pop("request_id", None)
        document.pop("timing_ms", None)
        if isinstance(document.get("error"), dict):
            document["error"].pop("request_id", None)
    return document


@pytest.fixture(scope="module")
def answers(
    deployed: Api, photo_host: str
) -> dict[str, tuple[RawRequest, dict[str, Any], dict[str, Any]]]:
    """The responses of the local server and of the deployed API to every request."""
    with running_server(
        "--stage", STAGE, "--workers", "1", env={"CARLENS_ALLOWED_HOSTS": photo_host}
    ) as local:
        return {
            name: (sent, _seen(send(local, sent)), _seen(deployed.send(sent)))
            for name, sent in _answers(photo_host).items()
        }


def _differing(a: dict[str, Any], b: dict[str, Any]) -> Pairs:
    pairs = {name: (a.get(name, ABSENT), b.get(name, ABSENT)) for name in a.keys() | b.keys()}
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


@pytest.mark.parametrize("name", _answers("host"))
def test_the_deployed_api_responds_like_the_local_server(
    answers: dict[str, tuple[RawRequest, dict[str, Any], dict[str, Any]]], name: str
) -> None:
    sent, ours, theirs = answers[name]

    assert unexplained(sent, _differing(ours, theirs), KNOWN_ANSWERS) == {}


def test_every_known_difference_between_responses_still_occurs(
    answers: dict[str, tuple[RawRequest, dict[str, Any], dict[str, Any]]],
) -> None:
    found = [(sent, _differing(ours, theirs)) for sent, ours, theirs in answers.values()]

    assert outdated(found, KNOWN_ANSWERS) == set()


# --- events


def _has_same_parts(sent: RawRequest, ours: Any, theirs: Any) -> bool:
    """Return whether both bodies contain the same parts."""
    [boundary] = re.findall(r"boundary=(\S+)'", str(sent.headers)) or [""]
    if not boundary:
        return False
    a, b = (
        sorted(
            sorted(part.strip().splitlines())
            for part in base64.b64decode(body)
            .replace(b"%22", b'"')
            .split(b"--" + boundary.encode())
            if part.strip()
        )
        for body in (ours, theirs)
    )
    return a == b


# How the events of LocalStack differ from those of the local server, and why.
KNOWN_EVENTS: dict[str, Difference] = {
    "IDs, times and ports": Difference(
        r"requestContext\.(apiId|resourceId|deploymentId|domainPrefix|(extendedR|r)equestId|"
        r"requestTimeEpoch)|(headers|multiValueHeaders)\.x-forwarded-port",
        lambda sent, ours, theirs: bool(ours and theirs) and ABSENT not in (ours, theirs),
        "These differ by API.",
    ),
    "time zone": Difference(
        r"requestContext\.requestTime",
        lambda sent, ours, theirs: ours.endswith("+0000") and theirs.endswith(" "),
        "API Gateway appends +0000; LocalStack omits it.",
    ),
    "trace": Difference(
        r"(headers|multiValueHeaders)\.x-amzn-trace-id",
        lambda sent, ours, theirs: "Root=1-" in str(ours) and ";Parent=" in str(theirs),
        "LocalStack adds a parent and a sampling decision; a trace that API Gateway starts has only "
        "a root.",
    ),
    "protocol": Difference(
        r"(headers|multiValueHeaders)\.x-forwarded-proto",
        lambda sent, ours, theirs: str(ours) == str(theirs).lower(),
        "API Gateway sends https in lower case.",
    ),
    "headers that were not sent": Difference(
        r"(headers|multiValueHeaders)\.(accept|user-agent)",
        lambda sent, ours, theirs: (
            ours == ABSENT
            and ("AmazonAPIGateway" in str(theirs) or "application/json" in str(theirs))
        ),
        "LocalStack adds the headers of an HTTP integration; API Gateway sends those of the client.",
    ),
    "query that is not UTF-8": Difference(
        r"(multiValueQ|q)ueryStringParameters",
        lambda sent, ours, theirs: "\ufffd" in str(ours) and "%FF" in str(theirs),
        "API Gateway decodes the query; LocalStack does not decode bytes that are not UTF-8.",
    ),
    "repeated headers, the last": Difference(
        r"headers\..*",
        lambda sent, ours, theirs: (
            [v for _, v in sent.headers if v in (ours, theirs)] == [theirs, ours]
        ),
        "API Gateway keeps the last value; LocalStack the first.",
    ),
    "spelling of repeated headers": Difference(
        r"spelling\..*",
        lambda sent, ours, theirs: ours.lower() == theirs.lower() and ours in dict(sent.headers),
        "Both spellings were sent; not verified which one API Gateway uses. The function ignores "
        "the case of header names.",
    ),
    "utf-8 in headers": Difference(
        r"(headers|multiValueHeaders)\..*",
        lambda sent, ours, theirs: (
            json.dumps(ours, ensure_ascii=False).encode().decode("latin-1")
            == json.dumps(theirs, ensure_ascii=False)
        ),
        "API Gateway decodes UTF-8; WSGI decodes Latin-1, and LocalStack does not change that.",
    ),
    "forwarding": Difference(
        r"(headers|multiValueHeaders)\.x-forwarded-for",
        lambda sent, ours, theirs: "10.1.2.3, 127.0.0.1" in str(ours) and "10.1" not in str(theirs),
        "API Gateway appends the client's address to the chain sent; LocalStack starts a new one.",
    ),
    "forms that are encoded again": Difference(
        r"body",
        _has_same_parts,
        "The server of LocalStack parses forms and encodes them again, with text fields first and "
        "without escaping quotes in file names. API Gateway does not change bodies.",
    ),
    "a text body that is not UTF-8": Difference(
        r"body|isBase64Encoded",
        lambda sent, ours, theirs: (
            b"\xff" in (sent.body or b"") and "application/json" in str(sent.headers)
        ),
        "LocalStack encodes bodies that are not UTF-8 as base64, whatever their type. API Gateway "
        "decides by the type and replaces invalid bytes.",
    ),
    "a text body of a binary type": Difference(
        r"body|isBase64Encoded",
        lambda sent, ours, theirs: (
            "text/plain" in str(sent.headers)
            and theirs in (False, (sent.body or b"").decode(errors="replace"))
        ),
        "See above: LocalStack sends UTF-8 as text although the API lists the type as binary.",
    ),
    "unknown route": Difference(
        r"status",
        lambda sent, ours, theirs: (ours, theirs) in ((404, 403), (400, 403)),
        "LocalStack ignores the gateway responses of the definition, which turn 403 into 404. "
        "aiohttp refuses the unknown method FOO with 400.",
    ),
    "compressed bodies": Difference(
        r"status",
        lambda sent, ours, theirs: theirs == 500 and "Content-Encoding" in dict(sent.headers),
        "The server of LocalStack decompresses bodies and fails on this one. API Gateway passes bodies "
        "smaller than the minimum compression size as they are.",
    ),
    "double slash": Difference(
        r"status",
        lambda sent, ours, theirs: (ours, theirs) == (404, 200) and "//" in sent.target,
        "The router of LocalStack merges slashes. Not verified on API Gateway. Clients do not send "
        "these.",
    ),
    "two content types": Difference(
        r"status",
        lambda sent, ours, theirs: (ours, theirs) == (400, 200) and len(sent.headers) == 2,
        "aiohttp refuses contradictory headers. Not verified on API Gateway.",
    ),
    "methods in lower case": Difference(
        r"status",
        lambda sent, ours, theirs: (ours, theirs) == (400, 200) and sent.method == "post",
        "aiohttp accepts methods only in upper case; LocalStack in any case.",
    ),
    "preflight": Difference(
        r"status",
        lambda sent, ours, theirs: (ours, theirs) == (200, 204) and sent.method == "OPTIONS",
        "The deployed gateway responds to OPTIONS itself; locally the function does.",
    ),
}


@pytest.fixture(scope="module")
def echoing(cloud: LocalStack) -> Api:
    """The API as it is deployed, with a function that returns its event."""
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.write(Path(__file__).with_name("echo_handler.py"), "echo_handler.py")
    function = cloud.client("lambda").create_function(
        FunctionName="echo",
        Runtime="python3.13",
        Handler="echo_handler.echo",
        Role="arn:aws:iam::000000000000:role/none",
        Code={"ZipFile": code.getvalue()},
    )
    uri = f"arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions/{function['FunctionArn']}"
    definition = api_definition(
        CONTRACT,
        function_uris=dict.fromkeys(("recognition", "catalog"), f"{uri}/invocations"),
        cors_origins=["*"],
        access=Access(),
    )
    gateway = cloud.client("apigateway")
    api_id = gateway.import_rest_api(body=json.dumps(definition).encode())["id"]
    gateway.create_deployment(restApiId=api_id, stageName=STAGE)
    return Api(cloud.url, api_id)


@pytest.fixture(scope="module")
def events(echoing: Api) -> dict[str, tuple[RawResponse, RawResponse]]:
    """The responses of the local gateway and of LocalStack to every request."""
    handler = "tests.integration.echo_handler:echo"
    with running_server("--stage", STAGE, "--workers", "1", "--handler", handler) as local:
        return {
            name: (send(local, sent, echoing.host), echoing.send(sent))
            for name, sent in REQUESTS.items()
        }


@pytest.mark.parametrize("name", REQUESTS)
def test_the_event_equals_that_of_localstack(
    events: dict[str, tuple[RawResponse, RawResponse]], name: str
) -> None:
    assert unexplained(REQUESTS[name], differences(*events[name]), KNOWN_EVENTS) == {}


def test_every_known_difference_between_events_still_occurs(
    events: dict[str, tuple[RawResponse, RawResponse]],
) -> None:
    found = [(REQUESTS[name], differences(*both)) for name, both in events.items()]

    assert outdated(found, KNOWN_EVENTS) == set()
