"""Encoding of redacted pictures."""

from __future__ import annotations

import numpy as np
import pytest

from carlens.errors import PictureTooLarge
from carlens.images.encode import OutputFormat, encode


@pytest.mark.parametrize(("output", "side"), [("jpeg", 65_500), ("webp", 16_383)])
def test_a_format_names_the_most_pixels_per_side_that_it_has(
    output: OutputFormat, side: int
) -> None:
    assert encode(np.zeros((1, side, 3), np.uint8), output)

    with pytest.raises(PictureTooLarge, match=f"at most {side:,} pixels per side"):
        encode(np.zeros((1, side + 1, 3), np.uint8), output)
