"""Styles of redaction."""

from __future__ import annotations

import string

import cv2
import numpy as np
import pytest

from carlens.images.redact import Style, redact
from carlens.images.types import Pixels

LETTERS = string.digits + "BCDFGHJKLMNPRSTVWXYZ"


def plate(text: str) -> Pixels:
    """Draw a license plate."""
    pixels = np.full((40, 180, 3), 235, np.uint8)
    cv2.putText(pixels, text, (8, 30), cv2.FONT_HERSHEY_DUPLEX, 1.0, (20, 20, 20), 2)
    return pixels


@pytest.mark.parametrize("style", ["pixelate", "blur"])
def test_a_redacted_plate_cannot_be_matched_with_known_plates(style: Style) -> None:
    # Given plates, and how each looks redacted, on average over what chance does to it
    random = np.random.default_rng(1)
    plates = [plate("".join(random.choice(list(LETTERS), 7))) for _ in range(60)]
    whole = [(0, 0, 180, 40)]
    known = [np.mean([redact(one, whole, style) for _ in range(6)], axis=0) for one in plates]

    # When each is redacted once more, and compared with all
    nearest = [
        int(np.argmin([np.abs(redact(one, whole, style) - each).mean() for each in known]))
        for one in plates
    ]

    # Then hardly any is recognized: one of sixty by chance, and six is beyond it in every run
    assert sum(found == index for index, found in enumerate(nearest)) < 6


@pytest.mark.parametrize("style", ["fill", "pixelate", "blur"])
@pytest.mark.parametrize("box", [(3, 5, 4, 6), (0, 0, 40, 2), (10, 0, 11, 30), (0, 0, 40, 30)])
def test_rectangles_of_any_shape_are_redacted_and_nothing_else(
    style: Style, box: tuple[int, int, int, int]
) -> None:
    pixels = np.random.default_rng(2).integers(1, 256, (30, 40, 3), np.uint8)
    before = pixels.copy()

    done = redact(pixels, [box], style)

    x1, y1, x2, y2 = box
    same = (done == pixels).all(axis=2)
    same[y1:y2, x1:x2] = True
    assert same.all()
    assert np.array_equal(pixels, before)
    inside = done[y1:y2, x1:x2]
    if style == "blur":  # the noise has steps of 250
        assert np.abs(np.diff(inside.astype(int), axis=1)).max(initial=0) < 100
    else:
        colors = np.unique(inside.reshape(-1, 3), axis=0)
        assert len(colors) <= {"fill": 1, "pixelate": 9}[style]
