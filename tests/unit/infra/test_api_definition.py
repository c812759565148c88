"""The document that API Gateway imports: routes of the contract, preflight and CORS."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from openapi_spec_validator import OpenAPIV30SpecValidator

from carlens.config import Config
from carlens.http import catalog_routes, image_routes
from carlens.services.catalog_app import CatalogApp
from carlens.services.recognition_app import RecognitionApp
from infra.api_definition import OPEN, Access, api_definition
from infra.settings import Authorizer
from tests.support import event

CONTRACT: dict[str, Any] = yaml.safe_load(
    (Path(__file__).parents[3] / "lambda_src" / "openapi.yaml").read_text("utf-8")
)
INTEGRATION = "x-amazon-apigateway-integration"
ANY = "x-amazon-apigateway-any-method"
URIS = {"recognition": "arn:recognition", "catalog": "arn:catalog"}
TWO_ORIGINS = ("https://a.example", "https://b.example")


# A path of the contract may also contain parameters and extensions.
METHODS = {"get", "put", "post", "delete", "options", "head", "patch", "trace"}
ROUTES = {"recognition": image_routes.ROUTES, "catalog": catalog_routes.ROUTES}


def respond(method: str, path: str, origins: tuple[str, ...]) -> dict[str, Any]:
    """Return the response of the function that handles the path."""
    given, config = event(method, path.replace("{table}", "europe")), Config(cors_origins=origins)
    if path in catalog_routes.ROUTES:
        return catalog_routes.respond(given, None, CatalogApp(config))
    return image_routes.respond(given, None, RecognitionApp(config))


def define(*, cors_origins: tuple[str, ...] = ("*",), **access: Any) -> dict[str, Any]:
    return api_definition(
        CONTRACT, function_uris=URIS, cors_origins=cors_origins, access=Access(**access)
    )


def literals(headers: dict[str, str], prefix: str) -> dict[str, str]:
    """Return the headers that a mapping sets to fixed text."""
    return {
        name.removeprefix(prefix): value[1:-1]
        for name, value in headers.items()
        if value.startswith("'") and value.endswith("'")
    }


def preflight(definition: dict[str, Any], path: str) -> dict[str, Any]:
    answer: dict[str, Any] = definition["paths"][path]["options"][INTEGRATION]["responses"]
    return dict(answer["default"])


def test_it_is_an_openapi_document() -> None:
    assert list(OpenAPIV30SpecValidator(define(api_key=True)).iter_errors()) == []


def test_it_contains_nothing_that_the_importer_refuses() -> None:
    text = json.dumps(define(api_key=True))

    assert "$ref" not in text
    for word in ("oneOf", "allOf", "anyOf", "nullable", "example", "requestBody"):
        assert f'"{word}"' not in text


def test_every_documented_method_goes_to_its_function() -> None:
    paths = define()["paths"]

    documented = {(p, m) for p, item in CONTRACT["paths"].items() for m in item if m in METHODS}
    for name, routes in ROUTES.items():
        for path, method in ((p, m.lower()) for p, methods in routes.items() for m in methods):
            assert paths[path][method][INTEGRATION]["uri"] == URIS[name]
            documented.remove((path, method))
    assert documented == set()


def test_every_method_is_forwarded_unchanged() -> None:
    paths = define()["paths"]

    documented = {(p, m) for p, item in CONTRACT["paths"].items() for m in item if m in METHODS}
    for path, method in documented:
        integration = paths[path][method][INTEGRATION]
        assert integration["type"] == "aws_proxy"
        assert integration["httpMethod"] == "POST"
        assert integration["timeoutInMillis"] == 29_000
        assert paths[path][method]["responses"].keys() == (
            CONTRACT["paths"][path][method]["responses"].keys()
        )


@pytest.mark.parametrize("path", CONTRACT["paths"])
def test_methods_without_a_route_reach_the_function_for_its_405(path: str) -> None:
    item = define()["paths"][path]

    assert item[ANY][INTEGRATION]["type"] == "aws_proxy"
    assert set(item) == {*METHODS & CONTRACT["paths"][path].keys(), "options", ANY}


def test_query_parameters_are_those_of_the_contract() -> None:
    parameters = define()["paths"]["/predict"]["post"]["parameters"]

    names = {parameter["name"] for parameter in parameters}
    assert names == {"confidence", "classes", "top_k", "max_objects", "slices", "format"}
    assert all(p["in"] == "query" and p["required"] is False for p in parameters)


def test_an_operation_may_declare_parameters() -> None:
    contract = copy.deepcopy(CONTRACT)
    contract["paths"]["/size"]["post"]["parameters"] = [
        {"name": "unit", "in": "query", "required": True, "schema": {"type": "string"}}
    ]

    definition = api_definition(
        contract, function_uris=URIS, cors_origins=("*",), access=Access(api_key=False)
    )

    (parameter,) = definition["paths"]["/size"]["post"]["parameters"]
    assert (parameter["name"], parameter["required"]) == ("unit", True)


# A small path of the catalog function, with parameters of the path, the item and a method.
TABLE: dict[str, Any] = {
    "x-carlens-function": "catalog",
    "summary": "A table.",
    "parameters": [
        {"name": "name", "in": "path", "required": True, "schema": {"type": "string"}},
        {"name": "make", "in": "query", "schema": {"type": "string"}},
    ],
    "get": {
        "operationId": "readTable",
        "parameters": [
            {"name": "make", "in": "query", "required": True, "schema": {"type": "string"}},
            {"name": "top_k", "in": "query", "schema": {"type": "integer"}},
        ],
        "responses": {"200": {"description": "Rows."}},
    },
    "post": {"operationId": "fillTable", "responses": {"200": {"description": "Rows."}}},
}


def with_table() -> dict[str, Any]:
    contract = {**CONTRACT, "paths": {**CONTRACT["paths"], "/tables/{name}/rows": TABLE}}
    return api_definition(
        contract, function_uris=URIS, cors_origins=TWO_ORIGINS, access=Access(api_key=True)
    )


def test_a_path_goes_to_the_function_that_it_names() -> None:
    paths = with_table()["paths"]

    table = paths["/tables/{name}/rows"]
    assert {table[m][INTEGRATION]["uri"] for m in ("get", "post", ANY)} == {"arn:catalog"}
    assert paths["/predict"]["post"][INTEGRATION]["uri"] == "arn:recognition"
    assert table["options"][INTEGRATION]["type"] == "mock"


def test_a_path_with_an_unknown_function_is_refused() -> None:
    contract = copy.deepcopy(CONTRACT)
    contract["paths"]["/size"]["x-carlens-function"] = "sizing"

    with pytest.raises(KeyError, match="sizing"):
        api_definition(
            contract, function_uris=URIS, cors_origins=("*",), access=Access(api_key=False)
        )


def test_path_parameters_are_declared_for_every_method() -> None:
    definition = with_table()

    table = definition["paths"]["/tables/{name}/rows"]
    declared = {
        method: {(p["in"], p["name"]): p["required"] for p in operation["parameters"]}
        for method, operation in table.items()
    }
    in_path = {("path", "name"): True}
    item = {**in_path, ("query", "make"): False}
    assert declared == {
        "get": {**in_path, ("query", "make"): True, ("query", "top_k"): False},
        "post": item,
        "options": in_path,
        ANY: in_path,
    }
    assert list(OpenAPIV30SpecValidator(definition).iter_errors()) == []


def test_our_own_extension_is_removed() -> None:
    assert "x-carlens" not in json.dumps(with_table())


def test_required_parameters_are_checked_by_the_gateway() -> None:
    definition = define()

    validator = definition["x-amazon-apigateway-request-validator"]
    validators = definition["x-amazon-apigateway-request-validators"]
    assert validators[validator]["validateRequestParameters"] is True


def test_pictures_are_binary_without_a_wildcard_that_breaks_preflight() -> None:
    types = define()["x-amazon-apigateway-binary-media-types"]

    assert types == CONTRACT["x-amazon-apigateway-binary-media-types"]
    assert "multipart/form-data" in types
    assert not [name for name in types if name.startswith("*") or "json" in name]


@pytest.mark.parametrize("origins", [("*",), ("https://a.example",), TWO_ORIGINS])
@pytest.mark.parametrize("path", CONTRACT["paths"])
def test_preflight_of_api_gateway_equals_that_of_the_function(
    path: str, origins: tuple[str, ...]
) -> None:
    # Given
    theirs = respond("OPTIONS", path, origins)

    # When
    answer = preflight(define(cors_origins=origins), path)

    # Then
    ours = literals(answer["responseParameters"], "method.response.header.")
    assert answer["statusCode"] == str(theirs["statusCode"])
    for name in ours.keys() - {"Access-Control-Allow-Headers"}:
        assert ours[name] == theirs["headers"][name]
    allowed = theirs["headers"]["Access-Control-Allow-Headers"].split(",")
    assert {"Content-Type", "X-Api-Key"} <= set(ours["Access-Control-Allow-Headers"].split(","))
    assert set(ours["Access-Control-Allow-Headers"].split(",")) <= set(allowed)
    expected = {name for name in theirs["headers"] if name.startswith("Access-Control-")}
    assert expected <= set(ours)


def test_preflight_declares_every_header_it_sends() -> None:
    options = define(cors_origins=TWO_ORIGINS)["paths"]["/predict"]["options"]

    sent = options[INTEGRATION]["responses"]["default"]["responseParameters"]
    declared = options["responses"]["204"]["headers"]
    assert {name.removeprefix("method.response.header.") for name in sent} == set(declared)


def test_preflight_knows_each_of_several_origins() -> None:
    several = preflight(define(cors_origins=TWO_ORIGINS), "/predict")
    one = preflight(define(cors_origins=TWO_ORIGINS[:1]), "/predict")

    template = several["responseTemplates"]["application/json"]
    for origin in TWO_ORIGINS:
        assert f'$origin == "{origin}"' in template
    assert "responseOverride.header.Access-Control-Allow-Origin" in template
    assert one["responseTemplates"]["application/json"] == ""


def test_every_error_of_api_gateway_has_cors_and_the_format_of_the_contract() -> None:
    responses = define()["x-amazon-apigateway-gateway-responses"]

    assert responses.keys() == CONTRACT["x-amazon-apigateway-gateway-responses"].keys()
    assert {"DEFAULT_4XX", "DEFAULT_5XX", "MISSING_AUTHENTICATION_TOKEN"} <= responses.keys()
    for response in responses.values():
        headers = literals(response["responseParameters"], "gatewayresponse.header.")
        assert headers["Access-Control-Allow-Origin"] == "*"
        error = json.loads(response["responseTemplates"]["application/json"])["error"]
        assert error.keys() == {"code", "message", "request_id"}
    assert responses["MISSING_AUTHENTICATION_TOKEN"]["statusCode"] == "404"


@pytest.mark.parametrize(
    ("origins", "value"),
    [
        (("https://a.example",), "'https://a.example'"),
        (TWO_ORIGINS, "method.request.header.Origin"),
    ],
)
def test_configured_origins_apply_to_errors_of_api_gateway(
    origins: tuple[str, ...], value: str
) -> None:
    responses = define(cors_origins=origins)["x-amazon-apigateway-gateway-responses"]

    for response in responses.values():
        name = "gatewayresponse.header.Access-Control-Allow-Origin"
        assert response["responseParameters"][name] == value


def test_the_contract_itself_is_not_changed() -> None:
    before = copy.deepcopy(CONTRACT)

    define(cors_origins=("https://only-here.example",), api_key=True)

    assert before == CONTRACT


def test_without_a_key_every_route_is_open() -> None:
    assert '"security"' not in json.dumps(define())


def test_with_a_key_only_pages_and_preflight_are_open() -> None:
    definition = define(api_key=True)

    (scheme,) = definition["components"]["securitySchemes"].values()
    assert scheme == {"type": "apiKey", "name": "x-api-key", "in": "header"}
    assert definition["x-amazon-apigateway-api-key-source"] == "HEADER"
    locked = {
        (path, method)
        for path, item in definition["paths"].items()
        for method, operation in item.items()
        if operation.get("security") == [{"api_key": []}]
    }
    assert locked == {
        (path, method)
        for path, item in CONTRACT["paths"].items()
        if path not in {"/", "/assets/{version}/{name}", "/health", "/openapi.json"}
        for method in [*METHODS & item.keys(), ANY]
    }
    assert set(CONTRACT["paths"]) > OPEN


POOL = "arn:aws:cognito-idp:eu-west-3:123456789012:userpool/eu-west-3_Ab1"


@pytest.mark.parametrize(
    ("access", "needed"),
    [
        (Access(authorizer="iam"), {"iam": []}),
        (Access(authorizer="cognito", user_pools=[POOL]), {"cognito": []}),
        (
            Access(authorizer="cognito", user_pools=[POOL], scopes=["cars/read"], api_key=True),
            {"api_key": [], "cognito": ["cars/read"]},
        ),
    ],
)
def test_an_authorizer_guards_all_routes_but_the_open_ones(
    access: Access, needed: dict[str, list[str]]
) -> None:
    definition = api_definition(CONTRACT, function_uris=URIS, cors_origins=("*",), access=access)

    for path, item in definition["paths"].items():
        for method, operation in item.items():
            guarded = path not in OPEN and method != "options"
            security = [{name: scopes} for name, scopes in needed.items()] if guarded else None
            assert operation.get("security") == security, (path, method)
    assert definition["components"]["securitySchemes"].keys() == needed.keys()
    assert list(OpenAPIV30SpecValidator(definition).iter_errors()) == []


def test_a_request_without_a_signature_is_a_401_where_signatures_are_required() -> None:
    # Unknown routes have the same type of response.
    types = define(authorizer="iam")["x-amazon-apigateway-gateway-responses"]

    unsigned, unknown = types["MISSING_AUTHENTICATION_TOKEN"], types["RESOURCE_NOT_FOUND"]
    error = json.loads(unsigned["responseTemplates"]["application/json"])["error"]
    assert (unsigned["statusCode"], error["code"]) == ("401", "unauthorized")
    assert error.keys() == {"code", "message", "request_id"}
    assert unknown["statusCode"] == "404"


@pytest.mark.parametrize(
    ("kind", "status", "code"),
    [
        ("UNAUTHORIZED", "401", "unauthorized"),
        ("INVALID_SIGNATURE", "401", "unauthorized"),
        ("EXPIRED_TOKEN", "401", "unauthorized"),
        ("ACCESS_DENIED", "403", "forbidden"),
    ],
)
def test_who_may_not_call_is_told_in_the_format_of_the_contract(
    kind: str, status: str, code: str
) -> None:
    response = define()["x-amazon-apigateway-gateway-responses"][kind]

    error = json.loads(response["responseTemplates"]["application/json"])["error"]
    assert (response["statusCode"], error["code"]) == (status, code)


@pytest.mark.parametrize("authorizer", ["none", "iam", "cognito"])
def test_pages_may_send_tokens_and_where_required_signatures(authorizer: Authorizer) -> None:
    definition = define(authorizer=authorizer)

    answers = [
        preflight(definition, "/predict"),
        *definition["x-amazon-apigateway-gateway-responses"].values(),
    ]
    for answer in answers:
        (allowed,) = (
            set(value.strip("'").split(","))
            for name, value in answer["responseParameters"].items()
            if name.endswith(".Access-Control-Allow-Headers")
        )
        assert {"Authorization", "X-Api-Key", "Content-Type"} <= allowed
        assert ({"X-Amz-Date", "X-Amz-Security-Token"} <= allowed) == (authorizer == "iam")


def test_authorizers_are_written_as_api_gateway_imports_them() -> None:
    pools = Access(authorizer="cognito", user_pools=[POOL]).schemes()["cognito"]
    assert (pools["name"], pools["in"]) == ("Authorization", "header")
    assert pools["x-amazon-apigateway-authorizer"] == {
        "type": "cognito_user_pools",
        "providerARNs": [POOL],
    }
    assert Access(authorizer="iam").schemes()["iam"]["x-amazon-apigateway-authtype"] == "awsSigv4"
