"""`model.json` -> a manifest, or an error that names the wrong field."""

from __future__ import annotations

import json
import math
from copy import deepcopy
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from carlens.models.manifest import (
    Calibration,
    InputSpec,
    LevelThresholds,
    Manifest,
    ManifestError,
    Thresholds,
    UnknownRule,
    build_manifest,
    parse_manifest,
)
from carlens.models.repository import ModelRepository
from carlens.storage import FolderStorage
from tests.models_support import detector_document

MODELS = Path(__file__).resolve().parents[3] / "models"
LABELS = "car\ntruck\nbus\nperson\n"
MISSING = object()

TORCHVISION = {"decoder": "torchvision", "names": ["boxes", "labels", "scores"]}
CLASSIFIER = {"decoder": "softmax", "names": ["logits"]}
CALIBRATION: dict[str, Any] = {
    "temperature": 0.71,
    "thresholds": {"make": 0.62, "model": 0.7, "name": 0.81},
    "unknown": {"output": "unknown_score", "threshold": 12.3},
}
NANODET = {"decoder": "nanodet", "names": ["output"], "strides": [8, 16]}


def read(document: dict[str, Any], labels: str = LABELS) -> Manifest:
    return build_manifest(parse_manifest(json.dumps(document))[0], labels)


def with_changes(*changes: tuple[str, object]) -> dict[str, Any]:
    """Return a valid document after setting or removing members, each named by its dotted path."""
    document = deepcopy(detector_document())
    for path, value in changes:
        *sections, key = path.split(".")
        section = document
        for name in sections:
            section = section[name]
        if value is MISSING:
            del section[key]
        else:
            section[key] = value
    return document


def classifier(*changes: tuple[str, object]) -> dict[str, Any]:
    """Return a valid document of a calibrated classifier, with changes."""
    return with_changes(
        ("task", "classify"),
        ("output", CLASSIFIER),
        ("calibration", deepcopy(CALIBRATION)),
        *changes,
    )


# --- valid manifests ---


@pytest.mark.parametrize("folder", sorted(p.parent.name for p in MODELS.glob("*/model.json")))
def test_a_shipped_manifest_matches_its_folder(folder: str) -> None:
    # When it is read and its weights are checked for size and hash
    store = ModelRepository(FolderStorage(MODELS))
    manifest = store.manifest(folder)
    weights = store.weights(manifest)

    # Then both match, and it states its source and its limits
    assert len(weights) == manifest.bytes
    assert manifest.license
    assert manifest.trained_on
    assert manifest.limits
    assert len(set(manifest.labels)) == len(manifest.labels)


def test_optional_fields_have_defaults() -> None:
    manifest = read(detector_document())

    assert (manifest.input.align, manifest.input.pad) == ("center", 114)
    assert (manifest.input.interpolation, manifest.input.margin) == ("linear", 0)
    assert (manifest.thresholds.iou, manifest.thresholds.merge_iou) == (0.6, 0.55)
    assert (manifest.thresholds.min_area, manifest.thresholds.slices) == (0, 1)
    assert manifest.applies_to == ("car", "truck")
    assert (manifest.makes, manifest.models, manifest.kinds) == ((), (), ())
    assert manifest.calibration is None


def test_slices_may_be_auto() -> None:
    assert read(with_changes(("thresholds.slices", "auto"))).thresholds.slices == "auto"


def test_a_calibration_is_read() -> None:
    manifest = read(classifier())

    assert manifest.calibration == Calibration(
        thresholds=LevelThresholds(make=0.62, model=0.7, name=0.81),
        temperature=0.71,
        unknown=UnknownRule("unknown_score", 12.3),
    )
    assert manifest.certainty == manifest.calibration
    # The score is computed, but not decoded.
    assert manifest.output.names == ("logits",)
    assert manifest.outputs == ("logits", "unknown_score")


def test_a_calibration_may_lack_the_temperature_and_the_rule_for_unknown_vehicles() -> None:
    manifest = read(
        classifier(("calibration.temperature", MISSING), ("calibration.unknown", MISSING))
    )

    assert manifest.certainty.temperature == 1
    assert manifest.certainty.unknown is None
    assert manifest.outputs == ("logits",)


def test_without_a_calibration_all_levels_have_the_threshold_of_the_manifest() -> None:
    manifest = read(classifier(("calibration", MISSING), ("thresholds.confidence", 0.6)))

    assert manifest.certainty == Calibration(LevelThresholds(make=0.6, model=0.6, name=0.6))
    assert manifest.outputs == ("logits",)


