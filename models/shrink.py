"""Make an ONNX file smaller and faster to load; inference speed and results stay the same.

Usage, from the project root: ``python -m models.shrink SOURCE.onnx TARGET.onnx``
"""

import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnxruntime

try:
    import onnx
    from onnx import helper, numpy_helper
except ImportError:
    sys.exit("models.shrink needs the package onnx; run `pip install onnx`, or `make check` once.")

SMALLEST = 1024
"""Smaller tensors, and all vectors, stay float32: biases and scales need precision, and save few
bytes."""


def fold(model: onnx.ModelProto) -> onnx.ModelProto:
    """Apply the graph optimizations that ONNX Runtime would otherwise repeat at each load.

    Constants are folded and batch normalization is merged into the convolutions. Only basic
    optimizations are used: they do not depend on the processor, and keep standard operators.

    Parameters
    ----------
    model : onnx.ModelProto
        A model with float32 weights.

    Returns
    -------
    onnx.ModelProto
        A new model with the same inputs and outputs, and fewer nodes.
    """
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "folded.onnx"
        options.optimized_model_filepath = str(target)
        onnxruntime.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
        folded = onnx.load(target)
    used = {node.domain for node in folded.graph.node}
    opsets = [opset for opset in folded.opset_import if opset.domain in used]
    del folded.opset_import[:]
    folded.opset_import.extend(opsets)
    return folded


def store_half(model: onnx.ModelProto) -> onnx.ModelProto:
    """Store large float32 weights as float16.

    A `Cast` turns each of them back to float32, and ONNX Runtime folds it when it loads the
    model, so all arithmetic stays in float32. The only loss is that weights are rounded to 11
    significant bits.

    Parameters
    ----------
    model : onnx.ModelProto
        A model with float32 weights; changed in place.

    Returns
    -------
    onnx.ModelProto
        The same model.

    Raises
    ------
    ValueError
        A weight is too large for float16 (above 65504).
    """
    casts = []
    for tensor in model.graph.initializer:
        is_matrix = len(tensor.dims) > 1 and np.prod(tensor.dims) >= SMALLEST
        if tensor.data_type != onnx.TensorProto.FLOAT or not is_matrix:
            continue
        weights = numpy_helper.to_array(tensor)
        if np.abs(weights).max() > np.finfo(np.float16).max:
            raise ValueError(f"{tensor.name} has weights above 65504; keep this model in float32.")
        name = tensor.name
        tensor.CopyFrom(numpy_helper.from_array(weights.astype(np.float16), f"{name}_half"))
        casts.append(helper.make_node("Cast", [tensor.name], [name], to=onnx.TensorProto.FLOAT))
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    return model


def save(model: onnx.ModelProto, target: Path) -> None:
    """Fold a model, store its weights as float16, check it and write it to `target`."""
    small = store_half(fold(model))
    onnx.checker.check_model(small, full_check=True)
    onnx.save(small, target)


def load(source: Path) -> onnx.ModelProto:
    """Read an ONNX file.

    Raises
    ------
    ValueError
        It does not exist, or is not an ONNX file.
    """
    if not source.is_file():
        raise ValueError(f"{source} does not exist; name an ONNX file.")
    try:
        model = onnx.load(source)
        onnx.checker.check_model(model)
    except FileNotFoundError as error:  # weights that are kept beside the file
        raise ValueError(f"{source} needs a file that does not exist: {error}") from error
    except Exception as error:
        raise ValueError(f"{source} is not an ONNX file.") from error
    return model


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("source", type=Path, help="an ONNX file with float32 weights")
    parser.add_argument("target", type=Path, help="the ONNX file to write")
    arguments = parser.parse_args()
    if not arguments.target.parent.is_dir():
        sys.exit(f"The folder {arguments.target.parent} does not exist; create it first.")
    if arguments.target.is_dir():
        sys.exit(f"{arguments.target} is a folder; name the ONNX file to write.")
    try:
        save(load(arguments.source), arguments.target)
    except ValueError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
