"""One copy of the second API: its configuration and the tables it has read."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cached_property

from carlens.config import Config
from carlens.errors import CarlensError, NotFound, TableUnavailable
from carlens.naming.cleaning import Words, read_words
from carlens.naming.matching import Matcher
from carlens.naming.tables import (
    FolderTables,
    TableSource,
    is_name,
    parse_table,
    source_of,
)

log = logging.getLogger("carlens")


class NamingApp:
    """Holds the tables, each read when it is first asked for.

    Parameters
    ----------
    config : Config
    source : callable
        Gives the source that the setting `tables` names.
    """

    def __init__(self, config: Config, source: Callable[[str], TableSource] = source_of) -> None:
        self.config = config
        # A user's own tables come first, and may replace ours.
        own = [source(config.tables)] if config.tables else []
        self._sources: list[TableSource] = [*own, FolderTables()]
        self._matchers: dict[str, Matcher] = {}

    def warm_up(self) -> None:
        """Read the usual table before the first call; a failure is logged and left to that call."""
        with suppress(CarlensError):
            self.matcher("europe")

    def tables(self) -> list[str]:
        """Give the names of the tables.

        Raises
        ------
        TableUnavailable
            They cannot be listed now; the log says why.
        """
        with _logged():
            return sorted({name for source in self._sources for name in source.names()})

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
                data = self._read(table)
                self._matchers[table] = Matcher(parse_table(table, data), self.words)
        return self._matchers[table]

    @cached_property
    def words(self) -> Words:
        """Other names, and words without meaning."""
        return read_words()

    def _read(self, table: str) -> bytes:
        for source in self._sources if is_name(table) else ():
            data = source.read(table)
            if data is not None:
                return data
        raise NotFound(f"No table {table[:64]!r}; GET /norm lists them.")


@contextmanager
def _logged() -> Iterator[None]:
    try:
        yield
    except TableUnavailable as error:
        log.error("tables cannot be read: %s", error.__cause__ or error)
        raise
