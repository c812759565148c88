"""Both clients agree with the contract: operations, parameters, answers and codes."""

from __future__ import annotations

import inspect
import json
import math
import re
import shutil
import subprocess
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Any, get_type_hints

import httpx
import pytest
import yaml

from carlens.config import Config
from carlens.http import catalog_bodies, catalog_routes
from carlens_client import (
    Client,
    Detection,
    DetectionOptions,
    ErrorCode,
    Health,
    Limits,
    Match,
    Measurement,
    Models,
    Name,
    PictureErrorCode,
    Prediction,
    PredictionOptions,
    Redaction,
    RedactionOptions,
    RowErrorCode,
    answers,
    errors,
    operations,
)
from tests.support import missing
from tests.unit.clients.forms import (
    Form,
    Types,
    differences,
    form_of_class,
    form_of_schema,
    resolve,
)

ROOT = Path(__file__).resolve().parents[3]
JAVASCRIPT = ROOT / "clients" / "javascript"
SOURCE = (JAVASCRIPT / "carlens.js").read_text("utf-8")
TYPES = Types((JAVASCRIPT / "carlens.d.ts").read_text("utf-8"))
CONTRACT: dict[str, Any] = yaml.safe_load((ROOT / "lambda_src/openapi.yaml").read_text("utf-8"))
SCHEMAS: dict[str, Any] = CONTRACT["components"]["schemas"]

# What only the page uses.
OF_THE_PAGE = {"GET /", "GET /assets/{version}/{name}"}
OPERATIONS: dict[str, dict[str, Any]] = {
    f"{method.upper()} {path}": operation
    for path, item in CONTRACT["paths"].items()
    for method, operation in item.items()
    if not method.startswith("x-") and f"{method.upper()} {path}" not in OF_THE_PAGE
}

# --- answers ----------------------------------------------------------------------------------


def entry(name: str) -> dict[str, Any]:
    """Return the schema of an entry of `images`."""
    schema: dict[str, Any] = SCHEMAS[name]["properties"]["images"]["items"]
    return schema


def detector_of(form: Form) -> Form:
    """Return the form of a model without what only classifiers have."""
    assert isinstance(form, dict)
    return {name: member for name, member in form.items() if name != "makes"}


MODELS = SCHEMAS["Models"]["properties"]
ANSWERS: dict[str, dict[str, Any]] = {
    "Prediction": entry("PredictionDetailed"),
    "Detection": entry("DetectionDetailed"),
    "Redaction": entry("RedactionDetailed"),
    "Measurement": entry("MeasurementDetailed"),
    "Match": SCHEMAS["Match"],
    "Name": SCHEMAS["Name"],
    "Health": SCHEMAS["Health"],
    "Model": MODELS["classifier"],
}
PYTHON = {
    "Prediction": Prediction,
    "Detection": Detection,
    "Redaction": Redaction,
    "Measurement": Measurement,
    "Match": Match,
    "Name": Name,
    "Health": Health,
    "Model": answers.Model,
}


@pytest.mark.parametrize("name", ANSWERS)
def test_answers_have_the_members_of_the_contract(name: str) -> None:
    contract = form_of_schema(CONTRACT, ANSWERS[name])
    javascript = TYPES.form({"Detection": "ObjectDetection"}.get(name, name))

    assert differences(form_of_class(PYTHON[name]), contract, name) == []
    assert differences(javascript, numbers(contract), name) == []


def test_a_detector_has_the_members_of_the_contract() -> None:
    contract = form_of_schema(CONTRACT, MODELS["detector"])

    assert differences(detector_of(form_of_class(answers.Model)), contract, "Model") == []
    assert differences(detector_of(TYPES.form("Model")), numbers(contract), "Model") == []
    assert get_type_hints(Models).keys() == MODELS.keys()


def test_the_classes_of_predict_have_the_members_of_the_contract() -> None:
    contract = form_of_schema(CONTRACT, MODELS["predict"])

    assert differences(form_of_class(answers.PredictClasses), contract, "PredictClasses") == []
    assert differences(TYPES.form("PredictClasses"), numbers(contract), "PredictClasses") == []


def test_upload_forms_have_the_members_of_the_contract() -> None:
    contract = form_of_schema(CONTRACT, SCHEMAS["Upload"])

    assert differences(form_of_class(answers.UploadForm), contract, "Upload") == []


