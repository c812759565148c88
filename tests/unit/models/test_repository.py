"""A folder of models, and files that are not what their manifests say."""

from __future__ import annotations

import hashlib
import io
import json
from pathlib import Path
from typing import Any

import pytest

from carlens.config import Config
from carlens.models.manifest import ManifestError, ModelError
from carlens.models.repository import FolderRepository, RepositoryError, S3Repository, check_weights
from carlens.services.model_bundle import ModelBundle
from tests.models_support import detector_document

WEIGHTS = b"the weights"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Give the folder of a model that is as it should be."""
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
    store = FolderRepository(folder.parent)
    with pytest.raises(ModelError) as caught:
        store.weights(store.manifest(folder.name))
    return str(caught.value)


def test_a_model_is_read_from_its_folder(folder: Path) -> None:
    store = FolderRepository(folder.parent)

    manifest = store.manifest("made-up")

    assert manifest.labels == ("car", "citroën")
    assert store.weights(manifest) == WEIGHTS


@pytest.mark.parametrize("missing", ["model.json", "labels.txt", "model.onnx"])
def test_a_missing_file_is_named(folder: Path, missing: str) -> None:
    (folder / missing).unlink()

    message = refusal(folder)

    assert message.startswith("made-up: cannot read ")
    assert missing in message


def test_a_missing_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(RepositoryError, match="no-such-model: cannot read "):
        FolderRepository(tmp_path).manifest("no-such-model")


def test_a_folder_in_place_of_a_file_is_named(folder: Path) -> None:
    (folder / "model.onnx").unlink()
    (folder / "model.onnx").mkdir()

    assert "cannot read " in refusal(folder)


def test_a_wrong_field_is_named_with_its_model(folder: Path) -> None:
    rewrite(folder, input=[])

    assert refusal(folder).startswith("made-up: input must be")


def test_a_manifest_must_be_of_its_folder(folder: Path) -> None:
    rewrite(folder, name="another")

    assert refusal(folder) == "made-up: name must be the folder's, not 'another'"


@pytest.mark.parametrize("name", ["model.json", "labels.txt"])
def test_a_text_that_is_not_utf8_is_refused(folder: Path, name: str) -> None:
    (folder / name).write_bytes("Citroën".encode("latin-1"))

    message = refusal(folder)

    assert message.startswith("made-up: ")
    assert "UTF-8" in message


@pytest.mark.parametrize("data", [b"", WEIGHTS[:-1], WEIGHTS + b"\n"])
def test_weights_of_another_length_are_refused(folder: Path, data: bytes) -> None:
    (folder / "model.onnx").write_bytes(data)

    assert refusal(folder) == f"made-up: bytes is 11, but model.onnx has {len(data)}"


def test_altered_weights_are_refused(folder: Path) -> None:
    # Given weights of the right length with one bit changed
    (folder / "model.onnx").write_bytes(bytes([WEIGHTS[0] ^ 1]) + WEIGHTS[1:])

    assert refusal(folder) == "made-up: sha256 is not that of model.onnx"


def test_a_hash_may_be_written_in_capitals(folder: Path) -> None:
    rewrite(folder, sha256=hashlib.sha256(WEIGHTS).hexdigest().upper())

    manifest = FolderRepository(folder.parent).manifest("made-up")

    check_weights(manifest, WEIGHTS)


# --- the two models of a copy ---


def test_a_classifier_is_no_detector() -> None:
    config = Config(detector=Config.classifier)

    with pytest.raises(ManifestError, match="task is 'classify', but 'detect' is wanted here"):
        ModelBundle.load(config)


def test_a_detector_is_no_classifier() -> None:
    config = Config(classifier=Config.detector)

    with pytest.raises(ManifestError, match="task is 'detect', but 'classify' is wanted here"):
        ModelBundle.load(config)


# --- the model bucket ---


class FakeS3:
    """A bucket in memory; `fail` makes every call fail."""

    def __init__(self, objects: dict[str, bytes]) -> None:
        self.objects = objects
        self.fail: Exception | None = None
        self.bodies: list[io.BytesIO] = []

    def get_object(self, *, Bucket: str, Key: str) -> dict[str, Any]:
        if self.fail is not None:
            raise self.fail
        data = self.objects[f"{Bucket}/{Key}"]
        self.bodies.append(io.BytesIO(data))
        return {"ContentLength": len(data), "Body": self.bodies[-1]}


@pytest.fixture
def s3(folder: Path) -> FakeS3:
    """Give a bucket that holds the model under its hash."""
    files = folder.iterdir()
    return FakeS3({f"bucket/models/made-up/0123abcd/{f.name}": f.read_bytes() for f in files})


def bucket_store(s3: FakeS3, address: str = "s3://bucket/models") -> S3Repository:
    return S3Repository(address, {"made-up": "0123abcd"}, s3)


def test_a_model_is_read_from_its_bucket(s3: FakeS3) -> None:
    store = bucket_store(s3)

    manifest = store.manifest("made-up")

    assert manifest.labels == ("car", "citroën")
    assert store.weights(manifest) == WEIGHTS


def test_a_bucket_without_a_prefix(s3: FakeS3) -> None:
    s3.objects = {key.replace("/models/", "/"): data for key, data in s3.objects.items()}

    assert bucket_store(s3, "s3://bucket").manifest("made-up").name == "made-up"


def test_an_object_that_is_not_there_is_named(s3: FakeS3) -> None:
    s3.objects.pop("bucket/models/made-up/0123abcd/labels.txt")

    with pytest.raises(RepositoryError, match=r"s3://bucket/models/made-up/0123abcd/labels\.txt"):
        bucket_store(s3).manifest("made-up")


def test_any_failure_of_the_client_is_a_store_error_and_passes(s3: FakeS3) -> None:
    store = bucket_store(s3)
    s3.fail = ConnectionError("server down")

    with pytest.raises(RepositoryError, match="server down"):
        store.manifest("made-up")

    s3.fail = None
    assert store.manifest("made-up").name == "made-up"


def test_an_altered_object_is_refused(s3: FakeS3) -> None:
    s3.objects["bucket/models/made-up/0123abcd/model.onnx"] = WEIGHTS[::-1]
    store = bucket_store(s3)

    with pytest.raises(ManifestError, match="sha256"):
        store.weights(store.manifest("made-up"))


def test_an_object_larger_than_told_is_never_read(s3: FakeS3) -> None:
    s3.objects["bucket/models/made-up/0123abcd/model.onnx"] = WEIGHTS * 2
    store = bucket_store(s3)

    with pytest.raises(RepositoryError, match="not at most 11"):
        store.weights(store.manifest("made-up"))

    # Then its connection is let go
    assert all(body.closed for body in s3.bodies)


def test_the_recognizer_takes_the_hashes_from_its_settings() -> None:
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
