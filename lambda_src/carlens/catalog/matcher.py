"""A written make and model -> the entry of a reference table that it means.

The make decides which models are compared. A make that is not understood, or not the model's, is
overruled by a model that only one make has, written right.
Most words resemble some name, few two that belong together: the less like a make is, the more
its model must be.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial

from rapidfuzz.distance import OSA

from carlens.catalog.candidates import (
    LEAST_NEAR_MAKE,
    FoundMake,
    FoundModel,
    MakeText,
    exact_model,
    find_model,
    make_inside,
    model_of,
    read_make,
    similar_models,
)
from carlens.catalog.fuzzy_index import letters
from carlens.catalog.index import Reference
from carlens.catalog.normalize import MAX_CHARS, Tokens, Words, tokenize
from carlens.catalog.tables import Entry

# 0..1. Set on benchmarks/catalog_rows.csv, with one and two letters of it changed, and on 45,000
# rows of words, people, places and codes: looser ones let more of these through or find less,
# and none that is stricter keeps more of these out without finding less.
_LEAST_MAKE = 0.75  # to be taken for a make whose model is but near
_LEAST_MAKE_ALONE = 0.88  # without a model to confirm it
_LEAST_MAKE_WITH_MODEL = 0.66  # to be taken for the make of a model that is written right
_LEAST_MAKE_WITH_WORD = LEAST_NEAR_MAKE  # and is a word, with nothing else beside it
_LEAST_LONG = 0.8  # for a near model of many letters to confirm a make, too
_LONG = 8

_MODEL_SHARE = 0.6


@dataclass(frozen=True, slots=True)
class Match:
    """What a written make and model mean.

    Attributes
    ----------
    make, model : str
        Of the table; empty where nothing is similar enough.
    score_make, score_model, score : int
        0..100: how similar each is to what was written, and both together. Of what is
        empty, the score of the nearest name.
    alternatives : tuple of Entry and score
        Other entries, best first, however unlikely.
    """

    make: str = ""
    model: str = ""
    score_make: int = 0
    score_model: int = 0
    score: int = 0
    alternatives: tuple[tuple[Entry, int], ...] = ()


class Matcher:
    """Finds what is written in one reference table.

    Parameters
    ----------
    entries : sequence of Entry
        The table; repeated names count once.
    words : Words
        Other names and words without meaning.
    """

    def __init__(self, entries: Sequence[Entry], words: Words) -> None:
        self._reference = Reference.build(entries, words)
        self._read_make = lru_cache(4096)(partial(read_make, self._reference))

    def match(self, make: str, model: str, *, top_k: int = 1) -> Match:
        """Find what a make and model mean.

        Parameters
        ----------
        make, model : str
            As a person wrote them, each perhaps empty.
        top_k : int
            How many entries to give: the match and `top_k - 1` alternatives.
        """
        reference, words = self._reference, self._reference.words
        text = self._read_make(make[:MAX_CHARS])
        tokens = words.translate(tokenize(model))
        meant = _decide(reference, text, tokens)
        if not (meant and meant.taken) and words.kept(tokens) and not words.kept(text.tokens):
            # Both may stand in the model's field, the make misspelled.
            meant = _decide(reference, read_make(reference, model), ())
        answer = _answer(reference, meant)
        if top_k > 1:
            others = _alternatives(reference, meant, text, tokens, top_k - 1)
            answer = replace(answer, alternatives=tuple(others))
        return answer


@dataclass(frozen=True, slots=True)
class _Meant:
    """A make and its model, as found; one that is not `taken` is but the nearest make."""

    make: FoundMake
    model: FoundModel | None = None
    taken: bool = True

    @property
    def score(self) -> float:
        return _both(self.make.score, self.model.score if self.model else 0.0)


def _decide(reference: Reference, text: MakeText, tokens: Tokens) -> _Meant | None:
    """Decide what the make's text and the words of the model's mean together.

    The first of these that holds: a make in the model's text, a make of the make's text with its
    model, a model that tells its make, a make alone.
    """
    if inside := _inside(reference, text, tokens):
        return inside
    best = _best(reference, text.makes, tokens)
    if best and best.model:
        beside = best.make.rest + tokens
        if best.make.score >= _least_make(reference, best.model, beside):
            return best
    if not text.foreign and (told := infer_make_from_model(reference, text, tokens)):
        return told
    if best is None:
        return None
    make = best.make
    alone = make.score >= _LEAST_MAKE_ALONE and not _is_something_else(reference, make, tokens)
    return _Meant(make, taken=alone)


def _inside(reference: Reference, text: MakeText, tokens: Tokens) -> _Meant | None:
    """Find a make in the model's text: `, RENAULT CLIO`, or the two fields swapped."""
    inside = make_inside(reference, tokens)
    if inside is None:
        return None
    if not inside.rest:
        # The fields are swapped, the model perhaps like a make: `SERIE 3` is no Seres.
        model = find_model(reference, inside.id, text.tokens)
        if model and model.first and model.written_right:
            return _Meant(inside, model)
    if text.makes and text.makes[0].score >= _LEAST_MAKE:
        make = text.makes[0]
        if make.id == inside.id or model_of(reference, make, tokens):
            return None
    beside = text.makes[0].rest if text.sure else text.tokens
    model = find_model(reference, inside.id, inside.rest + beside)
    if model:
        return _Meant(inside, model)
    told = infer_make_from_model(reference, text, tokens)
    if told and told.model and told.model.first:
        return told  # `LAND CRUISER` is no Land Rover
    # `Make: bumper, model: for Honda` is no Honda.
    other = reference.words.kept(text.tokens) or _is_another_word(reference, inside, inside.rest)
    return None if other else _Meant(inside)


