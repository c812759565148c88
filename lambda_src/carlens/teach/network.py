"""The classifier's ONNX graph: features instead of scores, and another last layer."""

from __future__ import annotations

import copy

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from carlens.teach.errors import TeachError

UNKNOWN = "unknown_score"
"""The output with the score that is high for vehicles of no known class."""


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

    def with_head(self, weights: NDArray[np.float16], bias: NDArray[np.float32]) -> bytes:
        """Return the ONNX file of the same network with another last layer.

        Parameters
        ----------
        weights : float16 array of shape (classes, size)
            Stored as they are, and computed in float32.
        bias : float32 array of shape (classes,)
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
        onnx.checker.check_model(model, full_check=True)
        return bytes(model.SerializeToString())

    def with_body(self, body: onnx.ModelProto) -> Network:
        """Return the same classifier with another network below its last layer.

        Parameters
        ----------
        body : onnx.ModelProto
            Takes the input and makes the features, as the graph of `without_head` does.
        """
        model = copy.deepcopy(self._model)
        graph = model.graph
        below = {name for node in self._copy_without_head().graph.node for name in node.output}
        head = [node for node in graph.node if node.output[0] not in below]
        used = {name for node in head for name in node.input}
        tensors = [tensor for tensor in graph.initializer if tensor.name in used]
        _refill(graph, [*body.graph.node, *head], [*body.graph.initializer, *tensors])
        del model.opset_import[:]
        model.opset_import.extend(body.opset_import)
        return Network(model.SerializeToString())

    def body(self) -> onnx.ModelProto:
        """Return the network below the last layer, with the features as its only output."""
        return onnx.load_from_string(self.without_head())

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
        _refill(graph, nodes, constants)
        return model


def _refill(
    graph: onnx.GraphProto, nodes: list[onnx.NodeProto], tensors: list[onnx.TensorProto]
) -> None:
    """Replace the nodes and the stored tensors of a graph."""
    for field, kept in ((graph.node, nodes), (graph.initializer, tensors)):
        # Copies, because emptying a field invalidates what is in it.
        copies = [copy.deepcopy(each) for each in kept]
        del field[:]
        field.extend(copies)
