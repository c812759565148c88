"""Fine-tune the whole classifier with PyTorch."""

from __future__ import annotations

import copy
import ctypes
import io
import math
import pickle
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from carlens.files import replace_file
from carlens.models.manifest import InputSpec
from carlens.teach.augment import Crop, View, augment
from carlens.teach.errors import TeachError
from carlens.teach.trainable import TrainableNetwork

# uint8 array of shape (n, height, width, 3), RGB.
Crops = NDArray[np.uint8]

# Of the labels, in the loss.
SMOOTHING = 0.1

_LEAST_EPOCHS, _MOST_EPOCHS = 20, 40
_LEAST_STEPS = 240
_SMALL = 5 / 7
_AVERAGE = 0.998
_CLIP = 5.0
_DECAY = 0.05
_HEAD_FACTOR = 3.0


@dataclass(frozen=True)
class Recipe:
    """How to train.

    Attributes
    ----------
    epochs : int
        Passes over all photos.
    full_size : float
        0..1. The share of the epochs, the last ones, at the full input size; the others are at
        5/7 of it, which takes half of the time.
    rate : float
        The highest learning rate.
    batch : int
        Pictures per step.
    mix : float
        0..1. The share of the batches whose pictures get a rectangle of another picture (S. Yun et
        al., "CutMix", 2019, arXiv:1905.04899).
    """

    epochs: int = _LEAST_EPOCHS
    full_size: float = 0.25
    rate: float = 6e-4
    batch: int = 48
    mix: float = 0.3

    @classmethod
    def for_photos(cls, photos: int, epochs: int | None = None) -> Recipe:
        """Return a recipe; without a number of epochs, few photos get more of them."""
        fewest = -(-_LEAST_STEPS // cls().steps(photos))
        return cls(epochs=epochs or min(max(_LEAST_EPOCHS, fewest), _MOST_EPOCHS))

    def steps(self, photos: int) -> int:
        """Return the steps of an epoch."""
        return max(1, photos // self.batch)

    def sides(self, side: int) -> list[int]:
        """Return the input size of each epoch, in pixels, for a model whose input is `side`."""
        full = round(self.epochs * self.full_size)
        small = max(32, round(side * _SMALL / 32) * 32)
        return [small] * (self.epochs - full) + [side] * full


@dataclass(frozen=True)
class Epoch:
    """What an epoch gave.

    Attributes
    ----------
    number : int
        From 1.
    side : int
        Of the input, in pixels.
    loss : float
        The mean training loss.
    top1 : float
        0..1, of the averaged weights on the held-out crops.
    seconds : float
    """

    number: int
    side: int
    loss: float
    top1: float
    seconds: float


@dataclass(frozen=True)
class Pace:
    """How fast this computer trains.

    Attributes
    ----------
    step : dict of int to float
        Seconds of a step, by the input size in pixels.
    crop : float
        Seconds to score a crop.
    """

    step: dict[int, float]
    crop: float


class Trainer:
    """Trains a network and its last layer.

    Parameters
    ----------
    network : TrainableNetwork
        Normalized.
    head : nn.Linear
        From features to scores.
    spec : InputSpec
        Of the classifier.
    recipe : Recipe
    device : torch.device
    checkpoint : Path
        Written after each epoch, and continued from if it exists.
    """

    def __init__(
        self,
        network: TrainableNetwork,
        head: nn.Linear,
        spec: InputSpec,
        recipe: Recipe,
        device: torch.device,
        checkpoint: Path,
    ) -> None:
        self._spec = spec
        self._recipe = recipe
        self._device = device
        self._checkpoint = checkpoint
        model = nn.Sequential(network, nn.Dropout(0.3), head)
        self.model = model.to(device, memory_format=torch.channels_last)
        self.average = copy.deepcopy(self.model).eval().requires_grad_(False)
        self._optimizer = torch.optim.AdamW(list(self._groups()), lr=recipe.rate)
        self._done = 0
        self._step = 0
        if checkpoint.exists():
            self._load()

    @property
    def done(self) -> int:
        """The epochs that are done."""
        return self._done

    def train(
        self,
        crops: Crops,
        labels: NDArray[np.intp],
        held_out: tuple[Crops, NDArray[np.intp]],
        report: Callable[[Epoch], None],
        progress: Callable[[int, int], None] = lambda _done, _of: None,
    ) -> None:
        """Train for the epochs that are left.

        Parameters
        ----------
        crops : uint8 array of shape (n, height, width, 3)
            RGB.
        labels : integer array of shape (n,)
        held_out : tuple of arrays
            Crops and labels to measure each epoch on.
        report : callable
            Takes what each epoch gave.
        progress : callable
            Takes the steps of the epoch that are done, and all of them.
        """
        sides = self._recipe.sides(self._spec.height)
        while self._done < self._recipe.epochs:
            started = time.monotonic()
            side = sides[self._done]
            loss = self._epoch(crops, labels, side, progress)
            self._done += 1
            top1 = float((self.scores(held_out[0]).argmax(axis=1) == held_out[1]).mean())
            self._save()
            report(Epoch(self._done, side, loss, top1, time.monotonic() - started))

    @torch.no_grad()
    def scores(self, crops: Crops) -> NDArray[np.float32]:
        """Return the averaged network's scores, shape (n, classes), at the full input size."""
        parts = []
        for start in range(0, len(crops), self._recipe.batch):
            views = [self._fit(crop) for crop in crops[start : start + self._recipe.batch]]
            parts.append(self.average(self._tensor(views)).float().cpu().numpy())
        return np.concatenate(parts)

    def pace(self, crops: Crops, labels: NDArray[np.intp]) -> Pace:
        """Measure the speed on a few steps of a copy, which does not change the training."""
        spare = copy.deepcopy(self)
        random = np.random.default_rng(0)
        chosen = np.arange(min(self._recipe.batch, len(crops)))

        def step(side: int) -> Callable[[], object]:
            return lambda: spare._learn(crops[chosen], labels[chosen], side, random)

        sides = set(self._recipe.sides(self._spec.height)[self._done :])
        return Pace(
            step={side: _seconds(step(side)) for side in sorted(sides)},
            crop=_seconds(lambda: spare.scores(crops[chosen])) / len(chosen),
        )

    def _fit(self, crop: Crop) -> View:
        height, width = self._spec.height, self._spec.width
        if crop.shape[:2] != (height, width):
            crop = np.asarray(cv2.resize(crop, (width, height), interpolation=cv2.INTER_AREA))
        return crop.astype(np.float32)

    def _epoch(
        self,
        crops: Crops,
        labels: NDArray[np.intp],
        side: int,
        progress: Callable[[int, int], None],
    ) -> float:
        """Train on all crops in random order; return the mean loss."""
        random = np.random.default_rng(self._done)
        torch.manual_seed(self._done)
        order = random.permutation(len(crops))
        steps = self._recipe.steps(len(crops))
        losses = 0.0
        for step in range(steps):
            self._set_rate(steps)
            chosen = order[step * self._recipe.batch : (step + 1) * self._recipe.batch]
            losses += self._learn(crops[chosen], labels[chosen], side, random)
            self._step += 1
            self._follow()
            progress(step + 1, steps)
        return losses / steps

    def _set_rate(self, steps: int) -> None:
        """Set the learning rate: one epoch of warm-up, then half a cosine down to 2 %."""
        total = steps * self._recipe.epochs
        warm_up = min(1.0, (self._step + 1) / steps)
        cosine = 0.98 * 0.5 * (1 + math.cos(math.pi * self._step / total)) + 0.02
        for group in self._optimizer.param_groups:
            group["lr"] = self._recipe.rate * warm_up * cosine * group["factor"]

    def _learn(
        self, crops: Crops, labels: NDArray[np.intp], side: int, random: np.random.Generator
    ) -> float:
        """Take a step on one batch; return the loss."""
        self.model.train()
        views = self._tensor([augment(crop, side, random) for crop in crops])
        targets = torch.from_numpy(labels.astype(np.int64)).to(self._device)
        others, share = targets, 1.0
        if random.random() < self._recipe.mix:
            others, share = _cut_and_mix(views, targets, random)
        with torch.autocast(self._device.type, dtype=torch.bfloat16):
            scores = self.model(views)
        loss = share * _loss(scores, targets) + (1 - share) * _loss(scores, others)
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), _CLIP)
        self._optimizer.step()
        return float(loss.detach())

    def _tensor(self, views: Sequence[View]) -> Tensor:
        return to_tensor(views, self._spec).to(self._device)

    def _groups(self) -> Iterator[dict[str, Any]]:
        head = set(self.model[2].parameters())
        body = [p for p in self.model.parameters() if p.requires_grad and p not in head]
        matrices = [p for p in body if p.ndim > 1]
        vectors = [p for p in body if p.ndim <= 1]
        yield {"params": matrices, "weight_decay": _DECAY, "factor": 1.0}
        yield {"params": vectors, "weight_decay": 0.0, "factor": 1.0}
        yield {"params": list(head), "weight_decay": _DECAY, "factor": _HEAD_FACTOR}

    @torch.no_grad()
    def _follow(self) -> None:
        """Update the exponential moving average of the weights."""
        decay = min(_AVERAGE, (1 + self._step) / (10 + self._step))
        state = self.model.state_dict()
        for name, kept in self.average.state_dict().items():
            if kept.dtype.is_floating_point:
                kept.lerp_(state[name], 1 - decay)
            else:
                kept.copy_(state[name])

    def _save(self) -> None:
        state = {
            "model": self.model.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "done": self._done,
            "step": self._step,
        }
        buffer = io.BytesIO()
        torch.save(state, buffer)
        replace_file(self._checkpoint, buffer.getvalue())

    def _load(self) -> None:
        try:
            state = torch.load(self._checkpoint, map_location=self._device, weights_only=True)
        except (RuntimeError, ValueError, EOFError, pickle.UnpicklingError) as error:
            raise TeachError(
                f"{self._checkpoint} is damaged; delete it to start the training again."
            ) from error
        self.model.load_state_dict(state["model"])
        self.average.load_state_dict(state["average"])
        self._optimizer.load_state_dict(state["optimizer"])
        self._done, self._step = state["done"], state["step"]


