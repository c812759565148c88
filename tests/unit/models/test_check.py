"""`python -m carlens.models.check`: from an ONNX file to a checked model, or a clear refusal."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from carlens.config import Config
from carlens.models.check import main
from carlens.models.draft import DraftError, Port, guess_output
from carlens.models.repository import ModelRepository
from carlens.storage import FolderStorage
from tests.support import PASSAT

MODELS = Path(Config.models)
ROOT = Path(__file__).resolve().parents[3]
SIZE = (640, 640)
POINTS = 80 * 80 + 40 * 40 + 20 * 20

# Two boxes of an end-to-end YOLO, and padding.
FINAL = np.zeros((1, 5, 6), np.float32)
FINAL[0, :2] = [[64, 64, 320, 320, 0.9, 2], [400, 400, 500, 500, 0.8, 1]]


def constant_file(
    *outputs: tuple[str, NDArray[Any]], shape: Sequence[int | str] = (1, 3, 64, 64)
) -> bytes:
    """Build a model that gives the same outputs for every picture."""
    nodes = [helper.make_node("Identity", [f"{name}.value"], [name]) for name, _ in outputs]
    kinds = {np.dtype(np.float32): TensorProto.FLOAT, np.dtype(np.int64): TensorProto.INT64}
    graph = helper.make_graph(
        nodes,
        "made-up",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, list(shape))],
        [
            helper.make_tensor_value_info(name, kinds[value.dtype], list(value.shape))
            for name, value in outputs
        ],
        [numpy_helper.from_array(value, f"{name}.value") for name, value in outputs],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    data: bytes = model.SerializeToString()
    return data


def write(folder: Path, weights: bytes, name: str = "best.onnx") -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_bytes(weights)
    return path


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def refusal(*arguments: str | Path) -> str:
    with pytest.raises(SystemExit) as caught:
        main([str(argument) for argument in arguments])
    assert isinstance(caught.value.code, str)
    return caught.value.code


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in an empty folder, where pictures are saved."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "my-model"


# --- the shipped models ---


@pytest.mark.parametrize(
    ("name", "line", "count"),
    [
        (Config.detector, r"  0\.\d\d car at \d+, \d+, \d+, \d+", 1),
        (Config.classifier, r"  0\.\d\d \w.+", 5),
    ],
)
def test_a_shipped_model_is_checked(
    name: str, line: str, count: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "seen.png"
    before = (MODELS / name / "model.json").read_bytes()

    main([str(MODELS / name), "--photo", str(PASSAT), "--output", str(output)])

    said = capsys.readouterr().out
    assert f"{name} 1.0.0 fits its manifest." in said
    assert len(re.findall(rf"^{line}$", said, re.MULTILINE)) == count
    with Image.open(PASSAT) as photo, Image.open(output) as seen:
        assert seen.size == photo.size
        assert np.asarray(seen.convert("RGB")).tolist() != np.asarray(photo.convert("RGB")).tolist()
    assert (MODELS / name / "model.json").read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["seen.png"]


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        (Config.detector, {"task": "detect", "decoder": "ssd", "layout": "NHWC", "width": 300}),
        (
            Config.classifier,
            {"task": "classify", "decoder": "softmax", "layout": "NCHW", "width": 224},
        ),
    ],
)
def test_a_shipped_model_without_its_manifest_gets_a_draft(
    name: str, fields: dict[str, object], folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder.mkdir()
    shutil.copy(MODELS / name / "model.onnx", folder / "renamed.onnx")

    main([str(folder / "renamed.onnx")])

    # Then the guesses are those of the real manifest
    draft = json.loads((folder / "model.json").read_text("utf-8"))
    real = json.loads((MODELS / name / "model.json").read_text("utf-8"))
    found = {**draft, **draft["input"], **draft["output"]}
    assert {key: found[key] for key in fields} == fields
    assert draft["output"]["names"] == real["output"]["names"]
    assert (draft["sha256"], draft["bytes"]) == (real["sha256"], real["bytes"])
    assert (draft["name"], draft["file"]) == ("my-model", "renamed.onnx")
    # And the model can be used at once
    assert ModelRepository(FolderStorage(folder.parent)).manifest("my-model").labels
    assert (folder.parent / "build/check/my-model.png").is_file()
    assert not list(folder.glob("*.png"))
    assert "a draft" in capsys.readouterr().out


def test_a_classifiers_classes_are_numbered_and_coco_is_known(folder: Path) -> None:
    folder.mkdir()
    shutil.copy(MODELS / Config.classifier / "model.onnx", folder)
    main([str(folder)])
    assert (folder / "labels.txt").read_text("utf-8").splitlines()[::195] == [
        "class 0",
        "class 195",
    ]

    other = folder.parent / "detector"
    other.mkdir()
    shutil.copy(MODELS / Config.detector / "model.onnx", other)
    main([str(other)])
    labels = (MODELS / Config.detector / "labels.txt").read_text("utf-8")
    assert (other / "labels.txt").read_text("utf-8") == labels


# --- made-up models ---


def test_final_boxes_are_drawn_where_they_are(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # Given an end-to-end YOLO, its labels, and a photo as large as its input
    write(folder, constant_file(("output0", FINAL), shape=(1, 3, 640, 640)))
    (folder / "labels.txt").write_text("person\nbicycle\ncar\n")
    photo = folder.parent / "photo.png"
    Image.new("RGB", (640, 640)).save(photo)

    # When
    main([str(folder), "--photo", str(photo)])

    # Then
    said = capsys.readouterr().out
    assert "  images: tensor(float) [1, 3, 640, 640]" in said
    assert "  output0: tensor(float) [1, 5, 6]" in said
    assert "task detect, decoder yolo-end2end" in said
    assert "2 objects:\n  0.90 car at 64, 64, 320, 320\n  0.80 bicycle at 400, 400" in said
    with Image.open(photo.parent / "build/check/my-model.png") as seen:
        assert seen.getpixel((200, 64)) == (255, 0, 80)
        assert seen.getpixel((200, 320)) == (255, 0, 80)
        assert seen.getpixel((200, 200)) == (0, 0, 0)


def test_a_second_run_checks_the_manifest_and_keeps_it(folder: Path) -> None:
    path = write(folder, constant_file(("output0", FINAL)))
    main([str(path)])
    manifest = folder / "model.json"
    edited = json.loads(manifest.read_text("utf-8")) | {"license": "mine"}
    manifest.write_text(json.dumps(edited), "utf-8")

    main([str(path)])
    assert json.loads(manifest.read_text("utf-8"))["license"] == "mine"

    main([str(folder), "--force"])
    assert json.loads(manifest.read_text("utf-8"))["license"] == "unknown: please fill in"


def test_a_file_of_any_size_gets_the_first_size_that_works(folder: Path) -> None:
    write(folder, constant_file(("output0", FINAL), shape=("n", 3, "height", "width")))

    main([str(folder)])

    spec = json.loads((folder / "model.json").read_text("utf-8"))["input"]
    assert (spec["width"], spec["height"]) == SIZE


@pytest.mark.parametrize(("side", "fits"), [(224, True), (100, False)])
def test_sizes_are_tried(folder: Path, side: int, fits: bool) -> None:
    # Given a classifier that declares any size, and whose graph takes one
    sides = {"flat": np.array([1, 3 * side * side], np.int64), "last": np.array([1], np.int64)}
    graph = helper.make_graph(
        [
            helper.make_node("Reshape", ["images", "flat"], ["row"]),
            helper.make_node("ReduceMean", ["row", "last"], ["logits"]),
        ],
        "made-up",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, ["n", 3, "h", "w"])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, [1, 1])],
        [numpy_helper.from_array(value, name) for name, value in sides.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    write(folder, model.SerializeToString())

    if fits:
        main([str(folder)])
        spec = json.loads((folder / "model.json").read_text("utf-8"))["input"]
        assert (spec["width"], spec["height"]) == (side, side)
    else:
        assert "the model fails on a picture of (224, 224)" in refusal(folder)


def test_a_file_with_two_inputs_is_refused(folder: Path) -> None:
    model = onnx.load_from_string(constant_file(("output0", FINAL)))
    model.graph.input.append(helper.make_tensor_value_info("size", TensorProto.FLOAT, [1]))
    write(folder, model.SerializeToString())

    assert "it must have one input, the picture, but has 2" in refusal(folder)


def test_nan_of_a_classifier_is_reported(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(folder, constant_file(("logits", np.full((1, 3), np.nan, np.float32))))

    main([str(folder)])

    assert "does not give numbers" in capsys.readouterr().out


def zeros(*shape: int, kind: type[np.generic] = np.float32) -> NDArray[Any]:
    return np.zeros(shape, kind)


LOGITS = np.full((1, 300, 80), -3, np.float32)

GUESSES: list[tuple[list[NDArray[Any]], int | None, str, int | None, list[str]]] = [
    # (outputs, known labels, decoder, classes, the outputs in the decoder's order)
    ([zeros(1, 196)], None, "softmax", 196, ["a"]),
    ([zeros(1, 84, 8400)], None, "yolo", 80, ["a"]),
    ([zeros(1, 300, 6)], None, "yolo-end2end", None, ["a"]),
    ([zeros(1, POINTS, 85)], None, "yolox", 80, ["a"]),
    ([zeros(1, POINTS, 6)], None, "yolox", 1, ["a"]),
    ([zeros(1, POINTS + 100, 112)], None, "nanodet", 80, ["a"]),
    ([zeros(1, 100, 4), zeros(1, 100, 80)], None, "ssd", 80, ["a", "b"]),
    ([zeros(1, 100, 80), zeros(1, 100, 4)], None, "ssd", 80, ["b", "a"]),
    ([LOGITS, zeros(1, 300, 4)], None, "detr", 80, ["a", "b"]),
    ([zeros(1, 300, 4), LOGITS], 79, "detr", 79, ["b", "a"]),
    ([zeros(0, 4), zeros(0, kind=np.int64), zeros(0)], None, "torchvision", None, ["a", "b", "c"]),
    ([zeros(7), zeros(7, 4), zeros(7, kind=np.int64)], None, "torchvision", None, ["b", "c", "a"]),
]  # fmt: skip


@pytest.mark.parametrize(("values", "labels", "decoder", "classes", "order"), GUESSES)
def test_the_decoder_is_guessed_from_the_outputs(
    values: list[NDArray[Any]],
    labels: int | None,
    decoder: str,
    classes: int | None,
    order: list[str],
) -> None:
    guess = guess_output(ports(values), values, SIZE, labels)

    assert (guess.decoder, guess.classes) == (decoder, classes)
    assert guess.output["names"] == order


def test_a_softmax_detr_has_one_class_for_no_object() -> None:
    logits, boxes = np.full((1, 100, 92), -3, np.float32), zeros(1, 100, 4)

    guess = guess_output(ports([logits, boxes]), [logits, boxes], SIZE)

    assert (guess.output["activation"], guess.classes) == ("softmax", 91)


@pytest.mark.parametrize(
    "values",
    [
        [zeros(1, 25200, 85)],  # YOLO v5
        [zeros(1, 3, 8400)],
        [zeros(1, POINTS, 5)],
        [zeros(2, 196)],
        [zeros(1, 196, kind=np.int64)],
        [zeros(1, 100, 4), zeros(1, 99, 80)],
        [zeros(1, 100, 4), zeros(1, 100, 4)],
        [zeros(1, 100), zeros(1, 80)],
        [],
    ],
)
def test_outputs_that_no_decoder_takes_are_refused_with_their_shapes(
    values: list[NDArray[Any]],
) -> None:
    with pytest.raises(DraftError, match="no decoder fits the outputs") as caught:
        guess_output(ports(values), values, SIZE)

    assert all(str(list(value.shape)) in str(caught.value) for value in values)


def ports(values: Sequence[NDArray[Any]]) -> list[Port]:
    return [Port(name, "", ()) for name, _ in zip("abc", values, strict=False)]


@pytest.mark.parametrize("shape", [(1,), (1, 1)])
@pytest.mark.parametrize("score_first", [False, True])
def test_a_classifier_may_have_a_score_of_unknown_vehicles(
    shape: tuple[int, ...], score_first: bool
) -> None:
    values = [np.zeros((1, 196), np.float32), np.zeros(shape, np.float32)]
    if score_first:
        values.reverse()

    guess = guess_output(ports(values), values, SIZE)

    logits, score = "ba" if score_first else "ab"
    assert guess.output == {"decoder": "softmax", "names": [logits]}
    assert (guess.classes, guess.score) == (196, score)


def test_a_draft_tells_of_the_score_and_a_check_of_what_is_certain(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # Given a classifier that is sure of its second class
    logits = ("logits", np.array([[0, 9, 0]], np.float32))
    path = write(folder, constant_file(logits, ("far", np.array([7], np.float32))))

    main([str(path)])

    said = capsys.readouterr().out
    assert "Output far may be the score of unknown vehicles" in said
    assert "Certain: class 1" in said

    # When the score is used, and is above its threshold
    document = json.loads((folder / "model.json").read_text("utf-8"))
    document["calibration"] = {
        "thresholds": {"make": 0.5, "model": 0.5, "name": 0.5},
        "unknown": {"output": "far", "threshold": 6.9},
    }
    (folder / "model.json").write_text(json.dumps(document), "utf-8")
    main([str(folder)])

    # Then nothing is certain
    assert "Certain: nothing" in capsys.readouterr().out


# --- refusals ---


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "is empty"),
        (b"%PDF-1.7 and more", "is not an ONNX file, but a PDF"),
        (b"PK\x03\x04zip", "must be exported to ONNX"),
        (b"\x89PNG\r\n", "a PNG picture"),
        (b"version https://git-lfs.github.com/spec/v1", "git lfs pull"),
        (b"what is this?", "is not a usable ONNX file: ONNX Runtime"),
    ],
)
def test_what_is_no_model_is_named(folder: Path, content: bytes, expected: str) -> None:
    path = write(folder, content)

    message = refusal(path)

    assert expected in message
    assert message.startswith(str(path))
    assert names_in(folder) == [path.name]


def test_a_path_without_a_model_is_refused(tmp_path: Path) -> None:
    assert "does not exist; name an ONNX file or" in refusal(tmp_path / "nowhere.onnx")
    assert "has no ONNX file" in refusal(tmp_path)

    (tmp_path / "paper.pdf").write_bytes(b"%PDF")
    assert "has no ONNX file" in refusal(tmp_path)

    for name in ("a.onnx", "b.onnx"):
        write(tmp_path, b"", name)
    assert "name one of a.onnx, b.onnx" in refusal(tmp_path)


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((1, 1, 64, 64), "three channels"),
        ((1, 64), "four axes"),
        ((1, 3, 64, 64, 3), "four axes"),
    ],
)
def test_an_input_that_is_no_picture_is_refused(
    folder: Path, shape: tuple[int, ...], expected: str
) -> None:
    write(folder, constant_file(("output0", FINAL), shape=shape))

    assert expected in refusal(folder)
    assert names_in(folder) == ["best.onnx"]


def test_outputs_that_cannot_be_guessed_are_refused(folder: Path) -> None:
    write(folder, constant_file(("output0", zeros(1, 25200, 85))))

    message = refusal(folder)

    assert "no decoder fits the outputs, for one picture output0 [1, 25200, 85]" in message
    assert not (folder / "model.json").exists()


def test_a_manifest_that_does_not_fit_is_refused_by_the_field(folder: Path) -> None:
    write(folder, constant_file(("logits", zeros(1, 3))))
    (folder / "labels.txt").write_text("car\ntruck\n")

    assert "labels has 2 classes" in refusal(folder)


def test_a_manifest_of_another_file_is_kept(folder: Path) -> None:
    write(folder, constant_file(("logits", zeros(1, 3))))
    main([str(folder)])
    other = write(folder, constant_file(("output0", FINAL)), "other.onnx")

    assert "describes another file" in refusal(other)

    (folder / "best.onnx").unlink()
    assert "names best.onnx, which does not exist" in refusal(folder)
    (folder / "model.json").write_text("{")
    assert "is not JSON" in refusal(other)
    (folder / "model.json").write_text("[]")
    assert "describes another file" in refusal(other)


def test_a_photo_that_cannot_be_read_is_refused(folder: Path) -> None:
    path = write(folder, constant_file(("output0", FINAL)))

    assert "nowhere.jpg does not exist" in refusal(path, "--photo", folder / "nowhere.jpg")
    assert "cannot be used" in refusal(path, "--photo", path)


def test_an_output_is_not_replaced(folder: Path) -> None:
    path = write(folder, constant_file(("output0", FINAL)))
    kept = folder / "kept.png"
    kept.write_bytes(b"mine")

    assert "kept.png exists; replace it with --force" in refusal(path, "--output", kept)
    assert kept.read_bytes() == b"mine"
    assert "suffix of a picture" in refusal(path, "--output", folder / "kept.txt")
    assert "No such file" in refusal(path, "--output", folder / "nowhere" / "a.png")
    main([str(path), "--output", str(kept), "--force"])
    assert kept.read_bytes() != b"mine"


def test_it_runs_as_a_command(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "carlens.models.check", str(tmp_path / "no.onnx")]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "lambda_src")}

    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.endswith(
        "no.onnx does not exist; name an ONNX file or the folder of a model.\n"
    )
    assert done.stderr.count("\n") == 1


def test_the_functions_do_not_import_it() -> None:
    code = (
        "import sys, carlens.functions.recognition, carlens.functions.catalog;"
        "print([m for m in sys.modules if m.startswith(('carlens.cli', 'carlens.models.check', "
        "'carlens.models.draft', 'PIL.ImageDraw'))])"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "lambda_src")}

    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )

    assert done.stdout.strip() == "[]"
