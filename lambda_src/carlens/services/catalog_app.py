"""One copy of the second API: its configuration and the tables it has read."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cached_property

from carlens.catalog.matcher import Matcher
from carlens.catalog.tables import (
    FolderTables,
    TableSource,
    parse_table,
    source_of,
)
from carlens.catalog.vocabulary import Vocabulary, read_vocabulary
from carlens.config import Config
from carlens.errors import CarlensError, NotFound, TableUnavailable

log = logging.getLogger("carlens")


class CatalogApp:
    """Holds the tables, each read when it is first asked for.

    Parameters
    ----------
    config : Config
    source : callable
        Gives the source that the setting `tables` names.
    """

    def __init__(self, config: Config, source: Callable[[str], TableSource] = source_of) -> None:
        self.config = config
        self._own = source(config.tables) if config.tables else None
        self._ours = FolderTables()
        self._matchers: dict[str, Matcher] = {}
        self._shipped: dict[str, Matcher] = {}

    def warm_up(self) -> None:
        """Read our usual table before the first call; a failure is logged and left to that call.

        A user's own in its place is looked for at that call: what was there when a snapshot
        was made is not what is there now.
        """
        with suppress(CarlensError), _logged():
            self._of_ours("europe")

    def tables(self) -> list[str]:
        """Give the names of the tables.

        Raises
        ------
        TableUnavailable
            They cannot be listed now; the log says why.
        """
        with _logged():
            own = self._own.names() if self._own else []
            return sorted({*own, *self._ours.names()})

    def matcher(self, table: str) -> Matcher:
        """Give the matcher of a table.

        Raises
        ------
        NotFound
            There is no such table.
        TableUnavailable
            It cannot be read now, or is wrong; the log says why.
        """
        if table not in self._matchers:
            with _logged():
                # A user's own come first, and may replace ours.
                own = self._read(self._own, table) if self._own else None
                self._matchers[table] = self._of_ours(table) if own is None else own
        return self._matchers[table]

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """Stop words, synonyms and aliases, for every table."""
        return read_vocabulary()

    def _of_ours(self, table: str) -> Matcher:
        if table not in self._shipped:
            found = self._read(self._ours, table)
            if found is None:
                raise NotFound(f"No table {table[:64]!r}; GET /norm lists them.")
            self._shipped[table] = found
        return self._shipped[table]

    def _read(self, source: TableSource, table: str) -> Matcher | None:
        data = source.read(table)
        return None if data is None else Matcher(parse_table(table, data), self.vocabulary)


@contextmanager
def _logged() -> Iterator[None]:
    try:
        yield
    except TableUnavailable as error:
        log.error("tables cannot be read: %s", error.__cause__ or error)
        raise
