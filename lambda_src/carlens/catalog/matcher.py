"""Match a written make and model to the entry of a table that they name.

The make decides which models are compared. A make that is unknown, or that lacks the model, is
overruled by the exact name of a model that only one other make has.

A single word often resembles some name by chance, but two that belong together rarely do. So the
less a make resembles its name, the more its model must resemble one, and the reverse.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial

from rapidfuzz.distance import OSA

from carlens.catalog.excel_dates import undo_date
from carlens.catalog.fuzzy_index import count_letters
from carlens.catalog.index import CatalogIndex, build_index
from carlens.catalog.make_candidates import (
    MIN_CANDIDATE_SCORE,
    MakeCandidate,
    MakeText,
    find_embedded_make,
    parse_make,
)
from carlens.catalog.model_candidates import (
    ModelCandidate,
    find_exact_model,
    find_model,
    find_model_of,
    find_similar_models,
)
from carlens.catalog.normalize import MAX_CHARS, Tokens, key, tokenize
from carlens.catalog.tables import Entry
from carlens.catalog.vocabulary import Vocabulary

# 0..1. Tuned on benchmarks/catalog_rows.csv, on its rows with one or two letters changed, and on
# 45,000 rows of words, people, places and codes. Lower thresholds accept more of the latter, and
# higher ones find less without rejecting more. The lowest score of a make:
_MIN_MAKE = 0.75  # with a misspelled model
_MIN_MAKE_ALONE = 0.88  # without a model to confirm it
_MIN_MAKE_WITH_MODEL = 0.66  # with an exact model, or a long one that is similar enough
_MIN_MAKE_WITH_WORD = MIN_CANDIDATE_SCORE  # with an exact model that is a word, and nothing else
_LONG_MODEL = 8  # characters
_MIN_LONG_MODEL = 0.8

_MODEL_SHARE = 0.6


@dataclass(frozen=True, slots=True)
class Match:
    """The result of matching a make and model.

    Attributes
    ----------
    make, model : str
        As the table spells them; empty where nothing is similar enough.
    score_make, score_model, score : int
        0..100: the similarity of each and of both together. Where the make is empty, the score of
        the nearest one.
    alternatives : tuple of (Entry, int)
        Other entries with their scores, best first, however unlikely.
    """

    make: str = ""
    model: str = ""
    score_make: int = 0
    score_model: int = 0
    score: int = 0
    alternatives: tuple[tuple[Entry, int], ...] = ()


class Matcher:
    """Matches makes and models to the entries of one table.

    Parameters
    ----------
    entries : sequence of Entry
        The table; entries with equal names count once.
    vocabulary : Vocabulary
    """

    def __init__(self, entries: Sequence[Entry], vocabulary: Vocabulary) -> None:
        self._index = build_index(entries, vocabulary)
        self._parse_make = lru_cache(4096)(partial(parse_make, self._index))

    def match(self, make: str, model: str, *, top_k: int = 1) -> Match:
        """Find the entry that a make and model name.

        Parameters
        ----------
        make, model : str
            As a person wrote them; either may be empty.
        top_k : int
            How many entries to return: the match and up to `top_k - 1` alternatives.
        """
        match = self._match(make, model, top_k)
        names = undo_date(model)
        if not names or (match.model and key(match.model) == key(model)):
            return match
        for name in names:
            match = self._match(make, name, top_k)
            if key(match.model) == key(name):
                return match
        return self._match(make, "", top_k)  # no model has the name of a date

    def _match(self, make: str, model: str, top_k: int) -> Match:
        index, vocabulary = self._index, self._index.vocabulary
        text = self._parse_make(make[:MAX_CHARS])
        tokens = vocabulary.canonicalize(tokenize(model))
        found = _interpret(index, text, tokens)
        if (
            not (found and found.is_accepted)
            and vocabulary.significant(tokens)
            and not vocabulary.significant(text.tokens)
        ):
            # The model's field may hold both, with the make misspelled.
            found = _interpret(index, parse_make(index, model), ())
        match = _to_match(index, found)
        if top_k > 1:
            others = _alternatives(index, found, text, tokens, top_k - 1)
            match = replace(match, alternatives=tuple(others))
        return match


@dataclass(frozen=True, slots=True)
class _Interpretation:
    """What a make and model may mean.

    Attributes
    ----------
    make : MakeCandidate
    model : ModelCandidate or None
    is_accepted : bool
        False if nothing is similar enough and `make` is only the nearest one.
    """

    make: MakeCandidate
    model: ModelCandidate | None = None
    is_accepted: bool = True

    @property
    def score(self) -> float:
        return _combine(self.make.score, self.model.score if self.model else 0.0)

    @property
    def has_leading_model(self) -> bool:
        return self.model is not None and self.model.is_leading


def _interpret(index: CatalogIndex, text: MakeText, tokens: Tokens) -> _Interpretation | None:
    """Interpret the text of a make and the tokens of a model together.

    The first of these that succeeds: a make in the model's text, a make in its own text with its
    model, a model that identifies its make, a make alone.
    """
    if embedded := _match_embedded_make(index, text, tokens):
        return embedded
    best = _best_make(index, text.candidates, tokens)
    if best and best.model:
        context = best.make.rest + tokens
        if best.make.score >= _min_make_score(index, best.model, context):
            return best
    if not text.is_unlisted and (inferred := infer_make_from_model(index, text, tokens)):
        return inferred
    if best is None:
        return None
    make = best.make
    is_accepted = make.score >= _MIN_MAKE_ALONE and not _is_something_else(index, make, tokens)
    return _Interpretation(make, is_accepted=is_accepted)


def _match_embedded_make(
    index: CatalogIndex, text: MakeText, tokens: Tokens
) -> _Interpretation | None:
    """Match a make in the model's text: it holds both, or the fields are swapped."""
    embedded = find_embedded_make(index, tokens)
    if embedded is None:
        return None
    if swapped := _match_swapped_fields(index, text, embedded):
        return swapped
    if _has_own_make(index, text, embedded, tokens):
        return None
    context = text.candidates[0].rest if text.is_exact else text.tokens
    if model := find_model(index, embedded.id, embedded.rest + context):
        return _Interpretation(embedded, model)
    inferred = infer_make_from_model(index, text, tokens)
    if inferred and inferred.has_leading_model:
        return inferred  # `LAND CRUISER` is not a Land Rover
    # `bumper` and `for Honda` do not name a Honda.
    is_accepted = not index.vocabulary.significant(text.tokens)
    if is_accepted and not _is_everyday_word(index, embedded, embedded.rest):
        return _Interpretation(embedded)
    return None


