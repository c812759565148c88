"""The classifier's ONNX graph as a PyTorch module, and back."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import Tensor, nn
from torch.nn import functional

from carlens.teach.errors import TeachError

_EPSILON = 1e-5

_CONSTANTS = frozenset({"Cast", "Constant", "Identity"})


class TrainableNetwork(nn.Module):
    """Everything of a classifier but its last layer, with weights that can be trained.

    An exported graph has its batch normalization folded into the convolutions. `normalize` puts it
    back: training without it is unsteady.

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
        self._sources: dict[str, str] = {}
        self._steps: list[tuple[onnx.NodeProto, Callable[..., Tensor]]] = []
        self.layers = nn.ModuleDict()
        for node in graph.node:
            if node.op_type == "Cast" and node.input[0] in constants:
                self._sources[node.output[0]] = node.input[0]
                constants[node.output[0]] = constants[node.input[0]]
            elif node.op_type == "Constant":
                constants[node.output[0]] = node.attribute[0].t
            else:
                self._steps.append((node, self._operator(node, constants)))
        self._constants = constants

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
        for node, operator in self._steps:
            if isinstance(operator, _Convolution):
                weight, bias = operator.folded()
                values = [weight, bias]
                names = list(node.input[1:])
                if len(names) == 1:
                    names.append(f"{node.output[0]}_bias")
                    node_out = next(n for n in model.graph.node if n.output[0] == node.output[0])
                    node_out.input.append(names[1])
                    tensors[names[1]] = model.graph.initializer.add(name=names[1], data_type=1)
                for name, value in zip(names, values, strict=True):
                    target = tensors[self._sources.get(name, name)]
                    dtype = onnx.helper.tensor_dtype_to_np_dtype(target.data_type)
                    array = value.float().cpu().contiguous().numpy().astype(dtype)
                    target.CopyFrom(numpy_helper.from_array(array, target.name))
        return model

    def _operator(self, node: onnx.NodeProto, constants: dict[str, Any]) -> Callable[..., Tensor]:
        options = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
        arrays = [
            numpy_helper.to_array(constants[name]) if name in constants else None
            for name in node.input
        ]
        if node.op_type == "Conv" and arrays[1] is not None:
            layer = _Convolution(arrays[1], arrays[2] if arrays[2:] else None, options)
            self.layers[str(len(self.layers))] = layer
            return layer
        if node.op_type == "Clip":
            low, high = (float(a) if a is not None else None for a in (arrays + [None, None])[1:3])
            return lambda x: functional.hardtanh(
                x, -math.inf if low is None else low, math.inf if high is None else high
            )
        simple: dict[str, Callable[..., Tensor]] = {
            "Relu": functional.relu,
            "Add": torch.add,
            "HardSwish": functional.hardswish,
            "Sigmoid": torch.sigmoid,
            "Mul": torch.mul,
            "GlobalAveragePool": lambda x: x.mean((2, 3), keepdim=True),
            "Flatten": lambda x: x.flatten(1),
            "Reshape": lambda x: x.flatten(1),
            "Identity": lambda x: x,
        }
        if node.op_type not in simple:
            raise TeachError(
                f"FULL=yes cannot train this classifier: it has the operator {node.op_type}. Teach "
                "it without FULL=yes."
            )
        return simple[node.op_type]


class _Convolution(nn.Module):
    """A convolution, and the batch normalization behind it."""

    def __init__(self, weight: Any, bias: Any, options: dict[str, Any]) -> None:
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
        assert norm.running_mean is not None and norm.running_var is not None
        scale = norm.weight / (norm.running_var + norm.eps).sqrt()
        return self.weight * scale[:, None, None, None], norm.bias - norm.running_mean * scale
