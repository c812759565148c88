"""Export the trained classifier to the ONNX file that `make_weights.py` reads.

Usage: ``python export.py weights.pth stanfordcars196_effnetlite0.onnx``

Needs packages that the project does not install, in a separate environment:
``pip install torch onnx efficientnet_lite_pytorch``.
"""

import argparse
from pathlib import Path

import torch
from efficientnet_lite_pytorch import EfficientNet
from torch import nn

CLASSES = 196


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("source", type=Path, help="the weights that train.py wrote")
    parser.add_argument("target", type=Path, help="the ONNX file to write")
    arguments = parser.parse_args()
    model = EfficientNet.from_name("efficientnet-lite0")
    model._fc = nn.Linear(model._fc.in_features, CLASSES)
    model.load_state_dict(torch.load(arguments.source, weights_only=True))
    torch.onnx.export(
        model.eval(),
        (torch.zeros(1, 3, 224, 224),),
        str(arguments.target),
        input_names=["input"],
        output_names=["logits"],
        opset_version=17,
        dynamic_axes={"input": {0: "n"}, "logits": {0: "n"}},
        dynamo=False,
    )


if __name__ == "__main__":
    main()
