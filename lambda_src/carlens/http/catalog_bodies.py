"""Read makes and models from a request body, and write the matches in the same format."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from carlens.catalog.csv_reader import CsvFile, read_csv
from carlens.catalog.matcher import Match
from carlens.catalog.normalize import MAX_CHARS
from carlens.errors import MalformedBody, NoRows, TooManyRows, UnsupportedMediaType
from carlens.http.bodies import media_type, read_json
from carlens.http.events import Request

MAX_ROWS = 10_000

# What browsers and other clients name CSV. On Windows it has the type of an Excel workbook.
_CSV_TYPES = frozenset(
    (
        *("text/csv", "text/plain", "text/tab-separated-values", "text/comma-separated-values"),
        *("application/csv", "application/x-csv", "text/x-csv", "application/vnd.ms-excel"),
        "application/octet-stream",
    )
)
_ACCEPTED = "text/csv, multipart/form-data with a field 'file', or application/json"

# Also a date: both are in a column of something else.
_NUMBER = re.compile(r"\s*\d[\d.,:/ -]*\s*")
# A spreadsheet runs a cell that starts like this, but not a dash or a negative number.
_FORMULA = re.compile(r"(?!\s*-(?:\d+(?:[.,]\d+)*|-*)\s*\Z)[\s\x00-\x1f]*[=+\-@＝＋－＠]|[\t\r\n]")  # noqa: RUF001
_MAX_LISTED_COLUMNS, _MAX_LISTED_CHARS = 20, 40


@dataclass(frozen=True)
class Rows:
    """Makes and models as written, and the format of the answer.

    Attributes
    ----------
    pairs : list of (make, model)
        One for each row, in order.
    french : bool
        Whether the columns or fields are named in French, such as `marque` and `modele`.
    file : CsvFile or None
        The CSV; None for JSON.
    invalid : Mapping
        By the index of a JSON item that cannot be read, the reason. Its pair is empty.
    """

    pairs: list[tuple[str, str]]
    french: bool = False
    file: CsvFile | None = None
    invalid: Mapping[int, str] = field(default_factory=dict)


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
        rows = read_csv_rows(_file_of(request.body, content_type))
    elif kind in _CSV_TYPES:
        rows = read_csv_rows(request.body)
    elif kind == "application/json":
        rows = _from_json(request.body)
    else:
        raise UnsupportedMediaType(
            f"Content-Type {kind[:80]!r} is not supported; send {_ACCEPTED}."
        )
    if not rows.pairs:
        raise NoRows("The body has no rows; send one row for each make and model.")
    return rows


def check_columns(file: CsvFile, matches: Iterable[Match]) -> None:
    """Check that the columns of a file without a header were those of make and model.

    Raises
    ------
    MalformedBody
        Nothing was found in them.
    """
    if file.header:
        return
    # With more than two columns, a make may have been found in the column of the model.
    needs_model = any(len(cells) > 2 for _, cells in file.rows)
    if not any(match.model if needs_model else match.make for match in matches):
        raise _unknown_columns(file, "No make or model was recognized")


def write_csv(
    file: CsvFile,
    matches: Iterable[Match],
    *,
    french: bool,
    top_k: int,
    written: Sequence[tuple[str, str]] = (),
) -> str:
    """Write the file with columns added for the matches, and with a header if it had one.

    Cells that a spreadsheet would run as a formula get an apostrophe in front.

    Parameters
    ----------
    written : sequence of (make, model)
        What each row was matched by, for the detailed form: it has columns for them, for both
        scores and for the kind too. Empty for the short form.
    """
    columns = [*(f"matched_{name}" for name in field_names(french)), "score"]
    added = columns + [f"{c}_{rank}" for rank in range(2, top_k + 1) for c in columns]
    answers = len(added)
    if written:
        added += [f"{what}_{name}" for what in ("written", "score") for name in field_names(french)]
        added.append("kind")
    width = max((len(cells) for _, cells in file.rows), default=0)
    width = max(width, len(file.first_row))
    buffer = io.StringIO()
    writer = csv.writer(buffer, delimiter=file.delimiter, lineterminator="\r\n")
    if file.header:
        writer.writerow([*plain_cells(file.first_row, width), *added])
    for index, ((_, sent), match) in enumerate(zip(file.rows, matches, strict=True)):
        found = [match.make, match.model, str(match.score)]
        for entry, score, _ in match.alternatives:
            found += [entry.make, entry.model, str(score)]
        if written:
            found += [""] * (answers - len(found))
            found += [*written[index], str(match.score_make), str(match.score_model), match.kind]
        writer.writerow([*plain_cells(sent, width), *plain_cells(found, len(added))])
    return buffer.getvalue()


def plain_cells(cells: Sequence[str], width: int) -> list[str]:
    """Return `width` cells, none of which is a formula."""
    # Most cells start with a letter or digit, which is found faster than the pattern fails.
    plain = [
        f"'{cell}" if not cell[:1].isalnum() and _FORMULA.match(cell) else cell for cell in cells
    ]
    return plain + [""] * (width - len(cells))


def as_json(match: Match, *, french: bool, top_k: int) -> dict[str, Any]:
    """Return a match as the JSON object of the contract."""
    make, model = field_names(french)
    document: dict[str, Any] = {
        make: match.make,
        model: match.model,
        f"score_{make}": match.score_make,
        f"score_{model}": match.score_model,
        "score": match.score,
        "kind": match.kind,
    }
    if top_k > 1:
        document["alternatives"] = [
            {make: entry.make, model: entry.model, "score": score, "reason": reason}
            for entry, score, reason in match.alternatives
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


def read_csv_rows(data: bytes, max_rows: int = MAX_ROWS) -> Rows:
    """Read the rows of a CSV file.

    Raises
    ------
    MalformedBody
        The data are not CSV, or their columns are not understood.
    TooManyRows
        There are more than `max_rows` rows.
    """
    try:
        file = read_csv(data, max_rows)
    except ValueError as error:
        raise MalformedBody(str(error)) from error
    if len(file.rows) > max_rows:
        raise _too_many_rows(max_rows)
    header = file.header
    make, model = header.columns(len(file.first_row)) if header else _unnamed_columns(file)
    pairs = [(_cell(cells, make), _cell(cells, model)) for _, cells in file.rows]
    return Rows(pairs, french=header is not None and header.is_french, file=file)


def _unnamed_columns(file: CsvFile) -> tuple[int | None, int]:
    """Return the columns of make and model of a file without a header.

    A single column is read as the model's, which may hold the make too.
    """
    first = (cells[0] for _, cells in file.rows[:2] if len(cells) > 2)
    if any(map(_NUMBER.fullmatch, first)):
        raise _unknown_columns(file, "The first column holds numbers or dates")
    return (0, 1) if any(len(cells) > 1 for _, cells in file.rows) else (None, 0)


def _unknown_columns(file: CsvFile, reason: str) -> MalformedBody:
    shown = [repr(cell[:_MAX_LISTED_CHARS]) for cell in file.first_row[:_MAX_LISTED_COLUMNS]]
    more = len(file.first_row) - len(shown)
    return MalformedBody(
        f"{reason}, and no heading of the columns is understood: {', '.join(shown)}"
        f"{f' and {more} more' if more else ''}. Add a first line that names the columns, with one "
        "make and one model."
    )


def _cell(cells: Sequence[str], column: int | None) -> str:
    return cells[column][:MAX_CHARS] if column is not None and column < len(cells) else ""


def _from_json(body: bytes) -> Rows:
    items = read_json(body, parse_number=str)
    if not isinstance(items, list):
        raise MalformedBody('The JSON body must be a list: [{"make": …, "model": …}, …].')
    if len(items) > MAX_ROWS:
        raise _too_many_rows(MAX_ROWS)
    named = (item for item in items if isinstance(item, dict))
    french = in_french(next(named, {}))
    pairs: list[tuple[str, str]] = []
    invalid: dict[int, str] = {}
    for index, item in enumerate(items):
        pair = _pair(item)
        if pair is None:
            make, model = field_names(french)
            invalid[index] = (
                f"[{index}] must be an object with {make!r}, {model!r} or both, or a list of the "
                "two; each must be a string, a number or null."
            )
        pairs.append(pair or ("", ""))
    if items and len(invalid) == len(items):
        raise MalformedBody(invalid[0])
    return Rows(pairs, french, invalid=invalid)


def _pair(item: Any) -> tuple[str, str] | None:
    """Return the make and model of a JSON item, or None if it is invalid."""
    cells: list[Any] = []
    if isinstance(item, dict):
        names = field_names(in_french(item))
        cells = [item.get(name) for name in names] if not item.keys().isdisjoint(names) else []
    elif isinstance(item, list) and len(item) == 2:
        cells = item
    if not cells or not all(isinstance(cell, str | None) for cell in cells):
        return None
    make, model = (cell or "" for cell in cells)
    return make, model


def _too_many_rows(max_rows: int) -> TooManyRows:
    return TooManyRows(
        f"The request has more than {max_rows:,} rows; split it into several requests."
    )
