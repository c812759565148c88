"""Reference tables: CSV files of makes and models, in the function or in a bucket."""

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
    from carlens.catalog.csv_reader import Sheet

TABLES = Path(__file__).resolve().parent / "data" / "tables"

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_MAX_TABLE_BYTES = 20_000_000
_MAX_NAMES = 100_000


@dataclass(frozen=True, slots=True)
class Entry:
    """A row of a reference table.

    Attributes
    ----------
    make, model : str
        As the answer gives them.
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
    """Tell whether `name` may be a table's: letters, digits, `_` and `-`."""
    return _NAME.fullmatch(name) is not None


def parse_table(name: str, data: bytes) -> list[Entry]:
    """Read a table's rows.

    Parameters
    ----------
    data : bytes
        CSV as `sheets.read_sheet` reads it, with a header that names make and model; other
        columns are left to whom they concern. Empty rows are none.

    Raises
    ------
    TableUnavailable
        It is not such a table; the message says where and what to do.
    """
    from carlens.catalog.csv_reader import read_sheet  # the references do without it

    try:
        sheet = read_sheet(data, _MAX_NAMES)
    except ValueError as error:
        raise TableUnavailable(f"Table {name} is no CSV. {error}") from error
    if len(sheet.rows) > _MAX_NAMES:
        raise TableUnavailable(f"Table {name} has more than {_MAX_NAMES:,} rows; split it.")
    make, model = _columns(name, sheet)
    entries = [
        _entry(name, line, cells, make, model)
        for line, cells in sheet.rows
        if any(map(str.strip, cells))
    ]
    if not entries:
        raise TableUnavailable(f"Table {name} has no rows; give it one for each model.")
    return entries


def read_references(table: str) -> dict[str, Entry]:
    """Read what each label of a classifier is in the reference table.

    Parameters
    ----------
    table : str
        One of ours with the columns `label`, `reference_make` and `reference_model`.

    Returns
    -------
    dict
        By label; labels without a reference are not in it.
    """
    with (TABLES / f"{table}.csv").open(encoding="utf-8", newline="") as file:
        return {
            row["label"]: Entry(row["reference_make"], row["reference_model"])
            for row in csv.DictReader(file)
            if row["reference_make"] and row["reference_model"]
        }


def _columns(name: str, sheet: Sheet) -> tuple[int, int]:
    # Nothing is guessed: a table is written once, and a wrong guess stays.
    heading = sheet.heading
    make, model = (heading.make, heading.model) if heading else (None, None)
    if make is None or model is None or make == model:
        lacking = "model" if make is not None and model is None else "make"
        raise TableUnavailable(
            f"Table {name} lacks the column {lacking}; name the columns in its first line, one "
            "make and one model."
        )
    return make, model


def _entry(name: str, line: int, cells: list[str], make: int, model: int) -> Entry:
    found = [cells[column].strip() if column < len(cells) else "" for column in (make, model)]
    if not all(found):
        raise TableUnavailable(f"Table {name}, line {line}: make and model must be given.")
    return Entry(*found)


def _error_code(error: Exception) -> str:
    response = getattr(error, "response", None)
    return str(response["Error"]["Code"]) if isinstance(response, dict) else ""


def _too_large(name: str) -> TableUnavailable:
    return TableUnavailable(f"Table {name} has more than {_MAX_TABLE_BYTES:,} bytes; split it.")
