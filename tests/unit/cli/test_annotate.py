"""Pictures with bounding boxes and names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from carlens.cli.annotate import annotate_picture
from carlens.cli.annotate_paths import annotated_path, may_write, note_path
from carlens.cli.drawing import COLOR, draw_boxes
from carlens.cli.errors import WrongUsage
from carlens.config import Config
from carlens.images.types import Limits
from tests.support import SKODA

LIMITS = Limits(Config.max_bytes, Config.max_pixels, Config.max_side)
CAR = {"x1": 58, "y1": 47, "x2": 446, "y2": 274, "class_name": "car", "confidence": 0.91}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.jpg", "a.jpg"),
        ("2024/a.PNG", "2024/a.PNG"),
        ("a.heic", "a.heic.jpg"),
        ("photo", "photo.jpg"),
        ("../a.jpg", "_/a.jpg"),
        ("/data/a.webp", "data/a.webp"),
    ],
)
def test_an_annotated_picture_is_in_the_folder(name: str, expected: str) -> None:
    assert annotated_path(Path("drawn"), name) == Path("drawn", expected)


@pytest.mark.parametrize(
    ("name", "kind"), [("a/x.png", "PNG"), ("x.jpg", "JPEG"), ("x.webp", "WEBP"), ("x.gif", "JPEG")]
)
def test_it_has_the_size_of_the_picture_and_boxes(name: str, kind: str, tmp_path: Path) -> None:
    entry = {"name": name, "objects": [{**CAR, "display": "Škoda"}], "error": None}

    annotate_picture(SKODA.read_bytes(), entry, tmp_path, LIMITS)

    [written] = [path for path in tmp_path.rglob("*") if path.is_file()]
    with Image.open(written) as image, Image.open(SKODA) as original:
        assert (image.format, image.size) == (kind, original.size)
        pixel = image.convert("RGB").getpixel((58, 150))
        assert isinstance(pixel, tuple)
        assert np.abs(np.subtract(pixel, COLOR)).max() < 90


def test_a_picture_that_failed_is_not_written(tmp_path: Path) -> None:
    entry = {"name": "a.jpg", "objects": [], "error": {"code": "not_an_image"}}

    annotate_picture(b"", entry, tmp_path, LIMITS)

    assert list(tmp_path.iterdir()) == []


def test_a_picture_that_only_the_api_can_decode_has_a_note(tmp_path: Path) -> None:
    entry: dict[str, Any] = {"name": "a/b.heic", "objects": [], "error": None}

    annotate_picture(b"", entry, tmp_path, LIMITS)

    [written] = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert written == note_path(tmp_path, "a/b.heic") == tmp_path / "a" / "b.heic.jpg.txt"
    assert "cannot draw the photo: The image is empty" in written.read_text()


def test_labels_with_accents_are_drawn_without_them() -> None:
    black = np.zeros((60, 300, 3), np.uint8)
    box = (0.0, 0.0, 290.0, 50.0)

    accented = draw_boxes(black.copy(), [(box, "Citroën Škoda")])

    assert accented == draw_boxes(black.copy(), [(box, "Citroen Skoda")])
    assert accented != draw_boxes(black.copy(), [(box, "")])


def test_the_folder_must_not_be_that_of_the_pictures(tmp_path: Path) -> None:
    with pytest.raises(WrongUsage, match="would replace the pictures"):
        may_write(tmp_path / "x" / "..", str(tmp_path), before=None)


def test_the_folder_must_be_empty_or_that_of_the_run_before(tmp_path: Path) -> None:
    drawn = tmp_path / "drawn"
    may_write(drawn, str(tmp_path), before=None)
    drawn.mkdir()
    may_write(drawn, str(tmp_path), before=None)
    (drawn / "a.jpg").write_bytes(b"x")
    may_write(drawn, str(tmp_path), before=str(drawn))

    with pytest.raises(WrongUsage, match="has files already"):
        may_write(drawn, str(tmp_path), before=None)
    with pytest.raises(WrongUsage, match="is not a folder"):
        may_write(drawn / "a.jpg", str(tmp_path), before=None)
