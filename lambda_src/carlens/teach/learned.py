"""What was learned from the photos, by either method."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from carlens.teach.base import Base
from carlens.teach.calibration import Scored
from carlens.teach.examples import Example, stack_features, stack_kinds
from carlens.teach.folds import assign_folds
from carlens.teach.head import Head, fit_head
from carlens.teach.heldout import HeldOut, Photos, cross_validate, score
from carlens.teach.labels import Label
from carlens.teach.network import Network
from carlens.teach.statistics import Statistics
from carlens.teach.unknown import UnknownRule, fit_rule

_PROTOCOL = """\
Every photo was held out once, in five rounds. Near-duplicates and obvious series of one car were
never on both sides, and the shipped file was then made from all photos. The probabilities of each
round, and what is certain, were calibrated on the other rounds."""


@dataclass(frozen=True)
class Material:
    """What there is to learn from.

    Attributes
    ----------
    examples : sequence of Example
    labels : integer array of shape (n,)
        Indices of new classes.
    groups : integer array of shape (n,)
        Photos of one car have the same number.
    base : Base
        What is known besides these photos.
    classes : tuple of Label
        Of the result.
    others : sequence of Example
        Vehicles of no class.
    """

    examples: Sequence[Example]
    labels: NDArray[np.intp]
    groups: NDArray[np.intp]
    base: Base
    classes: tuple[Label, ...]
    others: Sequence[Example] = ()

    @property
    def owners(self) -> NDArray[np.intp]:
        """The classes of the examples, as indices in the result, shape (n,)."""
        return self.base.owners(self.labels)

    @property
    def kinds(self) -> NDArray[np.str_]:
        """The detector's classes, shape (n,); empty if not known."""
        return stack_kinds(self.examples)


@dataclass(frozen=True)
class Learned:
    """A classifier, and what it says of photos that it has not learned from.

    Attributes
    ----------
    network : Network
    head : Head
    rule : UnknownRule
    statistics : Statistics
        Of the features of `network`.
    photos : HeldOut
    others : Scored or None
        Vehicles of no class; None if there are none.
    method, protocol : str
        How it was made and how it was measured, for the model card.
    """

    network: Network
    head: Head
    rule: UnknownRule
    statistics: Statistics
    photos: HeldOut
    others: Scored | None
    method: str
    protocol: str


def quick_head(material: Material, network: Network) -> Learned:
    """Fit the last layer, and measure it in five rounds.

    Parameters
    ----------
    material : Material
    network : Network
        Gave the features.
    """
    features = stack_features(material.examples)
    labels = material.labels
    folds = assign_folds(labels, material.groups)
    statistics = material.base.joined(features, labels)
    head = fit_head(statistics)
    rule = fit_rule(head, statistics)
    tested = Photos(material.owners, material.kinds, folds)
    others = None
    if material.others:
        others = score(head, rule, stack_features(material.others)[:, 0], material.others)
    return Learned(
        network=network,
        head=head,
        rule=rule,
        statistics=statistics,
        photos=cross_validate(features, labels, tested, material.base, material.classes),
        others=others,
        method="linear discriminant analysis on its features, one covariance shrunk by 0.1",
        protocol=_PROTOCOL,
    )