def _match_swapped_fields(
    index: CatalogIndex, text: MakeText, embedded: MakeCandidate
) -> _Interpretation | None:
    """Match a make that is alone in the model's field, with its model in the make's field."""
    if embedded.rest:
        return None
    # The model may resemble a make: `SERIE 3` is not Seres.
    model = find_model(index, embedded.id, text.tokens)
    if model and model.is_leading and model.is_exact:
        return _Interpretation(embedded, model)
    return None


def _has_own_make(
    index: CatalogIndex, text: MakeText, embedded: MakeCandidate, tokens: Tokens
) -> bool:
    """Return whether the make's text names the embedded make, or another one with the model."""
    if not text.candidates or text.candidates[0].score < _MIN_MAKE:
        return False
    make = text.candidates[0]
    return make.id == embedded.id or find_model_of(index, make, tokens) is not None


def _best_make(
    index: CatalogIndex, makes: Sequence[MakeCandidate], tokens: Tokens
) -> _Interpretation | None:
    """Return the make with the best score together with its model.

    An exact make that has the model ends the search.
    """
    best: _Interpretation | None = None
    for make in makes:
        found = _Interpretation(make, find_model_of(index, make, tokens))
        if best is None or found.score > best.score:
            best = found
        if make.score == 1.0 and found.model:
            break
    return best


def infer_make_from_model(
    index: CatalogIndex, text: MakeText, tokens: Tokens
) -> _Interpretation | None:
    """Find a model in either field that identifies its make.

    Only exact names do: most misspelled ones are other words.
    """
    return _infer_from_field(index, text, tokens, other=text.tokens) or _infer_from_field(
        index, text, text.tokens, other=tokens
    )


def _infer_from_field(
    index: CatalogIndex, text: MakeText, field: Tokens, *, other: Tokens
) -> _Interpretation | None:
    vocabulary = index.vocabulary
    model = find_exact_model(index.distinctive_models, field, vocabulary)
    if model is None:
        return None
    is_alone = _is_whole_text(model.name, field, vocabulary)
    context = vocabulary.significant(other)
    # RAV4 and CR-V are names if nothing else is there, but UNO is a word.
    if count_letters(model.name) < 4 and not (is_alone and _is_only_code(field, context)):
        return None
    make_id = index.make_ids[model.id]
    similarity = OSA.normalized_similarity("".join(other), index.makes[make_id].key)
    if not context:
        is_confirmed = not _has_unrelated_words(index, field, model)
    elif text.is_exact:
        # Only a model that is alone in its own field overrules another make.
        is_confirmed = is_alone and other is text.tokens
    else:
        is_confirmed = similarity >= _MIN_MAKE_WITH_MODEL
    make = MakeCandidate(make_id, score=similarity if other else model.score)
    return _Interpretation(make, model) if is_confirmed else None


