"""Tables: built-in, custom and invalid ones."""

from __future__ import annotations

import csv
from collections import Counter
from datetime import date
from pathlib import Path

import pytest

from carlens.catalog.headings import read_header
from carlens.catalog.matcher import Matcher
from carlens.catalog.normalize import key
from carlens.catalog.tables import (
    TABLES,
    Entry,
    TableRepository,
    parse_table,
    read_references,
    shipped_dates,
    shipped_tables,
)
from carlens.catalog.vocabulary import read_vocabulary
from carlens.errors import TableUnavailable
from carlens.storage import FileTooLarge, FolderStorage, StorageError

LABELS = Path(__file__).parents[3] / "models" / "efficientnet-lite0-cars" / "labels.txt"


def built_in(name: str) -> list[Entry]:
    data = shipped_tables().read(name)
    assert data is not None
    return parse_table(name, data)


def test_europe_has_no_duplicates() -> None:
    entries = built_in("europe")

    names = {(entry.make, entry.model) for entry in entries}
    assert len(names) == len(entries) == 2656
    assert len({entry.make for entry in entries}) == 232


def test_the_years_in_the_built_in_tables_are_plausible() -> None:
    for table in ("europe", "stanford_cars"):
        with (TABLES / f"{table}.csv").open(encoding="utf-8", newline="") as file:
            years = [(row["year_from"], row["year_to"]) for row in csv.DictReader(file)]

        known = [(int(first), int(last or first)) for first, last in years if first]
        assert len(known) > 0.5 * len(years)
        assert all(1900 < first <= last < 2030 for first, last in known)


@pytest.mark.parametrize("table", ["europe", "stanford_cars"])
def test_no_row_of_a_built_in_table_is_taken_for_a_header(table: str) -> None:
    rows = [[entry.make, entry.model] for entry in built_in(table)]

    found = [row for row in rows if read_header(row) or read_header([" ".join(row)])]

    assert found == []


@pytest.mark.parametrize("table", ["europe", "stanford_cars"])
def test_each_row_of_a_built_in_table_matches_itself(table: str) -> None:
    entries = built_in(table)
    matcher = Matcher(entries, read_vocabulary())

    found = [matcher.match(entry.make, entry.model) for entry in entries]

    names = [(entry.make, entry.model) for entry in entries]
    assert [(match.make, match.model) for match in found] == names
    assert {match.score for match in found} == {100}


# In one text, these are an engine size or another make.
AMBIGUOUS = {"3.0", "4.0", "5.0", "6.0", "1.1", "1.3", "Maruti"}


@pytest.mark.parametrize("table", ["europe", "stanford_cars"])
def test_each_row_of_a_built_in_table_is_found_in_one_text(table: str) -> None:
    entries = built_in(table)
    matcher = Matcher(entries, read_vocabulary())

    found = [matcher.match("", f"{entry.make} {entry.model}") for entry in entries]

    wrong = [
        entry
        for entry, match in zip(entries, found, strict=True)
        if entry != Entry(match.make, match.model)
    ]
    assert {entry.model for entry in wrong} == (AMBIGUOUS if table == "europe" else set())


def test_every_label_of_the_classifier_has_a_row_and_its_reference_is_in_europe() -> None:
    labels = [line.split("\t")[0] for line in LABELS.read_text("utf-8").splitlines()]
    europe = {(entry.make, entry.model) for entry in built_in("europe")}

    references = read_references()

    assert len(labels) == 217
    assert len(built_in("stanford_cars")) == 196
    assert set(references) <= set(labels)
    assert {(entry.make, entry.model) for entry in references.values()} <= europe
    assert len(references) >= 191
    golf = references["Volkswagen Golf Hatchback 1991"]
    assert golf == Entry("Volkswagen", "Golf")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"make,name\na,b\n", "has no column model; add a first line that names"),
        (b"VW,Golf\n", "has no column make; add a first line that names"),
        (b"make and model\nVW Golf\n", "has no column make"),
        (b"\n\n", "has no column make"),
        (b"make,model\na,\n", "line 2: make and model"),
        (b'make,model\n"a\nb",c\n,d\n', "line 4: make and model"),
        (b'make,model\nVW,"Golf\nVW,Polo\n', "Line 2 .* close each quote"),
        (b"make,model\n,\n", "has no rows; add one for each model"),
        (b"PK\x03\x04", "save it as CSV"),
        (b"make,model\n" + b"a,b\n" * 100_001, "more than 100,000 rows; split it"),
        (b"make,model\n,\n,\n" + b"a,b\n" * 100_000, "more than 100,000 rows; split it"),
    ],
)
def test_the_error_of_an_invalid_table_says_what_to_fix(data: bytes, message: str) -> None:
    with pytest.raises(TableUnavailable, match=message):
        parse_table("mine", data)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
