from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from carlens.teach.base import Base
from carlens.teach.errors import TeachError
from carlens.teach.folds import assign_folds
from carlens.teach.head import fit_head, shrunk_covariance
from carlens.teach.heldout import Photos, cross_validate
from carlens.teach.labels import Label
from carlens.teach.network import Network
from carlens.teach.statistics import Statistics, dump_statistics, load_statistics
from carlens.teach.unknown import UnknownRule
from carlens.teach.unknown_output import add_unknown_score

SIZE = 6
RNG = np.random.default_rng(0)


def samples(classes: int, each: int) -> tuple[np.ndarray, np.ndarray]:
    """Features of shape (n, 2, SIZE) around class centers, and their labels."""
    labels = np.repeat(np.arange(classes), each)
    centers = RNG.normal(0, 3, (classes, SIZE))
    return (centers[labels][:, None] + RNG.normal(0, 1, (len(labels), 2, SIZE))).astype(
        np.float32
    ), labels


def network_bytes(*, operator: str = "Gemm", transposed: bool = True, opset: int = 17) -> bytes:
    shape = (3, SIZE) if transposed else (SIZE, 3)
    weights = numpy_helper.from_array(np.ones(shape, np.float16), "w16")
    bias = numpy_helper.from_array(np.zeros(3, np.float32), "b")
    nodes = [
        helper.make_node("Cast", ["w16"], ["w"], to=TensorProto.FLOAT),
        helper.make_node("Relu", ["input"], ["features"]),
        helper.make_node(operator, ["features", "w", "b"], ["logits"], transB=int(transposed))
        if operator == "Gemm"
        else helper.make_node("Softmax", ["features"], ["logits"]),
    ]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["n", SIZE])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["n", 3])],
        [weights, bias],
    )
    imports = [helper.make_opsetid("", opset)]
    return bytes(helper.make_model(graph, opset_imports=imports, ir_version=8).SerializeToString())


def run(model: bytes, batch: np.ndarray) -> np.ndarray:
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    return np.asarray(session.run(None, {"input": batch})[0])


def test_statistics_are_those_of_numpy() -> None:
    features, labels = samples(3, 50)

    found = Statistics.of(features, labels, 4)

    flat = features.reshape(-1, SIZE)
    owners = np.repeat(labels, 2)
    residuals = np.concatenate([flat[owners == k] - flat[owners == k].mean(0) for k in range(3)])
    assert found.counts.tolist() == [100, 100, 100, 0]
    np.testing.assert_allclose(found.means[1], flat[owners == 1].mean(0), rtol=1e-5)
    np.testing.assert_allclose(found.covariance, residuals.T @ residuals / 300, rtol=1e-4)


def test_statistics_of_parts_add_up() -> None:
    # Given the photos of three classes in two parts, which share a class
    features, labels = samples(3, 40)
    first = labels < 2
    first[labels == 1] = np.arange(40) < 25
    whole = Statistics.of(features, labels, 3)

    # When the second part is added to the first
    known = Statistics.of(features[first], labels[first], 2)
    new = Statistics.of(features[~first], labels[~first] - 1, 2)
    joined = known.extended_by(new, np.array([1, 2]))

    # Then the result is that of all photos
    np.testing.assert_allclose(joined.counts, whole.counts)
    np.testing.assert_allclose(joined.means, whole.means, rtol=1e-6)
    np.testing.assert_allclose(joined.covariance, whole.covariance, rtol=1e-6)


def test_sixteen_bits_keep_statistics() -> None:
    features, labels = samples(3, 40)
    statistics = Statistics.of(features, labels, 3)

    kept, sha256 = load_statistics(dump_statistics(statistics, "abc"))

    assert sha256 == "abc"
    assert kept.samples == 240
    np.testing.assert_allclose(kept.means, statistics.means, rtol=1e-3)
    np.testing.assert_allclose(kept.covariance, statistics.covariance, atol=2e-3)


def test_the_head_separates_classes_by_their_means_and_covariance() -> None:
    features, labels = samples(4, 60)
    statistics = Statistics.of(features, labels, 4)

    head = fit_head(statistics)

    # The score differences are those of Mahalanobis distances.
    shrunk = shrunk_covariance(statistics.covariance)
    point = features[7, 0].astype(float)
    gaps = point - statistics.means
    distances = np.einsum("ki,ij,kj->k", gaps, np.linalg.inv(shrunk), gaps)
    scores = head.scores(point[None])[0]
    np.testing.assert_allclose(scores - scores[0], (distances[0] - distances) / 2, rtol=1e-6)
    assert (head.scores(features[:, 0]).argmax(1) == labels).mean() > 0.95


def test_a_class_of_few_photos_gets_its_share_of_the_answers() -> None:
    # Given pairs of classes with one center in many dimensions, of which one has only 2 photos
    size, shares = 50, []
    labels = np.repeat([0, 1], [400, 2])
    for _ in range(20):
        features = RNG.normal(0, 1, (402, 2, size)).astype(np.float32)
        head = fit_head(Statistics.of(features, labels, 2))
        new = RNG.normal(0, 1, (500, size)).astype(np.float32)
        shares.append(head.scores(new).argmax(axis=1).mean())

    # Then, on average, it gets about half of the new photos
    assert 0.35 < np.mean(shares) < 0.65


