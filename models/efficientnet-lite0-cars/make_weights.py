"""Make `model.onnx` from `float.onnx`: 8-bit integers, and a new calibration.

Usage, from the project root:
``CARLENS_CLASSIFIER=imagenet PYTHONPATH=lambda_src
python -m models.efficientnet-lite0-cars.make_weights photos.csv other_cars``
with the CSV file that `photos_csv.py` writes and a folder of photos of other cars.

The integers are calibrated on photos that are not held out, and the temperature, the thresholds and
the rule for unknown cars on the held-out ones, all by the code of `make teach FULL=yes`. The
classifier that CARLENS_CLASSIFIER names only says how photos are cut. Writes `model.onnx`,
`statistics.npz`, the diagrams and the `calibration` of `model.json`; the model card with the new
figures is left in `build/teach`.
"""

import argparse
import json
import shutil
import sys
from pathlib import Path
from typing import TextIO

import numpy as np
import onnx
from onnx import numpy_helper

from carlens.config import Config
from carlens.images.process import configure_process
from carlens.teach.head import Head
from carlens.teach.learned import Learned, Material
from carlens.teach.network import Network
from carlens.teach.run import Options, teach
from carlens.teach.split import Split
from carlens.teach.start import Start
from carlens.teach.trained import Trained, quantize_and_measure

HERE = Path(__file__).parent
WORK = Path("build", "teach", HERE.name)
FILES = ["model.onnx", "statistics.npz", "reliability.svg", "coverage.svg"]
FIELDS = ["sha256", "bytes", "calibration"]


def take_trained(
    _options: Options, material: Material, split: Split, start: Start, stream: TextIO
) -> Learned:
    """Take the trained weights in place of a training."""
    weights = (HERE / "float.onnx").read_bytes()
    stored = {
        tensor.name: numpy_helper.to_array(tensor).astype(np.float64)
        for tensor in onnx.load_from_string(weights).graph.initializer
        if tensor.name.startswith("taught.")
    }
    head = Head(stored["taught.weight_half"], stored["taught.bias"])
    trained = Trained(Network(weights), head, "all layers trained with PyTorch (FULL=yes)")
    return quantize_and_measure(trained, material, split, start, stream)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("photos", type=Path, help="a CSV file")
    parser.add_argument("unknown", type=Path, help="a folder of photos of other cars")
    parser.add_argument("--work", type=Path, default=WORK, help=f"default: {WORK}")
    arguments = parser.parse_args()
    configure_process()
    options = Options(
        photos=arguments.photos,
        name=HERE.name,
        only=False,
        work=arguments.work,
        unknown=arguments.unknown,
        full=True,
    )
    target = arguments.work / "model"
    teach(options, Start.load(Config.from_env()), target, sys.stderr, take_trained)
    for name in FILES:
        shutil.copy(target / name, HERE)
    manifest = json.loads((HERE / "model.json").read_text("utf-8"))
    written = json.loads((target / "model.json").read_text("utf-8"))
    manifest |= {field: written[field] for field in FIELDS}
    text = json.dumps(manifest, indent=2, ensure_ascii=False) + "\n"
    (HERE / "model.json").write_text(text, "utf-8")
    print(f"The figures: {target / 'README.md'}")


if __name__ == "__main__":
    main()
