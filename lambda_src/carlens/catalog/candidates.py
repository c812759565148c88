"""Where a text has the name of a make, or of a model of one make.

A make written right is found anywhere in its text, a near one only at the head: people write it
first, and most words further on resemble some make.
Of a model's text, the first run of words that is a model's name, once spaces are left out, is
the one meant, and the longest of those that begin there: `C4 PICASSO 1.6 HDI` has `C4` and
`C4PICASSO`. Only when no run is a name are others looked for: abbreviated, near, cut short.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from carlens.catalog.fuzzy_index import Names, letters
from carlens.catalog.index import Reference
from carlens.catalog.normalize import MAX_CHARS, Tokens, Words, strip_make, tokenize

# 0..1; see matching.py for how these were set.
LEAST_NEAR_MAKE = 0.5  # to be found; whether it is meant, its model says
_LEAST_MAKE_WORDS = 0.8  # for words joined, which resemble more
_LEAST_MODEL = 0.7
_LEAST_LONGER = 0.85  # for a near name to be meant and not the shorter one in it
_LEAST_BEFORE = 0.83  # for a near name to be meant and not the one after it
_LEAST_OTHER = 0.3  # for an alternative
_LOOKS_LIKE = 0.95  # for a name with letters like its digits, or a trim joined to it
_PREFIX = 0.9  # for a name cut short, or one that sounds the same
_CUT_MAKE = 0.8  # for a make cut short, which only its model confirms

_YEAR = re.compile(r"19[5-9]\d|20[0-3]\d")


@dataclass(frozen=True, slots=True)
class FoundMake:
    """A make that a text may mean.

    Attributes
    ----------
    id : int
        Of the reference's makes.
    score : float
        0..1.
    rest : tuple of str
        The text without it.
    """

    id: int
    score: float
    rest: Tokens = ()


@dataclass(frozen=True, slots=True)
class FoundModel:
    """An entry that a text means, if its make is meant.

    Attributes
    ----------
    id : int
        Of the reference's entries.
    score : float
        0..1.
    name : str
        By which it was found.
    first : bool
        Whether it is the first thing that the text says.
    """

    id: int
    score: float
    name: str
    first: bool

    @property
    def written_right(self) -> bool:
        """Tell whether it is its name, or looks like it."""
        return self.score >= _LOOKS_LIKE


@dataclass(frozen=True, slots=True)
class MakeText:
    """What a text says of a make.

    Attributes
    ----------
    tokens : tuple of str
        Its words.
    makes : tuple of FoundMake
        Those it may mean, best first.
    foreign : bool
        Whether it surely means a make that the table has not.
    """

    tokens: Tokens
    makes: tuple[FoundMake, ...]
    foreign: bool = False

    @property
    def sure(self) -> bool:
        """Tell whether a make is written right."""
        return bool(self.makes) and self.makes[0].score == 1.0


# --- makes ----------------------------------------------------------------------------------


def read_make(reference: Reference, text: str) -> MakeText:
    """Find the makes that a make's text may mean."""
    tokens = reference.words.translate(tokenize(text))
    if makes := _written_makes(reference, tokens):
        if reference.words.kept(makes[0].rest):  # `LNAD ROVER` is no Rover
            makes += _near_makes(reference, tokens)
        return MakeText(tokens, tuple(makes))
    if glued := _glued(reference, tokens):
        return MakeText(tokens, (glued,))
    foreign = reference.foreign
    if "".join(tokens) in foreign or any(len(t) > 2 and t in foreign for t in tokens):
        return MakeText(tokens, (), foreign=True)
    return MakeText(tokens, tuple(_near_makes(reference, tokens)))


def make_inside(reference: Reference, tokens: Tokens) -> FoundMake | None:
    """Find a make, written right, among the first words of a model's text."""
    makes = reference.make_names.keys
    for start in range(min(3, len(tokens))):
        for end in range(min(start + 4, len(tokens)), start, -1):
            written = "".join(tokens[start:end])
            least = 2 if start == 0 else 3  # `5DR` is no DR
            if len(written) >= least and written in makes and not written.isdigit():
                return FoundMake(makes[written], 1.0, tokens[:start] + tokens[end:])
    return None


def _written_makes(reference: Reference, tokens: Tokens) -> list[FoundMake]:
    """Find the makes written right that share no word, longest first: two in `Chrysler Jeep`."""
    names = reference.make_names
    runs = [
        (-len(written), start, end)
        for start, end, written in _runs(tokens, most=names.longest)
        if written in names.keys and (len(written) > 1 or len(tokens) == 1)
    ]
    found = []
    taken: set[int] = set()
    for _, start, end in sorted(runs):
        if taken.isdisjoint(range(start, end)):
            taken.update(range(start, end))
            make = names.keys["".join(tokens[start:end])]
            found.append(FoundMake(make, 1.0, tokens[:start] + tokens[end:]))
    return found


