"""Index a table: its makes, their models, and the names of each.

An index is built once, when a table is loaded. Makes and entries are known by their position,
and names by their key: `MERCEDESBENZ`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import NamedTuple

from carlens.catalog.fuzzy_index import MAX_EXTENSIONS, FuzzyIndex
from carlens.catalog.normalize import PLUS, Tokens, key, tokenize
from carlens.catalog.tables import Entry
from carlens.catalog.vocabulary import Vocabulary

# A make's id and the first letters of two words.
Initials = tuple[int, str, str]

_NUMBERED = re.compile(r"(.*\D)(\d+)")
# So many models of a make start with the word that marks a series: `ID.3`, `ID. Buzz`.
_MIN_SERIES = 4


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
    others : Mapping
        The kinds of its models that the table lacks, by their names.
    numbered : Mapping
        The lengths of the numbers that turn one model into another: 1 for the Ioniq and Ioniq 5.
    series : frozenset of str
        The words that start the names of a series of models: `ID` for the ID.3 and ID. Buzz.
    """

    name: str
    key: str
    models: FuzzyIndex
    others: Mapping[str, str] = field(default_factory=dict)
    numbered: Mapping[str, frozenset[int]] = field(default_factory=dict)
    series: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True)
class CatalogIndex:
    """A table and its lookup structures.

    Attributes
    ----------
    vocabulary : Vocabulary
    entries : sequence of Entry
        The table without duplicates.
    make_ids : sequence of int
        The make of each entry.
    tokens : sequence of Tokens
        The tokens of each entry's model.
    makes : sequence of MakeIndex
    make_names : FuzzyIndex
        Make ids by all names of the makes.
    unlisted_makes : frozenset of str
        Known makes that the table lacks. They are not matched as misspellings of its makes.
    groups : Mapping
        The ids of the makes that a name may also stand for, by its key.
    distinctive_models : FuzzyIndex
        Entry ids by the model names that identify their make.
    shared_models : Mapping
        The entry ids of the model names that several makes have.
    multiword_models : Mapping
        The models of two words or more, as tokens and entry id, to find abbreviated ones.
    extensions : Mapping
        By entry id, the words that turn an entry into another one: `COUPE` after `GLC`.
    """

    vocabulary: Vocabulary
    entries: Sequence[Entry]
    make_ids: Sequence[int]
    tokens: Sequence[Tokens]
    makes: Sequence[MakeIndex]
    make_names: FuzzyIndex
    unlisted_makes: frozenset[str]
    groups: Mapping[str, Sequence[int]]
    distinctive_models: FuzzyIndex
    shared_models: Mapping[str, Sequence[int]]
    multiword_models: Mapping[Initials, Sequence[tuple[Tokens, int]]]
    extensions: Mapping[int, Mapping[str, int]]

    @cached_property
    def words(self) -> frozenset[str]:
        """The words in the names of makes and models."""
        words = {token for tokens in self.tokens for token in tokens}
        words.update(self.make_names.ids)
        for make in self.makes:
            words.update(make.models.ids)
        return frozenset(words)

    @cached_property
    def all_models(self) -> Mapping[str, Sequence[int]]:
        """The entry ids of each model name of any make, the preferred ones first."""
        found: dict[str, list[int]] = {}
        for make in self.makes:
            for name, entry_id in make.models.ids.items():
                ids = found.setdefault(name, [])
                ids.insert(0 if self.entries[entry_id].is_preferred else len(ids), entry_id)
        return found

    @cached_property
    def all_model_names(self) -> FuzzyIndex:
        """An index of the names in `all_models`; only alternatives without a make need it."""
        return FuzzyIndex({name: ids[0] for name, ids in self.all_models.items()})

    @cached_property
    def undeclinable_words(self) -> frozenset[str]:
        """The words that are names or stop words as they are."""
        return self.words | self.vocabulary.stop_words

    @cached_property
    def words_of(self) -> Callable[[int], frozenset[str]]:
        """A function that returns the words in the names of a make and its models."""
        return lru_cache(None)(self._words_of)

    @cached_property
    def names_of(self) -> Callable[[int], frozenset[str]]:
        """A function that returns the names of a make and the words in its usual one."""
        return lru_cache(None)(self._names_of)

    def _names_of(self, make_id: int) -> frozenset[str]:
        names = {name for name, id_ in self.make_names.ids.items() if id_ == make_id}
        return frozenset(names.union(tokenize(self.makes[make_id].name)))

    def _words_of(self, make_id: int) -> frozenset[str]:
        words = set(self.names_of(make_id))
        names = self.makes[make_id].models.ids
        words.update(names)
        for entry_id in set(names.values()):
            words.update(self.tokens[entry_id])
        return frozenset(words)

    @cached_property
    def declinable_names(self) -> frozenset[str]:
        """The names of a single word, which may have the ending of a case."""
        return frozenset(word for word in self.words if len(word) > 3 and word.isalpha())


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
    distinctive, shared = _distinctive_names(rows, model_names, make_names, vocabulary)
    # After finding distinctive names: `GRAND` does not identify a Dodge Grand Caravan.
    for names in model_names:
        names.update(_names_without_body(names, rows, vocabulary))

    makes = _index_makes(rows, model_names, vocabulary)
    return CatalogIndex(
        vocabulary=vocabulary,
        entries=[row.entry for row in rows],
        make_ids=[row.make_id for row in rows],
        tokens=[row.canonical for row in rows],
        makes=makes,
        make_names=FuzzyIndex(make_names),
        unlisted_makes=frozenset(
            name
            for names in (*vocabulary.make_aliases.items(), vocabulary.kinds)
            for name in names
            if name not in make_names
        ),
        groups={
            name: [make_names[member] for member in members if member in make_names]
            for name, members in vocabulary.groups.items()
        },
        distinctive_models=FuzzyIndex(distinctive),
        shared_models=shared,
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
    """Return each make's entry ids by name.

    Own names come first, then aliases, other orders, and names without the make's brand.
    """
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
    for entry_id, row in enumerate(rows):
        brand, *rest = row.canonical or ("",)
        if rest and vocabulary.make_aliases.get(brand) == row.make_key:
            model_names[row.make_id].setdefault("".join(rest), entry_id)  # the H6 of `HAVAL H6`
    return model_names


def _reorderings(tokens: Tokens, vocabulary: Vocabulary) -> list[str]:
    """Return the names of a model with its words in another order: `SERIES3` for `3SERIES`."""
    if PLUS in tokens or "PLUS" in tokens:
        swapped = tuple({PLUS: "PLUS", "PLUS": PLUS}.get(token, token) for token in tokens)
        return ["".join(tokens), "".join(swapped)]
    rest = [token for token in tokens if token not in vocabulary.series]
    if len(rest) == len(tokens):
        swappable = len(tokens) == 2 and min(map(len, tokens)) > 1  # `PICASSO C3`
        return ["".join(order) for order in (tokens, tokens[::-1])[: 1 + swappable]]
    series = next(token for token in tokens if token in vocabulary.series)
    joined = "".join(rest)
    return [joined + series, series + joined, joined] if joined else []


def _distinctive_names(
    rows: Sequence[_Row],
    model_names: Sequence[Mapping[str, int]],
    make_names: Mapping[str, int],
    vocabulary: Vocabulary,
) -> tuple[dict[str, int], dict[str, list[int]]]:
    """Return the model names that identify their make, and those that several makes have.

    A name identifies its make if no other make has it, or if the table prefers one of them. A bare
    number like 500 and an ordinary word never do.
    """
    entries_with: dict[str, list[int]] = {}
    for names in model_names:
        for name, entry_id in names.items():
            if not (
                len(name) < 3
                or name.isdigit()
                or name in make_names
                or name in vocabulary.stop_words
                or name in vocabulary.everyday_words
            ):
                entries_with.setdefault(name, []).append(entry_id)
    distinctive: dict[str, int] = {}
    shared: dict[str, list[int]] = {}
    for name, ids in entries_with.items():
        preferred = ids if len(ids) == 1 else [i for i in ids if rows[i].entry.is_preferred]
        if len(ids) > 1:
            shared[name] = ids
        if len(preferred) == 1:
            distinctive[name] = preferred[0]
    return distinctive, shared


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


def _index_makes(
    rows: Iterable[_Row], model_names: Sequence[Mapping[str, int]], vocabulary: Vocabulary
) -> list[MakeIndex]:
    first_rows: dict[str, _Row] = {}
    numbered: list[dict[str, set[int]]] = [{} for _ in model_names]
    starts: list[Counter[str]] = [Counter() for _ in model_names]
    for row in rows:
        first_rows.setdefault(row.make_key, row)
        if len(row.canonical) > 1:
            starts[row.make_id][row.canonical[0]] += 1
        if match := _NUMBERED.fullmatch(row.model_key):
            numbered[row.make_id].setdefault(match[1], set()).add(len(match[2]))
    return [
        MakeIndex(
            row.entry.make,
            make_key,
            FuzzyIndex(names),
            others={
                name: kind
                for name, kind in vocabulary.other_models.get(make_key, {}).items()
                if name not in names
            },
            numbered={
                stem: frozenset(lengths)
                for stem, lengths in numbered[row.make_id].items()
                if stem in names
            },
            series=frozenset(
                word
                for word, count in starts[row.make_id].items()
                if count >= _MIN_SERIES
                and len(word) > 1
                and word.isalpha()
                and word not in names
                and (len(word) == 2 or word not in vocabulary.stop_words)
            ),
        )
        for (make_key, row), names in zip(first_rows.items(), model_names, strict=True)
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
