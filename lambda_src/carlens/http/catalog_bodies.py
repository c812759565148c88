"""Read makes and models from a request body, and write the matches in the same format."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from carlens.catalog.csv_reader import CsvFile, Header, read_csv
from carlens.catalog.matcher import Match
from carlens.catalog.normalize import MAX_CHARS
from carlens.errors import MalformedBody, NoRows, TooManyRows, UnsupportedMediaType
from carlens.http.bodies import media_type, read_json
from carlens.http.events import Request

MAX_ROWS = 10_000

_NUMBER = re.compile(r"\s*\d[\d.,]*\s*")
_ACCEPTED = "text/csv, multipart/form-data with a field 'file', or application/json"


@dataclass(frozen=True)
class Rows:
    """Makes and models as written, and the format of the answer.

    Attributes
    ----------
    pairs : list of (make, model)
        One for each row, in order.
    french : bool
        Whether the columns or fields are named `marque` and `modele`.
    delimiter : str
        The delimiter of the CSV; empty for JSON.
    header : bool
        Whether the CSV has a header.
    """

    pairs: list[tuple[str, str]]
    french: bool = False
    delimiter: str = ""
    header: bool = False


def read_rows(request: Request) -> Rows:
    """Read the rows of a request body.

    Raises
    ------
    MalformedBody
        The body does not match its Content-Type.
    NoRows
        The body is empty, or the form has no file.
    TooManyRows
        There are more than `MAX_ROWS` rows.
    UnsupportedMediaType
        The body is neither CSV, nor a form, nor JSON.
    """
    content_type = request.headers.get("content-type", "")
    kind = media_type(content_type)
    if kind == "multipart/form-data":
        rows = _from_csv(_file_of(request.body, content_type))
    elif kind in ("text/csv", "text/plain", "text/tab-separated-values", "application/csv"):
        rows = _from_csv(request.body)
    elif kind == "application/json":
        rows = _from_json(request.body)
    else:
        raise UnsupportedMediaType(
            f"Content-Type {kind[:80]!r} is not supported; send {_ACCEPTED}."
        )
    if not rows.pairs:
        raise NoRows("The body has no rows; send one row for each make and model.")
    return rows


def write_csv(rows: Rows, matches: Iterable[Match], top_k: int) -> str:
    """Write the matches with the delimiter of the file sent, and with a header if it had one.

    The text of the file is not repeated, so that it cannot return a formula to a spreadsheet.
    """
    columns = [*field_names(rows.french), "score"]
    header = columns + [f"{c}_{rank}" for rank in range(2, top_k + 1) for c in columns]
    buffer = io.StringIO()
    writer = csv.writer(buffer, delimiter=rows.delimiter, lineterminator="\r\n")
    if rows.header:
        writer.writerow(header)
    for match in matches:
        cells: list[str | int] = [match.make, match.model, match.score]
        for entry, score in match.alternatives:
            cells += [entry.make, entry.model, score]
        writer.writerow(cells + [""] * (len(header) - len(cells)))
    return buffer.getvalue()


def as_json(match: Match, *, french: bool, top_k: int) -> dict[str, Any]:
    """Return a match as the JSON object of the contract."""
    make, model = field_names(french)
    document: dict[str, Any] = {
        make: match.make,
        model: match.model,
        f"score_{make}": match.score_make,
        f"score_{model}": match.score_model,
        "score": match.score,
    }
    if top_k > 1:
        document["alternatives"] = [
            {make: entry.make, model: entry.model, "score": score}
            for entry, score in match.alternatives
        ]
    return document


def field_names(french: bool) -> tuple[str, str]:
    """Return the names of the fields for make and model."""
    return ("marque", "modele") if french else ("make", "model")


def in_french(given: Collection[str]) -> bool:
    """Return whether fields have French names; if both are given, the English ones count."""
    english, french = (not set(given).isdisjoint(field_names(each)) for each in (False, True))
    return french and not english


def _file_of(body: bytes, content_type: str) -> bytes:
    from carlens.http.multipart import read_form  # only forms need it

    files = [field for field in read_form(body, content_type) if field.name == "file"]
    if not files:
        raise NoRows("The form has no file; name its field 'file'.")
    if len(files) > 1:
        filename = files[1].filename or ""
        raise MalformedBody(
            f"The form has a second field 'file' ({filename[:80]!r}); send each file in its own "
            "request."
        )
    return files[0].content


def _from_csv(data: bytes) -> Rows:
    try:
        file = read_csv(data, MAX_ROWS)
    except ValueError as error:
        raise MalformedBody(str(error)) from error
    if len(file.rows) > MAX_ROWS:
        raise _too_many_rows()
    header = file.header
    width = len(file.first_row)
    make, model = _named_columns(header, width) if header else _unnamed_columns(file)
    pairs = [(_cell(cells, make), _cell(cells, model)) for _, cells in file.rows]
    return Rows(
        pairs,
        french=header is not None and header.is_french,
        delimiter=file.delimiter,
        header=header is not None,
    )


def _unnamed_columns(file: CsvFile) -> tuple[int | None, int]:
    """Return the columns of make and model of a file without a header.

    A single column is read as the model's, which may hold the make too.
    """
    if len(file.first_row) > 2 and _NUMBER.fullmatch(file.first_row[0]):
        raise MalformedBody(
            "The first column holds numbers; add a first line that names the columns, with one "
            "make and one model."
        )
    return (0, 1) if any(len(cells) > 1 for _, cells in file.rows) else (None, 0)


def _named_columns(header: Header, width: int) -> tuple[int | None, int | None]:
    """Return the columns of make and model; one that the header does not name is next to the other.

    A single column is read as the model's, which may hold the make too.
    """
    make, model = header.make, header.model
    if width == 1 or make == model:
        return None, make if model is None else model
    if model is None and make is not None:
        return make, _neighbor(make, width, after=True)
    if make is None and model is not None:
        return _neighbor(model, width, after=False), model
    return make, model


def _neighbor(column: int, width: int, *, after: bool) -> int:
    """Return the column after or before `column`, or the one on its other side at the edge."""
    wanted = column + 1 if after else column - 1
    return wanted if 0 <= wanted < width else 2 * column - wanted


def _cell(cells: Sequence[str], column: int | None) -> str:
    return cells[column][:MAX_CHARS] if column is not None and column < len(cells) else ""


def _from_json(body: bytes) -> Rows:
    items = read_json(body)
    if not isinstance(items, list):
        raise MalformedBody('The JSON body must be a list: [{"make": …, "model": …}, …].')
    if len(items) > MAX_ROWS:
        raise _too_many_rows()
    french = bool(items) and isinstance(items[0], dict) and in_french(items[0])
    return Rows([_pair(item, index, french) for index, item in enumerate(items)], french)


def _pair(item: Any, index: int, french: bool) -> tuple[str, str]:
    make, model = field_names(french)
    cells: list[Any] = []
    if isinstance(item, dict) and (make in item or model in item):
        # Fields that do not count are validated too: the contract cannot tell which do.
        cells = [item.get(name) for name in (*field_names(french), *field_names(not french))]
    elif isinstance(item, list) and len(item) == 2:
        cells = item
    if not cells or not all(map(_is_cell, cells)):
        raise MalformedBody(
            f"[{index}] must be an object with {make!r}, {model!r} or both, or a list of the two; "
            "each must be a string, an integer or null."
        )
    return _text(cells[0]), _text(cells[1])


def _is_cell(value: Any) -> bool:
    return value is None or type(value) in (str, int)  # not isinstance, because True is an int


def _text(value: str | int | None) -> str:
    return "" if value is None else str(value)


def _too_many_rows() -> TooManyRows:
    return TooManyRows(
        f"The request has more than {MAX_ROWS:,} rows; split it into several requests."
    )
