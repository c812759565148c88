"""The classifier's ONNX graph as a PyTorch module, and back."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import numpy_helper
from torch import Tensor, nn
from torch.nn import functional

from carlens.teach.errors import TeachError

_EPSILON = 1e-5

Array = NDArray[Any]
Operator = Callable[..., Tensor]

_OPERATORS: dict[str, Operator] = {
    "Add": torch.add,
    "Flatten": lambda x: x.flatten(1),
    "GlobalAveragePool": lambda x: x.mean((2, 3), keepdim=True),
    "HardSwish": functional.hardswish,
    "Identity": lambda x: x,
    "Mul": torch.mul,
    "Relu": functional.relu,
    # The only reshape of a network that ends in a fully connected layer.
    "Reshape": lambda x: x.flatten(1),
    "Sigmoid": torch.sigmoid,
}


class TrainableNetwork(nn.Module):
    """Everything of a classifier but its last layer, with weights that can be trained.

    An exported graph has its batch normalization folded into the convolutions. `normalize` puts it
    back, because training without it is not stable.

    Parameters
    ----------
    model : onnx.ModelProto
        The classifier without its last layer, with the features as its only output, as
        `carlens.teach.network.Network.without_head` gives it.

    Raises
    ------
    TeachError
        The graph has an operator that cannot be trained here.
    """

    def __init__(self, model: onnx.ModelProto) -> None:
        super().__init__()
        self._model = model
        graph = model.graph
        self._input = graph.input[0].name
        self._output = graph.output[0].name
        constants = {tensor.name: tensor for tensor in graph.initializer}
        self._stored = frozenset(constants)
        # The stored tensor behind the result of a cast: weights are stored in 16 bits.
        self._sources: dict[str, str] = {}
        self._steps: list[tuple[onnx.NodeProto, Operator]] = []
        self.layers = nn.ModuleDict()
        for node in graph.node:
            if node.op_type == "Cast" and node.input[0] in constants:
                self._sources[node.output[0]] = node.input[0]
                constants[node.output[0]] = constants[node.input[0]]
            elif node.op_type == "Constant":
                constants[node.output[0]] = node.attribute[0].t
            else:
                self._steps.append((node, self._operator(node, constants)))

    def forward(self, batch: Tensor) -> Tensor:
        """Return the features, shape (n, size), of a batch of shape (n, 3, side, side)."""
        values = {self._input: batch}
        for node, operator in self._steps:
            values[node.output[0]] = operator(*(values[x] for x in node.input if x in values))
        return values[self._output]

    @torch.no_grad()
    def normalize(self, batches: list[Tensor]) -> None:
        """Put batch normalization behind each convolution, without changing what it computes.

        Parameters
        ----------
        batches : list of tensors
            Typical input; gives the mean and the deviation of each channel.
        """
        self.eval()
        hooks = [
            layer.register_forward_hook(layer.measure)
            for layer in self.layers.values()
            if isinstance(layer, _Convolution)
        ]
        for batch in batches:
            self(batch)
        for hook in hooks:
            hook.remove()
        for layer in self.layers.values():
            if isinstance(layer, _Convolution):
                layer.normalize()

    @torch.no_grad()
    def to_onnx(self) -> onnx.ModelProto:
        """Return the graph with the trained weights, in the type in which they were stored."""
        model = onnx.ModelProto()
        model.CopyFrom(self._model)
        tensors = {tensor.name: tensor for tensor in model.graph.initializer}
        nodes = {node.output[0]: node for node in model.graph.node}
        for node, operator in self._steps:
            if not isinstance(operator, _Convolution):
                continue
            names = list(node.input[1:])
            if len(names) == 1:
                names.append(f"{node.output[0]}.bias")
                nodes[node.output[0]].input.append(names[1])
                tensors[names[1]] = model.graph.initializer.add(
                    name=names[1], data_type=onnx.TensorProto.FLOAT
                )
            for name, value in zip(names, operator.folded(), strict=True):
                target = tensors[self._sources.get(name, name)]
                dtype = onnx.helper.tensor_dtype_to_np_dtype(target.data_type)
                array = value.float().cpu().contiguous().numpy().astype(dtype)
                target.CopyFrom(numpy_helper.from_array(array, target.name))
        return model

    def _operator(self, node: onnx.NodeProto, constants: Mapping[str, Any]) -> Operator:
        arrays = [
            numpy_helper.to_array(constants[name]) if name in constants else None
            for name in node.input
        ]
        weights = [array for array in arrays[1:] if array is not None]
        stored = all(self._sources.get(x, x) in self._stored for x in node.input[1:])
        if node.op_type == "Conv" and stored:
            options = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
            layer = _Convolution(weights[0], weights[1] if weights[1:] else None, options)
            self.layers[str(len(self.layers))] = layer
            return layer
        if node.op_type == "Clip":
            low, high = [*arrays, None, None][1:3]
            return partial(
                functional.hardtanh,
                min_val=-math.inf if low is None else float(low),
                max_val=math.inf if high is None else float(high),
            )
        if node.op_type not in _OPERATORS or (weights and node.op_type != "Reshape"):
            raise TeachError(
                f"FULL=yes cannot train this classifier, because of its operator {node.op_type}. "
                "Teach it without FULL=yes."
            )
        return _OPERATORS[node.op_type]


class _Convolution(nn.Module):
    """A convolution, and the batch normalization behind it.

    Parameters
    ----------
    weight : array of shape (outputs, inputs per group, height, width)
    bias : array of shape (outputs,) or None
    options : Mapping of str to Any
        The attributes of the ONNX node.
    """

    def __init__(self, weight: Array, bias: Array | None, options: Mapping[str, Any]) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.from_numpy(np.array(weight, np.float32)))
        if bias is None:
            bias = np.zeros(len(weight), np.float32)
        self.bias = nn.Parameter(torch.from_numpy(np.array(bias, np.float32)))
        self._groups = int(options.get("group", 1))
        self._stride = tuple(options.get("strides", (1, 1)))
        self._dilation = tuple(options.get("dilations", (1, 1)))
        pads = tuple(options.get("pads", (0, 0, 0, 0)))
        self._same = pads[:2] == pads[2:]
        self._padding = pads
        self.norm: nn.BatchNorm2d | None = None
        self._seen: list[Tensor] = []

    def forward(self, x: Tensor) -> Tensor:
        padding: tuple[int, ...] = self._padding[:2]
        if not self._same:
            top, left, bottom, right = self._padding
            x, padding = functional.pad(x, (left, right, top, bottom)), (0, 0)
        bias = self.bias if self.norm is None else None
        shape = (self._stride, padding, self._dilation, self._groups)
        if self._groups > 1 and x.device.type == "cpu":
            # The gradient of a depthwise convolution in bfloat16 takes longer than the rest of the
            # network together.
            with torch.autocast("cpu", enabled=False):
                y = functional.conv2d(x.float(), self.weight, bias, *shape).to(x.dtype)
        else:
            y = functional.conv2d(x, self.weight, bias, *shape)
        return y if self.norm is None else self.norm(y)

    def measure(self, _module: nn.Module, _inputs: Any, output: Tensor) -> None:
        """Note the mean and the variance of each channel of a batch of outputs."""
        flat = output.float().transpose(0, 1).flatten(1)
        self._seen.append(torch.stack([flat.mean(1), flat.var(1)]))

    def normalize(self) -> None:
        """Add the normalization that leaves the measured outputs as they are."""
        mean, variance = torch.stack(self._seen).mean(0)
        self._seen.clear()
        norm = nn.BatchNorm2d(len(mean), eps=_EPSILON, momentum=0.01)
        deviation = (variance + _EPSILON).sqrt()
        norm.running_mean = mean - self.bias
        norm.running_var = variance.clone()
        norm.weight.copy_(deviation)
        norm.bias.copy_(mean)
        self.bias.requires_grad_(False)
        self.norm = norm

    def folded(self) -> tuple[Tensor, Tensor]:
        """Return the weights and the bias of the same layer without normalization."""
        norm = self.norm
        if norm is None:
            return self.weight, self.bias
        scale = norm.weight / (norm.running_var + norm.eps).sqrt()
        return self.weight * scale[:, None, None, None], norm.bias - norm.running_mean * scale
