"""Teach the classifier your cars: `python -m carlens.teach PHOTOS --name my-cars`."""

from __future__ import annotations

import argparse
import importlib
import sys
import time
from pathlib import Path

from carlens.config import Config
from carlens.images.process import configure_process
from carlens.models.manifest import ModelError

_DESCRIPTION = """\
Teach the classifier your cars, on this computer, without a GPU.

PHOTOS is a folder with one folder per model, either

    PHOTOS/Renault Clio/photo.jpg       or      PHOTOS/Renault/Clio/photo.jpg

or a CSV file with the columns file,make,model or file,make,model,x1,y1,x2,y2. Paths are relative to
the CSV file; the box is in pixels of the upright photo. Two more columns may follow: name, the full
name of a variant of the model, and held_out (yes or no), which chooses the photos that --full
measures on. Any picture that Carlens reads will do, of any size. Without a box, the largest car,
truck or bus in the photo is taken. Each class needs photos of at least 2 different cars; 10 or more
are recommended.

The new classes are added to those of the classifier that CARLENS_CLASSIFIER names (by default the
one that comes with Carlens); with --only they stand alone.

With --full, the whole network is trained with PyTorch, on the CPU or an NVIDIA GPU, which takes
minutes to hours; an estimate is printed first. The result knows only the classes that have photos:
the others of the classifier to start from are left out. It is measured on the last fifth of the
photos of each class, which it is not trained on. A checkpoint is written after each epoch.

It writes models/NAME/ with the model, its labels, its manifest and a model card with measured
accuracy, and build/teach/NAME/report.html with the findings of its checks. It never deletes or
moves a photo. A run that is interrupted continues where it was when it is started again.

An answer is certain if at least 95 % of such answers were right on held-out photos. Vehicles of
other models are recognized as unknown by a rule that is chosen on held-out photos whose model is
left out, or better on photos of other vehicles: name their folder with --unknown.

Use the result with CARLENS_CLASSIFIER=NAME make serve.
"""


_MOST_EPOCHS = 1000

_EXTRAS = {"onnx": "teach", "torch": "full"}


def main(arguments: list[str] | None = None) -> int:
    """Run the command; return 0, 1 if something cannot be read or written, or 2 for bad input."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.epochs and not options.full:
        parser.error("--epochs needs --full")
    try:
        return _run(options)
    except ImportError as error:
        if error.name not in _EXTRAS:
            raise
        extra = _EXTRAS[error.name]
        return _fail(f"The package {error.name} is missing: pip install 'carlens[{extra}]'.", 1)
    except (ModelError, ValueError) as error:
        return _fail(str(error), 2)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        return _fail(f"{where}{error.strerror or error}. Nothing was overwritten.", 1)
    except KeyboardInterrupt:
        return _fail("\nInterrupted. Run the command again to continue.", 130)


def _run(options: argparse.Namespace) -> int:
    from carlens.teach.errors import TeachError
    from carlens.teach.output import check_target
    from carlens.teach.progress import format_seconds
    from carlens.teach.run import Options, teach
    from carlens.teach.start import Start

    if options.full:
        # Before any work, because PyTorch may be missing.
        importlib.import_module("carlens.teach.full")
    configure_process()
    started = time.monotonic()
    config = Config.from_env()
    try:
        start = Start.load(config)
        target = check_target(
            Path(config.models),
            options.name,
            in_use=frozenset({config.detector, config.classifier}),
            force=options.force,
        )
        chosen = Options(
            photos=options.photos,
            name=options.name,
            only=options.only,
            work=options.work / options.name,
            unknown=options.unknown,
            full=options.full,
            epochs=options.epochs,
        )
        result = teach(chosen, start, target, sys.stderr)
    except TeachError as error:
        return _fail(str(error), 2)
    print(f"Report: {chosen.work / 'report.html'}")
    print(f"Model:  {target} (card: {target / 'README.md'})")
    print(f"Try it: CARLENS_CLASSIFIER={options.name} make serve")
    print(
        f"top-1={100 * result.top1:.1f} top-5={100 * result.top5:.1f} make={100 * result.make:.1f} "
        f"certain={100 * result.certain / result.photos:.1f} "
        f"({result.photos} held-out photos, {format_seconds(time.monotonic() - started)})"
    )
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m carlens.teach",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("photos", type=Path, metavar="PHOTOS", help="a folder or a CSV file")
    add("--name", required=True, help="the name of the new model, such as my-cars")
    add("--only", action="store_true", help="teach only these classes, and forget the others")
    add(
        "--unknown",
        type=Path,
        metavar="FOLDER",
        help="photos of other vehicles: half choose what counts as unknown, half measure it",
    )
    add("--full", action="store_true", help="train the whole network, not only its last layer")
    add(
        "--epochs",
        type=_epochs,
        help="with --full: passes over all photos (default: 20, more for few photos)",
    )
    add("--force", action="store_true", help="replace the model of this name")
    add(
        "--work",
        type=Path,
        default=Path("build", "teach"),
        help="the folder for the report and for interrupted runs (default: build/teach)",
    )
    return parser


def _epochs(text: str) -> int:
    epochs = int(text)
    if not 1 <= epochs <= _MOST_EPOCHS:
        raise argparse.ArgumentTypeError(f"must be 1 to {_MOST_EPOCHS}, not {epochs}")
    return epochs


def _fail(message: str, status: int) -> int:
    print(message, file=sys.stderr)
    return status


if __name__ == "__main__":
    sys.exit(main())
