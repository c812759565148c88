"""The functions as AWS runs them: assets and layers under the real runtime and its emulator."""

from __future__ import annotations

import base64
import json
import queue
import shutil
import statistics
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from http.client import HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from carlens.config import Config
from carlens.http import catalog_routes
from carlens.http.image_routes import ROUTES, respond
from carlens.services.catalog_app import CatalogApp
from carlens.services.recognition_app import RecognitionApp
from infra.layers import stage_code
from infra.layers.contents import ROOT
from tests.conftest import Note
from tests.integration.lambda_runtime import (
    Function,
    Image,
    InvocationResult,
    Process,
    environment,
    lay_out,
    running_function,
    runtime_command,
)
from tests.integration.tools import Tools
from tests.support import PASSAT, SKODA, encode, event, multipart_event, photo

pytestmark = pytest.mark.slow

MODELS = {
    "CARLENS_MODELS": str(ROOT / "models"),
    "CARLENS_THREADS": "2",
    "CARLENS_ANONYMIZE": "yes",
}
PROBE = "probe_handler.lambda_handler"
HEALTH = event("GET", "/health")
PREDICT = multipart_event("/predict", [("image", photo(SKODA))])
JSON = "application/json"


@pytest.fixture(scope="module")
def settings(photo_host: str) -> dict[str, str]:
    return {**MODELS, "CARLENS_ALLOWED_HOSTS": photo_host, "CARLENS_METRICS": "Carlens"}


@pytest.fixture(scope="module")
def function(lambda_image: Image, tools: Tools, settings: dict[str, str]) -> Iterator[Function]:
    """A running function for tests that do not change its state."""
    with running_function(lambda_image, tools, env=settings) as running:
        yield running


@pytest.fixture(scope="module")
def here(settings: dict[str, str]) -> RecognitionApp:
    """The same app in this process, with the packages of the development environment."""
    app = RecognitionApp(Config.from_env(settings))
    app.warm_up()
    return app


# --- the contract ---------------------------------------------------------------------------


def _pictures(path: str, photo_host: str, **query: str) -> dict[str, Any]:
    """Build a form with every kind of picture, valid and invalid."""
    fields = [
        ("image", photo(SKODA, 'a "photo" é🚗.png')),
        ("url", f"http://{photo_host}/{PASSAT.name}"),
        ("image", ("notes.txt", b"hello", "text/plain")),
        ("url", "http://169.254.169.254/latest/meta-data/"),
        ("url", "file:///etc/passwd"),
        ("image", photo(PASSAT)),
    ]
    return multipart_event(path, fields, query=query)


def _posts(photo_host: str) -> Iterator[tuple[str, dict[str, Any]]]:
    data = SKODA.read_bytes()
    text = base64.b64encode(data).decode()
    images = [
        {"data": text, "name": "x"},
        {"url": f"http://{photo_host}/{SKODA.name}"},
        {"data": "?"},
    ]
    document = json.dumps({"images": images}).encode()
    for path in ("/predict", "/object_detection", "/shape", "/size"):
        yield f"POST {path}, a form", multipart_event(path, [("image", photo(PASSAT))])
        yield f"POST {path}, a form, detailed", _pictures(path, photo_host, format="detailed")
        yield (
            f"POST {path}, JSON",
            event("POST", path, body=document.decode(), content_type=JSON),
        )
        yield f"POST {path}, a picture", event("POST", path, body=data, content_type="image/png")
        yield (
            f"POST {path}, bytes",
            event("POST", path, body=data, content_type="application/octet-stream"),
        )
        yield f"POST {path}, nothing", event("POST", path)
    query = {"confidence": "0.2", "classes": "car", "top_k": "3", "max_objects": "2", "slices": "2"}
    yield (
        "POST /predict, all parameters",
        multipart_event("/predict", [("image", photo())], query=query),
    )
    # The answer is a picture, in which no byte may differ either.
    yield (
        "POST /anonymize, a picture for a picture",
        event(
            "POST", "/anonymize", body=data, content_type="image/png",
            query={"redact": "faces,people"}, headers={"Accept": "image/png"},
        ),
    )  # fmt: skip
    yield "POST /predict, unflagged base64", {**PREDICT, "isBase64Encoded": False}


