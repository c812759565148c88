"""A written make and model -> the entry of a reference table that it means.

The make decides which models are compared. Of a model's text, the longest run of words that
is a model's name, once spaces are left out, is the one meant: `C4 PICASSO 1.6 HDI` has `C4`
and `C4PICASSO`. Only when no run is a name are near names looked for. A make that is not
understood, or not the model's, is overruled by a model that only one make has.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from rapidfuzz.distance import OSA

from carlens.naming.cleaning import Words, key, strip_make, tokenize
from carlens.naming.names import Names
from carlens.naming.tables import Entry

Tokens = tuple[str, ...]

# 0..1. Tuned on the first half of benchmarks/naming_rows.csv.
_LEAST_MAKE = 0.7  # to be taken for a make by its name alone
_LEAST_MAKE_ALONE = 0.82  # without a model to confirm it
_LEAST_MAKE_WORDS = 0.8  # for words joined, which resemble more
_LEAST_MAKE_WITH_MODEL = 0.45  # to be taken for the make of a model that is written right
_LEAST_MODEL = 0.7
_LEAST_TELLING = 0.8  # for a near name to tell its make
_LEAST_LONGER = 0.85  # for a near name to be meant and not the shorter one in it
_LEAST_LIKENESS = 0.4  # of a make, for a near model to tell it
_PREFIX = 0.9  # for a name cut short, or with a trim joined to it
_LEAST_ALTERNATIVE = 0.3

_MODEL_SHARE = 0.6
_WINDOW = 5


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


@dataclass(frozen=True, slots=True)
class _Make:
    id: int
    score: float
    rest: Tokens = ()


@dataclass(frozen=True, slots=True)
class _Model:
    id: int
    score: float
    name: str
    first: bool  # the text begins with it


@dataclass(frozen=True, slots=True)
class _Read:
    """A make's text: the makes it may be, best first."""

    makes: tuple[_Make, ...]
    foreign: bool  # surely a make, and none of the table


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
        self._words = words
        self._entries: list[Entry] = []
        self._makes: list[str] = []
        make_ids: dict[str, int] = {}
        models: list[dict[str, int]] = []
        self._make_of: list[int] = []
        for entry in entries:
            make_key = key(entry.make)
            make = make_ids.get(make_key)
            if make is None:
                make = make_ids[make_key] = len(models)
                models.append({})
                self._makes.append(entry.make)
            if key(entry.model) not in models[make]:
                models[make][key(entry.model)] = len(self._entries)
                self._entries.append(entry)
                self._make_of.append(make)
        canonical = dict(make_ids)
        for alias, make_key in words.makes.items():
            if make_key in canonical:
                make_ids.setdefault(alias, canonical[make_key])
        self._foreign = frozenset(
            name for pair in words.makes.items() for name in pair if name not in make_ids
        )
        for make_name, written, model in words.models:
            make = make_ids.get(key(make_name))
            if make is not None and key(model) in models[make]:
                models[make].setdefault(key(written), models[make][key(model)])
        for names in models:
            for entry_id in list(names.values()):
                for other in _series_forms(tokenize(self._entries[entry_id].model), words):
                    names.setdefault(other, entry_id)
        self._make_names = Names(make_ids)
        self._models = [Names(names) for names in models]
        owners: dict[str, set[int]] = {}
        for names in models:
            for written, entry_id in names.items():
                owners.setdefault(written, set()).add(entry_id)
        # A name without letters, or a short one, tells nothing: 500 is a Fiat, a Mercedes ...
        self._telling = Names(
            {
                written: next(iter(ids))
                for written, ids in owners.items()
                if len(ids) == 1
                and sum(map(str.isalpha, written)) >= 4
                and written not in make_ids
                and written not in words.noise
            }
        )
        self._read_make = lru_cache(4096)(self._make_candidates)

    def match(self, make: str, model: str, *, top_k: int = 1) -> Match:
        """Find what a make and model mean.

        Parameters
        ----------
        make, model : str
            As a person wrote them, each perhaps empty.
        top_k : int
            How many entries to give: the match and `top_k - 1` alternatives.
        """
        tokens = self._words.translate(tokenize(model))
        read = self._read_make(self._words.translate(tokenize(make)))
        made, found = self._decide(read, tokens, make)
        answer = self._answer(made, found)
        if top_k > 1:
            others = self._alternatives(made, read, tokens, found, top_k - 1)
            answer = Match(
                answer.make,
                answer.model,
                answer.score_make,
                answer.score_model,
                answer.score,
                tuple(others),
            )
        return answer

    def _decide(self, read: _Read, tokens: Tokens, make: str) -> tuple[_Make | None, _Model | None]:
        best: tuple[_Make, _Model | None] | None = None
        best_score = -1.0
        candidates = list(read.makes)
        # A make in the model's text: `, RENAULT CLIO`, or the two fields swapped.
        sure = bool(candidates) and candidates[0].score == 1.0
        inside = self._make_inside(tokens)
        if inside and not (sure and inside.id == candidates[0].id):
            written = self._words.translate(tokenize(make))
            rest = inside.rest + (candidates[0].rest if sure else written)
            if not sure or not self._model_of(candidates[0], tokens):
                model = self._find(inside.id, rest)
                if model or not sure:
                    return inside, model
        for candidate in candidates:
            model = self._model_of(candidate, tokens)
            total = (1 - _MODEL_SHARE) * candidate.score + _MODEL_SHARE * (
                model.score if model else 0.0
            )
            if total > best_score:
                best, best_score = (candidate, model), total
            if candidate.score == 1.0:
                break
        if best is not None:
            candidate, model = best
            if candidate.score >= _LEAST_MAKE and model:
                return best
            if model and model.score >= _PREFIX and candidate.score >= _LEAST_MAKE_WITH_MODEL:
                return best
        if not read.foreign:
            told = self._tell(tokens, make, sure=sure)
            if told:
                return told
        if best is not None and best[0].score >= _LEAST_MAKE_ALONE:
            return best[0], None
        return (_Make(-1, best[0].score), None) if best else (None, None)

    def _answer(self, made: _Make | None, found: _Model | None) -> Match:
        score_make = made.score if made else 0.0
        score_model = found.score if found else 0.0
        both = (1 - _MODEL_SHARE) * score_make + _MODEL_SHARE * score_model
        return Match(
            self._makes[made.id] if made and made.id >= 0 else "",
            self._entries[found.id].model if found else "",
            round(100 * score_make),
            round(100 * score_model),
            round(100 * both),
        )

    def _alternatives(
        self, made: _Make | None, read: _Read, tokens: Tokens, found: _Model | None, count: int
    ) -> Iterator[tuple[Entry, int]]:
        makes = [made] if made and made.id >= 0 else list(read.makes)
        scores: dict[int, float] = {}
        for candidate in makes:
            names = self._models[candidate.id]
            for written in dict.fromkeys(_windows_text(tokens or candidate.rest)):
                for name, score in names.near(written, least=_LEAST_ALTERNATIVE, limit=count + 1):
                    total = (1 - _MODEL_SHARE) * candidate.score + _MODEL_SHARE * score
                    entry = names.keys[name]
                    scores[entry] = max(total, scores.get(entry, 0.0))
        if found:
            scores.pop(found.id, None)
        ranked = sorted(scores.items(), key=lambda item: -item[1])[:count]
        return ((self._entries[entry], round(100 * score)) for entry, score in ranked)

    def _make_candidates(self, tokens: Tokens) -> _Read:
        names = self._make_names
        whole = "".join(tokens)
        best: tuple[int, int, int] | None = None
        for start, end in _windows(len(tokens)):
            written = "".join(tokens[start:end])
            if written in names.keys and (len(written) > 1 or len(tokens) == 1):
                best = max(best or (0, 0, 0), (len(written), -start, end))
        if best:
            start, end = -best[1], best[2]
            written = "".join(tokens[start:end])
            return _Read((_Make(names.keys[written], 1.0, tokens[:start] + tokens[end:]),), False)
        if whole in self._foreign or any(
            len(token) > 2 and token in self._foreign for token in tokens
        ):
            return _Read((), True)
        found: dict[int, _Make] = {}
        for start, end in _windows(len(tokens), starts=3, longest=3):
            written = "".join(tokens[start:end])
            if len(written) < 3 or written in self._words.noise:
                continue
            rest = tokens[:start] + tokens[end:]
            least = _LEAST_MAKE_WITH_MODEL if end == start + 1 else _LEAST_MAKE_WORDS
            near = names.near(written, least=least, limit=4)
            if sounds := names.sounding(written):
                near.append((sounds, _PREFIX))
            begins = names.starting(written) if len(written) >= 4 else []
            owners = {names.keys[name] for name in begins}
            if len(owners) == 1:
                near.append((begins[0], _PREFIX))
            for name, score in near:
                # Three letters with one wrong are another word.
                if len(name) < 4 and score < 1:
                    score *= 0.7
                known = found.get(names.keys[name])
                if known is None or score > known.score:
                    found[names.keys[name]] = _Make(names.keys[name], score, rest)
        ranked = sorted(found.values(), key=lambda candidate: -candidate.score)
        return _Read(tuple(ranked[:4]), False)

    def _make_inside(self, tokens: Tokens) -> _Make | None:
        names = self._make_names.keys
        for start in range(min(3, len(tokens))):
            for end in range(min(start + 4, len(tokens)), start, -1):
                written = "".join(tokens[start:end])
                if len(written) >= 2 and written in names and not written.isdigit():
                    return _Make(names[written], 1.0, tokens[:start] + tokens[end:])
        return None

    def _model_of(self, make: _Make, tokens: Tokens) -> _Model | None:
        return self._find(make.id, tokens) or (
            self._find(make.id, make.rest + tokens) if make.rest else None
        )

    def _find(self, make: int, tokens: Tokens) -> _Model | None:
        names = self._models[make]
        exact = self._exact(names, tokens)
        if exact:
            return self._better(names, tokens, exact)
        stripped = strip_make(tokens, {key(self._makes[make])}, self._words)
        if stripped != tokens:
            return self._find(make, stripped)
        return self._near(names, tokens, _LEAST_MODEL) or self._cut_short(names, tokens)

    def _exact(self, names: Names, tokens: Tokens) -> _Model | None:
        noise = self._words.is_noise(tokens)
        first = next((i for i, nothing in enumerate(noise) if not nothing), 0)
        best: tuple[tuple[bool, int, int], _Model] | None = None
        for start, end in _windows(len(tokens)):
            written = "".join(tokens[start:end])
            entry = names.keys.get(written)
            score = 1.0
            if entry is None:
                written, entry = self._joined(names, written) if end == start + 1 else ("", None)
                score = 0.95
            if entry is None:
                continue
            # Late in the text a number or a letter or two is no name: 206 1.4 HDI 90.
            if (len(written) <= 2 or written.isdigit()) and start not in (0, first):
                continue
            if written.isdigit() and noise[start]:
                continue
            rank = (not all(noise[start:end]), len(written), -start)
            if best is None or rank > best[0]:
                best = (rank, _Model(entry, score, written, start in (0, first)))
        return best[1] if best else None

    def _better(self, names: Names, tokens: Tokens, exact: _Model) -> _Model:
        """Prefer a longer near name (`XSARA PICASO`), or one before (`KANGOU EXPRESS`)."""
        series = self._words.means.values()
        kept = tuple(token for token in self._kept(tokens) if token not in series)
        if len(kept) < 2 or not any(
            token.isalpha() and len(token) > 3 and token not in exact.name for token in kept
        ):
            return exact
        near = self._near(names, kept, _LEAST_LONGER)
        if near and near.id != exact.id and exact.name in near.name:
            return near
        if exact.first or kept[0] in names.keys:
            return exact
        return self._near(names, kept[:1], _LEAST_TELLING) or exact

    def _kept(self, tokens: Tokens) -> Tokens:
        noise = self._words.is_noise(tokens)
        return tuple(token for token, nothing in zip(tokens, noise, strict=True) if not nothing)

    def _joined(self, names: Names, written: str) -> tuple[str, int | None]:
        """Find a model with a trim joined to it: `CLIORT`."""
        for end in range(len(written) - 1, 3, -1):
            entry = names.keys.get(written[:end])
            if entry is not None and written[end:] in self._words.noise:
                return written[:end], entry
        return "", None

    def _near(self, names: Names, tokens: Tokens, least: float) -> _Model | None:
        kept = self._kept(tokens)
        best: tuple[float, _Model] | None = None
        for start, end in _windows(len(kept), starts=3, longest=3):
            written = "".join(kept[start:end])
            if sum(map(str.isalpha, written)) < 4:
                continue
            found = names.near(written, least=least)
            if sounds := names.sounding(written):
                found.append((sounds, _PREFIX))
            for name, score in found:
                if len(name) < 4:
                    continue
                rank = score + 0.02 * len(name) - 0.05 * start
                if best is None or rank > best[0]:
                    best = (rank, _Model(names.keys[name], score, name, start == 0))
        return best[1] if best else None

    def _cut_short(self, names: Names, tokens: Tokens) -> _Model | None:
        written = next(iter(self._kept(tokens)), "")
        if len(written) < 3 or not written.isalpha():
            return None
        begins = names.starting(written)
        name = min(begins, key=len, default="")
        if len({names.keys[name] for name in begins}) != 1 or len(written) < 0.6 * len(name):
            return None
        return _Model(names.keys[name], _PREFIX, name, True)

    def _tell(self, tokens: Tokens, make: str, *, sure: bool) -> tuple[_Make, _Model] | None:
        """Find the model that names its own make, in either field."""
        written = self._words.translate(tokenize(make))
        for text, other in ((tokens, written), (written, tokens)):
            model = self._exact(self._telling, text)
            near = model or self._near(self._telling, text, _LEAST_TELLING)
            if near is None:
                continue
            make_id = self._make_of[near.id]
            if not other:
                return _Make(make_id, near.score), near
            likeness = OSA.normalized_similarity("".join(other), key(self._makes[make_id]))
            # Against another make, only a name that is written right counts, and alone.
            alone = model and text is tokens and "".join(self._kept(text)) == model.name
            if alone or (not sure and likeness >= _LEAST_LIKENESS):
                return _Make(make_id, likeness), near
        return None


def _windows(count: int, *, starts: int = 8, longest: int = _WINDOW) -> Iterator[tuple[int, int]]:
    for start in range(min(count, starts)):
        for end in range(start + 1, min(count, start + longest) + 1):
            yield start, end


def _windows_text(tokens: Tokens) -> Iterable[str]:
    return ("".join(tokens[s:e]) for s, e in _windows(len(tokens), starts=2, longest=3))


def _series_forms(tokens: Tokens, words: Words) -> list[str]:
    """Give the other orders of a series' name: `3SERIES` is `SERIES3`, too."""
    series = set(words.means.values())
    translated = words.translate(tokens)
    rest = [token for token in translated if token not in series or token.isdigit()]
    if len(rest) == len(translated):
        return ["".join(translated)]
    named = next(t for t in translated if t in series and not t.isdigit())
    joined = "".join(rest)
    return [joined + named, named + joined, joined] if joined else []
