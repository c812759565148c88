"""Recall of the license plate detector, through the code that users run.

    python -m benchmarks.plates FOLDER [--empty FOLDER LIST] [--threshold 0.3] [--plot recall.svg]

FOLDER has pictures (`00001.jpg`) and the plates in them (`00001.txt`, a line `x1 y1 x2 y2` in
pixels for each). LIST names pictures of its folder that have no plates, one on a line; the last
word of a line may name a part, and `--part held-out` measures that part alone.

A plate is found if one region, grown by the margin that users get by default, covers at least 90 %
of it. A region that touches no marked plate is false; where small plates are not marked, some of
these are plates.
"""

from __future__ import annotations

import argparse
import itertools
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from carlens.config import Config
from carlens.images.decoder import read_srgb
from carlens.images.process import configure_process
from carlens.services.anonymize import RedactOptions, Redactor, make_redactor
from carlens.services.recognition_app import RecognitionApp
from carlens.teach.progress import with_progress
from carlens.vision.boxes import Boxes, share_inside
from carlens.vision.regions import Region

COVERED = 0.9
SMALLEST = 16
"""Plates from this width on, in pixels, count in the total."""

WIDTHS = (0, 8, 12, 16, 20, 24, 32, 48, 64, 96, 128, 10_000)


@dataclass(frozen=True)
class Plate:
    """A plate that is in a picture.

    Attributes
    ----------
    file : Path
        The picture.
    width : float
        In pixels.
    found : bool
        Whether a region covers it.
    """

    file: Path
    width: float
    found: bool


@dataclass(frozen=True)
class Measured:
    """The plates in pictures, and the number of regions that touch none."""

    pictures: int
    plates: list[Plate]
    false: int

    def recall(self, low: float, high: float = np.inf) -> float:
        """Return the share of the plates of a width, low <= width < high, that are found."""
        chosen = [one.found for one in self.plates if low <= one.width < high]
        return float(np.mean(chosen)) if chosen else float("nan")

    @property
    def false_regions(self) -> float:
        """The number of false regions in a picture."""
        return self.false / max(self.pictures, 1)


def read_plates(file: Path) -> Boxes:
    """Read the plates of a picture, (x1, y1, x2, y2); none if the file does not exist."""
    lines = file.read_text("utf-8").splitlines() if file.exists() else []
    return np.array([line.split()[:4] for line in lines if line.strip()], np.float32).reshape(-1, 4)


def match(file: Path, regions: Sequence[Region], plates: Boxes) -> tuple[list[Plate], int]:
    """Return the plates of a picture, and the number of its false regions."""
    boxes = np.array([(r.x1, r.y1, r.x2, r.y2) for r in regions], np.float32).reshape(-1, 4)
    # A row for each region, a column for each plate.
    share = np.array([share_inside(plates, box) for box in boxes]).reshape(len(boxes), len(plates))
    found = [
        Plate(file, float(x2 - x1), bool((column >= COVERED).any()))
        for (x1, _, x2, _), column in zip(plates, share.T, strict=True)
    ]
    return found, int((~(share > 0).any(axis=1)).sum())


def measure(redactor: Redactor, files: Iterable[Path]) -> Measured:
    """Find the regions of pictures, and compare them with the plates that are marked."""
    limits = redactor.app.limits
    plates: list[Plate] = []
    false = 0
    files = list(files)
    for file in with_progress(files, sys.stderr):
        pixels, _ = read_srgb(file.read_bytes(), limits)
        regions = redactor.find(pixels)
        some, wrong = match(file, regions, read_plates(file.with_suffix(".txt")))
        plates += some
        false += wrong
    return Measured(len(files), plates, false)


def table(measured: Measured) -> str:
    """Return recall by width in Markdown."""
    rows = ["| width, px | plates | found |", "|---|---|---|"]
    for low, high in itertools.pairwise(WIDTHS):
        count = sum(low <= one.width < high for one in measured.plates)
        if count:
            name = f"{low} to {high}" if high < WIDTHS[-1] else f"from {low}"
            rows.append(f"| {name} | {count} | {measured.recall(low, high):.1%} |")
    return "\n".join(rows)


