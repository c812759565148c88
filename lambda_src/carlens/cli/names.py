"""Match the makes and models of a CSV file to a catalog table: `carlens names`."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from carlens.catalog.matcher import Alternative, Match
from carlens.catalog.tables import Entry
from carlens.cli.errors import WrongUsage
from carlens.config import Config
from carlens.errors import CarlensError, TooManyRows
from carlens.files import replace_file
from carlens.http.catalog_bodies import check_columns, read_csv_rows, write_csv
from carlens.services.catalog_app import CatalogApp
from carlens.services.match_names import match_names
from carlens.timing import Deadline

# A table of a million rows takes about a gigabyte of memory.
MAX_ROWS = 1_000_000

Pairs = Sequence[tuple[str, str]]
# Takes makes and models, and returns a match for each.
MatchPairs = Callable[[Pairs], Sequence[Match]]


def match_file(file: Path, out: Path | None, top_k: int, match: MatchPairs) -> None:
    """Write a CSV file with columns added for the matches.

    Parameters
    ----------
    file : Path
        CSV in any common encoding and delimiter.
    out : Path or None
        None for standard output.
    top_k : int
        Matches for each row.
    match : callable

    Raises
    ------
    WrongUsage
        The file is not a CSV file with makes and models, or cannot be read or written.
    """
    if out is not None and out.exists() and out.samefile(file):
        raise WrongUsage(f"--out {out} would replace the file; name another one.")
    try:
        rows = read_csv_rows(file.read_bytes(), MAX_ROWS)
        if rows.file is None or not rows.pairs:
            raise WrongUsage(f"{file} has no rows.")
        matches = match(rows.pairs)
        check_columns(rows.file, matches)
        text = write_csv(rows.file, matches, french=rows.french, top_k=top_k)
        if out is None:
            sys.stdout.buffer.write(text.encode())
        else:
            replace_file(out, text.encode())
    except TooManyRows as error:
        raise WrongUsage(f"{file} has more than {MAX_ROWS:,} rows; split it.") from error
    except CarlensError as error:
        raise WrongUsage(f"{file}: {error.message}") from error
    except OSError as error:
        place = error.filename or out or "standard output"
        raise WrongUsage(f"{place}: {error.strerror}.") from error
    found = sum(bool(one.model) for one in matches)
    print(f"{len(matches):,} rows, {found:,} with a model.", file=sys.stderr)


def match_here(table: str, top_k: int) -> MatchPairs:
    """Return the matcher of a table on this computer.

    Raises
    ------
    WrongUsage
        There is no such table, or a setting in the environment is not allowed.
    """
    try:
        app = CatalogApp(Config.from_env())
        if table not in app.tables():
            raise WrongUsage(f"No table {table!r}; the tables are {', '.join(app.tables())}.")
        matcher = app.matcher(table)
    except (CarlensError, ValueError) as error:
        raise WrongUsage(str(error)) from error
    return lambda pairs: match_names(matcher, pairs, top_k, Deadline(math.inf))


def match_there(url: str, table: str, top_k: int) -> MatchPairs:
    """Return the matcher of a table of an API."""
    from carlens.cli.remote_service import connected
    from carlens_client import NotFound

    def match(pairs: Pairs) -> list[Match]:
        with connected(url) as client:
            try:
                return list(map(_match, client.norm_rows(pairs, table=table, top_k=top_k)))
            except NotFound as error:
                names = ", ".join(client.tables())
                raise WrongUsage(f"No table {table!r}; the tables are {names}.") from error

    return match


def _match(found: Any) -> Match:
    """Return a match of the client as one of the catalog."""
    alternatives = tuple(
        Alternative(Entry(each.make, each.model), each.score) for each in found.alternatives
    )
    return Match(
        found.make, found.model, found.score_make, found.score_model, found.score, alternatives
    )
