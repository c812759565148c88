"""The contract keeps what the last released one promised, and a break is always found."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
import yaml

from tools.changelog import ROOT, breaking_bullets, read_entries
from tools.contract import Change, breaking_changes

Document = dict[str, Any]
Mutation = Callable[[Document], object]


def read(path: str) -> Document:
    # Through JSON, so that what YAML anchors share is copied and can be changed in one place.
    document: Document = json.loads(
        json.dumps(yaml.safe_load((ROOT / path).read_text(encoding="utf-8")))
    )
    return document


def version_of(path: str) -> list[int]:
    return [int(part) for part in path.rpartition("-")[2].removesuffix(".yaml").split(".")]


RELEASED_PATH = max(
    (str(path.relative_to(ROOT)) for path in (ROOT / "docs/contract").glob("openapi-*.yaml")),
    key=version_of,
)
RELEASED = read(RELEASED_PATH)


def mutated(mutate: Mutation) -> Document:
    document: Document = json.loads(json.dumps(RELEASED))
    mutate(document)
    return document


def operation(document: Document, name: str) -> Document:
    method, path = name.split()
    found: Document = document["paths"][path][method.lower()]
    return found


def schema(document: Document, name: str) -> Document:
    found: Document = document["components"]["schemas"][name]
    return found


def parameter(document: Document, name: str) -> Document:
    found: Document = document["components"]["parameters"][name]
    return found


def test_every_break_since_the_last_release_is_in_the_changelog() -> None:
    # Given the contract of today, and what the changelog says of versions after the released one
    today = read("lambda_src/openapi.yaml")
    entries = read_entries((ROOT / "CHANGELOG.md").read_text(encoding="utf-8"))
    released = RELEASED["info"]["version"]
    newer = list(entries)[: list(entries).index(released)]
    announced = [bullet for version in newer for bullet in breaking_bullets(entries[version])]

    # Then each break is announced under "### Breaking"
    silent = [
        change for change in breaking_changes(RELEASED, today) if not change.announced_in(announced)
    ]
    assert not silent, "\n".join(["Add to CHANGELOG.md under ### Breaking:", *map(str, silent)])


def test_a_released_contract_names_its_version() -> None:
    assert version_of(RELEASED_PATH) == [int(n) for n in RELEASED["info"]["version"].split(".")]


def test_a_contract_is_compatible_with_itself() -> None:
    assert breaking_changes(RELEASED, mutated(lambda document: None)) == []


BREAKING: dict[str, tuple[Mutation, str]] = {
    "route": (
        lambda d: d["paths"].pop("/clean"),
        "`GET /clean`: `GET /clean` was removed",
    ),
    "method": (
        lambda d: d["paths"]["/norm/{table}"].pop("post"),
        "`POST /norm/{table}`: `POST /norm/{table}` was removed",
    ),
    "operation id": (
        lambda d: operation(d, "GET /clean").update(operationId="tidy"),
        "`GET /clean`: `operationId` changed",
    ),
    "parameter": (
        lambda d: operation(d, "POST /predict")["parameters"].pop(2),
        "`POST /predict`: `top_k` was removed",
    ),
    "new required parameter": (
        lambda d: operation(d, "POST /size")["parameters"].append(
            {"name": "unit", "in": "query", "required": True, "schema": {"type": "string"}}
        ),
        "`POST /size`: `unit` was added as required",
    ),
    "parameter made required": (
        lambda d: parameter(d, "Format").update(required=True),
        "`POST /shape`: `format` became required",
    ),
    "parameter's style": (
        lambda d: parameter(d, "Classes").update(explode=True),
        "`POST /predict`: `classes` changed its explode",
    ),
    "parameter's default": (
        lambda d: parameter(d, "MaxObjects")["schema"].update(default=50),
        "`POST /predict`: `max_objects` changed its default from 100 to 50",
    ),
    "parameter's maximum": (
        lambda d: parameter(d, "TopK")["schema"].update(maximum=10),
        "`POST /predict`: `top_k` changed its maximum from 20 to 10",
    ),
    "parameter's minimum": (
        lambda d: parameter(d, "Confidence")["schema"].update(minimum=0.1),
        "`POST /object_detection`: `confidence` changed its minimum from 0 to 0.1",
    ),
    "parameter's new limit": (
        lambda d: parameter(d, "Slices")["schema"].update(multipleOf=1, maxLength=1),
        "`POST /predict`: `slices` changed its maxLength from None to 1",
    ),
    "parameter's values": (
        lambda d: parameter(d, "Format")["schema"].update(enum=["list"]),
        "`POST /predict`: `format` lost the values ['detailed']",
    ),
    "parameter's first list of values": (
        lambda d: parameter(d, "Make")["schema"].update(enum=["vw"]),
        "`GET /clean`: `make` was limited to a list of values",
    ),
    "parameter's type": (
        lambda d: parameter(d, "Confidence")["schema"].update(type="integer"),
        "`POST /predict`: `confidence` changed its type from number to integer",
    ),
    "parameter's pattern": (
        lambda d: parameter(d, "Table")["schema"].update(pattern="^[a-z]+$"),
        "`GET /norm/{table}`: `table` changed its pattern from ^[A-Za-z0-9_-]{1,64}$ to ^[a-z]+$",
    ),
    "items of a parameter": (
        lambda d: parameter(d, "Classes")["schema"]["items"].update(minLength=3),
        "`POST /predict`: `classes` changed its minLength from 1 to 3",
    ),
    "body": (
        lambda d: operation(d, "POST /size").pop("requestBody"),
        "`POST /size`: `requestBody` was removed",
    ),
    "new required body": (
        lambda d: operation(d, "GET /clean").update(
            requestBody={"$ref": "#/components/requestBodies/Rows"}
        ),
        "`GET /clean`: `requestBody` became required",
    ),
    "type of body": (
        lambda d: d["components"]["requestBodies"]["Rows"]["content"].pop("text/plain"),
        "`POST /norm/{table}`: `text/plain` was removed from the request",
    ),
    "request field": (
        lambda d: schema(d, "PictureForm")["properties"].pop("url"),
        "`POST /predict`: `url` was removed from the request",
    ),
    "request field made required": (
        lambda d: schema(d, "WrittenName").update(required=["make"]),
        "`POST /norm/{table}`: `make` became required",
    ),
    "request field's null": (
        lambda d: schema(d, "PictureByData")["properties"]["name"].pop("nullable"),
        "`POST /predict`: `name` no longer takes null",
    ),
    "request list's length": (
        lambda d: schema(d, "PairList").update(maxItems=100),
        "`POST /norm/{table}`: `application/json` changed its maxItems from 10000 to 100",
    ),
    "form of the request": (
        lambda d: schema(d, "PictureList")["properties"]["images"]["items"]["oneOf"].pop(0),
        "`POST /shape`: `images` lost the form PictureByUrl",
    ),
    "closed request object": (
        lambda d: schema(d, "RowForm").update(additionalProperties=False),
        "`POST /norm/{table}`: `multipart/form-data` changed its additionalProperties",
    ),
    "status": (
        lambda d: operation(d, "GET /models")["responses"].pop("503"),
        "`GET /models`: `503` was removed",
    ),
    "response header": (
        lambda d: d["components"]["responses"]["MethodNotAllowed"]["headers"].pop("Allow"),
        "`GET /health`: `Allow` was removed",
    ),
    "response header made optional": (
        lambda d: d["components"]["headers"]["RequestId"].update(required=False),
        "`GET /health`: `X-Request-Id` became optional",
    ),
    "type of response": (
        lambda d: operation(d, "POST /norm/{table}")["responses"]["200"]["content"].pop("text/csv"),
        "`POST /norm/{table}`: `text/csv` was removed from the response",
    ),
    "response field": (
        lambda d: schema(d, "FoundObject")["properties"].pop("label"),
        "`POST /object_detection`: `label` was removed from the response",
    ),
    "response field below allOf": (
        lambda d: schema(d, "NamedObject")["allOf"][1]["properties"].pop("prob"),
        "`POST /predict`: `prob` was removed from the response",
    ),
    "response field made optional": (
        lambda d: schema(d, "Entry")["required"].remove("index"),
        "`POST /size`: `index` became optional",
    ),
    "response field's type": (
        lambda d: schema(d, "Scored")["properties"]["score"].update(type="number"),
        "`GET /norm/{table}`: `score` changed its type from integer to number",
    ),
    "response field's null": (
        lambda d: schema(d, "ModelName")["properties"]["version"].update(nullable=True),
        "`GET /models`: `version` may be null",
    ),
    "response field's range": (
        lambda d: schema(d, "FoundObject")["properties"]["confidence"].update(maximum=100),
        "`POST /predict`: `confidence` changed its maximum from 1 to 100",
    ),
    "response list's length": (
        lambda d: schema(d, "NamedObject")["allOf"][1]["properties"]["pred"].pop("minItems"),
        "`POST /predict`: `pred` changed its minItems from 1 to None",
    ),
    "response field's values": (
        lambda d: schema(d, "EntryError")["properties"]["code"]["enum"].remove("url_failed"),
        "`POST /predict`: `code` lost the values ['url_failed']",
    ),
    "items of a response": (
        lambda d: schema(d, "SizeList")["items"].update(type="string"),
        "`POST /size`: `application/json` changed its type from integer to string",
    ),
    "form of the response": (
        lambda d: schema(d, "Prediction")["oneOf"].pop(0),
        "`POST /predict`: `application/json` lost the form PredictionList",
    ),
    "one form of three": (
        lambda d: schema(d, "Shapes")["oneOf"].__setitem__(
            0, {"$ref": "#/components/schemas/Tables"}
        ),
        "`POST /shape`: `application/json` lost the form ShapeList",
    ),
    "new form of the response": (
        lambda d: schema(d, "Sizes")["oneOf"].append({"$ref": "#/components/schemas/Tables"}),
        "`POST /size`: `application/json` gained the form Tables",
    ),
}


@pytest.mark.parametrize("name", BREAKING)
def test_a_break_is_found(name: str) -> None:
    mutate, expected = BREAKING[name]

    assert expected in list(map(str, breaking_changes(RELEASED, mutated(mutate))))


COMPATIBLE: dict[str, Mutation] = {
    "new route": lambda d: d["paths"].update(
        {"/anonymize": {"post": operation(d, "POST /predict")}}
    ),
    "new method": lambda d: d["paths"]["/clean"].update(post=operation(d, "POST /predict")),
    "new optional parameter": lambda d: operation(d, "POST /size")["parameters"].append(
        {"name": "unit", "in": "query", "schema": {"type": "string"}}
    ),
    "parameter no longer required": lambda d: parameter(d, "Table").update(required=False),
    "wider parameter": lambda d: parameter(d, "Slices")["schema"].update(maximum=4),
    "parameter without a limit": lambda d: parameter(d, "Make")["schema"].pop("maxLength"),
    "parameter of a wider type": lambda d: parameter(d, "TopK")["schema"].update(type="number"),
    "new value of a parameter": lambda d: parameter(d, "Format")["schema"]["enum"].append("xml"),
    "parameter of two kinds": lambda d: parameter(d, "Slices").update(
        schema={"oneOf": [parameter(d, "Slices")["schema"], {"type": "string", "enum": ["auto"]}]}
    ),
    "new type of body": lambda d: d["components"]["requestBodies"]["Rows"]["content"].update(
        {"application/x-ndjson": {"schema": {"$ref": "#/components/schemas/CsvFile"}}}
    ),
    "new field of a request": lambda d: schema(d, "PictureForm")["properties"].update(
        key={"type": "string"}
    ),
    "new form of a request": lambda d: schema(d, "PictureList")["properties"]["images"]["items"][
        "oneOf"
    ].append({"type": "object", "required": ["key"], "properties": {"key": {"type": "string"}}}),
    "new field of a response": lambda d: schema(d, "FoundObject")["properties"].update(
        display={"type": "string"}
    ),
    "field of a response always there": lambda d: schema(d, "Match")["required"].append(
        "alternatives"
    ),
    "new code of an error": lambda d: schema(d, "EntryError")["properties"]["code"]["enum"].append(
        "key_refused"
    ),
    "narrower response": lambda d: schema(d, "Scored")["properties"]["score"].update(minimum=1),
    "response of a narrower type": lambda d: schema(d, "RecognitionTiming")["properties"][
        "total"
    ].update(type="integer"),
    "new status": lambda d: operation(d, "GET /clean")["responses"].update(
        {"503": {"$ref": "#/components/responses/TableUnavailable"}}
    ),
    "moved schema": lambda d: d["components"]["schemas"].update(
        Found=schema(d, "FoundObject"), FoundObject={"$ref": "#/components/schemas/Found"}
    ),
    "other words": lambda d: d["info"].update(description="Shorter.", version="0.2.0"),
}


@pytest.mark.parametrize("name", COMPATIBLE)
def test_compatible_changes_pass(name: str) -> None:
    assert breaking_changes(RELEASED, mutated(COMPATIBLE[name])) == []


def test_a_break_is_found_in_every_operation_that_it_concerns() -> None:
    # When a field of all errors is removed
    def mutate(document: Document) -> None:
        schema(document, "Error")["properties"]["error"]["properties"].pop("request_id")

    # Then each operation is listed once
    changes = breaking_changes(RELEASED, mutated(mutate))
    count = sum(len([key for key in item if key in ("get", "post")]) for item in paths().values())
    assert len(changes) == len({change.operation for change in changes}) == count


def paths() -> Document:
    found: Document = RELEASED["paths"]
    return found


@pytest.mark.parametrize(
    ("bullet", "announced"),
    [
        ("`POST /predict`: `label` is gone; use `class_name`.", True),
        ("On every route, `label` is gone.", True),
        ("`POST /predict`: `name` is gone.", False),
        ("`GET /models`: `label` is gone.", False),
        ("POST /predict: label is gone.", False),
    ],
)
def test_a_bullet_announces_what_it_names(bullet: str, announced: bool) -> None:
    change = Change("POST /predict", "label", "was removed from the response")

    assert change.announced_in([bullet]) is announced
