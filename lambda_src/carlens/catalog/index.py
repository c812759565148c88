"""Index a table: its makes, their models, and the names of each.

An index is built once, when a table is loaded. Makes and entries are known by their position,
and names by their key: `MERCEDESBENZ`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from carlens.catalog.fuzzy_index import MAX_EXTENSIONS, FuzzyIndex
from carlens.catalog.normalize import Tokens, key, tokenize
from carlens.catalog.tables import Entry
from carlens.catalog.vocabulary import Vocabulary

# A make's id and the first letters of two words.
Initials = tuple[int, str, str]


@dataclass(frozen=True, slots=True)
class MakeIndex:
    """A make of the table.

    Attributes
    ----------
    name : str
        As the table spells it.
    key : str
        The key of its name.
    models : FuzzyIndex
        Entry ids by the names of the make's models.
    """

    name: str
    key: str
    models: FuzzyIndex


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogIndex:
    """A table and its lookup structures.

    Attributes
    ----------
    vocabulary : Vocabulary
    entries : sequence of Entry
        The table without duplicates.
    make_ids : sequence of int
        The make of each entry.
    makes : sequence of MakeIndex
    make_names : FuzzyIndex
        Make ids by all names of the makes.
    unlisted_makes : frozenset of str
        Known makes that the table lacks. They are not matched as misspellings of its makes.
    distinctive_models : FuzzyIndex
        Entry ids by the model names that identify their make.
    multiword_models : Mapping
        The models of two words or more, as tokens and entry id, to find abbreviated ones.
    extensions : Mapping
        By entry id, the words that turn an entry into another one: `COUPE` after `GLC`.
    """

    vocabulary: Vocabulary
    entries: Sequence[Entry]
    make_ids: Sequence[int]
    makes: Sequence[MakeIndex]
    make_names: FuzzyIndex
    unlisted_makes: frozenset[str]
    distinctive_models: FuzzyIndex
    multiword_models: Mapping[Initials, Sequence[tuple[Tokens, int]]]
    extensions: Mapping[int, Mapping[str, int]]


class _Row(NamedTuple):
    """A distinct entry; `tokens` are the model's, `canonical` the same with synonyms replaced."""

    entry: Entry
    make_id: int
    make_key: str
    model_key: str
    tokens: Tokens
    canonical: Tokens


def build_index(entries: Iterable[Entry], vocabulary: Vocabulary) -> CatalogIndex:
    """Build the index of a table; entries with equal names count once."""
    rows = _distinct_rows(entries, vocabulary)
    make_names = _add_make_aliases({row.make_key: row.make_id for row in rows}, vocabulary)
    model_names = _name_models(rows, make_names, vocabulary)
    distinctive = _distinctive_names(model_names, make_names, vocabulary)
    # After finding distinctive names: `GRAND` does not identify a Dodge Grand Caravan.
    for names in model_names:
        names.update(_names_without_body(names, rows, vocabulary))

    makes = _index_makes(rows, model_names)
    return CatalogIndex(
        vocabulary=vocabulary,
        entries=[row.entry for row in rows],
        make_ids=[row.make_id for row in rows],
        makes=makes,
        make_names=FuzzyIndex(make_names),
        unlisted_makes=frozenset(
            name
            for pair in vocabulary.make_aliases.items()
            for name in pair
            if name not in make_names
        ),
        distinctive_models=FuzzyIndex(distinctive),
        multiword_models=_multiword_models(rows),
        extensions=dict(_extensions(rows, makes)),
    )


def _distinct_rows(entries: Iterable[Entry], vocabulary: Vocabulary) -> list[_Row]:
    key_of_make = lru_cache(None)(key)
    make_ids: dict[str, int] = {}
    rows: dict[tuple[str, str], _Row] = {}
    for entry in entries:
        make_key, tokens = key_of_make(entry.make), tokenize(entry.model)
        model_key = "".join(tokens)
        if (make_key, model_key) not in rows:
            make_id = make_ids.setdefault(make_key, len(make_ids))
            canonical = vocabulary.canonicalize(tokens)
            rows[make_key, model_key] = _Row(entry, make_id, make_key, model_key, tokens, canonical)
    return list(rows.values())


def _add_make_aliases(make_ids: Mapping[str, int], vocabulary: Vocabulary) -> dict[str, int]:
    """Add the aliases of the makes; a table may list a make under any of its names: `VW`."""
    names_of: dict[str, list[str]] = {}
    for alias, make in vocabulary.make_aliases.items():
        names_of.setdefault(make, [make]).append(alias)
    found = dict(make_ids)
    for names in names_of.values():
        make_id = next((found[name] for name in names if name in found), None)
        if make_id is not None:
            for name in names:
                found.setdefault(name, make_id)
    return found


