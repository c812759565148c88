"""FULL=yes on real photos: killed, continued, and taught further."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from carlens.config import Config
from carlens.services.model_bundle import ModelBundle
from carlens.teach.__main__ import main
from carlens.teach.errors import TeachError
from carlens.teach.statistics import load_statistics
from tests.teach_support import SOURCES, write_photos
from tests.tiny_network import SIDE, SIZE, SPEC, tiny_body

pytest.importorskip("torch", reason="PyTorch is not installed: make teach FULL=yes")

from carlens.teach.full import about, check_features
from carlens.teach.trainable import TrainableNetwork

EACH = 6


def test_a_network_that_pytorch_computes_otherwise_is_refused() -> None:
    # Given the features of another network
    crop = np.zeros((SIDE, SIDE, 3), np.uint8)
    features = np.ones(SIZE, np.float32)

    with pytest.raises(TeachError, match="PyTorch computes other features"):
        check_features(TrainableNetwork(tiny_body()), crop, features, SPEC)


def test_durations_are_rounded() -> None:
    assert about(0.2) == "1 second"
    assert about(89) == "89 seconds"
    assert about(2100) == "35 minutes"
    assert about(9000) == "2.5 hours"


@pytest.mark.slow
def test_full_training_that_is_killed_continues(
    home: Path,
    run_killed: Callable[..., str],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Given a run that is killed after its first epoch
    photos = write_photos(home / "photos", EACH)
    arguments = [str(photos), "--name", "my-cars", "--full", "--epochs", "2"]
    training = home / "build" / "teach" / "my-cars" / "training"
    log = run_killed("Epoch 1 of 2", *arguments)
    assert "FULL=yes teaches only the 2 classes that have photos; 217 other classes of" in log
    assert "for 2 epochs on this" in log
    [checkpoint] = training.glob("*.pt")
    assert not (home / "models" / "my-cars").exists()

    # When it is run again
    assert main(arguments) == 0

    # Then it continues from the checkpoint
    output = capsys.readouterr()
    assert "Continuing after epoch 1 of 2." in output.err
    assert "for 1 epoch on this" in output.err
    assert "Epoch 2 of 2: loss " in output.err
    assert "Epoch 1 of 2" not in output.err
    assert list(training.glob("*.pt")) == [checkpoint]
    assert output.out.splitlines()[-1].startswith("top-1=")
    assert "(2 held-out photos, " in output.out

    # And the model is complete, works, and its statistics are those of the new network
    folder = home / "models" / "my-cars"
    assert (folder / "labels.txt").read_text("utf-8").splitlines() == [
        f"{name}\t" + "\t".join(name.split()) + "\tcar" for name in SOURCES
    ]
    assert ModelBundle.load(Config(models=str(home / "models"), classifier="my-cars")).classifier
    manifest = json.loads((folder / "model.json").read_text("utf-8"))
    statistics, described = load_statistics((folder / "statistics.npz").read_bytes())
    assert described == manifest["sha256"]
    assert statistics.counts.tolist() == [2 * EACH] * 2
    shipped = Path(Config().models, Config.classifier, "model.onnx").stat().st_size
    assert (folder / "model.onnx").stat().st_size < shipped
    card = (folder / "README.md").read_text("utf-8")
    for text in (
        "2, from these photos; 217 other classes of",
        "2 photos were held out, the last fifth of each class",
        "all layers trained with PyTorch for 2 epochs",
        "FULL=yes EPOCHS=2",
    ):
        assert text in " ".join(card.split())

    # And classes can be added to it without PyTorch
    monkeypatch.setenv("CARLENS_CLASSIFIER", "my-cars")
    (photos / "Skoda Citigo").rename(photos / "Skoda Fabia")
    assert main([str(photos), "--name", "more"]) == 0
    names = (home / "models" / "more" / "labels.txt").read_text("utf-8").splitlines()
    assert [name.split("\t")[0] for name in names] == [*SOURCES, "Skoda Fabia"]
