"""Reference tables: CSV files of makes and models."""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from carlens.errors import TableUnavailable
from carlens.storage import FileMissing, FileTooLarge, FolderStorage, Storage, StorageError

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


class TableRepository:
    """Tables in a storage, each a file `<name>.csv`.

    Parameters
    ----------
    storage : Storage
    """

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    def names(self) -> list[str]:
        """List the names of the tables.

        Raises
        ------
        TableUnavailable
            They cannot be listed; the cause has the details.
        """
        try:
            files = self._storage.names()
        except StorageError as error:
            raise TableUnavailable("The tables cannot be listed now; try again.") from error
        stems = (file.removesuffix(".csv") for file in files if file.endswith(".csv"))
        return sorted(filter(is_name, stems))

    def read(self, name: str) -> bytes | None:
        """Read a table, or return None if there is no such table.

        Raises
        ------
        TableUnavailable
            It cannot be read, or is too large; the cause has the details.
        """
        if not is_name(name):
            return None
        try:
            return self._storage.read(f"{name}.csv", max_bytes=_MAX_TABLE_BYTES)
        except FileMissing:
            return None
        except FileTooLarge as error:
            raise TableUnavailable(
                f"Table {name} has more than {_MAX_TABLE_BYTES:,} bytes; split it."
            ) from error
        except StorageError as error:
            raise TableUnavailable(f"Table {name} cannot be read now; try again.") from error


def shipped_tables() -> TableRepository:
    """Give the tables that come with Carlens."""
    return TableRepository(FolderStorage(TABLES))


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


def read_references() -> dict[str, Entry]:
    """Read the catalog entries of classifier labels.

    A shipped table may map labels to entries, in the columns `label`, `reference_make` and
    `reference_model`.

    Returns
    -------
    dict
        Entries by label; labels without a reference are left out.
    """
    references = {}
    for path in sorted(TABLES.glob("*.csv")):
        with path.open(encoding="utf-8", newline="") as file:
            rows = csv.DictReader(file)
            if "label" not in (rows.fieldnames or ()):
                continue
            for row in rows:
                if row["reference_make"] and row["reference_model"]:
                    references[row["label"]] = Entry(row["reference_make"], row["reference_model"])
    return references


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
