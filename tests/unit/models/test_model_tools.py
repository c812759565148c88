"""The commands that models/README.md gives to the owner of a model."""

from __future__ import annotations

import json
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
