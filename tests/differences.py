"""Where Carlens, Pillow and Chromium read generated pictures differently, and why.

`docs/formats.md` has the reasons for people.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from carlens.errors import PictureError
from carlens.images.decoder import read_pixels
from carlens.images.types import Limits, Pixels
from tests.generated_pictures import Generated

LIMITS = Limits(max_bytes=20 << 20, max_pixels=50_000_000, max_side=20_000)
TABLE = Path(__file__).parents[1] / "docs" / "formats.md"

# Values of 8 bits: rounding, and the conversion of colors that are stored at half size.
_TOLERANCE, _LOSSY_TOLERANCE = 1, 3

# Groups of `generated_pictures`, as regular expressions, with the reason.
PILLOW = {
    r"bmp 2": "Pillow does not read BMPs with 2 bits a pixel",
    r"bmp (16|32) unusual masks": "Pillow reads only the usual bit masks",
    r"bmp rle[48] odd": "Pillow does not clip runs and does not jump",
    r"gif.* small frame": "Pillow fills what the frame of a GIF leaves uncovered",
    r"jpeg \w+ without end": "Pillow refuses JPEGs without an end marker",
    r"png gray (2|4|16) transparent": "Pillow compares the transparent gray of a PNG wrongly",
    r"png rgb 16 transparent": "Pillow compares the transparent color of a 16-bit PNG wrongly",
}
CHROMIUM = {
    r"jpeg \w+ without end": "Chromium does not draw the last rows of some JPEGs without an end",
    r"avif rgba": "Chromium reads the transparency of an AVIF in the limited range",
    r"tiff .*": "Chromium does not read TIFF",
}


def compare(
    pictures: Iterable[tuple[Generated, Pixels | None]], reasons: Mapping[str, str]
) -> list[str]:
    """Compare Carlens with another reader, whose pixels or refusals are given.

    Returns
    -------
    list of str
        A line for each difference without a reason, each reason without a difference, and each
        reason that the documentation lacks.
    """
    problems, used = [], set()
    for picture, expected in pictures:
        if problem := _difference(picture, expected):
            reason = next((r for r in reasons if re.fullmatch(r, picture.group)), None)
            used.add(reason)
            if reason is None:
                problems.append(f"{picture.group}: {problem}: {picture.data.hex()}")
    table = TABLE.read_text(encoding="utf-8")
    problems += [f"no picture differs: {reason}" for reason in reasons if reason not in used]
    problems += [f"not in {TABLE.name}: {r}" for r in reasons.values() if r not in table]
    return problems


def _difference(picture: Generated, expected: Pixels | None) -> str:
    try:
        found = read_pixels(picture.data, LIMITS)
    except PictureError as error:
        return "" if expected is None else f"refused: {error}"
    if expected is None:
        return "read only by Carlens"
    if found.shape != expected.shape:
        return f"shape {found.shape}, not {expected.shape}"
    most = int(np.abs(found.astype(int) - expected).max())
    tolerance = _LOSSY_TOLERANCE if picture.lossy else _TOLERANCE
    return f"differs by {most}" if most > tolerance else ""