def _best(reference: Reference, makes: Sequence[FoundMake], tokens: Tokens) -> _Meant | None:
    """Give the make that is likest together with its model; one written right that has it is."""
    best: _Meant | None = None
    for make in makes:
        meant = _Meant(make, model_of(reference, make, tokens))
        if best is None or meant.score > best.score:
            best = meant
        if make.score == 1.0 and meant.model:
            break
    return best


def infer_make_from_model(reference: Reference, text: MakeText, tokens: Tokens) -> _Meant | None:
    """Find the model that names its own make, in either field.

    Only a name that is written right does: near ones are mostly other words.
    """
    words = reference.words
    for field, other in ((tokens, text.tokens), (text.tokens, tokens)):
        model = exact_model(reference.telling, field, words)
        if model is None:
            continue
        alone = _is_all(model.name, field, words)
        beside = words.kept(other)
        # One of few letters is a name only by itself, and when no word: RAV4, CR-V, not UNO.
        if letters(model.name) < 4 and (not alone or beside or _is_plain(field)):
            continue
        make = reference.make_of[model.id]
        likeness = OSA.normalized_similarity("".join(other), reference.makes[make].key)
        if not beside:
            told = not _says_more(reference, field, model)
        elif text.sure:
            # Against another make, only a name alone counts.
            told = field is tokens and alone
        else:
            told = likeness >= _LEAST_MAKE_WITH_MODEL
        if told:
            return _Meant(FoundMake(make, likeness if other else model.score), model)
    return None


def _least_make(reference: Reference, model: FoundModel, beside: Tokens) -> float:
    """Give how like a make must be for its model to confirm it."""
    name = model.name
    if not model.written_right and len(name) >= _LONG and model.score >= _LEAST_LONG:
        return _LEAST_MAKE_WITH_MODEL
    # A letter or a small number confirms nothing.
    if not model.written_right or len(name) <= 1 + name.isdigit():
        return _LEAST_MAKE
    if len(name) < 3 or name.isdigit() or _says_more(reference, beside, model):
        return _LEAST_MAKE_WITH_MODEL
    return _LEAST_MAKE_WITH_WORD


def _is_something_else(reference: Reference, make: FoundMake, tokens: Tokens) -> bool:
    """Tell a make alone from other things: `Dacia Maraini`, `Lotus` `papier toilette`."""
    known = reference.make_names.keys
    if any(len(token) > 2 and token not in known for token in reference.words.kept(make.rest)):
        return True
    return _is_another_word(reference, make, tokens)


def _is_another_word(reference: Reference, make: FoundMake, beside: Tokens) -> bool:
    """Tell whether words beside a make make it an everyday word: `mini debuginfo`."""
    words = reference.words
    return reference.makes[make.id].key in words.everyday and bool(words.kept(beside))


def _says_more(reference: Reference, tokens: Tokens, model: FoundModel) -> bool:
    """Tell whether a model's name is but a word of a text: `Karl Ramm`, `alto contraste`.

    It is where fewer words beside it are known of cars than are not.
    """
    kept = reference.words.kept(tokens)
    unknown = [
        token
        for token in kept
        if len(token) > 2
        and token.isalpha()
        and token not in model.name
        and token not in reference.make_names.keys
    ]
    return len(unknown) > len(tokens) - len(kept)


def _is_all(name: str, tokens: Tokens, words: Words) -> bool:
    """Tell whether a text is a name, perhaps with its generation: `MEGANE 2`."""
    kept = words.kept(tokens)
    if "".join(kept[:-1]) == name:
        return kept[-1].isdigit() and len(kept[-1]) == 1
    return name in ("".join(kept), "".join(tokens))


def _is_plain(tokens: Tokens) -> bool:
    return len(tokens) == 1 and tokens[0].isalpha()


def _answer(reference: Reference, meant: _Meant | None) -> Match:
    if meant is None:
        return Match()
    return Match(
        reference.makes[meant.make.id].name if meant.taken else "",
        reference.entries[meant.model.id].model if meant.model else "",
        round(100 * meant.make.score),
        round(100 * meant.model.score) if meant.model else 0,
        round(100 * meant.score),
    )


def _alternatives(
    reference: Reference, meant: _Meant | None, text: MakeText, tokens: Tokens, count: int
) -> Iterator[tuple[Entry, int]]:
    makes = [meant.make] if meant and meant.taken else text.makes
    scores: dict[int, float] = {}
    for make in makes:
        for entry_id, score in similar_models(reference, make, tokens, count + 1):
            both = _both(make.score, score)
            if both > scores.get(entry_id, 0.0):
                scores[entry_id] = both
    most = 1.0
    if meant and meant.model:
        scores.pop(meant.model.id, None)
        most = meant.score
    ranked = sorted(scores.items(), key=lambda item: -item[1])[:count]
    return ((reference.entries[i], round(100 * min(score, most))) for i, score in ranked)


def _both(make: float, model: float) -> float:
    return (1 - _MODEL_SHARE) * make + _MODEL_SHARE * model
