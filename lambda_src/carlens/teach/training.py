"""Fine-tune the whole classifier with PyTorch."""

from __future__ import annotations

import copy
import ctypes
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from carlens.models.manifest import InputSpec
from carlens.teach.trainable import TrainableNetwork

Crops = NDArray[np.uint8]

_SMALL = 5 / 7
_AVERAGE = 0.998
_SMOOTHING = 0.1
_CLIP = 5.0
_DECAY = 0.05
_HEAD_FACTOR = 3.0


@dataclass(frozen=True)
class Recipe:
    """How to train.

    Attributes
    ----------
    epochs : int
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

    epochs: int = 24
    full_size: float = 0.25
    rate: float = 6e-4
    batch: int = 48
    mix: float = 0.3

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


class Trainer:
    """Trains a network and its last layer.

    Parameters
    ----------
    network : TrainableNetwork
        Normalized.
    head : nn.Linear
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

    def _fit(self, crop: Crops) -> NDArray[np.float32]:
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
        random = np.random.default_rng(self._done)
        torch.manual_seed(self._done)
        recipe = self._recipe
        order = random.permutation(len(crops))
        steps = max(1, len(crops) // recipe.batch)
        total = steps * recipe.epochs
        losses = 0.0
        self.model.train()
        for step in range(steps):
            chosen = order[step * recipe.batch : (step + 1) * recipe.batch]
            views = self._tensor([augment(crops[i], side, random) for i in chosen])
            targets = torch.from_numpy(labels[chosen].astype(np.int64)).to(self._device)
            others, share = targets, 1.0
            if random.random() < recipe.mix:
                others, share = _cut_and_mix(views, targets, random)
            warm_up = min(1.0, (self._step + 1) / steps)
            cosine = 0.98 * 0.5 * (1 + math.cos(math.pi * self._step / total)) + 0.02
            for group in self._optimizer.param_groups:
                group["lr"] = recipe.rate * warm_up * cosine * group["factor"]
            with torch.autocast(self._device.type, dtype=torch.bfloat16):
                scores = self.model(views)
            loss = share * _loss(scores, targets) + (1 - share) * _loss(scores, others)
            self._optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(self.model.parameters(), _CLIP)
            self._optimizer.step()
            self._step += 1
            self._follow()
            losses += float(loss.detach())
            progress(step + 1, steps)
        return losses / steps

    def _tensor(self, views: list[NDArray[np.float32]]) -> Tensor:
        spec = self._spec
        stacked = np.stack(views)
        if spec.color == "BGR":
            stacked = stacked[..., ::-1]
        scaled = (stacked - np.float32(spec.mean)) / np.float32(spec.std)
        batch = torch.from_numpy(np.ascontiguousarray(scaled)).permute(0, 3, 1, 2)
        return batch.contiguous(memory_format=torch.channels_last).to(self._device)

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
        part = self._checkpoint.with_suffix(".part")
        torch.save(state, part)
        part.replace(self._checkpoint)

    def _load(self) -> None:
        state = torch.load(self._checkpoint, map_location=self._device, weights_only=True)
        self.model.load_state_dict(state["model"])
        self.average.load_state_dict(state["average"])
        self._optimizer.load_state_dict(state["optimizer"])
        self._done, self._step = state["done"], state["step"]


def augment(crop: Crops, side: int, random: np.random.Generator) -> NDArray[np.float32]:
    """Return a random view of a crop, shape (side, side, 3), RGB 0..255."""
    height, width = crop.shape[:2]
    share = math.sqrt(random.uniform(0.5, 1))
    aspect = math.exp(random.uniform(-0.16, 0.16))
    w, h = min(width, int(width * share * aspect)), min(height, int(height * share / aspect))
    left, top = random.integers(0, width - w + 1), random.integers(0, height - h + 1)
    cut: Any = crop[top : top + h, left : left + w]
    if random.random() < 0.3:
        turn = cv2.getRotationMatrix2D((w / 2, h / 2), random.uniform(-8, 8), 1)
        cut = cv2.warpAffine(cut, turn, (w, h), borderMode=cv2.BORDER_REFLECT)
    if random.random() < 0.15:
        # Distant cars have few pixels.
        small = int(random.integers(side // 4, side))
        cut = cv2.resize(cut, (small, small), interpolation=cv2.INTER_AREA)
    shrinks = cut.shape[1] > side
    view: Any = cv2.resize(
        cut, (side, side), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    )
    if random.random() < 0.5:
        view = view[:, ::-1]
    view = view.astype(np.float32)
    if random.random() < 0.8:
        view = view * np.float32(random.uniform(0.65, 1.35)) + np.float32(random.uniform(-20, 20))
        gray = view.mean(2, keepdims=True)
        view = gray + (view - gray) * np.float32(random.uniform(0.3, 1.6))
        mean = view.mean()
        view = mean + (view - mean) * np.float32(random.uniform(0.7, 1.3))
        view *= random.uniform(0.93, 1.07, 3).astype(np.float32)
    if random.random() < 0.1:
        view = np.repeat(view.mean(2, keepdims=True), 3, 2)
    if random.random() < 0.1:
        view = cv2.GaussianBlur(view, (0, 0), random.uniform(0.5, 1.5))
    if random.random() < 0.25:
        w, h = random.integers(side // 8, side // 3, 2)
        left, top = random.integers(0, side - w), random.integers(0, side - h)
        view = view.copy()
        view[top : top + h, left : left + w] = 127
    return np.asarray(view.clip(0, 255), np.float32)


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
    """Paste a rectangle of another picture of the batch into each; return its label and share."""
    order = torch.from_numpy(random.permutation(len(views))).to(views.device)
    height, width = views.shape[2:]
    share = math.sqrt(1 - random.beta(1.0, 1.0))
    h, w = int(height * share), int(width * share)
    top, left = int(random.integers(0, height - h + 1)), int(random.integers(0, width - w + 1))
    patch = views[order, :, top : top + h, left : left + w]
    views[:, :, top : top + h, left : left + w] = patch
    return targets[order], 1 - h * w / (height * width)


def _loss(scores: Tensor, targets: Tensor) -> Tensor:
    return functional.cross_entropy(scores.float(), targets, label_smoothing=_SMOOTHING)
