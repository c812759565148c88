"""Reference tables: CSV files of makes and models."""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from carlens.errors import TableUnavailable
from carlens.storage import FileMissing, FileTooLarge, FolderStorage, Storage, StorageError

if TYPE_CHECKING:
    from carlens.catalog.headings import Header

TABLES = Path(__file__).resolve().parent / "data" / "tables"
REFERENCES = TABLES.parent / "references.csv"
DATES = TABLES.parent / "dates.csv"

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
    is_preferred : bool
        Whether a model that several makes have is this one if no make is given.
    """

    make: str
    model: str
    is_preferred: bool = field(default=False, compare=False)


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
    """Return the tables that come with Carlens."""
    return TableRepository(FolderStorage(TABLES))


@dataclass(frozen=True, slots=True)
class TableSummary:
    """How large a table is, and how old.

    Attributes
    ----------
    name : str
    makes, models : int or None
        None if the table cannot be read.
    date : str or None
        When a shipped table was last changed, as `YYYY-MM-DD`; None for other tables.
    """

    name: str
    makes: int | None
    models: int | None
    date: str | None


def summarize(name: str, entries: list[Entry] | None, date: str | None) -> TableSummary:
    """Count the makes and models of a table."""
    if entries is None:
        return TableSummary(name, None, None, date)
    models = {(entry.make, entry.model) for entry in entries}
    return TableSummary(name, len({make for make, _ in models}), len(models), date)


def shipped_dates() -> dict[str, str]:
    """Return when each shipped table was last changed, by its name."""
    with DATES.open(encoding="utf-8", newline="") as file:
        return {row["table"]: row["date"] for row in csv.DictReader(file)}


def is_name(name: str) -> bool:
    """Return whether `name` is a valid name of a table: 1 to 64 letters, digits, `_` and `-`."""
    return _NAME.fullmatch(name) is not None


def parse_table(name: str, data: bytes) -> list[Entry]:
    """Parse the CSV of a table.

    Parameters
    ----------
    name : str
        For error messages.
    data : bytes
        CSV that `csv_reader.read_csv` accepts, with a header that names make and model. The column
        `preferred` is optional: `yes` marks the make that is meant by a model of several makes.
        Other columns and empty rows are ignored.

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
    headings = [heading.strip().casefold() for heading in file.first_row]
    preferred = headings.index("preferred") if "preferred" in headings else None
    entries = [
        _entry(
            name,
            line,
            make=_cell(cells, make),
            model=_cell(cells, model),
            is_preferred=preferred is not None and _cell(cells, preferred).casefold() == "yes",
        )
        for line, cells in file.rows
        if any(map(str.strip, cells))
    ]
    if not entries:
        raise TableUnavailable(f"Table {name} has no rows; add one for each model.")
    return entries


def read_references() -> dict[str, Entry]:
    """Read the catalog entries of classifier labels.

    A shipped table, and `references.csv`, may map labels to entries, in the columns `label`,
    `reference_make` and `reference_model`.

    Returns
    -------
    dict
        Entries by label; labels without a reference are left out.
    """
    references = {}
    for path in [*sorted(TABLES.glob("*.csv")), REFERENCES]:
        with path.open(encoding="utf-8", newline="") as file:
            rows = csv.DictReader(file)
            if "label" not in (rows.fieldnames or ()):
                continue
            for row in rows:
                if row["reference_make"] and row["reference_model"]:
                    references[row["label"]] = Entry(row["reference_make"], row["reference_model"])
    return references


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


def _entry(name: str, line: int, *, make: str, model: str, is_preferred: bool) -> Entry:
    if not make or not model:
        raise TableUnavailable(f"Table {name}, line {line}: make and model are required.")
    return Entry(make, model, is_preferred)