def to_tensor(views: Sequence[View | Crop], spec: InputSpec) -> Tensor:
    """Return pictures of one size as the network's input, shape (n, 3, height, width)."""
    stacked = np.stack(views).astype(np.float32)
    if spec.color == "BGR":
        stacked = stacked[..., ::-1]
    scaled = (stacked - np.array(spec.mean, np.float32)) / np.array(spec.std, np.float32)
    batch = torch.from_numpy(np.ascontiguousarray(scaled)).permute(0, 3, 1, 2)
    return batch.contiguous(memory_format=torch.channels_last)


def tune_allocator() -> None:
    """Let the C library keep freed memory: training frees and takes the same sizes again.

    Returning it to the system each time takes a third of the time of a step (measured with glibc
    2.36 on two cores). Other C libraries are left as they are.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError):
        return
    trim_threshold, top_pad, mmap_max = -1, -2, -4
    mallopt(trim_threshold, 2**31 - 1)
    mallopt(top_pad, 2**28)
    mallopt(mmap_max, 0)


def _cut_and_mix(
    views: Tensor, targets: Tensor, random: np.random.Generator
) -> tuple[Tensor, float]:
    """Paste a rectangle of another picture into each, in place.

    Returns
    -------
    Tensor of shape (n,)
        The labels of the other pictures.
    float
        The share of each picture that is left, 0..1.
    """
    order = torch.from_numpy(random.permutation(len(views))).to(views.device)
    height, width = views.shape[2:]
    share = math.sqrt(1 - random.beta(1.0, 1.0))
    h, w = int(height * share), int(width * share)
    top, left = int(random.integers(0, height - h + 1)), int(random.integers(0, width - w + 1))
    patch = views[order, :, top : top + h, left : left + w]
    views[:, :, top : top + h, left : left + w] = patch
    return targets[order], 1 - h * w / (height * width)


def _seconds(run: Callable[[], object], times: int = 2) -> float:
    """Return the mean duration of a call, without the first one."""
    run()
    started = time.monotonic()
    for _ in range(times):
        run()
    return (time.monotonic() - started) / times


def _loss(scores: Tensor, targets: Tensor) -> Tensor:
    return functional.cross_entropy(scores.float(), targets, label_smoothing=SMOOTHING)
