"""The routes of the recognition function: errors, CORS, and the shape of every response."""

from __future__ import annotations

import base64
import itertools
import json
import logging
import shutil
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from requests_toolbelt import MultipartEncoder

from carlens import timing
from carlens.catalog.tables import Entry
from carlens.config import Config
from carlens.errors import NotAnImage
from carlens.http.contract import contract_path
from carlens.http.image_routes import ROUTES, respond
from carlens.images.types import ImageShape, Limits, Pixels
from carlens.inputs import url_fetcher as remote
from carlens.models.manifest import ManifestError
from carlens.services.model_bundle import ModelBundle
from carlens.services.recognition_app import RecognitionApp
from carlens.timing import Stopwatch
from carlens.vision.classifier import UNNAMED
from carlens.vision.detector import Detection, Detections, DetectOptions
from tests.fakes import REPOSITORY, FakeApp, FakeClock
from tests.support import call, color_blocks, encode, event, golden, multipart_event, real_app

PICTURE = encode(color_blocks(), "PNG")
JSON = "application/json"


@pytest.fixture
def carlens() -> FakeApp:
    return FakeApp()


def form(*pictures: bytes) -> list[tuple[str, Any]]:
    return [("image", (f"{i}.png", data, "image/png")) for i, data in enumerate(pictures)]


def test_the_default_response_is_a_list_for_each_picture(carlens: FakeApp) -> None:
    status, answer = carlens.send(multipart_event("/object_detection", form(PICTURE, b"junk")))

    assert status == 200
    assert answer == [
        [
            {"x1": 1, "y1": 2, "x2": 30, "y2": 20, "class_name": "car", "confidence": 0.9568, "label": "car: 0.96"},
            {"x1": 0, "y1": 0, "x2": 9, "y2": 9, "class_name": "person", "confidence": 0.5, "label": "person: 0.50"},
        ],
        [],
    ]  # fmt: skip


def test_predict_finds_only_cars_and_trucks_by_default(carlens: FakeApp) -> None:
    status, answer = carlens.send(multipart_event("/predict", form(PICTURE)))

    assert status == 200
    assert answer == [
        [
            {"x1": 1, "y1": 2, "x2": 30, "y2": 20, "class_name": "car", "confidence": 0.9568,
             "label": "RENAULT CLIO: 0.91", "display": "Renault Clio", "certain": True,
             "pred": ["RENAULT CLIO", "PEUGEOT 206"], "prob": [0.9123, 0.05]},
        ]
    ]  # fmt: skip


def test_the_detailed_response_says_what_failed_and_why(carlens: FakeApp) -> None:
    given = multipart_event("/predict", form(PICTURE, b"junk"), query={"format": "detailed"})

    status, answer = carlens.send(given)

    assert status == 200
    assert answer["request_id"] == given["requestContext"]["requestId"]
    assert set(answer["models"]) == {"detector", "classifier"}
    good, bad = answer["images"]
    assert (good["index"], good["field"], good["name"]) == (0, "image", "0.png")
    assert (good["width"], good["height"], good["passes"], good["error"]) == (64, 32, 1, None)
    (vehicle,) = good["objects"]
    assert (vehicle["certain"], vehicle["display"]) == (True, "Renault Clio")
    assert vehicle["make"] == {"name": "Renault", "prob": 0.9346, "certain": True}
    assert vehicle["model"] == {"name": "Renault Clio", "prob": 0.9234, "certain": True}
    assert good["objects"][0]["reference"] is None  # a label that is not in our tables
    assert (bad["index"], bad["name"], bad["objects"]) == (1, "1.png", [])
    assert (bad["width"], bad["passes"]) == (None, None)
    assert bad["error"]["code"] == "not_an_image"
    assert set(answer["timing_ms"]) == {"read", "decode", "detect", "classify", "total"}


