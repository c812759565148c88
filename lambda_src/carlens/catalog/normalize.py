"""A written make or model -> tokens that can be compared."""

from __future__ import annotations

import csv
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property, lru_cache
from itertools import compress, pairwise
from pathlib import Path

Tokens = tuple[str, ...]

# What a person writes of a car is never longer; the rest of a cell is not read.
MAX_CHARS = 200
_MAX_TOKENS = 16

WORDS = Path(__file__).resolve().parent / "data" / "words"

# Letters that Unicode does not decompose.
_LETTERS = str.maketrans(
    {
        "ß": "SS",
        "ẞ": "SS",
        "Ø": "O",
        "Æ": "AE",
        "Œ": "OE",
        "Đ": "D",
        "Ł": "L",
        "\u0131": "I",
        "Þ": "TH",
    }
    # Cyrillic and Greek ones that cannot be told from Latin ones.
    | dict(zip("АВЕЅКМНОРСТУХІЈ", "ABESKMHOPCTYXIJ", strict=True))  # noqa: RUF001
    | dict(zip("ΑΒΕΖΗΙΚΜΝΟΡΤΥΧ", "ABEZHIKMNOPTYX", strict=True))  # noqa: RUF001
)
# A letter and its number are one word: an S204 is neither an S nor a 204.
_TOKEN = re.compile(r"(?<![^\W_])[^\W\d_]\d+|\d+|[^\W\d_]+")
# No car has an engine of 9 liters, but Saab has a 9.3.
_LITERS = re.compile(r"(?<![\w.,])[0-8][.,]\d{1,2}(?!\d)")
_DIGIT = re.compile(r"\d")
_PLUS = re.compile(r"(?<=\w)\s?\+")
_TYRE = re.compile(r"\b\d{3}/\d\d\b(?:\s?Z?R\s?\d\d\b)?")
_THOUSANDS = re.compile(r"(?<=\d)[ .,'](?=000\b)")
_OF_ZEROS = re.compile(r"\b(?=[O\d]*\d)[O\d]{2,}\b|(?<=\d)O+(?=\d|D?\b)")
_OF_LETTERS = re.compile(r"(?<=[A-Z])[01](?=[A-Z])|\b0(?=[A-Z]{3})|(?<=[A-Z]{3})0\b")


@dataclass(frozen=True)
class Words:
    """What the files in `words/` say.

    Attributes
    ----------
    noise : frozenset of str
        Words that say nothing of the model: trims, engines, bodies, units, `inconnu`.
    bodies : frozenset of str
        Those that say what body a model has: `SUV`.
    units : frozenset of str
        Those whose number, just before them, says nothing either: `5 PORTES`.
    everyday : frozenset of str
        Makes that are also words of other things: `mini`, `seat`.
    phrases : Mapping
        Those of more than one token, longest first, by their first: `A VENDRE`, `4X4`.
    series : frozenset of str
        Words of a series' name, `SERIES` and `CLASS`.
    means : Mapping
        Another word for the same: `REIHE` is `SERIES`, `III` is `3`, `GRD` is `GRAND`.
    makes : Mapping
        Make by its other names; both as `key` gives them.
    called : Mapping
        A make's usual name in capitals, by its key.
    models : tuple
        (make, written, model): other names of a model of a make.
    """

    noise: frozenset[str] = frozenset()
    bodies: frozenset[str] = frozenset()
    units: frozenset[str] = frozenset()
    everyday: frozenset[str] = frozenset()
    phrases: Mapping[str, tuple[Tokens, ...]] = field(default_factory=dict)
    series: frozenset[str] = frozenset()
    means: Mapping[str, str] = field(default_factory=dict)
    makes: Mapping[str, str] = field(default_factory=dict)
    called: Mapping[str, str] = field(default_factory=dict)
    models: tuple[tuple[str, str, str], ...] = ()

    @cached_property
    def says(self) -> Callable[[Tokens], list[bool]]:
        """Tell for each token whether it says something of the model."""
        # Every step of a match asks this of the same few texts.
        return lru_cache(4096)(self._says)

    def kept(self, tokens: Tokens) -> Tokens:
        """Give the tokens that say something of the model."""
        return tuple(compress(tokens, self.says(tokens)))

    def _says(self, tokens: Tokens) -> list[bool]:
        return [
            token not in self.noise and not (token.isdigit() and self._counts(token, after))
            for token, after in pairwise((*tokens, ""))
        ]

    def _counts(self, number: str, unit: str) -> bool:
        # A letter counts doors or valves, never hundreds: 5 P, but 320 D.
        return unit in self.units and (len(unit) > 1 or len(number) == 1)

    def translate(self, tokens: Tokens) -> Tokens:
        """Give series words, numerals and the like their one form, and make phrases one word."""
        if not self.phrases.keys().isdisjoint(tokens):
            tokens = tuple(self._join_phrases(tokens))
        return tuple(self.means.get(token, token) for token in tokens)

    def _join_phrases(self, tokens: Tokens) -> Iterator[str]:
        start = 0
        while start < len(tokens):
            phrases = self.phrases.get(tokens[start], ())
            lengths = (len(phrase) for phrase in phrases if tokens[start:][: len(phrase)] == phrase)
            end = start + next(lengths, 1)
            yield "".join(tokens[start:end])
            start = end


