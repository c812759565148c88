"""What each route of the second API does."""

from __future__ import annotations

from carlens.catalog import normalize
from carlens.catalog.matcher import Match
from carlens.catalog.vocabulary import clean_names
from carlens.errors import InvalidParameter, OutOfTime, PayloadTooLarge, TooManyRows
from carlens.http.catalog_bodies import as_json, field_names, in_french, read_rows, write_csv
from carlens.http.dispatch import RequestContext
from carlens.http.events import Request, Response
from carlens.http.query import number
from carlens.services.catalog_app import CatalogApp

_MAX_BYTES = 6_000_000
# Rows times top_k: what an answer of Lambda's 6 MB can hold.
_MAX_ANSWERS = 40_000


def tables(request: Request, call: RequestContext[CatalogApp]) -> Response:
    """List the reference tables."""
    return Response.of_json({"tables": call.app.tables()})


def norm_one(request: Request, call: RequestContext[CatalogApp]) -> Response:
    """Match one make and model."""
    make, model, french = _written(request)
    top_k = _top_k(request)
    match = call.app.matcher(call.values["table"]).match(make, model, top_k=top_k)
    return Response.of_json(as_json(match, french=french, top_k=top_k))


def norm_many(request: Request, call: RequestContext[CatalogApp]) -> Response:
    """Match the rows of a CSV file or of a JSON list."""
    if len(request.body) > _MAX_BYTES:
        raise PayloadTooLarge(f"The body has more than {_MAX_BYTES:,} bytes; send it in parts.")
    top_k = _top_k(request)
    matcher = call.app.matcher(call.values["table"])
    rows = read_rows(request)
    if len(rows.pairs) * top_k > _MAX_ANSWERS:
        raise TooManyRows(
            f"{len(rows.pairs):,} rows with top_k {top_k} are more than {_MAX_ANSWERS:,} "
            "answers; send fewer rows or a smaller top_k."
        )
    # Files repeat themselves: most of their cars are of a few hundred models.
    once: dict[tuple[str, str], Match] = {}
    for pair in dict.fromkeys(rows.pairs):
        if call.out_of_time():
            raise OutOfTime(
                f"The time of the request ran out after {len(once):,} different rows; "
                "send the rows in several requests."
            )
        once[pair] = matcher.match(*pair, top_k=top_k)
    matches = [once[pair] for pair in rows.pairs]
    if rows.delimiter:
        body = write_csv(rows, matches, top_k)
        return Response(200, body, {"Content-Type": "text/csv; charset=utf-8"})
    return Response.of_json([as_json(match, french=rows.french, top_k=top_k) for match in matches])


def clean(request: Request, call: RequestContext[CatalogApp]) -> Response:
    """Clean a make and model without matching them."""
    make, model, french = _written(request)
    cleaned = clean_names(make, model, call.app.vocabulary)
    return Response.of_json(dict(zip(field_names(french), cleaned, strict=True)))


def _written(request: Request) -> tuple[str, str, bool]:
    given = {name: values[-1] for name, values in request.query.items()}
    french = in_french(given)
    # Those that do not count must be right too: the contract cannot say which count.
    for name in (*field_names(french), *field_names(not french)):
        if len(given.get(name, "")) > normalize.MAX_CHARS:
            raise InvalidParameter(
                f"{name} has {len(given[name]):,} characters; send at most {normalize.MAX_CHARS}."
            )
    make, model = (given.get(name, "") for name in field_names(french))
    if not make.strip() and not model.strip():
        missing = " and ".join(field_names(french))
        raise InvalidParameter(f"{missing} are missing or empty; give both, or one of the two.")
    return make, model, french


def _top_k(request: Request) -> int:
    return number(request.query, "top_k", int, 1, 20) or 1
