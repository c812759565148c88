"""The training of a tiny network."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from carlens.teach.errors import TeachError
from tests.tiny_network import SIDE, SIZE, SPEC, tiny_body

torch = pytest.importorskip("torch", reason="PyTorch is not installed: make teach FULL=yes")

from carlens.teach.augment import augment  # noqa: E402
from carlens.teach.trainable import TrainableNetwork  # noqa: E402
from carlens.teach.training import Epoch, Recipe, Trainer, to_tensor  # noqa: E402

RECIPE = Recipe(epochs=4, full_size=0.5, rate=0.01, batch=8, mix=0.5)


class Stopped(Exception):
    """The run was killed."""


def colored(count: int) -> tuple[NDArray[np.uint8], NDArray[np.intp]]:
    """Red and blue crops, with noise."""
    labels = np.arange(count, dtype=np.intp) % 2
    crops = np.random.default_rng(0).integers(0, 120, (count, SIDE, SIDE, 3), np.uint8)
    crops[np.arange(count), :, :, labels * 2] += 120
    return crops, labels


def new_trainer(checkpoint: Path, recipe: Recipe = RECIPE) -> Trainer:
    torch.manual_seed(0)
    network = TrainableNetwork(tiny_body())
    network.normalize([to_tensor(list(colored(16)[0]), SPEC)])
    head = torch.nn.Linear(SIZE, 2)
    return Trainer(network, head, SPEC, recipe, torch.device("cpu"), checkpoint)


def train(trainer: Trainer, stop_after: int = 100) -> list[Epoch]:
    epochs = []

    def note(epoch: Epoch) -> None:
        epochs.append(epoch)
        if epoch.number == stop_after:
            raise Stopped

    trainer.train(*colored(24), colored(10), note)
    return epochs


def test_it_learns(tmp_path: Path) -> None:
    recipe = Recipe(epochs=12, full_size=0.5, rate=0.01, batch=8, mix=0.0)
    trainer = new_trainer(tmp_path / "a.pt", recipe)

    epochs = train(trainer)

    assert [epoch.number for epoch in epochs] == list(range(1, 13))
    assert epochs[-1].loss < epochs[0].loss
    assert epochs[-1].top1 == 1.0
    assert trainer.scores(colored(10)[0]).shape == (10, 2)


def test_a_run_that_continues_gives_the_same_weights_as_an_undisturbed_one(tmp_path: Path) -> None:
    # Given a run, and another that is killed after two epochs
    whole = new_trainer(tmp_path / "whole.pt")
    train(whole)
    with pytest.raises(Stopped):
        train(new_trainer(tmp_path / "killed.pt"), stop_after=2)

    # When it continues
    continued = new_trainer(tmp_path / "killed.pt")
    assert continued.done == 2
    assert [epoch.number for epoch in train(continued)] == [3, 4]

    # Then the weights are identical
    for name, weights in whole.average.state_dict().items():
        assert torch.equal(weights, continued.average.state_dict()[name]), name


def test_measuring_the_speed_changes_nothing(tmp_path: Path) -> None:
    trainer, other = new_trainer(tmp_path / "a.pt"), new_trainer(tmp_path / "b.pt")

    pace = trainer.pace(*colored(24))

    assert list(pace.step) == [SIDE]
    assert pace.step[SIDE] > 0
    assert pace.crop > 0
    train(trainer)
    train(other)
    for name, weights in other.average.state_dict().items():
        assert torch.equal(weights, trainer.average.state_dict()[name]), name


def test_a_damaged_checkpoint_gets_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "a.pt").write_bytes(b"PK damaged")

    with pytest.raises(TeachError, match=r"a\.pt is damaged; delete it"):
        new_trainer(tmp_path / "a.pt")


def test_few_photos_get_more_epochs() -> None:
    assert Recipe.for_photos(7000).epochs == 20
    assert Recipe.for_photos(320).epochs == 40
    assert Recipe.for_photos(2).epochs == 40
    assert Recipe.for_photos(7000, 3).epochs == 3


def test_the_first_epochs_are_at_a_smaller_size() -> None:
    assert Recipe(epochs=4).sides(224) == [160, 160, 160, 224]


def test_the_colors_are_in_the_order_that_the_network_takes() -> None:
    red = np.zeros((4, 4, 3), np.uint8)
    red[..., 0] = 255
    bgr = type(SPEC)("x", 4, 4, "NCHW", "BGR", "stretch", (0.0,) * 3, (255.0,) * 3)

    assert to_tensor([red], bgr)[0, :, 0, 0].tolist() == [0, 0, 1]


def test_views_are_pictures_of_the_size_that_is_asked_for() -> None:
    random = np.random.default_rng(0)
    crop = colored(1)[0][0]

    views = [augment(crop, side, random) for side in (32, 48) for _ in range(50)]

    assert {view.shape for view in views} == {(32, 32, 3), (48, 48, 3)}
    assert all(view.min() >= 0 and view.max() <= 255 for view in views)
    assert len({view.tobytes() for view in views}) == 100
