"""Photos -> what there is to learn from them, kept on disk so that a killed run continues."""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from carlens.errors import PictureError
from carlens.files import replace_file
from carlens.images.decoder import read_pixels
from carlens.images.types import Limits, Pixels
from carlens.teach.arrays import Features
from carlens.teach.crops import find_vehicle, marked_vehicle
from carlens.teach.features import FeatureExtractor
from carlens.teach.photos import Photo
from carlens.teach.similarity import difference_hash
from carlens.teach.thumbnails import encode_thumbnail
from carlens.vision.classifier import Classifier
from carlens.vision.detector import Detection, Detector


@dataclass(frozen=True)
class Example:
    """A vehicle to learn from.

    Attributes
    ----------
    photo : Photo
    kind : str
        The detector's class; empty if it does not find the box that the CSV file gives.
    hash : int
        The difference hash of the photo, or of the box that the CSV file gives.
    features : float32 array of shape (2, size)
        Of the crop and of its mirror image.
    thumbnail : bytes
        JPEG.
    crop : Path or None
        The `.npy` file with the classifier's input as uint8 RGB, if crops are kept.
    """

    photo: Photo
    kind: str
    hash: int
    features: Features
    thumbnail: bytes
    crop: Path | None = None


@dataclass(frozen=True)
class Rejected:
    """A photo that nothing can be learned from.

    Attributes
    ----------
    photo : Photo
    readable : bool
        Whether it is a picture; if so, no vehicle was found in it.
    reason : str
        A sentence.
    thumbnail : bytes
        JPEG; empty if the photo is not readable.
    """

    photo: Photo
    readable: bool
    reason: str
    thumbnail: bytes = b""


class ExampleReader:
    """Reads photos, each at most once as long as file, box and models stay the same.

    Parameters
    ----------
    detector : Detector
    classifier : Classifier
        Its detector finds the vehicle.
    extractor : FeatureExtractor
    limits : Limits
        The largest picture to read.
    folder : Path
        Keeps one file of about 10 kB per photo.
    keep_crops : bool
        Whether to keep the crops too, 150 kB per photo for an input of 224 x 224.
    """

    def __init__(
        self,
        detector: Detector,
        classifier: Classifier,
        extractor: FeatureExtractor,
        limits: Limits,
        folder: Path,
        *,
        keep_crops: bool = False,
    ) -> None:
        self._detector = detector
        self._classifier = classifier
        self._extractor = extractor
        self._limits = limits
        self._folder = folder
        self._keep_crops = keep_crops
        models = (detector.manifest.sha256, classifier.manifest.sha256)
        self._salt = "2 " + " ".join(models)
        self._kept: set[Path] = set()

    def read(self, photo: Photo) -> Example | Rejected:
        """Read a photo.

        Raises
        ------
        OSError
            The result cannot be kept, for example because the disk is full.
        """
        try:
            with photo.path.open("rb") as file:
                data = file.read(self._limits.max_bytes + 1)
        except OSError as error:
            return Rejected(photo, readable=False, reason=f"{error.strerror or error}.")
        kept = self._folder / f"{self._key(data, photo)}.npz"
        crop = kept.with_suffix(".npy") if self._keep_crops else None
        self._kept |= {kept, kept.with_suffix(".npy")}
        known = _load(kept, photo, crop)
        if known is not None:
            return known
        example = self._analyze(data, photo, crop)
        if isinstance(example, Example):
            replace_file(kept, _dump(example))
        return example

    def forget_others(self) -> None:
        """Delete the results for photos that this reader has not read."""
        for path in self._folder.glob("*.np[yz]"):
            if path not in self._kept:
                path.unlink()

    def _key(self, data: bytes, photo: Photo) -> str:
        digest = hashlib.sha256(f"{self._salt} {photo.box}\n".encode())
        digest.update(data)
        return digest.hexdigest()[:40]

    def _analyze(self, data: bytes, photo: Photo, kept: Path | None) -> Example | Rejected:
        try:
            pixels = read_pixels(data, self._limits)
        except PictureError as error:
            return Rejected(photo, readable=False, reason=error.message)
        if photo.box is None:
            vehicle = find_vehicle(self._detector, pixels)
            reason = "The detector finds no car, truck or bus; a CSV file can give its box."
        else:
            vehicle = marked_vehicle(self._detector, pixels, photo.box)
            reason = "The box is outside the photo."
        if vehicle is None:
            return Rejected(photo, True, reason, encode_thumbnail(pixels))
        view = pixels if photo.box is None else _cut(pixels, vehicle)
        crop = self._classifier.crop(pixels, vehicle)
        if kept:
            buffer = io.BytesIO()
            np.save(buffer, crop)
            replace_file(kept, buffer.getvalue())
        return Example(
            photo=photo,
            kind=vehicle.class_name,
            hash=difference_hash(view),
            features=self._extractor(crop),
            thumbnail=encode_thumbnail(_cut(pixels, vehicle)),
            crop=kept,
        )


def stack_features(examples: Iterable[Example]) -> Features:
    """Return the features of all examples, shape (n, 2, size)."""
    return np.stack([example.features for example in examples])


def stack_kinds(examples: Iterable[Example]) -> NDArray[np.str_]:
    """Return the detector's classes of all examples, shape (n,); empty if not known."""
    return np.array([example.kind for example in examples], np.str_)


def _cut(pixels: Pixels, vehicle: Detection) -> Pixels:
    x1, y1, x2, y2 = map(int, (vehicle.x1, vehicle.y1, vehicle.x2, vehicle.y2))
    return pixels[y1 : max(y2, y1 + 1), x1 : max(x2, x1 + 1)]


def _dump(example: Example) -> bytes:
    buffer = io.BytesIO()
    np.savez(
        buffer,
        kind=np.array(example.kind),
        hash=np.array(example.hash, np.uint64),
        features=example.features,
        thumbnail=np.frombuffer(example.thumbnail, np.uint8),
    )
    return buffer.getvalue()


def _load(path: Path, photo: Photo, crop: Path | None) -> Example | None:
    """Read a kept result; a missing or damaged one is computed again."""
    if crop and not crop.exists():
        return None
    try:
        with np.load(path, allow_pickle=False) as kept:
            return Example(
                photo,
                str(kept["kind"]),
                int(kept["hash"]),
                kept["features"],
                kept["thumbnail"].tobytes(),
                crop,
            )
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None