def test_a_picture_that_cannot_be_measured_is_released(
    carlens: FakeApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a reader that fails while it holds a large array
    held: list[weakref.ref[Pixels]] = []

    def fail(data: bytes, limits: Limits) -> ImageShape:
        assert [pixels() for pixels in held] == [None] * len(held)
        pixels = color_blocks()
        held.append(weakref.ref(pixels))
        raise NotAnImage("broken")

    monkeypatch.setattr("carlens.services.measure.read_shape", fail)

    # Then the array is freed before the next picture is read
    status, answer = carlens.send(multipart_event("/shape", form(PICTURE, PICTURE, PICTURE)))

    assert (status, answer, len(held)) == (200, [[], [], []], 3)


def test_the_detailed_response_has_the_reference_of_the_first_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Given a classifier whose first label is in the table, and whose second is not
    known = {"RENAULT CLIO": Entry("Renault", "Clio")}
    monkeypatch.setattr(ModelBundle, "references", known)
    fake = FakeApp()
    fields = form(PICTURE)

    # When
    _, detailed = call(multipart_event("/predict", fields, query={"format": "detailed"}), fake.app)
    _, brief = call(multipart_event("/predict", fields), fake.app)

    # Then
    assert detailed["images"][0]["objects"][0]["reference"] == {"make": "Renault", "model": "Clio"}
    assert "reference" not in brief[0][0]


def test_a_vehicle_that_cannot_be_named_stays_with_the_label_of_the_detector(
    carlens: FakeApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a classifier that fails on the crop
    classifier = carlens.app.models().classifier
    monkeypatch.setattr(classifier, "classify", lambda crops, kinds, top_k: [UNNAMED] * len(crops))
    fields = form(PICTURE)

    # When
    _, brief = carlens.send(multipart_event("/predict", fields))
    _, detailed = carlens.send(multipart_event("/predict", fields, query={"format": "detailed"}))

    # Then
    unnamed = {"x1": 1, "y1": 2, "x2": 30, "y2": 20, "class_name": "car", "confidence": 0.9568,
               "label": "car: 0.96", "display": "car", "certain": False,
               "pred": [], "prob": []}  # fmt: skip
    assert brief == [[unnamed]]
    more = {"make": None, "model": None, "reference": None}
    assert detailed["images"][0]["objects"] == [unnamed | more]


def test_the_default_classifier_has_references() -> None:
    labels = REPOSITORY.manifest(Config.classifier).labels

    known = real_app().models().references

    assert set(known) < set(labels)
    assert len(known) >= 170
    audi = known["Audi TTS Coupe 2012"]
    assert (audi.make, audi.model) == ("Audi", "TTS")


def test_a_classifier_with_other_labels_has_references_for_known_ones(
    tmp_path: Path,
) -> None:
    # Given a classifier that shares one label with the default one
    shutil.copytree(Config.models, tmp_path / "models")
    labels = tmp_path / "models" / Config.classifier / "labels.txt"
    others = [f"Other car {i}" for i in range(216)]
    labels.write_text("\n".join(["Audi TTS Coupe 2012", *others]) + "\n", "utf-8")

    bundle = real_app(models=str(tmp_path / "models")).models()

    assert set(bundle.references) == {"Audi TTS Coupe 2012"}


def test_shape_and_size_measure_each_picture(carlens: FakeApp) -> None:
    fields = form(PICTURE, b"junk")

    assert carlens.send(multipart_event("/shape", fields)) == (200, [[32, 64, 3], []])
    assert carlens.send(multipart_event("/size", fields)) == (200, [len(PICTURE), 4])
    _, answer = carlens.send(multipart_event("/size", fields, query={"format": "detailed"}))
    good, bad = answer["images"]
    assert (good["height"], good["width"], good["channels"], good["bytes"]) == (
        32, 64, 3, len(PICTURE),
    )  # fmt: skip
    assert (bad["height"], bad["bytes"], bad["error"]["code"]) == (None, 4, "not_an_image")


def test_the_query_reaches_the_detector(carlens: FakeApp) -> None:
    query = {"confidence": "0.7", "classes": "truck", "max_objects": "9", "slices": "3"}

    carlens.send(multipart_event("/predict", form(PICTURE), query=query))

    (asked,) = carlens.detector.asked
    assert (asked.confidence, asked.max_objects, asked.slices) == (0.7, 9, 3)
    assert asked.classes == frozenset({"truck"})


def test_the_query_overrides_settings_which_override_the_manifest() -> None:
    carlens = FakeApp(confidence=0.0, slices=3)
    fields = form(PICTURE)

    carlens.send(multipart_event("/predict", fields))
    carlens.send(multipart_event("/predict", fields, query={"slices": "1"}))

    assert [(a.confidence, a.slices) for a in carlens.detector.asked] == [(0.0, 3), (0.0, 1)]
    assert carlens.detector.asked[0].iou == carlens.detector.manifest.thresholds.iou


def test_predict_accepts_every_vehicle_class(carlens: FakeApp) -> None:
    given = multipart_event("/predict", form(PICTURE), query={"classes": "person"})

    status, answer = carlens.send(given)

    assert status == 400
    assert answer["error"]["code"] == "invalid_parameter"
    vehicles = "bicycle, car, motorcycle, bus, truck"
    assert answer["error"]["message"].endswith(f"choose from {vehicles}.")

    given = multipart_event("/predict", form(PICTURE), query={"classes": vehicles})
    assert carlens.send(given)[0] == 200
    assert carlens.detector.asked[-1].classes == frozenset(vehicles.split(", "))


def test_vehicles_of_kinds_that_the_classifier_does_not_name_come_without_names(
    carlens: FakeApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a bus next to a car
    found = [Detection(1, 2, 30, 20, "bus", 0.91), Detection(40, 2, 60, 20, "car", 0.8)]
    monkeypatch.setattr(carlens.detector, "detect", lambda pixels, options: Detections(found, 1))
    given = multipart_event(
        "/predict", form(PICTURE), query={"format": "detailed", "classes": "bus,car"}
    )

    _, answer = carlens.send(given)

    # Then the classifier sees only the car
    bus, car = answer["images"][0]["objects"]
    assert bus == {
        "x1": 1, "y1": 2, "x2": 30, "y2": 20, "class_name": "bus", "confidence": 0.91,
        "label": "bus: 0.91", "display": "bus", "certain": False, "pred": [], "prob": [],
        "make": None, "model": None, "reference": None,
    }  # fmt: skip
    assert car["display"] == "Renault Clio"
    assert carlens.classifier is not None
    assert carlens.classifier.kinds == ["car"]


def test_the_page_and_the_contract_know_the_base_path_of_a_custom_domain(carlens: FakeApp) -> None:
    # Given events of a custom domain with the base path `cars`
    page = golden("base_path_page")
    contract = {**page, "resource": "/openapi.json", "path": "/cars/openapi.json"}
    contract["requestContext"] = {**page["requestContext"], "path": "/cars/openapi.json"}

    # Then both refer to it
    answer = respond(page, None, carlens.app)
    assert (answer["statusCode"], '<base href="/cars/">' in answer["body"]) == (200, True)
    assert carlens.send(contract)[1]["servers"] == [{"url": "/cars"}]
    assert carlens.send(golden("base_path_levels_health"))[0] == 200


@pytest.mark.parametrize(
    ("given", "status", "code"),
    [
        (event("GET", "/nowhere"), 404, "not_found"),
        (event("DELETE", "/models"), 405, "method_not_allowed"),
        (event("GET", "/predict"), 405, "method_not_allowed"),
        (event("POST", "/predict"), 415, "unsupported_media_type"),
        (event("POST", "/predict", content_type="image/png"), 400, "no_pictures"),
        (event("POST", "/predict", body=b"a", content_type="text/plain"), 415, "unsupported_media_type"),
        (event("POST", "/predict", body=b"a", content_type="multipart/form-data"), 400, "malformed_body"),
        (event("POST", "/predict", body="{}", content_type=JSON), 400, "malformed_body"),
        (event("POST", "/size", body=b"x", content_type="image/png", query={"format": "xml"}), 400, "invalid_parameter"),
        (multipart_event("/predict", form(*[PICTURE] * 33)), 413, "too_many_pictures"),
        ({"path": "/predict", "httpMethod": "POST", "body": "%", "isBase64Encoded": True}, 400, "malformed_body"),
    ],
)  # fmt: skip
def test_a_bad_request_says_what_is_wrong(
    carlens: FakeApp, given: dict[str, Any], status: int, code: str
) -> None:
    found, answer = carlens.send(given)

    assert (found, answer["error"]["code"]) == (status, code)
    assert set(answer["error"]) == {"code", "message", "request_id"}
    assert answer["error"]["message"].endswith(".")


def test_405_lists_the_allowed_methods(carlens: FakeApp) -> None:
    answer = respond(event("PUT", "/predict"), None, carlens.app)

    assert answer["statusCode"] == 405
    assert answer["headers"]["Allow"] == "OPTIONS,POST"


EVERY_ANSWER = [
    *(event(method, path) for path in ROUTES for method in ("GET", "POST", "OPTIONS", "HEAD")),
    event("GET", "/nowhere"),
    event("OPTIONS", "/nowhere"),
    multipart_event("/predict", form(PICTURE)),
    {},
]


@pytest.mark.parametrize("given", EVERY_ANSWER)
def test_every_response_has_cors_headers_and_the_request_id(
    carlens: FakeApp, given: dict[str, Any]
) -> None:
    answer = respond(given, None, carlens.app)

    assert answer["headers"]["Access-Control-Allow-Origin"] == "*"
    assert "OPTIONS" in answer["headers"]["Access-Control-Allow-Methods"]
    assert answer["headers"]["X-Request-Id"]
    assert answer["headers"]["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("path", ROUTES)
def test_preflight_is_answered_on_every_route(carlens: FakeApp, path: str) -> None:
    answer = respond(event("OPTIONS", path), None, carlens.app)

    assert (answer["statusCode"], answer["body"]) == (204, "")
    assert set(ROUTES[path]) <= set(answer["headers"]["Access-Control-Allow-Methods"].split(","))


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        ("https://b.example", "https://b.example"),
        ("https://evil.example", "https://a.example"),
        (None, "https://a.example"),
    ],
)
def test_only_the_origins_of_the_settings_are_allowed(origin: str | None, allowed: str) -> None:
    carlens = FakeApp(cors_origins=("https://a.example", "https://b.example"))

    given = event("GET", "/health", headers={"origin": origin} if origin else {})
    headers = respond(given, None, carlens.app)["headers"]

    assert headers["Access-Control-Allow-Origin"] == allowed
    assert headers["Vary"] == "Origin, Accept-Encoding"


def test_an_internal_error_logs_its_stack_but_not_its_message(
    carlens: FakeApp, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given an error; its message is on another line because the log quotes the line that raises
    words = "secret detail"

    def detect(pixels: Pixels, options: DetectOptions) -> Detections:
        raise RuntimeError(words)

    monkeypatch.setattr(carlens.detector, "detect", detect)

    # When
    status, answer = carlens.send(multipart_event("/predict", form(PICTURE)))

    # Then
    assert (status, answer["error"]["code"]) == (500, "internal_error")
    assert "RuntimeError" not in json.dumps(answer)
    assert "RuntimeError" in caplog.text
    assert "in detect" in caplog.text
    assert words not in json.dumps(answer) + caplog.text


@pytest.mark.parametrize("given", [None, [], [1], "GET /", 7, True])
@pytest.mark.parametrize("metrics", ["", "Carlens"])
def test_anything_but_an_event_is_refused(given: Any, metrics: str) -> None:
    status, answer = call(given, FakeApp(metrics=metrics).app, SimpleNamespace(aws_request_id="id"))

    assert (status, answer["error"]["code"]) == (400, "bad_request")
    assert answer["error"]["request_id"] == "id"


@pytest.mark.parametrize("context", ["text", ["a", "list"], 7])
def test_an_event_with_an_invalid_request_context_is_answered(context: Any) -> None:
    given = {**event("GET", "/health"), "requestContext": context}

    answer = respond(given, SimpleNamespace(aws_request_id="id"), FakeApp().app)

    assert answer["statusCode"] == 200
    assert answer["headers"]["X-Request-Id"] == "id"


def test_models_that_fail_to_load_give_503_and_are_retried(
    caplog: pytest.LogCaptureFixture,
) -> None:
    # Given models that fail twice and then load
    good = FakeApp().app.models()
    tries: list[Callable[[], ModelBundle]] = [_fail, _fail, lambda: good]
    app = RecognitionApp(Config(), lambda _: tries.pop(0)())
    given = multipart_event("/predict", form(PICTURE))

    # When the function starts and gets two requests
    with caplog.at_level(logging.ERROR):
        app.warm_up()
        first, answer = call(given, app)
        second, _ = call(given, app)

    # Then the first one fails without the reason, and the second one succeeds
    assert (first, answer["error"]["code"]) == (503, "models_unavailable")
    assert "sha256" not in answer["error"]["message"]
    assert "sha256" in caplog.text
    assert second == 200


def test_health_reports_whether_the_models_load(carlens: FakeApp) -> None:
    ill = RecognitionApp(Config(), lambda _: _fail())

    assert carlens.send(event("GET", "/health"))[1]["status"] == "ok"
    status, answer = call(event("GET", "/health"), ill)
    assert (status, answer["status"]) == (503, "unavailable")


def test_routes_that_need_no_models_work_without_them() -> None:
    ill = RecognitionApp(Config(), lambda _: _fail())

    assert call(multipart_event("/shape", form(PICTURE)), ill) == (200, [[32, 64, 3]])
    assert call(event("GET", "/openapi.json"), ill)[0] == 200
    assert respond(event("GET", "/"), None, ill)["statusCode"] == 200


def _fail() -> ModelBundle:
    raise ManifestError("mine: sha256 is not that of model.onnx")


def test_pictures_past_the_deadline_fail_and_the_others_do_not(
    carlens: FakeApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a function with ten seconds left, and pictures that take ten seconds each
    clock = SimpleNamespace(
        monotonic=lambda: 10 * len(carlens.detector.shown), perf_counter=time.perf_counter
    )
    monkeypatch.setattr(timing, "time", clock)
    context = SimpleNamespace(aws_request_id="id", get_remaining_time_in_millis=lambda: 10_000)
    given = multipart_event("/predict", form(PICTURE, PICTURE), query={"format": "detailed"})

    status, answer = carlens.send(given, context)

    assert status == 200
    first, second = answer["images"]
    assert (len(first["objects"]), first["error"]) == (1, None)
    assert (second["objects"], second["error"]["code"]) == ([], "deadline_exceeded")


def test_models_are_described(carlens: FakeApp) -> None:
    status, answer = carlens.send(event("GET", "/models"))

    assert status == 200
    assert len(answer["detector"]["classes"]) == 80
    assert len(answer["classifier"]["classes"]) == 217
    assert answer["classifier"]["limits"]
    assert set(answer["classifier"]["thresholds"]) == {"confidence", "make", "model"}
    assert answer["predict"] == {
        "classes": ["bicycle", "car", "motorcycle", "bus", "truck"],
        "default_classes": ["car", "truck"],
    }


def test_the_contract_is_served_without_deployment_extensions(carlens: FakeApp) -> None:
    status, answer = carlens.send(event("GET", "/openapi.json"))

    assert status == 200
    assert set(answer["paths"]) > set(ROUTES)
    assert answer["servers"] == [{"url": "/prod"}]
    for key in ("x-amazon", "x-carlens"):
        assert key not in json.dumps(answer["paths"])
        assert not [name for name in answer if name.startswith(key)]


def test_the_page_is_served_under_its_stage(carlens: FakeApp) -> None:
    answer = respond(event("GET", "/"), None, carlens.app)

    assert answer["headers"]["Content-Type"] == "text/html; charset=utf-8"
    assert answer["headers"]["Cross-Origin-Opener-Policy"] == "same-origin"
    assert answer["headers"]["Cross-Origin-Resource-Policy"] == "same-origin"
    assert answer["headers"]["Permissions-Policy"].startswith("camera=()")
    assert "default-src 'none'" in answer["headers"]["Content-Security-Policy"]
    assert '<base href="/prod/">' in answer["body"]


def test_raw_json_and_form_bodies_give_the_same_response(carlens: FakeApp) -> None:

    encoder = MultipartEncoder(form(PICTURE))
    as_json = json.dumps({"images": [{"data": base64.b64encode(PICTURE).decode()}]})
    bodies = [
        event("POST", "/predict", body=encoder.to_string(), content_type=encoder.content_type),
        event("POST", "/predict", body=PICTURE, content_type="image/png"),
        event("POST", "/predict", body=as_json, content_type=JSON),
    ]

    answers = [carlens.send(body) for body in bodies]

    assert answers[0][0] == 200
    assert answers[0] == answers[1] == answers[2]


def test_boxes_are_rounded_half_up_and_numbers_to_four_digits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fake = FakeApp()
    found = Detection(0.5, 1.4, 2.6, 3.5, "car", 0.123456)
    monkeypatch.setattr(fake.detector, "detect", lambda pixels, options: Detections([found], 1))

    _, answer = fake.send(multipart_event("/predict", form(PICTURE), query={"format": "detailed"}))

    (vehicle,) = answer["images"][0]["objects"]
    assert [vehicle[side] for side in ("x1", "y1", "x2", "y2")] == [1, 1, 3, 4]
    assert (vehicle["confidence"], vehicle["prob"][0]) == (0.1235, 0.9123)


@pytest.mark.parametrize("query", [{}, {"format": "detailed"}])
@pytest.mark.parametrize("path", ["/predict", "/object_detection", "/shape", "/size"])
def test_the_number_of_pictures_is_in_a_header(path: str, query: dict[str, str]) -> None:
    given = multipart_event(path, form(PICTURE, b"junk", PICTURE), query=query)

    answer = respond(given, None, FakeApp().app)

    assert answer["headers"]["X-Carlens-Pictures"] == "3"


def test_the_description_of_a_model_is_that_of_its_manifest(carlens: FakeApp) -> None:
    _, answer = carlens.send(event("GET", "/models"))

    for task, name in (("detector", Config.detector), ("classifier", Config.classifier)):
        manifest, described = REPOSITORY.manifest(name), answer[task]
        same = ("name", "version", "task", "license", "source", "trained_on", "limits")
        assert {key: described[key] for key in same} == {
            key: getattr(manifest, key) for key in same
        }
        assert described["classes"] == list(manifest.labels)
        size = {"width": manifest.input.width, "height": manifest.input.height}
        assert described["input"] == size
        assert described["thresholds"]["confidence"] == manifest.thresholds.confidence
    assert (answer["plates"], answer["faces"]) == (None, None)
    assert "makes" not in answer["detector"]
    assert {"name": "Citroën", "models": ["Nemo"]} in answer["classifier"]["makes"]
    assert len(answer["classifier"]["makes"]) == 55


def test_the_models_of_redaction_are_described_without_being_loaded(
    caplog: pytest.LogCaptureFixture,
) -> None:
    # Given a deployment whose model for plates cannot be read
    fake = FakeApp(anonymize=True, plates="nothing")

    _, answer = fake.send(event("GET", "/models"))

    manifest = REPOSITORY.manifest(Config.faces)
    faces = answer["faces"]
    assert (faces["name"], faces["task"], faces["classes"]) == ("centerface", "redact", ["face"])
    assert faces["thresholds"] == {
        "confidence": manifest.thresholds.confidence,
        "iou": manifest.thresholds.iou,
    }
    assert (answer["plates"], fake.regions) == (None, {})
    assert answer["detector"]["name"] == Config.detector
    assert "nothing" in caplog.text


@pytest.mark.parametrize(
    ("path", "tasks"),
    [("/predict", ["detector", "classifier"]), ("/object_detection", ["detector"])],
)
def test_the_detailed_answer_names_the_models_used(
    carlens: FakeApp, path: str, tasks: list[str]
) -> None:
    given = multipart_event(path, form(PICTURE), query={"format": "detailed"})

    _, answer = carlens.send(given)

    names = {"detector": Config.detector, "classifier": Config.classifier}
    assert answer["models"] == {
        task: {"name": names[task], "version": REPOSITORY.manifest(names[task]).version}
        for task in tasks
    }


def test_health_has_the_version_and_the_names_of_the_models() -> None:
    _, answer = FakeApp(version="9.8.7").send(event("GET", "/health"))

    assert answer == {
        "status": "ok",
        "version": "9.8.7",
        "models": {"detector": Config.detector, "classifier": Config.classifier},
        "limits": {
            "picture_bytes": 20 * 2**20,
            "picture_pixels": 50_000_000,
            "pictures": 32,
            "request_bytes": 4_500_000,
        },
        "features": {"uploads": False, "urls": True, "anonymize": False, "batch": False},
    }


def test_health_has_the_limits_and_features_of_the_settings() -> None:
    carlens = FakeApp(
        max_bytes=1, max_pixels=2, max_pictures=3, uploads="s3://bucket", urls=False, batch=True
    )

    _, answer = carlens.send(event("GET", "/health"))

    assert (
        answer["limits"].items() >= {"picture_bytes": 1, "picture_pixels": 2, "pictures": 3}.items()
    )
    assert answer["features"].items() >= {"uploads": True, "urls": False, "batch": True}.items()


def test_the_served_contract_has_the_contents_of_the_file(carlens: FakeApp) -> None:
    def without_extensions(value: Any) -> Any:
        if isinstance(value, dict):
            kept = [name for name in value if not str(name).startswith(("x-amazon-", "x-carlens-"))]
            return {name: without_extensions(value[name]) for name in kept}
        return list(map(without_extensions, value)) if isinstance(value, list) else value

    written = json.loads(json.dumps(yaml.safe_load(contract_path().read_bytes())))

    given = event("GET", "/openapi.json")
    given["requestContext"]["path"] = "/openapi.json"
    _, served = carlens.send(given)

    assert served == {**without_extensions(written), "servers": [{"url": "/"}]}


@pytest.mark.parametrize("path", ["/predict", "/shape"])
def test_the_time_to_fetch_a_url_is_part_of_read(
    monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    # Given a URL that takes five seconds of the clock, from when its picture is waited for
    clock, started, waiting = FakeClock(), itertools.count(1), threading.Event()

    class Watch(Stopwatch):
        @contextmanager
        def __call__(self, stage: str) -> Iterator[None]:
            with super().__call__(stage):
                # The first read is that of the body.
                if stage == "read" and next(started) == 2:
                    waiting.set()
                yield

    def fetch(url: str, **_: Any) -> bytes:
        assert waiting.wait(30)
        clock.now += 5
        return PICTURE

    monkeypatch.setattr("carlens.http.image_routes.Stopwatch", lambda: Watch(lambda: clock.now))
    monkeypatch.setattr(remote, "fetch", fetch)
    given = multipart_event(path, [("url", "http://a/b.png")], query={"format": "detailed"})

    _, answer = FakeApp().send(given)

    assert answer["timing_ms"]["total"] == answer["timing_ms"]["read"] == 5000
