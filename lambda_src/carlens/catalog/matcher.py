"""Match a written make and model to the entry of a table that they name.

The make decides which models are compared. A make that is unknown, or that lacks the model, is
overruled by the exact name of a model that only one other make has. What tells another model apart
is never ignored: a digit, a plus, a letter of a code, or the name of a model that the table lacks.

A single word often resembles some name by chance, but two that belong together rarely do. So the
less a make resembles its name, the more its model must resemble one, and the reverse.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from itertools import pairwise
from typing import Literal, NamedTuple

from rapidfuzz.distance import OSA

from carlens.catalog.declensions import undecline
from carlens.catalog.excel_dates import undo_date
from carlens.catalog.fuzzy_index import SOUNDALIKE_SCORE, count_letters
from carlens.catalog.index import CatalogIndex, build_index
from carlens.catalog.make_candidates import (
    MIN_CANDIDATE_SCORE,
    MakeCandidate,
    MakeText,
    find_embedded_make,
    find_makes,
    find_unlisted_make,
    parse_make,
)
from carlens.catalog.model_candidates import (
    ModelCandidate,
    find_exact_model,
    find_model,
    find_model_in_group,
    find_model_of,
    find_other_model,
    find_similar_models,
    find_similar_models_of_any_make,
    is_another_model,
)
from carlens.catalog.normalize import MAX_CHARS, Tokens, key, spans, tokenize
from carlens.catalog.tables import Entry
from carlens.catalog.vocabulary import VEHICLES, Vocabulary

# 0..1. Tuned on the rows in benchmarks, on ordinary ones with one or two letters changed, and on
# 45,000 rows of words, people, places and codes. Lower thresholds accept more of the latter, and
# higher ones find less without rejecting more. The lowest score of a make:
_MIN_MAKE = 0.75  # with a misspelled model
_MIN_MAKE_ALONE = 0.88  # without a model to confirm it
_MIN_MAKE_ONLY = 0.86  # without any other word
_MIN_MAKE_WITH_MODEL = 0.66  # with an exact model, or a long one that is similar enough
_MIN_MAKE_WITH_WORD = MIN_CANDIDATE_SCORE  # with an exact model that is a word, and nothing else
_LONG_MAKE = 8  # characters; other words rarely resemble so long a name
_MANY_MODELS = 6  # of a make that people are likely to mean
_LONG_MODEL = 8  # characters
_MIN_LONG_MODEL = 0.8

_MODEL_SHARE = 0.6
# Codes of a registration certificate, which may also be part of a model.
_REGISTRATION = re.compile(r"\bD\.?\s?[123]\b", re.IGNORECASE)
# Multiplies the score of a model next to unknown words, or with the ending of a case.
_UNSURE = 0.95

Reason = Literal["similar_model", "same_model", "similar_make"]


class Alternative(NamedTuple):
    """Another entry that a make and model may name.

    Attributes
    ----------
    entry : Entry
    score : int
        0..100.
    reason : {"similar_model", "same_model", "similar_make"}
        Its name resembles the model, another make has the same model, or its make is not certain.
        Its model is empty if only a make was written.
    """

    entry: Entry
    score: int
    reason: Reason = "similar_model"


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
    alternatives : tuple of Alternative
        Other entries, best first, however unlikely.
    kind : str
        What a make that is known for other vehicles, or a model that the table lacks, is:
        `motorcycle`, `truck`, `bus`, `tractor`, `caravan`, `trailer` or `car`. Empty for an entry
        of the table, and if nothing is known.
    """

    make: str = ""
    model: str = ""
    score_make: int = 0
    score_model: int = 0
    score: int = 0
    alternatives: tuple[Alternative, ...] = ()
    kind: str = ""


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
        make, model = make[:MAX_CHARS], model[:MAX_CHARS]
        if _REGISTRATION.search(make) or _REGISTRATION.search(model):
            from carlens.catalog.registration import split_fields  # few rows need it

            make, model = split_fields(make, model)
        text = self._parse_make(make)
        tokens = vocabulary.canonicalize(tokenize(model))
        found = _interpret_either(index, text, tokens)
        if not (found and found.is_certain):
            found = _interpret_declined(index, text, tokens) or found
        match = _to_match(index, found)
        if not match.make:
            unlisted = text.unlisted or find_unlisted_make(index, tokens[:2])
            kind = vocabulary.kinds.get(unlisted, "")
            match = replace(match, kind=kind if kind in VEHICLES else "")
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
    other : str
        The kind of a model that the table lacks; `model` is None.
    """

    make: MakeCandidate
    model: ModelCandidate | None = None
    is_accepted: bool = True
    other: str = ""

    @property
    def score(self) -> float:
        return _combine(self.make.score, self.model.score if self.model else 0.0)

    @property
    def has_leading_model(self) -> bool:
        return self.model is not None and self.model.is_leading

    @property
    def has_exact_model(self) -> bool:
        return self.model is not None and self.model.score == 1.0

    @property
    def is_certain(self) -> bool:
        return self.is_accepted and (self.model is not None or bool(self.other))


def _interpret_either(
    index: CatalogIndex, text: MakeText, tokens: Tokens
) -> _Interpretation | None:
    """Interpret both texts, or the model's alone, which may hold both with the make misspelled."""
    vocabulary = index.vocabulary
    if vocabulary.kinds.get(text.unlisted, "car") not in VEHICLES:
        return None  # a phone or a tire
    found = _interpret(index, text, tokens)
    if (
        not (found and found.is_accepted)
        and vocabulary.significant(tokens)
        and not vocabulary.significant(text.tokens)
    ):
        found = _interpret(index, find_makes(index, tokens), ())
    return _lower_score(index, found, text, tokens) if found else None


