"""Find the model of a make that a text names.

An exact name is a span of tokens that is a name once the spaces are left out. The first one wins,
and the longest of those that start at the same token: `C4 PICASSO 1.6 HDI` has `C4` and
`C4PICASSO`. Only a text without an exact name is searched for an abbreviated, misspelled or
truncated one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

from rapidfuzz.distance import OSA

from carlens.catalog.fuzzy_index import (
    LOOKALIKE_SCORE,
    MAX_LOOKALIKE,
    SOUNDALIKE_SCORE,
    SOUNDS,
    TRUNCATED_SCORE,
    FuzzyIndex,
    count_letters,
)
from carlens.catalog.index import CatalogIndex
from carlens.catalog.make_candidates import MakeCandidate
from carlens.catalog.normalize import PLUS, Tokens, spans
from carlens.catalog.vocabulary import Vocabulary

# 0..1; matcher.py says how these were set. The lowest score of a misspelled name:
_MIN_SCORE = 0.7
_MIN_LONGER_SCORE = 0.85  # to be preferred to the exact name that it contains
_MIN_EARLIER_SCORE = 0.83  # to be preferred to an exact name after it
_MIN_ALTERNATIVE_SCORE = 0.3  # to be offered as an alternative
# The same without a make: some model of the table resembles most words.
_MIN_SCORE_OF_ANY_MAKE = 0.6
_MIN_TEXT_OF_ANY_MAKE = 2  # characters
_MIN_WORD_SCORE = 0.5  # of the words that differ, if others are the same

# Rank misspelled names by score, then prefer longer and earlier ones.
_LENGTH_BONUS = 0.02
_POSITION_PENALTY = 0.05

_CHASSIS = re.compile(r"[A-Z]\d{1,2}")
_NEVER_TRIMS = frozenset("XYZ")  # letters that no engine or trim has after a number
_YEAR = re.compile(r"19[5-9]\d|20[0-3]\d")


@dataclass(frozen=True, slots=True)
class ModelCandidate:
    """An entry that a text may name, provided that its make fits.

    Attributes
    ----------
    id : int
        Position in the index's entries.
    score : float
        0..1.
    name : str
        The name that was found in the text.
    is_leading : bool
        Whether no significant token precedes it.
    start, end : int
        The tokens of an exact name.
    """

    id: int
    score: float
    name: str
    is_leading: bool
    start: int = 0
    end: int = 0

    @property
    def is_exact(self) -> bool:
        """Whether the text has the exact name, or one that looks like it."""
        return self.score >= LOOKALIKE_SCORE


def find_model_of(
    index: CatalogIndex, make: MakeCandidate, tokens: Tokens
) -> ModelCandidate | None:
    """Find a make's model in a model's text, or together with what remains of the make's text."""
    return (
        find_model(index, make.id, tokens)
        or (find_model(index, make.id, make.rest + tokens) if make.rest else None)
        or (_typo(index, make.id, tokens) if make.score == 1.0 else None)
    )


def find_model_in_group(
    index: CatalogIndex, make: MakeCandidate, tokens: Tokens
) -> ModelCandidate | None:
    """Find the exact model of a make that only belongs to the group of the written one."""
    text = tokens if index.vocabulary.significant(tokens) else make.rest + tokens
    found = _leading_model(index, make.id, text, min_chars=2)
    if found:
        return found
    stripped = index.vocabulary.strip_make(text, {index.makes[make.id].key})
    return None if stripped == text else _leading_model(index, make.id, stripped, min_chars=1)


def _leading_model(
    index: CatalogIndex, make_id: int, text: Tokens, *, min_chars: int
) -> ModelCandidate | None:
    models = index.makes[make_id].models
    first = index.vocabulary.first_significant(text)
    leading = spans(text[first : first + 4], max_starts=1)
    if not (first or any(name in models.ids for _, _, name in leading)):
        return None  # for speed: it would not be leading
    model = find_exact_model(models, text, index.vocabulary)
    if model is None or not model.is_leading or model.score < 1.0:
        return None
    if len(model.name) < min_chars or model.name in index.vocabulary.stop_words:
        return None
    model = _extend(index, text, model)
    return None if is_another_model(index, text, model) else model


