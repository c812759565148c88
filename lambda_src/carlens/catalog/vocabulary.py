"""Words and aliases that apply to every table, read from the CSV files in `data/words`.

People edit these files. Case, accents and punctuation do not matter in them.

`words.csv`
    word : a word or phrase.
    kind : what it is.
        `trim`, `engine`, `body`, `unit`, `filler` (`unknown`, `for sale`) and `common` (`my`,
        `blue`) are stop words: they say nothing about the model. A number before a `unit` says
        nothing either. All but the `common` ones suggest that a text is about a car.
        `everyday` is a make that is also an ordinary word: `lotus`, and `adjective` one that may
        precede any word: `mini`. An `object` is not a car, whatever make precedes it: `watch`.
        `series`, `numeral` and `abbreviation` are replaced: `REIHE` by `SERIES`, `III` by `3`.
    replacement : the word to use instead, in capitals; empty for the other kinds.
`makes.csv`
    alias : another name of the make. A make without one has a row that repeats its name.
    make : its usual name.
`models.csv`
    make, model : as in the table `europe`.
    aliases : other names of the model, separated by `|`.
`groups.csv`
    name : a holding company, an importer, or a make.
    makes : the makes that it may stand for, separated by `|`; the first that has the model counts.
`others.csv`
    make : a make, listed in a table or not.
    kind : what it makes besides the vehicles of a table: `car`, `motorcycle`, `truck`, `bus`,
        `tractor`, `caravan`, `trailer`, or `tire`, `phone` and `other`, which are not vehicles.
    models : names of vehicles that are not in the table `europe`, separated by `|`; empty if the
        make itself is not in it.
`scripts.csv`
    See `scripts`.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property, lru_cache
from itertools import compress, pairwise
from pathlib import Path
from typing import NamedTuple

from carlens.catalog.normalize import PLUS, Tokens, fold, key, tokenize

WORDS = Path(__file__).resolve().parent / "data" / "words"

_STOP_WORD_KINDS = ("trim", "engine", "body", "unit", "filler", "common")
_SYNONYM_KINDS = ("series", "numeral", "abbreviation")
_KINDS = (*_STOP_WORD_KINDS, *_SYNONYM_KINDS, "everyday", "adjective", "object")


VEHICLES = frozenset(("car", "motorcycle", "truck", "bus", "tractor", "caravan", "trailer"))


class ModelAlias(NamedTuple):
    """Another name of a make's model."""

    make: str
    alias: str
    model: str


@dataclass(frozen=True, kw_only=True)
class Vocabulary:
    """Stop words, synonyms, and the aliases of makes and models.

    Attributes
    ----------
    stop_words : frozenset of str
        Words that say nothing about the model.
    bodies : frozenset of str
        The stop words for a body style: `SUV`.
    engines : frozenset of str
        The stop words that name an engine.
    units : frozenset of str
        The stop words that make the number before them meaningless: `5 PORTES`.
    everyday_words : frozenset of str
        Keys of makes that are also ordinary words: `LOTUS`.
    adjectives : frozenset of str
        Keys of makes that are also adjectives: `MINI`, `SMART`.
    objects : frozenset of str
        Words for what is not a car.
    phrases : Mapping
        Stop words of several tokens, longest first, by their first token: `A VENDRE`.
    series : frozenset of str
        The words in the names of series, `SERIES` and `CLASS`.
    synonyms : Mapping
        Replacement by word: `REIHE` becomes `SERIES`, `III` becomes `3`.
    make_aliases : Mapping
        Make by alias, both as keys.
    make_names : Mapping
        The usual name of a make in capitals, by its key.
    model_aliases : tuple of ModelAlias
    common_words : frozenset of str
        The stop words that occur in any text: `my`, `blue`.
    groups : Mapping
        The makes that a name may stand for, all as keys: `GM` for Opel and Chevrolet.
    kinds : Mapping
        What a make makes that is only known as not being in a table, by its key.
    other_models : Mapping
        By the key of a make, the kinds of its models that tables lack, by their names.
    """

    stop_words: frozenset[str] = frozenset()
    bodies: frozenset[str] = frozenset()
    engines: frozenset[str] = frozenset()
    units: frozenset[str] = frozenset()
    everyday_words: frozenset[str] = frozenset()
    adjectives: frozenset[str] = frozenset()
    objects: frozenset[str] = frozenset()
    phrases: Mapping[str, tuple[Tokens, ...]] = field(default_factory=dict)
    series: frozenset[str] = frozenset()
    synonyms: Mapping[str, str] = field(default_factory=dict)
    make_aliases: Mapping[str, str] = field(default_factory=dict)
    make_names: Mapping[str, str] = field(default_factory=dict)
    model_aliases: tuple[ModelAlias, ...] = ()
    common_words: frozenset[str] = frozenset()
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    kinds: Mapping[str, str] = field(default_factory=dict)
    other_models: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    # Both are cached because every step of a match asks them about the same few texts.
    @cached_property
    def significance(self) -> Callable[[Tokens], list[bool]]:
        """A function that tells for each token whether it says something about the model."""
        return lru_cache(4096)(self._significance)

    @cached_property
    def significant(self) -> Callable[[Tokens], Tokens]:
        """A function that returns the tokens that say something about the model."""
        return lru_cache(4096)(self._significant)

    def first_significant(self, tokens: Tokens) -> int:
        """Return the index of the first significant token, or 0 if there is none."""
        return next(
            (i for i, significant in enumerate(self.significance(tokens)) if significant), 0
        )

    def canonicalize(self, tokens: Tokens) -> Tokens:
        """Replace synonyms and join phrases, so that equal names have equal tokens."""
        if not self.phrases.keys().isdisjoint(tokens):
            tokens = tuple(self._join_phrases(tokens))
        synonym = self.synonyms.get
        return tuple([synonym(token, token) for token in tokens])

    def strip_make(self, tokens: Tokens, make_keys: set[str]) -> Tokens:
        """Drop a make repeated at the start of its model's text, unless nothing would be left."""
        for end in range(min(4, len(tokens) - 1), 0, -1):
            text = "".join(tokens[:end])
            if text in make_keys or self.make_aliases.get(text) in make_keys:
                return tokens[end:]
        return tokens

    def _significance(self, tokens: Tokens) -> list[bool]:
        return [
            token != PLUS
            and token not in self.stop_words
            and not (token.isdigit() and self._counts(token, after))
            for token, after in pairwise((*tokens, ""))
        ]

    def _significant(self, tokens: Tokens) -> Tokens:
        return tuple(compress(tokens, self.significance(tokens)))

    def _counts(self, number: str, unit: str) -> bool:
        # A single letter counts doors or valves, never hundreds: 5 P, but 320 D.
        return unit in self.units and (len(unit) > 1 or len(number) == 1)

    def _join_phrases(self, tokens: Tokens) -> Iterator[str]:
        start = 0
        while start < len(tokens):
            phrases = self.phrases.get(tokens[start], ())
            lengths = (len(phrase) for phrase in phrases if tokens[start:][: len(phrase)] == phrase)
            end = start + next(lengths, 1)
            yield "".join(tokens[start:end])
            start = end


