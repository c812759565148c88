"""CSV as people save it -> its rows, and which columns are make and model."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice

from carlens.catalog.normalize import tokenize

_MAX_COLUMNS = 200
# The first of those that cut as many rows is taken: numbers are written 1,5 and not 1;5.
_DELIMITERS = ("\t", ";", ",")
# ASCII's unit separator, which nobody writes: by it a single column stays whole.
_NO_DELIMITER = "\x1f"
_SAMPLE_ROWS = 20
_SAMPLE_CHARS = 50_000

# The line by which Excel is told the delimiter.
_SEP = re.compile(r'"?sep=([^\w\s"\x00-\x1f]|\t)"?[ \t]*(?=[\r\n]|\Z)', re.IGNORECASE)

_NO_CSV = {
    b"PK\x03\x04": "an Excel workbook or another zip archive",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook",
    b"\x1f\x8b": "compressed with gzip",
    b"%PDF": "a PDF",
}

# As `cleaning.tokenize` gives them. No model's name is among them: Fiat has a Tipo.
_MAKE = frozenset(
    (
        *("MAKE", "BRAND", "MANUFACTURER", "MARQUE", "CONSTRUCTEUR", "FABRICANT"),
        *("MARKE", "HERSTELLER", "FABRIKAT", "MARCA", "FABRICANTE", "MONTADORA"),
        *("CASA", "FABBRICANTE", "COSTRUTTORE", "MERK", "FABRIKANT", "MARKA", "PRODUCENT"),
        *("MERKE", "MAERKE", "MERKKI", "ZNACKA"),
    )
)
_MODEL = frozenset(("MODEL", "MODELE", "GAMME", "MODELL", "MODELO", "MODELLO", "MALLI"))
_FRENCH = frozenset(("MARQUE", "MODELE"))
# A heading with one of these names another thing: `model_year`, or nothing: `brand new`.
_OTHER = frozenset(
    ("ID", "CODE", "NUMBER", "YEAR", "ANNEE", "JAHR", "BAUJAHR", "ANO", "ANNO", "NEW")
)


@dataclass(frozen=True)
class Heading:
    """Which columns a first row names.

    Attributes
    ----------
    make, model : int or None
        Their columns; None when it is not named, the same when one column is for both.
    french : bool
        They are called `marque` and `modele`.
    """

    make: int | None
    model: int | None
    french: bool

    @property
    def is_whole(self) -> bool:
        """Tell whether make and model are named, each with a column of its own."""
        return None not in (self.make, self.model) and self.make != self.model


@dataclass(frozen=True)
class Sheet:
    """A CSV file.

    Attributes
    ----------
    delimiter : str
        What cuts its rows; a comma when there is a single column.
    first : list of str
        The cells of the first row, which may be the header.
    heading : Heading or None
        None when the first row is none.
    rows : list of (line, cells)
        All rows but the header, each with the line on which it begins.
    """

    delimiter: str
    first: list[str]
    heading: Heading | None
    rows: list[tuple[int, list[str]]]


def read_sheet(data: bytes, most: int) -> Sheet:
    """Read CSV of any usual encoding and delimiter, with a header or none.

    Blank lines at its beginning and end are no rows.

    Parameters
    ----------
    most : int
        How many rows are wanted; of those that follow at least one is given, to tell.

    Raises
    ------
    ValueError
        It is no CSV; the message is a sentence that says what to do.
    """
    whole = _decode(data).rstrip("\r\n")
    text = whole.lstrip("\r\n")
    above = whole[: len(whole) - len(text)]
    told = _SEP.match(text)
    found = told[1] if told else _find_delimiter(text)
    records = _records(
        text, found or _NO_DELIMITER, line=1 + (above.count("\n") or above.count("\r"))
    )
    start = 1 if told else 0
    rows = list(islice(records, start, start + most + 2))
    for line, cells in rows:
        if len(cells) > _MAX_COLUMNS:
            raise ValueError(
                f"Line {line} of the CSV has {len(cells):,} columns; at most {_MAX_COLUMNS} are "
                "read, so leave out all but make and model."
            )
    first = rows[0][1] if rows else []
    heading = read_heading(first)
    return Sheet(found or ",", first, heading, rows[1:] if heading else rows)


def read_heading(cells: Sequence[str]) -> Heading | None:
    """Find the columns of make and model by the words of their headings.

    Returns
    -------
    Heading or None
        None for a row of data: neither are both named, nor is a known word all of a heading.
        `Tesla,Model 3` is one.
    """
    words = [frozenset(tokenize(cell)) for cell in cells]
    make, model = (_named(words, known) for known in (_MAKE, _MODEL))
    found = [column for column in (make, model) if column is not None]
    if len(found) < 2 and not any(len(words[column]) == 1 for column in found):
        return None
    return Heading(make, model, all(words[column] & _FRENCH for column in found))


def _named(words: Sequence[frozenset[str]], known: frozenset[str]) -> int | None:
    columns = [
        column
        for column, heading in enumerate(words)
        # A number is of a model: `Model 3`.
        if heading & known and not heading & _OTHER and not any(map(str.isdigit, heading))
    ]
    # The fewest words are the surest: `make` before `make and model`.
    return min(columns, key=lambda column: len(words[column]), default=None)


def _decode(data: bytes) -> str:
    for magic, what in _NO_CSV.items():
        if data.startswith(magic):
            raise ValueError(f"The file is {what}, no CSV; save it as CSV and send that.")
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", "replace")
    if data.count(0) * 4 >= len(data) > 0:
        # Of most letters in UTF-16 one byte is zero; which, says the order of the two.
        little = data[1::2].count(0) > data[::2].count(0)
        return data.decode("utf-16-le" if little else "utf-16-be", "replace")
    for encoding in ("utf-8-sig", "cp1252"):
        with suppress(UnicodeDecodeError):
            return data.decode(encoding)
    return data.decode("latin-1")


def _find_delimiter(text: str) -> str | None:
    start = text[:_SAMPLE_CHARS]
    # Quotes that do not match tell of another delimiter, or else that the file is broken.
    for strict in (True, False):
        samples = {mark: _sample(start, mark, strict=strict) for mark in _DELIMITERS}
        for mark, rows in samples.items():
            heading = read_heading(rows[0]) if rows else None
            if heading and heading.is_whole:
                return mark
        cut = {mark: sum(len(row) > 1 for row in rows) for mark, rows in samples.items()}
        most = [mark for mark, rows in samples.items() if cut[mark] * 2 > len(rows)]
        if most:
            return max(most, key=cut.__getitem__)
    return None


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
    # Strict, for an open quote would make one row of all that follows it.
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=strict)
    here = line
    try:
        for cells in reader:
            yield here, cells
            here = line + reader.line_num
    except csv.Error as error:
        if "limit" in str(error):
            what = f"a cell has more than {csv.field_size_limit():,} characters; shorten it"
        else:
            what = "its quotes do not match; close each quote, and double those inside a cell"
        raise ValueError(f"Line {here} of the CSV cannot be read: {what}.") from error
