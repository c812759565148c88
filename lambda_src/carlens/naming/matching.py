"""A written make and model -> the entry of a reference table that it means.

The make decides which models are compared. Of a model's text, the first run of words that is
a model's name, once spaces are left out, is the one meant, and the longest of those that begin
there: `C4 PICASSO 1.6 HDI` has `C4` and `C4PICASSO`. Only when no run is a name are near names
looked for. A make that is not understood, or not the model's, is overruled by a model that only
one make has, written right.
Most words resemble some name, few two that belong together: the less like a make is, the more
its model must be.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from rapidfuzz.distance import OSA

from carlens.naming.cleaning import MAX_CHARS, Words, key, strip_make, tokenize
from carlens.naming.names import Names
from carlens.naming.tables import Entry

Tokens = tuple[str, ...]

# 0..1. Set on benchmarks/naming_rows.csv, with one and two letters of it changed, and on 45,000
# rows of words, people, places and codes: looser ones let more of these through or find less,
# and none that is stricter keeps more of these out without finding less.
_LEAST_MAKE = 0.75  # to be taken for a make whose model is but near
_LEAST_MAKE_ALONE = 0.88  # without a model to confirm it
_LEAST_MAKE_WORDS = 0.8  # for words joined, which resemble more
_LEAST_MAKE_WITH_MODEL = 0.66  # to be taken for the make of a model that is written right
_LEAST_MAKE_WITH_WORD = 0.5  # and is a word, with nothing else beside it
_LEAST_MODEL = 0.7
_LEAST_LONGER = 0.85  # for a near name to be meant and not the shorter one in it
_LEAST_BEFORE = 0.83  # for a near name to be meant and not the one after it
_LOOKS_LIKE = 0.95  # for a name with letters like its digits, or a trim joined to it
_PREFIX = 0.9  # for a name cut short, or one that sounds the same
_CUT_MAKE = 0.8  # for a make cut short, which only its model confirms
_LEAST_ALTERNATIVE = 0.3

_MODEL_SHARE = 0.6
_MOST_LONGER = 64  # names that begin with one, looked at
_YEAR = re.compile(r"19[5-9]\d|20[0-3]\d")


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
    """A make's text: its words, and the makes it may be, best first."""

    tokens: Tokens
    makes: tuple[_Make, ...]
    foreign: bool  # surely a make, and none of the table

    @property
    def sure(self) -> bool:
        """Tell whether a make is written right."""
        return bool(self.makes) and self.makes[0].score == 1.0


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
        written: list[Tokens] = []
        key_of_make = lru_cache(None)(key)
        for entry in entries:
            make_key = key_of_make(entry.make)
            make = make_ids.get(make_key)
            if make is None:
                make = make_ids[make_key] = len(models)
                models.append({})
                self._makes.append(entry.make)
            tokens = tokenize(entry.model)
            if "".join(tokens) not in models[make]:
                models[make]["".join(tokens)] = len(self._entries)
                self._entries.append(entry)
                self._make_of.append(make)
                written.append(tokens)
        self._make_keys = list(make_ids)
        called: dict[str, list[str]] = {}
        for alias, make_key in words.makes.items():
            called.setdefault(make_key, [make_key]).append(alias)
        for aliases in called.values():
            # A table may know a make by another of its names: `VW`.
            known = next((make_ids[alias] for alias in aliases if alias in make_ids), None)
            if known is not None:
                make_ids.update((alias, known) for alias in aliases if alias not in make_ids)
        self._foreign = frozenset(
            name for pair in words.makes.items() for name in pair if name not in make_ids
        )
        for make_name, alias, model in words.models:
            make = make_ids.get(key(make_name))
            if make is not None and key(model) in models[make]:
                called_so = "".join(words.translate(tokenize(alias)))
                models[make].setdefault(called_so, models[make][key(model)])
        for names in models:
            for entry_id in list(names.values()):
                for other in _series_forms(written[entry_id], words):
                    names.setdefault(other, entry_id)
        owners: dict[str, set[int]] = {}
        for names in models:
            for name, entry_id in names.items():
                owners.setdefault(name, set()).add(entry_id)
        for names in models:  # only now: `GRAND` tells no Dodge Grand Caravan
            names.update(_without_bodies(names, written, words))
        self._make_names = Names(make_ids)
        self._models = [Names(names) for names in models]
        self._longer = dict(self._longer_names(map("".join, written)))
        # By their make and the first letters of two words.
        self._worded: dict[tuple[int, str, str], list[tuple[Tokens, int]]] = {}
        for entry_id, (tokens, make) in enumerate(zip(written, self._make_of, strict=True)):
            tokens = words.translate(tokens)
            if len(tokens) > 1:
                initials = make, tokens[0][0], tokens[1][0]
                self._worded.setdefault(initials, []).append((tokens, entry_id))
        # A name without letters tells nothing: 500 is a Fiat, a Mercedes ...
        self._telling = Names(
            {
                name: next(iter(ids))
                for name, ids in owners.items()
                if len(ids) == 1
                and len(name) >= 3
                and not name.isdigit()
                and name not in make_ids
                and name not in words.noise
            }
        )
        self._is_noise = lru_cache(4096)(words.is_noise)
        self._read_make = lru_cache(4096)(self._make_candidates)

    def _longer_names(self, written: Iterable[str]) -> Iterator[tuple[int, dict[str, int]]]:
        """Give the words that make another model of a model: `COUPE` of a GLC."""
        for entry_id, (model, make) in enumerate(zip(written, self._make_of, strict=True)):
            names = self._models[make]
            words = {
                name.removeprefix(model): names.keys[name]
                for name in names.starting(model, most=_MOST_LONGER)
                if names.keys[name] != entry_id
            }
            # A letter further on is a trim: `500 1.2 C` is no 500C.
            words = {w: longer for w, longer in words.items() if len(w) > 1 and w.isalpha()}
            if words:
                yield entry_id, words

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
        read = self._read_make(make[:MAX_CHARS])
        made, found = self._decide(read, tokens)
        if (made is None or made.id < 0) and self._kept(tokens) and not self._kept(read.tokens):
            # Both may stand in the model's field, the make misspelled.
            made, found = self._decide(self._make_candidates(model), ())
        answer = self._answer(made, found)
        if top_k > 1:
            others = self._alternatives(made, read, tokens, found, top_k - 1)
            answer = replace(answer, alternatives=tuple(others))
        return answer

    def _decide(self, read: _Read, tokens: Tokens) -> tuple[_Make | None, _Model | None]:
        if inside := self._decide_inside(read, tokens):
            return inside
        best = self._best(read.makes, tokens)
        if best and best[1]:
            beside = best[0].rest + tokens
            if best[0].score >= self._least_make(best[1], beside):
                return best
        if not read.foreign and (told := self._tell(read, tokens)):
            return told
        if best is None:
            return None, None
        made = best[0]
        if made.score >= _LEAST_MAKE_ALONE and not self._is_something_else(made, tokens):
            return made, None
        return _Make(-1, made.score), None

    def _decide_inside(self, read: _Read, tokens: Tokens) -> tuple[_Make, _Model | None] | None:
        """Find a make in the model's text: `, RENAULT CLIO`, or the two fields swapped."""
        inside = self._make_inside(tokens)
        if inside is None:
            return None
        if not inside.rest:
            # The fields are swapped, the model perhaps like a make: `SERIE 3` is no Seres.
            model = self._find(inside.id, read.tokens)
            if model and model.first and model.score >= _LOOKS_LIKE:
                return inside, model
        if read.makes and read.makes[0].score >= _LEAST_MAKE:
            make = read.makes[0]
            if make.id == inside.id or self._model_of(make, tokens):
                return None
        beside = read.makes[0].rest if read.sure else read.tokens
        model = self._find(inside.id, inside.rest + beside)
        if not model and (told := self._tell(read, tokens)) and told[1].first:
            return told  # `LAND CRUISER` is no Land Rover
        # `Make: bumper, model: for Honda` is no Honda.
        if model or not (self._kept(read.tokens) or self._is_another_word(inside, inside.rest)):
            return inside, model
        return None

    def _best(self, makes: tuple[_Make, ...], tokens: Tokens) -> tuple[_Make, _Model | None] | None:
        best: tuple[_Make, _Model | None] | None = None
        best_score = -1.0
        for make in makes:
            model = self._model_of(make, tokens)
            score = _both(make, model)
            if score > best_score:
                best, best_score = (make, model), score
            if make.score == 1.0 and model:
                break
        return best

    def _least_make(self, model: _Model, beside: Tokens) -> float:
        """Give how like a make must be for its model to confirm it."""
        name = model.name
        # A letter or a small number confirms nothing.
        if model.score < _LOOKS_LIKE or len(name) <= 1 + name.isdigit():
            return _LEAST_MAKE
        if len(name) < 3 or name.isdigit() or self._says_more(beside, model):
            return _LEAST_MAKE_WITH_MODEL
        return _LEAST_MAKE_WITH_WORD

    def _is_something_else(self, make: _Make, tokens: Tokens) -> bool:
        """Tell a make alone from other things: `Dacia Maraini`, `Lotus` `papier toilette`."""
        known = self._make_names.keys
        if any(len(token) > 2 and token not in known for token in self._kept(make.rest)):
            return True
        return self._is_another_word(make, tokens)

    def _is_another_word(self, make: _Make, beside: Tokens) -> bool:
        """Tell whether words beside a make make it an everyday word: `mini debuginfo`."""
        return self._make_keys[make.id] in self._words.everyday and bool(self._kept(beside))

    def _answer(self, made: _Make | None, found: _Model | None) -> Match:
        return Match(
            self._makes[made.id] if made and made.id >= 0 else "",
            self._entries[found.id].model if found else "",
            round(100 * made.score) if made else 0,
            round(100 * found.score) if found else 0,
            round(100 * _both(made, found)),
        )

    def _alternatives(
        self, made: _Make | None, read: _Read, tokens: Tokens, found: _Model | None, count: int
    ) -> Iterator[tuple[Entry, int]]:
        makes = [made] if made and made.id >= 0 else list(read.makes)
        scores: dict[int, float] = {}
        for candidate in makes:
            names = self._models[candidate.id]
            for _, _, written in _windows(tokens or candidate.rest, starts=2, longest=3):
                for name, score in names.near(written, least=_LEAST_ALTERNATIVE, limit=count + 1):
                    total = (1 - _MODEL_SHARE) * candidate.score + _MODEL_SHARE * score
                    entry = names.keys[name]
                    scores[entry] = max(total, scores.get(entry, 0.0))
        if found:
            scores.pop(found.id, None)
        ranked = sorted(scores.items(), key=lambda item: -item[1])[:count]
        most = _both(made, found) if found else 1.0
        return ((self._entries[entry], round(100 * min(score, most))) for entry, score in ranked)

    def _make_candidates(self, make: str) -> _Read:
        tokens = self._words.translate(tokenize(make))
        names = self._make_names
        whole = "".join(tokens)
        exact: list[tuple[int, int, int]] = []
        for start, end, written in _windows(tokens, letters=names.longest):
            if written in names.keys and (len(written) > 1 or len(tokens) == 1):
                exact.append((-len(written), start, end))
        if exact:
            makes = list(self._apart(tokens, sorted(exact)))
            if self._kept(makes[0].rest):  # `LNAD ROVER` is no Rover
                makes += self._near_makes(tokens)
            return _Read(tokens, tuple(makes), False)
        if glued := self._glued(tokens):
            return _Read(tokens, (glued,), False)
        if whole in self._foreign or any(
            len(token) > 2 and token in self._foreign for token in tokens
        ):
            return _Read(tokens, (), True)
        return _Read(tokens, tuple(self._near_makes(tokens)), False)

    def _near_makes(self, tokens: Tokens) -> list[_Make]:
        names = self._make_names
        found: dict[int, _Make] = {}
        # People write a make first; a near one further on is some other word.
        start = self._first_kept(tokens)
        for end in range(start + 1, min(len(tokens), start + 3) + 1):
            written = "".join(tokens[start:end])
            if len(written) < 3 or written in self._words.noise:
                continue
            rest = tokens[:start] + tokens[end:]
            least = _LEAST_MAKE_WITH_WORD if end == start + 1 else _LEAST_MAKE_WORDS
            near = names.near(written, least=least, limit=4)
            if looks := names.looking(written):
                near.append((looks, _LOOKS_LIKE))
            if sounds := names.sounding(written):
                # A short one sounds like many a word: `link` is no Lynk.
                near.append((sounds, _PREFIX if len(sounds) > 4 else _CUT_MAKE))
            begins = names.starting(written) if len(written) >= 4 else []
            owners = {names.keys[name] for name in begins}
            if len(owners) == 1:
                near.append((begins[0], _CUT_MAKE))
            for name, score in near:
                # Three letters with one wrong are another word.
                if len(name) < 4 and score < 1:
                    score *= 0.7
                known = found.get(names.keys[name])
                if known is None or score > known.score:
                    found[names.keys[name]] = _Make(names.keys[name], score, rest)
        return sorted(found.values(), key=lambda make: -make.score)[:4]

    def _apart(self, tokens: Tokens, windows: list[tuple[int, int, int]]) -> Iterator[_Make]:
        """Give the makes of a text that share no word: two in `Chrysler Jeep`."""
        taken: set[int] = set()
        for _, start, end in windows:
            if taken.isdisjoint(range(start, end)):
                taken.update(range(start, end))
                make = self._make_names.keys["".join(tokens[start:end])]
                yield _Make(make, 1.0, tokens[:start] + tokens[end:])

    def _glued(self, tokens: Tokens) -> _Make | None:
        """Find a make and its model in one word: `OPELCORSA`, `VOLVOS60`."""
        first, rest = (tokens[0], tokens[1:]) if tokens else ("", ())
        for end in range(len(first) - 1, 1, -1):
            make = self._make_names.keys.get(first[:end])
            if make is not None:
                model = first[end:]
                names = self._models[make].keys
                # A letter is a model of many a make: `MERT` is no Mercedes T.
                if any(len(m) > 1 and m in names for m in (model, model + "".join(rest[:1]))):
                    return _Make(make, 1.0, (model, *rest))
        return None

    def _make_inside(self, tokens: Tokens) -> _Make | None:
        names = self._make_names.keys
        for start in range(min(3, len(tokens))):
            for end in range(min(start + 4, len(tokens)), start, -1):
                written = "".join(tokens[start:end])
                least = 2 if start == 0 else 3  # `5DR` is no DR
                if len(written) >= least and written in names and not written.isdigit():
                    return _Make(names[written], 1.0, tokens[:start] + tokens[end:])
        return None

    def _model_of(self, make: _Make, tokens: Tokens) -> _Model | None:
        return (
            self._find(make.id, tokens)
            or (self._find(make.id, make.rest + tokens) if make.rest else None)
            or (self._slip(self._models[make.id], tokens) if make.score == 1.0 else None)
        )

    def _find(self, make: int, tokens: Tokens) -> _Model | None:
        names = self._models[make]
        exact = self._exact(names, tokens)
        if exact:
            return self._extended(tokens, self._better(make, tokens, exact))
        stripped = strip_make(tokens, {self._make_keys[make]}, self._words)
        if stripped != tokens:
            return self._find(make, stripped)
        return (
            self._abbreviated(make, tokens, any_cut=True)
            or self._near(names, tokens, _LEAST_MODEL)
            or self._cut_short(names, tokens)
        )

    def _exact(self, names: Names, tokens: Tokens) -> _Model | None:
        noise = self._is_noise(tokens)
        head = self._head(names, tokens, noise)
        begins_with_name = False
        best: tuple[tuple[bool, bool, int, int], _Model] | None = None
        for start, end, written in _windows(tokens, letters=names.longest):
            name = written if written in names.keys else None
            if not name and not best and start in (0, head):
                name = names.looking(written)
            if not name and end == start + 1:
                name = self._joined(names, written)
            if not name:
                continue
            # Late in the text a number or a letter or two is no name: 206 1.4 HDI 90.
            if start > head and (len(name) <= 2 or name[0].isdigit()):
                continue
            nothing, number = all(noise[start:end]), name.isdigit()
            if number and (nothing or (begins_with_name and start)):
                continue
            # `C3 5 PORTES` is no C35.
            counts = noise[end - 1] and tokens[end - 1].isdigit()
            if counts and "".join(tokens[start : end - 1]) in names.keys:
                continue
            # A trim of others may be a model: `GL 350` is no 350.
            begins_with_name |= start == 0 and len(name) > 1 and not number
            rank = (not nothing, len(name) > 1 or number, -start, len(name))
            if best is None or rank > best[0]:
                score = 1.0 if name == written else _LOOKS_LIKE
                best = (rank, _Model(names.keys[name], score, name, start <= head))
        return best[1] if best else None

    def _head(self, names: Names, tokens: Tokens, noise: list[bool]) -> int:
        """Give where a name may begin at the latest, to be the first thing said."""
        for index, (token, nothing) in enumerate(zip(tokens, noise, strict=True)):
            if not nothing and (token in names.keys or not _YEAR.fullmatch(token)):
                return index
        return len(tokens)

    def _better(self, make: int, tokens: Tokens, exact: _Model) -> _Model:
        """Prefer a longer near name (`XSARA PICASO`), or one before (`KANGOU EXPRESS`)."""
        short = self._abbreviated(make, tokens, any_cut=False)
        if short and len(short.name) > len(exact.name):
            return short
        names = self._models[make]
        kept = tuple(token for token in self._kept(tokens) if token not in self._words.series)
        if len(kept) < 2 or not any(
            token.isalpha() and len(token) > 3 and token not in exact.name for token in kept
        ):
            return exact
        near = self._near(names, kept, _LEAST_LONGER)
        if near and near.id != exact.id and exact.name in near.name:
            return near
        if exact.first or kept[0] in names.keys:
            return exact
        return self._near(names, kept[:1], _LEAST_BEFORE) or exact

    def _extended(self, tokens: Tokens, model: _Model) -> _Model:
        """Prefer the model that a word further on makes of it: `320D GRAN TURISMO`."""
        longer = self._longer.get(model.id)
        if longer is None:
            return model
        words = (written for _, _, written in _windows(tokens, longest=3) if written in longer)
        word = max(words, key=len, default="")
        return replace(model, id=longer[word]) if word else model

    def _abbreviated(self, make: int, tokens: Tokens, *, any_cut: bool) -> _Model | None:
        """Find the only name whose words begin with these: `L. CRUISER`, `GRAND C4 PIC`.

        Unless `any_cut`, trims and single letters are taken for themselves: `GOLF SPORT`.
        """

        def begins(word: str, token: str) -> bool:
            cut = any_cut or (len(token) > 2 and token not in self._words.noise)
            return word == token or (cut and token.isalpha() and word.startswith(token))

        found = [
            (name, entry_id)
            for text in {tokens, tokens[self._first_kept(tokens) :]}
            if len(text) > 1
            for name, entry_id in self._worded.get((make, text[0][0], text[1][0]), ())
            if len(name) <= len(text) and name != text[: len(name)] and all(map(begins, name, text))
        ]
        if len(found) != 1:
            return None
        name, entry_id = found[0]
        return _Model(entry_id, _PREFIX, "".join(name), True)

    def _first_kept(self, tokens: Tokens) -> int:
        noise = self._is_noise(tokens)
        return next((i for i, nothing in enumerate(noise) if not nothing), 0)

    def _kept(self, tokens: Tokens) -> Tokens:
        noise = self._is_noise(tokens)
        return tuple(token for token, nothing in zip(tokens, noise, strict=True) if not nothing)

    def _says_more(self, tokens: Tokens, model: _Model) -> bool:
        """Tell whether a model's name is but a word of a text: `Karl Ramm`, `alto contraste`.

        It is where fewer words beside it are known of cars than are not.
        """
        kept = self._kept(tokens)
        unknown = [
            token
            for token in kept
            if len(token) > 2
            and token.isalpha()
            and token not in model.name
            and token not in self._make_names.keys
        ]
        return len(unknown) > len(tokens) - len(kept)

    def _joined(self, names: Names, written: str) -> str | None:
        """Find a model with a trim joined to it: `CLIORT`."""
        if written in self._words.noise:  # not `CROSS` in `CROSSWAGON`
            return None
        # One letter more is a wrong letter, or another word: `FORMAT` is no Forma T.
        for end in range(len(written) - 2, 3, -1):
            if written[:end] in names.keys and written[end:] in self._words.noise:
                return written[:end]
        return None

    def _near(self, names: Names, tokens: Tokens, least: float) -> _Model | None:
        kept = self._kept(tokens)
        best: tuple[float, _Model] | None = None
        for start, _, written in _windows(kept, starts=3, longest=3):
            if _letters(written) < 4:
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

    def _slip(self, names: Names, tokens: Tokens) -> _Model | None:
        """Find the only name with a letter more, less or swapped: `UNNO`, `ZEO`, `T ROCK`."""
        written = "".join(tokens)
        if len(written) < 3:
            return None
        one_wrong = 0.99 - 1 / len(written)
        near = {
            names.keys[name]: (name, score)
            for name, score in names.near(written, least=one_wrong, limit=4)
            if len(name) > 2
            and name[0] == written[0]
            and (abs(len(name) - len(written)) == 1 or sorted(name) == sorted(written))
        }
        if len(near) != 1:
            return None
        ((entry_id, (name, score)),) = near.items()
        return _Model(entry_id, score, name, True)

    def _cut_short(self, names: Names, tokens: Tokens) -> _Model | None:
        written = next(iter(self._kept(tokens)), "")
        if len(written) < 3 or not written.isalpha():
            return None
        begins = names.starting(written, most=_MOST_LONGER)
        name = min(begins, key=len, default="")
        if not name or len(written) < 0.4 * len(name):
            return None
        entry_id = names.keys[name]
        if not all(other.startswith(name) or names.keys[other] == entry_id for other in begins):
            return None
        return _Model(entry_id, _PREFIX, name, True)

    def _tell(self, read: _Read, tokens: Tokens) -> tuple[_Make, _Model] | None:
        """Find the model that names its own make, in either field.

        Only a name that is written right does: near ones are mostly other words.
        """
        for text, other in ((tokens, read.tokens), (read.tokens, tokens)):
            model = self._exact(self._telling, text)
            if model is None:
                continue
            alone = self._is_all(model.name, text)
            # One of few letters is a name only by itself, and when no word: RAV4, CR-V, not UNO.
            if _letters(model.name) < 4 and (not alone or self._kept(other) or _is_plain(text)):
                continue
            make = self._make_of[model.id]
            likeness = OSA.normalized_similarity("".join(other), self._make_keys[make])
            if not self._kept(other):
                told = not self._says_more(text, model)
            elif read.sure:
                # Against another make, only a name alone counts.
                told = text is tokens and alone
            else:
                told = likeness >= _LEAST_MAKE_WITH_MODEL
            if told:
                return _Make(make, likeness if other else model.score), model
        return None

    def _is_all(self, name: str, tokens: Tokens) -> bool:
        """Tell whether a text is a name, perhaps with its generation: `MEGANE 2`."""
        kept = self._kept(tokens)
        if "".join(kept[:-1]) == name:
            return kept[-1].isdigit() and len(kept[-1]) == 1
        return name in ("".join(kept), "".join(tokens))


