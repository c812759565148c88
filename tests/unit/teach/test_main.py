"""The whole command, on real photos and models."""

from __future__ import annotations

import errno
import json
import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from carlens.config import Config
from carlens.services.model_bundle import ModelBundle
from carlens.teach import examples
from carlens.teach.__main__ import main
from carlens.vision.detector import Detection
from tests.support import PASSAT, SKODA
from tests.teach_support import SOURCES, varied, write_photos

EACH = 12
SHIPPED = Path(Config().models)
FILES = {
    "README.md",
    "coverage.svg",
    "labels.txt",
    "model.json",
    "model.onnx",
    "reliability.svg",
    "statistics.npz",
}


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_photos(tmp_path_factory.mktemp("photos"), EACH)


def names_of(home: Path, path: Path, model: str) -> tuple[str, ...]:
    """Name the vehicle in a photo, as a request would."""
    bundle = ModelBundle.load(Config(models=str(home / "models"), classifier=model))
    assert bundle.classifier is not None
    pixels = np.asarray(Image.open(path).convert("RGB"))
    whole = Detection(0, 0, pixels.shape[1], pixels.shape[0], "car", 1.0)
    [found] = bundle.classifier.classify([bundle.classifier.crop(pixels, whole)], ["car"], 5)
    return found.names


