"""A request's body -> rows of make and model; results -> the same form."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from carlens.catalog.csv_reader import Sheet, read_sheet
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
    """Makes and models as written, and how the answer is to look.

    Attributes
    ----------
    pairs : list of (make, model)
        One for each row, in order.
    french : bool
        The original's names were used: `marque`, `modele`.
    delimiter : str
        Of CSV; empty for JSON.
    header : bool
        CSV had one, so the answer has one.
    """

    pairs: list[tuple[str, str]]
    french: bool = False
    delimiter: str = ""
    header: bool = False


def read_rows(request: Request) -> Rows:
    """Read the rows of a request's body.

    Raises
    ------
    MalformedBody
        The body is not what its Content-Type says.
    NoRows, TooManyRows, UnsupportedMediaType
        As their names say.
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
        raise UnsupportedMediaType(f"Content-Type {kind[:80]!r} is not read; send {_ACCEPTED}.")
    if not rows.pairs:
        raise NoRows("The body has no rows; send one make and model in each.")
    return rows


def write_csv(rows: Rows, matches: Iterable[Match], top_k: int) -> str:
    """Write the answer in the form of the file sent: its delimiter, its header or none.

    What was written is not repeated, so no formula in it comes back.
    """
    columns = [*names(rows.french), "score"]
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
    """Give a match as the contract says it."""
    make, model = names(french)
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


def names(french: bool) -> tuple[str, str]:
    """Give what make and model are called: in English, or as the original called them."""
    return ("marque", "modele") if french else ("make", "model")


def in_french(given: Collection[str]) -> bool:
    """Tell whether names are the original's; where both are given, the English ones count."""
    english, french = (not set(given).isdisjoint(names(each)) for each in (False, True))
    return french and not english


def _file_of(body: bytes, content_type: str) -> bytes:
    from carlens.http.multipart import read_form  # only a form pays for it

    files = [field for field in read_form(body, content_type) if field.name == "file"]
    if not files:
        raise NoRows("No file found; name the form field 'file'.")
    if len(files) > 1:
        called = files[1].filename or ""
        raise MalformedBody(
            f"The form has a second field 'file' ({called[:80]!r}); send each file in a request "
            "of its own."
        )
    return files[0].content


def _from_csv(data: bytes) -> Rows:
    try:
        sheet = read_sheet(data, MAX_ROWS)
    except ValueError as error:
        raise MalformedBody(str(error)) from error
    if len(sheet.rows) > MAX_ROWS:
        raise _too_many()
    make, model = _columns(sheet)
    pairs = [(_cell(cells, make), _cell(cells, model)) for _, cells in sheet.rows]
    heading = sheet.heading
    return Rows(pairs, bool(heading and heading.french), sheet.delimiter, heading is not None)


def _columns(sheet: Sheet) -> tuple[int | None, int | None]:
    """Give the columns of make and model; what the header does not say is guessed.

    A single column is read as the model's, in which a make may stand too.
    """
    width, heading = len(sheet.first), sheet.heading
    if heading is None:
        if width > 2 and _NUMBER.fullmatch(sheet.first[0]):
            raise MalformedBody(
                "The first column holds numbers; name the columns in a first line, make and "
                "model among them."
            )
        return (0, 1) if any(len(cells) > 1 for _, cells in sheet.rows) else (None, 0)
    make, model = heading.make, heading.model
    if width == 1 or make == model:
        return None, model if model is not None else make
    if model is None and make is not None:
        return make, _neighbor(make, width, after=True)
    if make is None and model is not None:
        return _neighbor(model, width, after=False), model
    return make, model


def _neighbor(column: int, width: int, *, after: bool) -> int:
    """Give the column after `column`, or before it; the other when there is none."""
    wanted = column + 1 if after else column - 1
    return wanted if 0 <= wanted < width else 2 * column - wanted


def _cell(cells: Sequence[str], column: int | None) -> str:
    return cells[column][:MAX_CHARS] if column is not None and column < len(cells) else ""


def _from_json(body: bytes) -> Rows:
    items = read_json(body)
    if not isinstance(items, list):
        raise MalformedBody('The JSON body must be a list: [{"make": …, "model": …}, …].')
    if len(items) > MAX_ROWS:
        raise _too_many()
    french = bool(items) and isinstance(items[0], dict) and in_french(items[0])
    return Rows([_pair(item, index, french) for index, item in enumerate(items)], french)


def _pair(item: Any, index: int, french: bool) -> tuple[str, str]:
    make, model = names(french)
    cells: list[Any] = []
    if isinstance(item, dict) and (make in item or model in item):
        # Those that do not count must be right too: the contract cannot say which count.
        cells = [item.get(name) for name in (*names(french), *names(not french))]
    elif isinstance(item, list) and len(item) == 2:
        cells = item
    if not cells or not all(map(_is_cell, cells)):
        raise MalformedBody(
            f"[{index}] must have {make!r} or {model!r} or both, or be a list of the two; each is "
            "a text, a whole number or null."
        )
    return _text(cells[0]), _text(cells[1])


def _is_cell(value: Any) -> bool:
    return value is None or type(value) in (str, int)  # True is an int too


def _text(value: str | int | None) -> str:
    return "" if value is None else str(value)


def _too_many() -> TooManyRows:
    return TooManyRows(f"More than {MAX_ROWS:,} rows in one request; send them in several.")
