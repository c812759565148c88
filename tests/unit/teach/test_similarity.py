from __future__ import annotations

import numpy as np
from PIL import Image

from carlens.teach.similarity import (
    connected,
    difference_hash,
    near_duplicates,
    same_series,
)
from carlens.teach.statistics import Statistics
from tests.support import PASSAT, SKODA

RNG = np.random.default_rng(2)


def test_the_hash_survives_resizing_and_tells_photos_apart() -> None:
    skoda, passat = (Image.open(path).convert("RGB") for path in (SKODA, PASSAT))
    small = skoda.resize((skoda.width // 2, skoda.height // 2))

    hashes = [difference_hash(np.asarray(image)) for image in (skoda, small, passat)]

    assert (hashes[0] ^ hashes[1]).bit_count() <= 4
    assert (hashes[0] ^ hashes[2]).bit_count() > 16


def test_near_duplicates_agree_in_hash_and_features() -> None:
    # Given four photos: the second is like the first in both, the third and fourth in one
    features = RNG.normal(0, 1, (4, 50)).astype(np.float32)
    features[1] = features[2] = features[0] + 0.01
    hashes = np.array([0, 1, 2**40 - 1, 0], np.uint64)

    alike = near_duplicates(hashes, features, np.zeros(50))

    assert alike.tolist() == [[0, 1], [1, 0]]


def test_a_series_is_of_one_class() -> None:
    # Given two classes in which photos 0 and 1, and photos 0 and 25, differ by noise
    features = RNG.normal(0, 1, (40, 200)).astype(np.float32)
    features[1] = features[25] = features[0] + RNG.normal(0, 0.1, 200)
    labels = np.repeat([0, 1], 20)
    statistics = Statistics.of(features[:, None], labels, 2)

    alike = same_series(features, labels, statistics)

    assert alike.tolist() == [[0, 1], [1, 0]]


def test_connected_items_have_one_root() -> None:
    pairs = np.array([[0, 2], [2, 5], [3, 4]])

    assert connected(np.concatenate([pairs, pairs[:, ::-1]]), 6).tolist() == [0, 1, 0, 3, 3, 0]
