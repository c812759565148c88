"""A loaded model, ready to run."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from carlens.models.manifest import Decoder, Manifest, ManifestError

Tensor = NDArray[np.float32]
TensorShape = tuple[int, ...]


# These drop an activation where the integers behind it already have its range.
_OF_INTEGERS = ["ClipQuantRewrite", "ReluQuantRewrite"]
_CPU = Path("/proc/cpuinfo")


def has_integer_products() -> bool:
    """Return whether the CPU adds up products of 8-bit integers fast and exactly.

    Of x86 CPUs, only those with VNNI do. On others, ONNX Runtime's sums saturate at 16 bits, which
    ruins the results, and exact ones are no faster than floats. So a model of integers computes in
    floats there; its weights stay rounded, and so do values that two layers take.
    """
    if os.uname().machine != "x86_64":
        return True
    try:
        with _CPU.open("rb") as file:
            # The flags of the first CPU.
            return b"vnni" in file.read(8192)
    except OSError:
        return False


class OnnxModel:
    """An ONNX Runtime session that fits its manifest.

    Parameters
    ----------
    manifest : Manifest
        Describes the model.
    weights : bytes
        The ONNX file.
    threads : int
        Threads to run with.

    Attributes
    ----------
    batches : bool
        Whether the model takes several pictures in one run.

    Raises
    ------
    ManifestError
        The manifest does not fit the ONNX file; the message names the field.
    """

    def __init__(self, manifest: Manifest, weights: bytes, *, threads: int) -> None:
        self.manifest = manifest
        self._outputs = manifest.outputs
        integers = has_integer_products()
        try:
            self._session = ort.InferenceSession(
                weights,
                _options(threads, integers=integers),
                providers=["CPUExecutionProvider"],
                disabled_optimizers=[] if integers else _OF_INTEGERS,
            )
        except Exception as error:  # ONNX Runtime's errors share no base class
            raise ManifestError(
                f"{manifest.name}: {manifest.file} is not an ONNX model that "
                f"ONNX Runtime {ort.__version__} can run"
            ) from error
        try:
            self.batches = _check_input(manifest, self._session)
            [node] = self._session.get_inputs()
            self._takes_batch_axis = len(node.shape) == 4
            _check_output_names(manifest, self._session)
            _check_outputs(manifest, self._declared() or self.warm_up())
        except ManifestError as error:
            raise ManifestError(f"{manifest.name}: {error}") from error

    def run(self, batch: Tensor) -> list[Tensor]:
        """Run the model.

        Parameters
        ----------
        batch : float32 array of shape (n, c, h, w) or (n, h, w, c)
            In the manifest's layout.

        Returns
        -------
        list of float32 array, each of first dimension n
            The manifest's `outputs`, in that order. If the model gives some pictures fewer boxes
            than others, NaN fills up their places.
        """
        if self.batches and len(batch) > 1:
            outputs = self._run_at_once(batch)
            if outputs is not None:
                return outputs
            # The file declares a free batch size, but its graph only takes one picture.
            self.batches = False
        if len(batch) == 1:
            return self._run(batch)
        singles = [self._run(batch[i : i + 1]) for i in range(len(batch))]
        return [_concatenate(outputs) for outputs in zip(*singles, strict=True)]

    def warm_up(self) -> list[TensorShape]:
        """Run on a black picture and return the shapes of the outputs.

        Raises
        ------
        ManifestError
            The model fails.
        """
        picture = np.zeros((1, *_shape(self.manifest)), np.float32)
        try:
            return [output.shape for output in self._run(picture)]
        except Exception as error:  # ONNX Runtime's errors share no base class
            raise ManifestError(
                f"input does not fit: the model fails on an input of shape {list(picture.shape)}"
            ) from error

    @property
    def options(self) -> ort.SessionOptions:
        """The options that the session runs with."""
        return self._session.get_session_options()

    def _run(self, batch: Tensor) -> list[Tensor]:
        value = batch if self._takes_batch_axis else batch[0]
        feed = {self.manifest.input.name: value}
        outputs: list[Tensor] = self._session.run(self._outputs, feed)
        return self._with_batch_axis(outputs) if _is_torchvision(self.manifest) else outputs

    def _with_batch_axis(self, outputs: list[Tensor]) -> list[Tensor]:
        """Add the batch axis to the outputs that lack it, and make the labels float32 too."""
        axes = [1 + len(sides) for sides in _output_shapes(self.manifest)]
        return [
            np.asarray(output if output.ndim == rank else output[None], np.float32)
            for output, rank in zip(outputs, axes, strict=True)
        ]

    def _run_at_once(self, batch: Tensor) -> list[Tensor] | None:
        try:
            outputs = self._run(batch)
        except Exception:  # noqa: BLE001 - ONNX Runtime's errors share no base class
            return None
        return outputs if all(len(output) == len(batch) for output in outputs) else None

    def _declared(self) -> list[TensorShape] | None:
        """Return the shapes of the outputs for one picture, if the file declares all of them."""
        [node] = self._session.get_inputs()
        outputs = {node.name: node.shape for node in self._session.get_outputs()}
        declared = [outputs[name] for name in self._outputs]
        # ONNX Runtime gives an undeclared shape as an empty one.
        if _is_torchvision(self.manifest) or not all(declared):
            return None
        sides = [side for shape in (node.shape, *declared) for side in shape[1:]]
        batches = {shape[0] for shape in (node.shape, *declared)}
        known = len(batches) == 1 and all(isinstance(side, int) for side in sides)
        return [(1, *shape[1:]) for shape in declared] if known else None


def _concatenate(outputs: Sequence[Tensor]) -> Tensor:
    """Join the outputs of single pictures; NaN makes them equally long."""
    if len({output.shape for output in outputs}) == 1:
        return np.concatenate(outputs)
    longest = np.max([output.shape for output in outputs], axis=0)
    return np.concatenate(
        [
            np.pad(output, [(0, end) for end in longest - output.shape], constant_values=np.nan)
            for output in outputs
        ]
    )


def _is_torchvision(manifest: Manifest) -> bool:
    """Return whether the model takes pictures one by one, with the outputs of torchvision."""
    return manifest.output.decoder == "torchvision"


def _shape(manifest: Manifest) -> tuple[int, int, int]:
    spec = manifest.input
    if spec.layout == "NCHW":
        return (3, spec.height, spec.width)
    return (spec.height, spec.width, 3)


def _options(threads: int, *, integers: bool) -> ort.SessionOptions:
    options = ort.SessionOptions()
    # Without explicit counts, ONNX Runtime sets CPU affinities, which fails in some sandboxes.
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Otherwise the idle threads of one model keep the CPUs busy while the other model runs.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # An arena makes the first two runs a third slower; later runs gain nothing, because the
    # allocator keeps freed memory anyway.
    options.enable_cpu_mem_arena = False
    options.enable_mem_pattern = False
    options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.log_severity_level = 3
    if not integers:
        options.add_session_config_entry("session.disable_quant_qdq", "1")
        options.add_session_config_entry("session.enable_quant_qdq_cleanup", "1")
    return options


def _check_input(manifest: Manifest, session: Any) -> bool:
    spec = manifest.input
    inputs = {node.name: node for node in session.get_inputs()}
    if spec.name not in inputs:
        raise ManifestError(f"input.name is {spec.name!r}, but the file has {', '.join(inputs)}")
    if len(inputs) > 1:
        raise ManifestError(
            f"input.name: the file must have one input, but has {', '.join(inputs)}"
        )
    node = inputs[spec.name]
    if node.type != "tensor(float)":
        raise ManifestError(f"input.name: {spec.name!r} must be tensor(float), but is {node.type}")
    wanted = _shape(manifest)
    fields = (
        ("layout", "height", "width") if spec.layout == "NCHW" else ("height", "width", "layout")
    )
    if len(node.shape) not in ((3, 4) if _is_torchvision(manifest) else (4,)):
        raise ManifestError(f"input.layout is {spec.layout}, but the file takes {node.shape}")
    for field, want, have in zip(fields, wanted, node.shape[-3:], strict=True):
        if isinstance(have, int) and have != want:
            raise ManifestError(
                f"input.{field} does not fit: the file takes {node.shape}, "
                f"the manifest says {['n', *wanted]}"
            )
    if len(node.shape) == 3:
        return False
    if isinstance(node.shape[0], int) and node.shape[0] != 1:
        raise ManifestError(
            f"input does not fit: the file only takes batches of {node.shape[0]} pictures"
        )
    return not isinstance(node.shape[0], int) and not _is_torchvision(manifest)


def _check_output_names(manifest: Manifest, session: Any) -> None:
    found = {node.name: node.type for node in session.get_outputs()}
    decoded = len(manifest.output.names)
    for index, name in enumerate(manifest.outputs):
        field = "output.names" if index < decoded else "calibration.unknown.output"
        if name not in found:
            raise ManifestError(f"{field} has {name!r}, but the file has {', '.join(found)}")
        wanted = "tensor(int64)" if _is_torchvision(manifest) and index == 1 else "tensor(float)"
        if found[name] != wanted:
            raise ManifestError(f"{field}: {name!r} must be {wanted}, but is {found[name]}")


def _check_outputs(manifest: Manifest, shapes: list[TensorShape]) -> None:
    names = manifest.output.names
    shapes, scores = shapes[: len(names)], shapes[len(names) :]
    for name, shape, wanted in zip(names, shapes, _output_shapes(manifest), strict=True):
        fits = len(shape) == 1 + len(wanted) and all(
            want in (None, have) for want, have in zip((1, *wanted), shape, strict=True)
        )
        if not fits:
            sides = ", ".join("any" if want is None else str(want) for want in wanted)
            raise ManifestError(
                f"output.decoder is {manifest.output.decoder!r} and labels has "
                f"{len(manifest.labels)} classes, so output {name!r} should be [n, {sides}], "
                f"but for one picture it is {list(shape)}"
            )
    if len({shape[1] for shape in shapes}) > 1:
        raise ManifestError("output.names: the outputs differ in their numbers of boxes and scores")
    if scores and scores[0] not in ((1,), (1, 1)):
        raise ManifestError(
            f"calibration.unknown.output: {manifest.outputs[-1]!r} should be [n] or [n, 1], "
            f"but for one picture it is {list(scores[0])}"
        )


def _output_shapes(manifest: Manifest) -> list[tuple[int | None, ...]]:
    """Return the shapes that the decoder takes, without the batch; None for any length."""
    spec, classes = manifest.output, len(manifest.labels)
    points = sum(
        -(-manifest.input.width // stride) * -(-manifest.input.height // stride)
        for stride in spec.strides
    )
    no_object = spec.activation == "softmax"
    shapes: dict[Decoder, list[tuple[int | None, ...]]] = {
        "ssd": [(None, 4), (None, classes)],
        "nanodet": [(points, classes + 4 * (spec.reg_max + 1))],
        "yolox": [(points, 5 + classes)],
        "yolo": [(4 + classes, None)],
        "yolo-end2end": [(None, 6)],
        "detr": [(None, classes + no_object), (None, 4)],
        "torchvision": [(None, 4), (None,), (None,)],
        "centerface": [(5, None, None)],
        "softmax": [(classes,)],
    }
    return shapes[spec.decoder]