@pytest.mark.parametrize("heading", ["make,model", "Marque;Modèle", "Car Make\tCar Model"])
def test_a_table_is_read_in_any_encoding_and_delimiter(encoding: str, heading: str) -> None:
    delimiter = next(mark for mark in ",;\t" if mark in heading)
    lines = f"{heading}\nCitroën, C3 \n\n,\nŠkoda,Fabia\n".replace(",", delimiter)

    entries = parse_table("mine", lines.encode(encoding))

    assert entries == [Entry("Citroën", "C3"), Entry("Škoda", "Fabia")]


def test_a_table_may_prefer_a_make_and_have_other_columns() -> None:
    data = b"make,year,model,Preferred\nOpel,1982,Corsa,yes\nVauxhall,1993,Corsa\n"

    entries = parse_table("mine", data)

    assert [entry.is_preferred for entry in entries] == [True, False]


def test_a_cell_without_a_heading_makes_no_model_preferred() -> None:
    [entry] = parse_table("mine", b"make,model\nOpel,Corsa,yes\n")

    assert not entry.is_preferred


def test_each_preferred_model_has_other_makes_and_is_preferred_once() -> None:
    entries = built_in("europe")
    makes = Counter(key(entry.model) for entry in entries)

    preferred = [key(entry.model) for entry in entries if entry.is_preferred]

    assert [model for model in preferred if makes[model] < 2] == []
    assert [model for model, count in Counter(preferred).items() if count > 1] == []


def test_each_built_in_table_has_a_date() -> None:
    dates = shipped_dates()

    assert list(dates) == shipped_tables().names()
    assert all(date.fromisoformat(day) for day in dates.values())


def test_only_files_are_tables(tmp_path: Path) -> None:
    # Given a folder and a dangling link with the names of tables
    (tmp_path / "folder.csv").mkdir()
    (tmp_path / "dangling.csv").symlink_to(tmp_path / "nothing.csv")
    (tmp_path / "boats.csv").write_text("make,model\na,b\n")

    assert TableRepository(FolderStorage(tmp_path)).names() == ["boats"]


def test_a_name_cannot_leave_its_folder(tmp_path: Path) -> None:
    (tmp_path / "tables").mkdir()
    (tmp_path / "secret.csv").write_text("make,model\na,b\n")
    (tmp_path / "tables" / "no name.csv").write_text("make,model\na,b\n")

    tables = TableRepository(FolderStorage(tmp_path / "tables"))

    assert tables.names() == []
    assert tables.read("../secret") is None


class FullStorage:
    """A storage with one file, larger than allowed."""

    def names(self) -> list[str]:
        return ["mine.csv"]

    def read(self, key: str, *, max_bytes: int) -> bytes:
        raise FileTooLarge(f"{key} has {max_bytes + 1} bytes")


class BrokenStorage:
    """A storage that cannot be reached."""

    def names(self) -> list[str]:
        raise StorageError("no route")

    def read(self, key: str, *, max_bytes: int) -> bytes:
        raise StorageError("no route")


def test_a_table_that_is_missing_is_none(tmp_path: Path) -> None:
    tables = TableRepository(FolderStorage(tmp_path))

    assert tables.read("mine") is None


def test_a_table_is_read_completely(tmp_path: Path) -> None:
    (tmp_path / "mine.csv").write_bytes(b"make,model\na,b\n")

    assert TableRepository(FolderStorage(tmp_path)).read("mine") == b"make,model\na,b\n"


def test_a_table_that_is_too_large_is_unavailable() -> None:
    with pytest.raises(TableUnavailable, match="Table mine has more than 20,000,000 bytes; split"):
        TableRepository(FullStorage()).read("mine")


def test_a_storage_that_fails_makes_tables_unavailable_and_leaves_the_cause() -> None:
    tables = TableRepository(BrokenStorage())

    for use in (tables.names, lambda: tables.read("mine")):
        with pytest.raises(TableUnavailable, match="try again") as caught:
            use()
        assert str(caught.value.__cause__) == "no route"
