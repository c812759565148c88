"""Find the makes that a text may name.

An exact make is found anywhere in the text. A misspelled one is found only at the start, because
people write the make first and most later words resemble some make.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from rapidfuzz.distance import OSA

from carlens.catalog.fuzzy_index import LOOKALIKE_SCORE, SOUNDALIKE_SCORE, FuzzyIndex
from carlens.catalog.index import CatalogIndex
from carlens.catalog.normalize import Tokens, spans, tokenize

# 0..1; matcher.py says how these were set. The lowest score of a candidate: whether it is
# accepted depends on its model.
MIN_CANDIDATE_SCORE = 0.5
# The same for two or three words joined, which resemble more names.
_MIN_JOINED_SCORE = 0.8
# For a make of the group that a text names.
_GROUP_SCORE = 0.95
# For a long make with a single typo, or any make with a doubled letter.
_TYPO_SCORE = 0.86
# For a truncated make, or one that sounds like a short name.
_WEAK_SCORE = 0.8
# Multiplies the score of a misspelled make of three letters, which is usually another word.
_SHORT_NAME_FACTOR = 0.7
_MAX_MISSPELLED = 4
_REPEATED = re.compile(r"(.)\1+")
# A make after so many words is one only with its model.
_FIRST_WORDS = 3


@dataclass(frozen=True, slots=True)
class MakeCandidate:
    """A make that a text may name.

    Attributes
    ----------
    id : int
        Position in the index's makes.
    score : float
        0..1.
    rest : tuple of str
        The tokens of the text without the make: those after it, then those before it.
    needs_model : bool
        Whether the text only names a group that the make belongs to, so that it must have the
        model exactly.
    start, end : int
        The tokens of an exact make.
    """

    id: int
    score: float
    rest: Tokens = ()
    needs_model: bool = False
    start: int = 0
    end: int = 0

    @property
    def is_early(self) -> bool:
        """Whether the make is among the first words of the text."""
        return self.start < _FIRST_WORDS

    @property
    def before(self) -> Tokens:
        """The tokens before an exact make."""
        return self.rest[len(self.rest) - self.start :]


@dataclass(frozen=True, slots=True)
class MakeText:
    """The text of a make, parsed.

    Attributes
    ----------
    tokens : tuple of str
    candidates : tuple of MakeCandidate
        Best first.
    unlisted : str
        The known make that the text names and the table lacks, as a key; may be empty.
    """

    tokens: Tokens
    candidates: tuple[MakeCandidate, ...]
    unlisted: str = ""

    @property
    def is_exact(self) -> bool:
        """Whether the text has the exact name of a make."""
        return bool(self.candidates) and self.candidates[0].score == 1.0


def parse_make(index: CatalogIndex, text: str) -> MakeText:
    """Find the candidates in the text of a make."""
    tokens = index.vocabulary.canonicalize(tokenize(text))
    return find_makes(index, tokens)


def find_makes(index: CatalogIndex, tokens: Tokens) -> MakeText:
    """Find the candidates in the tokens of a make."""
    candidates = _exact_makes(index, tokens)
    members = _members_of_groups(index, tokens, candidates)
    if candidates:
        if index.vocabulary.significant(candidates[0].rest):  # `LNAD ROVER` is not a Rover
            members += _misspelled_makes(index, tokens)
        return MakeText(tokens, (*candidates, *members))
    if joined := _make_joined_to_model(index, tokens):
        return MakeText(tokens, (joined,))
    if members:
        return MakeText(tokens, tuple(members))
    if unlisted := find_unlisted_make(index, tokens):
        return MakeText(tokens, (), unlisted)
    return MakeText(tokens, tuple(_misspelled_makes(index, tokens)))


def find_embedded_make(index: CatalogIndex, tokens: Tokens) -> MakeCandidate | None:
    """Find an exact make in a model's text.

    An everyday word is one only if nothing else is, and then only among the first words.
    """
    make_ids = index.make_names.ids
    everyday = index.vocabulary.everyday_words | index.vocabulary.adjectives
    matches = [
        (start, end, name)
        for start, end, name in index.make_names.names_in(tokens, max_starts=len(tokens))
        if len(name) >= (2 if start == 0 else 3)  # the DR in `5DR` is not the make
        and (start == 0 or len(name) > 3 or name == index.makes[make_ids[name]].key)  # a `toy`
        and not name.isdigit()
        and (start < _FIRST_WORDS or name not in everyday)
    ]
    if not matches:
        return None
    # The first one wins, and the longest of those that start at the same token.
    start, end, name = max(matches, key=lambda m: (m[2] not in everyday, -m[0], m[1]))
    return MakeCandidate(make_ids[name], 1.0, tokens[end:] + tokens[:start], start=start, end=end)


def _exact_makes(index: CatalogIndex, tokens: Tokens) -> list[MakeCandidate]:
    """Find exact makes that share no token: `Chrysler Jeep` has two.

    Adjacent ones are ordered by length, and others as written: a `Seat Leon Cupra` is a Seat.
    """
    names = index.make_names
    matches = [
        (-len(name), start, end)
        for start, end, name in names.names_in(tokens)
        if len(name) > 1 or len(tokens) == 1
    ]
    found = []
    used: set[int] = set()
    for _, start, end in sorted(matches):
        if used.isdisjoint(range(start, end)):
            used.update(range(start, end))
            make_id = names.ids["".join(tokens[start:end])]
            rest = tokens[end:] + tokens[:start]
            found.append(MakeCandidate(make_id, 1.0, rest, start=start, end=end))
    if len(found) > 1 and max(used) - min(used) >= len(used):
        found.sort(key=lambda make: make.start)
    return found


def _members_of_groups(
    index: CatalogIndex, tokens: Tokens, makes: list[MakeCandidate]
) -> list[MakeCandidate]:
    """Return the makes of the groups that a text names, and those that belong to its makes."""
    found = {make.id: make for make in makes}
    for make in makes:
        for make_id in index.groups.get(index.makes[make.id].key, ()):
            member = replace(make, id=make_id, score=_GROUP_SCORE, needs_model=True)
            found.setdefault(make_id, member)
    for start, end, name in spans(tokens, max_starts=3, max_tokens=4):
        for make_id in index.groups.get(name, ()):
            rest = tokens[end:] + tokens[:start]
            found.setdefault(make_id, MakeCandidate(make_id, _GROUP_SCORE, rest, needs_model=True))
    return list(found.values())[len(makes) :]


def _make_joined_to_model(index: CatalogIndex, tokens: Tokens) -> MakeCandidate | None:
    """Find a make and its model in one word: `OPELCORSA`, `VOLVOS60`."""
    first, rest = (tokens[0], tokens[1:]) if tokens else ("", ())
    for end in range(len(first) - 1, 1, -1):
        make_id = index.make_names.ids.get(first[:end])
        if make_id is not None:
            model = first[end:]
            models = index.makes[make_id].models.ids
            # Many makes have a model of one letter: `MERT` is not a Mercedes T.
            if any(len(m) > 1 and m in models for m in (model, model + "".join(rest[:1]))):
                return MakeCandidate(make_id, 1.0, (model, *rest))
    return None


def find_unlisted_make(index: CatalogIndex, tokens: Tokens) -> str:
    """Return the known make that a text names and the table lacks, as a key; may be empty."""
    unlisted = index.unlisted_makes
    names = ("".join(tokens), *(token for token in tokens if len(token) > 2))
    return next((name for name in names if name in unlisted), "")


def _misspelled_makes(index: CatalogIndex, tokens: Tokens) -> list[MakeCandidate]:
    vocabulary, names = index.vocabulary, index.make_names
    start = vocabulary.first_significant(tokens)
    best: dict[int, MakeCandidate] = {}
    for end in range(start + 1, min(len(tokens), start + 3) + 1):
        text = "".join(tokens[start:end])
        if len(text) < 3 or text in vocabulary.stop_words or text in names.ids:
            continue
        min_score = MIN_CANDIDATE_SCORE if end == start + 1 else _MIN_JOINED_SCORE
        rest = tokens[:start] + tokens[end:]
        for name, score in _similar_makes(names, text, min_score):
            known = best.get(names.ids[name])
            if known is None or score > known.score:
                best[names.ids[name]] = MakeCandidate(names.ids[name], score, rest)
    return sorted(best.values(), key=lambda make: -make.score)[:_MAX_MISSPELLED]


def _similar_makes(names: FuzzyIndex, text: str, min_score: float) -> list[tuple[str, float]]:
    similar = names.nearest(text, min_score=min_score, limit=_MAX_MISSPELLED)
    if name := names.same_look(text):
        similar.append((name, LOOKALIKE_SCORE))
    if name := names.same_sound(text):
        # Many words sound like a short name: `link` is not Lynk.
        similar.append((name, SOUNDALIKE_SCORE if len(name) > 4 else _WEAK_SCORE))
    completions = names.with_prefix(text) if len(text) >= 4 else []
    if len({names.ids[name] for name in completions}) == 1:
        similar.append((completions[0], _WEAK_SCORE))
    return [(name, _weigh(name, text, score)) for name, score in similar]


def _weigh(name: str, text: str, score: float) -> float:
    """Return the score of a name: less for a short one, more for a name with an obvious typo."""
    has_swapped = sorted(name) == sorted(text)
    if len(name) < 4 and not has_swapped:  # `KAI` is a typo
        return _SHORT_NAME_FACTOR * score
    if score < _TYPO_SCORE and name[0] == text[0] and len(name) >= 4:
        longer, shorter = sorted((name, text), key=len, reverse=True)
        if _REPEATED.sub(r"\1", longer) == _REPEATED.sub(r"\1", shorter):
            return _TYPO_SCORE
        is_long = len(name) > (5 if len(name) == len(text) and not has_swapped else 4)
        if is_long and OSA.distance(name, text) == 1:
            return _TYPO_SCORE
    return score
