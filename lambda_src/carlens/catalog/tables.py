"""Reference tables: CSV files of makes and models."""

from __future__ import annotations

import csv
import re
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from carlens.aws import s3
from carlens.errors import TableUnavailable

if TYPE_CHECKING:
    from carlens.catalog.csv_reader import Header

TABLES = Path(__file__).resolve().parent / "data" / "tables"

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_MAX_TABLE_BYTES = 20_000_000
_MAX_ROWS = 100_000


@dataclass(frozen=True, slots=True)
class Entry:
    """A row of a table.

    Attributes
    ----------
    make, model : str
        As they appear in answers.
    """

    make: str
    model: str


class TableSource(Protocol):
    """Where tables lie."""

    def names(self) -> list[str]:
        """Give the names of the tables here."""

    def read(self, name: str) -> bytes | None:
        """Read a table, or give None when it is not here."""


class FolderTables:
    """Tables in a folder, each a file `<name>.csv`."""

    def __init__(self, root: Path = TABLES) -> None:
        self._root = root

    def names(self) -> list[str]:
        """Give the names of the tables in the folder."""
        files = (path for path in self._root.glob("*.csv") if path.is_file())
        return sorted(filter(is_name, (path.stem for path in files)))

    def read(self, name: str) -> bytes | None:
        """Read a table, or give None when it is not here.

        Raises
        ------
        TableUnavailable
            It is larger than a table may be.
        """
        path = self._root / f"{name}.csv"
        if not is_name(name) or not path.is_file():
            return None
        if path.stat().st_size > _MAX_TABLE_BYTES:
            raise _too_large(name)
        return path.read_bytes()


class BucketTables:
    """Tables in a bucket.

    Parameters
    ----------
    address : str
        `s3://bucket/prefix`; a table lies at `prefix/<name>.csv`.
    client : boto3 S3 client, optional
        Made when it is first needed.
    """

    def __init__(self, address: str, client: Any = None) -> None:
        self._bucket, prefix = s3.split(address)
        self._prefix = f"{prefix}/" if prefix else ""
        self._given = client

    def names(self) -> list[str]:
        """Give the names of the tables in the bucket.

        Raises
        ------
        TableUnavailable
            The bucket does not answer.
        """
        try:
            pages = self._client.get_paginator("list_objects_v2").paginate(
                Bucket=self._bucket, Prefix=self._prefix
            )
            keys = [item["Key"] for page in pages for item in page.get("Contents", ())]
        except Exception as error:  # botocore's and urllib3's errors share no base class
            raise TableUnavailable("The tables cannot be listed now; try again.") from error
        files = [key.removeprefix(self._prefix) for key in keys]
        stems = [file.removesuffix(".csv") for file in files if file.endswith(".csv")]
        return sorted(filter(is_name, stems))

    def read(self, name: str) -> bytes | None:
        """Read a table, or give None when it is not here.

        Raises
        ------
        TableUnavailable
            The bucket does not answer, or the table is larger than one may be.
        """
        if not is_name(name):
            return None
        try:
            found = self._client.get_object(Bucket=self._bucket, Key=f"{self._prefix}{name}.csv")
            with closing(found["Body"]) as body:
                data = body.read() if found["ContentLength"] <= _MAX_TABLE_BYTES else None
        except Exception as error:
            if _error_code(error) == "NoSuchKey":
                return None
            raise TableUnavailable(f"Table {name} cannot be read now; try again.") from error
        if data is None:
            raise _too_large(name)
        return bytes(data)

    @property
    def _client(self) -> Any:
        if self._given is None:
            self._given = s3.client(read_timeout=5)
        return self._given


def source_of(setting: str) -> TableSource:
    """Give the source that a setting names: a folder, or `s3://bucket/prefix`."""
    return BucketTables(setting) if setting.startswith("s3://") else FolderTables(Path(setting))


def is_name(name: str) -> bool:
    """Tell whether `name` is a valid name of a table: 1 to 64 letters, digits, `_` and `-`."""
    return _NAME.fullmatch(name) is not None


def parse_table(name: str, data: bytes) -> list[Entry]:
    """Parse the CSV of a table.

    Parameters
    ----------
    name : str
        For error messages.
    data : bytes
        CSV that `csv_reader.read_csv` accepts, with a header that names make and model. Other
        columns and empty rows are ignored.

    Raises
    ------
    TableUnavailable
        The table is invalid. The message says where, and how to fix it.
    """
    from carlens.catalog.csv_reader import read_csv  # `read_references` does not need it

    try:
        file = read_csv(data, _MAX_ROWS)
    except ValueError as error:
        raise TableUnavailable(f"Table {name} is not valid CSV. {error}") from error
    if len(file.rows) > _MAX_ROWS:
        raise TableUnavailable(f"Table {name} has more than {_MAX_ROWS:,} rows; split it.")
    make, model = _columns(name, file.header)
    entries = [
        _entry(name, line, make=_cell(cells, make), model=_cell(cells, model))
        for line, cells in file.rows
        if any(map(str.strip, cells))
    ]
    if not entries:
        raise TableUnavailable(f"Table {name} has no rows; add one for each model.")
    return entries


def read_references(table: str) -> dict[str, Entry]:
    """Read the reference make and model of each label of a classifier.

    Parameters
    ----------
    table : str
        A built-in table with the columns `label`, `reference_make` and `reference_model`.

    Returns
    -------
    dict
        Entries by label; labels without a reference are left out.
    """
    with (TABLES / f"{table}.csv").open(encoding="utf-8", newline="") as file:
        return {
            row["label"]: Entry(row["reference_make"], row["reference_model"])
            for row in csv.DictReader(file)
            if row["reference_make"] and row["reference_model"]
        }


def _columns(name: str, header: Header | None) -> tuple[int, int]:
    # Missing columns are not guessed: a table is written once, and a wrong guess would last.
    make, model = (header.make, header.model) if header else (None, None)
    if make is None or model is None or make == model:
        missing = "model" if make is not None and model is None else "make"
        raise TableUnavailable(
            f"Table {name} has no column {missing}; add a first line that names the columns, with "
            "one make and one model."
        )
    return make, model


def _cell(cells: list[str], column: int) -> str:
    return cells[column].strip() if column < len(cells) else ""


def _entry(name: str, line: int, *, make: str, model: str) -> Entry:
    if not make or not model:
        raise TableUnavailable(f"Table {name}, line {line}: make and model are required.")
    return Entry(make, model)


def _error_code(error: Exception) -> str:
    response = getattr(error, "response", None)
    return str(response["Error"]["Code"]) if isinstance(response, dict) else ""


def _too_large(name: str) -> TableUnavailable:
    return TableUnavailable(f"Table {name} has more than {_MAX_TABLE_BYTES:,} bytes; split it.")
