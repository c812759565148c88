"""Undo the endings of Slavic cases: `Octavii` and `Forda` are an Octavia and a Ford."""

from __future__ import annotations

from collections.abc import Container, Iterator

from carlens.catalog.normalize import Tokens

# Polish and Czech endings without accents, and what the name has in place of them.
_ENDINGS = {
    "DZIE": ("DA", "D"),
    "CIE": ("T", "TA"),
    "RZE": ("RA", "R"),
    "IEM": ("", "IA"),
    "OWI": ("",),
    "OVI": ("",),
    "EM": ("", "O"),
    "OU": ("A",),
    "IE": ("IA", "A", ""),
    "II": ("IA",),
    "A": ("", "O"),
    "E": ("A", ""),
    "I": ("A", "IA", ""),
    "U": ("A", "", "O"),
    "Y": ("A", ""),
}
_MIN_NAME = 4  # letters


def undecline(tokens: Tokens, names: Container[str], words: Container[str]) -> Tokens:
    """Replace declined names by their basic form.

    Parameters
    ----------
    tokens : tuple of str
    names : container of str
        The names that may be declined.
    words : container of str
        Words that are left as they are.
    """
    return tuple(
        [
            token
            if len(token) < _MIN_NAME or token in words or not token.isalpha()
            else next(filter(names.__contains__, _basic_forms(token)), token)
            for token in tokens
        ]
    )


def _basic_forms(word: str) -> Iterator[str]:
    for length in (4, 3, 2, 1):
        stem = word[:-length]
        if len(stem) >= _MIN_NAME - 1:
            for new in _ENDINGS.get(word[-length:], ()):
                if len(stem) + len(new) >= _MIN_NAME:
                    yield stem + new
