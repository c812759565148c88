"""A request's body -> rows of make and model; results -> the same form."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from carlens.errors import MalformedBody, NoRows, TooManyRows, UnsupportedMediaType
from carlens.gateway import Request, media_type, read_json
from carlens.naming.cleaning import MAX_CHARS, key
from carlens.naming.matching import Match

MAX_ROWS = 10_000
_MAX_COLUMNS = 200
_DELIMITERS = ("\t", ";", ",")
_SAMPLE = 20

_MAKE = frozenset(
    ("MAKE", "MARQUE", "BRAND", "MARKE", "HERSTELLER", "MARCA", "MERK", "MARKA", "CONSTRUCTEUR")
)
_MODEL = frozenset(("MODEL", "MODELE", "MODELL", "MODELO", "MODELLO", "GAMME"))

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


def _file_of(body: bytes, content_type: str) -> bytes:
    from carlens.forms import read_form  # only a form pays for it

    files = [field.content for field in read_form(body, content_type) if field.name == "file"]
    if not files:
        raise NoRows("No file found; name the form field 'file'.")
    return files[0]


def _from_csv(data: bytes) -> Rows:
    text = _decode(data).rstrip("\r\n")
    if not text:
        return Rows([])
    delimiter = _delimiter(text)
    try:
        cells = list(islice(_records(text, delimiter), MAX_ROWS + 2))
    except csv.Error as error:
        raise MalformedBody(f"The CSV cannot be read: {error}.") from error
    make, model, header = _columns(cells[0])
    headings = {key(_cell(cells[0], make)), key(_cell(cells[0], model))}
    french = header and headings <= {"MARQUE", "MODELE", ""}
    body = cells[1:] if header else cells
    if len(body) > MAX_ROWS:
        raise TooManyRows(f"More than {MAX_ROWS:,} rows in one request; send them in several.")
    return Rows([(_cell(row, make), _cell(row, model)) for row in body], french, delimiter, header)


def _decode(data: bytes) -> str:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", "replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def _delimiter(text: str) -> str:
    """Give what cuts most of the first lines in two or more."""
    lines = text[:10_000].splitlines()[:_SAMPLE]
    return max(_DELIMITERS, key=lambda mark: sum(mark in line for line in lines))


def _records(text: str, delimiter: str) -> Iterator[list[str]]:
    # Strict, for an open quote would make one row of all that follows it.
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        for row in reader:
            if len(row) > _MAX_COLUMNS:
                raise csv.Error(f"it has {len(row)} columns; at most {_MAX_COLUMNS} are read")
            yield row
    except csv.Error as error:
        raise csv.Error(f"line {reader.line_num}: {error}") from error


def _columns(first: Sequence[str]) -> tuple[int, int, bool]:
    found = [key(cell) for cell in first]
    make = next((i for i, name in enumerate(found) if name in _MAKE), None)
    model = next((i for i, name in enumerate(found) if name in _MODEL), None)
    if make is not None and model is not None:
        return make, model, True
    if len(first) > 1:
        return 0, 1, False
    # A single column is read as the model's, in which a make may stand too.
    return 1, 0, any(name in _MAKE | _MODEL for name in found)


def _cell(row: Sequence[str], index: int) -> str:
    return row[index][:MAX_CHARS] if index < len(row) else ""


def _from_json(body: bytes) -> Rows:
    items = read_json(body)
    if not isinstance(items, list):
        raise MalformedBody('The JSON body must be a list: [{"make": …, "model": …}, …].')
    if len(items) > MAX_ROWS:
        raise TooManyRows(f"More than {MAX_ROWS:,} rows in one request; send them in several.")
    first = items[0] if items else None
    french = isinstance(first, dict) and "marque" in first
    return Rows([_pair(item, index, french) for index, item in enumerate(items)], french)


def _pair(item: Any, index: int, french: bool) -> tuple[str, str]:
    make, model = names(french)
    pair = [item.get(make), item.get(model)] if isinstance(item, dict) else item
    if not isinstance(pair, list) or len(pair) != 2 or not all(isinstance(t, str) for t in pair):
        raise MalformedBody(f"[{index}] must have {make!r} and {model!r}, both strings.")
    return pair[0], pair[1]
