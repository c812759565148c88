"""Names in other scripts are written in Latin letters."""

from __future__ import annotations

import csv
from collections import Counter

import pytest

from carlens.catalog.index import build_index
from carlens.catalog.normalize import fold, key
from carlens.catalog.scripts import TABLE, fold_marks
from carlens.catalog.tables import parse_table, shipped_tables
from carlens.catalog.vocabulary import read_vocabulary


@pytest.mark.parametrize(
    ("text", "latin"),
    [
        # listed names, joined or not
        ("тойота королла", ("TOYOTA", "COROLLA")),
        ("Мерседес-Бенц", ("MERCEDES-BENZ",)),
        ("شيفروليه افيو", ("CHEVROLET", "AVEO")),
        ("大众高尔夫", ("VOLKSWAGEN", "GOLF")),
        ("豐田RAV4", ("TOYOTA", "RAV4")),
        # other words are transliterated
        ("продам", ("PRODAM",)),
        ("Αθήνα", ("ATHINA",)),
        ("٢٠٦", ("206",)),
        # letters that look like Latin ones
        ("ВМW", ("BMW",)),
        ("ХС90", ("XC90",)),
        ("СЕАТ", ("SEAT",)),
    ],
)
def test_a_text_is_written_in_latin_letters(text: str, latin: tuple[str, ...]) -> None:
    assert tuple(fold(text).split()) == latin


def test_each_listed_name_is_listed_once_and_is_known() -> None:
    with TABLE.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    written = Counter(fold_marks(name) for row in rows for name in row["written"].split("|"))
    vocabulary = read_vocabulary()
    index = build_index(parse_table("europe", shipped_tables().read("europe") or b""), vocabulary)
    known = {"HP", "TIGGO", *index.make_names.ids}
    known.update(name for make in index.makes for name in make.models.ids)

    assert [name for name, count in written.items() if count > 1] == []
    assert [row["name"] for row in rows if key(row["name"]) not in known] == []
