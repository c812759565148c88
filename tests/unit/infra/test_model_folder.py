"""The models of a stage: found, checked, and hashed."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path

import pytest

from infra.model_folder import stage_models
from infra.settings import SettingError, Settings

SETTINGS = Settings(stage="dev", detector="eye", classifier="namer")


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """Return a folder with a detector and a classifier."""
    for name, task in (("eye", "detect"), ("namer", "classify")):
        weights = f"weights of {name}".encode()
        manifest = {
            "task": task,
            "labels": "labels.txt",
            "file": "model.onnx",
            "sha256": sha256(weights).hexdigest(),
        }
        folder = tmp_path / name
        folder.mkdir()
        (folder / "model.json").write_text(json.dumps(manifest), "utf-8")
        (folder / "labels.txt").write_text("car\ntruck\n", "utf-8")
        (folder / "model.onnx").write_bytes(weights)
        (folder / "make_weights.py").write_text("print()", "utf-8")
    return tmp_path


def test_a_model_consists_of_its_manifest_labels_and_weights(models: Path) -> None:
    detector, classifier = stage_models(SETTINGS, models)

    assert (detector.name, classifier.name) == ("eye", "namer")
    assert [file.name for file in detector.files] == ["model.json", "labels.txt", "model.onnx"]
    assert detector.content_hash != classifier.content_hash
    assert len(bytes.fromhex(detector.content_hash)) == 8


@pytest.mark.parametrize("file", ["model.json", "labels.txt", "model.onnx"])
def test_a_changed_file_changes_the_hash(models: Path, file: str) -> None:
    before, other = stage_models(SETTINGS, models)

    changed = models / "eye" / file
    changed.write_bytes(changed.read_bytes() + b"\n")
    if file == "model.onnx":
        manifest = models / "eye" / "model.json"
        fields = json.loads(manifest.read_text("utf-8"))
        fields["sha256"] = sha256(changed.read_bytes()).hexdigest()
        manifest.write_text(json.dumps(fields), "utf-8")

    after, other_after = stage_models(SETTINGS, models)
    assert after.content_hash != before.content_hash
    assert other_after == other


def test_a_stage_that_only_detects_has_one_model(models: Path) -> None:
    (found,) = stage_models(SETTINGS.model_copy(update={"classifier": "none"}), models)

    assert found.name == "eye"


def test_applies_to_must_be_classes_of_the_detector(models: Path) -> None:
    (models / "eye" / "labels.txt").write_text("car\tany\nlicense plate\n", "utf-8")

    known = SETTINGS.model_copy(update={"applies_to": ("license plate", "car")})
    assert len(stage_models(known, models)) == 2

    unknown = SETTINGS.model_copy(update={"applies_to": ("car", "lorry")})
    with pytest.raises(SettingError, match=r"applies_to has 'lorry'.* eye: car, license plate"):
        stage_models(unknown, models)


def test_other_files_do_not_change_the_hash(models: Path) -> None:
    before = stage_models(SETTINGS, models)

    (models / "eye" / "make_weights.py").write_text("print(2)", "utf-8")
    (models / "eye" / "__pycache__").mkdir()

    assert stage_models(SETTINGS, models) == before


def test_an_unknown_model_is_refused_with_the_known_ones(models: Path) -> None:
    with pytest.raises(SettingError, match=r"detector is 'ear'; it must be .*: eye, namer"):
        stage_models(SETTINGS.model_copy(update={"detector": "ear"}), models)


def test_a_model_for_another_task_is_refused(models: Path) -> None:
    with pytest.raises(SettingError, match=r"classifier is 'eye'; it must be .* task is classify"):
        stage_models(SETTINGS.model_copy(update={"classifier": "eye"}), models)


def test_weights_that_do_not_match_the_manifest_are_refused(models: Path) -> None:
    (models / "eye" / "model.onnx").write_bytes(b"half of the wei")

    with pytest.raises(SettingError, match=r"detector is 'eye'.* models\.seal models/eye"):
        stage_models(SETTINGS, models)


def test_a_missing_file_is_named(models: Path) -> None:
    (models / "namer" / "labels.txt").unlink()

    with pytest.raises(SettingError, match=r"models/namer has no labels\.txt"):
        stage_models(SETTINGS, models)


@pytest.mark.parametrize("text", ["{", "[]", '{"task": "detect"}'])
def test_a_manifest_that_cannot_be_read_is_named(models: Path, text: str) -> None:
    (models / "eye" / "model.json").write_text(text, "utf-8")

    with pytest.raises(SettingError, match=r"models/eye/model\.json cannot be read"):
        stage_models(SETTINGS, models)
