"""Find the makes that a text may name.

An exact make is found anywhere in the text. A misspelled one is found only at the start, because
people write the make first and most later words resemble some make.
"""

from __future__ import annotations

from dataclasses import dataclass

from carlens.catalog.fuzzy_index import LOOKALIKE_SCORE, SOUNDALIKE_SCORE, FuzzyIndex
from carlens.catalog.index import CatalogIndex
from carlens.catalog.normalize import Tokens, spans, tokenize

# 0..1; matcher.py says how these were set. The lowest score of a candidate: whether it is
# accepted depends on its model.
MIN_CANDIDATE_SCORE = 0.5
# The same for two or three words joined, which resemble more names.
_MIN_JOINED_SCORE = 0.8
# For a truncated make, or one that sounds like a short name.
_WEAK_SCORE = 0.8
# Multiplies the score of a misspelled make of three letters, which is usually another word.
_SHORT_NAME_FACTOR = 0.7
_MAX_MISSPELLED = 4


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
        The tokens of the text without the make.
    """

    id: int
    score: float
    rest: Tokens = ()


@dataclass(frozen=True, slots=True)
class MakeText:
    """The text of a make, parsed.

    Attributes
    ----------
    tokens : tuple of str
    candidates : tuple of MakeCandidate
        Best first.
    is_unlisted : bool
        Whether the text names a known make that the table lacks.
    """

    tokens: Tokens
    candidates: tuple[MakeCandidate, ...]
    is_unlisted: bool = False

    @property
    def is_exact(self) -> bool:
        """Whether the text has the exact name of a make."""
        return bool(self.candidates) and self.candidates[0].score == 1.0


def parse_make(index: CatalogIndex, text: str) -> MakeText:
    """Find the candidates in the text of a make."""
    tokens = index.vocabulary.canonicalize(tokenize(text))
    if candidates := _exact_makes(index, tokens):
        if index.vocabulary.significant(candidates[0].rest):  # `LNAD ROVER` is not a Rover
            candidates += _misspelled_makes(index, tokens)
        return MakeText(tokens, tuple(candidates))
    if joined := _make_joined_to_model(index, tokens):
        return MakeText(tokens, (joined,))
    if _is_unlisted(index, tokens):
        return MakeText(tokens, (), is_unlisted=True)
    return MakeText(tokens, tuple(_misspelled_makes(index, tokens)))


def find_embedded_make(index: CatalogIndex, tokens: Tokens) -> MakeCandidate | None:
    """Find an exact make among the first words of a model's text."""
    make_ids = index.make_names.ids
    matches = [
        (start, end, name)
        for start, end, name in spans(tokens, max_starts=3, max_tokens=4)
        if name in make_ids
        and len(name) >= (2 if start == 0 else 3)  # the DR in `5DR` is not the make
        and not name.isdigit()
    ]
    if not matches:
        return None
    # The first one wins, and the longest of those that start at the same token.
    start, end, name = max(matches, key=lambda match: (-match[0], match[1]))
    return MakeCandidate(make_ids[name], 1.0, tokens[:start] + tokens[end:])


def _exact_makes(index: CatalogIndex, tokens: Tokens) -> list[MakeCandidate]:
    """Find exact makes that share no token, longest first: `Chrysler Jeep` has two."""
    names = index.make_names
    matches = [
        (-len(name), start, end)
        for start, end, name in spans(tokens, max_chars=names.max_length)
        if name in names.ids and (len(name) > 1 or len(tokens) == 1)
    ]
    found = []
    used: set[int] = set()
    for _, start, end in sorted(matches):
        if used.isdisjoint(range(start, end)):
            used.update(range(start, end))
            make_id = names.ids["".join(tokens[start:end])]
            found.append(MakeCandidate(make_id, 1.0, tokens[:start] + tokens[end:]))
    return found


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


def _is_unlisted(index: CatalogIndex, tokens: Tokens) -> bool:
    unlisted = index.unlisted_makes
    return "".join(tokens) in unlisted or any(len(t) > 2 and t in unlisted for t in tokens)


def _misspelled_makes(index: CatalogIndex, tokens: Tokens) -> list[MakeCandidate]:
    vocabulary, names = index.vocabulary, index.make_names
    start = vocabulary.first_significant(tokens)
    best: dict[int, MakeCandidate] = {}
    for end in range(start + 1, min(len(tokens), start + 3) + 1):
        text = "".join(tokens[start:end])
        if len(text) < 3 or text in vocabulary.stop_words:
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
    return [
        (name, _SHORT_NAME_FACTOR * score if len(name) < 4 and score < 1 else score)
        for name, score in similar
    ]
