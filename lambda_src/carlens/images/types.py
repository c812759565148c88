"""The types that flow through image decoding."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import numpy as np
from numpy.typing import NDArray

# Shape (height, width, 3): RGB, upright.
Pixels = NDArray[np.uint8]

DAMAGED = "The image is damaged or incomplete; send the complete file."


def as_pixels(array: object) -> Pixels:
    """Narrow the type of an array that OpenCV declares only as numeric."""
    return cast(Pixels, array)


@dataclass(frozen=True)
class Limits:
    """The largest image to accept.

    Attributes
    ----------
    max_bytes : int
        Size of the encoded file.
    max_pixels : int
        Width x height.
    max_side : int
        The longer side, in pixels.
    """

    max_bytes: int
    max_pixels: int
    max_side: int


@dataclass(frozen=True)
class ImageShape:
    """Height and width of an upright image in pixels, and its channels as stored."""

    height: int
    width: int
    channels: int
