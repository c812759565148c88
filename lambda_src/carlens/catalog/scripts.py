"""Write names in Latin letters: Cyrillic, Greek, Arabic, Chinese and other scripts.

Makes and the best-known models are replaced by their Latin names, which `data/words/scripts.csv`
lists; other words are transliterated. Only a text with such letters pays for this module.
"""

from __future__ import annotations

import csv
import re
import unicodedata
from functools import cache, lru_cache
from pathlib import Path

from anyascii import anyascii

TABLE = Path(__file__).resolve().parent / "data" / "words" / "scripts.csv"

# Letters that look like Latin ones, with which a `BMW` may be written.
_CYRILLIC = dict(zip("АВЕЅКМНОРСТУХІЈ", "ABESKMHOPCTYXIJ", strict=True))  # noqa: RUF001
_GREEK = dict(zip("ΑΒΕΖΗΙΚΜΝΟΡΤΥΧ", "ABEZHIKMNOPTYX", strict=True))  # noqa: RUF001
_LOOKALIKES = str.maketrans(_CYRILLIC | _GREEK)
_ONLY_LOOKALIKES = re.compile(f"[{''.join(_CYRILLIC)}]{{1,3}}|[{''.join(_GREEK)}]{{1,3}}")
_LETTERS = re.compile(r"[^\W\d_]+")
_IDEOGRAPHS = re.compile(r"[\u3040-\u9fff]")


def to_latin(text: str) -> str:
    """Return a text in capitals of any script in Latin capitals.

    A word of Latin and similar letters, or a code of up to three similar letters, is
    read as Latin letters.
    """
    for pattern in _patterns():
        text = pattern.sub(lambda found: f" {_names()[found[0]]} ", text)
    text = _LETTERS.sub(lambda found: _read_lookalikes(found[0]), text)
    return text if text.isascii() else anyascii(text).replace("'", "").upper()


def _read_lookalikes(word: str) -> str:
    has_latin = any(letter.isascii() for letter in word)
    if has_latin or _ONLY_LOOKALIKES.fullmatch(word):
        return word.translate(_LOOKALIKES)
    return word


@cache
def _names() -> dict[str, str]:
    with TABLE.open(encoding="utf-8", newline="") as file:
        return {
            fold_marks(written): fold_marks(row["name"])
            for row in csv.DictReader(file)
            for written in row["written"].split("|")
        }


@cache
def _patterns() -> tuple[re.Pattern[str], ...]:
    """Return a pattern for names in words, and one for Chinese names, which have no spaces."""
    longest_first = sorted(_names(), key=len, reverse=True)
    chinese = [name for name in longest_first if _IDEOGRAPHS.search(name)]
    words = [name for name in longest_first if not _IDEOGRAPHS.search(name)]
    return (
        re.compile(rf"(?<![^\W_])(?:{'|'.join(map(re.escape, words))})(?![^\W\d_])"),
        re.compile("|".join(map(re.escape, chinese))),
    )


@lru_cache(4096)
def fold_marks(text: str) -> str:
    """Return a text in capitals without accents and vowel signs."""
    decomposed = unicodedata.normalize("NFKD", text.upper())
    return "".join(c for c in decomposed if not unicodedata.combining(c)).upper()
