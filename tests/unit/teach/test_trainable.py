"""From an ONNX graph to PyTorch and back."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray

from carlens.teach.errors import TeachError
from tests.tiny_network import SIDE, tiny_body

torch = pytest.importorskip("torch", reason="PyTorch is not installed: make teach FULL=yes")

from carlens.teach.trainable import TrainableNetwork  # noqa: E402


def pictures(count: int) -> NDArray[np.float32]:
    return np.random.default_rng(1).normal(0, 1, (count, 3, SIDE, SIDE)).astype(np.float32)


def run_onnx(model: onnx.ModelProto, batch: NDArray[np.float32]) -> NDArray[np.float32]:
    session = onnxruntime.InferenceSession(model.SerializeToString())
    [features] = session.run(None, {"image": batch})
    return np.asarray(features)


def run_torch(network: TrainableNetwork, batch: NDArray[np.float32]) -> NDArray[np.float32]:
    with torch.no_grad():
        return np.asarray(network.eval()(torch.from_numpy(batch)).numpy())


def test_the_features_are_the_same_in_pytorch_and_after_the_way_back() -> None:
    batch = pictures(4)
    expected = run_onnx(tiny_body(), batch)

    network = TrainableNetwork(tiny_body())

    assert np.allclose(run_torch(network, batch), expected, atol=1e-5)
    assert np.allclose(run_onnx(network.to_onnx(), batch), expected, atol=1e-5)


def test_normalization_leaves_the_features_as_they_are() -> None:
    batch = pictures(4)
    network = TrainableNetwork(tiny_body())
    expected = run_torch(network, batch)

    network.normalize([torch.from_numpy(pictures(16))])

    assert np.allclose(run_torch(network, batch), expected, atol=1e-4)
    # And in training, each channel has the mean and the deviation of the typical input
    assert sum(isinstance(m, torch.nn.BatchNorm2d) for m in network.modules()) == 3
    trained = network.train()(torch.from_numpy(pictures(16))).detach().numpy()
    assert np.allclose(trained.mean(0), run_torch(network, pictures(16)).mean(0), atol=1e-3)


def test_trained_weights_go_back_in_the_types_they_had() -> None:
    # Given a network whose weights and normalization changed
    network = TrainableNetwork(tiny_body())
    network.normalize([torch.from_numpy(pictures(16))])
    optimizer = torch.optim.SGD(network.parameters(), lr=0.05)
    network.train()(torch.from_numpy(pictures(16))).square().sum().backward()
    optimizer.step()

    model = network.to_onnx()

    # Then the ONNX file computes what PyTorch does, up to the rounding to 16 bits
    batch = pictures(4)
    onnx.checker.check_model(model, full_check=True)
    found, expected = run_onnx(model, batch), run_torch(network, batch)
    assert np.abs(found - run_onnx(tiny_body(), batch)).max() > 0.05
    assert np.allclose(found, expected, atol=0.01 * np.abs(expected).max())
    types = {tensor.name: tensor.data_type for tensor in model.graph.initializer}
    assert types["w1"] == types["w2"] == onnx.TensorProto.FLOAT16
    assert types["b1"] == types["w3"] == onnx.TensorProto.FLOAT


@pytest.mark.parametrize("operator", ["GlobalMaxPool", "GlobalLpPool"])
def test_an_operator_that_cannot_be_trained_is_refused(operator: str) -> None:
    with pytest.raises(TeachError, match=f"because of its operator {operator}"):
        TrainableNetwork(tiny_body(operator))


def test_a_constant_that_is_not_of_a_convolution_is_refused() -> None:
    model = tiny_body()
    model.graph.node[5].input[1] = "b1"

    with pytest.raises(TeachError, match="because of its operator Add"):
        TrainableNetwork(model)