def find_model(index: CatalogIndex, make_id: int, tokens: Tokens) -> ModelCandidate | None:
    """Find a make's model in a text."""
    vocabulary, make = index.vocabulary, index.makes[make_id]
    if exact := find_exact_model(make.models, tokens, vocabulary):
        better = _extend(index, tokens, _refine(index, make_id, tokens, exact))
        return None if better is exact and is_another_model(index, tokens, exact) else better
    stripped = vocabulary.strip_make(tokens, {make.key})
    if stripped != tokens:
        return find_model(index, make_id, stripped)
    return (
        _abbreviated(index, make_id, tokens, any_cut=True)
        or _misspelled(index, make_id, tokens, _MIN_SCORE)
        or _truncated(make.models, tokens, vocabulary)
    )


def find_exact_model(
    models: FuzzyIndex, tokens: Tokens, vocabulary: Vocabulary
) -> ModelCandidate | None:
    """Find the name that a text contains exactly, or one that looks like it.

    Of several names, one with a significant token is preferred, then one that is not a single
    letter, then the first, then the longest.
    """
    significance = vocabulary.significance(tokens)
    text = _ModelText(models, tokens, significance, _head(models, tokens, significance))
    names = _exact_names(text, vocabulary)
    if not names:
        return None
    best = max(names, key=text.rank) if len(names) > 1 else names[0]
    score = 1.0 if best.is_written else LOOKALIKE_SCORE
    is_leading = best.start <= text.head
    return ModelCandidate(models.ids[best.name], score, best.name, is_leading, best.start, best.end)


def find_other_model(
    index: CatalogIndex, make_id: int, tokens: Tokens
) -> tuple[str, int, int] | None:
    """Find the model that a text starts with among those that the table lacks.

    Returns
    -------
    (kind, start, end) or None
        What the make makes under this name, and the tokens of the name.
    """
    others = index.makes[make_id].others
    if not others:
        return None
    found = [
        (first + end, first, others[name])
        for first in dict.fromkeys((0, index.vocabulary.first_significant(tokens)))
        for start, end, name in spans(tokens[first:], max_starts=1, max_tokens=4)
        if name in others and (len(name) > 1 or len(tokens) == 1)
    ]
    if not found:
        return None
    end, start, kind = max(found)
    return kind, start, end


def is_another_model(index: CatalogIndex, tokens: Tokens, exact: ModelCandidate) -> bool:
    """Return whether what is next to a name makes it the name of a model that the table lacks.

    That is a plus (`C-HR+`), a number where the make numbers its models (`Ioniq 4`), or the word
    of a series (`ID. Golf`).
    """
    make = index.makes[index.make_ids[exact.id]]
    names, start, end = make.models.ids, exact.start, exact.end
    own = index.tokens[exact.id]
    if exact.name.isdigit() and end - start == 2 == len(exact.name) and len(own) == 1:
        return True  # `9-6` is not a 96
    if start and tokens[start - 1] in make.series and exact.name not in make.series:
        return True
    after = tokens[end] if end < len(tokens) else ""
    if after == PLUS:
        following = tokens[end + 1] if end + 1 < len(tokens) else ""
        return following.isdigit() or f"{exact.name}{PLUS}" not in names
    if not after.isdigit():
        if len(after) != 1 or end + 1 < len(tokens) or not exact.name[-1].isdigit():
            return False
        if len(exact.name) == 1:
            return len(own) > 1  # `3C` is not a 3 Series
        return after in _NEVER_TRIMS and exact.name == "".join(own)  # `408X`
    is_counted = not index.vocabulary.significance(tokens)[end]
    if len(after) in make.numbered.get(exact.name, ()) and not is_counted:
        return f"{exact.name}{after}" not in names
    # An alias of a numbered model: `RAV` is a RAV4, but not in `RAV5`.
    number = "".join(own).removeprefix(exact.name)
    return number.isdigit() and number != after and len(number) == len(after) and not is_counted


class _Name(NamedTuple):
    """A name and its span of tokens; `is_written` unless the span only looks like it."""

    name: str
    start: int
    end: int
    is_written: bool