def test_classes_are_added_and_the_model_works_at_once(
    home: Path, photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sorted((path, path.stat().st_mtime_ns) for path in photos.rglob("*"))

    assert main([str(photos), "--name", "my-cars"]) == 0

    # Then the last line has the figures, and the model is complete
    output = capsys.readouterr()
    assert output.out.splitlines()[-1].startswith("top-1=")
    assert "24/24 photos" in output.err
    folder = home / "models" / "my-cars"
    assert {path.name for path in folder.iterdir()} == FILES
    labels = (folder / "labels.txt").read_text("utf-8").splitlines()
    assert len(labels) == 219
    assert labels[-2:] == [
        "Skoda Citigo\tSkoda\tCitigo\tcar",
        "Volkswagen Passat\tVolkswagen\tPassat\tcar",
    ]
    manifest = json.loads((folder / "model.json").read_text("utf-8"))
    assert manifest["applies_to"] == ["car", "truck"]
    assert manifest["trained_on"].startswith("24 photos of 2 classes, added to: Stanford Cars")

    # And it says when an answer is certain
    calibration = manifest["calibration"]
    assert set(calibration["thresholds"]) == {"make", "model", "name"}
    assert calibration["unknown"]["output"] == "unknown_score"
    card = (folder / "README.md").read_text("utf-8")
    assert "Held-out photos, when their model is not taught:" in card

    # And it names photos that it has not seen, and the cars that it knew
    for name, source in SOURCES.items():
        unseen = home / "unseen.png"
        Image.fromarray(varied(source, 1000)).save(unseen)
        assert names_of(home, unseen, "my-cars")[0] == name

    # And no photo was touched
    assert sorted((path, path.stat().st_mtime_ns) for path in photos.rglob("*")) == before


def test_the_rule_for_unknown_vehicles_is_chosen_on_photos_of_others(
    home: Path, photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # Given photos of one model as those of others, and as classes two halves of the other model
    chosen, others = home / "two", home / "others"
    for name, seeds in (("Skoda Citigo", range(6)), ("Skoda Up", range(6, 12))):
        (chosen / name).mkdir(parents=True)
        for seed in seeds:
            shutil.copy(photos / "Skoda Citigo" / f"{seed}.jpg", chosen / name)
    (others / "some").mkdir(parents=True)
    for seed in range(20):
        Image.fromarray(varied(PASSAT, seed)).save(others / "some" / f"{seed}.png")

    arguments = [str(chosen), "--name", "my-cars", "--only", "--unknown"]
    assert main([*arguments, str(others)]) == 0

    # Then the card has the figures of the half that nothing was chosen on
    card = (home / "models" / "my-cars" / "README.md").read_text("utf-8")
    assert re.search(r"Photos of other vehicles: \d of 10 still got a certain", card)
    assert "ONLY=yes UNKNOWN=others`" in card
    capsys.readouterr()

    # And a folder with too few vehicles, or none, is refused
    (others / "some" / "0.png").unlink()
    assert main([*arguments, str(others), "--force"]) == 2
    assert "A vehicle was found in 19 photos of" in capsys.readouterr().err
    assert main([*arguments, str(home / "nowhere"), "--force"]) == 2
    assert "is not a folder" in capsys.readouterr().err


@pytest.mark.slow
def test_classes_alone_then_more_added_to_them(
    home: Path, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main([str(photos), "--name", "two", "--only"]) == 0
    assert (home / "models" / "two" / "labels.txt").read_text("utf-8").splitlines() == [
        "Skoda Citigo\tSkoda\tCitigo\tcar",
        "Volkswagen Passat\tVolkswagen\tPassat\tcar",
    ]

    # When the result is the one to start from, with one of its classes and a new one
    more = home / "more"
    shutil.copytree(photos / "Skoda Citigo", more / "Skoda Citigo")
    shutil.copytree(photos / "Volkswagen Passat", more / "Volkswagen CC")
    monkeypatch.setenv("CARLENS_CLASSIFIER", "two")
    assert main([str(more), "--name", "three"]) == 0

    labels = (home / "models" / "three" / "labels.txt").read_text("utf-8").splitlines()
    assert [label.split("\t")[0] for label in labels] == [
        "Skoda Citigo",
        "Volkswagen Passat",
        "Volkswagen CC",
    ]


@pytest.mark.slow
def test_an_interrupted_run_continues_and_a_finished_one_is_not_overwritten(
    home: Path, photos: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Interrupted:
        """A log in which the user presses Ctrl+C at half of the photos."""

        def isatty(self) -> bool:
            return False

        def write(self, text: str) -> int:
            if text.startswith("12/24"):
                raise KeyboardInterrupt
            return len(text)

        def flush(self) -> None:
            """Keep nothing."""

    kept = home / "build" / "teach" / "my-cars" / "photos"
    with monkeypatch.context() as patched:
        patched.setattr(sys, "stderr", Interrupted())
        assert main([str(photos), "--name", "my-cars"]) == 130
    first = {path.name: path.stat().st_mtime_ns for path in kept.iterdir()}
    assert len(first) == 12
    assert not (home / "models" / "my-cars").exists()

    # When it is started again, with one damaged result and one for a photo that is gone
    damaged, *_ = first
    (kept / damaged).write_bytes(b"PK damaged")
    (kept / "gone.npz").write_bytes(b"")
    assert main([str(photos), "--name", "my-cars"]) == 0

    # Then only the other photos were analyzed
    second = {path.name: path.stat().st_mtime_ns for path in kept.iterdir()}
    assert len(second) == 24
    assert {name for name in first if second[name] == first[name]} == set(first) - {damaged}

    # And a third run refuses to overwrite the model, unless told so
    capsys.readouterr()
    assert main([str(photos), "--name", "my-cars"]) == 2
    assert "my-cars exists" in capsys.readouterr().err
    assert main([str(photos), "--name", "my-cars", "--force"]) == 0


def test_the_photos_are_checked(home: Path, photos: Path) -> None:
    # Given copies, a contradiction, a file that is no picture, a street without cars, and a box
    folder = home / "odd"
    shutil.copytree(photos, folder)
    skoda, passat = folder / "Skoda Citigo", folder / "Volkswagen Passat"
    Image.open(skoda / "0.jpg").save(skoda / "copy.png")
    shutil.copy(skoda / "1.jpg", passat / "stray.jpg")
    (skoda / "manual.pdf").write_bytes(b"%PDF-1.4")
    Image.new("RGB", (300, 200), "gray").save(skoda / "gray.png")
    (folder / "Fiat 500").mkdir()
    Image.open(SKODA).save(folder / "Fiat 500" / "one.png")

    assert main([str(folder), "--name", "my-cars"]) == 0

    work = home / "build" / "teach" / "my-cars"
    rows = [line.split(",") for line in (work / "report.csv").read_text("utf-8").splitlines()]
    found = {(row[0], Path(row[2]).name) for row in rows}
    assert found >= {
        ("Near-duplicate", "0.jpg"),
        ("Same photo in two classes", "1.jpg"),
        ("Same photo in two classes", "stray.jpg"),
        ("Unreadable file", "manual.pdf"),
        ("No vehicle found", "gray.png"),
        ("Too few photos", ""),
    }
    page = (work / "report.html").read_text("utf-8")
    assert page.count("data:image/jpeg;base64,") >= 4
    assert "On 23 held-out photos" in page
    assert (skoda / "manual.pdf").exists()


def test_boxes_of_a_csv_file(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    # Given boxes of which one is outside its photo
    lines = ["file,make,model,x1,y1,x2,y2"]
    for name, path in SOURCES.items():
        make, model = name.split()
        for seed in range(6):
            Image.fromarray(varied(path, seed)).save(home / f"{model}{seed}.png")
            lines.append(f"{model}{seed}.png,{make},{model},{10 + seed},20,400,250")
    lines.append("Citigo0.png,Skoda,Citigo,9000,0,9001,10")
    lines.append("missing.png,Skoda,Citigo,0,0,10,10")
    (home / "cars.csv").write_text("\n".join(lines))

    assert main([str(home / "cars.csv"), "--name", "my-cars", "--only"]) == 0

    labels = (home / "models" / "my-cars" / "labels.txt").read_text("utf-8").splitlines()
    assert [label.split("\t")[:3] for label in labels] == [
        ["Skoda Citigo", "Skoda", "Citigo"],
        ["Volkswagen Passat", "Volkswagen", "Passat"],
    ]
    report = (home / "build/teach/my-cars/report.csv").read_text("utf-8")
    assert "The box is outside the photo." in report
    assert "No such file or directory." in report


def test_photos_of_nothing(home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pdfs, grays = tmp_path / "pdfs", tmp_path / "grays"
    for name in ("Kia Rio", "Kia Picanto"):
        (pdfs / name).mkdir(parents=True)
        (grays / name).mkdir(parents=True)
        (pdfs / name / "a.pdf").write_bytes(b"%PDF-1.4")
        Image.new("RGB", (300, 200), "gray").save(grays / name / "a.png")

    assert main([str(pdfs), "--name", "my-cars"]) == 2
    assert "No file is a picture that Carlens can read" in capsys.readouterr().err
    assert main([str(grays), "--name", "my-cars"]) == 2
    message = capsys.readouterr().err
    assert "No vehicle was found in any photo" in message
    assert "report.html" in message
    assert (home / "build/teach/my-cars/report.html").exists()


def test_classes_of_one_car_each_cannot_be_told_apart(
    home: Path, photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in SOURCES:
        (home / "few" / name).mkdir(parents=True)
        shutil.copy(photos / name / "0.jpg", home / "few" / name / "0.jpg")

    assert main([str(home / "few"), "--name", "my-cars"]) == 2

    assert "Fewer than two classes have enough photos" in capsys.readouterr().err


def test_bad_input_gets_a_sentence(
    home: Path, photos: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def message(status: int, *arguments: str) -> str:
        assert main([str(photos), *arguments]) == status
        text = capsys.readouterr().err
        assert "Traceback" not in text
        return text

    (home / "file").write_text("")
    work = str(home / "file" / "work")
    assert "Not a directory" in message(1, "--name", "my-cars", "--work", work)
    assert "cannot be the name" in message(2, "--name", "My Cars")
    assert "this run uses" in message(2, "--name", Config.classifier, "--force")
    monkeypatch.setenv("CARLENS_THREADS", "many")
    assert "CARLENS_THREADS" in message(2, "--name", "my-cars")
    monkeypatch.delenv("CARLENS_THREADS")
    monkeypatch.setenv("CARLENS_CLASSIFIER", "nothing")
    assert "nothing: cannot read" in message(2, "--name", "my-cars")


def test_a_base_without_statistics_or_with_those_of_another_file(
    home: Path, photos: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # Given a copy of the classifier without its statistics
    base = home / "models" / "base"
    shutil.copytree(SHIPPED / Config.classifier, base)
    document = json.loads((base / "model.json").read_text("utf-8"))
    (base / "model.json").write_text(json.dumps({**document, "name": "base"}), "utf-8")
    (base / "statistics.npz").unlink()
    monkeypatch.setenv("CARLENS_CLASSIFIER", "base")

    # Then classes cannot be added, and can stand alone
    assert main([str(photos), "--name", "my-cars"]) == 2
    assert "base has no statistics.npz" in capsys.readouterr().err
    assert main([str(photos), "--name", "my-cars", "--only"]) == 0

    # And statistics that are damaged, or describe another file, are refused
    (base / "statistics.npz").write_bytes(b"damaged")
    assert main([str(photos), "--name", "other"]) == 2
    assert "statistics.npz cannot be read" in capsys.readouterr().err
    shutil.copy(home / "models" / "my-cars" / "statistics.npz", base / "statistics.npz")
    assert main([str(photos), "--name", "other"]) == 2
    assert "describes another model.onnx" in capsys.readouterr().err


def test_a_full_disk_gets_a_sentence(
    home: Path, photos: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(path: Path, data: bytes) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    monkeypatch.setattr(examples, "replace_file", full)

    assert main([str(photos), "--name", "my-cars"]) == 1
    assert ".npz: No space left on device. Nothing was overwritten." in capsys.readouterr().err


def test_a_missing_package_gets_a_sentence(
    home: Path, photos: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in [name for name in sys.modules if name.startswith("carlens.teach.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "torch", None)

    assert main([str(photos), "--name", "my-cars", "--full"]) == 1
    assert "torch is missing: pip install 'carlens[full]'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--epochs", "3"], "--epochs needs --full"),
        (["--full", "--epochs", "0"], "must be 1 to 1000, not 0"),
        (["--full", "--epochs", "many"], "invalid"),
    ],
)
def test_a_wrong_number_of_epochs_is_refused(
    options: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as exit_:
        main(["photos", "--name", "my-cars", *options])

    assert exit_.value.code == 2
    assert message in capsys.readouterr().err


def test_without_a_classifier_there_is_nothing_to_start_from(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CARLENS_CLASSIFIER", "none")

    assert main([str(home), "--name", "mine"]) == 2
    assert "There is no classifier to start from" in capsys.readouterr().err


def test_models_in_a_bucket_are_refused(
    photos: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("CARLENS_MODELS", "s3://bucket/models")
    folder = tmp_path / "empty"
    folder.mkdir()
    monkeypatch.chdir(folder)

    assert main([str(photos), "--name", "my-cars"]) == 2
    assert "CARLENS_MODELS is a bucket" in capsys.readouterr().err
    assert list(folder.iterdir()) == []


def test_help_explains_everything(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])

    text = capsys.readouterr().out
    for word in (
        "--unknown",
        "Renault/Clio",
        "file,make,model,x1,y1,x2,y2",
        "held_out",
        "--only",
        "--full",
        "--epochs",
        "--force",
        "report.html",
    ):
        assert word in text


@pytest.mark.slow
def test_a_killed_run_continues(
    home: Path,
    photos: Path,
    run_killed: Callable[..., str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    # Given a run that is killed after half of the photos
    arguments = [str(photos), "--name", "my-cars"]
    run_killed("12/24 photos", *arguments)
    kept = home / "build" / "teach" / "my-cars" / "photos"
    first = {path.name: path.stat().st_mtime_ns for path in kept.glob("*.npz")}
    assert len(first) == 12

    # When it is run again
    assert main(arguments) == 0

    # Then it goes on from there
    second = {path.name: path.stat().st_mtime_ns for path in kept.glob("*.npz")}
    assert {name: second[name] for name in first} == first
    assert len(second) == 24
    assert capsys.readouterr().out.splitlines()[-1].startswith("top-1=")
