"""The original project's own rows, from shared/naming if it is there; each difference has a reason."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from carlens.catalog.matcher import Matcher
from carlens.catalog.normalize import key
from carlens.catalog.tables import parse_table, shipped_tables
from carlens.catalog.vocabulary import read_vocabulary

NAMING = Path(__file__).resolve().parents[3] / "../shared/naming"

# The names of the same model, by those of the original.
RENAMED = {
    "CLASSE C": "C-Class",
    "CLASSE A": "A-Class",
    "SERIE 1": "1 Series",
    "318": "3 Series",
    "MINI": "Hatch",
}
# Our table has finer models, by those of the original; `SERIE X` is no single model.
FINER = {
    "X": {"X1", "X3", ""},
    "GLE": {"GLE Coupe"},
    "MINI": {"Cabrio"},
    "QASHQAI": {"Qashqai+2"},
    "PRIUS": {"Prius+"},
    "TERRANO": {"Terrano II"},
    "C4": {"C4 Aircross"},
    "V40": {"V40 Cross Country"},
    "ALTEA": {"Altea XL"},
    "TRANSIT": {"Transit Custom"},
    "C3": {"C3 Aircross"},
    "C4 PICASSO": {"C4 SpaceTourer"},
    "500": {"500X", "500L", "500C"},
    "A4": {"A4 Allroad"},
    "A6": {"A6 Allroad"},
    "GOLF": {"Golf Plus"},
    "DISCOVERY": {"Discovery Sport"},
}


@pytest.mark.parametrize("name", ["check", "check_2020"])
def test_the_rows_of_the_original_are_found_or_named_more_finely(name: str) -> None:
    path = NAMING / f"{name}.csv"
    if not path.is_file():
        pytest.skip(f"{path.name} is not here")
    matcher = Matcher(
        parse_table("europe", shipped_tables().read("europe") or b""), read_vocabulary()
    )
    with path.open(encoding="utf-8", newline="") as file:
        rows = [row[:4] for row in csv.reader(file) if any(row)]

    wrong = []
    for make, model, right_make, right_model in rows:
        found = matcher.match(make, model)
        is_right = key(RENAMED.get(right_model, right_model)) == key(found.model)
        is_finer = found.model in FINER.get(right_model, ())
        if not key(found.make).startswith(key(right_make)) or not (is_right or is_finer):
            wrong.append((make, model, found.make, found.model))

    assert len(rows) > 30
    assert wrong == []
