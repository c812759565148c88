from __future__ import annotations

import numpy as np
import pytest

from carlens.teach.head import fit_head, shrunk_covariance
from carlens.teach.statistics import Statistics
from carlens.teach.unknown import auroc, fit_rule, fit_rule_of_trained, without_classes

SIZE, CLASSES = 8, 5
RNG = np.random.default_rng(3)
CENTERS = RNG.normal(0, 4, (CLASSES, SIZE))


def photos(centers: np.ndarray, each: int) -> tuple[np.ndarray, np.ndarray]:
    """Features of shape (n, 1, SIZE) and their labels."""
    labels = np.repeat(np.arange(len(centers)), each)
    noise = RNG.normal(0, 1, (len(labels), 1, SIZE))
    return (centers[labels][:, None] + noise).astype(np.float32), labels


@pytest.fixture(scope="module")
def statistics() -> Statistics:
    return Statistics.of(*photos(CENTERS, 200), CLASSES)


def test_the_rule_is_half_of_the_relative_mahalanobis_distance(statistics: Statistics) -> None:
    points = photos(CENTERS, 3)[0][:, 0]
    head = fit_head(statistics)

    scores = fit_rule(head, statistics).scores(points, head.scores(points))

    # Given both distances by their definition, under the covariance of all classes and within them
    within = shrunk_covariance(statistics.covariance)
    center = statistics.means.mean(axis=0)
    between = (statistics.means - center).T @ (statistics.means - center) / CLASSES
    gaps = points[:, None] - statistics.means
    nearest = np.einsum("nki,ij,nkj->nk", gaps, np.linalg.inv(within), gaps).min(axis=1)
    apart = points - center
    background = np.einsum("ni,ij,nj->n", apart, np.linalg.inv(within + between), apart)
    # Then the score is the same on another scale, on which class means have -1 on average
    expected = (nearest - background) / 2
    slope, offset = np.polyfit(expected, scores, 1)
    assert slope > 0
    np.testing.assert_allclose(scores, slope * expected + offset, atol=1e-5)
    means = statistics.means.astype(np.float32)
    rule = fit_rule(head, statistics)
    assert rule.scores(means, head.scores(means)).mean() == pytest.approx(-1)


def test_unknown_vehicles_score_higher(statistics: Statistics) -> None:
    known = photos(CENTERS, 40)[0][:, 0]
    strange = photos(RNG.normal(0, 4, (20, SIZE)), 5)[0][:, 0]
    head = fit_head(statistics)
    for rule in (
        fit_rule(head, statistics),
        fit_rule_of_trained(statistics, known, head.scores(known)),
    ):
        found = [rule.scores(x, head.scores(x)) for x in (known, strange)]

        assert auroc(*found) > 0.9


def test_a_class_that_is_left_out_is_unknown(statistics: Statistics) -> None:
    points, labels = photos(CENTERS, 40)
    head = fit_head(statistics)
    scores = head.scores(points[:, 0])
    without = np.eye(CLASSES, dtype=np.bool_)[labels]
    for rule in (fit_rule(head, statistics), fit_rule_of_trained(statistics, points[:, 0], scores)):
        known = rule.scores(points[:, 0], scores)
        left_out = rule.scores(points[:, 0], scores, without)

        assert auroc(known, left_out) > 0.95
    assert np.isneginf(without_classes(scores, without)[without]).all()


def test_distance_and_logits_of_a_trained_network_weigh_the_same(statistics: Statistics) -> None:
    points = photos(CENTERS, 40)[0][:, 0]
    logits = fit_head(statistics).scores(points)

    single = fit_rule_of_trained(statistics, points, logits)
    double = fit_rule_of_trained(statistics, points, 2 * logits)

    assert double.logit_weight == pytest.approx(single.logit_weight / 2)


def test_auroc_counts_pairs() -> None:
    known, unknown = np.array([1.0, 2.0, 3.0]), np.array([2.0, 4.0])

    # 1 < 2, 2 = 2, and all of them < 4
    assert auroc(known, unknown) == pytest.approx(4.5 / 6)