def _interpret_declined(
    index: CatalogIndex, text: MakeText, tokens: Tokens
) -> _Interpretation | None:
    """Interpret both texts without the endings of cases: `Forda`, `Focusa`."""
    names, words = index.declinable_names, index.undeclinable_words
    make = undecline(text.tokens, names, words)
    model = undecline(tokens, names, words)
    if (make, model) == (text.tokens, tokens):
        return None
    if len(make) + len(model) == 1:
        return None  # nobody declines a name that stands alone: `Martine` is not a Martina
    found = _interpret_either(index, find_makes(index, make), model)
    if found is None or not found.is_accepted:
        return None
    if found.model is None:
        return replace(found, make=replace(found.make, score=_UNSURE * found.make.score))
    return replace(found, model=replace(found.model, score=_UNSURE * found.model.score))


def _lower_score(
    index: CatalogIndex, found: _Interpretation, text: MakeText, tokens: Tokens
) -> _Interpretation:
    """Lower the score of a model if the texts have words that nothing explains."""
    model = found.model
    if model is None or model.score < 1.0:
        return found
    words = found.make.rest + tokens
    if found.make.score == 1.0 and not text.is_exact:
        words += text.tokens  # the make is in the model's text
    own = index.tokens[model.id]
    is_part = _is_preceded_by_letter(model, tokens, own) or _is_followed_by_code(
        index, model, tokens
    )
    if not is_part and _is_understood(index, words, found.make.id, model):
        return found
    return replace(found, model=replace(model, score=_UNSURE))


def _is_understood(
    index: CatalogIndex, tokens: Tokens, make_id: int, model: ModelCandidate
) -> bool:
    """Return whether all words are stop words, or in the names of a make and of one model."""
    names, own = index.names_of(make_id), index.tokens[model.id]
    return all(
        len(word) < 3 or not word.isalpha() or word in model.name or word in names or word in own
        for word in index.vocabulary.significant(tokens)
    )