def _name_models(
    rows: Sequence[_Row], make_names: Mapping[str, int], vocabulary: Vocabulary
) -> list[dict[str, int]]:
    """Return each make's entry ids by name: own names first, then aliases, then other orders."""
    model_names: list[dict[str, int]] = [{} for _ in {row.make_id for row in rows}]
    for entry_id, row in enumerate(rows):
        model_names[row.make_id][row.model_key] = entry_id
    for make, alias, model in vocabulary.model_aliases:
        make_id = make_names.get(key(make))
        names = {} if make_id is None else model_names[make_id]
        if (known := names.get(key(model))) is not None:
            names.setdefault("".join(vocabulary.canonicalize(tokenize(alias))), known)
    for entry_id, row in enumerate(rows):
        for name in _reorderings(row.canonical, vocabulary):
            model_names[row.make_id].setdefault(name, entry_id)
    return model_names


def _reorderings(tokens: Tokens, vocabulary: Vocabulary) -> list[str]:
    """Return the names of a model with its words in another order: `SERIES3` for `3SERIES`."""
    rest = [token for token in tokens if token not in vocabulary.series]
    if len(rest) == len(tokens):
        swappable = len(tokens) == 2 and min(map(len, tokens)) > 1  # `PICASSO C3`
        return ["".join(order) for order in (tokens, tokens[::-1])[: 1 + swappable]]
    series = next(token for token in tokens if token in vocabulary.series)
    joined = "".join(rest)
    return [joined + series, series + joined, joined] if joined else []


def _distinctive_names(
    model_names: Sequence[Mapping[str, int]],
    make_names: Mapping[str, int],
    vocabulary: Vocabulary,
) -> dict[str, int]:
    """Return the model names that only one make has; a bare number like 500 is never one."""
    makes_with = Counter(name for names in model_names for name in names)
    return {
        name: entry_id
        for names in model_names
        for name, entry_id in names.items()
        if makes_with[name] == 1
        and len(name) >= 3
        and not name.isdigit()
        and name not in make_names
        and name not in vocabulary.stop_words
    }


def _names_without_body(
    names: Mapping[str, int], rows: Sequence[_Row], vocabulary: Vocabulary
) -> dict[str, int]:
    """Return the names that identify a model without its body style: `X5` for an `X5 SUV`."""
    bodies = vocabulary.bodies
    shortened = {
        "".join(token for token in rows[entry_id].tokens if token not in bodies): entry_id
        for entry_id in names.values()
        if not bodies.isdisjoint(rows[entry_id].tokens)
    }
    shortened.pop("", None)
    if not shortened:
        return {}
    index = FuzzyIndex(names)
    return {
        name: entry_id
        for name, entry_id in shortened.items()
        if {names[longer] for longer in index.with_prefix(name)} == {entry_id}
    }


def _index_makes(rows: Iterable[_Row], model_names: Iterable[Mapping[str, int]]) -> list[MakeIndex]:
    first_rows: dict[str, _Row] = {}
    for row in rows:
        first_rows.setdefault(row.make_key, row)
    return [
        MakeIndex(row.entry.make, row.make_key, FuzzyIndex(names))
        for row, names in zip(first_rows.values(), model_names, strict=True)
    ]


def _multiword_models(rows: Iterable[_Row]) -> dict[Initials, list[tuple[Tokens, int]]]:
    found: dict[Initials, list[tuple[Tokens, int]]] = {}
    for entry_id, row in enumerate(rows):
        tokens = row.canonical
        if len(tokens) > 1:
            initials = (row.make_id, tokens[0][0], tokens[1][0])
            found.setdefault(initials, []).append((tokens, entry_id))
    return found


def _extensions(
    rows: Iterable[_Row], makes: Sequence[MakeIndex]
) -> Iterator[tuple[int, dict[str, int]]]:
    for entry_id, row in enumerate(rows):
        models = makes[row.make_id].models
        extensions = {
            name.removeprefix(row.model_key): models.ids[name]
            for name in models.with_prefix(row.model_key, limit=MAX_EXTENSIONS)
            if models.ids[name] != entry_id
        }
        # A single letter further on is a trim: `500 1.2 C` is not a 500C.
        extensions = {
            word: other for word, other in extensions.items() if len(word) > 1 and word.isalpha()
        }
        if extensions:
            yield entry_id, extensions
