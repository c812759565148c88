"""The commands that models/README.md gives to the owner of a model."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import helper, numpy_helper

from carlens.models.manifest import ManifestError
from carlens.models.repository import ModelRepository
from carlens.storage import FolderStorage
from models.seal import seal
from models.shrink import save
from tests.models_support import Tensor, detector_document

ROOT = Path(__file__).resolve().parents[3]


def test_a_sealed_model_can_be_read(tmp_path: Path) -> None:
    # Given a model whose manifest describes another file
    folder = tmp_path / "made-up"
    folder.mkdir()
    (folder / "model.json").write_text(json.dumps(detector_document(limits="né")))
    (folder / "labels.txt").write_text("car\ntruck\n")
    (folder / "model.onnx").write_bytes(b"weights")
    store = ModelRepository(FolderStorage(tmp_path))
    before = store.manifest("made-up")
    with pytest.raises(ManifestError):
        store.weights(before)

    # When
    seal(folder)

    # Then its weights can be read, and nothing else has changed
    after = store.manifest("made-up")
    assert store.weights(after) == b"weights"
    assert after.limits == before.limits == "né"


def test_a_shrunk_model_is_half_as_large_and_gives_the_same_results(tmp_path: Path) -> None:
    # Given a convolution with its normalization
    source, target = tmp_path / "source.onnx", tmp_path / "target.onnx"
    onnx.save(convolution(), source)

    # When
    save(onnx.load(source), target)

    # Then the results agree within what weights of 11 bits can change in a sum of 75 products
    assert target.stat().st_size < 0.6 * source.stat().st_size
    assert np.abs(answer(target) - answer(source)).max() < 0.01


def run(tool: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a tool from the project root, as its owner would."""
    command = [sys.executable, "-m", f"models.{tool}", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (None, "{folder} is not a folder; name the folder of a model.\n"),
        ({}, "{folder} has no model.json; `python -m carlens.models.check {folder}` drafts one.\n"),
        ({"model.json": "{"}, "{folder}/model.json is not JSON: "),
        ({"model.json": "[]"}, "{folder}/model.json does not name the ONNX file"),
        ({"model.json": "{}"}, "{folder}/model.json does not name the ONNX file"),
        (
            {"model.json": '{"file": "a.onnx"}'},
            "{folder} has no a.onnx, which its model.json names",
        ),
    ],
)
def test_seal_says_what_is_missing(
    tmp_path: Path, files: dict[str, str] | None, expected: str
) -> None:
    folder = tmp_path / "made-up"
    if files is not None:
        folder.mkdir()
        for name, text in files.items():
            (folder / name).write_text(text)

    done = run("seal", folder)

    assert done.returncode == 1
    assert done.stderr.startswith(expected.format(folder=folder))
    assert done.stderr.count("\n") == 1


def test_shrink_says_what_is_missing(tmp_path: Path) -> None:
    source, other = tmp_path / "source.onnx", tmp_path / "paper.pdf"
    other.write_bytes(b"%PDF-1.7")
    onnx.save(convolution(), source)

    wrong = [
        ((tmp_path / "no.onnx", tmp_path / "a.onnx"), f"{tmp_path}/no.onnx does not exist"),
        ((other, tmp_path / "a.onnx"), f"{other} is not an ONNX file."),
        ((source, tmp_path / "no" / "a.onnx"), f"The folder {tmp_path}/no does not exist"),
        ((source, tmp_path), f"{tmp_path} is a folder; name the ONNX file"),
    ]
    for arguments, expected in wrong:
        done = run("shrink", *arguments)
        assert done.returncode == 1
        assert done.stderr.startswith(expected)
        assert done.stderr.count("\n") == 1
    assert {path.name for path in tmp_path.iterdir()} == {"source.onnx", "paper.pdf"}


def test_shrink_names_the_package_that_it_needs(tmp_path: Path) -> None:
    # Given a Python without onnx
    (tmp_path / "onnx.py").write_text("raise ImportError")
    command = [sys.executable, "-m", "models.shrink", "a", "b"]

    done = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 1
    assert done.stderr.startswith("models.shrink needs the package onnx")
    assert done.stderr.count("\n") == 1


def convolution() -> onnx.ModelProto:
    random = np.random.default_rng(0)
    values = {
        "weights": random.normal(0, 0.1, (64, 3, 5, 5)),
        "scale": random.uniform(0.5, 2, 64),
        "bias": random.normal(0, 1, 64),
        "mean": random.normal(0, 1, 64),
        "variance": random.uniform(0.5, 2, 64),
    }
    single = onnx.TensorProto.FLOAT
    shown = helper.make_tensor_value_info("image", single, ["n", 3, 32, 32])
    given = helper.make_tensor_value_info("answer", single, ["n", 64, 28, 28])
    nodes = [
        helper.make_node("Conv", ["image", "weights"], ["seen"]),
        helper.make_node("BatchNormalization", ["seen", *list(values)[1:]], ["answer"]),
    ]
    weights = [numpy_helper.from_array(v.astype(np.float32), k) for k, v in values.items()]
    graph = helper.make_graph(nodes, "toy", [shown], [given], weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def answer(path: Path) -> Tensor:
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    picture = np.random.default_rng(1).normal(0, 1, (2, 3, 32, 32)).astype(np.float32)
    found: Tensor = session.run(None, {"image": picture})[0]
    return found
