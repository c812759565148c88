"""The pictures of the benchmarks: test photos, enlarged to the size of camera files."""

from __future__ import annotations

import functools
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from requests_toolbelt import MultipartEncoder

PHOTOS = Path(__file__).resolve().parents[2] / "tests" / "photos"
NAMES = ("skoda_citigo_mit.png", "vw_passat_cc_mit.webp")
# Standard deviation of the noise added to the enlarged photos, on a scale of 255. As in camera
# files, noise makes up most of the data.
_NOISE = 3.0
_QUALITY = 88


@dataclass(frozen=True)
class Case:
    """The contents of a request.

    Attributes
    ----------
    pictures : int
    megapixels : float
        Of each picture.
    grid : int
        A picture shows grid x grid copies of a photo, whose cars are small if there are many.
    """

    pictures: int
    megapixels: float
    grid: int = 1

    def __str__(self) -> str:
        small = f", {self.grid} x {self.grid} cars" if self.grid > 1 else ""
        return f"{self.pictures} x {self.megapixels:g} MP{small}"

    def files(self) -> list[bytes]:
        """Return the pictures as JPEG files."""
        return [
            jpeg(NAMES[i % len(NAMES)], self.megapixels, self.grid) for i in range(self.pictures)
        ]

    def form(self) -> tuple[bytes, str]:
        """Return the pictures as a multipart/form-data body, and its Content-Type."""
        return form(self.files())


def form(files: Sequence[bytes]) -> tuple[bytes, str]:
    """Return picture files as a multipart/form-data body, and its Content-Type."""
    fields = [("image", (f"{i}.jpg", file, "image/jpeg")) for i, file in enumerate(files)]
    encoder = MultipartEncoder(fields)
    return encoder.to_string(), encoder.content_type


@functools.cache
def jpeg(name: str, megapixels: float, grid: int = 1) -> bytes:
    """Return grid x grid copies of an enlarged photo with camera noise as a JPEG file."""
    with Image.open(PHOTOS / name) as photo:
        scale = (megapixels * 1e6 / (photo.width * photo.height)) ** 0.5 / grid
        size = (round(photo.width * scale), round(photo.height * scale))
        large = photo.convert("RGB").resize(size, Image.Resampling.BICUBIC)
    pixels = np.tile(np.asarray(large, np.float32), (grid, grid, 1))
    noise = np.random.default_rng(0).normal(0, _NOISE, (*pixels.shape[:2], 1))
    buffer = io.BytesIO()
    noisy = np.clip(pixels + noise, 0, 255).astype(np.uint8)
    Image.fromarray(noisy).save(buffer, "JPEG", quality=_QUALITY)
    return buffer.getvalue()
