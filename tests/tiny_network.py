"""A classifier of three small layers, to train in milliseconds."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from carlens.models.manifest import InputSpec

SIDE, SIZE = 32, 8

SPEC = InputSpec("image", SIDE, SIDE, "NCHW", "RGB", "stretch", (127.0,) * 3, (128.0,) * 3)


def tiny_body(pool: str = "GlobalAveragePool") -> onnx.ModelProto:
    """Return a network without its last layer: its features have the size `SIZE`.

    It has what EfficientNet-Lite has: weights in 16 bits behind a cast, padding that differs on
    both sides, a depthwise convolution, a residual, and a convolution without a bias.
    """
    rng = np.random.default_rng(0)
    weights: dict[str, NDArray[Any]] = {
        "w1": rng.normal(0, 0.3, (SIZE, 3, 3, 3)).astype(np.float16),
        "b1": rng.normal(0, 0.3, SIZE).astype(np.float32),
        "w2": rng.normal(0, 0.3, (SIZE, 1, 3, 3)).astype(np.float16),
        "b2": rng.normal(0, 0.3, SIZE).astype(np.float32),
        "w3": rng.normal(0, 0.3, (SIZE, SIZE, 1, 1)).astype(np.float32),
        "low": np.array(0, np.float32),
        "high": np.array(6, np.float32),
    }
    nodes = [
        *(helper.make_node("Cast", [w], [f"{w}_"], to=TensorProto.FLOAT) for w in ("w1", "w2")),
        helper.make_node("Conv", ["image", "w1_", "b1"], ["c1"], strides=[2, 2], pads=[0, 0, 1, 1]),
        helper.make_node("Clip", ["c1", "low", "high"], ["r1"]),
        helper.make_node("Conv", ["r1", "w2_", "b2"], ["c2"], group=SIZE, pads=[1, 1, 1, 1]),
        helper.make_node("Add", ["c2", "r1"], ["a2"]),
        helper.make_node("Relu", ["a2"], ["r2"]),
        helper.make_node("Conv", ["r2", "w3"], ["c3"]),
        helper.make_node(pool, ["c3"], ["p3"]),
        helper.make_node("Flatten", ["p3"], ["features"]),
    ]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", 3, SIDE, SIDE])],
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["n", SIZE])],
        [numpy_helper.from_array(array, name) for name, array in weights.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
