"""Models from a real S3 server, loaded completely or not at all, by the runtime's own code."""

from __future__ import annotations

import json
import logging
import shutil
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from carlens.aws.s3 import S3Storage
from carlens.config import Config
from carlens.services.recognition_app import RecognitionApp
from infra.layers.contents import ROOT
from infra.model_folder import ModelFiles, stage_models
from infra.settings import Settings
from tests.conftest import Note
from tests.integration.lambda_runtime import Image, running_function
from tests.integration.s3_server import (
    BUCKET,
    Fault,
    S3Server,
    Wire,
    credentials,
    running_s3_server,
)
from tests.integration.tools import Tools
from tests.support import PASSAT, call, event, multipart_event, photo

pytestmark = pytest.mark.slow

PREDICT = multipart_event("/predict", [("image", photo(PASSAT))])
# A position in the detector's weights when everything is read over one connection.
MIDDLE = 4_000_000


@pytest.fixture(scope="module")
def server(tools: Tools) -> Iterator[S3Server]:
    with running_s3_server(tools.weed) as running:
        yield running


@pytest.fixture
def wire(server: S3Server) -> Iterator[Wire]:
    with Wire(server.port).open() as carrying:
        yield carrying


class Stage:
    """Models in the bucket, under a prefix of their own, and the settings that select them."""

    def __init__(self, server: S3Server, name: str, root: Path = ROOT / "models") -> None:
        self._client, self.prefix = server.client(), f"models/{name}"
        self.detector, self.classifier = stage_models(Settings(stage="dev"), root)
        for model in (self.detector, self.classifier):
            for file in model.files:
                self.put(model, file.name, file.read_bytes())

    def put(self, model: ModelFiles, file: str, data: bytes) -> None:
        key = self.key(model, file)
        self._client.put_object(Bucket=BUCKET, Key=key, Body=data, ChecksumAlgorithm="SHA256")

    def delete(self, model: ModelFiles, file: str) -> None:
        self._client.delete_object(Bucket=BUCKET, Key=self.key(model, file))

    def key(self, model: ModelFiles, file: str) -> str:
        return f"{self.prefix}/{model.name}/{model.content_hash}/{file}"

    @property
    def settings(self) -> dict[str, str]:
        return {
            "CARLENS_MODELS": f"s3://{BUCKET}/{self.prefix}",
            "CARLENS_DETECTOR_HASH": self.detector.content_hash,
            "CARLENS_CLASSIFIER_HASH": self.classifier.content_hash,
            "CARLENS_THREADS": "2",
        }


@pytest.fixture
def stage(server: S3Server) -> Stage:
    return Stage(server, uuid.uuid4().hex)


class Caller:
    """An instance of Carlens in this process that reads the models through a proxy."""

    def __init__(
        self, stage: Stage, wire: Wire, monkeypatch: pytest.MonkeyPatch, caplog: Any
    ) -> None:
        self._environment, self._log = monkeypatch, caplog
        caplog.set_level(logging.ERROR, "carlens")
        for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN"):
            monkeypatch.delenv(name, raising=False)
        for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
            monkeypatch.setenv(name, "/dev/null")
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", wire.url)
        self.is_called("function")
        self.app = RecognitionApp(Config.from_env(stage.settings))

    def is_called(self, name: str) -> None:
        """Change the credentials sent to the S3 server, as in a new process."""
        self._environment.setattr(boto3, "DEFAULT_SESSION", None)
        for variable, value in credentials(name).items():
            self._environment.setenv(variable, value)

    def predict(self) -> Any:
        """Return the response of /predict, which must succeed."""
        status, answer = call(PREDICT, self.app)
        assert status == 200, answer
        return answer

    def refusal(self) -> str:
        """Return the log message when /predict returns 503."""
        self._log.clear()
        status, answer = call(PREDICT, self.app)
        assert (status, answer["error"]["code"]) == (503, "models_unavailable")
        assert "s3" not in answer["error"]["message"]
        [record] = self._log.records
        return str(record.getMessage())