def _is_preceded_by_letter(model: ModelCandidate, tokens: Tokens, own: Tokens) -> bool:
    """Return whether a letter before a name may belong to it: `T-Polo`, but not `MODEL S`."""
    before = "".join(tokens[max(model.start - 1, 0) : model.start])  # of another text if too short
    is_letter = len(before) == 1 and before.isalpha() and before not in own
    return is_letter and "".join(tokens[model.start : model.end]) == model.name


def _is_followed_by_code(index: CatalogIndex, model: ModelCandidate, tokens: Tokens) -> bool:
    """Return whether one or two letters or digits after a short name may belong to it: `XM2`."""
    written = tokens[model.start : model.end]
    if model.end >= len(tokens) or "".join(written) != model.name:
        return False
    after = tokens[model.end]
    if not index.vocabulary.significance(tokens)[model.end]:
        return False
    if after.isalpha():
        return len(after) < 3
    return model.name.isalpha() and len(model.name) < 4 and len(after) < 4


def _unknown_words(index: CatalogIndex, tokens: Tokens, make_id: int) -> list[str]:
    """Return the words that are neither stop words nor in the names of a make and its models."""
    words = [
        token
        for token in index.vocabulary.significant(tokens)
        if len(token) > 2 and token.isalpha()
    ]
    if not words:
        return words
    known = index.words_of(make_id)
    return [word for word in words if word not in known]


def _interpret(index: CatalogIndex, text: MakeText, tokens: Tokens) -> _Interpretation | None:
    """Interpret the text of a make and the tokens of a model together.

    The first of these that succeeds: a make in the model's text, a make in its own text with its
    model, a model that identifies its make, a make alone.
    """
    if embedded := _match_embedded_make(index, text, tokens):
        return embedded
    best = _best_make(index, text.candidates, tokens)
    if best and best.other:
        return best
    if best and best.model:
        context = best.make.rest + tokens
        if best.make.score >= _min_make_score(index, best.model, context):
            return best
    if not text.unlisted and (inferred := infer_make_from_model(index, text, tokens)):
        return inferred
    if best is None:
        return None
    accepted = next((m for m in text.candidates if _is_accepted_alone(index, m, tokens)), None)
    return _Interpretation(accepted or best.make, is_accepted=accepted is not None)


def _is_accepted_alone(index: CatalogIndex, make: MakeCandidate, tokens: Tokens) -> bool:
    is_only_text = not index.vocabulary.significant(make.rest + tokens)
    min_score = _MIN_MAKE_ONLY if is_only_text else _MIN_MAKE_ALONE
    if make.score < min_score or make.needs_model:
        return False
    if make.score < SOUNDALIKE_SCORE and is_only_text and not _is_well_known(index, make.id):
        return False
    return not _is_something_else(index, make, tokens)


def _is_well_known(index: CatalogIndex, make_id: int) -> bool:
    """Return whether a word that resembles a make means it: `Marco` is not a Marcos."""
    make = index.makes[make_id]
    vocabulary = index.vocabulary
    if make.key in vocabulary.everyday_words or make.key in vocabulary.adjectives:
        return False
    return len(make.key) >= _LONG_MAKE or len(set(make.models.ids.values())) >= _MANY_MODELS