def _glued(reference: Reference, tokens: Tokens) -> FoundMake | None:
    """Find a make and its model in one word: `OPELCORSA`, `VOLVOS60`."""
    first, rest = (tokens[0], tokens[1:]) if tokens else ("", ())
    for end in range(len(first) - 1, 1, -1):
        make = reference.make_names.keys.get(first[:end])
        if make is not None:
            model = first[end:]
            names = reference.makes[make].models.keys
            # A letter is a model of many a make: `MERT` is no Mercedes T.
            if any(len(m) > 1 and m in names for m in (model, model + "".join(rest[:1]))):
                return FoundMake(make, 1.0, (model, *rest))
    return None


def _near_makes(reference: Reference, tokens: Tokens) -> list[FoundMake]:
    words, names = reference.words, reference.make_names
    start = _first_kept(tokens, words)
    found: dict[int, FoundMake] = {}
    for end in range(start + 1, min(len(tokens), start + 3) + 1):
        written = "".join(tokens[start:end])
        if len(written) < 3 or written in words.noise:
            continue
        least = LEAST_NEAR_MAKE if end == start + 1 else _LEAST_MAKE_WORDS
        rest = tokens[:start] + tokens[end:]
        for name, score in _near_make_names(names, written, least):
            known = found.get(names.keys[name])
            if known is None or score > known.score:
                found[names.keys[name]] = FoundMake(names.keys[name], score, rest)
    return sorted(found.values(), key=lambda make: -make.score)[:4]


def _near_make_names(names: Names, written: str, least: float) -> list[tuple[str, float]]:
    near = names.near(written, least=least, limit=4)
    if looks := names.looking(written):
        near.append((looks, _LOOKS_LIKE))
    if sounds := names.sounding(written):
        # A short one sounds like many a word: `link` is no Lynk.
        near.append((sounds, _PREFIX if len(sounds) > 4 else _CUT_MAKE))
    begins = names.starting(written) if len(written) >= 4 else []
    if len({names.keys[name] for name in begins}) == 1:
        near.append((begins[0], _CUT_MAKE))
    # Three letters with one wrong are another word.
    return [(name, 0.7 * score if len(name) < 4 and score < 1 else score) for name, score in near]


# --- models ---------------------------------------------------------------------------------


def model_of(reference: Reference, make: FoundMake, tokens: Tokens) -> FoundModel | None:
    """Find a make's model in a model's text, and in what the make's text has beside the make."""
    return (
        find_model(reference, make.id, tokens)
        or (find_model(reference, make.id, make.rest + tokens) if make.rest else None)
        or (_slip(reference.makes[make.id].models, tokens) if make.score == 1.0 else None)
    )


def find_model(reference: Reference, make_id: int, tokens: Tokens) -> FoundModel | None:
    """Find a make's model in a text."""
    words, make = reference.words, reference.makes[make_id]
    if exact := exact_model(make.models, tokens, words):
        return _extended(reference, tokens, _better(reference, make_id, tokens, exact))
    stripped = strip_make(tokens, {make.key}, words)
    if stripped != tokens:
        return find_model(reference, make_id, stripped)
    return (
        _abbreviated(reference, make_id, tokens, any_cut=True)
        or _near(make.models, tokens, words, _LEAST_MODEL)
        or _cut_short(make.models, tokens, words)
    )


def exact_model(names: Names, tokens: Tokens, words: Words) -> FoundModel | None:
    """Find the name that a text has as it is written, or that looks like it.

    Of several, it is one that says something, then one that is no letter, the first, the longest.
    """
    says = words.says(tokens)
    head = _head(names, tokens, says)
    begins_with_name = False
    best: tuple[tuple[bool, bool, int, int], FoundModel] | None = None
    for start, end, written in _runs(tokens, most=names.longest):
        name = written if written in names.keys else None
        if not name and not best and start in (0, head):
            name = names.looking(written)
        if not name and end == start + 1:
            name = _without_trim(names, written, words)
        if not name:
            continue
        # Late in the text a number or a letter or two is no name: 206 1.4 HDI 90.
        if start > head and (len(name) <= 2 or name[0].isdigit()):
            continue
        something, number = any(says[start:end]), name.isdigit()
        if number and (not something or (begins_with_name and start)):
            continue
        # `C3 5 PORTES` is no C35.
        counts = not says[end - 1] and tokens[end - 1].isdigit()
        if counts and "".join(tokens[start : end - 1]) in names.keys:
            continue
        # A trim of others may be a model: `GL 350` is no 350.
        begins_with_name |= start == 0 and len(name) > 1 and not number
        rank = (something, len(name) > 1 or number, -start, len(name))
        if best is None or rank > best[0]:
            score = 1.0 if name == written else _LOOKS_LIKE
            best = (rank, FoundModel(names.keys[name], score, name, start <= head))
    return best[1] if best else None


def similar_models(
    reference: Reference, make: FoundMake, tokens: Tokens, count: int
) -> Iterator[tuple[int, float]]:
    """Give entries of a make that a text resembles, however little, each perhaps repeatedly."""
    names = reference.makes[make.id].models
    for _, _, written in _runs(tokens or make.rest, starts=2, longest=3):
        for name, score in names.near(written, least=_LEAST_OTHER, limit=count):
            yield names.keys[name], score


