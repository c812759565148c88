"""Make `statistics.npz`: class means and covariance of features, from which `teach` adds classes.

Usage, from the project root:
``PYTHONPATH=lambda_src python -m models.efficientnet-lite0-stanford-cars.make_statistics PHOTOS``

PHOTOS has one folder per class, named like the class in `labels.txt` (with `-` for `/`), with
pictures that are already cut to the car: the training pictures of Stanford Cars. The file has
statistics of features, not pictures.
"""

import argparse
import sys
from pathlib import Path

import numpy as np

from carlens.config import Config
from carlens.images.decoder import read_pixels
from carlens.images.types import Limits
from carlens.teach.features import FeatureExtractor
from carlens.teach.progress import with_progress
from carlens.teach.start import Start
from carlens.teach.statistics import Statistics, dump_statistics
from carlens.vision.detector import Detection

HERE = Path(__file__).parent


def main() -> None:
    arguments = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    arguments.add_argument("photos", type=Path)
    config = Config(classifier=HERE.name, threads=2)
    start = Start.load(config)
    classifier = start.classifier
    labels = {label.name.replace("/", "-"): i for i, label in enumerate(start.labels)}
    extract = FeatureExtractor(classifier.manifest, start.network, threads=2)
    limits = Limits(config.max_bytes, config.max_pixels, config.max_side)
    folder = arguments.parse_args().photos
    paths = [path for path in sorted(folder.glob("*/*")) if path.parent.name in labels]
    if {path.parent.name for path in paths} != set(labels):
        raise SystemExit(f"{folder} lacks the folders of some classes.")
    features = []
    for path in with_progress(paths, sys.stderr):
        pixels = read_pixels(path.read_bytes(), limits)
        whole = Detection(0, 0, pixels.shape[1], pixels.shape[0], "car", 1.0)
        features.append(extract(classifier.crop(pixels, whole)))
    owners = np.array([labels[path.parent.name] for path in paths], np.intp)
    statistics = Statistics.of(np.stack(features), owners, len(labels))
    data = dump_statistics(statistics, classifier.manifest.sha256)
    (HERE / "statistics.npz").write_bytes(data)


if __name__ == "__main__":
    main()
