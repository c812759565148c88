"""The contract is valid, complete and consistent, and API Gateway can import it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from openapi_schema_validator import OAS30Validator
from openapi_spec_validator import OpenAPIV30SpecValidator

from carlens import errors
from carlens.catalog import headings, normalize
from carlens.config import Config
from carlens.http import catalog_bodies, catalog_routes, image_routes, uploads
from carlens.http.cors import SECURITY_HEADERS
from carlens.http.statuses import status_of
from tests.fakes import FakeApp
from tests.support import event, multipart_event

CONTRACT: dict[str, Any] = yaml.safe_load(
    (Path(__file__).parents[3] / "lambda_src" / "openapi.yaml").read_text("utf-8")
)
OPERATIONS: dict[str, dict[str, Any]] = {
    f"{method.upper()} {path}": operation
    for path, item in CONTRACT["paths"].items()
    for method, operation in item.items()
    if not method.startswith("x-")
}
SCHEMAS: dict[str, Any] = CONTRACT["components"]["schemas"]
GATEWAY: dict[str, Any] = CONTRACT["x-amazon-apigateway-gateway-responses"]

READ = {"200", "403", "404", "405", "429", "500", "503", "504"}
GUARDED = READ | {"401"}
SEND = GUARDED | {"400", "413", "415"}
STATUSES = {
    "POST /predict": SEND,
    "POST /object_detection": SEND,
    "POST /anonymize": SEND,
    "POST /shape": SEND,
    "POST /size": SEND,
    "POST /uploads": SEND,
    "GET /norm": GUARDED,
    "GET /norm/{table}": GUARDED | {"400"},
    "POST /norm/{table}": SEND,
    "GET /clean": GUARDED | {"400"},
    "GET /health": READ,
    "GET /models": GUARDED,
    "GET /openapi.json": READ,
    "GET /": READ,
    "GET /assets/{version}/{name}": READ,
}

# https://docs.aws.amazon.com/apigateway/latest/developerguide/supported-gateway-response-types.html
GATEWAY_TYPES = {
    "ACCESS_DENIED",
    "API_CONFIGURATION_ERROR",
    "AUTHORIZER_CONFIGURATION_ERROR",
    "AUTHORIZER_FAILURE",
    "BAD_REQUEST_BODY",
    "BAD_REQUEST_PARAMETERS",
    "DEFAULT_4XX",
    "DEFAULT_5XX",
    "EXPIRED_TOKEN",
    "INTEGRATION_FAILURE",
    "INTEGRATION_TIMEOUT",
    "INVALID_API_KEY",
    "INVALID_SIGNATURE",
    "MISSING_AUTHENTICATION_TOKEN",
    "QUOTA_EXCEEDED",
    "REQUEST_TOO_LARGE",
    "RESOURCE_NOT_FOUND",
    "THROTTLED",
    "UNAUTHORIZED",
    "UNSUPPORTED_MEDIA_TYPE",
    "WAF_FILTERED",
}


def resolve(node: Any) -> Any:
    """Resolve the `$ref` of a node, if it has one."""
    while "$ref" in node:
        target: Any = CONTRACT
        for step in node["$ref"].removeprefix("#/").split("/"):
            target = target[step]
        node = target
    return node


def violations(instance: object, schema: dict[str, Any]) -> list[str]:
    """List where `instance` violates `schema`, by the rules of OpenAPI 3.0."""
    # A `$ref` is resolved from the root, so the schema is placed next to the components.
    root = {"components": CONTRACT["components"], "allOf": [schema]}
    return [f"{e.json_path}: {e.message}" for e in OAS30Validator(root).iter_errors(instance)]


def ref(schema: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{schema}"}


def nodes(node: Any, where: str = "#") -> Iterator[tuple[str, dict[str, Any]]]:
    """Walk every mapping below `node`, with its path."""
    if isinstance(node, dict):
        yield where, node
        for key, value in node.items():
            yield from nodes(value, f"{where}/{key}")
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from nodes(value, f"{where}/{index}")


def schema_nodes() -> Iterator[tuple[str, dict[str, Any]]]:
    """Walk every schema of the contract."""
    for where, node in nodes(CONTRACT):
        if "/schema" in where and not where.endswith(("/properties", "/schemas")):
            yield where, node


def examples() -> Iterator[tuple[str, object, dict[str, Any]]]:
    """Find each example of the contract with its schema."""
    for where, node in nodes(CONTRACT):
        if "schema" in node and "example" in node:
            yield where, node["example"], node["schema"]
        if "schema" in node and "examples" in node:
            for name, example in node["examples"].items():
                yield f"{where}/{name}", resolve(example)["value"], node["schema"]


def subclasses(kind: type[errors.CarlensError]) -> Iterator[type[errors.CarlensError]]:
    """Return an error class and all its subclasses."""
    yield kind
    for derived in kind.__subclasses__():
        yield from subclasses(derived)


ERRORS = [e for e in subclasses(errors.CarlensError) if e.__module__.startswith("carlens.")]
PICTURE_ERRORS = [e for e in ERRORS if issubclass(e, errors.PictureError)]
REQUEST_ERRORS = [e for e in ERRORS if e not in PICTURE_ERRORS]


def test_it_is_valid_openapi_3_0() -> None:
    assert CONTRACT["openapi"].startswith("3.0.")
    assert [error.message for error in OpenAPIV30SpecValidator(CONTRACT).iter_errors()] == []


def test_it_has_exactly_the_routes_of_the_service() -> None:
    assert OPERATIONS.keys() == STATUSES.keys()


@pytest.mark.parametrize(
    ("function", "served"),
    [("recognition", image_routes.ROUTES), ("catalog", catalog_routes.ROUTES)],
)
def test_each_function_serves_the_routes_assigned_to_it(
    function: str, served: Mapping[str, Mapping[str, object]]
) -> None:
    # Then paths and methods are the same in the contract and in the code
    leading = {
        path: {method.upper() for method in item if not method.startswith("x-")}
        for path, item in CONTRACT["paths"].items()
        if item.get("x-carlens-function", "recognition") == function
    }
    assert leading == {path: set(methods) for path, methods in served.items()}


def test_path_parameters_are_declared() -> None:
    for name, operation in OPERATIONS.items():
        parameters = [resolve(parameter) for parameter in operation.get("parameters", [])]
        in_path = {p["name"] for p in parameters if p["in"] == "path" and p["required"]}
        assert in_path == set(re.findall(r"\{(\w+)\}", name)), name


def test_operation_ids_are_unique() -> None:
    ids = [operation["operationId"] for operation in OPERATIONS.values()]

    assert len(set(ids)) == len(ids)
    assert all(operation["summary"] for operation in OPERATIONS.values())


@pytest.mark.parametrize("name", STATUSES)
def test_an_operation_documents_its_errors(name: str) -> None:
    responses = OPERATIONS[name]["responses"]

    assert responses.keys() == STATUSES[name]
    for status, response in responses.items():
        if status != "200" and (name, status) != ("GET /health", "503"):
            content = resolve(response)["content"]
            # Where the response may be a photo, errors of photos are among those of requests.
            of_photos = name == "POST /anonymize" and status in {"400", "413", "415", "504"}
            kind = "RedactionError" if of_photos else "Error"
            assert content["application/json"]["schema"] == ref(kind), status


@pytest.mark.parametrize("name", STATUSES)
def test_every_response_declares_its_id_and_cors_headers(name: str) -> None:
    for status, response in OPERATIONS[name]["responses"].items():
        headers = resolve(response)["headers"]
        assert {"X-Request-Id", "Access-Control-Allow-Origin"} <= headers.keys(), status
        assert ("Allow" in headers) == (status == "405")


def test_the_documented_request_errors_are_those_that_occur() -> None:
    # Given the errors of the functions and of the gateway
    raised = {error.code for error in REQUEST_ERRORS}
    answered = {
        json.loads(response["responseTemplates"]["application/json"])["error"]["code"]
        for response in GATEWAY.values()
    }

    # Then the contract lists exactly these
    documented = SCHEMAS["Error"]["properties"]["error"]["properties"]["code"]["enum"]
    assert set(documented) == raised | answered


def test_the_documented_picture_errors_are_those_that_occur() -> None:
    raised = {error.code for error in PICTURE_ERRORS if error is not errors.PictureError}

    assert set(SCHEMAS["EntryError"]["properties"]["code"]["enum"]) == raised


def test_the_description_explains_every_code() -> None:
    text = CONTRACT["info"]["description"]

    for error in REQUEST_ERRORS:
        assert f"| {status_of(error)} | `{error.code}` |" in text
    for schema in (SCHEMAS["Error"]["properties"]["error"], SCHEMAS["EntryError"]):
        for code in schema["properties"]["code"]["enum"]:
            assert f"| `{code}` |" in text


def test_the_description_has_the_limits_of_the_code() -> None:
    text, config = " ".join(CONTRACT["info"]["description"].split()), Config()

    assert f"{config.max_pictures} photos in a request" in text
    assert f"{config.max_bytes // 2**20} MB, {config.max_pixels // 10**6} million pixels" in text
    assert f"{config.max_side:,} pixels a side" in text
    assert f"{catalog_bodies.MAX_ROWS:,} rows of makes and models in a request" in text
    assert f"{normalize.MAX_CHARS} characters each" in text
    assert f"{catalog_routes.MAX_ANSWERS:,} answers: rows times `top_k`" in text


def test_the_description_lists_the_headings_that_are_recognized() -> None:
    said = re.findall(r"`(\w+)`", CONTRACT["info"]["description"])
    words = {word for name in said for word in normalize.tokenize(name)}

    known = headings.MAKE_HEADINGS | headings.MODEL_HEADINGS
    assert words >= known | headings.VEHICLE_HEADINGS | headings.NAME_HEADINGS


def test_length_limits_are_those_of_the_code() -> None:
    for name in ("NameList", "PairList"):
        assert SCHEMAS[name]["maxItems"] == catalog_bodies.MAX_ROWS
    order = SCHEMAS["UploadOrder"]["properties"]
    assert order["count"]["maximum"] == uploads.MAX_COUNT
    assert order["content_type"]["enum"] == [*uploads.CONTENT_TYPES, None]
    for name in ("Make", "Model", "Marque", "Modele"):
        schema = CONTRACT["components"]["parameters"][name]["schema"]
        assert schema["maxLength"] == normalize.MAX_CHARS


@pytest.mark.parametrize("name", CONTRACT["components"]["parameters"])
def test_a_parameter_documents_its_range_and_default(name: str) -> None:
    parameter = CONTRACT["components"]["parameters"][name]
    text, schema = " ".join(parameter["description"].split()), parameter["schema"]

    assert "Default:" in text
    if "minimum" in schema:
        assert f": {schema['minimum']} to {schema['maximum']}." in text
    assert all(f"`{choice}`" in text for choice in schema.get("enum", []))
    if "default" in schema:
        assert str(schema["default"]) in text.partition("Default:")[2]


def test_binary_bodies_are_binary_media_types() -> None:
    # Given the content types that need not be UTF-8
    bodies = CONTRACT["components"]["requestBodies"].values()
    sent = {kind for body in bodies for kind in body["content"]} - {"application/json"}

    # Then each is listed by name, because the wildcard */* breaks preflight; image/* is none there,
    # but what clients write in Accept
    binary = CONTRACT["x-amazon-apigateway-binary-media-types"]
    assert sent <= set(binary)
    assert all(kind.startswith("image/") for kind in set(binary) - sent)
    assert len(set(binary)) == len(binary)
    assert [kind for kind in binary if "*" in kind] == ["image/*"]


def test_every_post_declares_its_request_body() -> None:
    for name, operation in OPERATIONS.items():
        kind = {"POST /uploads": "Uploads", "POST /norm/{table}": "Rows"}.get(name, "Pictures")
        body = {"$ref": f"#/components/requestBodies/{kind}"}
        assert operation.get("requestBody") == (body if name.startswith("POST") else None)


@pytest.mark.parametrize("kind", GATEWAY)
def test_gateway_responses_match_the_contract(kind: str) -> None:
    # Given a response that the gateway makes itself
    response = GATEWAY[kind]
    template = response["responseTemplates"]["application/json"]

    # When it fills in the request id
    body = template.replace("$context.requestId", "6f1c9d1e")

    # Then it is an error like any other, and browsers may read it
    assert kind in GATEWAY_TYPES
    assert "$" not in body
    answer = json.loads(body)
    assert violations(answer, ref("Error")) == []
    assert answer["error"]["request_id"] == "6f1c9d1e"
    headers = {
        name.removeprefix("gatewayresponse.header."): value
        for name, value in response["responseParameters"].items()
    }
    assert headers["Access-Control-Allow-Origin"] == "'*'"
    assert headers["Access-Control-Expose-Headers"] == "'Retry-After,X-Request-Id'"
    assert headers["X-Request-Id"] == "context.requestId"
    assert {name: headers[name] for name in SECURITY_HEADERS} == {
        name: f"'{value}'" for name, value in SECURITY_HEADERS.items()
    }


@pytest.mark.parametrize("kind", GATEWAY)
def test_gateway_statuses_are_documented(kind: str) -> None:
    status = GATEWAY[kind].get("statusCode")

    # A status on a default response would apply to every other type.
    assert (status is None) == kind.startswith("DEFAULT_")
    if status is not None:
        code = json.loads(GATEWAY[kind]["responseTemplates"]["application/json"])["error"]["code"]
        assert f"| {status} | `{code}` |" in CONTRACT["info"]["description"]


@pytest.mark.parametrize(
    ("kind", "status", "code"),
    [
        ("MISSING_AUTHENTICATION_TOKEN", "404", "not_found"),
        ("REQUEST_TOO_LARGE", "413", "payload_too_large"),
        ("THROTTLED", "429", "throttled"),
        ("INTEGRATION_FAILURE", "503", "unavailable"),
        ("API_CONFIGURATION_ERROR", "500", "internal_error"),
        ("INTEGRATION_TIMEOUT", "504", "timeout"),
    ],
)
def test_gateway_responses_have_the_right_status_and_code(
    kind: str, status: str, code: str
) -> None:
    response = GATEWAY[kind]

    assert response["statusCode"] == status
    assert f'"code": "{code}"' in response["responseTemplates"]["application/json"]


def test_a_client_that_lambda_throttles_is_told_when_to_try_again() -> None:
    headers = GATEWAY["INTEGRATION_FAILURE"]["responseParameters"]

    assert headers["gatewayresponse.header.Retry-After"] == "'2'"


@pytest.mark.parametrize(
    ("example", "schema"), [pytest.param(e, s, id=where) for where, e, s in examples()]
)
def test_an_example_matches_its_schema(example: object, schema: dict[str, Any]) -> None:
    assert violations(example, schema) == []


PICTURES = ["POST /predict", "POST /object_detection", "POST /shape", "POST /size"]


@pytest.mark.parametrize("name", PICTURES)
def test_both_forms_of_a_response_have_an_example(name: str) -> None:
    content = OPERATIONS[name]["responses"]["200"]["content"]["application/json"]

    assert content["examples"].keys() == {"list", "detailed"}
    assert isinstance(resolve(content["examples"]["list"])["value"], list)
    assert isinstance(resolve(content["examples"]["detailed"])["value"], dict)


BOX = {
    "x1": 0,
    "y1": 0,
    "x2": 9,
    "y2": 9,
    "class_name": "car",
    "confidence": 0.9,
    "label": "car: 0.90",
}


UNNAMED = BOX | {"display": "car", "certain": False, "pred": [], "prob": []}


MATCH = {"make": "VW", "model": "Golf", "score_make": 100, "score_model": 100, "score": 100}


def test_the_valid_messages_match_their_schemas() -> None:
    assert violations([[BOX]], ref("Detection")) == []
    assert violations([[UNNAMED]], ref("Prediction")) == []
    assert violations(MATCH, ref("AnyMatch")) == []
    assert violations([{"make": "vw"}, {"make": None, "model": 208}], ref("RowList")) == []
    assert violations([["vw", None], ["Peugeot", 208], ["saab", 9.3]], ref("RowList")) == []
    failed = {"error": {"code": "invalid_row", "message": "[1] must be …"}}
    assert violations([MATCH, MATCH | failed], ref("MatchList")) == []


@pytest.mark.parametrize(
    ("schema", "wrong"),
    [
        ("Error", {"error": {"code": "not_found", "message": "No."}}),
        ("Error", {"error": {"code": "oops", "message": "No.", "request_id": "1"}}),
        ("PictureForm", {}),
        ("PictureList", {"images": []}),
        ("PictureList", {"images": [{"url": "https://example.com", "data": "aGk="}]}),
        ("PictureList", {"images": [{"name": "a.png"}]}),
        ("Detection", [BOX]),
        ("Detection", [None]),
        ("Detection", [[BOX | {"x1": 0.5}]]),
        ("Detection", [[BOX | {"confidence": 1.1}]]),
        ("Detection", {"images": []}),
        ("Prediction", [[BOX]]),
        ("Prediction", [[BOX | {"pred": [], "prob": []}]]),
        ("Prediction", [[UNNAMED | {"pred": None, "prob": None}]]),
        ("Prediction", [[UNNAMED | {"display": None}]]),
        ("Prediction", [[UNNAMED | {"certain": None}]]),
        ("Shapes", [None]),
        ("Shapes", [[853, 1280, 3, 1]]),
        ("Sizes", [[]]),
        ("RowList", []),
        ("RowList", [{}]),
        ("RowList", [{"make": "vw", "model": True}]),
        ("RowList", [{"make": ["vw"]}]),
        ("RowList", [["vw", "golf", "5p"]]),
        ("RowList", {"make": "vw", "model": "golf"}),
        ("AnyName", {"make": "VW", "modele": "GOLF"}),
        ("AnyMatch", {"make": "VW", "model": "Golf", "score": 100}),
        ("AnyMatch", MATCH | {"score": 101}),
        ("AnyMatch", MATCH | {"alternatives": [{"make": "VW", "model": "Polo"}]}),
        ("MatchList", MATCH),
        ("MatchList", [MATCH | {"error": "wrong"}]),
        ("Health", {"status": "fine", "version": "0.1.0", "models": {}}),
    ],
)
def test_an_invalid_message_violates_its_schema(schema: str, wrong: object) -> None:
    assert violations(wrong, ref(schema)) != []


def test_error_examples_match_the_code() -> None:
    # Given requests that fail as in the examples
    carlens = FakeApp()
    path = "/predict"
    events = {
        "BadRequest": event("POST", path, body=b"a", query={"confidence": "2"}),
        "NotFound": event("GET", "/nowhere"),
        "MethodNotAllowed": event("PUT", path),
        "TooLarge": multipart_event(path, [("url", "https://example.com")] * 33),
        "UnsupportedMediaType": event("POST", path, body=b"a", content_type="text/html"),
    }

    for name, given in events.items():
        # When each is answered
        _, answer = carlens.send(given)

        # Then it has the code and the message of the example
        example = CONTRACT["components"]["responses"][name]["content"]["application/json"]
        del answer["error"]["request_id"]
        assert answer["error"].items() <= example["example"]["error"].items()


def test_the_example_of_a_failed_picture_matches_the_code() -> None:
    given = multipart_event("/object_detection", [("image", ("notes.txt", b"notes", "text/plain"))])
    given["queryStringParameters"] = {"format": "detailed"}

    _, answer = FakeApp().send(given)

    example = CONTRACT["components"]["examples"]["DetectionDetailed"]["value"]
    assert answer["images"][0]["error"] == example["images"][1]["error"]


def test_schemas_can_become_api_gateway_models() -> None:
    # https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-known-issues.html
    unknown = {"additionalProperties", "anyOf", "discriminator", "exclusiveMinimum", "readOnly"}

    assert all(name.isalnum() for name in SCHEMAS)
    for where, node in schema_nodes():
        assert not unknown & node.keys(), where
        assert "format" not in node or node["format"] == "binary", where


def test_nullable_and_ref_are_where_openapi_3_0_reads_them() -> None:
    for where, node in schema_nodes():
        assert "nullable" not in node or "type" in node, f"{where}: ignored without a type"
        assert "$ref" not in node or node.keys() == {"$ref"}, f"{where}: ignored next to $ref"


def test_every_component_is_used() -> None:
    used = {node["$ref"] for _, node in nodes(CONTRACT) if "$ref" in node}

    defined = {
        f"#/components/{kind}/{name}"
        for kind, components in CONTRACT["components"].items()
        for name in components
    }
    assert used == defined
