"""Train the license plate detector, and export it.

Usage, from the project root::

    python models/plates-fcn/train.py PLATES EMPTY --out work/plates

PLATES has the folder `train` with pictures (`00001.jpg`) and their plates (`00001.txt`, a line
`x1 y1 x2 y2` per plate). EMPTY has pictures without plates: the lines of `empty.txt` that end in
`taught`. Every tenth picture of `train` is held out to choose between trainings.

A training that was stopped continues from its last checkpoint when it is started again.
"""

from __future__ import annotations

import argparse
import copy
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import network
import numpy as np
import onnx
import pictures
import torch
import torch.nn.functional as F  # noqa: N812 - the usual name
from torch.utils.data import DataLoader, Dataset, Sampler

SEED = 18
BATCH = 16
WARM_UP = 300
RATE = 2e-3
HELD_OUT = 10
AVERAGE = 0.999
LENIENT = 1500
"""The step from which on sure, small answers are forgiven: many small plates are not marked."""


STAGES = (
    pictures.Stage(9000, 128, 89.6, 0.12, 0.15),
    pictures.Stage(15500, 160, 144.0, 0.2, 0.15),
    pictures.Stage(19500, 224, 215.0, 0.22, 0.5),
)
DECAY = 4000
"""The last steps, in which the learning rate falls."""


class Crops(Dataset[list[torch.Tensor]]):
    """Sample i is always the same crop, whatever process makes it."""

    def __init__(self, plates: Path, empty: Path, fonts: Path) -> None:
        marked = pictures.read(plates / "train")
        names = [
            line.split()[0]
            for line in (Path(__file__).parent / "empty.txt").read_text().splitlines()
            if line.endswith("taught")
        ]
        rng, drawn = np.random.default_rng(SEED), pictures.find_fonts(fonts)
        self.materials = pictures.Materials(
            [p for i, p in enumerate(marked) if i % HELD_OUT],
            pictures.read_empty(empty, names),
            [pictures.draw_plate(rng, drawn) for _ in range(600)],
            drawn,
        )

    def __getitem__(self, index: int) -> list[torch.Tensor]:
        rng = np.random.default_rng((SEED, index))
        stage = next(one for one in STAGES if index < one.end * BATCH)
        sample = pictures.make_sample(rng, self.materials, stage)
        return [
            torch.from_numpy(np.ascontiguousarray(sample.pixels[..., ::-1])),
            torch.from_numpy(sample.heat),
            torch.from_numpy(sample.weight),
            torch.from_numpy(sample.regression),
            torch.from_numpy(sample.inside),
            torch.tensor(sample.small),
        ]


class Order(Sampler[int]):
    """Samples from `first` on, in order."""

    def __init__(self, first: int, last: int) -> None:
        self.first, self.last = first, last

    def __iter__(self) -> Iterator[int]:
        return iter(range(self.first, self.last))

    def __len__(self) -> int:
        return self.last - self.first


def one_thread(_: int) -> None:
    cv2.setNumThreads(0)
    torch.set_num_threads(1)


def loss_of(output: torch.Tensor, batch: list[torch.Tensor], lenient: bool) -> list[torch.Tensor]:
    """Return the losses of scores and of boxes.

    The focal loss of CenterNet (Zhou et al., 2019), and GIoU (Rezatofighi et al., 2019) with the
    absolute error of the regression. If `lenient`, answers that are small and sure in pictures
    where small plates are not marked count little.
    """
    _, heat, weight, regression, inside, small = batch
    logit = output[:, 0].clamp(-12, 12)
    p = logit.sigmoid()
    peak = (heat == 1).float()
    if lenient:
        width = output[:, 3].detach().clamp(0, network.LONGEST).exp()
        doubtful = (p.detach() > 0.4) & (width < small[:, None, None]) & (heat < 0.01)
        weight = weight * torch.where(doubtful, 0.1, 1.0)
    positive = -F.logsigmoid(logit) * (1 - p) ** 2 * peak
    negative = -F.logsigmoid(-logit) * p**2 * (1 - heat) ** 4 * (1 - peak)
    count = peak.sum().clamp(min=1)
    score = ((positive + negative) * weight).sum() / count
    mask = inside > 0
    found = output[:, 1:5].permute(0, 2, 3, 1)[mask]
    truth = regression.permute(0, 2, 3, 1)[mask]
    if not len(truth):
        return [score, score * 0]
    share = (inside / inside.sum((1, 2), keepdim=True).clamp(min=1))[mask]
    sizes, wanted = found[:, 2:].clamp(0, network.LONGEST).exp(), truth[:, 2:].exp()
    middle, center = found[:, :2] * network.STRIDE, truth[:, :2] * network.STRIDE
    low, high = middle - sizes / 2, middle + sizes / 2
    low_, high_ = center - wanted / 2, center + wanted / 2
    common = (torch.minimum(high, high_) - torch.maximum(low, low_)).clamp(min=0).prod(1)
    union = sizes.prod(1) + wanted.prod(1) - common
    hull = (torch.maximum(high, high_) - torch.minimum(low, low_)).prod(1)
    giou = common / union - (hull - union) / hull
    relative = ((middle - center) / wanted).abs().sum(1) + (found - truth)[:, 2:].abs().sum(1)
    box = ((1 - giou) + relative) * share
    return [score, box.sum() / share.sum()]