def _errors() -> Iterator[tuple[str, dict[str, Any]]]:
    many = [("image", ("x.png", b"x", "image/png"))] * 33
    yield "an unknown route", event("GET", "/nowhere")
    yield "a wrong method", event("DELETE", "/predict")
    yield (
        "a wrong parameter",
        multipart_event("/predict", [("image", photo())], query={"top_k": "0"}),
    )
    yield (
        "a broken form",
        event("POST", "/predict", body=b"x", content_type="multipart/form-data; boundary=b"),
    )
    yield "broken JSON", event("POST", "/predict", body="{", content_type=JSON)
    yield "broken base64", {**PREDICT, "body": "%%%"}
    yield "too many pictures", multipart_event("/shape", many)
    yield "an unknown type", event("POST", "/predict", body=b"a=b", content_type="text/csv")
    yield "an empty event", {}


def _gets() -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in ROUTES.items():
        yield f"OPTIONS {path}", event("OPTIONS", path, headers={"Origin": "https://example.com"})
        if "GET" in methods:
            yield f"GET {path}", event("GET", path)
            yield f"HEAD {path}", event("HEAD", path)


def without_times(response: dict[str, Any]) -> dict[str, Any]:
    """Return a proxy response with a parsed body and without timings."""
    body = response["body"]
    if response["headers"].get("Content-Type") == JSON:
        body = json.loads(body)
        if isinstance(body, dict):
            body.pop("timing_ms", None)
    return {**response, "body": body}


def test_every_route_responds_as_in_this_process(
    function: Function, here: RecognitionApp, photo_host: str
) -> None:
    requests = dict([*_gets(), *_posts(photo_host), *_errors()])
    assert len(requests) > 50

    for name, given in requests.items():
        expected = without_times(respond(given, None, here))
        if name == "an empty event":  # it has no request ID, so each app creates its own
            expected["headers"].pop("X-Request-Id")
        answer = without_times(function.invoke(given).proxy)
        if name == "an empty event":
            answer["headers"].pop("X-Request-Id")
        assert answer == expected, name


def test_a_car_is_found_and_named(function: Function) -> None:
    [objects] = function.invoke(PREDICT).body

    assert [o["class_name"] for o in objects].count("car") >= 1
    assert all(len(o["pred"]) == len(o["prob"]) == 5 for o in objects)


def test_the_runtime_api_is_not_fetched(function: Function) -> None:
    url = f"http://{function.runtime_api}/2018-06-01/runtime/invocation/next"
    given = multipart_event("/predict", [("url", url)], query={"format": "detailed"})

    [image] = function.invoke(given).body["images"]

    assert image["error"]["code"] == "url_refused"


def test_metrics_are_lines_of_json_in_the_log(function: Function) -> None:
    # Given a request with a unique ID, and a picture that fails
    fields = [("image", photo(SKODA)), ("image", ("x", b"junk", "image/png"))]
    given = multipart_event("/predict", fields)
    given["requestContext"]["requestId"] = "a-request-for-its-metrics"

    function.invoke(given)

    # Then the log has a line of JSON in the format of CloudWatch
    line = json.loads(function.line_with("a-request-for-its-metrics"))
    [directive] = line["_aws"]["CloudWatchMetrics"]
    assert directive["Namespace"] == "Carlens"
    assert all(metric["Name"] in line for metric in directive["Metrics"])
    assert (line["Pictures"], line["FailedPictures"], line["status"]) == (2, 1, 200)
    assert (line["method"], line["route"], line["Function"]) == ("POST", "/predict", "carlens")
    failures = next(line for line in reversed(function.logged()) if "Failures" in line)
    assert (failures["Code"], failures["Failures"]) == ("not_an_image", 1)


@pytest.mark.parametrize("payload", [b"null", b"[]", b'"text"', b"7", b'{"requestContext": []}'])
def test_an_invalid_event_is_a_response_and_not_an_error(
    function: Function, payload: bytes
) -> None:
    answer = function.invoke_bytes(payload)

    assert answer.proxy["statusCode"] == (200 if payload.startswith(b"{") else 400)