def _match_embedded_make(
    index: CatalogIndex, text: MakeText, tokens: Tokens
) -> _Interpretation | None:
    """Match a make in the model's text: it holds both, or the fields are swapped."""
    embedded = find_embedded_make(index, tokens)
    if embedded is None:
        return None
    if swapped := _match_swapped_fields(index, text, embedded, tokens):
        return swapped
    if _has_own_make(index, text, embedded, tokens):
        return None
    if not index.vocabulary.significant(text.tokens):
        make = find_makes(index, tokens[embedded.start : embedded.end])
        split = _interpret(index, make, embedded.rest)
        if split and split.is_certain and (embedded.is_early or split.has_leading_model):
            return split  # `VW Octavia` is a Škoda, as in two fields
    context = text.candidates[0].rest if text.is_exact else text.tokens
    found = _with_model(index, embedded, embedded.rest + context)
    if found.other or (found.model and (embedded.is_early or found.has_leading_model)):
        return found
    inferred = infer_make_from_model(index, text, tokens)
    if inferred and inferred.has_leading_model:
        return inferred  # `LAND CRUISER` is not a Land Rover
    # `bumper`, `for Honda` and `Ford Harrison lawyer` do not name a make.
    unknown = len(_unknown_words(index, embedded.rest, embedded.id))
    is_accepted = (
        not index.vocabulary.significant(text.tokens)
        and unknown < 1 + embedded.is_early
        and index.vocabulary.objects.isdisjoint(embedded.rest)
        and not _unknown_words(index, embedded.before, embedded.id)
    )
    if _is_brand_of_group(index, text, embedded):
        return _Interpretation(embedded)
    everyday = index.vocabulary.everyday_words | index.vocabulary.adjectives
    if is_accepted and not _is_everyday_word(index, embedded, embedded.rest, everyday):
        return _Interpretation(embedded)
    return None


def _is_brand_of_group(index: CatalogIndex, text: MakeText, embedded: MakeCandidate) -> bool:
    """Return whether a model's text starts with a brand of its make: `Volvo` `Polestar 9`."""
    if not text.is_exact or embedded.start or not index.vocabulary.significant(embedded.rest):
        return False
    return embedded.id in index.groups.get(index.makes[text.candidates[0].id].key, ())


def _with_model(index: CatalogIndex, make: MakeCandidate, tokens: Tokens) -> _Interpretation:
    """Interpret a make with its model in a text, or with one that the table lacks."""
    model = find_model_of(index, make, tokens)
    if make.score < 1.0:
        return _Interpretation(make, model)
    text = tokens if index.vocabulary.significant(tokens) or not make.rest else make.rest + tokens
    other = find_other_model(index, make.id, text)
    if other is None:
        return _Interpretation(make, model)
    kind, start, end = other
    is_written = model is not None and model.is_exact and model.start <= start and model.end >= end
    return _Interpretation(make, model) if is_written else _Interpretation(make, other=kind)


def _match_swapped_fields(
    index: CatalogIndex, text: MakeText, embedded: MakeCandidate, tokens: Tokens
) -> _Interpretation | None:
    """Match a make that is alone in the model's field, with its model in the make's field."""
    if embedded.rest:
        return None
    # The model may resemble a make: `SERIE 3` is not Seres.
    model = find_model(index, embedded.id, text.tokens)
    if model and model.is_leading and model.is_exact:
        return _best_make(index, find_makes(index, tokens).candidates, text.tokens)
    return None


def _has_own_make(
    index: CatalogIndex, text: MakeText, embedded: MakeCandidate, tokens: Tokens
) -> bool:
    """Return whether the make's text names the embedded make, or another one with the model."""
    if not text.candidates or text.candidates[0].score < _MIN_MAKE:
        return False
    make = text.candidates[0]
    if make.id == embedded.id:
        return True
    model = find_model_of(index, make, tokens)
    if model is None:
        return False
    theirs_key = index.makes[embedded.id].key
    # The other make is part of its own model in `DS 3`, but not in `Abarth Grande Punto`. A text
    # that names both makes, as in `Fiat 500 Abarth`, belongs to its own.
    if index.makes[make.id].key in embedded.rest:
        return True
    is_after = model.start > 0 or not model.is_leading or model.name == theirs_key
    is_apart = text.is_exact and embedded.start == 0 and (is_after or not model.is_exact)
    theirs = find_model(index, embedded.id, embedded.rest) if is_apart else None
    if theirs is None or theirs.score < 1.0 or not theirs.is_leading:
        return True
    return model.name == theirs_key and theirs.name.isdigit()  # `Dodge` `Ram 1500`


