"""FULL=yes: train the whole network on the photos, not only its last layer."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from carlens.images.types import Pixels
from carlens.models.manifest import InputSpec
from carlens.models.quantize import dequantize
from carlens.teach.arrays import Features
from carlens.teach.base import Base
from carlens.teach.calibration import probabilities
from carlens.teach.errors import TeachError
from carlens.teach.examples import Example, stack_features
from carlens.teach.features import FeatureExtractor
from carlens.teach.head import Head, fit_head
from carlens.teach.learned import Learned, Material
from carlens.teach.progress import Bar
from carlens.teach.split import Split
from carlens.teach.start import Start
from carlens.teach.trainable import TrainableNetwork
from carlens.teach.trained import Trained, quantize_and_measure, read_crop
from carlens.teach.training import (
    SMOOTHING,
    Crops,
    Epoch,
    Pace,
    Recipe,
    Trainer,
    to_tensor,
    tune_allocator,
)

# Crops, in batches, that tell how the network's values are distributed.
_TYPICAL = (8, 64)

# Of the largest feature: what rounding to 16 bits and another library may change.
_TOLERANCE = 0.01


@dataclass(frozen=True)
class Job:
    """How and where to train.

    Attributes
    ----------
    epochs : int or None
        None for a number that suits the photos.
    folder : Path
        For checkpoints.
    stream : TextIO
        For the estimate and the progress.
    """

    epochs: int | None
    folder: Path
    stream: TextIO


def fine_tune(material: Material, split: Split, start: Start, job: Job) -> Learned:
    """Train the network and its last layer, and measure them on the photos held out.

    Parameters
    ----------
    material : Material
        Of examples with crops, whose classes stand alone.
    split : Split
    start : Start
    job : Job

    Raises
    ------
    TeachError
        The classifier to start from cannot be trained, or a checkpoint is damaged.
    OSError
        A checkpoint cannot be written.
    """
    cv2.setNumThreads(1)
    tune_allocator()
    examples, labels = material.examples, material.labels
    crops, held_out = (_load(examples, part) for part in (split.train, split.held_out))
    owners, answers = labels[split.train], labels[split.held_out]
    recipe = Recipe.for_photos(len(crops), job.epochs)
    job.folder.mkdir(parents=True, exist_ok=True)
    trainer = Trainer(
        _trainable(examples, crops, start),
        _linear(_first_head(stack_features(examples), labels, split, material.base)),
        start.classifier.manifest.input,
        recipe,
        torch.device("cuda" if torch.cuda.is_available() else "cpu"),
        job.folder / f"{_key(crops, owners, recipe, start)}.pt",
    )
    if trainer.done < recipe.epochs:
        pace = trainer.pace(crops, owners)
        progress = _Progress(trainer, pace, recipe, start, (len(crops), len(held_out)), job.stream)
        trainer.train(crops, owners, (held_out, answers), progress.epoch, progress.step)

    last = trainer.average[2]
    head = Head(*(each.cpu().numpy().astype(np.float64) for each in (last.weight, last.bias)))
    trained = Trained(
        start.network.with_body(trainer.average[0].to_onnx()),
        head,
        f"all layers trained with PyTorch for {recipe.epochs} epochs (FULL=yes)",
    )
    return quantize_and_measure(trained, material, split, start, job.stream)


def _load(examples: Sequence[Example], places: NDArray[np.intp]) -> Crops:
    return np.stack([read_crop(examples[place]) for place in places])


def _trainable(examples: Sequence[Example], crops: Crops, start: Start) -> TrainableNetwork:
    """Make the network trainable, in floats, and check that it gives the same features."""
    manifest = start.classifier.manifest
    spec = manifest.input
    if spec.width != spec.height:
        raise TeachError(
            f"FULL=yes needs a classifier with a square input; {manifest.name} takes "
            f"{spec.width} x {spec.height}."
        )
    floats = start.network.with_body(dequantize(start.network.body()))
    network = TrainableNetwork(floats.body())
    batches, size = _TYPICAL
    chosen = np.random.default_rng(0).permutation(len(crops))[: batches * size]
    network.normalize(
        [
            to_tensor(list(crops[part]), spec)
            for part in np.array_split(chosen, -(-len(chosen) // size))
        ]
    )
    crop = read_crop(examples[0])
    extractor = FeatureExtractor(manifest, floats, threads=start.config.threads)
    check_features(network, crop, extractor(crop)[0], spec)
    return network


@torch.no_grad()
def check_features(
    network: TrainableNetwork, crop: Pixels, expected: Features, spec: InputSpec
) -> None:
    """Check that PyTorch computes the features that the ONNX file gives.

    Parameters
    ----------
    network : TrainableNetwork
    crop : uint8 array of shape (side, side, 3)
    expected : float32 array of shape (size,)
    spec : InputSpec

    Raises
    ------
    TeachError
        It does not, because the graph has an attribute that is not allowed for.
    """
    found = network.eval()(to_tensor([crop], spec))[0].numpy()
    if not np.abs(found - expected).max() <= _TOLERANCE * np.abs(expected).max():
        raise TeachError(
            "FULL=yes cannot train this classifier: PyTorch computes other features than its ONNX "
            "file. Teach it without FULL=yes."
        )


def _first_head(features: Features, labels: NDArray[np.intp], split: Split, base: Base) -> Head:
    """Fit the quick head to the photos to train on, as a start that is better than a random one.

    Its scores are scaled to the least loss that training starts with.
    """
    train, owners = features[split.train], labels[split.train]
    head = fit_head(base.joined(train, owners))
    scores = head.scores(train[:, 0])

    def loss(temperature: float) -> float:
        logs = np.log(np.maximum(probabilities(scores, temperature), 1e-30))
        own = logs[np.arange(len(owners)), owners]
        return -float(((1 - SMOOTHING) * own + SMOOTHING * logs.mean(axis=1)).mean())

    temperature = min(np.geomspace(1, 1000, 31).tolist(), key=loss)
    return Head(head.weights / temperature, head.bias / temperature)


def _linear(head: Head) -> nn.Linear:
    layer = nn.Linear(head.weights.shape[1], head.weights.shape[0])
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(head.weights))
        layer.bias.copy_(torch.from_numpy(head.bias))
    return layer


def _key(crops: Crops, owners: NDArray[np.intp], recipe: Recipe, start: Start) -> str:
    """Name a checkpoint after everything that it depends on."""
    digest = hashlib.sha256(f"1 {recipe} {start.classifier.manifest.sha256}\n".encode())
    digest.update(owners.astype(np.int64).tobytes())
    digest.update(np.ascontiguousarray(crops).data)
    return digest.hexdigest()[:16]


class _Progress:
    """Writes the estimate, the time left and a line per epoch."""

    def __init__(
        self,
        trainer: Trainer,
        pace: Pace,
        recipe: Recipe,
        start: Start,
        photos: tuple[int, int],
        stream: TextIO,
    ) -> None:
        train, held_out = photos
        sides = recipe.sides(start.classifier.manifest.input.height)
        self._epochs = recipe.epochs
        self._done = trainer.done
        self._costs = [
            recipe.steps(train) * pace.step.get(side, 0.0) + held_out * pace.crop for side in sides
        ]
        self._first = sum(self._costs[: self._done])
        self._bar = Bar(stream)
        self._started = time.monotonic()
        if self._done:
            self._bar.line(f"Continuing after epoch {self._done} of {self._epochs}.")
        where = "GPU" if torch.cuda.is_available() else "CPU"
        left = self._epochs - self._done
        self._bar.line(
            f"About {about(sum(self._costs) - self._first)} for {left} epoch{'s'[: left != 1]} on "
            f"this {where}."
        )

    def step(self, done: int, steps: int) -> None:
        cost = self._costs[self._done] * done / steps
        self._show(sum(self._costs[: self._done]) + cost)

    def epoch(self, epoch: Epoch) -> None:
        self._bar.line(
            f"Epoch {epoch.number} of {self._epochs}: loss {epoch.loss:.2f}, top-1 "
            f"{epoch.top1:.1%} on the photos held out, {epoch.seconds:.0f} s"
        )
        self._done = epoch.number

    def _show(self, done: float) -> None:
        total = sum(self._costs)
        elapsed = time.monotonic() - self._started
        left = elapsed / (done - self._first) * (total - done)
        self._bar.show(
            done / total, f"epoch {self._done + 1} of {self._epochs}, about {about(left)} left"
        )


def about(seconds: float) -> str:
    """Write a duration that is only estimated, such as `35 minutes`."""
    if seconds < 90:
        whole = max(1, round(seconds))
        return f"{whole} second{'s'[: whole != 1]}"
    minutes = seconds / 60
    return f"{minutes:.0f} minutes" if minutes < 120 else f"{minutes / 60:.1f} hours"