@pytest.fixture
def caller(
    stage: Stage,
    wire: Wire,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> Caller:
    return Caller(stage, wire, monkeypatch, caplog)


@pytest.fixture(scope="module")
def expected() -> Any:
    """Return the response with the models in the folder."""
    status, answer = call(PREDICT, RecognitionApp(Config(threads=2)))
    assert status == 200
    return answer


# --- which models ---------------------------------------------------------------------------


def test_models_in_the_bucket_give_the_same_results_as_in_the_folder(
    caller: Caller, expected: Any
) -> None:
    assert caller.predict() == expected


def test_the_hash_selects_the_version(
    server: S3Server, stage: Stage, caller: Caller, tmp_path: Path
) -> None:
    # Given another version of the detector next to the first
    shutil.copytree(ROOT / "models", tmp_path / "models")
    manifest = tmp_path / "models" / stage.detector.name / "model.json"
    document = {**json.loads(manifest.read_text("utf-8")), "version": "another"}
    manifest.write_text(json.dumps(document), "utf-8")
    other = Stage(server, stage.prefix.removeprefix("models/"), tmp_path / "models")
    assert other.detector.content_hash != stage.detector.content_hash

    versions = [
        call(event("GET", "/models"), RecognitionApp(Config.from_env(chosen.settings)))[1][
            "detector"
        ]["version"]
        for chosen in (other, stage)
    ]

    assert versions == [
        "another",
        json.loads(stage.detector.files[0].read_text("utf-8"))["version"],
    ]


# --- contents of the bucket ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("altered", "reason"),
    [
        (lambda data: data[:-1] + bytes([data[-1] ^ 1]), "sha256 does not match model.onnx"),
        (lambda data: data[:MIDDLE], "but model.onnx has 4000000 bytes"),
        (lambda data: data + b"\n", "8766223 bytes; at most 8766222 are allowed"),
        (lambda data: b"", "but model.onnx has 0 bytes"),
    ],
    ids=["one bit", "half", "longer", "empty"],
)
def test_weights_that_do_not_match_the_manifest_are_refused(
    stage: Stage, caller: Caller, expected: Any, altered: Any, reason: str
) -> None:
    weights = stage.detector.files[-1].read_bytes()
    stage.put(stage.detector, "model.onnx", altered(weights))

    assert reason in caller.refusal()

    stage.put(stage.detector, "model.onnx", weights)
    assert caller.predict() == expected


@pytest.mark.parametrize("file", [0, 1, 2], ids=["model.json", "labels", "weights"])
def test_a_missing_object_is_named_and_found_once_it_exists(
    stage: Stage, caller: Caller, expected: Any, file: int
) -> None:
    missing = stage.classifier.files[file]
    stage.delete(stage.classifier, missing.name)

    refusal = caller.refusal()

    assert f"s3://{BUCKET}/{stage.key(stage.classifier, missing.name)}" in refusal
    assert "NoSuchKey" in refusal
    stage.put(stage.classifier, missing.name, missing.read_bytes())
    assert caller.predict() == expected


def test_a_denied_read_is_reported_and_works_once_the_bucket_allows_it(
    server: S3Server, caller: Caller, expected: Any
) -> None:
    caller.is_called("stranger")
    start = time.monotonic()
    assert "AccessDenied" in caller.refusal()
    assert time.monotonic() - start < 3  # trying again would take longer

    server.let_all_read(allowed=True)
    try:
        assert caller.predict() == expected
    finally:
        server.let_all_read(allowed=False)


