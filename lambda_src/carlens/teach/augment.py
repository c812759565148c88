"""Random views of a crop, to train on more than there is."""

from __future__ import annotations

import math
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Crop = NDArray[np.uint8]
View = NDArray[np.float32]

_GRAY = 127


def augment(crop: Crop, side: int, random: np.random.Generator) -> View:
    """Return a random view of a crop.

    Parameters
    ----------
    crop : uint8 array of shape (height, width, 3)
        RGB.
    side : int
        Of the view, in pixels.
    random : numpy.random.Generator

    Returns
    -------
    float32 array of shape (side, side, 3)
        RGB, 0..255.
    """
    cut = _cut(crop, side, random)
    shrinks = cut.shape[1] > side
    view: Any = cv2.resize(
        cut, (side, side), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    )
    if random.random() < 0.5:
        view = view[:, ::-1]
    view = _color(view.astype(np.float32), random)
    if random.random() < 0.1:
        view = cv2.GaussianBlur(view, (0, 0), random.uniform(0.5, 1.5))
    if random.random() < 0.25:
        view = _hide(view, random)
    return np.asarray(view.clip(0, 255), np.float32)


def _cut(crop: Crop, side: int, random: np.random.Generator) -> Any:
    """Cut out half or more of the area, sometimes turned, sometimes with few pixels."""
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
    return cut


def _color(view: View, random: np.random.Generator) -> View:
    """Change brightness, saturation, contrast and tint, or take the color away."""
    if random.random() < 0.8:
        view = view * np.float32(random.uniform(0.65, 1.35)) + np.float32(random.uniform(-20, 20))
        gray = view.mean(2, keepdims=True)
        view = gray + (view - gray) * np.float32(random.uniform(0.3, 1.6))
        mean = view.mean()
        view = mean + (view - mean) * np.float32(random.uniform(0.7, 1.3))
        view *= random.uniform(0.93, 1.07, 3).astype(np.float32)
    if random.random() < 0.1:
        view = np.repeat(view.mean(2, keepdims=True), 3, 2)
    return view


def _hide(view: View, random: np.random.Generator) -> View:
    """Cover a rectangle (T. DeVries and G. Taylor, "Cutout", 2017, arXiv:1708.04552)."""
    side = len(view)
    w, h = random.integers(side // 8, side // 3, 2)
    left, top = random.integers(0, side - w), random.integers(0, side - h)
    view = view.copy()
    view[top : top + h, left : left + w] = _GRAY
    return view
