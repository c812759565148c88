"""Models in a storage, and files that do not match their manifests."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from carlens.config import Config
from carlens.models.manifest import ManifestError, ModelError
from carlens.models.repository import ModelRepository, RepositoryError, check_weights
from carlens.services.model_bundle import ModelBundle
from carlens.storage import FolderStorage
from tests.models_support import detector_document

WEIGHTS = b"the weights"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return the folder of a valid model."""
    made = tmp_path / "made-up"
    made.mkdir()
    (made / "model.onnx").write_bytes(WEIGHTS)
    (made / "labels.txt").write_text("car\ncitroën\n", "utf-8")
    rewrite(made)
    return made


def rewrite(folder: Path, **changes: Any) -> None:
    sealed = {"bytes": len(WEIGHTS), "sha256": hashlib.sha256(WEIGHTS).hexdigest()}
    document = detector_document(**{**sealed, **changes})
    (folder / "model.json").write_text(json.dumps(document), "utf-8")


def refusal(folder: Path) -> str:
    repository = ModelRepository(FolderStorage(folder.parent))
    with pytest.raises(ModelError) as caught:
        repository.weights(repository.manifest(folder.name))
    return str(caught.value)


def test_a_model_is_read_from_its_folder(folder: Path) -> None:
    repository = ModelRepository(FolderStorage(folder.parent))

    manifest = repository.manifest("made-up")

    assert manifest.labels == ("car", "citroën")
    assert repository.weights(manifest) == WEIGHTS


@pytest.mark.parametrize("missing", ["model.json", "labels.txt", "model.onnx"])
def test_a_missing_file_is_named(folder: Path, missing: str) -> None:
    (folder / missing).unlink()

    message = refusal(folder)

    assert message.startswith("made-up: cannot read ")
    assert missing in message


def test_a_missing_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(RepositoryError, match="no-such-model: cannot read "):
        ModelRepository(FolderStorage(tmp_path)).manifest("no-such-model")


def test_a_folder_in_place_of_a_file_is_named(folder: Path) -> None:
    (folder / "model.onnx").unlink()
    (folder / "model.onnx").mkdir()

    assert "cannot read " in refusal(folder)


def test_a_wrong_field_is_named_with_its_model(folder: Path) -> None:
    rewrite(folder, input=[])

    assert refusal(folder).startswith("made-up: input must be")


def test_a_manifest_must_name_its_folder(folder: Path) -> None:
    rewrite(folder, name="another")

    assert refusal(folder) == "made-up: name must match the model's folder, but is 'another'"


@pytest.mark.parametrize("name", ["model.json", "labels.txt"])
def test_a_text_that_is_not_utf8_is_refused(folder: Path, name: str) -> None:
    (folder / name).write_bytes("Citroën".encode("latin-1"))

    message = refusal(folder)

    assert message.startswith("made-up: ")
    assert "UTF-8" in message


@pytest.mark.parametrize("data", [b"", WEIGHTS[:-1]])
def test_weights_that_are_too_short_are_refused(folder: Path, data: bytes) -> None:
    (folder / "model.onnx").write_bytes(data)

    assert refusal(folder) == f"made-up: bytes is 11, but model.onnx has {len(data)} bytes"


def test_weights_that_are_too_long_are_refused(folder: Path) -> None:
    (folder / "model.onnx").write_bytes(WEIGHTS + b"\n")

    assert refusal(folder) == (
        f"made-up: bytes is 11, but {folder / 'model.onnx'} has 12 bytes; at most 11 are allowed"
    )


@pytest.mark.parametrize("file", ["model.json", "labels.txt"])
def test_a_text_larger_than_a_megabyte_is_refused(folder: Path, file: str) -> None:
    (folder / file).write_bytes(b" " * 1_000_001)

    with pytest.raises(RepositoryError, match=f"made-up: .*{file} has 1000001 bytes"):
        ModelRepository(FolderStorage(folder.parent)).manifest("made-up")


def test_altered_weights_are_refused(folder: Path) -> None:
    # Given weights of the right length with one bit changed
    (folder / "model.onnx").write_bytes(bytes([WEIGHTS[0] ^ 1]) + WEIGHTS[1:])

    assert refusal(folder) == "made-up: sha256 does not match model.onnx"


def test_a_hash_may_be_in_capitals(folder: Path) -> None:
    rewrite(folder, sha256=hashlib.sha256(WEIGHTS).hexdigest().upper())

    manifest = ModelRepository(FolderStorage(folder.parent)).manifest("made-up")

    check_weights(manifest, WEIGHTS)


# --- the detector and the classifier ---


def test_a_classifier_is_refused_as_a_detector() -> None:
    config = Config(detector=Config.classifier)

    with pytest.raises(ManifestError, match="task must be 'detect' here, but is 'classify'"):
        ModelBundle.load(config)


def test_a_detector_is_refused_as_a_classifier() -> None:
    config = Config(classifier=Config.detector)

    with pytest.raises(ManifestError, match="task must be 'classify' here, but is 'detect'"):
        ModelBundle.load(config)


# --- hashes in keys ---


def test_a_model_with_a_hash_is_read_from_the_folder_of_the_hash(folder: Path) -> None:
    # Given the model's files in a folder named by their hash, next to another model
    deployed = folder / "0123abcd"
    deployed.mkdir()
    for file in ("model.json", "labels.txt", "model.onnx"):
        (folder / file).rename(deployed / file)
    repository = ModelRepository(FolderStorage(folder.parent), {"made-up": "0123abcd", "x": "1"})

    manifest = repository.manifest("made-up")

    assert manifest.labels == ("car", "citroën")
    assert repository.weights(manifest) == WEIGHTS


def test_a_model_with_an_empty_hash_is_read_from_its_folder(folder: Path) -> None:
    repository = ModelRepository(FolderStorage(folder.parent), {"made-up": ""})

    assert repository.manifest("made-up").name == "made-up"


def test_a_bundle_takes_the_hashes_from_its_settings() -> None:
    # Given a bucket at an address where no server answers
    config = Config(models="s3://bucket/models", detector_hash="0123", classifier_hash="4567")
    environment = {
        "AWS_ENDPOINT_URL_S3": "http://127.0.0.1:9",
        "AWS_ACCESS_KEY_ID": "a",
        "AWS_SECRET_ACCESS_KEY": "b",
        "AWS_DEFAULT_REGION": "eu-west-3",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)

        with pytest.raises(
            RepositoryError, match=f"s3://bucket/models/{config.detector}/0123/model"
        ):
            ModelBundle.load(config)