def test_wrong_credentials_are_refused_and_not_disclosed(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    caller.is_called("nobody")
    assert "InvalidAccessKeyId" in caller.refusal()

    caller.is_called("function")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not-the-secret")
    refusal = caller.refusal()
    assert "SignatureDoesNotMatch" in refusal
    assert "not-the-secret" not in refusal


# --- the connection --------------------------------------------------------------------------


@pytest.mark.parametrize("after", [2_000, 100_000, MIDDLE, 8_760_000])
def test_an_interrupted_download_is_not_loaded_but_tried_again(
    wire: Wire, caller: Caller, expected: Any, after: int
) -> None:
    wire.faults += [Fault(after), Fault(after)]

    assert caller.predict() == expected
    assert not wire.faults


def test_downloads_that_keep_breaking_off_are_given_up(
    wire: Wire, stage: Stage, caller: Caller, expected: Any
) -> None:
    wire.faults += [Fault(MIDDLE)] * 20

    refusal = caller.refusal()

    assert f"cannot read s3://{BUCKET}/{stage.prefix}/{stage.detector.name}/" in refusal
    wire.faults.clear()
    assert caller.predict() == expected


def test_a_connection_that_breaks_before_the_response_is_retried_transparently(
    wire: Wire, caller: Caller, expected: Any
) -> None:
    wire.faults += [Fault(0), Fault(0)]

    assert caller.predict() == expected


def test_an_unresponsive_server_is_given_up_within_the_init_time(
    wire: Wire, caller: Caller, expected: Any
) -> None:
    wire.faults += [Fault(0, "stall")] * 3

    start = time.monotonic()
    refusal = caller.refusal()

    assert time.monotonic() - start < 10
    assert "Read timeout" in refusal
    assert caller.predict() == expected


def test_a_download_that_stalls_is_tried_again(wire: Wire, caller: Caller, expected: Any) -> None:
    wire.faults.append(Fault(MIDDLE, "stall"))

    start = time.monotonic()
    assert caller.predict() == expected
    assert time.monotonic() - start < 6


def test_a_server_that_goes_down_and_comes_back(
    server: S3Server, caller: Caller, expected: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", f"http://127.0.0.1:{server.port}")
    server.stop()
    try:
        start = time.monotonic()
        assert "Could not connect to the endpoint URL" in caller.refusal()
        assert time.monotonic() - start < 10
    finally:
        server.start()

    assert caller.predict() == expected


# --- in Lambda's runtime --------------------------------------------------------------------


def test_the_function_loads_its_models_at_init(
    lambda_image: Image,
    tools: Tools,
    stage: Stage,
    wire: Wire,
    expected: Any,
    note: Note,
) -> None:
    env = {**stage.settings, **credentials("function"), "AWS_ENDPOINT_URL_S3": wire.url}
    with running_function(lambda_image, tools, env=env) as function:
        # Given an instance that has answered once
        health = function.invoke(event("GET", "/health"))

        # When no connection to the models can be made
        wire.faults += [Fault(0)] * 100
        answer = function.invoke(PREDICT)
        [init], memory = function.init_seconds(), function.peak_memory()

    # Then it does not need one
    assert health.body["status"] == "ok"
    assert answer.body == expected
    note(f"Lambda runtime, models from S3: init {init:.2f} s, memory {memory / 1e6:.0f} MB")
    assert init < 8


def test_the_function_survives_interrupted_downloads_at_init(
    lambda_image: Image, tools: Tools, stage: Stage, wire: Wire, expected: Any
) -> None:
    env = {**stage.settings, **credentials("function"), "AWS_ENDPOINT_URL_S3": wire.url}
    wire.faults += [Fault(MIDDLE), Fault(MIDDLE)]

    with running_function(lambda_image, tools, env=env) as function:
        found = function.invoke(PREDICT)
        lines = [line for line in function.logged() if "level" in line]

    # Then init tried again twice, each time with its reason, and did not fail
    assert found.body == expected
    tries = [line["message"] for line in lines if line["level"] == "WARNING"]
    assert [reason.partition("cannot read s3://")[0] for reason in tries] == [
        "trying again in 0.25 s: ",
        "trying again in 0.5 s: ",
    ]
    assert not [line for line in lines if line["level"] == "ERROR"]
    assert len(function.init_seconds()) == 1


def test_a_listing_of_several_pages_has_every_key_and_continues_after_any(server: S3Server) -> None:
    # Given more keys than a page has, of which half are not ASCII
    client = server.client()
    keys = sorted(
        (f"list/{'été' if i % 2 else 'photo'} {i:04}" for i in range(1100)), key=str.encode
    )
    for key in keys:
        client.put_object(Bucket=BUCKET, Key=key, Body=b"")
    bucket = S3Storage(f"s3://{BUCKET}", read_timeout=10, client=client)

    assert [file.key for file in bucket.files("list/")] == keys
    for index in (0, 549, 550, 1098):
        assert [file.key for file in bucket.files("list/", keys[index])] == keys[index + 1 :]
