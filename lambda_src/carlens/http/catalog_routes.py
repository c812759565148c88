"""The routes of the catalog function."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from carlens.catalog.matcher import Matcher
from carlens.catalog.normalize import MAX_CHARS
from carlens.catalog.vocabulary import clean_names
from carlens.errors import InvalidParameter, PayloadTooLarge, TooManyRows
from carlens.http import dispatch
from carlens.http.catalog_bodies import (
    as_json,
    check_columns,
    field_names,
    in_french,
    read_rows,
    write_csv,
)
from carlens.http.events import Request, Response
from carlens.http.query import read_query_number, wants_detailed
from carlens.services.catalog_app import CatalogApp
from carlens.services.match_names import match_names

_MAX_BYTES = 6_000_000
# Rows times top_k that fit into a Lambda response of 6 MB.
MAX_ANSWERS = 40_000

RequestContext = dispatch.RequestContext[CatalogApp]


def list_tables(request: Request, context: RequestContext) -> Response:
    """List the catalog tables."""
    summaries = context.app.summaries()
    names = [summary.name for summary in summaries]
    return Response.of_json({"tables": names, "details": list(map(asdict, summaries))})


def match_one(request: Request, context: RequestContext) -> Response:
    """Match one make and model."""
    make, model, french = _written(request)
    top_k = _top_k(request)
    match = _matcher(context).match(make, model, top_k=top_k)
    return Response.of_json(as_json(match, french=french, top_k=top_k))


def match_rows(request: Request, context: RequestContext) -> Response:
    """Match the rows of a CSV file or of a JSON list."""
    if len(request.body) > _MAX_BYTES:
        raise PayloadTooLarge(f"The body is larger than {_MAX_BYTES:,} bytes; send it in parts.")
    top_k = _top_k(request)
    detailed = wants_detailed(request.query)
    matcher = _matcher(context)
    rows = read_rows(request)
    if len(rows.pairs) * top_k > MAX_ANSWERS:
        raise TooManyRows(
            f"{len(rows.pairs):,} rows with top_k {top_k} make more than {MAX_ANSWERS:,} "
            "answers; send fewer rows or lower top_k."
        )
    matches = match_names(matcher, rows.pairs, top_k, context.deadline)
    if rows.file:
        check_columns(rows.file, matches)
        written = rows.pairs if detailed else ()
        body = write_csv(rows.file, matches, french=rows.french, top_k=top_k, written=written)
        return Response(200, body, {"Content-Type": "text/csv; charset=utf-8"})
    answers = [as_json(match, french=rows.french, top_k=top_k) for match in matches]
    for index, reason in rows.invalid.items():
        answers[index]["error"] = {"code": "invalid_row", "message": reason}
    return Response.of_json(answers)


def clean_one(request: Request, context: RequestContext) -> Response:
    """Clean a make and model without matching them."""
    make, model, french = _written(request)
    cleaned = clean_names(make, model, context.app.vocabulary)
    return Response.of_json(dict(zip(field_names(french), cleaned, strict=True)))


ROUTES: dispatch.Routes[CatalogApp] = {
    "/clean": {"GET": clean_one},
    "/norm": {"GET": list_tables},
    "/norm/{table}": {"GET": match_one, "POST": match_rows},
}


def respond(event: object, context: Any, app: CatalogApp) -> dict[str, Any]:
    """Answer a REST proxy event; see `dispatch.respond`."""
    return dispatch.respond(event, context, app, ROUTES)


def _matcher(context: RequestContext) -> Matcher:
    return context.app.matcher(context.path_parameters["table"])


def _written(request: Request) -> tuple[str, str, bool]:
    """Return the make and model of a query, and whether its parameters have French names."""
    given = {name: values[-1] for name, values in request.query.items()}
    french = in_french(given)
    # Ignored parameters are checked too, as the contract cannot say which ones are ignored.
    for name in (*field_names(french), *field_names(not french)):
        if len(given.get(name, "")) > MAX_CHARS:
            raise InvalidParameter(
                f"{name} has {len(given[name]):,} characters; send at most {MAX_CHARS}."
            )
    make, model = (given.get(name, "") for name in field_names(french))
    if not make.strip() and not model.strip():
        missing = " and ".join(field_names(french))
        raise InvalidParameter(f"{missing} are missing or empty; send one or both.")
    return make, model, french


def _top_k(request: Request) -> int:
    return read_query_number(request.query, "top_k", int, 1, 20) or 1
