"""One copy of the second API: its configuration and the tables it has read."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cached_property

from carlens.catalog.matcher import Matcher
from carlens.catalog.normalize import Words, read_words
from carlens.catalog.tables import TableRepository, parse_table, shipped_tables
from carlens.config import Config
from carlens.errors import CarlensError, NotFound, TableUnavailable
from carlens.services.storage import open_storage
from carlens.storage import Storage

log = logging.getLogger("carlens")


def _open_tables(address: str) -> Storage:
    return open_storage(address, read_timeout=5)


class CatalogApp:
    """Holds the tables, each read when it is first asked for.

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
        self._own = TableRepository(open_tables(config.tables)) if config.tables else None
        self._ours = shipped_tables()
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
    def words(self) -> Words:
        """Other names, and words without meaning."""
        return read_words()

    def _of_ours(self, table: str) -> Matcher:
        if table not in self._shipped:
            found = self._read(self._ours, table)
            if found is None:
                raise NotFound(f"No table {table[:64]!r}; GET /norm lists them.")
            self._shipped[table] = found
        return self._shipped[table]

    def _read(self, tables: TableRepository, table: str) -> Matcher | None:
        data = tables.read(table)
        return None if data is None else Matcher(parse_table(table, data), self.words)


@contextmanager
def _logged() -> Iterator[None]:
    try:
        yield
    except TableUnavailable as error:
        log.error("tables cannot be read: %s", error.__cause__ or error)
        raise