def test_every_member_is_read() -> None:
    # Given a manifest in which nothing has its default value
    spec = InputSpec(
        name="x",
        width=8,
        height=4096,
        layout="NCHW",
        color="BGR",
        resize="letterbox",
        mean=(1.0, 2.5, -3.0),
        std=(4.0, 5.0, 6.0),
        align="top_left",
        pad=0,
        interpolation="area",
        margin=1.0,
    )
    thresholds = Thresholds(confidence=0.0, iou=0.1, merge_iou=1.0, min_area=0.3, slices=3)
    document = with_changes(
        ("sha256", "AB" * 32),
        ("applies_to", ["bus"]),
        ("input", asdict(spec)),
        ("output", {**NANODET, "reg_max": 15}),
        ("thresholds", asdict(thresholds)),
    )

    # When
    manifest = read(document)

    # Then
    assert manifest.sha256 == "ab" * 32
    assert manifest.applies_to == ("bus",)
    assert manifest.output.names == ("output",)
    assert (manifest.output.strides, manifest.output.reg_max) == ((8, 16), 15)
    assert manifest.thresholds == thresholds
    assert manifest.input == spec


@pytest.mark.parametrize(
    ("labels", "names", "makes"),
    [
        ("car", ("car",), ()),
        ("car\ntraffic light\n", ("car", "traffic light"), ()),
        ("car\r\nCitroën\r\n", ("car", "Citroën"), ()),
        ("Clio\tRenault\nGolf\tVW\n", ("Clio", "Golf"), ("Renault", "VW")),
        (" Clio \t Renault \n", ("Clio",), ("Renault",)),
    ],
)
def test_labels_are_one_per_line(
    labels: str, names: tuple[str, ...], makes: tuple[str, ...]
) -> None:
    manifest = read(detector_document(), labels)

    assert manifest.labels == names
    assert manifest.makes == makes


def test_labels_may_have_models_and_kinds() -> None:
    # Given a class without a model, one without kinds, and one with neither
    labels = "VW Golf 2012\tVW\tGolf\tcar, truck\nVW ?\tVW\t\tbus\nAudi A1\tAudi\tA1\nKia\tKia\n"

    manifest = read(classifier(), labels)

    assert manifest.labels == ("VW Golf 2012", "VW ?", "Audi A1", "Kia")
    assert manifest.makes == ("VW", "VW", "Audi", "Kia")
    assert manifest.models == ("Golf", "", "A1", "")
    assert list(map(set, manifest.kinds)) == [{"car", "truck"}, {"bus"}, set(), set()]


def test_labels_may_have_kinds_without_makes() -> None:
    manifest = read(classifier(), "van\t\t\ttruck\ncoach\t\t\tbus\n")

    assert (manifest.makes, manifest.models) == ((), ())
    assert list(map(set, manifest.kinds)) == [{"truck"}, {"bus"}]


def test_a_decoder_of_labels_knows_the_number_of_classes() -> None:
    document = with_changes(("output", {**TORCHVISION, "first_label": 0}))

    output = read(document, "car\ntruck\nbus\n").output

    assert (output.first_label, output.classes) == (0, 3)
    assert read(with_changes(("output", TORCHVISION))).output.first_label == 1


def test_the_smallest_std_and_stride_are_accepted() -> None:
    document = with_changes(
        ("input.std", [1e-6, -1e-6, 1]), ("output", {**NANODET, "strides": [1]})
    )

    manifest = read(document)

    assert list(manifest.input.std) == [1e-6, -1e-6, 1.0]
    assert manifest.output.strides == (1,)


# --- invalid manifests ---

