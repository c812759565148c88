"""Float layers of an ONNX file -> layers that compute with 8-bit integers, and back."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import CalibrationMethod, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.calibrate import TensorsData, save_tensors_data
from onnxruntime.quantization.shape_inference import quant_pre_process

from carlens.models.session import Tensor

PICTURES = 1000
"""How many pictures to calibrate with."""
BATCH = 16
"""Pictures per batch: the range of a value is the mean of the ranges in the batches."""

# The inputs of these are quantized. Other layers take little time and stay in floats.
_LAYERS = ["Conv", "Add", "GlobalAveragePool"]
_RANGES = "ranges.json"

Array = NDArray[Any]


def quantize(
    model: onnx.ModelProto, batches: Iterable[Tensor], *, keep: Sequence[str] = ()
) -> onnx.ModelProto:
    """Let the convolutions of a model compute with 8-bit integers.

    Static quantization: values between layers are unsigned, in the range that the pictures show;
    weights are signed, and scaled for each output channel. The biases are corrected for what the
    rounding of the weights does to the mean of each channel (M. Nagel et al., "Data-Free
    Quantization Through Weight Equalization and Bias Correction", 2019, arXiv:1906.04721).

    Parameters
    ----------
    model : onnx.ModelProto
        With weights in 32 or 16 bits.
    batches : iterable of float32 arrays
        Pictures like those to recognize, in batches of `BATCH`, as the model takes them.
    keep : sequence of str
        Nodes with one of these in their names stay in floats, and so do those behind them.

    Returns
    -------
    onnx.ModelProto
        With the same input and outputs, and the standard operators `QuantizeLinear` and
        `DequantizeLinear`, which ONNX Runtime merges with the layers between them.
    """
    with tempfile.TemporaryDirectory() as folder:
        source, folded = Path(folder, "source.onnx"), Path(folder, "folded.onnx")
        onnx.save(model, source)
        quant_pre_process(source, folded, skip_symbolic_shape=True)
        floats = onnx.load(folded)
        for place, node in enumerate(floats.graph.node):
            node.name = node.name or f"node {place}"
            # ONNX Runtime adds integers with Add, but not with Sum.
            if node.op_type == "Sum" and len(node.input) == 2:
                node.op_type = "Add"
        kept = _behind(floats.graph, keep)
        ranges, means = _measure(floats, batches, kept)
        save_tensors_data(TensorsData(CalibrationMethod.MinMax, ranges), Path(folder, _RANGES))
        rounded = _quantize(floats, kept, Path(folder))
        _correct_biases(floats, dequantize(rounded), means)
        return _quantize(floats, kept, Path(folder))


def dequantize(model: onnx.ModelProto) -> onnx.ModelProto:
    """Undo `quantize`, except that the weights stay rounded and the biases corrected.

    Parameters
    ----------
    model : onnx.ModelProto
        A model in floats stays the same.

    Returns
    -------
    onnx.ModelProto
        With the same input and outputs.
    """
    graph = model.graph
    stored = {tensor.name: tensor for tensor in graph.initializer}
    sources = {n.output[0]: n.input[0] for n in graph.node if n.op_type == "QuantizeLinear"}
    nodes, weights = [], []
    for node in graph.node:
        if node.op_type == "DequantizeLinear" and node.input[0] in sources:
            nodes.append(helper.make_node("Identity", [sources[node.input[0]]], node.output))
        elif node.op_type == "DequantizeLinear":
            weights.append(_floats(node, [numpy_helper.to_array(stored[x]) for x in node.input]))
        elif node.op_type != "QuantizeLinear":
            nodes.append(node)
    used = {name for node in nodes for name in node.input}
    kept = [tensor for tensor in graph.initializer if tensor.name in used]
    floats = helper.make_graph(nodes, graph.name, graph.input, graph.output, [*kept, *weights])
    return helper.make_model(floats, ir_version=model.ir_version, opset_imports=model.opset_import)


def _quantize(floats: onnx.ModelProto, kept: Sequence[str], folder: Path) -> onnx.ModelProto:
    """Quantize with the ranges in the folder."""
    source, target = folder / "floats.onnx", folder / "quantized.onnx"
    onnx.save(floats, source)
    quantize_static(
        source,
        target,
        calibration_cache_path=folder / _RANGES,
        quant_format=QuantFormat.QDQ,
        op_types_to_quantize=_LAYERS,
        per_channel=True,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        nodes_to_exclude=list(kept),
        extra_options={"OpTypesToExcludeOutputQuantization": _LAYERS},
    )
    quantized = onnx.load(target)
    _read_integers(quantized.graph)
    return quantized


def _read_integers(graph: onnx.GraphProto) -> None:
    """Let the float layers read the integers of layers that have them.

    ONNX Runtime merges a convolution with the rounding behind it only if nothing else reads the
    value between them.
    """
    sources = {n.output[0]: n.input[0] for n in graph.node if n.op_type == "QuantizeLinear"}
    rounded = {
        sources[n.input[0]]: n.output[0]
        for n in graph.node
        if n.op_type == "DequantizeLinear" and n.input[0] in sources
    }
    for node in graph.node:
        if node.op_type != "QuantizeLinear":
            node.input[:] = [rounded.get(name, name) for name in node.input]


def _behind(graph: onnx.GraphProto, parts: Sequence[str]) -> list[str]:
    """Name the nodes with one of these parts in their names, and those that depend on them."""
    names, made = [], set[str]()
    for node in graph.node:
        if any(part in node.name for part in parts) or made.intersection(node.input):
            names.append(node.name)
            made.update(node.output)
    return names


def _measure(
    model: onnx.ModelProto, batches: Iterable[Tensor], kept: Sequence[str]
) -> tuple[dict[str, tuple[Array, Array]], dict[str, Array]]:
    """Run a model and watch the values between its layers.

    The graph itself reduces them to a few numbers, which takes a fifth of the time of ONNX
    Runtime's own calibration, and little memory.

    Returns
    -------
    dict of str to (float32, float32)
        The least and the greatest of the values that are to be quantized; means over the batches.
    dict of str to float64 array of shape (channels,)
        The means of what the convolutions take.
    """
    watched = onnx.ModelProto()
    watched.CopyFrom(model)
    graph = watched.graph
    stored = {tensor.name for tensor in graph.initializer}
    taken = sorted({node.input[0] for node in _convolutions(graph)})
    layers = [n for n in graph.node if n.op_type in _LAYERS and n.name not in kept]
    around = sorted({name for node in layers for name in (*node.input, *node.output)} - stored)
    del graph.output[:]
    for operator, names in (
        ("ReduceMin", around),
        ("ReduceMax", around),
        ("GlobalAveragePool", taken),
    ):
        for name in names:
            reduced = f"{operator} of {name}"
            node = helper.make_node(operator, [name], [reduced])
            if operator != "GlobalAveragePool":
                node.attribute.append(helper.make_attribute("keepdims", 0))
            graph.node.append(node)
            graph.output.append(helper.make_tensor_value_info(reduced, TensorProto.FLOAT, None))
    options = ort.SessionOptions()
    # So that the file does not depend on the number of CPUs.
    options.intra_op_num_threads = 1
    # An arena keeps several times the memory that one batch takes.
    options.enable_cpu_mem_arena = False
    session = ort.InferenceSession(
        watched.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    start, rows = graph.input[0].name, []
    for batch in batches:
        found = session.run(None, {start: batch})
        rows.append([value.mean(axis=(0, 2, 3)) if value.ndim else value for value in found])
    means = [np.mean(each, axis=0) for each in zip(*rows, strict=True)]
    count = len(around)
    ranges = zip(means[:count], means[count : 2 * count], strict=True)
    return dict(zip(around, ranges, strict=True)), dict(zip(taken, means[2 * count :], strict=True))


def _correct_biases(
    floats: onnx.ModelProto, rounded: onnx.ModelProto, means: Mapping[str, Array]
) -> None:
    """Subtract from the biases what rounded weights add to the mean of each channel, in place."""
    stored = {tensor.name: tensor for tensor in floats.graph.initializer}
    changed = {tensor.name: tensor for tensor in rounded.graph.initializer}
    found = {node.name: node for node in rounded.graph.node}
    for node in _convolutions(floats.graph):
        data, *names = node.input
        if len(names) < 2:
            continue
        weights, bias = (numpy_helper.to_array(stored[name]) for name in names)
        after = numpy_helper.to_array(changed[found[node.name].input[1]])
        shift = (after - weights).sum(axis=(2, 3), dtype=np.float64)
        groups = next((a.i for a in node.attribute if a.name == "group"), 1)
        inputs = np.repeat(means[data].reshape(groups, -1), len(shift) // groups, axis=0)
        corrected = (bias - (shift * inputs).sum(axis=1)).astype(np.float32)
        # Convolutions with equal biases share one tensor, but not their inputs.
        node.input[2] = f"bias of {node.name}"
        floats.graph.initializer.append(numpy_helper.from_array(corrected, node.input[2]))


def _convolutions(graph: onnx.GraphProto) -> Iterator[onnx.NodeProto]:
    """Yield the convolutions with stored weights."""
    stored = {tensor.name for tensor in graph.initializer}
    return (n for n in graph.node if n.op_type == "Conv" and stored.issuperset(n.input[1:]))


def _floats(node: onnx.NodeProto, inputs: list[Array]) -> onnx.TensorProto:
    """Compute a `DequantizeLinear` of constants."""
    values, scale, *zero = inputs
    axis = next((a.i for a in node.attribute if a.name == "axis"), 1)
    shape = [-1 if place == axis else 1 for place in range(values.ndim)] if scale.size > 1 else []
    offset = zero[0].astype(np.float64).reshape(shape) if zero else 0.0
    result = (values.astype(np.float64) - offset) * scale.reshape(shape)
    return numpy_helper.from_array(result.astype(np.float32), node.output[0])
