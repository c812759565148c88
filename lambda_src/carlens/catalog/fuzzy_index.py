"""Look up names exactly, by similarity, by sound, by look or by prefix."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property, lru_cache

from rapidfuzz import process
from rapidfuzz.distance import OSA

from carlens.catalog.normalize import Tokens

# 0..1: how sure a match is that `same_look`, `same_sound` or `completion` found.
LOOKALIKE_SCORE = 0.95
SOUNDALIKE_SCORE = 0.9
TRUNCATED_SCORE = 0.9

# Among more names than this, only those that share letter pairs are compared.
_MAX_COMPARED = 2000
# Pairs that occur in more names than this are skipped: they discriminate little and cost the most.
_COMMON_PAIR = 400
MAX_EXTENSIONS = 64
MAX_LOOKALIKE = 8  # characters
# How much more similar a name with two typos must be than any other.
_MIN_LEAD = 0.12

_LOOKS = str.maketrans("OILSBZ", "011582")
# Letters that sound like others.
SOUNDS = str.maketrans("YKQW", "ICCV")
_REPEATED = re.compile(r"([A-Z])\1+")


class FuzzyIndex:
    """An index of names.

    Similarity is one minus the normalized optimal string alignment distance [1]_, which counts
    missing, added, wrong and swapped letters. Names with different digits or plus signs never
    match: a 206 is not a 207 or a 206+.

    Parameters
    ----------
    ids : Mapping
        The id of what each name stands for, by name; names are keys as `normalize.key` returns.

    References
    ----------
    .. [1] L. Boytsov, "Indexing methods for approximate dictionary searching: comparative
       analysis", ACM Journal of Experimental Algorithmics 16, 2011.
    """

    def __init__(self, ids: Mapping[str, int]) -> None:
        self.ids = ids
        self.max_length = max(map(len, ids), default=0)
        self._by_digits: dict[str, list[str]] = {}
        for name in ids:
            self._by_digits.setdefault(digits_of(name), []).append(name)
        self._pairs: dict[str, dict[str, list[int]]] = {}

    @cached_property
    def heads(self) -> frozenset[str]:
        """The first one, two and three characters of all names, to skip other words quickly."""
        return frozenset(name[:length] for name in self.ids for length in (1, 2, 3))

    def names_in(self, tokens: Tokens, *, max_starts: int = 8) -> Iterator[tuple[int, int, str]]:
        """Yield the spans of tokens that are names, as `normalize.spans` does."""
        heads, ids = self.heads, self.ids
        for start, token in enumerate(tokens[:max_starts]):
            if token[:3] in heads:
                text = ""
                for end, part in enumerate(tokens[start:], start + 1):
                    text += part
                    if text in ids:
                        yield start, end, text
                    if len(text) > self.max_length or text[:3] not in heads:
                        break

    def nearest(self, text: str, *, min_score: float, limit: int = 1) -> list[tuple[str, float]]:
        """Return the names most similar to `text` with their scores, best first.

        Parameters
        ----------
        min_score : float
            0..1; less similar names are left out.
        limit : int
            How many names to return at most.
        """
        if min_score * len(text) > self.max_length:
            return []
        names = self._by_digits.get(digits_of(text), [])
        if len(names) > _MAX_COMPARED:
            names = self._sharing_pairs(text)
        found = process.extract(
            text, names, scorer=OSA.normalized_similarity, score_cutoff=min_score, limit=limit
        )
        return [(name, score) for name, score, _ in found]

    def same_sound(self, text: str) -> str | None:
        """Return the name that sounds like `text`, if only one does: `OCTAVIA` for `OKTAVIA`."""
        return self._by_sound.get(_sound(text))

    def same_look(self, text: str) -> str | None:
        """Return the name that looks like `text`, if only one does: `XC60` for `XC6O`."""
        if text.isdigit() or not 2 <= len(text) <= MAX_LOOKALIKE:
            return None
        return self._by_look.get(text.translate(_LOOKS))

    def with_prefix(self, prefix: str, *, limit: int = 8) -> list[str]:
        """Return the first names, in alphabetical order, that begin with `prefix`."""
        first = bisect_left(self._sorted, prefix)
        last = min(first + limit, len(self._sorted))
        end = bisect_left(self._sorted, f"{prefix}\U0010ffff", first, last)
        return self._sorted[first:end]

    def single_typo(self, text: str) -> tuple[str, float] | None:
        """Return the name that differs by one added, missing or swapped letter, if only one does.

        `UNO` for `UNNO`, `ZOE` for `ZEO`. A wrong letter makes another word, not a typo.
        """
        if len(text) < 3:
            return None
        one_edit = 0.99 - 1 / len(text)
        found = {
            self.ids[name]: (name, score)
            for name, score in self.nearest(text, min_score=one_edit, limit=4)
            if len(name) > 2
            and name[0] == text[0]
            and (sorted(name) == sorted(text) or _has_extra_letter(name, text))
        }
        return next(iter(found.values())) if len(found) == 1 else None

    def double_typo(self, text: str) -> tuple[str, float] | None:
        """Return the name with two typos that starts alike, if no other is nearly as similar."""
        if len(text) < 6 or not text.isalpha():
            return None
        best, *others = self.nearest(text, min_score=0.5, limit=4) or [("", 0.0)]
        name, score = best
        is_clear = all(
            score - other > _MIN_LEAD or self.ids[rival] == self.ids[name]
            for rival, other in others
        )
        is_near = name[:1] == text[0] and len(name) > 4 and OSA.distance(name, text) <= 2
        return best if is_near and is_clear else None

    def completion(self, text: str) -> str | None:
        """Return the name that `text` abbreviates by its beginning, if only one fits: `OCT`."""
        if len(text) < 3 or not text.isalpha():
            return None
        names = self.with_prefix(text, limit=MAX_EXTENSIONS)
        shortest = min(names, key=len, default="")
        if not shortest or len(text) < 0.4 * len(shortest):
            return None
        id_ = self.ids[shortest]
        unique = all(name.startswith(shortest) or self.ids[name] == id_ for name in names)
        return shortest if unique else None

    @cached_property
    def _sorted(self) -> list[str]:
        return sorted(self.ids)

    @cached_property
    def _by_look(self) -> dict[str, str | None]:
        return self._unique_names(lambda name: name.translate(_LOOKS), self.ids)

    @cached_property
    def _by_sound(self) -> dict[str, str | None]:
        # Short names differ by less than a sound: C3 is not K3.
        return self._unique_names(_sound, (name for name in self.ids if count_letters(name) >= 4))

    def _unique_names(
        self, form: Callable[[str], str], names: Iterable[str]
    ) -> dict[str, str | None]:
        """Map each form to its name, or to None if names with different ids share the form."""
        found: dict[str, str | None] = {}
        for name in names:
            formed = form(name)
            other = found.setdefault(formed, name)
            if other is None or self.ids[other] != self.ids[name]:
                found[formed] = None
        return found

    def _sharing_pairs(self, text: str) -> list[str]:
        signature = digits_of(text)
        names = self._by_digits[signature]
        index = self._pairs.get(signature)
        if index is None:
            index = self._pairs[signature] = _index_pairs(names)
        shared: Counter[int] = Counter()
        for pair in _letter_pairs(text):
            positions = index.get(pair, ())
            if len(positions) <= max(_COMMON_PAIR, len(names) // 50):
                shared.update(positions)
        return [names[position] for position, _ in shared.most_common(_MAX_COMPARED)]


def digits_of(name: str) -> str:
    """Return the digits and plus signs of a name, which must be the same in a misspelled one."""
    if name.isalpha():
        return ""
    digits = "".join(filter(str.isdigit, name))
    return f"{digits}+" if "+" in name else digits


def _has_extra_letter(name: str, text: str) -> bool:
    # A code with another letter is another code: `QX60` is not a Q60.
    return abs(len(name) - len(text)) == 1 and name.isalpha()


def count_letters(name: str) -> int:
    """Count the letters of a name."""
    return sum(map(str.isalpha, name))


@lru_cache(4096)
def _sound(name: str) -> str:
    return _REPEATED.sub(r"\1", name.replace("PH", "F").replace("QU", "C").translate(SOUNDS))


def _index_pairs(names: list[str]) -> dict[str, list[int]]:
    index: dict[str, list[int]] = {}
    for position, name in enumerate(names):
        for pair in _letter_pairs(name):
            index.setdefault(pair, []).append(position)
    return index


def _letter_pairs(name: str) -> dict[str, None]:
    # The ends are marked because people get the first letter right. The pairs are in order, unlike
    # in a set, so that names that are equally similar always come in the same order.
    marked = f"^{name}$"
    return dict.fromkeys([marked[i : i + 2] for i in range(len(marked) - 1)])
