"""Deployments without a classifier, and with one that does not fit the detector."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any, cast

import pytest

from carlens.config import NO_CLASSIFIER, Config
from carlens.models.session import OnnxModel
from carlens.services.model_bundle import ModelBundle
from carlens.services.recognition_app import RecognitionApp
from carlens.vision.classifier import Classifier
from tests.fakes import FakeApp
from tests.models_support import CLASSIFY, FakeModel, color_detector
from tests.support import PASSAT, call, color_blocks, encode, event, multipart_event, photo
from tests.unit.http.test_openapi import ref, violations

PICTURE = [("image", ("a.png", encode(color_blocks(), "PNG"), "image/png"))]
DETAILED = {"format": "detailed"}


@pytest.fixture
def alone() -> FakeApp:
    return FakeApp(classifier=NO_CLASSIFIER)


def test_predict_answers_with_vehicles_without_names(alone: FakeApp) -> None:
    status, answer = alone.send(multipart_event("/predict", PICTURE))

    assert status == 200
    assert answer == [
        [
            {"x1": 1, "y1": 2, "x2": 30, "y2": 20, "class_name": "car", "confidence": 0.9568,
             "label": "car: 0.96", "display": "car", "certain": False, "pred": [], "prob": []},
        ]
    ]  # fmt: skip
    assert violations(answer, ref("Prediction")) == []


def test_the_detailed_form_says_that_there_is_no_classifier(alone: FakeApp) -> None:
    status, answer = alone.send(multipart_event("/predict", PICTURE, query=DETAILED))

    assert status == 200
    assert answer["models"]["detector"]["name"] == Config.detector
    assert answer["models"]["classifier"] is None
    (found,) = answer["images"][0]["objects"]
    assert found["label"] == "car: 0.96"
    assert (found["certain"], found["display"]) == (False, "car")
    assert (found["make"], found["model"], found["reference"]) == (None, None, None)
    assert violations(answer, ref("Prediction")) == []


def test_object_detection_is_as_ever(alone: FakeApp) -> None:
    given = multipart_event("/object_detection", PICTURE, query=DETAILED)

    _, answer = alone.send(given)

    assert answer["models"].keys() == {"detector"}
    assert answer["images"] == FakeApp().send(given)[1]["images"]


def test_models_and_health_say_that_there_is_no_classifier(alone: FakeApp) -> None:
    status, models = alone.send(event("GET", "/models"))
    assert (status, models["classifier"]) == (200, None)
    assert violations(models, ref("Models")) == []

    status, health = alone.send(event("GET", "/health"))
    assert (status, health["status"]) == (200, "ok")
    assert health["models"] == {"detector": Config.detector, "classifier": None}
    assert violations(health, ref("Health")) == []


@pytest.mark.parametrize("asked", ["truck", "car,truck", "bus,bicycle"])
def test_predict_accepts_vehicles(alone: FakeApp, asked: str) -> None:
    status, _ = alone.send(multipart_event("/predict", PICTURE, query={"classes": asked}))

    assert status == 200
    assert alone.detector.asked[0].classes == frozenset(asked.split(","))


@pytest.mark.parametrize("alone", [False, True])
def test_warming_up_runs_the_models_that_there_are(alone: bool) -> None:
    detector, model = color_detector()
    named = FakeModel(CLASSIFY, lambda batch: [])
    classifier = None if alone else Classifier(cast(OnnxModel, named))

    ModelBundle(detector, classifier).warm_up()

    assert (model.warm_ups, named.warm_ups) == (1, 0 if alone else 1)


# --- the shipped models ---


def answers(path: str, query: dict[str, str] | None = None, **settings: Any) -> tuple[int, Any]:
    app = RecognitionApp(Config(threads=2, **settings))
    return call(multipart_event(path, [("image", photo(PASSAT))], query=query), app)


def test_the_shipped_detector_works_alone() -> None:
    _, named = answers("/predict")

    status, unnamed = answers("/predict", classifier=NO_CLASSIFIER)

    assert status == 200
    assert named[0]
    assert len(unnamed[0]) == len(named[0])
    for before, after in zip(named[0], unnamed[0], strict=True):
        label = f"{before['class_name']}: {before['confidence']:.2f}"
        unnamed = {"display": before["class_name"], "certain": False, "pred": [], "prob": []}
        assert after == before | unnamed | {"label": label}


@pytest.fixture
def misfit(tmp_path: Path) -> Path:
    """Return the shipped models, with a classifier for classes that the detector does not have."""
    for model in Path(Config.models).iterdir():
        if (model / "model.json").is_file():
            (tmp_path / model.name).mkdir()
            for file in ("model.json", "model.onnx", "labels.txt"):
                (tmp_path / model.name / file).symlink_to((model / file).resolve())
    manifest = tmp_path / Config.classifier / "model.json"
    document = json.loads(manifest.read_text("utf-8"))
    manifest.unlink()
    manifest.write_text(json.dumps(document | {"applies_to": ["vehicle"]}), "utf-8")
    return tmp_path


def test_a_classifier_that_does_not_fit_the_detector_makes_only_predict_unavailable(
    misfit: Path, caplog: pytest.LogCaptureFixture
) -> None:
    app = RecognitionApp(Config(models=str(misfit), threads=2))
    given = [("image", photo(PASSAT))]

    with caplog.at_level(logging.ERROR):
        app.warm_up()
        status, refused = call(multipart_event("/predict", given), app)

    # Then only the log has the reason
    assert (status, refused["error"]["code"]) == (503, "models_unavailable")
    reason = f"{Config.classifier}: applies_to has no class of {Config.detector}"
    assert caplog.text.count(reason) == 1
    assert reason not in refused["error"]["message"]

    # And everything else answers
    status, detected = call(multipart_event("/object_detection", given), app)
    assert status == 200
    assert detected[0]
    assert call(event("GET", "/health"), app)[1]["status"] == "ok"
    assert call(event("GET", "/health"), app)[1]["models"]["classifier"] is None
    described = call(event("GET", "/models"), app)[1]
    assert (described["classifier"], described["predict"]) == (None, None)
    app.models().warm_up()


def test_applies_to_of_the_settings_makes_it_fit(misfit: Path) -> None:
    status, found = answers("/predict", models=str(misfit), applies_to=("car", "bus"))

    assert status == 200
    assert found[0][0]["pred"]


def test_applies_to_of_the_settings_are_the_classes_that_predict_names() -> None:
    # Given a deployment that names only trucks
    _, default = answers("/predict", applies_to=("truck",))
    _, asked = answers("/predict", {"classes": "car,truck"}, applies_to=("truck",))

    # Then it finds only trucks unless cars are asked for, which have no name
    assert {found["class_name"] for found in default[0]} <= {"truck"}
    cars = [found for found in asked[0] if found["class_name"] == "car"]
    assert cars
    assert all(found["pred"] == [] and found["display"] == "car" for found in cars)


def test_applies_to_of_the_settings_may_have_a_class_that_is_not_a_vehicle() -> None:
    applies_to = ("car", "boat")

    status, refused = answers("/predict", {"classes": "person"}, applies_to=applies_to)

    assert status == 400
    message = "choose from bicycle, car, motorcycle, bus, truck, boat."
    assert refused["error"]["message"].endswith(message)
    assert answers("/predict", {"classes": "boat"}, applies_to=applies_to)[0] == 200


@pytest.mark.parametrize("classifier", [Config.classifier, NO_CLASSIFIER])
def test_a_class_that_the_detector_does_not_have_makes_only_predict_unavailable(
    classifier: str, caplog: pytest.LogCaptureFixture
) -> None:
    app = RecognitionApp(Config(classifier=classifier, applies_to=("car", "lorry"), threads=2))

    assert call(multipart_event("/predict", PICTURE), app)[0] == 503
    assert "CARLENS_APPLIES_TO has 'lorry', which is not a class of" in caplog.text
    assert call(multipart_event("/object_detection", PICTURE), app)[0] == 200