class _ModelText(NamedTuple):
    """The text of a model, searched for exact names.

    Attributes
    ----------
    models : FuzzyIndex
    tokens : tuple of str
    significance : list of bool
        For each token, whether it says something about the model.
    head : int
        Index of the first token that can start a name: the first significant one that is not a
        year.
    """

    models: FuzzyIndex
    tokens: Tokens
    significance: list[bool]
    head: int

    def is_incidental(self, name: str, start: int, end: int, *, starts_with_name: bool) -> bool:
        """Return whether a name only happens to be in the text."""
        # After the head, numbers and one or two letters are not names: 206 1.4 HDI 90.
        if start > self.head and (len(name) <= 2 or name[0].isdigit()):
            return True
        if name.isdigit():
            # The trim of one model may be the name of another: `GL 350` is not a 350.
            after_name = starts_with_name and start > 0
            if after_name or not any(self.significance[start:end]):
                return True
        return self._ends_with_count(start, end)

    def rank(self, found: _Name) -> tuple[bool, bool, int, int]:
        """Return a key that is higher for better names."""
        return (
            any(self.significance[found.start : found.end]),
            len(found.name) > 1 or found.name.isdigit(),
            -found.start,
            len(found.name),
        )

    def _ends_with_count(self, start: int, end: int) -> bool:
        # `C3 5 PORTES` is not a C35.
        last = end - 1
        is_count = not self.significance[last] and self.tokens[last].isdigit()
        return is_count and "".join(self.tokens[start:last]) in self.models.ids


def _head(models: FuzzyIndex, tokens: Tokens, significance: list[bool]) -> int:
    for index, token in enumerate(tokens):
        is_year = len(token) == 4 and token not in models.ids and _YEAR.fullmatch(token)
        if significance[index] and not is_year:
            return index
    return len(tokens)


def _exact_names(text: _ModelText, vocabulary: Vocabulary) -> list[_Name]:
    found: list[_Name] = []
    models, ids = text.models, text.models.ids
    starts_with_name = False
    lookalike_starts: tuple[int, ...] = (0, text.head)  # none once a name is found
    for start, end, written in _possible_names(text):
        name = written if written in ids else None
        if not name and start in lookalike_starts and not _continues(text.tokens, end):
            name = models.same_look(written)
            if name and _has_other_number(text.tokens[start:end], name):
                name = None
        if not name and end == start + 1 and len(written) > 5:
            name = _without_trim(models, written, vocabulary)
        if name and not text.is_incidental(name, start, end, starts_with_name=starts_with_name):
            starts_with_name |= start == 0 and _is_word(name)
            if len(name) > 1:
                lookalike_starts = ()
            found.append(_Name(name, start, end, name == written))
    return found


def _possible_names(text: _ModelText) -> Iterator[tuple[int, int, str]]:
    """Yield the spans that may be a name, or look like one if they start at the head."""
    models, tokens = text.models, text.tokens
    heads, max_chars = models.heads, models.max_length
    for start, token in enumerate(tokens[:8]):
        may_look = start in (0, text.head)
        if not may_look and token[:3] not in heads:
            continue
        written = ""
        for end, part in enumerate(tokens[start:], start + 1):
            written += part
            if (len(written) > max_chars and end > start + 1) or (
                len(written) > (MAX_LOOKALIKE if may_look else 0) and written[:3] not in heads
            ):
                break
            yield start, end, written


def _continues(tokens: Tokens, end: int) -> bool:
    """Return whether a number follows, so that `HS7` does not look like an H5."""
    return end < len(tokens) and tokens[end].isdigit()


def _has_other_number(tokens: Tokens, name: str) -> bool:
    """Return whether a number stands apart that the name lacks: `Model 5` is not a Model S."""
    if len(tokens) < 2 or len(tokens[-2]) < 4:  # `CL10` is a Clio
        return False
    return tokens[-1].isdigit() and tokens[-1] not in name


def _is_word(name: str) -> bool:
    return len(name) > 1 and not name.isdigit()


