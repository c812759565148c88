"""Let a model compute with 8-bit integers: 0.6 times the time and size, nearly the same answers.

Usage, from the project root:
``PYTHONPATH=lambda_src python -m models.quantize models/my-detector PICTURES...``

The model's folder has `float.onnx` with its weights in 32 or 16 bits, and `model.json`, which
describes it. The command writes the file that the manifest names, with its size and hash. PICTURES
are folders, or CSV files as `make teach` takes them, whose held-out pictures are left out: pictures
like those to recognize, which show the range of each layer's values. For a classifier they must
show one vehicle each, or the CSV file gives its box. Its calibration does not change: `make teach`
makes a new one.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import onnx

from carlens.config import Config
from carlens.errors import PictureError
from carlens.images.decoder import read_pixels
from carlens.images.types import Limits, Pixels
from carlens.models.manifest import Manifest, ModelError, build_manifest, parse_manifest
from carlens.models.quantize import BATCH, PICTURES, quantize
from carlens.models.session import Tensor
from carlens.teach.errors import TeachError
from carlens.teach.photos import Photo, list_pictures, read_photos
from carlens.vision.preprocess import fit, to_batch
from models.seal import seal
from models.shrink import load, store_half

SOURCE = "float.onnx"


def read_manifest(folder: Path) -> Manifest:
    """Read the manifest of a model whose ONNX file does not exist yet."""
    document, labels = parse_manifest((folder / "model.json").read_text("utf-8"))
    return build_manifest(document, (folder / labels).read_text("utf-8"))


def list_photos(source: Path) -> list[Photo]:
    """List the pictures of a folder or a CSV file, without those held out."""
    if source.suffix == ".csv":
        return [photo for photo in read_photos(source, ()) if not photo.held_out]
    return list_pictures(source)


def cut(pixels: Pixels) -> list[Pixels]:
    """Return a picture and its quarters, which stand for the tiles of a detector."""
    height, width = pixels.shape[0] // 2, pixels.shape[1] // 2
    starts = [(y, x) for y in (0, height) for x in (0, width)]
    return [pixels, *(pixels[y : y + height, x : x + width] for y, x in starts)]


def read_inputs(photos: Sequence[Photo], manifest: Manifest, count: int) -> list[Pixels]:
    """Read up to `count` inputs of a model, from pictures that are spread over all photos."""
    config = Config()
    limits = Limits(config.max_bytes, config.max_pixels, config.max_side)
    inputs: list[Pixels] = []
    for place in np.random.default_rng(0).permutation(len(photos)):
        photo = photos[place]
        try:
            pixels = read_pixels(photo.path.read_bytes(), limits)
        except PictureError as error:
            print(f"{photo.path}: {error.message}", file=sys.stderr)
            continue
        views = cut(pixels) if manifest.task == "detect" else [_vehicle(pixels, photo)]
        inputs += [fit(view, manifest.input)[0] for view in views]
        if len(inputs) >= count:
            break
    return inputs


def _vehicle(pixels: Pixels, photo: Photo) -> Pixels:
    """Cut a picture to the box of its vehicle, if that is given."""
    if photo.box is None:
        return pixels
    x1, y1, x2, y2 = (max(0, round(edge)) for edge in photo.box)
    found = pixels[y1:y2, x1:x2]
    return found if found.size else pixels


def make(folder: Path, sources: Sequence[Path], keep: Sequence[str]) -> None:
    """Quantize the model in a folder, calibrated on as many pictures of each source."""
    manifest = read_manifest(folder)
    share = PICTURES // len(sources)
    inputs = [
        each for source in sources for each in read_inputs(list_photos(source), manifest, share)
    ]
    if not inputs:
        raise ValueError("No picture to calibrate on could be read.")
    order = np.random.default_rng(0).permutation(len(inputs))

    def batches() -> Iterator[Tensor]:
        for start in range(0, len(order), BATCH):
            chosen = order[start : start + BATCH]
            yield to_batch([inputs[place] for place in chosen], manifest.input)

    print(f"Calibrating on {len(inputs)} inputs", file=sys.stderr)
    model = store_half(quantize(load(folder / SOURCE), batches(), keep=keep))
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, folder / manifest.file)
    seal(folder)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path, help="the model's folder, with float.onnx")
    parser.add_argument("pictures", type=Path, nargs="+", help="folders or CSV files of pictures")
    parser.add_argument(
        "--keep",
        action="append",
        default=[],
        metavar="TEXT",
        help="nodes with this text in their names, and those behind them, stay in floats",
    )
    arguments = parser.parse_args()
    try:
        make(arguments.folder, arguments.pictures, arguments.keep)
    except (ModelError, OSError, TeachError, ValueError) as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