WRONG: list[tuple[str, object, str]] = [
    # (member, its value, what the message must contain)
    *[
        (key, MISSING, key)
        for key in (
            "name", "version", "task", "file", "sha256", "bytes", "license", "source",
            "trained_on", "limits", "input", "output", "labels", "thresholds",
            "input.name", "input.width", "input.height", "input.layout", "input.color",
            "input.resize", "input.mean", "input.std", "output.decoder", "output.names",
            "thresholds.confidence",
        )
    ],
    ("name", None, "name is missing"),
    ("input.pad", None, "input.pad"),
    # unknown
    ("colour", "RGB", "colour is unknown"),
    ("input.colour", "RGB", "input.colour is unknown"),
    ("output.strides", [8], "output.strides is unknown"),
    ("thresholds.nms", 0.5, "thresholds.nms is unknown"),
    # of the wrong type
    ("name", 7, "name must be"),
    ("version", 1.0, "version must be"),
    ("task", ["detect"], "task must be"),
    ("bytes", "12", "bytes must be"),
    ("bytes", 12.0, "bytes must be"),
    ("bytes", True, "bytes must be"),
    ("sha256", 0, "sha256 must be"),
    ("input", [], "input must be"),
    ("output", "ssd", "output must be"),
    ("thresholds", 0.5, "thresholds must be"),
    ("applies_to", "car", "applies_to must be"),
    ("applies_to", ["car", 3], "applies_to.1 must be"),
    ("input.width", 300.0, "input.width must be"),
    ("input.width", True, "input.width must be"),
    ("input.pad", False, "input.pad must be"),
    ("input.mean", 127, "input.mean must be"),
    ("input.mean", [1, "2", 3], "input.mean.1 must be"),
    ("input.mean", [1, None, 3], "input.mean.1 is missing"),
    ("input.std", [True, 1, 1], "input.std.0 must be"),
    ("output.names", "boxes", "output.names must be"),
    ("output.names", ["boxes", 1], "output.names.1 must be"),
    ("thresholds.confidence", "0.5", "thresholds.confidence must be"),
    ("thresholds.confidence", True, "thresholds.confidence must be"),
    ("thresholds.slices", 2.0, "thresholds.slices is 2.0; it must be 'auto' or a whole number"),
    ("thresholds.slices", "2", "thresholds.slices is '2'; it must be 'auto' or a whole number"),
    ("thresholds.slices", True, "thresholds.slices is True; it must be 'auto' or a whole number"),
    # out of range
    ("input.width", 7, "input.width is 7; it must be a whole number from 8 to 4096"),
    ("input.height", 4097, "input.height is 4097; it must be a whole number from 8 to 4096"),
    ("input.height", -300, "input.height is -300; it must be a whole number from 8 to 4096"),
    ("input.pad", 256, "input.pad is 256; it must be a whole number from 0 to 255"),
    ("input.margin", 1.1, "input.margin is 1.1; it must be a number from 0 to 1"),
    ("thresholds.confidence", 1.01, "thresholds.confidence is 1.01; it must be a number from 0 to 1"),
    ("thresholds.confidence", -0.1, "thresholds.confidence is -0.1; it must be a number from 0 to 1"),
    ("thresholds.iou", 60, "thresholds.iou is 60.0; it must be a number from 0 to 1"),
    ("thresholds.merge_iou", -1, "thresholds.merge_iou is -1.0; it must be a number from 0 to 1"),
    ("thresholds.min_area", 2, "thresholds.min_area is 2.0; it must be a number from 0 to 1"),
    ("thresholds.iou", 1.01, "thresholds.iou is 1.01; it must be a number from 0 to 1"),
    ("thresholds.merge_iou", 1.01, "thresholds.merge_iou is 1.01; it must be a number from 0 to 1"),
    ("thresholds.min_area", 1.01, "thresholds.min_area is 1.01; it must be a number from 0 to 1"),
    ("thresholds.iou", -0.01, "thresholds.iou is -0.01; it must be a number from 0 to 1"),
    ("thresholds.min_area", -0.01, "thresholds.min_area is -0.01; it must be a number from 0 to 1"),
    ("input.margin", 1.01, "input.margin is 1.01; it must be a number from 0 to 1"),
    ("input.margin", -0.01, "input.margin is -0.01; it must be a number from 0 to 1"),
    ("input.mean", [0, 0, 1.01e6], "input.mean is 1010000.0; it must be a number from -1000000 to"),
    ("input.pad", -1, "input.pad is -1; it must be a whole number from 0 to 255"),
    ("output.reg_max", 65, "output.reg_max is 65; it must be a whole number from 1 to 64"),
    ("thresholds.slices", 0, "thresholds.slices is 0; it must be 'auto' or a whole number from 1 to 3"),
    ("thresholds.slices", 4, "thresholds.slices is 4; it must be 'auto' or a whole number from 1 to 3"),
    ("output.reg_max", 0, "output.reg_max is 0; it must be a whole number from 1 to 64"),
    # not one of the choices
    ("task", "segment", "task must be one of detect, classify"),
    ("input.layout", "nchw", "input.layout must be one of NCHW, NHWC"),
    ("input.color", "GRAY", "input.color must be one of RGB, BGR"),
    ("input.resize", "pad", "input.resize must be one of stretch, letterbox, crop"),
    ("input.align", "left", "input.align must be one of center, top_left"),
    ("input.interpolation", "cubic", "input.interpolation must be one of linear, area"),
    ("output.decoder", "fcos", "output.decoder must be one of ssd, nanodet"),
    ("output.decoder", "softmax", "output.decoder must be one of ssd, nanodet"),
    ("output", {**CLASSIFIER, "activation": "relu"}, "output.decoder must be one of"),
    ("output.activation", "relu", "output.activation must be one of softmax, sigmoid"),
    # channels
    ("input.mean", [127], "input.mean must be 3 numbers"),
    ("input.std", [1, 1, 1, 1], "input.std must be 3 numbers"),
    ("input.std", [1, 0, 1], "input.std must not contain 0"),
    ("input.std", [0.0, 1, 1], "input.std must not contain 0"),
    ("input.std", [1, 1, 0.99e-6], "input.std must not contain 0"),
    ("input.std", [1, 1, 1e-60], "input.std"),  # becomes 0 in the float32 that models take
    # files outside the model's folder
    *[
        (key, name, f"{key} must be the name of a file in the model's folder")
        for key in ("file", "labels")
        for name in ("", "..", "../x", "/etc/passwd", "a/b", "a\\b", ".hidden", "a\0b", "\ud800")
    ],
    # outputs
    ("output.names", [], "output.names must have 2 name(s)"),
    ("output.names", ["boxes"], "output.names must have 2 name(s)"),
    ("output.names", ["a", "b", "c"], "output.names must have 2 name(s)"),
    ("output", {**NANODET, "names": ["a", "b"]}, "output.names must have 1 name(s)"),
    ("output", {"decoder": "detr", "names": ["a"]}, "output.names must have 2 name(s)"),
    ("output", {"decoder": "yolo", "names": ["a", "b"]}, "output.names must have 1 name(s)"),
    ("output", {"decoder": "yolo-end2end", "names": ["a", "b"]}, "output.names must have 1 name(s)"),
    ("output", {"decoder": "torchvision", "names": ["a"]}, "output.names must have 3 name(s)"),
    ("output", {**TORCHVISION, "first_label": 2}, "output.first_label is 2; it must be a whole"),
    ("output", {**NANODET, "first_label": 1}, "output.first_label is unknown"),
    ("output", {**NANODET, "classes": 2}, "output.classes is unknown"),
    ("output", {"decoder": "nanodet", "names": ["a"]}, "output.strides is missing"),
    ("output", {"decoder": "yolox", "names": ["a"]}, "output.strides is missing"),
    ("output", {**NANODET, "strides": []}, "output.strides must be whole numbers from 1"),
    ("output", {**NANODET, "strides": [8, 0]}, "output.strides must be whole numbers from 1"),
    ("output", {**NANODET, "strides": [-8]}, "output.strides must be whole numbers from 1"),
    ("output", {**NANODET, "strides": [8, 16.5]}, "output.strides.1 must be"),
    ("output", {**NANODET, "decoder": "yolox", "strides": [True]}, "output.strides.0 must be"),
]  # fmt: skip


