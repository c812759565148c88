"""The network: a small fully convolutional detector with one class and one scale."""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812 - the usual name
from torch import nn

STRIDE = 4
"""Pixels between two points of the output grid."""

MEAN, STD = 127.0, 128.0
LONGEST = 6.5
"""The largest log of a width or height in pixels that the network may answer."""

GROWTH = 1.08
"""The exported boxes are larger than the predicted ones: a plate must not stick out."""


def convolution(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False),
        nn.BatchNorm2d(outputs, momentum=0.05),
        nn.ReLU(inplace=True),
    )


class Residual(nn.Module):
    """Two convolutions and a skip connection (He et al., 2016)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = convolution(channels, channels)
        self.second = nn.Sequential(
            nn.Conv2d(channels, channels, 3, 1, 1, bias=False),
            nn.BatchNorm2d(channels, momentum=0.05),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map [n, c, h, w] to the same shape."""
        return F.relu(x + self.second(self.first(x)))


class PlateNetwork(nn.Module):
    """A feature pyramid (Lin et al., 2017) whose finest level predicts plates as points.

    Dense convolutions at few channels are fast on a CPU, in training and in use.
    """

    def __init__(self) -> None:
        super().__init__()
        channels, repeats, width, head = (16, 24, 48, 96, 128), (1, 2, 2, 1), 48, 32
        self.stem = convolution(3, channels[0], 2)
        self.stages = nn.ModuleList(
            nn.Sequential(
                convolution(channels[i], channels[i + 1], 2),
                *(Residual(channels[i + 1]) for _ in range(repeats[i])),
            )
            for i in range(4)
        )
        self.laterals = nn.ModuleList(
            nn.Conv2d(channels[i + 1], width if i else head, 1) for i in range(4)
        )
        self.reduce = nn.Conv2d(width, head, 1)
        self.merge16 = convolution(width, width)
        self.merge8 = convolution(width, width)
        self.merge4 = convolution(head, head)
        self.tower = convolution(head, head)
        self.output = nn.Conv2d(head, 5, 1)
        nn.init.normal_(self.output.weight, std=0.01)
        with torch.no_grad():
            self.output.bias.copy_(torch.tensor([-4.6, 0.0, 0.0, 3.4, 2.2]))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map a batch [n, 3, 4 h, 4 w] to [n, 5, h, w].

        The channels: a logit; the offset x, y of the plate's center from the point, in strides;
        the log of its width and height in pixels.
        """
        x = self.stem(x)
        kept = []
        for stage, lateral in zip(self.stages, self.laterals, strict=True):
            x = stage(x)
            kept.append(lateral(x))
        y = self.merge16(kept[2] + F.interpolate(kept[3], scale_factor=2.0))
        y = self.merge8(kept[1] + F.interpolate(y, scale_factor=2.0))
        y = self.merge4(kept[0] + F.interpolate(self.reduce(y), scale_factor=2.0))
        result: torch.Tensor = self.output(self.tower(y))
        return result


def boxes(output: torch.Tensor) -> torch.Tensor:
    """Return center x, y, width and height [n, 4, h, w] in pixels of the input."""
    rows = (torch.arange(output.shape[2], device=output.device) + 0.5) * STRIDE
    columns = (torch.arange(output.shape[3], device=output.device) + 0.5) * STRIDE
    x = output[:, 1:2] * STRIDE + columns
    y = output[:, 2:3] * STRIDE + rows[:, None]
    return torch.cat((x, y, output[:, 3:5].clamp(0, LONGEST).exp()), 1)


class Exported(nn.Module):
    """The network with the output of the `yolo` decoder: [n, 5, p], in pixels and 0..1."""

    def __init__(self, network: PlateNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map a batch [n, 3, 4 h, 4 w] to the answers of its h w points."""
        output = self.network(x)
        found = boxes(output)
        parts = (found[:, :2], found[:, 2:] * GROWTH, output[:, :1].sigmoid())
        return torch.cat(parts, 1).flatten(2)
