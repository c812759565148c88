"""What a careful colleague would say about the photos."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from carlens.teach.arrays import Matrix
from carlens.teach.examples import Example, Rejected
from carlens.teach.photos import Photo
from carlens.teach.similarity import Pairs

# With one distinct photo, nothing is left to test the class with.
MINIMUM = 2
RECOMMENDED = 10

_SUSPICION = 0.9
_DOUBT = 0.05


@dataclass(frozen=True)
class Finding:
    """Something to look at.

    Attributes
    ----------
    check : str
        What was checked; also the heading in the report.
    class_name : str
    text : str
        A sentence.
    photo, other : Photo or None
        The photo, and the one that it resembles.
    """

    check: str
    class_name: str
    text: str
    photo: Photo | None = None
    other: Photo | None = None


def check_rejected(rejected: Sequence[Rejected]) -> list[Finding]:
    """Report the photos without a vehicle and the files that are not pictures."""
    return [
        Finding(
            "No vehicle found" if each.readable else "Unreadable file",
            each.photo.name,
            each.reason,
            each.photo,
        )
        for each in rejected
    ]


def check_copies(
    examples: Sequence[Example], labels: NDArray[np.intp], pairs: Pairs
) -> tuple[list[Finding], NDArray[np.bool_]]:
    """Find copies of a photo, in its class and in others.

    Parameters
    ----------
    examples : sequence of Example
    labels : integer array of shape (n,)
    pairs : integer array of shape (m, 2)
        Near-duplicates, each pair in both orders.

    Returns
    -------
    list of Finding
    bool array of shape (n,)
        The examples to use: the first of several copies, and no photo that is in two classes.
    """
    findings = []
    usable = np.ones(len(examples), np.bool_)
    for index, example in enumerate(examples):
        alike = pairs[pairs[:, 0] == index, 1]
        in_others = alike[labels[alike] != labels[index]]
        earlier = alike[(labels[alike] == labels[index]) & (alike < index)]
        if len(in_others):
            other = examples[in_others[0]].photo
            text = f"The same photo is in the class {other.name}; neither is used."
            findings.append(
                Finding("Same photo in two classes", example.photo.name, text, example.photo, other)
            )
        elif len(earlier):
            other = examples[earlier[0]].photo
            text = f"Nearly the same as {other.path.name}; only that one is used."
            findings.append(
                Finding("Near-duplicate", example.photo.name, text, example.photo, other)
            )
        usable[index] = not len(in_others) and not len(earlier)
    return findings, usable


def check_counts(
    names: Sequence[str], labels: NDArray[np.intp], groups: NDArray[np.intp]
) -> tuple[list[Finding], NDArray[np.intp]]:
    """Find classes with too few photos.

    Parameters
    ----------
    names : sequence of str
        Of the classes.
    labels, groups : integer arrays of shape (n,)
        The class of each usable photo, and its group of photos of one car.

    Returns
    -------
    list of Finding
    integer array
        The classes that can be taught.
    """
    findings, taught = [], []
    photos = Counter(labels.tolist())
    for label, name in enumerate(names):
        distinct = len(set(groups[labels == label].tolist()))
        if distinct < MINIMUM:
            text = (
                f"{photos[label]} usable photo(s) of {distinct} different car(s); the minimum is "
                f"{MINIMUM} different cars. The class is left out."
            )
            findings.append(Finding("Too few photos", name, text))
            continue
        taught.append(label)
        if photos[label] < RECOMMENDED:
            text = f"{photos[label]} usable photos; {RECOMMENDED} or more are recommended."
            findings.append(Finding("Few photos", name, text))
    return findings, np.array(taught, np.intp)


def check_unused(photos: Sequence[Photo]) -> list[Finding]:
    """Report the photos of cars of which the CSV file holds out another photo."""
    text = "It shows the same car as a photo that is held out, so it is not trained on."
    return [Finding("Same car held out", photo.name, text, photo) for photo in photos]


def check_labels(
    examples: Sequence[Example], labels: NDArray[np.intp], probs: Matrix, names: Sequence[str]
) -> list[Finding]:
    """Find photos that the others contradict.

    Parameters
    ----------
    examples : sequence of Example
    labels : integer array of shape (n,)
    probs : float64 array of shape (n, classes)
        Of heads that have not learned from the photo.
    names : sequence of str
        Of all classes.

    Returns
    -------
    list of Finding
        The most certain contradiction first.
    """
    rows = np.arange(len(labels))
    best = probs.argmax(axis=1)
    suspect = (probs[rows, best] >= _SUSPICION) & (probs[rows, labels] <= _DOUBT)
    order = [i for i in np.argsort(-probs[rows, best]).tolist() if suspect[i]]
    return [
        Finding(
            "Suspected wrong label",
            examples[i].photo.name,
            f"Without it, the other photos say {names[best[i]]} "
            f"({probs[i, best[i]]:.0%}; {names[labels[i]]} {probs[i, labels[i]]:.0%}).",
            examples[i].photo,
        )
        for i in order
    ]
