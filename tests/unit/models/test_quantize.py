"""Networks that compute with 8-bit integers."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from carlens.models import session
from carlens.models.manifest import OutputSpec
from carlens.models.quantize import dequantize, quantize
from carlens.models.session import OnnxModel
from tests.models_support import CLASSIFY
from tests.tiny_network import SIDE, SIZE, SPEC, tiny_body


def pictures(seed: int, count: int = 16) -> NDArray[np.float32]:
    return np.random.default_rng(seed).normal(0, 1, (count, 3, SIDE, SIDE)).astype(np.float32)


def run(model: onnx.ModelProto, batch: NDArray[np.float32]) -> NDArray[np.float32]:
    onnx.checker.check_model(model, full_check=True)
    runtime = onnxruntime.InferenceSession(model.SerializeToString())
    return np.asarray(runtime.run(None, {model.graph.input[0].name: batch})[0])


def kinds(model: onnx.ModelProto) -> list[str]:
    return [node.op_type for node in model.graph.node]


@pytest.fixture(scope="module")
def quantized() -> onnx.ModelProto:
    return quantize(tiny_body(), [pictures(seed) for seed in range(4)])


def test_a_quantized_network_gives_nearly_the_same_features(quantized: onnx.ModelProto) -> None:
    # Given pictures that it was not calibrated on
    batch = pictures(9)
    expected = run(tiny_body(), batch)

    found = run(quantized, batch)

    # Then all weights are integers, and the features differ by less than the pictures do
    assert {
        tensor.data_type for tensor in quantized.graph.initializer if len(tensor.dims) == 4
    } == {TensorProto.INT8}
    assert found.dtype == np.float32
    assert 0 < np.abs(found - expected).max() < 0.1 * np.ptp(expected, axis=0).max()


def test_integers_can_be_undone(quantized: onnx.ModelProto) -> None:
    batch = pictures(9)

    floats = dequantize(quantized)

    assert not {"QuantizeLinear", "DequantizeLinear"}.intersection(kinds(floats))
    assert {"Clip", "Relu", "Add"}.issubset(kinds(floats))
    assert np.abs(run(floats, batch) - run(tiny_body(), batch)).max() < 0.02
    # And a network in floats stays as it is
    assert np.array_equal(run(dequantize(tiny_body()), batch), run(tiny_body(), batch))


def test_what_is_kept_and_what_follows_it_stays_in_floats() -> None:
    # Given a network whose second convolution is to be kept
    model = tiny_body()
    for node in model.graph.node:
        node.name = f"{node.op_type}/{node.output[0]}"

    kept = quantize(model, [pictures(0)], keep=["/c2"])

    # Then only the first one has integers
    assert kinds(kept).count("Conv") == 3
    shapes = {tuple(t.dims): t.data_type for t in kept.graph.initializer if len(t.dims) == 4}
    assert [kind == TensorProto.INT8 for kind in shapes.values()].count(True) == 1
    made = {name: node for node in kept.graph.node for name in node.output}
    [second] = [node for node in kept.graph.node if node.name == "Conv/c2"]
    assert made[second.input[0]].op_type != "DequantizeLinear"


def test_a_kept_layer_reads_the_integers_of_layers_beside_it() -> None:
    # Given a value that goes to a convolution with integers, and to one that is to be kept
    weights = np.random.default_rng(0).normal(0, 0.3, (3, 3, 1, 1)).astype(np.float32)
    nodes = [
        helper.make_node("Conv", ["image", "w", "b"], ["shared"], name="first"),
        helper.make_node("Conv", ["shared", "w", "b"], ["out"], name="second"),
        helper.make_node("Conv", ["shared", "own", "b"], ["boxes"], name="head"),
    ]
    stored = {"w": weights, "own": weights, "b": np.zeros(3, np.float32)}
    model = network(nodes, stored, ["out", "boxes"])

    found = quantize(model, [pictures(0)], keep=["head"])

    # Then both read the same integers, so that the first one can be merged with its rounding
    made = {name: node for node in found.graph.node for name in node.output}
    readers = {n.name: made[n.input[0]].op_type for n in found.graph.node if n.op_type == "Conv"}
    assert readers == dict.fromkeys(("first", "second", "head"), "DequantizeLinear")
    # And only the weights of the kept one are floats
    kinds_of_weights = {
        tensor.name: tensor.data_type
        for tensor in found.graph.initializer
        if tensor.dims[:1] == [3]
    }
    assert kinds_of_weights["own"] == TensorProto.FLOAT
    assert "w" not in kinds_of_weights


def test_a_sum_of_two_values_is_an_addition_of_integers() -> None:
    weights = np.random.default_rng(0).normal(0, 0.3, (3, 3, 1, 1)).astype(np.float32)
    nodes = [
        helper.make_node("Conv", ["image", "w", "b"], ["branch"]),
        helper.make_node("Sum", ["branch", "image"], ["sum"]),
        helper.make_node("Conv", ["sum", "w", "b"], ["out"]),
    ]
    model = network(nodes, {"w": weights, "b": np.zeros(3, np.float32)}, ["out"])

    found = quantize(model, [pictures(0)])

    made = {name: node for node in found.graph.node for name in node.output}
    [addition] = [node for node in found.graph.node if node.op_type == "Add"]
    assert {made[name].op_type for name in addition.input} == {"DequantizeLinear"}


def test_biases_make_up_for_rounded_weights() -> None:
    # Given a convolution of which 8 bits lose two of three weights, and pictures above zero
    small = 0.4 / 127
    weights = np.full((4, 3, 1, 1), small, np.float32)
    weights[:, 0] = 1
    model = convolution(weights)
    batch = np.abs(pictures(0)) + 1
    lost = 2 * small * batch.mean()

    found = run(quantize(model, [batch]), batch)

    # Then the mean of each channel is kept
    error = (found - run(model, batch)).mean(axis=(0, 2, 3))
    assert np.abs(error).max() < 0.2 * lost


def test_equal_biases_are_corrected_for_each_convolution() -> None:
    # Given two convolutions with the same biases, whose weights lose different shares
    lost = {"w": 0.4 / 127, "v": 0.2 / 127}
    stored: dict[str, NDArray[Any]] = {name: np.zeros(4, np.float32) for name in ("b", "c")}
    for name, small in lost.items():
        stored[name] = np.full((4, 3, 1, 1), small, np.float32)
        stored[name][:, 0] = 1
    nodes = [
        helper.make_node("Conv", ["image", "w", "b"], ["of w"]),
        helper.make_node("Conv", ["image", "v", "c"], ["of v"]),
    ]
    model = network(nodes, stored, ["of w", "of v"])
    batch = np.abs(pictures(0)) + 1

    made = quantize(model, [batch])

    # Then the mean of each channel of both is kept
    sessions = [onnxruntime.InferenceSession(each.SerializeToString()) for each in (model, made)]
    before, after = (each.run(["of w", "of v"], {"image": batch}) for each in sessions)
    for small, expected, found in zip(lost.values(), before, after, strict=True):
        error = (np.asarray(found) - np.asarray(expected)).mean(axis=(0, 2, 3))
        assert np.abs(error).max() < 0.2 * 2 * small * batch.mean()


def test_a_cpu_without_vnni_computes_in_floats(
    quantized: onnx.ModelProto, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a quantized network, and the features that floats give with its weights
    output = OutputSpec("softmax", ("features",))
    labels = tuple(map(str, range(SIZE)))
    manifest = replace(CLASSIFY, input=SPEC, output=output, labels=labels)
    batch = pictures(9)
    floats = run(dequantize(quantized), batch)
    cpu = tmp_path / "cpuinfo"
    monkeypatch.setattr(session, "_CPU", cpu)
    monkeypatch.setattr(os, "uname", lambda: SimpleNamespace(machine="x86_64"))

    def features() -> NDArray[np.float32]:
        [found] = OnnxModel(manifest, quantized.SerializeToString(), threads=1).run(batch)
        return found

    # When
    cpu.write_text("flags : fpu avx2 avx512f\n")
    without = features()
    cpu.write_text("flags : fpu avx2 avx512f avx512_vnni\n")
    with_vnni = features()
    cpu.unlink()
    unknown = features()

    # Then only values that two layers take are still rounded
    error, error_of_integers = (np.abs(each - floats).max() for each in (without, with_vnni))
    assert np.array_equal(unknown, without)
    assert error < 0.5 * error_of_integers


def convolution(weights: NDArray[np.float32]) -> onnx.ModelProto:
    stored: dict[str, NDArray[Any]] = {"w": weights, "b": np.zeros(len(weights), np.float32)}
    return network([helper.make_node("Conv", ["image", "w", "b"], ["out"])], stored, ["out"])


def network(
    nodes: list[onnx.NodeProto], stored: dict[str, NDArray[Any]], outputs: list[str]
) -> onnx.ModelProto:
    channels = len(stored["w"])

    def value(name: str, count: int) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", count, SIDE, SIDE])

    graph = helper.make_graph(
        nodes,
        "network",
        [value("image", 3)],
        [value(name, channels) for name in outputs],
        [numpy_helper.from_array(array, name) for name, array in stored.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
