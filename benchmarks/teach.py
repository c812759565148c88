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
from carlens.teach.arrays import Features
from carlens.teach.base import Base
from carlens.teach.calibration import Scored
from carlens.teach.evaluation import Evaluation, evaluate
from carlens.teach.examples import Example, stack_features, stack_kinds
from carlens.teach.folds import assign_folds
from carlens.teach.head import fit_head
from carlens.teach.heldout import HeldOut, Photos, score, score_held_out
from carlens.teach.labels import Label
from carlens.teach.learned import Material
from carlens.teach.photos import Photo, list_pictures
from carlens.teach.run import load_photos, read_examples, select_examples
from carlens.teach.split import split
from carlens.teach.start import Start
from carlens.teach.statistics import Statistics
from carlens.teach.unknown import fit_rule

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
        photos = list_pictures(options.unknown)
        unknown, _ = read_examples(photos, start, WORK / "unknown", sys.stderr)
    kinds = stack_kinds(taught.examples)
    classes = (*start.labels, *taught.classes)
    curve = Curve(features, Photos(labels, kinds, folds), statistics, classes, known, unknown)
    print(
        f"{len(labels)} of {len(examples)} photos used, {len(taught.classes)} classes\n"
        "photos a class: added: top-1, top-5, certain, of these right; known classes: top-1; "
        "left-out and unknown cars: certain; alone: top-1, top-5, certain, of these right; "
        "left-out and unknown cars: certain"
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
    classes = tuple(taught.classes)
    marked = [example.photo.held_out for example in taught.examples]
    whole = split(labels, taught.groups, marked, [label.name for label in classes])
    allowed = np.isin(np.arange(len(labels)), whole.train)
    base = Base(start.statistics, np.arange(len(classes)), alone=True)
    material = Material(taught.examples, labels, taught.groups, base, classes)
    tested = features[whole.held_out, 0]
    photos = Photos(labels[whole.held_out], material.kinds[whole.held_out], whole.folds)
    print(
        f"{len(classes)} classes, {len(whole.held_out)} photos held out\n"
        "photos a class: full: top-1, top-5, certain, of these right; quick head: the same"
    )
    for count in counts:
        train = np.sort(draw(labels, allowed, count, seed=0))
        job = Job(epochs, WORK / "training", sys.stderr)
        learned = fine_tune(material, replace(whole, train=train), start, job)
        statistics = base.joined(features[train], labels[train])
        head = fit_head(statistics)
        rule = fit_rule(head, statistics)
        quick = score_held_out(head.scores(tested), tested, rule, photos, classes)
        figures = [
            value
            for held_out in (learned.photos, quick)
            for value in _figures(evaluate(held_out, classes, None))[:4]
        ]
        print(f"{count}: {' '.join(f'{100 * value:.1f}' for value in figures)}", flush=True)


@dataclass(frozen=True)
class Curve:
    """What the learning curve is measured on."""

    features: Features
    photos: Photos
    statistics: Statistics
    classes: tuple[Label, ...]
    known: Known | None
    unknown: list[Example] | None

    def measure(self, count: int, seed: int) -> tuple[float, ...]:
        """Teach `count` photos of each class, and measure on the photos of the other folds."""
        old = len(self.statistics.counts)
        new = len(self.classes) - old
        added = Base(self.statistics, np.arange(old, old + new), alone=False)
        alone = Base(self.statistics, np.arange(new), alone=True)
        still = float("nan")
        if self.known:
            chosen = draw(self.photos.owners, np.ones(len(self.features), np.bool_), count, seed)
            statistics = added.joined(self.features[chosen], self.photos.owners[chosen])
            answers = fit_head(statistics).scores(self.known.features).argmax(axis=1)
            still = float((answers == self.known.labels).mean())
        first = _figures(self._evaluate(added, self.classes, count, seed))
        second = _figures(self._evaluate(alone, self.classes[old:], count, seed))
        return (*first[:4], still, *first[4:], *second)

    def _evaluate(
        self, base: Base, classes: tuple[Label, ...], count: int, seed: int
    ) -> Evaluation:
        folds, labels = self.photos.folds, self.photos.owners
        parts = []
        for fold in np.unique(folds):
            train = draw(labels, folds != fold, count, seed)
            statistics = base.joined(self.features[train], labels[train])
            tested = self.features[folds == fold, 0]
            photos = self.photos[folds == fold]
            photos = Photos(base.owners(photos.owners), photos.kinds, photos.folds)
            head = fit_head(statistics)
            rule = fit_rule(head, statistics)
            parts.append(score_held_out(head.scores(tested), tested, rule, photos, classes))
        return evaluate(HeldOut.joined(parts), classes, self._others(base, count, seed))

    def _others(self, base: Base, count: int, seed: int) -> Scored | None:
        if self.unknown is None:
            return None
        labels = self.photos.owners
        chosen = draw(labels, np.ones(len(labels), np.bool_), count, seed)
        statistics = base.joined(self.features[chosen], labels[chosen])
        head = fit_head(statistics)
        features = stack_features(self.unknown)[:, 0]
        return score(head, fit_rule(head, statistics), features, self.unknown)


def _figures(found: Evaluation) -> tuple[float, ...]:
    strange = [
        each.named / each.vehicles if each else float("nan")
        for each in (found.left_out, found.others)
    ]
    certain, right = found.certain / found.photos, found.certain_right / max(found.certain, 1)
    return (found.top1, found.top5, certain, right, *strange)


if __name__ == "__main__":
    main()
