"""What a picture is to the rest of Carlens."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# Shape (height, width, 3): RGB, upright.
Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class Limits:
    """What one picture may be: encoded bytes, width x height, the longer side in pixels."""

    max_bytes: int
    max_pixels: int
    max_side: int


@dataclass(frozen=True)
class ImageShape:
    """An upright picture's height and width in pixels, and its channels as stored."""

    height: int
    width: int
    channels: int