def test_only_the_packages_of_lambda_are_on_the_path(lambda_image: Image, tools: Tools) -> None:
    with running_function(lambda_image, tools, env=MODELS, handler=PROBE) as function:
        function.invoke(PREDICT)
        paths = json.loads(function.invoke({"probe": "path"}).payload)
        modules = json.loads(function.invoke({"probe": "modules"}).payload)

    ours = (lambda_image.task, lambda_image.opt / "python", tools.runtime)
    standard = str(Path(tools.python).parents[1] / "lib" / "python3")
    assert [path for path in paths["path"] if not path.startswith(standard)] == [
        str(path) for path in (ours[0], ours[1] / "lib/python3.13/site-packages", *ours[1:])
    ]
    others = [f for f in paths["files"] if not f.startswith((*map(str, ours), standard))]
    assert others == []
    assert not [f for f in paths["files"] if "site-packages" in f]
    # And a prediction has not imported what only other requests need
    assert not {"boto3", "ssl", "yaml", "carlens.inputs.url_fetcher", "carlens.web"} & set(modules)


# --- the catalog function -------------------------------------------------------------------

CATALOG = "catalog_handler.lambda_handler"
CLIO = event("GET", "/norm/europe", query={"make": "renault", "model": "clio5portes turbo"})


@pytest.fixture(scope="module")
def catalog_image(tools: Tools) -> Iterator[Image]:
    """The catalog function with its own layers, which have no image libraries."""
    with tempfile.TemporaryDirectory(prefix="image-", dir=ROOT / "build") as folder:
        yield lay_out(Path(folder), tools.architecture, function="catalog")


@pytest.fixture(scope="module")
def names(catalog_image: Image, tools: Tools) -> Iterator[Function]:
    """A running function for tests that do not change its state."""
    env = {"CARLENS_METRICS": "Carlens"}
    with running_function(catalog_image, tools, env=env, handler=CATALOG) as running:
        yield running


def _names() -> Iterator[tuple[str, dict[str, Any]]]:
    rows = "make;model\nreneau;clioRT\nPeugeot;2O6\n;Škoda Octavia\nx;y\n"
    path = "/norm/europe"
    for route, methods in catalog_routes.ROUTES.items():
        there = route.replace("{table}", "europe")
        yield f"OPTIONS {route}", event("OPTIONS", there, headers={"Origin": "https://example.com"})
        yield f"PUT {route}", event("PUT", there)
        if "GET" in methods:
            yield f"GET {route}", event("GET", there)
            yield f"HEAD {route}", event("HEAD", there)
    asked = {"make": "renault", "model": "clio5portes turbo"}
    yield "a make and model", CLIO
    yield "with alternatives", event("GET", path, query={**asked, "top_k": "3"})
    yield "in French", event("GET", path, query={"marque": "renault", "modele": "clio"})
    yield "cleaned", event("GET", "/clean", query=asked)
    yield "CSV", event("POST", path, body=rows.encode(), content_type="text/csv")
    yield (
        "Latin-1",
        event(
            "POST",
            path,
            body="marque;modèle\nCitroën;C3".encode("latin-1"),
            content_type="text/csv",
        ),
    )
    yield "a form", multipart_event(path, [("file", ("x.csv", rows.encode(), "text/csv"))])
    yield (
        "JSON",
        event(
            "POST",
            path,
            body='[{"make": "vw", "model": "golf 7"}]',
            content_type=JSON,
        ),
    )
    yield "no rows", event("POST", path)
    yield "an unknown table", event("GET", "/norm/nothing", query=asked)
    yield "a table outside the folder", event("GET", "/norm/..%2F..%2Fwords", query=asked)
    yield "a wrong parameter", event("GET", path, query={**asked, "top_k": "0"})
    yield "a route of the other function", event("GET", "/health")  # fmt: skip


def test_every_catalog_route_responds_as_in_this_process(names: Function) -> None:
    here = CatalogApp(Config(metrics="Carlens"))

    for name, given in _names():
        expected = without_times(catalog_routes.respond(given, None, here))
        assert without_times(names.invoke(given).proxy) == expected, name


def test_a_make_and_model_are_found(names: Function) -> None:
    found = names.invoke(CLIO).body

    assert (found["make"], found["model"]) == ("Renault", "Clio")