def _head(names: Names, tokens: Tokens, says: list[bool]) -> int:
    """Give where a name may begin at the latest, to be the first thing said."""
    for index, (token, something) in enumerate(zip(tokens, says, strict=True)):
        if something and (token in names.keys or not _YEAR.fullmatch(token)):
            return index
    return len(tokens)


def _without_trim(names: Names, written: str, words: Words) -> str | None:
    """Find a model with a trim joined to it: `CLIORT`."""
    if written in words.noise:  # not `CROSS` in `CROSSWAGON`
        return None
    # One letter more is a wrong letter, or another word: `FORMAT` is no Forma T.
    for end in range(len(written) - 2, 3, -1):
        if written[:end] in names.keys and written[end:] in words.noise:
            return written[:end]
    return None


def _better(reference: Reference, make_id: int, tokens: Tokens, exact: FoundModel) -> FoundModel:
    """Prefer a longer near name (`XSARA PICASO`), or one before (`KANGOU EXPRESS`)."""
    words, names = reference.words, reference.makes[make_id].models
    short = _abbreviated(reference, make_id, tokens, any_cut=False)
    if short and len(short.name) > len(exact.name):
        return short
    kept = tuple(token for token in words.kept(tokens) if token not in words.series)
    if len(kept) < 2 or not any(
        token.isalpha() and len(token) > 3 and token not in exact.name for token in kept
    ):
        return exact
    near = _near(names, kept, words, _LEAST_LONGER)
    if near and near.id != exact.id and exact.name in near.name:
        return near
    if exact.first or kept[0] in names.keys:
        return exact
    return _near(names, kept[:1], words, _LEAST_BEFORE) or exact


def _extended(reference: Reference, tokens: Tokens, model: FoundModel) -> FoundModel:
    """Prefer the model that a word further on makes of it: `320D GRAN TURISMO`."""
    longer = reference.longer.get(model.id)
    if longer is None:
        return model
    words = (written for _, _, written in _runs(tokens, longest=3) if written in longer)
    word = max(words, key=len, default="")
    return replace(model, id=longer[word]) if word else model


def _abbreviated(
    reference: Reference, make_id: int, tokens: Tokens, *, any_cut: bool
) -> FoundModel | None:
    """Find the only name whose words begin with these: `L. CRUISER`, `GRAND C4 PIC`.

    Unless `any_cut`, trims and single letters are taken for themselves: `GOLF SPORT`.
    """
    words = reference.words

    def begins(word: str, token: str) -> bool:
        cut = any_cut or (len(token) > 2 and token not in words.noise)
        return word == token or (cut and token.isalpha() and word.startswith(token))

    found = [
        (name, entry_id)
        for text in {tokens, tokens[_first_kept(tokens, words) :]}
        if len(text) > 1
        for name, entry_id in reference.worded.get((make_id, text[0][0], text[1][0]), ())
        if len(name) <= len(text) and name != text[: len(name)] and all(map(begins, name, text))
    ]
    if len(found) != 1:
        return None
    ((name, entry_id),) = found
    return FoundModel(entry_id, _PREFIX, "".join(name), first=True)


def _near(names: Names, tokens: Tokens, words: Words, least: float) -> FoundModel | None:
    best: tuple[float, FoundModel] | None = None
    for start, _, written in _runs(words.kept(tokens), starts=3, longest=3):
        if letters(written) < 4:
            continue
        found = names.near(written, least=least)
        if sounds := names.sounding(written):
            found.append((sounds, _PREFIX))
        for name, score in found:
            if len(name) < 4:
                continue
            rank = score + 0.02 * len(name) - 0.05 * start
            if best is None or rank > best[0]:
                best = (rank, FoundModel(names.keys[name], score, name, start == 0))
    return best[1] if best else None


def _cut_short(names: Names, tokens: Tokens, words: Words) -> FoundModel | None:
    name = names.cut_short("".join(words.kept(tokens)[:1]))
    return FoundModel(names.keys[name], _PREFIX, name, first=True) if name else None


def _slip(names: Names, tokens: Tokens) -> FoundModel | None:
    slip = names.slip("".join(tokens))
    return FoundModel(names.keys[slip[0]], slip[1], slip[0], first=True) if slip else None


# --- both -----------------------------------------------------------------------------------


def _first_kept(tokens: Tokens, words: Words) -> int:
    return next((index for index, says in enumerate(words.says(tokens)) if says), 0)


def _runs(
    tokens: Tokens, *, starts: int = 8, longest: int = 16, most: int = MAX_CHARS
) -> Iterator[tuple[int, int, str]]:
    """Give the runs of words, each with its start, its end and its text without spaces.

    Of what is longer than `most` characters, only the first word is given.
    """
    for start in range(min(len(tokens), starts)):
        written = ""
        for end, token in enumerate(tokens[start : start + longest], start + 1):
            written += token
            if len(written) > most and end > start + 1:
                break
            yield start, end, written