def plot(measured: Measured) -> str:
    """Return recall by width as an SVG file."""
    width, height, left, bottom = 560, 240, 44, 206
    bins = [
        (low, high, sum(low <= one.width < high for one in measured.plates))
        for low, high in itertools.pairwise(WIDTHS)
    ]
    bins = [one for one in bins if one[2]]
    step = (width - left - 8) / max(len(bins), 1)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        'font-family="sans-serif" font-size="11" fill="#333">',
        f'<rect width="{width}" height="{height}" fill="#fff"/>',
    ]
    for percent in (0, 25, 50, 75, 100):
        y = bottom - percent * 1.8
        parts.append(f'<path d="M{left} {y:g}H{width - 8}" stroke="#ddd"/>')
        parts.append(f'<text x="{left - 6}" y="{y + 4:g}" text-anchor="end">{percent} %</text>')
    for index, (low, high, count) in enumerate(bins):
        share = 100 * measured.recall(low, high)
        x, middle = left + index * step, left + (index + 0.5) * step
        parts.append(
            f'<rect x="{x + 4:.1f}" y="{bottom - share * 1.8:.1f}" width="{step - 8:.1f}" '
            f'height="{share * 1.8:.1f}" fill="{"#2563eb" if low >= SMALLEST else "#94a3b8"}"/>'
        )
        name = f"{low}-{high}" if high < WIDTHS[-1] else f"{low}+"
        parts.append(f'<text x="{middle:.1f}" y="220" text-anchor="middle">{name}</text>')
        parts.append(f'<text x="{middle:.1f}" y="234" text-anchor="middle">n={count}</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"


def empty_files(folder: Path, names: Path, part: str) -> list[Path]:
    """Return the pictures that a list names, or those of a part of it."""
    rows = [line.split() for line in names.read_text("utf-8").splitlines() if line.strip()]
    return [folder / row[0] for row in rows if not part or row[-1] == part]


def main() -> None:
    configure_process()
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path, help="pictures and their plates")
    parser.add_argument("--empty", type=Path, nargs=2, metavar=("FOLDER", "LIST"))
    parser.add_argument("--part", default="", help="of the list of pictures without plates")
    parser.add_argument("--threshold", type=float, help="in place of the manifest's")
    parser.add_argument("--plot", type=Path, help="write recall by width as an SVG file")
    parser.add_argument("--misses", action="store_true", help="name the pictures with misses")
    arguments = parser.parse_args()

    redactor = make_redactor(
        RecognitionApp(Config.from_env()),
        RedactOptions(targets=frozenset({"plates"}), confidence=arguments.threshold),
    )
    manifest = redactor.models["plates"].manifest
    default = manifest.thresholds.confidence
    threshold = default if arguments.threshold is None else arguments.threshold
    files = sorted(p for p in arguments.folder.iterdir() if p.suffix in (".jpg", ".jpeg", ".png"))
    measured = measure(redactor, files)
    print(f"{manifest.name} {manifest.version}, confidence {threshold}, {len(files)} pictures")
    print(
        f"found {measured.recall(SMALLEST):.1%} of the plates from {SMALLEST} px on; "
        f"{measured.false_regions:.2f} regions a picture touch no marked plate\n"
    )
    print(table(measured))
    if arguments.misses:
        for one in measured.plates:
            if one.width >= SMALLEST and not one.found:
                print(f"missed: {one.file.name}, {one.width:.0f} px")
    if arguments.plot:
        arguments.plot.write_text(plot(measured), "utf-8")
    if arguments.empty:
        folder, names = arguments.empty
        empty = measure(redactor, empty_files(folder, names, arguments.part))
        print(
            f"\n{empty.false_regions:.3f} false regions a picture in "
            f"{empty.pictures} pictures without plates"
        )


if __name__ == "__main__":
    main()