def test_tables_of_the_user_take_precedence(
    catalog_image: Image, tools: Tools, tmp_path: Path
) -> None:
    (tmp_path / "europe.csv").write_text("make,model\nRenault,CLIO\n")
    (tmp_path / "fleet.csv").write_text("make,model\nDacia,Duster\n")
    env = {"CARLENS_TABLES": str(tmp_path)}

    with running_function(catalog_image, tools, env=env, handler=CATALOG) as function:
        tables = function.invoke(event("GET", "/norm")).body["tables"]
        found = function.invoke(CLIO).body
        fleet = function.invoke(
            event("GET", "/norm/fleet", query={"make": "dacia", "model": "dustr"})
        )

    assert {"europe", "fleet", "stanford_cars"} <= set(tables)
    assert found["model"] == "CLIO"
    assert fleet.body["model"] == "Duster"


def test_a_table_that_is_newer_than_the_snapshot_is_read(
    catalog_image: Image, tools: Tools, tmp_path: Path
) -> None:
    # Given a version that was initialized up to its snapshot
    env = {"CARLENS_TABLES": str(tmp_path)}
    with (
        RuntimeApi(CLIO).serving() as api,
        snapshotted(api, catalog_image, tools, CATALOG, env) as runtime,
    ):
        assert api.snapshot.wait(60), runtime.output

        # When a table replaces ours, and the snapshot is restored
        (tmp_path / "europe.csv").write_text("make,model\nRenault,CLIO\n")
        api.restore.set()

        # Then the new table is used
        assert api.answers.get(timeout=60).body["model"] == "CLIO"


def test_the_catalog_function_fits_into_its_memory(
    catalog_image: Image, tools: Tools, note: Note
) -> None:
    written = (f"reneau;clio {i} RT\nVW;golf {i} TDI" for i in range(5_000))
    rows = "\n".join(["make;model", *written])
    many = event("POST", "/norm/europe", body=rows.encode(), content_type="text/csv")
    inits, warm, bulk = [], [], []
    for _ in range(3):
        with running_function(catalog_image, tools, handler=CATALOG) as function:
            function.invoke(CLIO)
            warm += [function.invoke(CLIO).seconds for _ in range(5)]
            bulk.append(function.invoke(many))
            inits += function.init_seconds()
            memory = function.peak_memory()

    note(
        f"Catalog: init {min(inits):.2f} to {max(inits):.2f} s, a warm request"
        f" {statistics.median(warm) * 1000:.0f} ms, 10,000 rows"
        f" {statistics.median(answer.seconds for answer in bulk):.1f} s,"
        f" memory {memory / 1e6:.0f} MB"
    )
    assert {answer.proxy["statusCode"] for answer in bulk} == {200}
    assert memory < 512 * 1024 * 1024


# --- the canary -----------------------------------------------------------------------------


def test_the_canary_needs_no_layer_and_fails_if_the_api_does(tools: Tools, api: str) -> None:
    handler = "carlens.functions.canary.lambda_handler"
    with tempfile.TemporaryDirectory(prefix="image-", dir=ROOT / "build") as folder:
        canary = Image(stage_code("carlens.functions.canary"), Path(folder))
        with running_function(
            canary, tools, handler=handler, env={"CARLENS_CANARY_URL": api}
        ) as function:
            good = function.invoke({})
        with running_function(
            canary, tools, handler=handler, env={"CARLENS_CANARY_URL": f"{api}/nothing"}
        ) as function:
            bad = function.invoke({})

    assert (good.error, good.payload) == (None, b"null")
    assert bad.error == "SmokeError"
    assert "POST /predict gave status 404" in json.loads(bad.payload)["errorMessage"]


# --- settings -------------------------------------------------------------------------------


