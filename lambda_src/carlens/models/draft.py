"""An ONNX file -> a first `model.json` for it; what the file does not show is guessed."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnxruntime as ort

from carlens.models.manifest import ModelError

Json = dict[str, Any]
Side = int | str | None

UNKNOWN = "unknown: please fill in"

# Tried in this order where the file takes pictures of any size.
_SIZES = (640, 416, 320, 224)
_IMAGENET = {"mean": [123.675, 116.28, 103.53], "std": [58.395, 57.12, 57.375]}
_IMAGENET_BGR = {"mean": [103.53, 116.28, 123.675], "std": [57.375, 57.12, 58.395]}
_PLAIN = {"mean": [0.0, 0.0, 0.0], "std": [1.0, 1.0, 1.0]}
_UNIT = {"mean": [0.0, 0.0, 0.0], "std": [255.0, 255.0, 255.0]}
_LETTERBOX = {"resize": "letterbox", "pad": 114}
# How models with these outputs are usually trained.
_PREPROCESSING: dict[str, Json] = {
    "ssd": {"color": "RGB", "resize": "stretch", **_PLAIN},
    "nanodet": {"color": "BGR", "resize": "stretch", **_IMAGENET_BGR},
    "yolox": {"color": "BGR", **_LETTERBOX, "align": "top_left", **_PLAIN},
    "yolo": {"color": "RGB", **_LETTERBOX, **_UNIT},
    "yolo-end2end": {"color": "RGB", **_LETTERBOX, **_UNIT},
    "detr": {"color": "RGB", "resize": "stretch", **_UNIT},
    "torchvision": {"color": "RGB", "resize": "letterbox", "pad": 0, **_UNIT},
    "softmax": {"color": "RGB", "resize": "stretch", "interpolation": "area", **_IMAGENET},
}


class DraftError(ModelError):
    """The file cannot be described; the message says why."""


@dataclass(frozen=True)
class Port:
    """An input or output of an ONNX file.

    Attributes
    ----------
    name, kind : str
        The kind is such as `tensor(float)`.
    shape : tuple of int, str or None
        A side that is not a number may have any length.
    """

    name: str
    kind: str
    shape: tuple[Side, ...]

    def __str__(self) -> str:
        sides = ", ".join("?" if side is None else str(side) for side in self.shape)
        return f"{self.name}: {self.kind} [{sides}]"


@dataclass(frozen=True)
class Guess:
    """What the outputs of a file look like.

    Attributes
    ----------
    output : dict
        For the manifest.
    classes : int or None
        None where the outputs do not show the number of classes.
    score : str
        A classifier's output that may be the score of unknown vehicles; empty if there is none.
    """

    output: Json
    classes: int | None
    score: str = ""

    @property
    def decoder(self) -> str:
        """The decoder's name."""
        return str(self.output["decoder"])


