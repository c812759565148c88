"""Write the CSV file that `make teach` takes, for the photos that this classifier was trained on.

Usage, from the project root:
``python -m models.efficientnet-lite0-cars.photos_csv PHOTOS > photos.csv``

PHOTOS has one folder per class, named like the class in `labels.txt` (with `-` for `/`). Files
whose names start with `e` are whole scenes; the others are cut to the car, so the box is the
picture. The last fifth of the scenes of a class is held out, and the last five of the others.
"""

import argparse
import csv
import sys
from pathlib import Path

from PIL import Image

LABELS = Path(__file__).with_name("labels.txt")
COLUMNS = ["file", "make", "model", "x1", "y1", "x2", "y2", "name", "held_out"]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("photos", type=Path)
    folder = parser.parse_args().photos.resolve()
    rows = csv.writer(sys.stdout)
    rows.writerow(COLUMNS)
    for line in LABELS.read_text("utf-8").splitlines():
        name, make, model, *_ = line.split("\t")
        paths = sorted((folder / name.replace("/", "-")).iterdir())
        scenes = paths[0].name.startswith("e")
        held_out = len(paths) // 5 if scenes else 5
        for place, path in enumerate(paths):
            box = ["", "", "", ""] if scenes else [0, 0, *Image.open(path).size]
            last = place >= len(paths) - held_out
            rows.writerow([path, make, model, *box, name, "yes" if last else "no"])


if __name__ == "__main__":
    main()
