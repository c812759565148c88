"""Make `model.onnx` from the ONNX file that `export.py` wrote.

Usage, from the project root:
``python -m models.efficientnet-lite0-stanford-cars.make_weights stanfordcars196_effnetlite0.onnx``

Only the storage changes: constants are folded and weights are stored as float16
(`models/shrink.py`).
"""

import argparse
from pathlib import Path

import onnx

from models.seal import seal
from models.shrink import save

HERE = Path(__file__).parent


def main() -> None:
    arguments = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    arguments.add_argument("source", type=Path)
    save(onnx.load(arguments.parse_args().source), HERE / "model.onnx")
    seal(HERE)


if __name__ == "__main__":
    main()
