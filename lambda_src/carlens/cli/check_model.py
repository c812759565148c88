"""Check a model before it is used: `python -m carlens.models.check FILE_OR_FOLDER`.

Prints the inputs and outputs of an ONNX file. If it has no `model.json` yet, guesses its task and
decoder and writes a draft. Then loads the model as the functions do, runs a photo, and saves the
photo with bounding boxes.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from carlens.cli.drawing import draw_boxes
from carlens.config import Config, default_models
from carlens.errors import PictureError
from carlens.images.decoder import read_pixels
from carlens.images.types import Limits, Pixels
from carlens.models.draft import UNKNOWN, OnnxFile
from carlens.models.manifest import Manifest, ModelError
from carlens.models.repository import ModelRepository
from carlens.models.session import OnnxModel
from carlens.storage import FolderStorage
from carlens.vision.classifier import Classifier
from carlens.vision.detector import Detection, DetectOptions, Detector

_PACKAGE = Path(__file__).resolve().parents[1]
_EXAMPLE = _PACKAGE / "web" / "assets" / "unknown.webp"
_PICTURES = Path("build", "check")

# The first bytes of files that are taken for models.
_KINDS = {
    b"%PDF": "a PDF",
    b"PK\x03\x04": "a zip file or a PyTorch model, which must be exported to ONNX",
    b"\x80\x02": "a PyTorch model, which must be exported to ONNX",
    b"\x89PNG": "a PNG picture",
    b"\xff\xd8\xff": "a JPEG picture",
    b"version https://git-lfs": "a Git LFS pointer; run `git lfs pull`",
}


class CheckError(Exception):
    """The model cannot be checked; the message is for the user."""


@dataclass(frozen=True)
class _Place:
    """Where a model is: its folder and its ONNX file."""

    folder: Path
    weights: Path

    @property
    def manifest(self) -> Path:
        return self.folder / "model.json"

    @property
    def labels(self) -> Path:
        return self.folder / "labels.txt"


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command; print an error in one sentence."""
    options = _parser().parse_args(arguments)
    try:
        check(options.model, options.photo, options.output, force=options.force)
    except (CheckError, ModelError) as error:
        sys.exit(f"{str(error).removesuffix('.')}.")
    except PictureError as error:
        sys.exit(f"{options.photo} cannot be used: {error.message}")
    except OSError as error:
        sys.exit(f"{error.filename}: {error.strerror}.")


def check(model: Path, photo: Path, output: Path | None, *, force: bool) -> None:
    """Check a model and print what is found.

    Parameters
    ----------
    model : Path
        An ONNX file, or the folder of a model.
    photo : Path
        The photo to run.
    output : Path or None
        Where to save the photo with bounding boxes; None for `build/check/`, as a PNG file that is
        named like the model's folder.
    force : bool
        Whether to replace files.

    Raises
    ------
    CheckError, ModelError, PictureError, OSError
        The message says what is wrong.
    """
    place = _find(model)
    file = _read_onnx(place.weights)
    for title, ports in (("Inputs", file.inputs), ("Outputs", file.outputs)):
        print(f"{title}:", *(f"  {port}" for port in ports), sep="\n")
    if force or not place.manifest.exists():
        _write_draft(place, file, force=force)
    elif _described_file(place.manifest) != place.weights.name:
        raise CheckError(
            f"{place.manifest} describes another file; move {place.weights.name} to a folder of "
            "its own, or replace the manifest with --force"
        )
    target = output or _PICTURES / f"{place.folder.name}.png"
    if target.suffix.lower() not in Image.registered_extensions():
        raise CheckError(f"{target} must have the suffix of a picture, such as .png")
    if output is not None and output.exists() and not force:
        raise CheckError(f"{output} exists; replace it with --force")
    if not photo.is_file():
        raise CheckError(f"{photo} does not exist")
    pixels = read_pixels(photo.read_bytes(), _limits())
    objects = _run(_load(place), pixels)
    if output is None:
        target.parent.mkdir(parents=True, exist_ok=True)
    _draw(pixels, objects).save(target)
    print(f"Wrote {target}, the photo {photo.name} with bounding boxes.")


def _described_file(manifest: Path) -> str:
    """Return the name of the ONNX file that a manifest describes; empty if it names none."""
    try:
        document = json.loads(manifest.read_text("utf-8"))
    except ValueError as error:
        raise CheckError(f"{manifest} is not JSON: {error}") from error
    return str(document.get("file", "")) if isinstance(document, dict) else ""


