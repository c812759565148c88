"""How the accuracy of a taught classifier grows with the photos of each class.

    python -m benchmarks.teach PHOTOS --known FOLDER --unknown FOLDER
    python -m benchmarks.teach PHOTOS --full 10 40 [--epochs N]

PHOTOS is what `make teach` takes. The optional folders are the training pictures of the classifier
to start from, one folder per class and already cut to the car, and photos of cars that are in none
of the classes. With --full, the whole network is trained on these numbers of photos of each class,
and compared with the quick head; a run that is killed continues.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from carlens.config import Config
from carlens.images.decoder import read_shape
from carlens.images.types import Limits
from carlens.teach.base import Base
from carlens.teach.calibration import probabilities
from carlens.teach.evaluation import Evaluation, evaluate
from carlens.teach.examples import stack_features
from carlens.teach.features import Features
from carlens.teach.folds import assign_folds
from carlens.teach.head import fit_head
from carlens.teach.holdout import split
from carlens.teach.photos import Photo
from carlens.teach.run import load_photos, read_examples, select_examples
from carlens.teach.start import Start
from carlens.teach.statistics import Statistics

COUNTS = (2, 5, 10, 20, 40, 1000)
SEEDS = 3
HELD_OUT = 5
"""Pictures of each known class, the last ones by file name."""

WORK = Path("build", "benchmarks", "teach")


@dataclass(frozen=True)
class Known:
    """Pictures of the classes that the classifier knows; those held out are in no statistics."""

    statistics: Statistics
    features: Features
    labels: NDArray[np.intp]


def draw(
    labels: NDArray[np.intp], allowed: NDArray[np.bool_], count: int, seed: int
) -> NDArray[np.intp]:
    """Draw up to `count` allowed photos of each class."""
    shuffled = np.random.default_rng(seed).permutation(np.flatnonzero(allowed))
    return np.concatenate([shuffled[labels[shuffled] == k][:count] for k in np.unique(labels)])


def read_known(folder: Path, start: Start) -> Known:
    """Read the pictures of the known classes."""
    config = start.config
    limits = Limits(config.max_bytes, config.max_pixels, config.max_side)
    places = {label.name.replace("/", "-"): i for i, label in enumerate(start.labels)}
    photos, owners = [], []
    for path in sorted(folder.glob("*/*")):
        if path.parent.name in places:
            shape = read_shape(path.read_bytes(), limits)
            box = (0.0, 0.0, float(shape.width), float(shape.height))
            photos.append(Photo(path, "", path.parent.name, box))
            owners.append(places[path.parent.name])
    examples, rejected = read_examples(photos, start, WORK / "known", sys.stderr)
    if rejected:
        raise SystemExit(f"{rejected[0].photo.path}: {rejected[0].reason}")
    features, labels = stack_features(examples), np.array(owners, np.intp)
    left = np.bincount(labels)[labels] - np.array(
        [np.sum(labels[:i] == label) for i, label in enumerate(labels)]
    )
    held_out = left <= HELD_OUT
    statistics = Statistics.of(features[~held_out], labels[~held_out], len(places))
    return Known(statistics, features[held_out, 0], labels[held_out])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else "")
    parser.add_argument("photos", type=Path, help="a folder or a CSV file of new classes")
    parser.add_argument("--known", type=Path, help="pictures of the known classes")
    parser.add_argument("--unknown", type=Path, help="photos of cars in none of the classes")
    parser.add_argument("--full", type=int, nargs="+", metavar="N", help="train the whole network")
    parser.add_argument("--epochs", type=int, help="of --full; the default is that of make teach")
    options = parser.parse_args()
    if options.full:
        measure_full(options.photos, options.full, options.epochs)
        return

    start = Start.load(Config.from_env())
    examples, rejected = read_examples(
        load_photos(options.photos, start), start, WORK / "new", sys.stderr
    )
    taught, _ = select_examples(examples, rejected, start, options.photos)
    features, labels = stack_features(taught.examples), taught.labels
    folds = assign_folds(labels, taught.groups)
    known = read_known(options.known, start) if options.known else None
    statistics = known.statistics if known else start.statistics
    if statistics is None:
        raise SystemExit(f"{start.config.classifier} has no statistics.npz.")
    unknown = None
    if options.unknown:
        photos = [Photo(p, "", p.stem) for p in sorted(options.unknown.rglob("*")) if p.is_file()]
        found, _ = read_examples(photos, start, WORK / "unknown", sys.stderr)
        unknown = stack_features(found)[:, 0]

    curve = Curve(features, labels, folds, statistics, known, unknown)
    print(
        f"{len(labels)} of {len(examples)} photos used, {len(taught.classes)} classes\n"
        "photos a class: added: top-1, top-5, certain, of these right; known classes: top-1; "
        "unknown cars: certain; alone: top-1, top-5"
    )
    if known:
        before = fit_head(statistics).scores(known.features).argmax(axis=1) == known.labels
        print(f"0: known classes: {100 * before.mean():.1f}")
    for count in COUNTS:
        seeds = range(SEEDS if count < COUNTS[-1] else 1)
        figures = np.nanmean([curve.measure(count, seed) for seed in seeds], axis=0)
        print(f"{count}: {' '.join(f'{100 * value:.1f}' for value in figures)}", flush=True)


def measure_full(source: Path, counts: list[int], epochs: int | None) -> None:
    """Train the whole network on some photos of each class; measure on the last fifth."""
    from carlens.teach.full import Job, fine_tune

    start = Start.load(Config.from_env())
    examples, rejected = read_examples(
        load_photos(source, start), start, WORK / "new", sys.stderr, keep_crops=True
    )
    taught, _ = select_examples(examples, rejected, start, source)
    features, labels = stack_features(taught.examples), taught.labels
    names = tuple(label.name for label in taught.classes)
    makes = tuple(label.make for label in taught.classes)
    marked = [example.photo.held_out for example in taught.examples]
    whole = split(labels, taught.groups, marked, names)
    allowed = np.isin(np.arange(len(labels)), whole.train)
    base = Base(start.statistics, np.arange(len(names)), alone=True)
    print(
        f"{len(names)} classes, {len(whole.held_out)} photos held out\n"
        "photos a class: full: top-1, top-5, certain, of these right; quick head: the same"
    )
    for count in counts:
        train = np.sort(draw(labels, allowed, count, seed=0))
        job = Job(epochs, WORK / "training", sys.stderr)
        learned = fine_tune(taught.examples, labels, replace(whole, train=train), base, start, job)
        head = fit_head(base.joined(features[train], labels[train]))
        quick = head.scores(features[whole.held_out, 0])
        figures = []
        for scores in (learned.scores, quick):
            found = evaluate(scores, labels[whole.held_out], whole.folds, names, makes)
            right = found.checked_right / max(found.checked, 1)
            figures += [found.top1, found.top5, found.checked / found.photos, right]
        print(f"{count}: {' '.join(f'{100 * value:.1f}' for value in figures)}", flush=True)


@dataclass(frozen=True)
class Curve:
    """What the learning curve is measured on."""

    features: Features
    labels: NDArray[np.intp]
    folds: NDArray[np.intp]
    statistics: Statistics
    known: Known | None
    unknown: Features | None

    def measure(self, count: int, seed: int) -> tuple[float, ...]:
        """Teach `count` photos of each class, and measure on the photos of the other folds."""
        old, new = len(self.statistics.counts), int(self.labels.max()) + 1
        base = Base(self.statistics, np.arange(old, old + new), alone=False)
        added = self._evaluate(base, count, seed)
        alone = self._evaluate(Base(self.statistics, np.arange(new), alone=True), count, seed)
        everywhere = draw(self.labels, np.ones(len(self.labels), np.bool_), count, seed)
        head = fit_head(base.joined(self.features[everywhere], self.labels[everywhere]))
        still = certain = float("nan")
        if self.known:
            answers = head.scores(self.known.features).argmax(axis=1)
            still = float((answers == self.known.labels).mean())
        if self.unknown is not None:
            probs = probabilities(head.scores(self.unknown), added.temperature)
            certain = float((probs.max(axis=1) >= added.threshold).mean())
        return (
            added.top1,
            added.top5,
            added.checked / added.photos,
            added.checked_right / max(added.checked, 1),
            still,
            certain,
            alone.top1,
            alone.top5,
        )

    def _evaluate(self, base: Base, count: int, seed: int) -> Evaluation:
        parts = []
        for fold in np.unique(self.folds):
            train = draw(self.labels, self.folds != fold, count, seed)
            head = fit_head(base.joined(self.features[train], self.labels[train]))
            parts.append(head.scores(self.features[self.folds == fold, 0]))
        order = np.argsort(self.folds, kind="stable")
        owners = base.owners(self.labels)[order]
        scores = np.concatenate(parts)
        names = tuple(map(str, range(scores.shape[1])))
        return evaluate(scores, owners, self.folds[order], names, names)


if __name__ == "__main__":
    main()
