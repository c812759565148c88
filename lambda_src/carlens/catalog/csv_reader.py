"""Read CSV with any common encoding and delimiter, and find the columns of make and model."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice

from carlens.catalog.normalize import tokenize

_MAX_COLUMNS = 200
# Of delimiters that split equally many rows the first wins: people write 1,5 but not 1;5.
_DELIMITERS = ("\t", ";", ",")
# ASCII's unit separator never occurs in a text, so it keeps a single column whole.
_NO_DELIMITER = "\x1f"
_SAMPLE_ROWS = 20
_SAMPLE_CHARS = 50_000

# The first line that tells Excel the delimiter.
_SEP_LINE = re.compile(r'"?sep=([^\w\s"\x00-\x1f]|\t)"?[ \t]*(?=[\r\n]|\Z)', re.IGNORECASE)

_OTHER_FORMATS = {
    b"PK\x03\x04": "an Excel workbook or another zip archive",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook",
    b"\x1f\x8b": "a gzip archive",
    b"%PDF": "a PDF",
}

# Words of column headings, tokenized. Names of models cannot be among them: Fiat has a Tipo.
MAKE_HEADINGS = frozenset(
    (
        *("MAKE", "BRAND", "MANUFACTURER", "MARQUE", "CONSTRUCTEUR", "FABRICANT"),
        *("MARKE", "HERSTELLER", "FABRIKAT", "MARCA", "FABRICANTE", "MONTADORA"),
        *("CASA", "FABBRICANTE", "COSTRUTTORE", "MERK", "FABRIKANT", "MARKA", "PRODUCENT"),
        *("MERKE", "MAERKE", "MERKKI", "ZNACKA"),
    )
)
MODEL_HEADINGS = frozenset(("MODEL", "MODELE", "GAMME", "MODELL", "MODELO", "MODELLO", "MALLI"))
_FRENCH_HEADINGS = frozenset(("MARQUE", "MODELE"))
# A heading with one of these words is another column (`model_year`) or data (`brand new`).
_EXCLUDED = frozenset(
    ("ID", "CODE", "NUMBER", "YEAR", "ANNEE", "JAHR", "BAUJAHR", "ANO", "ANNO", "NEW")
)


@dataclass(frozen=True)
class Header:
    """The columns that a header row names.

    Attributes
    ----------
    make, model : int or None
        Index of the column; None if it is not named. Both are the same if one column is for both.
    is_french : bool
        Whether the columns are named `marque` and `modele`.
    """

    make: int | None
    model: int | None
    is_french: bool

    @property
    def is_complete(self) -> bool:
        """Whether make and model are named, each with its own column."""
        return None not in (self.make, self.model) and self.make != self.model


@dataclass(frozen=True, kw_only=True)
class CsvFile:
    """The contents of a CSV file.

    Attributes
    ----------
    delimiter : str
        A comma if there is a single column.
    first_row : list of str
        The cells of the first row, whether header or data.
    header : Header or None
        None if the first row is data.
    rows : list of (line, cells)
        All rows but the header, each with the number of the line on which it starts.
    """

    delimiter: str
    first_row: list[str]
    header: Header | None
    rows: list[tuple[int, list[str]]]


def read_csv(data: bytes, max_rows: int) -> CsvFile:
    """Read CSV with any common encoding and delimiter, with or without a header.

    Blank lines at the start and end are not rows.

    Parameters
    ----------
    max_rows : int
        Reading stops after this number of rows, but not before one row more, so that the caller
        can tell that there are too many.

    Raises
    ------
    ValueError
        The data are not CSV. The message is a sentence for the user.
    """
    decoded = _decode(data).rstrip("\r\n")
    text = decoded.lstrip("\r\n")
    blank = decoded[: len(decoded) - len(text)]
    first_line = 1 + (blank.count("\n") or blank.count("\r"))
    sep_line = _SEP_LINE.match(text)
    delimiter = sep_line[1] if sep_line else _find_delimiter(text)
    start = 1 if sep_line else 0
    records = _records(text, delimiter or _NO_DELIMITER, line=first_line)
    rows = list(islice(records, start, start + max_rows + 2))
    for line, cells in rows:
        if len(cells) > _MAX_COLUMNS:
            raise ValueError(
                f"Line {line} of the CSV has {len(cells):,} columns, but at most {_MAX_COLUMNS} "
                "are allowed; keep only make and model."
            )
    first_row = rows[0][1] if rows else []
    header = read_header(first_row)
    return CsvFile(
        delimiter=delimiter or ",",
        first_row=first_row,
        header=header,
        rows=rows[1:] if header else rows,
    )


def read_header(cells: Sequence[str]) -> Header | None:
    """Find the columns of make and model by the words in their headings.

    Returns
    -------
    Header or None
        None for a row of data such as `Tesla,Model 3`. A header names both columns, or has a
        heading that is just the word for one of them.
    """
    headings = [frozenset(tokenize(cell)) for cell in cells]
    make, model = (_find_column(headings, known) for known in (MAKE_HEADINGS, MODEL_HEADINGS))
    found = [column for column in (make, model) if column is not None]
    if len(found) < 2 and not any(len(headings[column]) == 1 for column in found):
        return None
    return Header(make, model, all(headings[column] & _FRENCH_HEADINGS for column in found))


def _find_column(headings: Sequence[frozenset[str]], known: frozenset[str]) -> int | None:
    columns = [
        column
        for column, words in enumerate(headings)
        # A cell with a number is the name of a model: `Model 3`.
        if words & known and not words & _EXCLUDED and not any(map(str.isdigit, words))
    ]
    # The shortest heading is the most specific: `make` rather than `make and model`.
    return min(columns, key=lambda column: len(headings[column]), default=None)


def _decode(data: bytes) -> str:
    for magic, what in _OTHER_FORMATS.items():
        if data.startswith(magic):
            raise ValueError(f"The file is {what}, not a CSV; save it as CSV and send that.")
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", "replace")
    if data.count(0) * 4 >= len(data) > 0:
        # Most letters have one zero byte in UTF-16; its position shows the byte order.
        little = data[1::2].count(0) > data[::2].count(0)
        return data.decode("utf-16-le" if little else "utf-16-be", "replace")
    for encoding in ("utf-8-sig", "cp1252"):
        with suppress(UnicodeDecodeError):
            return data.decode(encoding)
    return data.decode("latin-1")


def _find_delimiter(text: str) -> str | None:
    start = text[:_SAMPLE_CHARS]
    # Unbalanced quotes point to another delimiter, unless the file is broken.
    for strict in (True, False):
        samples = {mark: _sample(start, mark, strict=strict) for mark in _DELIMITERS}
        for choose in (_delimiter_by_header, _delimiter_by_rows):
            if delimiter := choose(samples):
                return delimiter
    return None


def _delimiter_by_header(samples: Mapping[str, list[list[str]]]) -> str | None:
    """Return the first delimiter with which the first row is a complete header."""
    for delimiter, rows in samples.items():
        header = read_header(rows[0]) if rows else None
        if header and header.is_complete:
            return delimiter
    return None


def _delimiter_by_rows(samples: Mapping[str, list[list[str]]]) -> str | None:
    """Return the delimiter that splits most rows, if it splits more than half of them."""
    split = {mark: sum(len(row) > 1 for row in rows) for mark, rows in samples.items()}
    candidates = [mark for mark, rows in samples.items() if split[mark] * 2 > len(rows)]
    return max(candidates, key=split.__getitem__, default=None)


def _sample(text: str, delimiter: str, *, strict: bool) -> list[list[str]]:
    rows: list[list[str]] = []
    with suppress(ValueError):
        for _, cells in _records(text, delimiter, strict=strict):
            if cells:
                rows.append(cells)
            if len(rows) == _SAMPLE_ROWS:
                break
    return rows


def _records(
    text: str, delimiter: str, *, line: int = 1, strict: bool = True
) -> Iterator[tuple[int, list[str]]]:
    # Strict, because an open quote would turn the rest of the file into one row.
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=strict)
    row_line = line
    try:
        for cells in reader:
            yield row_line, cells
            row_line = line + reader.line_num
    except csv.Error as error:
        if "limit" in str(error):
            problem = f"a cell has more than {csv.field_size_limit():,} characters; shorten it"
        else:
            problem = "its quotes do not match; close each quote, and double quotes inside a cell"
        raise ValueError(f"Line {row_line} of the CSV cannot be read: {problem}.") from error