def find_similar_models(
    index: CatalogIndex, make: MakeCandidate, tokens: Tokens, count: int
) -> Iterator[tuple[int, float]]:
    """Yield entries of a make that resemble a text, with their scores and with duplicates."""
    models = index.makes[make.id].models
    for _, _, text in spans(tokens or make.rest, max_starts=2, max_tokens=3):
        for name, score in models.nearest(text, min_score=_MIN_ALTERNATIVE_SCORE, limit=count):
            yield models.ids[name], score


def find_similar_models_of_any_make(
    index: CatalogIndex, tokens: Tokens, count: int
) -> Iterator[tuple[int, float]]:
    """Yield entries of any make that a text without a make resembles, with their scores."""
    for _, _, text in spans(tokens, max_starts=1, max_tokens=3):
        if len(text) < _MIN_TEXT_OF_ANY_MAKE:
            continue
        names = index.all_model_names
        for name, score in names.nearest(text, min_score=_MIN_SCORE_OF_ANY_MAKE, limit=count):
            for entry_id in index.all_models[name]:
                yield entry_id, score


def _without_trim(models: FuzzyIndex, word: str, vocabulary: Vocabulary) -> str | None:
    """Return the model in a word that joins it to a trim: `CLIORT`."""
    if len(word) < 6 or word in vocabulary.stop_words:  # `CROSSWAGON` is a trim, not a Cross
        return None
    # A single extra letter is a typo or another word: `FORMAT` is not a Forma T.
    for end in range(len(word) - 2, 3, -1):
        rest = word[end:]
        is_trim = rest in vocabulary.stop_words and rest not in vocabulary.common_words
        if is_trim and word[:end] in models.ids:  # `ROBINSON` is not a Robin of a son
            return word[:end]
    return None


def _refine(
    index: CatalogIndex, make_id: int, tokens: Tokens, exact: ModelCandidate
) -> ModelCandidate:
    """Replace an exact name by a better one: `XSARA PICASO` is not an Xsara."""
    if _CHASSIS.fullmatch(exact.name) and exact.name != "".join(index.tokens[exact.id]):
        rest = tokens[exact.end :]
        later = find_exact_model(index.makes[make_id].models, rest, index.vocabulary)
        if later and later.is_leading and count_letters(later.name) > 3:
            return later  # `T6 CARAVELLE`
    abbreviated = _abbreviated(index, make_id, tokens, any_cut=False)
    if abbreviated and len(abbreviated.name) > len(exact.name):
        return abbreviated
    before = tokens[exact.start - 1] if exact.start else ""
    grand = index.makes[make_id].models.ids.get(f"GRAND{exact.name}") if before else None
    if before in ("G", "GR") and grand is not None:
        return replace(exact, id=grand, score=TRUNCATED_SCORE, name=f"GRAND{exact.name}")
    return _better_misspelled(index, make_id, tokens, exact) or exact


def _better_misspelled(
    index: CatalogIndex, make_id: int, tokens: Tokens, exact: ModelCandidate
) -> ModelCandidate | None:
    """Find a misspelled name that contains the exact one or precedes it."""
    vocabulary, models = index.vocabulary, index.makes[make_id].models
    words = tuple(w for w in vocabulary.significant(tokens) if w not in vocabulary.series)
    if len(words) < 2 or not _has_other_word(words, exact.name):
        return None
    longer = _misspelled(index, make_id, words, _MIN_LONGER_SCORE)
    if longer and longer.id != exact.id and exact.name in longer.name:
        return longer
    if exact.is_leading or words[0] in models.ids:
        return None
    return _misspelled(index, make_id, words[:1], _MIN_EARLIER_SCORE)


def _has_other_word(tokens: Tokens, name: str) -> bool:
    return any(token.isalpha() and len(token) > 3 and token not in name for token in tokens)


def _extend(index: CatalogIndex, tokens: Tokens, model: ModelCandidate) -> ModelCandidate:
    """Prefer the model that a later word turns it into: `320D GRAN TURISMO`."""
    extensions = index.extensions.get(model.id)
    if extensions is None:
        return model
    words = (text for _, _, text in spans(tokens, max_tokens=3) if text in extensions)
    word = max(words, key=len, default="")
    return replace(model, id=extensions[word]) if word else model


