"""Photos to teach, made from the two real photos of the repository."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from carlens.images.types import Pixels
from carlens.teach.calibration import Scored
from carlens.teach.heldout import HeldOut
from tests.support import PASSAT, SKODA

SOURCES = {"Skoda Citigo": SKODA, "Volkswagen Passat": PASSAT}


def varied(path: Path, seed: int) -> Pixels:
    """Return a view of a photo that differs as much as a photo of another car in another place."""
    rng = np.random.default_rng(seed)
    pixels = np.asarray(Image.open(path).convert("RGB"))
    height, width = pixels.shape[:2]
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    moved = corners + rng.uniform(-0.1, 0.1, (4, 2)) * (width, height)
    warp = cv2.getPerspectiveTransform(moved.astype(np.float32), corners)
    view = cv2.warpPerspective(pixels, warp, (width, height), borderMode=cv2.BORDER_REFLECT)
    tinted = view * rng.uniform(0.6, 1.2, 3) + rng.normal(0, 8, view.shape)
    for _ in range(2):
        x, y = rng.integers(0, width * 3 // 4), rng.integers(0, height * 3 // 4)
        tinted[y : y + height // 8, x : x + width // 8] = rng.uniform(0, 255, 3)
    turned = tinted if seed % 2 else tinted[:, ::-1]
    return np.ascontiguousarray(turned.clip(0, 255), np.uint8)


def write_photos(folder: Path, count: int) -> Path:
    """Write `count` photos of each class into a folder of its own."""
    for name, path in SOURCES.items():
        (folder / name).mkdir(parents=True)
        for seed in range(count):
            Image.fromarray(varied(path, seed)).save(folder / name / f"{seed}.jpg", quality=92)
    return folder


def scored(
    scores: np.ndarray, unknown: Sequence[float] | np.ndarray = (), kinds: Sequence[str] = ()
) -> Scored:
    """Return vehicles that are all known, of unknown kind, unless told otherwise."""
    count = len(scores)
    return Scored(
        np.asarray(scores, np.float64),
        np.array(unknown if len(unknown) else [0] * count, np.float64),
        np.array(kinds or [""] * count, np.str_),
    )


def held_out(scores: np.ndarray, owners: np.ndarray, left_out: Scored | None = None) -> HeldOut:
    """Return held-out photos in five folds."""
    return HeldOut(scored(scores), left_out, owners, np.arange(len(owners)) % 5)
