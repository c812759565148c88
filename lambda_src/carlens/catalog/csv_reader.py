"""Read CSV with any common encoding and delimiter, and find the columns of make and model."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice

from carlens.catalog.headings import MAX_TITLE_ROWS, Header, find_header

_MAX_COLUMNS = 200
# Of delimiters that split equally many rows the first wins: people write 1,5 but not 1;5.
_DELIMITERS = ("\t", ";", ",")
# ASCII's unit separator never occurs in a text, so it keeps a single column whole.
_NO_DELIMITER = "\x1f"
_SAMPLE_ROWS = MAX_TITLE_ROWS + 1
# The header is looked for in this number of lines, which may be empty.
_MAX_LINES_ABOVE = 50
_SAMPLE_CHARS = 50_000

# The first line that tells Excel the delimiter.
_SEP_LINE = re.compile(r'"?sep=([^\w\s"\x00-\x1f]|\t)"?[ \t]*(?=[\r\n]|\Z)', re.IGNORECASE)

_OTHER_FORMATS = {
    b"PK\x03\x04": "an Excel workbook or another zip archive",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook",
    b"\x1f\x8b": "a gzip archive",
    b"%PDF": "a PDF",
}
# A mark of UTF-32 starts with one of UTF-16.
_MARKED_ENCODINGS = {
    (b"\xff\xfe\x00\x00", b"\x00\x00\xfe\xff"): "utf-32",
    (b"\xff\xfe", b"\xfe\xff"): "utf-16",
}
# Spreadsheets save tables as HTML or XML under the name of an Excel workbook.
_MARKUP = re.compile(r"\s*<(?:!doctype|\?xml|html|table|!--)", re.IGNORECASE)
_JSON = re.compile(r'\s*(?:(?:\[\s*)?\{\s*["}]|\[\s*["\[])')
# Control characters and code points that text seldom has. ISO 2022 uses the escape.
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f\ue000-\uf8ff\ufffe\uffff]")
_MAX_CONTROL = 0.02  # their share in a text

_BINARY = "The file is binary, not a CSV; save it as CSV and send that."

# What DOS and CP/M put at the end of a text.
_END = "\r\n\x00\x1a"


@dataclass(frozen=True, kw_only=True)
class CsvFile:
    """The contents of a CSV file.

    Attributes
    ----------
    delimiter : str
        A comma if there is a single column.
    first_row : list of str
        The cells of the header, or of the first row if there is no header.
    header : Header or None
        None if all rows are data.
    rows : list of (line, cells)
        The rows below the header, each with the number of the line on which it starts.
    """

    delimiter: str
    first_row: list[str]
    header: Header | None
    rows: list[tuple[int, list[str]]]


def read_csv(data: bytes, max_rows: int) -> CsvFile:
    """Read CSV with any common encoding and delimiter, with or without a header.

    Blank lines at the start and end are not rows, nor are titles and empty rows above the header.

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
    decoded = _to_text(data).rstrip(_END)
    text = decoded.lstrip("\r\n")
    blank = decoded[: len(decoded) - len(text)]
    first_line = 1 + (blank.count("\n") or blank.count("\r"))
    sep_line = _SEP_LINE.match(text)
    delimiter = sep_line[1] if sep_line else _find_delimiter(text)
    start = 1 if sep_line else 0
    records = _records(text, delimiter or _NO_DELIMITER, line=first_line)
    rows = list(islice(records, start, start + max_rows + 2 + _MAX_LINES_ABOVE))
    for line, cells in rows:
        if len(cells) > _MAX_COLUMNS:
            raise ValueError(
                f"Line {line} of the CSV has {len(cells):,} columns, but at most {_MAX_COLUMNS} "
                "are allowed; keep only make and model."
            )
    found = find_header([cells for _, cells in rows[:_MAX_LINES_ABOVE]])
    index, header = found or (0, None)
    first_row = rows[index][1] if rows else []
    below = rows[index + 1 :] if header else rows
    return CsvFile(
        delimiter=delimiter or ",",
        first_row=first_row,
        header=header,
        rows=below[: max_rows + 1],
    )


def _to_text(data: bytes) -> str:
    text, is_unicode = _decode(data)
    text = text.lstrip("\ufeff")
    if _MARKUP.match(text):
        raise ValueError("The file is HTML or XML, not a CSV; save it as CSV and send that.")
    if _JSON.match(text):
        raise ValueError("The file is JSON, not a CSV; send it as application/json.")
    start = text[:_SAMPLE_CHARS].rstrip(_END)
    controls = len(_CONTROL.findall(start))
    # Text in UTF-8 may have a stray one, but a few random bytes are seldom UTF-8.
    if controls > max(int(is_unicode), _MAX_CONTROL * len(start)):
        raise ValueError(_BINARY)
    # Text that was converted to Windows line ends twice.
    return re.sub(r"\r{2,}\n", "\r\n", text) if "\r\r\n" in text else text


def _decode(data: bytes) -> tuple[str, bool]:
    """Decode a file; also return whether it is Unicode."""
    for magic, what in _OTHER_FORMATS.items():
        if data.startswith(magic):
            raise ValueError(f"The file is {what}, not a CSV; save it as CSV and send that.")
    if encoding := _wide_encoding(data):
        whole = len(data) - len(data) % (4 if "32" in encoding else 2)
        try:
            return data[:whole].decode(encoding), True
        except UnicodeDecodeError as error:
            raise ValueError(_BINARY) from error
    for encoding in ("utf-8-sig", "cp1252"):
        with suppress(UnicodeDecodeError):
            return data.decode(encoding), encoding == "utf-8-sig"
    return data.decode("latin-1"), False


def _wide_encoding(data: bytes) -> str | None:
    """Return the encoding of text in UTF-16 or UTF-32, or None."""
    for marks, encoding in _MARKED_ENCODINGS.items():
        if data.startswith(marks):
            return encoding
    if data.count(0) * 4 < len(data) or not data:
        return None
    # Most letters have one zero byte in UTF-16; its position shows the byte order.
    return "utf-16-le" if data[1::2].count(0) > data[::2].count(0) else "utf-16-be"


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
    """Return the first delimiter with which there is a complete header."""
    for delimiter, rows in samples.items():
        found = find_header(rows)
        if found and found[1].is_complete:
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