def clean_names(make: str, model: str, vocabulary: Vocabulary) -> tuple[str, str]:
    """Return the usual name of a make, and a model without stop words.

    Returns
    -------
    tuple of str
        `("RENAULT", "CLIO")` for `renault` and `Renault clio5portes turbo`.

    Notes
    -----
    Power, engine sizes and years are dropped too.
    """
    written = key(make)
    make_key = vocabulary.make_aliases.get(written, written)
    stripped = vocabulary.strip_make(tokenize(model), {make_key, written})
    tokens = vocabulary.canonicalize(stripped)
    make_name = vocabulary.make_names.get(make_key) or " ".join(tokenize(make))
    plain = [token for i, token in enumerate(tokens) if not _is_figure(tokens, i, vocabulary)]
    return make_name, " ".join(vocabulary.significant(tuple(plain)) or tokens)


def _is_figure(tokens: Tokens, index: int, vocabulary: Vocabulary) -> bool:
    """Return whether a number is a power or a year: the 110 of `HDI 110`."""
    token = tokens[index]
    if not index or not token.isdigit():
        return False
    if len(token) == 4:
        return token.startswith(("19", "20"))
    return len(token) in (2, 3) and tokens[index - 1] in vocabulary.engines


@cache
def read_vocabulary(folder: Path = WORDS) -> Vocabulary:
    """Read the vocabulary from the files in a folder.

    Raises
    ------
    ValueError
        A word has an unknown kind.
    """
    words = _words_by_kind(folder / "words.csv")
    stop_words = [word for kind in _STOP_WORD_KINDS for word in words[kind]]
    makes = _rows(folder / "makes.csv")
    others = _rows(folder / "others.csv")
    other_models: dict[str, dict[str, str]] = {}
    for make, kind, models in others:
        if models:
            named = other_models.setdefault(key(make), {})
            named.update((key(model), kind) for model in models.split("|"))
    return Vocabulary(
        stop_words=_keys(stop_words),
        bodies=_keys(words["body"]),
        engines=_keys(words["engine"]),
        units=_keys(words["unit"]),
        everyday_words=_keys(words["everyday"]),
        adjectives=_keys(words["adjective"]),
        objects=_keys(words["object"]),
        phrases=_phrases(stop_words),
        series=frozenset(words["series"].values()),
        synonyms={
            "".join(word): replacement
            for kind in _SYNONYM_KINDS
            for word, replacement in words[kind].items()
        },
        make_aliases={key(alias): key(make) for alias, make in makes},
        make_names={key(make): fold(make) for _, make in makes},
        model_aliases=tuple(
            ModelAlias(make, alias, model)
            for make, aliases, model in _rows(folder / "models.csv")
            for alias in aliases.split("|")
        ),
        common_words=_keys(words["common"]),
        groups={
            key(name): tuple(map(key, members.split("|")))
            for name, members in _rows(folder / "groups.csv")
        },
        kinds={key(make): kind for make, kind, models in others if not models},
        other_models=other_models,
    )


def _tokens(word: str) -> Tokens:
    # Most of the words are plain capitals, which are quick to tell.
    return (word,) if word.isascii() and word.isalpha() and word.isupper() else tokenize(word)


def _words_by_kind(path: Path) -> dict[str, dict[Tokens, str]]:
    words: dict[str, dict[Tokens, str]] = {kind: {} for kind in _KINDS}
    for word, kind, replacement in _rows(path):
        if kind not in words:
            raise ValueError(f"{path.name}: the word {word} has the unknown kind {kind!r}.")
        words[kind][_tokens(word)] = replacement
    return words


def _keys(words: Iterable[Tokens]) -> frozenset[str]:
    return frozenset(map("".join, words))


def _phrases(stop_words: Iterable[Tokens]) -> dict[str, tuple[Tokens, ...]]:
    phrases: dict[str, tuple[Tokens, ...]] = {}
    for word in sorted(stop_words, key=len, reverse=True):
        if len(word) > 1:
            phrases[word[0]] = (*phrases.get(word[0], ()), word)
    return phrases


def _rows(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8", newline="") as file:
        rows = csv.reader(file)
        next(rows)
        return [row for row in rows if row]
