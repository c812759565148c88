"""What is known of a reference table: its makes, their models, and all that each is called.

It is built once, when a table is loaded, from the table's rows and the files in `words/`. Makes
and entries are known by their place in it, and every name by its key: `MERCEDESBENZ`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from carlens.catalog.fuzzy_index import MOST_LONGER, Names
from carlens.catalog.normalize import Tokens, Words, key, tokenize
from carlens.catalog.tables import Entry

# A make, and the first letters of two words.
Initials = tuple[int, str, str]


@dataclass(frozen=True, slots=True)
class Make:
    """A make of the table.

    Attributes
    ----------
    name, key : str
        As the table writes it, and as names are compared.
    models : Names
        Its entries, by all that they are called.
    """

    name: str
    key: str
    models: Names


@dataclass(frozen=True, slots=True)
class Reference:
    """A table, with what is looked up in it.

    Attributes
    ----------
    words : Words
        Other names and words without meaning, of any table.
    entries, make_of : sequence
        The rows, each once, and the make of each.
    makes : sequence of Make
        Each make once.
    make_names : Names
        Makes, by all that they are called.
    foreign : frozenset of str
        Names of makes that are not in the table, and so are no misspelling of one that is.
    telling : Names
        Entries, by the names that only one make has, which tell the make.
    worded : Mapping
        Entries whose name has two words or more, to find those that are abbreviated.
    longer : Mapping
        For an entry, the words that make another of it: `COUPE` after `GLC`.
    """

    words: Words
    entries: Sequence[Entry]
    make_of: Sequence[int]
    makes: Sequence[Make]
    make_names: Names
    foreign: frozenset[str]
    telling: Names
    worded: Mapping[Initials, Sequence[tuple[Tokens, int]]]
    longer: Mapping[int, Mapping[str, int]]

    @classmethod
    def build(cls, entries: Iterable[Entry], words: Words) -> Reference:
        """Make a table's indexes; its repeated names count once."""
        rows = _distinct(entries)
        spelled: dict[str, str] = {}
        for (make, _), (entry, _) in rows.items():
            spelled.setdefault(make, entry.make)
        make_ids = {make: make_id for make_id, make in enumerate(spelled)}
        make_of = [make_ids[make] for make, _ in rows]
        written = [tokens for _, tokens in rows.values()]
        translated = [words.translate(tokens) for tokens in written]

        make_names = _with_other_names(make_ids, words)
        called = _model_names(rows, make_of, translated, make_names, words)
        telling = _telling(called, make_names, words)
        for names in called:  # only now: `GRAND` tells no Dodge Grand Caravan
            names.update(_without_bodies(names, written, words))

        models = [Names(names) for names in called]
        return cls(
            words,
            [entry for entry, _ in rows.values()],
            make_of,
            list(map(Make, spelled.values(), spelled, models)),
            Names(make_names),
            frozenset(n for pair in words.makes.items() for n in pair if n not in make_names),
            Names(telling),
            _worded(make_of, translated),
            dict(_longer_names(models, make_of, [model for _, model in rows])),
        )


def _distinct(entries: Iterable[Entry]) -> dict[tuple[str, str], tuple[Entry, Tokens]]:
    """Give the first entry of each make and model, with the words of its model, by their keys."""
    key_of_make = lru_cache(None)(key)
    rows: dict[tuple[str, str], tuple[Entry, Tokens]] = {}
    for entry in entries:
        tokens = tokenize(entry.model)
        rows.setdefault((key_of_make(entry.make), "".join(tokens)), (entry, tokens))
    return rows


def _with_other_names(makes: Mapping[str, int], words: Words) -> dict[str, int]:
    """Add what else the makes are called; a table may know one by any of its names: `VW`."""
    called: dict[str, list[str]] = {}
    for other, make in words.makes.items():
        called.setdefault(make, [make]).append(other)
    found = dict(makes)
    for names in called.values():
        known = next((found[name] for name in names if name in found), None)
        if known is not None:
            for name in names:
                found.setdefault(name, known)
    return found