def test_the_base_counts_for_no_more_than_its_share_of_the_covariance() -> None:
    features, labels = samples(2, 10)
    known = Statistics(np.ones(3), np.zeros((3, SIZE)), np.eye(SIZE), 1e9)

    added = Base(known, np.array([3, 4]), alone=False).joined(features, labels)
    alone = Base(known, np.array([0, 1]), alone=True).joined(features, labels)
    own = Base(None, np.array([0, 1]), alone=True).joined(features, labels)

    assert (len(added.means), len(alone.means), own.samples) == (5, 2, 40)
    assert added.samples == alone.samples == 2040
    np.testing.assert_allclose(added.covariance, alone.covariance)


def test_folds_are_stretches_that_split_no_group() -> None:
    labels = np.array([0] * 10 + [1] * 2)
    groups = np.array([0, 1, 2, 2, 2, 2, 6, 7, 8, 9, 10, 11])

    folds = assign_folds(labels, groups)

    assert folds.tolist() == [0, 0, 2, 2, 2, 2, 3, 3, 4, 4, 1, 3]


def test_no_head_has_seen_the_photos_it_is_tested_on() -> None:
    # Given two classes that look the same, except for one photo that gives itself away
    features = RNG.normal(0, 1, (40, 2, SIZE)).astype(np.float32)
    labels = np.repeat([0, 1], 20)
    features[3] += 50

    base = Base(None, np.array([0, 1]), alone=True)
    photos = Photos(labels, np.array(["car"] * 40), assign_folds(labels, np.arange(40)))
    found = cross_validate(features, labels, photos, base, (Label("A a"), Label("B b")))
    scores = found.known.scores

    # Then heads that have not seen it are at a loss, and one that has seen it is not
    assert scores.shape == (40, 2)
    assert found.left_out is None
    assert found.known.unknown.argmax() == 3
    seen = fit_head(base.joined(features, labels)).scores(features[:, 0])
    assert seen[3].argmax() == 0
    assert abs(scores[3, 0] - scores[3, 1]) != pytest.approx(abs(seen[3, 0] - seen[3, 1]))


def test_held_out_photos_keep_their_order() -> None:
    # Given three classes that are easily told apart, in folds that take turns
    features, labels = samples(3, 20)
    folds = np.arange(60) % 5
    kinds = np.array([str(place) for place in range(60)])
    base = Base(None, np.arange(3), alone=True)
    names = (Label("A a"), Label("B b"), Label("C c"))

    found = cross_validate(features, labels, Photos(labels, kinds, folds), base, names)

    assert (found.known.scores.argmax(axis=1) == labels).mean() > 0.9
    assert found.known.kinds.tolist() == kinds.tolist()
    assert (found.owners.tolist(), found.folds.tolist()) == (labels.tolist(), folds.tolist())
    # And, as classes that are not taught, they get another name and are less known
    assert found.left_out is not None
    assert not (found.left_out.scores.argmax(axis=1) == labels).any()
    assert found.left_out.unknown.mean() > found.known.unknown.mean()


@pytest.mark.parametrize("transposed", [True, False])
def test_a_network_gives_features_and_takes_another_head(*, transposed: bool) -> None:
    network = Network(network_bytes(transposed=transposed))
    batch = RNG.normal(0, 1, (5, SIZE)).astype(np.float32)
    weights = RNG.normal(0, 1, (7, SIZE)).astype(np.float16)
    bias = np.arange(7, dtype=np.float32)

    features = run(network.without_head(), batch)
    taught = network.with_head(weights, bias)

    assert network.size == SIZE
    np.testing.assert_array_equal(features, np.maximum(batch, 0))
    expected = features @ weights.astype(np.float32).T + bias
    np.testing.assert_allclose(run(taught, batch), expected, rtol=1e-5)
    constants = {tensor.name for tensor in onnx.load_from_string(taught).graph.initializer}
    assert constants == {"taught.weight_half", "taught.bias"}
    assert Network(taught).size == SIZE


@pytest.mark.parametrize("opset", [17, 18])
@pytest.mark.parametrize("means", [None, RNG.normal(0, 2, (7, 3))])
def test_a_network_scores_unknown_vehicles(opset: int, means: np.ndarray | None) -> None:
    network = Network(network_bytes(opset=opset))
    batch = RNG.normal(0, 1, (5, SIZE)).astype(np.float32)
    weights, bias = RNG.normal(0, 1, (7, SIZE)).astype(np.float16), np.arange(7, dtype=np.float32)
    center, spread = RNG.normal(0, 1, SIZE), np.array([0.9, 0.5, 0.1])
    rule = UnknownRule(RNG.normal(0, 1, (3, SIZE)), center, spread, means, logit_weight=0.7)

    taught = add_unknown_score(network.with_head(weights, bias), network.features, rule)

    session = onnxruntime.InferenceSession(taught, providers=["CPUExecutionProvider"])
    logits, unknown = session.run(["logits", "unknown_score"], {"input": batch})
    features = np.maximum(batch, 0)
    assert unknown.shape == (5, 1)
    # 16 bits have 3 digits.
    np.testing.assert_allclose(unknown[:, 0], rule.scores(features, logits), rtol=5e-3, atol=5e-2)

    # And the result can be taught again: nothing of the rule is left in the features
    again = Network(taught)
    assert again.size == SIZE
    assert again.without_head() == network.without_head()


def test_a_network_without_a_last_layer_is_refused() -> None:
    with pytest.raises(TeachError, match="made by a Gemm"):
        Network(network_bytes(operator="Softmax"))


def test_rounding_the_weights_does_not_change_the_scores_at_the_center() -> None:
    features, labels = samples(3, 40)
    statistics = Statistics.of(features, labels, 3)
    head, center = fit_head(statistics), statistics.means.mean(axis=0)

    weights, bias = head.stored(center)

    np.testing.assert_allclose(
        weights.astype(float) @ center + bias, head.scores(center[None])[0], atol=1e-5
    )