def _abbreviated(
    index: CatalogIndex, make_id: int, tokens: Tokens, *, any_cut: bool
) -> ModelCandidate | None:
    """Find the only name whose words start with these: `L. CRUISER`, `GRAND C4 PIC`.

    Without `any_cut`, stop words and one or two letters stand only for themselves: `GOLF SPORT`.
    """
    vocabulary = index.vocabulary

    def abbreviates(word: str, token: str) -> bool:
        is_word = token in vocabulary.stop_words and token not in vocabulary.common_words
        may_be_cut = any_cut or (len(token) > 2 and not is_word)
        return word == token or (may_be_cut and token.isalpha() and word.startswith(token))

    found = [
        (name, entry_id)
        for text in {tokens, tokens[vocabulary.first_significant(tokens) :]}
        if len(text) > 1
        for name, entry_id in index.multiword_models.get((make_id, text[0][0], text[1][0]), ())
        if len(name) <= len(text)
        and name != text[: len(name)]
        and all(map(abbreviates, name, text))
    ]
    if len(found) != 1:
        return None
    ((name, entry_id),) = found
    return ModelCandidate(entry_id, TRUNCATED_SCORE, "".join(name), is_leading=True)


def _misspelled(
    index: CatalogIndex, make_id: int, tokens: Tokens, min_score: float
) -> ModelCandidate | None:
    models = index.makes[make_id].models
    best: ModelCandidate | None = None
    best_rank = 0.0
    words = index.vocabulary.significant(tokens)
    for start, end, text in spans(words, max_starts=3, max_tokens=3):
        if count_letters(text) < 4:
            continue
        similar = models.nearest(text, min_score=min_score)
        if sounds_like := models.same_sound(text):
            similar.append((sounds_like, SOUNDALIKE_SCORE))
        for name, score in similar:
            rank = score + _LENGTH_BONUS * len(name) - _POSITION_PENALTY * start
            if (
                len(name) >= 4
                and rank > best_rank
                and not _differs_in_a_word(words[start:end], index.tokens[models.ids[name]], name)
                and not _starts_otherwise(text, name)
            ):
                best = ModelCandidate(models.ids[name], score, name, start == 0)
                best_rank = rank
    return best


def _differs_in_a_word(text: Tokens, model: Tokens, name: str) -> bool:
    """Return whether two names differ in a word and share the others: `A-Max` and `B-Max`."""
    if len(name) != sum(map(len, model)) or text == model:
        return False
    shared = set(text) & set(model)
    if not shared:
        return False
    in_text, in_model = (
        "".join(word for word in words if word not in shared) for words in (text, model)
    )
    return OSA.normalized_similarity(in_text, in_model) < _MIN_WORD_SCORE


def _starts_otherwise(text: str, name: str) -> bool:
    """Return whether a name starts with another letter and has a second difference."""
    if text[0] == name[0] or text[:1].translate(SOUNDS) == name[:1].translate(SOUNDS):
        return False
    return OSA.distance(text, name) > 1 and text[1:2] + text[:1] != name[:2]


def _truncated(models: FuzzyIndex, tokens: Tokens, vocabulary: Vocabulary) -> ModelCandidate | None:
    word, *rest = vocabulary.significant(tokens) or ("",)
    name = models.completion(word)
    if name is None:
        return None
    number = name.removeprefix(word)
    if not number.isalpha() and any(token.isdigit() for token in rest):
        return None  # `GLORY 500` is not a Glory 580
    return ModelCandidate(models.ids[name], TRUNCATED_SCORE, name, is_leading=True)


def _typo(index: CatalogIndex, make_id: int, tokens: Tokens) -> ModelCandidate | None:
    """Find a short name with a typo, or a long one with two that resembles no other."""
    models = index.makes[make_id].models
    found = models.single_typo("".join(tokens))
    if found is None:
        found = models.double_typo(tokens[0]) if len(tokens) == 1 else None
    if found is None:
        return None
    name, score = found
    return ModelCandidate(models.ids[name], score, name, is_leading=True)
