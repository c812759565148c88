"""The classifier's ONNX graph: features instead of scores, and another last layer."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from carlens.teach.errors import TeachError
from carlens.teach.unknown import UnknownRule

UNKNOWN = "unknown_score"
"""The output with the score that is high for vehicles of no known class."""

# From this version of the operators on, ReduceMax takes its axes as an input.
_AXES_ARE_INPUTS = 18


class Network:
    """A classifier whose first output is made by a `Gemm`, as most classifiers have it.

    Parameters
    ----------
    weights : bytes
        The ONNX file.

    Attributes
    ----------
    features : str
        The tensor that the last layer takes, of shape (n, `size`).
    size : int

    Raises
    ------
    TeachError
        The last layer is not a `Gemm` of constant weights.
    """

    def __init__(self, weights: bytes) -> None:
        self._model = onnx.load_from_string(weights)
        self._head = self._last_layer()
        self.features = self._head.input[0]
        self.size = self._size()

    def without_head(self) -> bytes:
        """Return the ONNX file of the same network, with the features as its only output."""
        model = self._copy_without_head()
        shape = [None, self.size]
        output = helper.make_tensor_value_info(self.features, TensorProto.FLOAT, shape)
        del model.graph.output[:]
        model.graph.output.append(output)
        return bytes(model.SerializeToString())

    def with_head(
        self,
        weights: NDArray[np.float16],
        bias: NDArray[np.float32],
        rule: UnknownRule | None = None,
    ) -> bytes:
        """Return the ONNX file of the same network with another last layer.

        Parameters
        ----------
        weights : float16 array of shape (classes, size)
            Stored as they are, and computed in float32.
        bias : float32 array of shape (classes,)
        rule : UnknownRule, optional
            Makes the output `unknown_score` of shape (n, 1).
        """
        model = self._copy_without_head()
        graph = model.graph
        graph.initializer.append(numpy_helper.from_array(weights, "taught.weight_half"))
        graph.initializer.append(numpy_helper.from_array(bias, "taught.bias"))
        [output] = graph.output
        graph.node.append(
            helper.make_node(
                "Cast", ["taught.weight_half"], ["taught.weight"], to=TensorProto.FLOAT
            )
        )
        head = [self.features, "taught.weight", "taught.bias"]
        graph.node.append(helper.make_node("Gemm", head, [output.name], transB=1))
        output.type.tensor_type.shape.dim[1].dim_value = len(weights)
        if rule is not None:
            self._add_rule(model, rule, len(weights))
        onnx.checker.check_model(model, full_check=True)
        return bytes(model.SerializeToString())

    def with_body(self, body: onnx.ModelProto) -> Network:
        """Return the same classifier with another network below its last layer.

        Parameters
        ----------
        body : onnx.ModelProto
            The graph of `without_head`, with other weights.
        """
        model = copy.deepcopy(self._model)
        graph = model.graph
        made = {node.output[0] for node in body.graph.node}
        stored = {tensor.name for tensor in body.graph.initializer}
        nodes = [*body.graph.node, *(n for n in graph.node if n.output[0] not in made)]
        tensors = [*body.graph.initializer, *(t for t in graph.initializer if t.name not in stored)]
        for field, kept in ((graph.node, nodes), (graph.initializer, tensors)):
            # Copies, because emptying a field invalidates what is in it.
            kept = [copy.deepcopy(each) for each in kept]
            del field[:]
            field.extend(kept)
        return Network(model.SerializeToString())

    def _add_rule(self, model: onnx.ModelProto, rule: UnknownRule, classes: int) -> None:
        """Compute `UnknownRule.scores` in the graph."""
        graph = model.graph
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
        around = [self.features, name("axes"), name("offsets")]
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

    def _last_layer(self) -> onnx.NodeProto:
        graph = self._model.graph
        last = [node for node in graph.node if node.output[0] == graph.output[0].name]
        others = [output.name for output in graph.output[1:]]
        if others not in ([], [UNKNOWN]) or not last or last[0].op_type != "Gemm":
            raise TeachError(
                "The classifier to start from must have one output, made by a Gemm (a fully "
                "connected layer). Set CARLENS_CLASSIFIER to another classifier."
            )
        head: onnx.NodeProto = last[0]
        return head

    def _size(self) -> int:
        weights = self._head.input[1]
        casts = {node.output[0]: node.input[0] for node in self._model.graph.node}
        shapes = {tensor.name: tensor.dims for tensor in self._model.graph.initializer}
        shape = shapes.get(weights) or shapes.get(casts.get(weights, ""))
        transposed = any(a.name == "transB" and a.i for a in self._head.attribute)
        if shape is None:
            raise TeachError("The last layer of the classifier to start from has no weights.")
        return int(shape[1] if transposed else shape[0])

    def _copy_without_head(self) -> onnx.ModelProto:
        """Keep what makes the features, and the declaration of the first output."""
        model = copy.deepcopy(self._model)
        graph = model.graph
        needed = {self.features}
        nodes: list[onnx.NodeProto] = []
        for node in reversed(graph.node):
            if needed.intersection(node.output):
                nodes.insert(0, node)
                needed.update(node.input)
        constants = [tensor for tensor in graph.initializer if tensor.name in needed]
        del graph.output[1:]
        for field, kept in ((graph.node, nodes), (graph.initializer, constants)):
            # Copies, because emptying a field invalidates what is in it.
            copies = [copy.deepcopy(each) for each in kept]
            del field[:]
            field.extend(copies)
        return model
