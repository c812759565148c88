"""The labels file: class, make, model and kinds of vehicle, separated by tabs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest

from carlens.models.manifest import Manifest

# This keeps a real second kind, such as the truck that a van often passes for, and drops rare
# mistakes of the detector.
_LEAST_SHARE = 0.1


@dataclass(frozen=True)
class Label:
    """A line of the labels file.

    Attributes
    ----------
    name : str
        Of the class.
    make, model : str
        The model is without its make; both may be empty.
    kinds : tuple of str
        The detector's classes that photos of the class have; empty if any may have this name.
    """

    name: str
    make: str = ""
    model: str = ""
    kinds: tuple[str, ...] = ()

    @property
    def full_model(self) -> str:
        """Make and model, such as `Volkswagen Golf`; empty if one is not known."""
        return f"{self.make} {self.model}" if self.make and self.model else ""

    def with_more(self, other: Label) -> Label:
        """Add the kinds of more photos of the class; any kind stays any kind."""
        both = self.kinds and other.kinds
        kinds = tuple(sorted({*self.kinds, *other.kinds})) if both else ()
        return replace(self, model=self.model or other.model, kinds=kinds)


def labels_text(labels: Sequence[Label]) -> str:
    """Write the labels file.

    Makes and models are left out if one make is not known, because the format asks for all makes
    or none.
    """
    known = all(label.make for label in labels)
    rows = (
        [label.name, *([label.make, label.model] if known else ["", ""]), ",".join(label.kinds)]
        for label in labels
    )
    return "".join("\t".join(row).rstrip("\t") + "\n" for row in rows)


def labels_of(manifest: Manifest) -> tuple[Label, ...]:
    """Return the classes of a classifier."""
    rows = zip_longest(manifest.labels, manifest.makes, manifest.models, manifest.kinds)
    return tuple(
        Label(name, make or "", model or "", tuple(sorted(kinds or ())))
        for name, make, model, kinds in rows
    )


def common_kinds(kinds: Iterable[str]) -> tuple[str, ...]:
    """Return the kinds that at least 10 % of the photos have whose kind is known.

    Parameters
    ----------
    kinds : iterable of str
        One for each photo of a class; empty if it is not known.

    Returns
    -------
    tuple of str
        In alphabetical order; empty if no kind is known.
    """
    counts = Counter(filter(None, kinds))
    least = _LEAST_SHARE * counts.total()
    return tuple(sorted(kind for kind, count in counts.items() if count >= least))


def all_kinds(known: Iterable[str], classes: Iterable[Label]) -> list[str]:
    """Return the kinds that a classifier applies to: the known ones, then those of new classes."""
    return list(dict.fromkeys([*known, *(kind for label in classes for kind in label.kinds)]))