class OnnxFile:
    """An ONNX file that nothing is known about.

    Parameters
    ----------
    weights : bytes

    Attributes
    ----------
    inputs, outputs : list of Port

    Raises
    ------
    DraftError
        ONNX Runtime cannot read it.
    """

    def __init__(self, weights: bytes) -> None:
        self._weights = weights
        options = ort.SessionOptions()
        options.log_severity_level = 4
        try:
            self._session = ort.InferenceSession(
                weights, options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # ONNX Runtime's errors share no base class
            reason = str(error).strip().partition("\n")[0]
            raise DraftError(f"ONNX Runtime {ort.__version__} cannot read it: {reason}") from error
        self.inputs = [_port(node) for node in self._session.get_inputs()]
        self.outputs = [_port(node) for node in self._session.get_outputs()]

    def draft(
        self, name: str, file: str, labels: Sequence[str] | None = None
    ) -> tuple[Json, Guess]:
        """Write a manifest for the file.

        Parameters
        ----------
        name, file : str
            Of the model's folder and of the ONNX file in it.
        labels : sequence of str, optional
            The classes, if they are known.

        Returns
        -------
        dict
            The `model.json`.
        Guess

        Raises
        ------
        DraftError
            The input is not a picture, or no decoder fits the outputs.
        """
        layout, sizes = _picture(self.inputs)
        size, outputs = self._try(layout, sizes)
        guess = guess_output(self.outputs, outputs, size, len(labels) if labels else None)
        detects = guess.decoder != "softmax"
        document = {
            "name": name,
            "version": "1.0.0",
            "task": "detect" if detects else "classify",
            "file": file,
            "sha256": hashlib.sha256(self._weights).hexdigest(),
            "bytes": len(self._weights),
            **dict.fromkeys(("license", "source", "trained_on", "limits"), UNKNOWN),
            "input": {
                "name": self.inputs[0].name,
                "width": size[0],
                "height": size[1],
                "layout": layout,
                **_PREPROCESSING[guess.decoder],
            },
            "output": guess.output,
            "labels": "labels.txt",
            "thresholds": {"confidence": 0.4 if detects else 0.5},
        }
        return document, guess

    def _try(
        self, layout: str, sizes: Sequence[tuple[int, int]]
    ) -> tuple[tuple[int, int], list[np.ndarray[Any, Any]]]:
        """Run on a gray picture of the first size that the file takes."""
        [port] = self.inputs
        for width, height in sizes:
            shape = (3, height, width) if layout == "NCHW" else (height, width, 3)
            batch = np.full((1, *shape) if len(port.shape) == 4 else shape, 0.5, np.float32)
            try:
                return (width, height), self._session.run(None, {port.name: batch})
            except Exception as error:  # noqa: BLE001 - ONNX Runtime's errors share no base class
                reason = str(error).strip().partition("\n")[0]
        raise DraftError(f"the model fails on a picture of {sizes[-1]}: {reason}")


def guess_output(
    ports: Sequence[Port],
    values: Sequence[np.ndarray[Any, Any]],
    size: tuple[int, int],
    labels: int | None = None,
) -> Guess:
    """Guess the decoder from the outputs for one picture.

    Parameters
    ----------
    ports : sequence of Port
    values : sequence of arrays
        The output of each.
    size : tuple of int
        Width and height of the input.
    labels : int, optional
        The number of classes, if it is known.

    Raises
    ------
    DraftError
        No decoder fits.
    """
    found = dict(zip((port.name for port in ports), values, strict=True))
    guess = (
        _one_output(*next(iter(found.items())), size)
        if len(found) == 1
        else _several_outputs(found, labels)
    )
    if guess is None:
        shapes = ", ".join(f"{name} {list(value.shape)}" for name, value in found.items())
        raise DraftError(
            f"no decoder fits the outputs, for one picture {shapes}; models/README.md lists the "
            "decoders with their outputs"
        )
    return guess


def _one_output(name: str, value: np.ndarray[Any, Any], size: tuple[int, int]) -> Guess | None:
    def guess(decoder: str, classes: int | None, **more: Any) -> Guess | None:
        output = {"decoder": decoder, "names": [name], **more}
        return Guess(output, classes) if classes is None or classes > 0 else None

    if value.dtype != np.float32 or value.ndim not in (2, 3) or value.shape[0] != 1:
        return None
    if value.ndim == 2:
        return guess("softmax", value.shape[1])
    _, rows, columns = value.shape
    for strides in ((8, 16, 32), (8, 16, 32, 64)):
        if rows == _points(size, strides):
            if len(strides) == 3:
                return guess("yolox", columns - 5, strides=list(strides))
            return guess("nanodet", columns - 32, strides=list(strides), reg_max=7)
    if columns == 6:
        return guess("yolo-end2end", None)
    return guess("yolo", rows - 4) if rows < columns else None


def _several_outputs(found: Mapping[str, np.ndarray[Any, Any]], labels: int | None) -> Guess | None:
    floats = {name: value for name, value in found.items() if value.dtype == np.float32}
    whole = [name for name, value in found.items() if value.dtype == np.int64]
    scores_of_one = [name for name, value in floats.items() if value.shape in ((1,), (1, 1))]
    if len(found) == 2 and len(scores_of_one) == 1:
        [score] = scores_of_one
        [(name, value)] = [item for item in found.items() if item[0] != score]
        if value.dtype == np.float32 and value.ndim == 2 and value.shape[0] == 1:
            return Guess({"decoder": "softmax", "names": [name]}, value.shape[1], score)
    boxes = [name for name, value in floats.items() if value.ndim >= 2 and value.shape[-1] == 4]
    others = [name for name in floats if name not in boxes]
    if len(boxes) != 1 or len(others) != 1:
        return None
    if len(whole) == 1 and floats[others[0]].ndim == floats[boxes[0]].ndim - 1:
        return Guess({"decoder": "torchvision", "names": [boxes[0], whole[0], others[0]]}, None)
    scores = floats[others[0]]
    if scores.ndim != 3 or scores.shape[:2] != floats[boxes[0]].shape[:2]:
        return None
    classes = scores.shape[2]
    if scores.min() >= 0 and scores.max() <= 1:
        return Guess({"decoder": "ssd", "names": [boxes[0], others[0]]}, classes)
    # The original DETR has one more class, for no object; later ones have independent classes.
    softmax = classes == (92 if labels is None else labels + 1)
    output = {
        "decoder": "detr",
        "names": [others[0], boxes[0]],
        "activation": "softmax" if softmax else "sigmoid",
    }
    return Guess(output, classes - softmax)


def _points(size: tuple[int, int], strides: Sequence[int]) -> int:
    return sum(math.ceil(size[0] / stride) * math.ceil(size[1] / stride) for stride in strides)


def _picture(inputs: Sequence[Port]) -> tuple[str, list[tuple[int, int]]]:
    """Find the layout of the input, and the sizes that it may have."""
    if len(inputs) != 1:
        raise DraftError(f"it must have one input, the picture, but has {len(inputs)}")
    [port] = inputs
    if port.kind != "tensor(float)" or len(port.shape) not in (3, 4):
        raise DraftError(
            f"its input must be float32 with four axes (batch, and a picture's), but is {port}"
        )
    first, second, third = port.shape[-3:]
    layout = "NHWC" if third == 3 and first != 3 else "NCHW"
    channels, height, width = (third, first, second) if layout == "NHWC" else (first, second, third)
    if isinstance(channels, int) and channels != 3:
        raise DraftError(f"its input must be a picture with three channels, but is {port}")
    sizes = [
        (width if isinstance(width, int) else any_, height if isinstance(height, int) else any_)
        for any_ in _SIZES
    ]
    return layout, list(dict.fromkeys(sizes))


def _port(node: Any) -> Port:
    return Port(node.name, node.type, tuple(node.shape))