def numbers(form: Form) -> Form:
    """Return a form in which integers are numbers, as in JavaScript."""
    if isinstance(form, list):
        return [numbers(form[0])]
    if isinstance(form, str):
        return form.replace("integer", "number")
    return {name: replace(each, form=numbers(each.form)) for name, each in form.items()}


# --- codes ------------------------------------------------------------------------------------

CODES: dict[str, tuple[type[StrEnum], dict[str, Any]]] = {
    "ErrorCode": (ErrorCode, SCHEMAS["Error"]["properties"]["error"]),
    "PictureErrorCode": (PictureErrorCode, SCHEMAS["EntryError"]),
    "RowErrorCode": (RowErrorCode, SCHEMAS["RowError"]),
}


@pytest.mark.parametrize("name", CODES)
def test_codes_are_those_of_the_contract(name: str) -> None:
    python, schema = CODES[name]
    contract = schema["properties"]["code"]["enum"]

    assert [code.value for code in python] == contract
    assert TYPES.codes[name] == contract


def test_every_status_has_an_error_of_its_own() -> None:
    statuses = {
        int(status) for operation in OPERATIONS.values() for status in operation["responses"]
    }

    for status in statuses - {200}:
        assert type(errors.api_error(status, "", "", "")) is not errors.ApiError, status


# --- parameters -------------------------------------------------------------------------------


def parameters(operation: str, *without: str) -> set[str]:
    found = OPERATIONS[operation].get("parameters", [])
    return {resolve(CONTRACT, each)["name"] for each in found} - set(without)


def type_members(name: str) -> set[str]:
    """Return the members of an options type of the JavaScript client."""
    text = (JAVASCRIPT / "carlens.d.ts").read_text("utf-8")
    found = re.search(rf"export (?:type|interface) {name} [^{{]*\{{(.*?)^\}}", text, re.M | re.S)
    assert found
    return set(re.findall(r"^  (\w+)\??:", found[1], re.MULTILINE))


def test_options_are_the_parameters_of_the_contract() -> None:
    predict, detect = (parameters(f"POST {path}", "format") for path in
                       ("/predict", "/object_detection"))  # fmt: skip

    assert get_type_hints(PredictionOptions).keys() == predict
    assert get_type_hints(DetectionOptions).keys() == detect
    assert type_members("DetectionOptions") == detect
    assert type_members("PredictionOptions") == predict - detect
    redact = parameters("POST /anonymize", "format")
    assert get_type_hints(RedactionOptions).keys() == type_members("RedactionOptions") == redact
    for path in ("/shape", "/size"):
        assert parameters(f"POST {path}") == {"format"}


def test_names_are_matched_with_the_parameters_of_the_contract() -> None:
    # Given that the clients ask in English
    matched = parameters("GET /norm/{table}", "marque", "modele")
    cleaned = parameters("GET /clean", "marque", "modele")

    assert set(inspect.signature(Client.norm).parameters) == matched | {"self"}
    assert set(inspect.signature(Client.clean).parameters) == cleaned | {"self"}
    assert type_members("NormOptions") | {"make", "model"} == matched
    assert parameters("POST /norm/{table}") == {"table", "top_k", "format"}


# --- operations -------------------------------------------------------------------------------

HEALTH = {
    **OPERATIONS["GET /health"]["responses"]["200"]["content"]["application/json"]["example"],
    # So small that the second picture is uploaded.
    "limits": {"picture_bytes": 9000, "picture_pixels": 9, "pictures": 32, "request_bytes": 1000},
    "features": {"uploads": True, "urls": True, "anonymize": False, "batch": False},
}


def example(operation: str) -> Any:
    """Return the example of the answer, in the detailed form if there are two."""
    media = OPERATIONS[operation]["responses"]["200"]["content"]["application/json"]
    if "example" in media:
        return media["example"]
    named = media.get("examples", {})
    chosen: Any = named.get("detailed") or next(iter(named.values()), {"value": {}})
    return resolve(CONTRACT, chosen)["value"]


def examples() -> dict[str, Any]:
    """Return the example of the answer by method and path, for one picture or row each."""
    found = {name.replace("{table}", "europe"): example(name) for name in OPERATIONS}
    for answer in found.values():
        if isinstance(answer, dict) and "images" in answer:
            answer["images"] = answer["images"][:1]
    found["POST /norm/europe"] = found["POST /norm/europe"][:1]
    return {**found, "GET /health": HEALTH}