def _min_make_score(index: CatalogIndex, model: ModelCandidate, context: Tokens) -> float:
    """Return the lowest score at which a model confirms its make."""
    name = model.name
    if not model.is_exact:
        is_long = len(name) >= _LONG_MODEL and model.score >= _MIN_LONG_MODEL
        return _MIN_MAKE_WITH_MODEL if is_long else _MIN_MAKE
    if len(name) <= 1 + name.isdigit():  # a letter or a small number confirms nothing
        return _MIN_MAKE
    if len(name) < 3 or name.isdigit() or _has_unrelated_words(index, context, model):
        return _MIN_MAKE_WITH_MODEL
    return _MIN_MAKE_WITH_WORD


def _is_something_else(index: CatalogIndex, make: MakeCandidate, tokens: Tokens) -> bool:
    """Return whether a make means something else: `Dacia Maraini`, `Lotus` `papier toilette`."""
    known = index.make_names.ids
    rest = index.vocabulary.significant(make.rest)
    if any(len(token) > 2 and token not in known for token in rest):
        return True
    return _is_everyday_word(index, make, tokens)


def _is_everyday_word(index: CatalogIndex, make: MakeCandidate, context: Tokens) -> bool:
    """Return whether the words next to a make turn it into an ordinary word: `mini debuginfo`."""
    vocabulary = index.vocabulary
    is_word = index.makes[make.id].key in vocabulary.everyday_words
    return is_word and bool(vocabulary.significant(context))


def _has_unrelated_words(index: CatalogIndex, tokens: Tokens, model: ModelCandidate) -> bool:
    """Return whether a text is about something other than a car: `Karl Ramm`, `alto contraste`.

    It is if more of its words are unknown than are stop words.
    """
    significant = index.vocabulary.significant(tokens)
    unknown = [
        token
        for token in significant
        if len(token) > 2
        and token.isalpha()
        and token not in model.name
        and token not in index.make_names.ids
    ]
    return len(unknown) > len(tokens) - len(significant)


def _is_whole_text(name: str, tokens: Tokens, vocabulary: Vocabulary) -> bool:
    """Return whether a text is a name, perhaps with a generation: `MEGANE 2`."""
    significant = vocabulary.significant(tokens)
    if "".join(significant[:-1]) == name:
        return significant[-1].isdigit() and len(significant[-1]) == 1
    return name in ("".join(significant), "".join(tokens))


def _is_only_code(tokens: Tokens, context: Tokens) -> bool:
    """Return whether a text has no context and is not a single word."""
    is_word = len(tokens) == 1 and tokens[0].isalpha()
    return not context and not is_word


def _to_match(index: CatalogIndex, found: _Interpretation | None) -> Match:
    if found is None:
        return Match()
    return Match(
        make=index.makes[found.make.id].name if found.is_accepted else "",
        model=index.entries[found.model.id].model if found.model else "",
        score_make=round(100 * found.make.score),
        score_model=round(100 * found.model.score) if found.model else 0,
        score=round(100 * found.score),
    )


def _alternatives(
    index: CatalogIndex, found: _Interpretation | None, text: MakeText, tokens: Tokens, count: int
) -> Iterator[tuple[Entry, int]]:
    """Yield up to `count` other entries, none with a higher score than the match."""
    makes = [found.make] if found and found.is_accepted else text.candidates
    scores: dict[int, float] = {}
    for make in makes:
        for entry_id, score in find_similar_models(index, make, tokens, count + 1):
            scores[entry_id] = max(scores.get(entry_id, 0.0), _combine(make.score, score))
    max_score = 1.0
    if found and found.model:
        scores.pop(found.model.id, None)
        max_score = found.score
    ranked = sorted(scores.items(), key=lambda item: -item[1])[:count]
    return ((index.entries[i], round(100 * min(score, max_score))) for i, score in ranked)


def _combine(make_score: float, model_score: float) -> float:
    return (1 - _MODEL_SHARE) * make_score + _MODEL_SHARE * model_score