def test_settings_are_applied(lambda_image: Image, tools: Tools, photo_host: str) -> None:
    # Given settings that all differ from the defaults
    env = {
        **MODELS,
        "CARLENS_VERSION": "9.9.9",
        "CARLENS_MAX_PICTURES": "2",
        "CARLENS_MAX_BYTES": "100000",
        "CARLENS_CORS_ORIGINS": "https://a.example,https://b.example",
        "CARLENS_CONFIDENCE": "0.999",
    }
    url = f"http://{photo_host}/{PASSAT.name}"
    form = [("image", photo(SKODA)), ("url", url)]
    asked = {"format": "detailed"}

    with running_function(lambda_image, tools, env=env) as function:
        health = function.invoke(event("GET", "/health", headers={"Origin": "https://b.example"}))
        too_many = function.invoke(multipart_event("/predict", [*form, *form]))
        detailed = function.invoke(multipart_event("/predict", form, query=asked))
        unsure = function.invoke(multipart_event("/predict", [("image", photo(PASSAT))]))

    assert health.body["version"] == "9.9.9"
    assert health.proxy["headers"]["Access-Control-Allow-Origin"] == "https://b.example"
    assert too_many.body["error"]["code"] == "too_many_pictures"
    codes = [image["error"]["code"] for image in detailed.body["images"]]
    assert codes == ["picture_too_large", "url_refused"]
    assert unsure.body == [[]]


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("CARLENS_MAX_PICTURES", "many", "CARLENS_MAX_PICTURES is 'many'; it must be a whole number from 1 to 1000."),
        ("CARLENS_CONFIDENCE", "2", "CARLENS_CONFIDENCE is '2'; it must be a number from 0 to 1."),
    ],
)  # fmt: skip
def test_an_invalid_setting_fails_the_init_with_a_message(
    lambda_image: Image, tools: Tools, name: str, value: str, message: str
) -> None:
    with running_function(lambda_image, tools, env={**MODELS, name: value}) as function:
        answer = function.invoke(HEALTH)

        assert answer.error == "ValueError"
        assert message in json.loads(function.line_with('"ValueError"'))["errorMessage"]


def test_missing_models_are_logged_and_loaded_once_they_exist(
    lambda_image: Image, tools: Tools, tmp_path: Path
) -> None:
    env = {**MODELS, "CARLENS_MODELS": str(tmp_path / "models")}
    with running_function(lambda_image, tools, env=env) as function:
        # Given a function without models
        refused = function.invoke(PREDICT)

        # When they are added
        (tmp_path / "models").symlink_to(ROOT / "models")
        found = function.invoke(PREDICT)
        reason = json.loads(function.line_with("models cannot be loaded"))

    # Then only the log contains the reason, and the same process handles the next request
    assert (refused.proxy["statusCode"], refused.body["error"]["code"]) == (
        503,
        "models_unavailable",
    )
    assert str(tmp_path) not in refused.proxy["body"]
    assert (reason["level"], reason["logger"]) == ("ERROR", "carlens")
    assert f"cannot read {tmp_path}/models/" in reason["message"]
    assert found.proxy["statusCode"] == 200
    assert len(function.init_seconds()) == 1


# --- errors ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def probed(lambda_image: Image, tools: Tools) -> Iterator[Function]:
    """A function with a short timeout, for tests that make it fail."""
    env = {**MODELS, "CARLENS_METRICS": "Carlens", "AWS_LAMBDA_FUNCTION_VERSION": "41"}
    with running_function(lambda_image, tools, env=env, handler=PROBE, timeout=4) as running:
        yield running


@pytest.fixture
def expected(here: RecognitionApp) -> Any:
    return without_times(respond(PREDICT, None, here))


@pytest.mark.parametrize(
    ("given", "error", "new_process"),
    [
        ({"probe": "sleep", "seconds": 30}, "Sandbox.Timedout", True),
        ({"probe": "raise"}, "RuntimeError", False),
        ({"probe": "exit"}, "Runtime.ExitError", True),
        ({"probe": "long answer", "length": 6_291_555}, "Function.ResponseSizeTooLarge", True),
    ],
)
def test_the_function_recovers_from_an_error(
    probed: Function, expected: Any, given: dict[str, Any], error: str, new_process: bool
) -> None:
    probed.invoke(HEALTH)
    before = probed.children()

    failed = probed.invoke(given)
    after = [probed.invoke(HEALTH), probed.invoke(PREDICT)]

    assert failed.error == error
    assert after[0].body["status"] == "ok"
    assert without_times(after[1].proxy) == expected
    assert (probed.children() != before) == new_process


def test_a_broken_detector_is_a_metric_of_the_version(probed: Function, expected: Any) -> None:
    # Given a function whose detector fails, so that Lambda sees no error
    probed.invoke({"probe": "break the detector"})

    # When it is asked
    failed = probed.invoke(PREDICT)
    probed.invoke({"probe": "mend the detector"})

    # Then the log has the metric that rolls a deployment back
    assert (failed.error, failed.proxy["statusCode"]) == (None, 500)
    line = json.loads(probed.line_with("ServerErrors"))
    [directive] = line["_aws"]["CloudWatchMetrics"]
    assert directive["Dimensions"] == [["Function"], ["Function", "Version"]]
    assert (line["Function"], line["Version"], line["ServerErrors"]) == ("carlens", "41", 1)
    assert (line["route"], line["status"]) == ("/predict", 500)
    # And once the detector works, nothing is counted
    assert without_times(probed.invoke(PREDICT).proxy) == expected
    assert sum("ServerErrors" in line for line in probed.logged()) == 1


