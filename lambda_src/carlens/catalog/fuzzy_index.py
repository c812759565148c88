"""Names that are looked up as written, or nearly so."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property, lru_cache

from rapidfuzz import process
from rapidfuzz.distance import OSA

# Of more names than this, only those that share letter pairs are compared.
_COMPARED = 2000
# A pair of letters that most names have tells nothing, and would cost the most.
_COMMON = 400
MOST_LONGER = 64  # names that begin with another, looked at


class Names:
    """Keys of names, each with what it names.

    Near keys differ by swapped, missing, added or wrong letters (optimal string
    alignment); their digits are the same, for a 206 is no 207.

    Parameters
    ----------
    keys : Mapping
        What each key names, by key (see `cleaning.key`).
    """

    def __init__(self, keys: Mapping[str, int]) -> None:
        self.keys = keys
        self.longest = max(map(len, keys), default=0)
        self._by_digits: dict[str, list[str]] = {}
        for name in keys:
            self._by_digits.setdefault(digits(name), []).append(name)
        self._pairs: dict[str, dict[str, list[int]]] = {}

    def near(self, written: str, *, least: float, limit: int = 1) -> list[tuple[str, float]]:
        """Give the keys nearest to `written`, best first.

        Parameters
        ----------
        least : float
            0..1; keys less similar are not given.
        """
        if least * len(written) > self.longest:
            return []
        names = self._by_digits.get(digits(written), [])
        if len(names) > _COMPARED:
            names = self._sharing_pairs(written)
        found = process.extract(
            written, names, scorer=OSA.normalized_similarity, score_cutoff=least, limit=limit
        )
        return [(name, score) for name, score, _ in found]

    def sounding(self, written: str) -> str | None:
        """Give the only key that sounds like `written`: `OKTAVIA` is `OCTAVIA`."""
        return self._by_sound.get(_sound(written))

    def looking(self, written: str) -> str | None:
        """Give the only key that looks like `written`: `XC6O` is `XC60`, `A5TRA` is `ASTRA`."""
        if written.isdigit() or not 2 <= len(written) <= 8:
            return None
        return self._by_look.get(written.translate(_LOOKS))

    def starting(self, written: str, *, most: int = 8) -> list[str]:
        """Give keys that begin with `written`, at most `most` of them."""
        first = bisect_left(self._sorted, written)
        return [n for n in self._sorted[first : first + most] if n.startswith(written)]

    def slip(self, written: str) -> tuple[str, float] | None:
        """Give the only key with a letter more, less or swapped: `UNNO`, `ZEO`, `TROCK`."""
        if len(written) < 3:
            return None
        one_wrong = 0.99 - 1 / len(written)
        found = {
            self.keys[name]: (name, score)
            for name, score in self.near(written, least=one_wrong, limit=4)
            if len(name) > 2
            and name[0] == written[0]
            and (abs(len(name) - len(written)) == 1 or sorted(name) == sorted(written))
        }
        return next(iter(found.values())) if len(found) == 1 else None

    def cut_short(self, written: str) -> str | None:
        """Give the only key that `written` is the beginning of, and enough of: `OCT`."""
        if len(written) < 3 or not written.isalpha():
            return None
        begins = self.starting(written, most=MOST_LONGER)
        name = min(begins, key=len, default="")
        if not name or len(written) < 0.4 * len(name):
            return None
        named = self.keys[name]
        only = all(other.startswith(name) or self.keys[other] == named for other in begins)
        return name if only else None

    @cached_property
    def _sorted(self) -> list[str]:
        return sorted(self.keys)

    @cached_property
    def _by_look(self) -> dict[str, str | None]:
        return self._only(lambda name: name.translate(_LOOKS), self.keys)

    @cached_property
    def _by_sound(self) -> dict[str, str | None]:
        # Short names differ by less than a sound: C3 is no K3.
        return self._only(_sound, (name for name in self.keys if letters(name) >= 4))

    def _only(self, form: Callable[[str], str], names: Iterable[str]) -> dict[str, str | None]:
        """Give the key of each form; None where keys of several things have it."""
        found: dict[str, str | None] = {}
        for name in names:
            formed = form(name)
            other = found.setdefault(formed, name)
            if other is None or self.keys[other] != self.keys[name]:
                found[formed] = None
        return found

    def _sharing_pairs(self, written: str) -> list[str]:
        signature = digits(written)
        names = self._by_digits[signature]
        index = self._pairs.get(signature)
        if index is None:
            index = self._pairs[signature] = _pair_index(names)
        shared: Counter[int] = Counter()
        for pair in _pairs(written):
            where = index.get(pair, ())
            if len(where) <= max(_COMMON, len(names) // 50):
                shared.update(where)
        return [names[position] for position, _ in shared.most_common(_COMPARED)]


def digits(name: str) -> str:
    """Give the digits of a key."""
    return "" if name.isalpha() else "".join(filter(str.isdigit, name))


def letters(name: str) -> int:
    """Count the letters of a key."""
    return sum(map(str.isalpha, name))


_LOOKS = str.maketrans("OILSBZ", "011582")
_SOUNDS = str.maketrans("YKQW", "ICCV")
_TWICE = re.compile(r"([A-Z])\1+")


@lru_cache(4096)
def _sound(name: str) -> str:
    return _TWICE.sub(r"\1", name.replace("PH", "F").replace("QU", "C").translate(_SOUNDS))


def _pair_index(names: list[str]) -> dict[str, list[int]]:
    index: dict[str, list[int]] = {}
    for position, name in enumerate(names):
        for pair in _pairs(name):
            index.setdefault(pair, []).append(position)
    return index


def _pairs(name: str) -> set[str]:
    # With its ends marked: people get the first letter right.
    marked = f"^{name}$"
    return {marked[i : i + 2] for i in range(len(marked) - 1)}