def test_the_python_client_has_every_operation_and_reads_its_example() -> None:
    # Given a server that answers with the examples of the contract
    known, sent = examples(), set()

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/":  # the store of uploads
            return httpx.Response(204)
        sent.add(called := f"{request.method} {request.url.path}")
        return httpx.Response(200, json=known[called])

    # When every method is called
    http = httpx.Client(transport=httpx.MockTransport(answer))
    with http, Client("https://api.test", http=http) as client:
        [prediction] = client.predict(b"a")
        assert client.predict(b"a" * 2000)[0].objects == prediction.objects
        assert client.object_detection(b"a")[0].objects[0].class_name == "car"
        [redaction] = client.anonymize(b"a", redact=["faces"])
        assert [region.kind for region in redaction.regions or ()] == ["plate", "face"]
        assert (redaction.file or b"").startswith(b"\xff\xd8")
        assert client.shape(b"a")[0].channels == 3
        assert client.size(b"a")[0].bytes == 148213
        assert client.norm("reneau").make == "Renault"
        assert client.norm_rows([("vw", "golf")])[0].make == "Volkswagen"
        assert client.clean("renault").make == "RENAULT"
        assert client.tables() == ("europe", "stanford_cars")
        assert client.models().detector.name == client.health().models.detector
        assert client.contract() == {}

    # Then every operation was
    assert prediction.objects[0].display == "Audi TTS Coupe 2012"
    assert {each.replace("/norm/europe", "/norm/{table}") for each in sent} == OPERATIONS.keys()


def test_the_javascript_client_has_every_operation() -> None:
    if shutil.which("node") is None:
        missing("Node.js is not installed")
    script = f"""
        const known = JSON.parse(require("node:fs").readFileSync(0));
        const sent = new Set();
        const fetch = async (url, {{ method }}) => {{
            const {{ pathname }} = new URL(url);
            if (pathname === "/") return new Response(null, {{ status: 204 }});
            sent.add(`${{method}} ${{pathname}}`);
            return Response.json(known[`${{method}} ${{pathname}}`]);
        }};
        import({str(JAVASCRIPT / "carlens.js")!r}).then(async (module) => {{
            const client = new module.Carlens("https://api.test", {{ fetch }});
            await client.predict(new Blob(["a"]));
            await client.predict(new Blob(["a".repeat(2000)]));
            await client.objectDetection(new Blob(["a"]));
            await client.anonymize(new Blob(["a"]), {{ redact: ["faces"] }});
            await client.shape(new Blob(["a"]));
            await client.size(new Blob(["a"]));
            await client.norm("reneau");
            await client.normRows([["vw", "golf"]]);
            await client.clean("renault");
            await client.tables();
            await client.models();
            await client.contract();
            console.log(JSON.stringify([[...sent], Object.keys(module), module.VERSION]));
        }});
    """

    done = subprocess.run(
        ["node", "-e", script],
        input=json.dumps(examples()), capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    sent, exported, version = json.loads(done.stdout)

    assert {each.replace("/norm/europe", "/norm/{table}") for each in sent} == OPERATIONS.keys()
    typed = re.findall(r"^export (?:const|class|function) (\w+)",
                       (JAVASCRIPT / "carlens.d.ts").read_text("utf-8"), re.MULTILINE)  # fmt: skip
    assert sorted(exported) == sorted(typed)
    package = json.loads((JAVASCRIPT / "package.json").read_text("utf-8"))
    assert version == package["version"] == CONTRACT["info"]["version"]


# --- limits -----------------------------------------------------------------------------------


def test_the_usual_limits_are_those_of_the_server() -> None:
    config = Config()
    expected = {
        "picture_bytes": config.max_bytes,
        "picture_pixels": config.max_pixels,
        "pictures": config.max_pictures,
        "request_bytes": 4_500_000,
    }
    [written] = re.findall(r"const LIMITS = \{(.*?)\};", SOURCE, re.DOTALL)
    javascript = dict(re.findall(r"(\w+): ([\d_ *]+),", written))

    assert vars(Limits()) == expected
    assert {
        name: math.prod(map(int, value.split(" * "))) for name, value in javascript.items()
    } == expected
    rows = (catalog_bodies.MAX_ROWS, catalog_routes.MAX_ANSWERS)
    assert rows == (operations._MAX_ROWS, operations._MAX_ANSWERS)
    assert tuple(map(int, re.findall(r"const MAX_\w+ = ([\d_]+);", SOURCE))) == rows