def _best_make(
    index: CatalogIndex, makes: Sequence[MakeCandidate], tokens: Tokens
) -> _Interpretation | None:
    """Return the make with the best score together with its model.

    An exact make that has the model ends the search.
    """
    exact = [make for make in makes if make.score == 1.0]
    if len(exact) > 1:
        with_models = [_Interpretation(make, find_model(index, make.id, tokens)) for make in exact]
        whole = [i for i in with_models if i.has_exact_model and i.has_leading_model]
        preferred = (i for i in whole if i.model and index.entries[i.model.id].is_preferred)
        if whole:
            return next(preferred, whole[0])
    best: _Interpretation | None = None
    for make in makes:
        if make.needs_model:
            found = _Interpretation(make, find_model_in_group(index, make, tokens))
        elif best and best.make.score == 1.0 and best.has_exact_model:
            continue
        else:
            found = _with_model(index, make, tokens)
        if best is None or (found.score > best.score and not best.other):
            best = found
        elif make.needs_model and _is_longer(index, found.model, best.model):
            best = found  # `DS3 CROSSBACK` is not a Citroën
    return best


def _is_longer(
    index: CatalogIndex, model: ModelCandidate | None, than: ModelCandidate | None
) -> bool:
    """Return whether the full name of a model contains another one."""
    if model is None or than is None or not than.is_exact:
        return False
    is_full = model.name == "".join(index.tokens[model.id])
    return is_full and model.start == than.start and model.end > than.end


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
    if model is None or not vocabulary.objects.isdisjoint(other):  # `Soul` `music`
        return None
    model = _of_make_before(index, field, model)
    make_id = index.make_ids[model.id]
    if is_another_model(index, field, model) or find_other_model(index, make_id, field):
        return None
    is_alone = _is_whole_text(model.name, field, vocabulary)
    context = vocabulary.significant(other)
    # RAV4 and CR-V are names if nothing else is there, but UNO is a word.
    if count_letters(model.name) < 4 and not (is_alone and _is_only_code(field, context)):
        return None
    similarity = OSA.normalized_similarity("".join(other), index.makes[make_id].key)
    if not context:
        is_confirmed = not _has_unrelated_words(index, field, model)
        if not vocabulary.common_words.isdisjoint(other):
            is_confirmed = False  # `Bravo` `bien`
    elif text.is_exact:
        # Only a model that is alone in its own field overrules another make.
        is_confirmed = is_alone and other is text.tokens
    else:
        is_confirmed = similarity >= _MIN_MAKE_WITH_MODEL
    if not vocabulary.common_words.isdisjoint(field):
        model = replace(model, score=_UNSURE)  # `espace vert` may be a park
    make = MakeCandidate(make_id, score=similarity if other else model.score)
    return _Interpretation(make, model) if is_confirmed else None


def _of_make_before(index: CatalogIndex, tokens: Tokens, model: ModelCandidate) -> ModelCandidate:
    """Choose the make that the words before a shared model resemble: `Vauxhal Corsa`."""
    if not model.start or model.name not in index.shared_models:
        return model
    before = find_makes(index, tokens[: model.start])
    makes = {make.id for make in before.candidates if make.score >= _MIN_MAKE}
    sharing = (i for i in index.shared_models[model.name] if index.make_ids[i] in makes)
    return replace(model, id=next(sharing, model.id))


def _min_make_score(index: CatalogIndex, model: ModelCandidate, context: Tokens) -> float:
    """Return the lowest score at which a model confirms its make."""
    name = model.name
    if not model.is_exact:
        if _has_unrelated_words(index, context, model, spare=2):
            return _MIN_MAKE_ALONE  # a sentence has words that resemble a make and its model
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
    if not index.vocabulary.objects.isdisjoint(tokens + make.rest):
        return True
    return _is_everyday_word(index, make, tokens, index.vocabulary.everyday_words)


