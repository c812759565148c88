"""Reference tables: ours, a user's, and wrong ones."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest

from carlens.naming.tables import (
    BucketTables,
    Entry,
    FolderTables,
    TableUnavailable,
    parse_table,
    read_references,
    source_of,
)

LABELS = Path(__file__).parents[2] / "models" / "efficientnet-lite0-stanford-cars" / "labels.txt"


def ours(name: str) -> list[Entry]:
    data = FolderTables().read(name)
    assert data is not None
    return parse_table(name, data)


def test_europe_is_large_and_says_nothing_twice() -> None:
    entries = ours("europe")

    names = {(entry.make, entry.model) for entry in entries}
    assert len(names) == len(entries) >= 900
    assert len({entry.make for entry in entries}) >= 60
    years = [(e.year_from, e.year_to) for e in entries if e.year_from]
    assert all(1900 < first <= (last or first) < 2030 for first, last in years)


def test_every_label_of_the_classifier_is_a_row_and_its_reference_is_in_europe() -> None:
    labels = [line.split("\t")[0] for line in LABELS.read_text("utf-8").splitlines()]
    europe = {(entry.make, entry.model) for entry in ours("europe")}

    references = read_references("stanford_cars")

    assert len(ours("stanford_cars")) == len(labels) == 196
    assert set(references) <= set(labels)
    assert {(entry.make, entry.model) for entry in references.values()} <= europe
    assert len(references) >= 170
    golf = references["Volkswagen Golf Hatchback 1991"]
    assert golf == Entry("Volkswagen", "Golf", 1991, 1991)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"make,name\na,b\n", "lacks the column model"),
        (b"make,model\na,\n", "line 2: make and model"),
        (b"make,model,year_from\na,b,soon\n", "line 2: a year"),
        (b"make,model\n\xff,b\n", "no CSV in UTF-8"),
    ],
)
def test_a_wrong_table_says_what_is_wrong(data: bytes, message: str) -> None:
    with pytest.raises(TableUnavailable, match=message):
        parse_table("mine", data)


def test_a_name_cannot_leave_its_folder(tmp_path: Path) -> None:
    (tmp_path / "tables").mkdir()
    (tmp_path / "secret.csv").write_text("make,model\na,b\n")

    source = source_of(str(tmp_path / "tables"))

    assert source.names() == []
    assert source.read("../secret") is None


class Bucket:
    """An S3 client with one object."""

    def __init__(self, key: str, body: bytes, size: int | None = None) -> None:
        self.key, self.body, self.size = key, body, len(body) if size is None else size

    def get_object(self, *, Bucket: str, Key: str) -> dict[str, Any]:
        if Bucket != "models":
            raise ConnectionError("no such host")
        if Key != self.key:
            error = Exception("absent")
            error.response = {"Error": {"Code": "NoSuchKey"}}  # type: ignore[attr-defined]
            raise error
        return {"ContentLength": self.size, "Body": io.BytesIO(self.body)}

    def get_paginator(self, name: str) -> Bucket:
        assert name == "list_objects_v2"
        return self

    def paginate(self, *, Bucket: str, Prefix: str) -> list[dict[str, Any]]:
        keys = (self.key, f"{Prefix}notes.txt", f"{Prefix}deep/er.csv")
        return [{"Contents": [{"Key": key} for key in keys]}, {}]


def test_tables_lie_in_a_bucket_too() -> None:
    client = Bucket("norm/tables/mine.csv", b"make,model\na,b\n")

    source = BucketTables("s3://models/norm/tables/", client)

    assert source.names() == ["mine"]
    assert source.read("mine") == b"make,model\na,b\n"
    assert source.read("other") is None


def test_a_bucket_that_fails_or_holds_too_much_is_unavailable() -> None:
    with pytest.raises(TableUnavailable, match="try again"):
        BucketTables("s3://away/t", Bucket("t/a.csv", b"")).read("a")
    with pytest.raises(TableUnavailable, match="more than"):
        BucketTables("s3://models/t", Bucket("t/a.csv", b"", size=10**9)).read("a")