@cache
def read_words(folder: Path = WORDS) -> Words:
    """Read `words.csv`, `makes.csv` and `models.csv`.

    Raises
    ------
    ValueError
        A row has a kind that is not known; the message names it.
    """
    noise, bodies, units, everyday, series, means = set(), set(), set(), set(), set(), {}
    phrases: dict[str, list[Tokens]] = {}
    for word, kind, meaning in _rows(folder / "words.csv"):
        tokens = tokenize(word)
        written = "".join(tokens)
        if kind in ("series", "numeral", "short"):
            means[written] = meaning
            if kind == "series":
                series.add(meaning)
        elif kind == "everyday":
            everyday.add(written)
        elif kind in ("trim", "engine", "body", "unit", "nothing"):
            noise.add(written)
            if kind == "unit":
                units.add(written)
            if kind == "body":
                bodies.add(written)
            if len(tokens) > 1:
                phrases.setdefault(tokens[0], []).append(tokens)
        else:
            raise ValueError(f"words.csv: {word}: kind is {kind!r}")
    makes = _rows(folder / "makes.csv")
    return Words(
        frozenset(noise),
        frozenset(bodies),
        frozenset(units),
        frozenset(everyday),
        {first: tuple(sorted(rest, key=len, reverse=True)) for first, rest in phrases.items()},
        frozenset(series),
        means,
        {key(name): key(make) for name, make in makes},
        {key(make): fold(make) for _, make in makes},
        tuple(
            (make, written, model)
            for make, forms, model in _rows(folder / "models.csv")
            for written in forms.split("|")
        ),
    )


def fold(text: str) -> str:
    """Give `text` in capitals without accents."""
    text = text[:MAX_CHARS].upper()
    if text.isascii():
        return text
    decomposed = unicodedata.normalize("NFKD", text.translate(_LETTERS))
    return "".join(c for c in decomposed if not unicodedata.combining(c)).upper()


def tokenize(text: str) -> Tokens:
    """Cut `text` into words, numbers, and letters with their number.

    Sizes of engines (`1.9`) go, unless there is nothing else (DR has a `3.0`), as do those of
    tyres, punctuation and control characters; a letter O among digits is a zero (`2O6`), a 0 or
    1 among letters is an O or I (`P0LO`, `CL1O`), and `+` after a name is a word of it (`206+`).
    """
    folded = fold(text)
    if "+" in folded:
        folded = _PLUS.sub(" PLUS ", folded)
    if _DIGIT.search(folded):
        if "/" in folded:
            folded = _TYRE.sub(" ", folded)
        if "000" in folded:
            folded = _THOUSANDS.sub("", folded)
        if "." in folded or "," in folded:
            if alone := _LITERS.fullmatch(folded.strip()):
                return (alone[0].replace(",", "."),)
            folded = _LITERS.sub(" ", folded)
        if "O" in folded:
            folded = _OF_ZEROS.sub(lambda found: found[0].replace("O", "0"), folded)
        folded = _OF_LETTERS.sub(lambda found: "O" if found[0] == "0" else "I", folded)
    return tuple(_TOKEN.findall(folded)[:_MAX_TOKENS])


def key(text: str) -> str:
    """Give the form by which names are the same name: `Mercedes-Benz` is `MERCEDESBENZ`."""
    return "".join(tokenize(text))


def clean(make: str, model: str, words: Words) -> tuple[str, str]:
    """Give the make by its usual name and the model without what says nothing of it.

    Returns
    -------
    tuple of str
        `("RENAULT", "CLIO")` for `renault` and `Renault clio5portes turbo`.
    """
    written = key(make)
    make_key = words.makes.get(written, written)
    tokens = words.translate(strip_make(tokenize(model), {make_key, written}, words))
    made = words.called.get(make_key) or " ".join(tokenize(make))
    return made, " ".join(words.kept(tokens) or tokens)


def strip_make(tokens: Tokens, makes: set[str], words: Words) -> Tokens:
    """Drop a make's name, repeated at the head of its model's, unless nothing is left."""
    for end in range(min(4, len(tokens) - 1), 0, -1):
        written = "".join(tokens[:end])
        if written in makes or words.makes.get(written) in makes:
            return tokens[end:]
    return tokens


def _rows(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8", newline="") as file:
        rows = csv.reader(file)
        next(rows)
        return [row for row in rows if row]