def _is_everyday_word(
    index: CatalogIndex, make: MakeCandidate, context: Tokens, everyday: frozenset[str]
) -> bool:
    """Return whether the words next to a make turn it into an ordinary word: `mini debuginfo`."""
    vocabulary = index.vocabulary
    if index.makes[make.id].key not in everyday:
        return False
    tokens = vocabulary.significant(context)
    return any(
        token.isalpha() and not (len(token) < 3 and after.isdigit() and len(after) < 3)  # `GV50`
        for token, after in pairwise((*tokens, ""))
    )


def _has_unrelated_words(
    index: CatalogIndex, tokens: Tokens, model: ModelCandidate, *, spare: int = 0
) -> bool:
    """Return whether a text is about something other than a car: `Karl Ramm`, `alto contraste`.

    It is if more of its words are unknown than are stop words, with `spare` for misspelled ones.
    """
    significant = index.vocabulary.significant(tokens)
    unknown = [
        token
        for token in significant
        if len(token) > 2
        and not token.isdigit()  # `S21` is unknown too
        and token not in model.name
        and token not in index.make_names.ids
    ]
    vocabulary = index.vocabulary
    stop_words = (token for token in tokens if token not in vocabulary.common_words)
    related = [token for token in stop_words if token in vocabulary.stop_words and len(token) > 2]
    return len(unknown) - spare > len(related)


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
        kind=found.other,
    )


def _alternatives(
    index: CatalogIndex, found: _Interpretation | None, text: MakeText, tokens: Tokens, count: int
) -> Iterator[Alternative]:
    """Yield up to `count` other entries, none with a higher score than the match."""
    is_accepted = found is not None and found.is_accepted
    if not is_accepted and not tokens:
        yield from _similar_makes(index, text, count)
        return
    makes = [found.make] if found and found.is_accepted else text.candidates
    reasons: dict[int, Reason] = {}
    scores: dict[int, float] = {}
    for make in makes:
        for entry_id, score in find_similar_models(index, make, tokens, count + 1):
            scores[entry_id] = max(scores.get(entry_id, 0.0), _combine(make.score, score))
            reasons[entry_id] = "similar_model" if is_accepted else "similar_make"
    if not text.is_exact:
        for entry_id in _shared_models(index, (text.tokens, tokens)):
            scores.setdefault(entry_id, _combine(0.0, 1.0))
            reasons[entry_id] = "same_model"
    if not is_accepted and not text.tokens:
        for entry_id, score in find_similar_models_of_any_make(index, tokens, count):
            scores[entry_id] = max(scores.get(entry_id, 0.0), _combine(0.0, score))
            reasons.setdefault(entry_id, "similar_model")
    max_score = 1.0
    if found and found.model:
        scores.pop(found.model.id, None)
        max_score = found.score
    ranked = sorted(scores.items(), key=lambda item: -item[1])[:count]
    for entry_id, score in ranked:
        score = round(100 * min(score, max_score))
        yield Alternative(index.entries[entry_id], score, reasons[entry_id])


def _similar_makes(index: CatalogIndex, text: MakeText, count: int) -> Iterator[Alternative]:
    """Yield the makes, without a model, that a make alone resembles."""
    makes = sorted(text.candidates, key=lambda make: -make.score)
    for make in makes[:count]:
        score = round(100 * _combine(make.score, 0.0))
        yield Alternative(Entry(index.makes[make.id].name, ""), score, "similar_make")


def _shared_models(index: CatalogIndex, texts: Iterable[Tokens]) -> Iterator[int]:
    """Yield the entries of all makes that have a model that a text starts with."""
    for text in texts:
        for _, _, name in spans(text, max_starts=1, max_tokens=3):
            yield from index.shared_models.get(name, ())


def _combine(make_score: float, model_score: float) -> float:
    return (1 - _MODEL_SHARE) * make_score + _MODEL_SHARE * model_score