def _both(make: _Make | None, model: _Model | None) -> float:
    score_make, score_model = make.score if make else 0.0, model.score if model else 0.0
    return (1 - _MODEL_SHARE) * score_make + _MODEL_SHARE * score_model


def _letters(name: str) -> int:
    return sum(map(str.isalpha, name))


def _is_plain(tokens: Tokens) -> bool:
    return len(tokens) == 1 and tokens[0].isalpha()


def _windows(
    tokens: Tokens, *, starts: int = 8, longest: int = 16, letters: int = MAX_CHARS
) -> Iterator[tuple[int, int, str]]:
    """Give the runs of words, each with its start, its end and its text without spaces.

    Of what is longer than `letters`, only the first word is given.
    """
    for start in range(min(len(tokens), starts)):
        written = ""
        for end, token in enumerate(tokens[start : start + longest], start + 1):
            written += token
            if len(written) > letters and end > start + 1:
                break
            yield start, end, written


def _series_forms(tokens: Tokens, words: Words) -> list[str]:
    """Give the other orders of a series' name: `3SERIES` is `SERIES3`, too."""
    translated = words.translate(tokens)
    rest = [token for token in translated if token not in words.series]
    if len(rest) == len(translated):
        # `PICASSO C3`, too
        two = len(translated) == 2 and min(map(len, translated)) > 1
        return ["".join(order) for order in (translated, translated[::-1])[: 1 + two]]
    named = next(token for token in translated if token in words.series)
    joined = "".join(rest)
    return [joined + named, named + joined, joined] if joined else []


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
