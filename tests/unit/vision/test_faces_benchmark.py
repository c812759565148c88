"""How the benchmark of faces counts, and the labels that it is run with."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from benchmarks.faces import Measured, match, read_labels, table

LABELS = Path(__file__).parents[3] / "models" / "centerface" / "faces.json"


def test_a_face_is_found_if_one_region_covers_most_of_it() -> None:
    # Given a face that is covered by 70 %, one by 60 %, and one by two halves
    faces = np.array([(0, 0, 10, 10), (20, 0, 30, 10), (40, 0, 50, 20)], np.float32)
    regions = np.array(
        [(0, 0, 7, 10), (20, 0, 26, 10), (40, 0, 50, 10), (40, 10, 50, 20), (80, 0, 90, 10)],
        np.float32,
    )

    found, false = match(regions, faces)

    assert found == [(10, True), (10, False), (20, False)]
    assert false == 1
    assert match(regions[:0], faces[:0]) == ([], 0)


def test_recall_is_a_row_by_height() -> None:
    measured = Measured([(7.9, False), (8.0, True), (40.0, True)], pictures=2, false=3)

    assert table({"Carlens": measured}).splitlines()[2:] == [
        "| Carlens | 0 of 1 | 1 of 1 | 0 of 0 | 0 of 0 | 1 of 1 | 66.7% | 1.50 |"
    ]


def test_the_labels_are_those_of_the_model_card(tmp_path: Path) -> None:
    names = json.loads(LABELS.read_text("utf-8"))
    for name in names:
        (tmp_path / name).touch()

    pictures = read_labels(LABELS, [tmp_path])

    card = (LABELS.parent / "README.md").read_text("utf-8")
    assert f"On {len(pictures)} photos" in card
    assert f"with {sum(len(faces) for _, faces in pictures)} faces" in card
    assert all((faces[:, :2] < faces[:, 2:]).all() for _, faces in pictures)
