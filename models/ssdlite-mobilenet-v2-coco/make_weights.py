"""Make `model.onnx` from the ONNX file that `convert_tfjs.py` wrote.

Usage, from the project root:
``python -m models.ssdlite-mobilenet-v2-coco.make_weights ssdlite_mobilenet_v2_coco.onnx``

Changes:

- The batch size, fixed at 1 in the source, becomes free, so that a picture's tiles run together.
- The box decoder for one picture is rewritten for a batch, with the same steps in the same order.
- COCO numbers its 80 classes from 1 to 90, with ten gaps. The gaps and the background are removed
  from the weights of the class predictors, so that score column j is line j of `labels.txt`.
- The graph is folded and its weights are stored as float16 (`models/shrink.py`).
"""

import argparse
from pathlib import Path

import numpy as np
import onnx
from onnx import helper, numpy_helper, parser
from onnx.utils import Extractor

from models.seal import seal
from models.shrink import save

HERE = Path(__file__).parent

GAPS = {12, 26, 29, 30, 45, 66, 68, 69, 71, 83}
CLASSES = [number for number in range(1, 91) if number not in GAPS]
"""The 80 of the 91 columns that are classes; column 0 is the background."""

SIDES = "Postprocessor/Decode/get_center_coordinates_and_sizes/unstack"
"""The prefix of four node names. In order of their names, the nodes read ymin, xmin, ymax and xmax
of the 1917 anchors, each of shape [1, 1917], in 0..1."""

HEAD = parser.parse_graph("""
head (float[n, 1917, 1, 4] encodings, float[n, 1917, 80] logits)
    => (float[n, 1917, 4] boxes, float[n, 1917, 80] scores)
    <int64[1] two = {2}, int64[2] two_two = {2, 2}, float tenth = {0.1}, float fifth = {0.2}>
{
    flat = Squeeze(encodings, two)
    shift, stretch = Split<axis = 2>(flat, two_two)
    shift_tenth = Mul(shift, tenth)
    offset = Mul(shift_tenth, anchor_size)
    center = Add(offset, anchor_center)
    stretch_fifth = Mul(stretch, fifth)
    factor = Exp(stretch_fifth)
    half_size = Mul(anchor_half_size, factor)
    low = Sub(center, half_size)
    high = Add(center, half_size)
    boxes = Concat<axis = 2>(low, high)
    scores = Sigmoid(logits)
}
""")
"""The SSD box coder of the TensorFlow object detection library (scales 10, 10, 5, 5), batched."""


def make(source: onnx.ModelProto) -> onnx.ModelProto:
    """Rewrite the converted detector.

    Parameters
    ----------
    source : onnx.ModelProto
        Input `image:0` [1, 300, 300, 3]; an SSD head with 1917 anchors and 91 columns.

    Returns
    -------
    onnx.ModelProto
        Input `image` [n, 300, 300, 3], RGB 0..255; outputs `boxes` [n, 1917, 4], ymin, xmin, ymax,
        xmax as shares of the picture (not clipped to 0..1), and `scores` [n, 1917, 80] in 0..1.
    """
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in source.graph.initializer}
    readers = sorted(
        (n for n in source.graph.node if n.name.startswith(SIDES)), key=lambda n: n.name
    )
    top, left, bottom, right = (constants[node.input[0]].ravel() for node in readers)
    size = np.stack([bottom - top, right - left], axis=1)
    half_size = size * np.float32(0.5)
    constants["anchor_size"] = size
    constants["anchor_half_size"] = half_size
    constants["anchor_center"] = np.stack([top, left], axis=1) + half_size
    constants |= {tensor.name: numpy_helper.to_array(tensor) for tensor in HEAD.initializer}

    extractor = Extractor(onnx.shape_inference.infer_shapes(source))
    body = extractor.extract_model(["image:0"], ["concat:0", "concat_1:0"]).graph
    for node in body.node:
        if node.op_type == "Reshape":
            shape = constants[node.input[1]].copy()
            shape[0] = 0  # the batch size of the input
            shape[shape == 91] = len(CLASSES)
            constants[node.input[1]] = shape
        elif node.name.endswith("/ClassPredictor/BiasAdd"):
            for name in node.input[1:]:
                rows = constants[name].reshape(-1, 91, *constants[name].shape[1:])[:, CLASSES]
                constants[name] = rows.reshape(-1, *constants[name].shape[1:])

    nodes = [*body.node, *HEAD.node]
    names = {"image:0": "image", "concat:0": "encodings", "concat_1:0": "logits"}
    for node in nodes:
        node.input[:] = [names.get(name, name) for name in node.input]
        node.output[:] = [names.get(name, name) for name in node.output]
    used = {name for node in nodes for name in node.input}
    graph = helper.make_graph(
        nodes,
        "ssdlite_mobilenet_v2_coco",
        [helper.make_tensor_value_info("image", onnx.TensorProto.FLOAT, ["n", 300, 300, 3])],
        HEAD.output,
        [numpy_helper.from_array(array, name) for name, array in constants.items() if name in used],
    )
    opset = helper.make_opsetid("", source.opset_import[0].version)
    return helper.make_model(graph, ir_version=source.ir_version, opset_imports=[opset])


def main() -> None:
    arguments = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    arguments.add_argument("source", type=Path)
    save(make(onnx.load(arguments.parse_args().source)), HERE / "model.onnx")
    seal(HERE)


if __name__ == "__main__":
    main()