@pytest.mark.parametrize(("member", "value", "message"), WRONG)
def test_an_invalid_manifest_is_refused_by_the_field(
    member: str, value: object, message: str
) -> None:
    # Given a valid manifest with one member changed
    document = with_changes((member, value))

    # When it is read, then the message names that member
    with pytest.raises(ManifestError) as caught:
        read(document)
    assert message in str(caught.value)


WRONG_CALIBRATION: list[tuple[str, object, str]] = [
    *[
        (f"calibration.{key}", MISSING, f"calibration.{key} is missing")
        for key in (
            "thresholds", "thresholds.make", "thresholds.model", "thresholds.name",
            "unknown.output", "unknown.threshold",
        )
    ],
    ("calibration", None, "calibration is missing"),
    ("calibration", 0.5, "calibration must be a dict"),
    ("calibration.temperatur", 1, "calibration.temperatur is unknown"),
    ("calibration.temperature", "1", "calibration.temperature must be a float"),
    ("calibration.temperature", 0, "calibration.temperature is 0.0; it must be a number from 0.001"),
    ("calibration.temperature", -1, "calibration.temperature is -1.0; it must be a number from"),
    ("calibration.temperature", 1e4, "calibration.temperature is 10000.0; it must be a number from"),
    ("calibration.thresholds", [0.5], "calibration.thresholds must be a dict"),
    ("calibration.thresholds.year", 0.5, "calibration.thresholds.year is unknown"),
    ("calibration.thresholds.make", 1.01, "calibration.thresholds.make is 1.01; it must be a number"),
    ("calibration.thresholds.model", -0.1, "calibration.thresholds.model is -0.1; it must be"),
    ("calibration.thresholds.name", 81, "calibration.thresholds.name is 81.0; it must be"),
    ("calibration.thresholds.name", True, "calibration.thresholds.name must be a float"),
    ("calibration.unknown", None, "calibration.unknown is missing"),
    ("calibration.unknown", "score", "calibration.unknown must be a dict"),
    ("calibration.unknown.output", 1, "calibration.unknown.output must be a str"),
    ("calibration.unknown.threshold", "1", "calibration.unknown.threshold must be a float"),
    ("calibration.unknown.threshold", math.nan, "calibration.unknown.threshold is nan; it must be"),
    ("calibration.unknown.threshold", math.inf, "calibration.unknown.threshold is inf; it must be"),
    ("calibration.unknown.above", True, "calibration.unknown.above is unknown"),
]  # fmt: skip


