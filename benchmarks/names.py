"""What a classifier says of photos that it has not learned from, through the code that users run.

    python -m benchmarks.names PHOTOS.csv [--unknown FOLDER] [--class "Renault Clio"]

PHOTOS.csv is what `make teach` takes; the rows with `held_out` yes are measured, or all rows if
there is no such column. Photos with a box are reported apart from those in which the detector finds
the vehicle. CARLENS_CLASSIFIER names the classifier.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from carlens.config import Config
from carlens.errors import PictureError
from carlens.images.decoder import read_pixels
from carlens.images.types import Limits
from carlens.services.model_bundle import ModelBundle
from carlens.teach.crops import find_vehicle, marked_vehicle
from carlens.teach.evaluation import bin_answers, calibration_error
from carlens.teach.photos import Photo, list_pictures, read_photos
from carlens.teach.progress import with_progress
from carlens.vision.classifier import Classification


@dataclass(frozen=True)
class Answer:
    """What the classifier says of the vehicle in a photo."""

    photo: Photo
    classification: Classification

    @property
    def right(self) -> bool:
        """Whether the first name is right."""
        return self.classification.names[0] == self.photo.name

    @property
    def certain_right(self) -> bool:
        """Whether the finest certain name is right."""
        model = f"{self.photo.make} {self.photo.model}"
        return self.classification.finest in (self.photo.name, model)


def answers(bundle: ModelBundle, config: Config, photos: Sequence[Photo]) -> Iterator[Answer]:
    """Classify the vehicle in each photo; photos without one are left out."""
    limits = Limits(config.max_bytes, config.max_pixels, config.max_side)
    classifier = bundle.classifier
    if classifier is None:
        raise SystemExit("Set CARLENS_CLASSIFIER to a classifier.")
    for photo in with_progress(photos, sys.stderr):
        try:
            pixels = read_pixels(photo.path.read_bytes(), limits)
        except PictureError as error:
            print(f"{photo.path}: {error.message}", file=sys.stderr)
            continue
        detector = bundle.detector
        vehicle = (
            marked_vehicle(detector, pixels, photo.box)
            if photo.box
            else find_vehicle(detector, pixels)
        )
        if vehicle is None:
            print(f"{photo.path}: no vehicle", file=sys.stderr)
            continue
        crop = classifier.crop(pixels, vehicle)
        [found] = classifier.classify([crop], [vehicle.class_name or None], 5)
        yield Answer(photo, found)


def describe(name: str, found: Sequence[Answer]) -> str:
    """Return the figures of photos as a line."""
    if not found:
        return f"{name}: no photos"
    certain = [each for each in found if each.classification.certain]
    right = np.mean([each.right for each in found])
    in_five = np.mean([each.photo.name in each.classification.names for each in found])
    make = np.mean(
        [
            each.classification.make is not None
            and each.classification.make.name == each.photo.make
            for each in found
        ]
    )
    probs = np.array([each.classification.probs[0] for each in found])
    bins = bin_answers(probs, np.array([each.right for each in found]))
    of_these = sum(each.certain_right for each in certain) / max(len(certain), 1)
    return (
        f"{name}: {len(found)} photos, top-1 {right:.1%}, top-5 {in_five:.1%}, make {make:.1%}, "
        f"certain {len(certain) / len(found):.1%} (right {of_these:.1%}), "
        f"ECE {calibration_error(bins):.1%}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("photos", type=Path, help="a folder or a CSV file")
    parser.add_argument("--unknown", type=Path, help="a folder of photos of other vehicles")
    parser.add_argument("--class", dest="one", help="a class to report on its own")
    options = parser.parse_args()
    config = Config.from_env()
    bundle = ModelBundle.load(config)
    makes = set(bundle.classifier.manifest.makes) if bundle.classifier else set()
    photos = read_photos(options.photos, makes)
    if any(photo.held_out is not None for photo in photos):
        photos = [photo for photo in photos if photo.held_out]
    found = list(answers(bundle, config, photos))
    print(describe("with a box", [each for each in found if each.photo.box]))
    print(describe("found by the detector", [each for each in found if not each.photo.box]))
    print(describe("all", found))
    if options.one:
        print(describe(options.one, [each for each in found if each.photo.name == options.one]))
    if options.unknown:
        others = list(answers(bundle, config, list_pictures(options.unknown)))
        for name, part in (("all", others), ("first half", others[::2]), ("second", others[1::2])):
            named = sum(each.classification.certain for each in part)
            print(f"unknown, {name}: {named} of {len(part)} get a certain model or full name")


if __name__ == "__main__":
    main()
