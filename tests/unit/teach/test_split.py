from __future__ import annotations

import numpy as np
import pytest

from carlens.teach.errors import TeachError
from carlens.teach.split import split

NAMES = ["Kia Rio", "Kia Picanto"]


def test_the_last_fifth_of_each_class_is_held_out() -> None:
    labels = np.repeat([0, 1], [10, 5])

    found = split(labels, np.arange(15), [None] * 15, NAMES)

    assert found.held_out.tolist() == [8, 9, 14]
    assert found.train.tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 10, 11, 12, 13]
    assert found.unused.tolist() == []
    assert found.folds.tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    ("groups", "expected"),
    [
        ([0, 1, 2, 3, 4, 5, 6, 7, 8, 8], [8, 9]),
        ([0, 1, 2, 3, 4, 5, 6, 8, 8, 8], [5, 6]),  # a large group is skipped
        ([0, 0, 0, 0, 0, 5, 5, 5, 5, 5], [5, 6, 7, 8, 9]),  # the smallest part that there is
        ([0, 1, 1, 1, 1, 1, 1, 1, 1, 1], [0]),
    ],
)
def test_photos_of_one_car_stay_together(groups: list[int], expected: list[int]) -> None:
    labels = np.repeat([0, 1], [10, 2])

    found = split(labels, np.array([*groups, 10, 11]), [None] * 12, NAMES)

    assert found.held_out.tolist() == [*expected, 11]
    assert sorted([*found.train, *found.held_out]) == list(range(12))
    places = dict(zip(found.held_out.tolist(), found.folds.tolist(), strict=True))
    assert len({places[i] for i in expected}) == len({groups[i] for i in expected})


def test_the_csv_file_may_choose_them() -> None:
    # Given a choice that leaves photos of two cars on both sides
    labels = np.repeat([0, 1], 4)
    groups = np.array([0, 0, 2, 3, 4, 5, 6, 6])
    marked = [True, False, False, False, None, True, True, None]

    found = split(labels, groups, marked, NAMES)

    # Then the other photos of these cars are not used
    assert found.held_out.tolist() == [0, 5, 6]
    assert found.unused.tolist() == [1, 7]
    assert found.train.tolist() == [2, 3, 4]


def test_a_class_needs_photos_for_both_parts() -> None:
    labels, groups = np.repeat([0, 1], 3), np.arange(6)

    with pytest.raises(TeachError, match="'Kia Picanto' has no usable photo held out"):
        split(labels, groups, [True, False, False, False, False, False], NAMES)
    with pytest.raises(TeachError, match="'Kia Rio' has no usable photo to train on"):
        split(labels, groups, [True, True, True, True, False, False], NAMES)
