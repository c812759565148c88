"""The state of the catalog function: its settings and the tables it has read."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cached_property

from carlens.catalog.matcher import Matcher
from carlens.catalog.tables import (
    TableRepository,
    TableSummary,
    parse_table,
    shipped_dates,
    shipped_tables,
    summarize,
)
from carlens.catalog.vocabulary import Vocabulary, read_vocabulary
from carlens.config import Config
from carlens.errors import CarlensError, NotFound, TableUnavailable
from carlens.services.storage import open_storage
from carlens.storage import Storage

log = logging.getLogger("carlens")


def _open_tables(address: str) -> Storage:
    return open_storage(address, read_timeout=5)


class CatalogApp:
    """Holds the tables. Each is read when it is first used.

    Parameters
    ----------
    config : Config
    open_tables : callable
        Opens the storage that the setting `tables` names.
    """

    def __init__(
        self,
        config: Config,
        open_tables: Callable[[str], Storage] = _open_tables,
    ) -> None:
        self.config = config
        self._user_tables = TableRepository(open_tables(config.tables)) if config.tables else None
        self._built_in_tables = shipped_tables()
        self._matchers: dict[str, Matcher] = {}
        self._built_in_matchers: dict[str, Matcher] = {}
        self._summaries: dict[str, TableSummary] = {}

    def warm_up(self) -> None:
        """Read the most used table before the first request. A failure is logged, not raised.

        Only the built-in one is read: a user's table may change after a snapshot is taken.
        """
        with suppress(CarlensError), _logged():
            self._built_in("europe")

    def tables(self) -> list[str]:
        """List the names of the tables.

        Raises
        ------
        TableUnavailable
            The tables cannot be listed now; the log says why.
        """
        with _logged():
            own = self._user_tables.names() if self._user_tables else []
            return sorted({*own, *self._built_in_tables.names()})

    def summaries(self) -> list[TableSummary]:
        """Tell the size and date of each table.

        Raises
        ------
        TableUnavailable
            The tables cannot be listed now; the log says why.
        """
        return [self._summaries.get(name) or self._summarize(name) for name in self.tables()]

    def _summarize(self, table: str) -> TableSummary:
        try:
            with _logged():
                own = self._user_tables.read(table) if self._user_tables else None
                data = self._built_in_tables.read(table) if own is None else own
                entries = parse_table(table, data or b"")
        except TableUnavailable:
            return summarize(table, None, None)  # not kept: it may be repaired
        date = shipped_dates().get(table) if own is None else None
        self._summaries[table] = summarize(table, entries, date)
        return self._summaries[table]

    def matcher(self, table: str) -> Matcher:
        """Return the matcher of a table.

        Raises
        ------
        NotFound
            The table does not exist.
        TableUnavailable
            The table is invalid, or cannot be read now; the log says why.
        """
        if table not in self._matchers:
            with _logged():
                # A user's table replaces a built-in one of the same name.
                matcher = self._read(self._user_tables, table) if self._user_tables else None
                self._matchers[table] = self._built_in(table) if matcher is None else matcher
        return self._matchers[table]

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """Stop words, synonyms and aliases, for every table."""
        return read_vocabulary()

    def _built_in(self, table: str) -> Matcher:
        if table not in self._built_in_matchers:
            found = self._read(self._built_in_tables, table)
            if found is None:
                raise NotFound(f"No table {table[:64]!r}; GET /norm lists them.")
            self._built_in_matchers[table] = found
        return self._built_in_matchers[table]

    def _read(self, tables: TableRepository, table: str) -> Matcher | None:
        data = tables.read(table)
        return None if data is None else Matcher(parse_table(table, data), self.vocabulary)


@contextmanager
def _logged() -> Iterator[None]:
    try:
        yield
    except TableUnavailable as error:
        log.error("tables cannot be read: %s", error.__cause__ or error)
        raise
