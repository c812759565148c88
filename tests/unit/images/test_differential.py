"""Thousands of generated pictures are read as Pillow reads them, or differ for a known reason."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from carlens.images.types import Pixels
from tests.differences import PILLOW, compare
from tests.generated_pictures import generate, generate_avif


def read_with_pillow(data: bytes) -> Pixels | None:
    """Read a picture over white, with nothing but Pillow."""
    try:
        image: Image.Image = Image.open(io.BytesIO(data))
        image.load()
    except (OSError, ValueError, SyntaxError):
        return None
    if image.mode.startswith("I"):
        gray = (np.asarray(image).astype(int) * 255 // 65535).astype(np.uint8)
        return np.repeat(gray[..., None], 3, axis=2)
    if image.has_transparency_data:
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image.convert("RGBA"))
    return np.asarray(image.convert("RGB"))


def test_generated_pictures_are_read_as_pillow_reads_them() -> None:
    pictures = [*generate(seed=1, count=4000), *generate_avif(seed=1, count=100)]

    problems = compare(((each, read_with_pillow(each.data)) for each in pictures), PILLOW)

    assert not problems, "\n".join(problems[:20])