def rate_at(step: int, steps: int) -> float:
    """Return the learning rate: a short rise, constant, and a linear fall over the last steps."""
    return RATE * min((step + 1) / WARM_UP, 1.0, max((steps - step) / DECAY, 0.01))


def export(model: network.PlateNetwork, target: Path) -> None:
    """Write the network as ONNX, with float32 weights."""
    exported = network.Exported(copy.deepcopy(model).float()).eval()
    with torch.no_grad():
        torch.onnx.export(
            exported,
            (torch.zeros(1, 3, 256, 256),),
            str(target),
            input_names=["input"],
            output_names=["plates"],
            dynamic_axes={"input": {0: "n", 2: "h", 3: "w"}, "plates": {0: "n", 2: "p"}},
            opset_version=17,
            dynamo=False,
        )
    onnx.checker.check_model(onnx.load(target), full_check=True)


@dataclass
class State:
    """What a training continues from."""

    model: network.PlateNetwork
    average: network.PlateNetwork
    optimizer: torch.optim.Optimizer
    step: int = 0

    def load(self, file: Path) -> None:
        """Continue from a checkpoint, if there is one."""
        if file.exists():
            saved = torch.load(file)
            self.model.load_state_dict(saved["model"])
            self.average.load_state_dict(saved["average"])
            self.optimizer.load_state_dict(saved["optimizer"])
            self.step = saved["step"]

    def save(self, file: Path) -> None:
        """Write a checkpoint; the file is never half-written."""
        state = {
            "step": self.step,
            "model": self.model.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
        }
        torch.save(state, file.with_suffix(".tmp"))
        file.with_suffix(".tmp").replace(file)

    def learn(self, batch: list[torch.Tensor], rate: float) -> list[float]:
        """Take a step, and return the losses of scores and of boxes."""
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        x = (batch[0].permute(0, 3, 1, 2).float() - network.MEAN) / network.STD
        with torch.autocast("cpu", torch.bfloat16):
            output = self.model(x)
        losses = loss_of(output.float(), batch, lenient=self.step > LENIENT)
        self.optimizer.zero_grad(set_to_none=True)
        (losses[0] + losses[1]).backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 10.0)
        self.optimizer.step()
        self._follow()
        self.step += 1
        return [float(value) for value in losses]

    @torch.no_grad()
    def _follow(self) -> None:
        keep = min(AVERAGE, (1 + self.step) / (10 + self.step))
        pairs = zip(
            self.average.state_dict().values(), self.model.state_dict().values(), strict=True
        )
        for mean, value in pairs:
            if mean.is_floating_point():
                mean.lerp_(value, 1 - keep)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("plates", type=Path, help="the folder with the folder `train`")
    parser.add_argument("empty", type=Path, help="the folder of the pictures without plates")
    parser.add_argument("--out", type=Path, required=True, help="for checkpoints and model.onnx")
    parser.add_argument("--fonts", type=Path, default=Path("/usr/share/fonts"))
    parser.add_argument("--workers", type=int, default=1)
    arguments = parser.parse_args()
    out: Path = arguments.out
    out.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(SEED)
    torch.set_num_threads(1)
    cv2.setNumThreads(0)

    model = network.PlateNetwork().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = torch.optim.AdamW(model.parameters(), RATE, weight_decay=0.02)
    state = State(model, copy.deepcopy(model), optimizer)
    state.load(out / "checkpoint.pt")
    steps = STAGES[-1].end
    loader = DataLoader(
        Crops(arguments.plates, arguments.empty, arguments.fonts),
        BATCH,
        sampler=Order(state.step * BATCH, steps * BATCH),
        num_workers=arguments.workers,
        worker_init_fn=one_thread,
        prefetch_factor=8 if arguments.workers else None,
    )
    began, totals = time.monotonic(), np.zeros(2)
    for batch in loader:
        totals += state.learn(batch, rate_at(state.step, steps))
        if state.step % 100 == 0:
            score, box = totals / 100
            totals[:] = 0
            minutes = (time.monotonic() - began) / 60
            print(f"{state.step} score {score:.3f} box {box:.3f} {minutes:.1f} min", flush=True)
        if state.step % 500 == 0 or state.step == steps:
            state.save(out / "checkpoint.pt")
            export(state.average, out / "model.onnx")


if __name__ == "__main__":
    main()