def _find(path: Path) -> _Place:
    if path.is_file():
        return _Place(path.resolve().parent, path.resolve())
    if not path.is_dir():
        raise CheckError(f"{path} does not exist; name an ONNX file or the folder of a model")
    folder = path.resolve()
    if (folder / "model.json").is_file() and (name := _described_file(folder / "model.json")):
        if not (folder / name).is_file():
            raise CheckError(f"{path}/model.json names {name}, which does not exist")
        return _Place(folder, folder / name)
    files = sorted(folder.glob("*.onnx"))
    if len(files) != 1:
        names = ", ".join(file.name for file in files)
        raise CheckError(
            f"{path} has several ONNX files; name one of {names}"
            if files
            else f"{path} has no ONNX file, whose name ends in .onnx"
        )
    return _Place(folder, files[0])


def _read_onnx(path: Path) -> OnnxFile:
    weights = path.read_bytes()
    if not weights:
        raise CheckError(f"{path} is empty")
    for start, kind in _KINDS.items():
        if weights.startswith(start):
            raise CheckError(f"{path} is not an ONNX file, but {kind}")
    try:
        return OnnxFile(weights)
    except ModelError as error:
        raise CheckError(f"{path} is not a usable ONNX file: {error}") from error


def _write_draft(place: _Place, file: OnnxFile, *, force: bool) -> None:
    known = place.labels.read_text("utf-8").splitlines() if place.labels.is_file() else None
    try:
        document, guess = file.draft(place.folder.name, place.weights.name, known)
    except ModelError as error:
        raise CheckError(f"{place.weights}: {error}") from error
    if known is None:
        place.labels.write_text("\n".join(_draft_labels(guess.classes)) + "\n", "utf-8")
        print(f"Wrote {place.labels}; replace the names of the classes with those of the model.")
    place.manifest.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", "utf-8")
    if guess.score:
        print(
            f"Output {guess.score} may be the score of unknown vehicles; to use it, add "
            "calibration.unknown to model.json."
        )
    print(
        f"Wrote {place.manifest}, a draft: task {document['task']}, decoder {guess.decoder}. "
        "Compare input.color, input.mean, input.std and input.resize with the training of the "
        f"model, and fill in what is {UNKNOWN.partition(':')[0]}."
    )


def _draft_labels(classes: int | None) -> list[str]:
    """Name classes: those of COCO if there are 80 or if their number is unknown."""
    if classes in (None, 80):
        coco = default_models(_PACKAGE) / Config.detector / "labels.txt"
        return coco.read_text("utf-8").splitlines()
    return [f"class {index}" for index in range(classes or 0)]


def _load(place: _Place) -> OnnxModel:
    repository = ModelRepository(FolderStorage(place.folder.parent))
    manifest = repository.manifest(place.folder.name)
    model = OnnxModel(manifest, repository.weights(manifest), threads=Config.from_env().threads)
    print(f"{manifest.name} {manifest.version} fits its manifest.")
    return model


def _run(model: OnnxModel, pixels: Pixels) -> list[Detection]:
    """Run a photo, print what is found, and return the bounding boxes with their labels."""
    manifest = model.manifest
    height, width = pixels.shape[:2]
    if manifest.task == "classify":
        classifier = Classifier(model)
        whole = Detection(0, 0, width, height, "photo", 1.0)
        [found] = classifier.classify([classifier.crop(pixels, whole)], [None], top_k=5)
        for name, prob in zip(found.names, found.probs, strict=True):
            print(f"  {prob:.2f} {name}")
        if not found.names:
            print("The model does not give numbers for this photo.")
            return []
        print(f"Certain: {found.finest or 'nothing'}")
        return [Detection(0, 0, width, height, found.names[0], found.probs[0])]
    objects = Detector(model).detect(pixels, _options(manifest)).objects
    print(f"{len(objects)} objects:")
    for one in objects:
        box = ", ".join(f"{side:.0f}" for side in (one.x1, one.y1, one.x2, one.y2))
        print(f"  {one.confidence:.2f} {one.class_name} at {box}")
    return objects


def _options(manifest: Manifest) -> DetectOptions:
    thresholds = manifest.thresholds
    return DetectOptions(
        confidence=thresholds.confidence,
        iou=thresholds.iou,
        merge_iou=thresholds.merge_iou,
        min_area=thresholds.min_area,
        slices=thresholds.slices,
        max_objects=100,
    )


def _draw(pixels: Pixels, objects: Sequence[Detection]) -> Image.Image:
    return draw_boxes(
        pixels,
        [
            ((one.x1, one.y1, one.x2, one.y2), f"{one.class_name} {one.confidence:.2f}")
            for one in objects
        ],
    )


def _limits() -> Limits:
    config = Config()
    return Limits(config.max_bytes, config.max_pixels, config.max_side)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m carlens.models.check", description=(__doc__ or "").partition("\n\n")[2]
    )
    parser.add_argument("model", type=Path, help="an ONNX file, or the folder of a model")
    parser.add_argument("--photo", type=Path, default=_EXAMPLE, help="a photo to run")
    parser.add_argument(
        "--output", type=Path, help=f"where to save it (default: {_PICTURES / 'NAME.png'})"
    )
    parser.add_argument("--force", action="store_true", help="replace model.json and the output")
    return parser
