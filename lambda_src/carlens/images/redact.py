"""Make rectangles of a picture unrecognizable."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from carlens.images.types import Pixels, as_pixels

Style = Literal["fill", "pixelate", "blur"]
# x1, y1, x2, y2 in whole pixels, inside the picture.
Rectangle = tuple[int, int, int, int]

_FILL = 0
# Cells along the longer side of a rectangle, however large it is. A cell covers two or three
# characters of a plate.
_CELLS = 3
# Levels of brightness added to or taken from each cell at random, and the steps of its color.
_NOISE = 48
_STEP = 32


def redact(pixels: Pixels, rectangles: Iterable[Rectangle], style: Style) -> Pixels:
    """Redact rectangles of a picture.

    Only `fill` removes everything. The other styles keep a sketch of a few random-shifted colors,
    the same for both, so that neither can be compared with how a known plate or face would look.

    Parameters
    ----------
    pixels : uint8 array of shape (height, width, 3)
        RGB; not changed.
    rectangles : iterable of Rectangle
        Where they overlap, the later one counts.
    style : str
        `fill`, `pixelate` or `blur`.

    Returns
    -------
    uint8 array of shape (height, width, 3)
        Pixels outside of the rectangles are the same.
    """
    redacted = pixels.copy()
    for x1, y1, x2, y2 in rectangles:
        # From the original: a sketch of a sketch would hide less of what both cover.
        redacted[y1:y2, x1:x2] = _cover(pixels[y1:y2, x1:x2], style)
    return redacted


def _cover(region: Pixels, style: Style) -> Pixels | int:
    if style == "fill":
        return _FILL
    height, width = region.shape[:2]
    enlarge = cv2.INTER_NEAREST if style == "pixelate" else cv2.INTER_CUBIC
    return as_pixels(cv2.resize(_sketch(region), (width, height), interpolation=enlarge))


def _sketch(region: Pixels) -> Pixels:
    """Return the mean colors of a few cells, shifted at random and rounded."""
    height, width = region.shape[:2]
    longer = max(height, width)
    columns, rows = (max(1, round(_CELLS * side / longer)) for side in (width, height))
    cells = cv2.resize(region, (columns, rows), interpolation=cv2.INTER_AREA)
    # The same for the three channels of a cell: three readings of one brightness would show it.
    shifted = cells + _random(rows, columns)[..., None]
    steps = np.round(np.clip(shifted, 0, 255) / _STEP) * _STEP
    return as_pixels(np.minimum(steps, 255).astype(np.uint8))


def _random(rows: int, columns: int) -> NDArray[np.float32]:
    """Return numbers from -_NOISE to _NOISE that nobody can repeat."""
    drawn = np.frombuffer(os.urandom(rows * columns), np.uint8).reshape(rows, columns)
    return (drawn.astype(np.float32) / 127.5 - 1) * _NOISE