def _model_names(
    rows: Iterable[tuple[str, str]],
    make_of: Sequence[int],
    translated: Sequence[Tokens],
    make_names: Mapping[str, int],
    words: Words,
) -> list[dict[str, int]]:
    """Give each make's entries by their own names, then others, then the forms of a series."""
    called: list[dict[str, int]] = [{} for _ in set(make_of)]
    for entry_id, (make, (_, model)) in enumerate(zip(make_of, rows, strict=True)):
        called[make][model] = entry_id
    for make_name, written, model in words.models:
        make_id = make_names.get(key(make_name))
        names = {} if make_id is None else called[make_id]
        if (known := names.get(key(model))) is not None:
            names.setdefault("".join(words.translate(tokenize(written))), known)
    for entry_id, (make, tokens) in enumerate(zip(make_of, translated, strict=True)):
        for form in _series_forms(tokens, words):
            called[make].setdefault(form, entry_id)
    return called


def _series_forms(tokens: Tokens, words: Words) -> list[str]:
    """Give the other orders of a series' name: `3SERIES` is `SERIES3`, too."""
    rest = [token for token in tokens if token not in words.series]
    if len(rest) == len(tokens):
        # `PICASSO C3`, too
        two = len(tokens) == 2 and min(map(len, tokens)) > 1
        return ["".join(order) for order in (tokens, tokens[::-1])[: 1 + two]]
    series = next(token for token in tokens if token in words.series)
    joined = "".join(rest)
    return [joined + series, series + joined, joined] if joined else []


def _telling(
    called: Sequence[Mapping[str, int]], make_names: Mapping[str, int], words: Words
) -> dict[str, int]:
    """Give the names that tell their make; one without letters does not: 500 is of many."""
    makes_with = Counter(name for names in called for name in names)
    return {
        name: entry_id
        for names in called
        for name, entry_id in names.items()
        if makes_with[name] == 1
        and len(name) >= 3
        and not name.isdigit()
        and name not in make_names
        and name not in words.noise
    }


def _without_bodies(
    names: Mapping[str, int], written: Sequence[Tokens], words: Words
) -> dict[str, int]:
    """Give the names that mean one model without its body: `X5` of an `X5 SUV`."""
    bare = {
        "".join(token for token in written[entry_id] if token not in words.bodies): entry_id
        for entry_id in names.values()
        if not words.bodies.isdisjoint(written[entry_id])
    }
    known = Names(names) if bare else None
    return {
        name: entry_id
        for name, entry_id in bare.items()
        if known and name and {names[longer] for longer in known.starting(name)} == {entry_id}
    }


def _worded(
    make_of: Sequence[int], translated: Sequence[Tokens]
) -> dict[Initials, list[tuple[Tokens, int]]]:
    found: dict[Initials, list[tuple[Tokens, int]]] = {}
    for entry_id, (make, tokens) in enumerate(zip(make_of, translated, strict=True)):
        if len(tokens) > 1:
            found.setdefault((make, tokens[0][0], tokens[1][0]), []).append((tokens, entry_id))
    return found


def _longer_names(
    models: Sequence[Names], make_of: Sequence[int], written: Sequence[str]
) -> Iterator[tuple[int, dict[str, int]]]:
    """Give, for each entry that has some, the words that make another of it."""
    for entry_id, (make, model) in enumerate(zip(make_of, written, strict=True)):
        names = models[make]
        longer = {
            name.removeprefix(model): names.keys[name]
            for name in names.starting(model, most=MOST_LONGER)
            if names.keys[name] != entry_id
        }
        # A letter further on is a trim: `500 1.2 C` is no 500C.
        longer = {word: other for word, other in longer.items() if len(word) > 1 and word.isalpha()}
        if longer:
            yield entry_id, longer