def test_a_response_just_under_six_megabytes_is_returned(probed: Function) -> None:
    answer = probed.invoke({"probe": "long answer", "length": 6_291_500})

    assert len(json.loads(answer.payload)) == 6_291_500


def test_malformed_json_is_an_error_of_the_runtime(probed: Function) -> None:
    assert probed.invoke_bytes(b"{").error == "Runtime.UnmarshalError"
    assert probed.invoke(HEALTH).body["status"] == "ok"


def test_too_many_pictures_are_answered_before_the_timeout(probed: Function) -> None:
    # Given 4 seconds, of which 3 are reserved, for 12 pictures of 12 megapixels in 10 passes each
    large = ("x.jpg", encode(np.full((3000, 4000, 3), 90, np.uint8), "JPEG"), "image/jpeg")
    query = {"format": "detailed", "slices": "3"}
    probed.invoke(HEALTH)

    answer = probed.invoke(multipart_event("/predict", [("image", large)] * 12, query=query))

    codes = [image["error"] and image["error"]["code"] for image in answer.body["images"]]
    assert (codes[0], codes[-1]) == (None, "deadline_exceeded")


# --- SnapStart ------------------------------------------------------------------------------


class RuntimeApi:
    """A fake of the runtime API for one snapshot, one restore and one event.

    Attributes
    ----------
    calls : list of str
        The requests of the runtime, in order.
    errors : Queue
        The init errors that the runtime reported.
    answers : Queue
        The responses to the event.
    restore : Event
        Delays the restore until it is set.
    """

    def __init__(self, given: object) -> None:
        self.calls: list[str] = []
        self.errors: queue.Queue[tuple[str, Any]] = queue.Queue()
        self.answers: queue.Queue[InvocationResult] = queue.Queue()
        self.snapshot, self.restore, self.over = (threading.Event() for _ in range(3))
        self._given = json.dumps(given).encode()
        self.address = ""

    @contextmanager
    def serving(self) -> Iterator[RuntimeApi]:
        api = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                api.calls.append(call := self.path.removeprefix("/2018-06-01/runtime/"))
                if call == "restore/next":
                    api.snapshot.set()
                    api.restore.wait(120)
                    self._send(200, b"")
                elif "invocation/1/response" not in api.calls:
                    deadline = {"Lambda-Runtime-Deadline-Ms": "4102444800000"}
                    self._send(200, api._given, {"Lambda-Runtime-Aws-Request-Id": "1", **deadline})
                else:
                    api.over.wait(120)
                    self.close_connection = True

            def do_POST(self) -> None:
                api.calls.append(call := self.path.removeprefix("/2018-06-01/runtime/"))
                data = self.rfile.read(int(self.headers["Content-Length"]))
                self._send(202, b"{}")
                if call.endswith("/response"):
                    api.answers.put(InvocationResult(data, 0))
                else:
                    kind = self.headers["Lambda-Runtime-Function-Error-Type"]
                    api.errors.put((kind, json.loads(data)))

            def _send(
                self, status: int, body: bytes, headers: Mapping[str, str] | None = None
            ) -> None:
                self.send_response(status)
                for name, value in (headers or {}).items():
                    self.send_header(name, value)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Log nothing."""

        with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
            self.address = f"127.0.0.1:{server.server_port}"
            thread = threading.Thread(target=server.serve_forever)
            thread.start()
            try:
                yield self
            finally:
                self.restore.set()
                self.over.set()
                server.shutdown()
                thread.join()


@contextmanager
def snapshotted(
    api: RuntimeApi, image: Image, tools: Tools, handler: str, env: Mapping[str, str]
) -> Iterator[Process]:
    """Start the runtime as Lambda does when it publishes a version with SnapStart."""
    env = {
        **environment(image, tools),
        **env,
        "AWS_LAMBDA_INITIALIZATION_TYPE": "snap-start",
        "AWS_LAMBDA_RUNTIME_API": api.address,
    }
    runtime = Process(runtime_command(tools, handler), env, image.task)
    try:
        yield runtime
    finally:
        runtime.stop()


def models_in(folder: Path) -> dict[str, str]:
    return {**MODELS, "CARLENS_MODELS": str(folder)}


def test_a_snapshot_contains_the_models_and_calls_its_hooks_in_order(
    lambda_image: Image, tools: Tools, tmp_path: Path, expected: Any
) -> None:
    models = tmp_path / "models"
    shutil.copytree(ROOT / "models", models)
    with (
        RuntimeApi(PREDICT).serving() as api,
        snapshotted(api, lambda_image, tools, PROBE, models_in(models)) as runtime,
    ):
        # Given a version that was initialized up to its snapshot
        assert api.snapshot.wait(60), runtime.output
        runtime.line_with("after the hook of Carlens")
        assert runtime.output.splitlines() == [
            "hook: before the snapshot, before the hook of Carlens",
            "hook: before the snapshot, after the hook of Carlens",
        ]

        # When the models are deleted, and the snapshot is restored
        shutil.rmtree(models)
        api.restore.set()
        answer = api.answers.get(timeout=60)

        # Then it responds from memory
        assert without_times(answer.proxy) == expected
        assert api.calls[:3] == ["restore/next", "invocation/next", "invocation/1/response"]
        runtime.line_with("hook: after the restore")
        assert "models cannot be loaded" not in runtime.output


def test_a_version_that_cannot_load_its_models_is_not_published(
    lambda_image: Image, tools: Tools, tmp_path: Path
) -> None:
    with (
        RuntimeApi(PREDICT).serving() as api,
        snapshotted(api, lambda_image, tools, PROBE, models_in(tmp_path)) as runtime,
    ):
        kind, error = api.errors.get(timeout=60)
        exit_code = runtime.wait(60)

    assert (kind, error["errorType"]) == ("Runtime.BeforeSnapshotError", "ModelsUnavailable")
    assert exit_code == 64
    assert api.calls == ["init/error"]
    assert "after the hook of Carlens" not in runtime.output
    assert f"cannot read {tmp_path}/" in runtime.line_with("models cannot be loaded")


def test_the_emulator_takes_a_snapshot_only_with_models(
    lambda_image: Image, tools: Tools, tmp_path: Path
) -> None:
    snap_start = {**MODELS, "AWS_LAMBDA_INITIALIZATION_TYPE": "snap-start"}
    options = ("--enable-init-caching",)
    with running_function(lambda_image, tools, env=snap_start, options=options) as function:
        # The emulator supports SnapStart up to the snapshot. It sends no event afterwards, so this
        # invocation ends only with the emulator.
        threading.Thread(target=_invoke_in_vain, args=(function,)).start()
        function.line_with("INIT RTDONE(status: success)")

    without = {**snap_start, "CARLENS_MODELS": str(tmp_path)}
    with running_function(lambda_image, tools, env=without, options=options, timeout=9) as function:
        answer = function.invoke(HEALTH)
        assert answer.error == "ModelsUnavailable"
        function.line_with("INIT RTDONE(status: error)")


def _invoke_in_vain(function: Function) -> None:
    with suppress(OSError, HTTPException):
        function.invoke(HEALTH)


# --- time and memory ------------------------------------------------------------------------


def test_init_and_memory_stay_within_bounds(lambda_image: Image, tools: Tools, note: Note) -> None:
    # Given the largest allowed picture, 50 megapixels
    large = encode(np.full((5773, 8660, 3), 90, np.uint8), "JPEG", quality=90)
    largest = multipart_event("/predict", [("image", ("large.jpg", large, "image/jpeg"))])
    inits, warm = [], []
    for _ in range(2):
        with running_function(lambda_image, tools, env=MODELS) as function:
            function.invoke(PREDICT)
            warm += [function.invoke(PREDICT).seconds for _ in range(3)]
            inits += function.init_seconds()
            usual = function.peak_memory()
            assert function.invoke(largest).proxy["statusCode"] == 200
            most = function.peak_memory()

    note(
        f"Lambda runtime: init {min(inits):.2f} to {max(inits):.2f} s,"
        f" a warm /predict of one photo {statistics.median(warm) * 1000:.0f} ms,"
        f" memory {usual / 1e6:.0f} MB, with 50 megapixels {most / 1e6:.0f} MB"
    )
    assert max(inits) < 5
    assert usual < 600e6
    assert most < 1e9