@pytest.mark.parametrize(("member", "value", "message"), WRONG_CALIBRATION)
def test_an_invalid_calibration_is_refused_by_the_field(
    member: str, value: object, message: str
) -> None:
    with pytest.raises(ManifestError) as caught:
        build_manifest(classifier((member, value)), LABELS)
    assert message in str(caught.value)


def test_a_detector_cannot_be_calibrated() -> None:
    with pytest.raises(ManifestError, match="calibration is unknown"):
        read(with_changes(("calibration", CALIBRATION)))


def test_a_classifier_cannot_use_a_detection_decoder() -> None:
    with pytest.raises(ManifestError, match=r"output\.decoder must be one of softmax, not 'ssd'"):
        read(with_changes(("task", "classify")))


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity", "1e999", "1" + "0" * 400])
@pytest.mark.parametrize(
    "field", ["input.mean", "input.std", "input.margin", "thresholds.confidence", "thresholds.iou"]
)
def test_a_number_that_is_not_finite_is_refused(field: str, value: str) -> None:
    # Given a value that Python's JSON parser accepts although it is not finite
    in_a_list = field in ("input.mean", "input.std")
    document = json.dumps(with_changes((field, ["VALUE", 1, 1] if in_a_list else "VALUE")))
    document = document.replace('"VALUE"', value)

    # When / Then
    with pytest.raises(ManifestError) as caught:
        build_manifest(parse_manifest(document)[0], LABELS)
    assert field in str(caught.value)


def test_numbers_of_a_document_in_memory_are_checked_too() -> None:
    with pytest.raises(ManifestError, match=r"input\.std is nan; it must be a number from"):
        build_manifest(with_changes(("input.std", [1, 1, math.nan])), LABELS)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not JSON"),
        ("{", "not JSON"),
        ("{'name': 1}", "not JSON"),
        ("\ufeff{}", "not JSON"),
        ('{"bytes": ' + "1" * 5000 + "}", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ('{"input":' * 100_000, "not JSON"),
        ("[]", "must be a JSON object"),
        ("null", "must be a JSON object"),
        ('"model"', "must be a JSON object"),
        ("{}", "labels is missing"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_a_text_that_is_not_a_manifest_is_refused(text: str, message: str) -> None:
    with pytest.raises(ManifestError, match=message):
        parse_manifest(text)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ("", "labels: line 1 is empty"),
        ("\n", "labels: line 1 is empty"),
        ("car\n\ntruck\n", "labels: line 2 is empty"),
        ("car\n \t \ntruck\n", "labels: line 2 is empty"),
        ("car\ntruck\n\n", "labels: line 3 is empty"),
        ("\tRenault\n", "labels: line 1 is empty"),
        ("Clio\tRenault\nGolf\n", "labels: either all lines or none must have a make"),
        ("Clio\tRenault\nGolf\t\n", "labels: either all lines or none must have a make"),
        ("Clio\t \nGolf\tVW\n", "labels: either all lines or none must have a make"),
        ("Clio\t\tClio\n", "labels: line 1 has a model, but no make"),
        ("Up\tVW\tUp\nGolf\tVW\tGolf\tcar\ttruck\n", "labels: line 2 has 5 columns"),
    ],
)
def test_invalid_labels_are_refused(labels: str, message: str) -> None:
    with pytest.raises(ManifestError) as caught:
        read(detector_document(), labels)
    assert message in str(caught.value)
