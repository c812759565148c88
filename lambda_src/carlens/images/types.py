"""The types that flow through image decoding, and what the decoders share."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

import numpy as np
from numpy.typing import NDArray

# Shape (height, width, 3): RGB, upright.
Pixels = NDArray[np.uint8]

# Pixels to convert at a time, few next to a whole image: copies take 3 or 4 bytes a pixel.
_STRIP_PIXELS = 1 << 20

DAMAGED = "The image is damaged or incomplete; send the complete file."


def as_pixels(array: object) -> Pixels:
    """Narrow the type of an array that OpenCV declares only as numeric."""
    return cast(Pixels, array)


def strips(height: int, width: int) -> Iterator[slice]:
    """Yield the rows of an image in strips of few pixels, from the top."""
    rows = max(1, _STRIP_PIXELS // width)
    return (slice(top, min(top + rows, height)) for top in range(0, height, rows))


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
