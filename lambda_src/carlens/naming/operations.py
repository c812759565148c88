"""What each route of the second API does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property

from carlens.errors import InvalidParameter, NotFound, PayloadTooLarge
from carlens.gateway import Request, Response
from carlens.naming.answering import Routes
from carlens.naming.cleaning import MAX_CHARS, Words, clean, read_words
from carlens.naming.matching import Match, Matcher
from carlens.naming.rows import TooManyRows, as_json, names, read_rows, write_csv
from carlens.naming.tables import TableSource, is_name, parse_table

_MAX_BYTES = 6_000_000
_MAX_TOP_K = 20
# Rows times top_k: what an answer of Lambda's 6 MB can hold.
_MAX_ANSWERS = 40_000

Values = Mapping[str, str]


class NamingApi:
    """The second API over its tables.

    Parameters
    ----------
    sources : sequence of TableSource
        Where tables lie; of two tables of one name, the first counts.
    """

    def __init__(self, sources: Sequence[TableSource]) -> None:
        self._sources = sources
        self._matchers: dict[str, Matcher] = {}

    @property
    def routes(self) -> Routes:
        """The operations by method, by path."""
        return {
            "/norm": {"GET": self.tables},
            "/norm/{table}": {"GET": self.norm_one, "POST": self.norm_many},
            "/clean": {"GET": self.clean},
        }

    def tables(self, request: Request, values: Values) -> Response:
        """List the reference tables."""
        found = {name for source in self._sources for name in source.names()}
        return Response.of_json({"tables": sorted(found)})

    def norm_one(self, request: Request, values: Values) -> Response:
        """Match one make and model."""
        make, model, french = _written(request)
        top_k = _top_k(request)
        match = self.matcher(values["table"]).match(make, model, top_k=top_k)
        return Response.of_json(as_json(match, french=french, top_k=top_k))

    def norm_many(self, request: Request, values: Values) -> Response:
        """Match the rows of a CSV file or of a JSON list."""
        if len(request.body) > _MAX_BYTES:
            raise PayloadTooLarge(f"The body has more than {_MAX_BYTES} bytes; send it in parts.")
        top_k = _top_k(request)
        matcher = self.matcher(values["table"])
        rows = read_rows(request)
        if len(rows.pairs) * top_k > _MAX_ANSWERS:
            raise TooManyRows(
                f"{len(rows.pairs)} rows with top_k {top_k} are more than {_MAX_ANSWERS} "
                "answers; send fewer rows or a smaller top_k."
            )
        # Files repeat themselves: most of their cars are of a few hundred models.
        once: dict[tuple[str, str], Match] = {}
        for pair in rows.pairs:
            if pair not in once:
                once[pair] = matcher.match(*pair, top_k=top_k)
        matches = [once[pair] for pair in rows.pairs]
        if rows.delimiter:
            body = write_csv(rows, matches, top_k)
            return Response(200, body, {"Content-Type": "text/csv; charset=utf-8"})
        return Response.of_json(
            [as_json(match, french=rows.french, top_k=top_k) for match in matches]
        )

    def clean(self, request: Request, values: Values) -> Response:
        """Clean a make and model without matching them."""
        make, model, french = _written(request)
        return Response.of_json(
            dict(zip(names(french), clean(make, model, self._words), strict=True))
        )

    def matcher(self, table: str) -> Matcher:
        """Give the matcher of a table, read when it is first asked for.

        Raises
        ------
        NotFound
            There is no such table.
        TableUnavailable
            It cannot be read now, or is wrong.
        """
        if table not in self._matchers:
            for source in self._sources if is_name(table) else ():
                data = source.read(table)
                if data is not None:
                    self._matchers[table] = Matcher(parse_table(table, data), self._words)
                    break
            else:
                raise NotFound(f"No table {table[:64]!r}; GET /norm lists them.")
        return self._matchers[table]

    @cached_property
    def _words(self) -> Words:
        return read_words()


def _written(request: Request) -> tuple[str, str, bool]:
    query = request.query
    french = not {"make", "model"} & set(query) and bool({"marque", "modele"} & set(query))
    make, model = (_text(request, name) for name in names(french))
    return make, model, french


def _text(request: Request, name: str) -> str:
    text = request.query.get(name, ("",))[-1].strip()
    if not text:
        raise InvalidParameter(f"{name} is missing or empty; give both make and model.")
    if len(text) > MAX_CHARS:
        raise InvalidParameter(f"{name} has {len(text)} characters; at most {MAX_CHARS} are read.")
    return text


def _top_k(request: Request) -> int:
    text = request.query.get("top_k", ("1",))[-1].strip()
    value = int(text) if text.isascii() and text.isdigit() and len(text) < 4 else 0
    if not 1 <= value <= _MAX_TOP_K:
        raise InvalidParameter(
            f"top_k is {text[:40]!r}; it must be a whole number from 1 to {_MAX_TOP_K}."
        )
    return value
