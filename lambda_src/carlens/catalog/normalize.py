"""Turn the text of a make or model into tokens that can be compared."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

Tokens = tuple[str, ...]

# No make or model is longer than this; the rest of a cell is ignored.
MAX_CHARS = 200
# The token of a plus after a name.
PLUS = "+"
_MAX_TOKENS = 16

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
)
# Greek, Cyrillic, and all letters after them.
_FOREIGN = re.compile(r"[\u0370-\u1dff\u2c00-\uabff\uac00-\ud7ff]")
# A letter followed by a number is one token: an S204 is neither an S nor a 204.
_TOKEN = re.compile(r"(?<![^\W_])[^\W\d_]\d+|\d+|[^\W\d_]+|\+")
# No car has a 9-liter engine, but Saab has a 9.3.
_LITERS = re.compile(r"(?<![\w.,])[0-8][.,]\d{1,2}(?!\d)")
_DIGIT = re.compile(r"\d")
# The plus in `206+` and `Qashqai +2`, but not in `Clio + GPS`.
_PLUS = re.compile(r"(?<=\w)(?:\+(?![^\W\d_])|\s\+(?=\s?\d|\s*$))")
_TIRE = re.compile(r"\b\d{3}/\d\d\b(?:\s?Z?R\s?\d\d\b)?")
_THOUSANDS = re.compile(r"(?<=\d)[ .,'](?=000\b)")
_LETTER_O_IN_NUMBER = re.compile(r"\b(?=[O\d]*\d)[O\d]{2,}\b|(?<=\d)O+(?=\d|D?\b)")
_DIGIT_IN_WORD = re.compile(r"(?<=[A-Z])[01](?=[A-Z])|\b0(?=[A-Z]{3})|(?<=[A-Z]{3})0\b")


def fold(text: str) -> str:
    """Return `text` in Latin capitals and without accents."""
    text = text[:MAX_CHARS]
    if text.isascii():
        return text.upper()
    if "Ã" in text:
        text = _decode_again(text)
    decomposed = unicodedata.normalize("NFKD", text.upper().translate(_LETTERS))
    folded = "".join(c for c in decomposed if not unicodedata.combining(c)).upper()
    if _FOREIGN.search(folded):
        from carlens.catalog.scripts import to_latin  # few texts need it

        return to_latin(folded)[: 2 * MAX_CHARS]
    return folded


def _decode_again(text: str) -> str:
    """Return UTF-8 that was read as Windows-1252, `MÃ©gane`, as it was written."""
    try:
        return text.encode("cp1252").decode("utf-8")
    except UnicodeError:
        return text


def tokenize(text: str) -> Tokens:
    """Split `text` into words, numbers, and single letters with their number.

    Engine sizes (`1.9`) are dropped unless the text holds nothing else (DR has a `3.0`). Tire
    sizes, punctuation and control characters are dropped too. A letter O in a number becomes a
    zero (`2O6`), and a 0 or 1 in a word becomes an O or I (`P0LO`, `T1GUAN`). A `+` after a name is
    a token of its own (`206+`).
    """
    folded = fold(text)
    if "+" in folded:
        folded = _PLUS.sub("\0", folded).replace("+", " ").replace("\0", " + ")
    if _DIGIT.search(folded):
        if "/" in folded:
            folded = _TIRE.sub(" ", folded)
        if "000" in folded:
            folded = _THOUSANDS.sub("", folded)
        if "." in folded or "," in folded:
            if alone := _LITERS.fullmatch(folded.strip()):
                return (alone[0].replace(",", "."),)
            folded = _LITERS.sub(" ", folded)
        if "O" in folded:
            folded = _LETTER_O_IN_NUMBER.sub(lambda found: found[0].replace("O", "0"), folded)
        folded = _DIGIT_IN_WORD.sub(lambda found: "O" if found[0] == "0" else "I", folded)
    return tuple(_TOKEN.findall(folded)[:_MAX_TOKENS])


def key(text: str) -> str:
    """Return the form under which equal names compare equal: `Mercedes-Benz` is `MERCEDESBENZ`."""
    return "".join(tokenize(text))


def spans(
    tokens: Tokens, *, max_starts: int = 8, max_tokens: int = 16, max_chars: int = MAX_CHARS
) -> Iterator[tuple[int, int, str]]:
    """Yield the spans of adjacent tokens as (start, end, text without spaces).

    A span of more than `max_chars` characters is yielded only if it is a single token.
    """
    for start in range(min(len(tokens), max_starts)):
        text = ""
        for end, token in enumerate(tokens[start : start + max_tokens], start + 1):
            text += token
            if len(text) > max_chars and end > start + 1:
                break
            yield start, end, text
