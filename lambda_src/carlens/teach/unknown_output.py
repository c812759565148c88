"""The rule for unknown vehicles as an output of an ONNX file."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from carlens.teach.network import UNKNOWN
from carlens.teach.unknown import UnknownRule

# From this version of the operators on, ReduceMax takes its axes as an input.
_AXES_ARE_INPUTS = 18


def add_unknown_score(network: bytes, features: str, rule: UnknownRule) -> bytes:
    """Return the ONNX file with the output `unknown_score`, of shape (n, 1), as second one.

    Parameters
    ----------
    network : bytes
        The ONNX file of a classifier; its first output has the logits.
    features : str
        The tensor that the last layer takes.
    rule : UnknownRule
        Its matrices are stored in 16 bits, and computed in float32.
    """
    model = onnx.load_from_string(network)
    graph = model.graph
    classes = graph.output[0].type.tensor_type.shape.dim[1].dim_value
    axes = rule.axes.astype(np.float16)
    constants: dict[str, NDArray[Any]] = {
        "axes_half": axes,
        "offsets": (-axes.astype(np.float64) @ rule.center).astype(np.float32),
        "weights": rule.weights[:, None].astype(np.float32),
        "mean": np.full((classes, 1), 1 / classes, np.float32),
        "logit_weight": np.array([rule.logit_weight], np.float32),
        "last_axis": np.array([1], np.int64),
    }
    opset = next(each.version for each in model.opset_import if not each.domain)
    logits = graph.output[0].name

    def name(tensor: str) -> str:
        return f"unknown.{tensor}"

    def add(kind: str, inputs: list[str], output: str, **attributes: Any) -> None:
        graph.node.append(helper.make_node(kind, inputs, [output], **attributes))

    def add_max(tensor: str, output: str) -> None:
        if opset >= _AXES_ARE_INPUTS:
            add("ReduceMax", [tensor, name("last_axis")], output)
        else:
            add("ReduceMax", [tensor], output, axes=[1])

    add("Cast", [name("axes_half")], name("axes"), to=TensorProto.FLOAT)
    around = [features, name("axes"), name("offsets")]
    add("Gemm", around, name("points"), transB=1)
    add("Mul", [name("points"), name("points")], name("squares"))
    add("MatMul", [name("squares"), name("weights")], name("spread"))
    distance = name("spread")
    if rule.means is not None:
        means = rule.means.astype(np.float16)
        lengths = -0.5 * np.sum(means.astype(np.float64) ** 2, axis=1)
        constants |= {"means_half": means, "lengths": lengths.astype(np.float32)}
        add("Cast", [name("means_half")], name("means"), to=TensorProto.FLOAT)
        near = [name("points"), name("means"), name("lengths")]
        add("Gemm", near, name("nearness"), transB=1)
        add_max(name("nearness"), name("nearest"))
        distance = name("distance")
        add("Sub", [name("spread"), name("nearest")], distance)
    add_max(logits, name("best"))
    add("MatMul", [logits, name("mean")], name("average"))
    add("Sub", [name("best"), name("average")], name("lead"))
    add("Mul", [name("lead"), name("logit_weight")], name("weighted"))
    add("Sub", [distance, name("weighted")], UNKNOWN)
    used = {tensor for node in graph.node for tensor in node.input}
    graph.initializer.extend(
        numpy_helper.from_array(value, name(key))
        for key, value in constants.items()
        if name(key) in used
    )
    batch = graph.output[0].type.tensor_type.shape.dim[0]
    size = batch.dim_param or batch.dim_value or None
    shape = [size, 1]
    graph.output.append(helper.make_tensor_value_info(UNKNOWN, TensorProto.FLOAT, shape))
    onnx.checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString())
