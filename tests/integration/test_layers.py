"""The real layers, and Carlens on them alone: Python 3.13 with nothing else on its path."""

from __future__ import annotations

import hashlib
import json
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import pytest
from PIL import Image

from infra.layers import (
    HANDLER_MODULES,
    Architecture,
    FunctionName,
    LayerBuild,
    build_layers,
    stage_code,
)
from infra.layers.build import MAX_UNZIPPED, Recipe, build_layer
from infra.layers.bytecode import find_python
from infra.layers.contents import LAYERS, ROOT
from infra.layers.locks import read_lock
from infra.layers.tree import unzipped_size
from tests.support import SKODA, encode, event, missing, multipart_event, photo

pytestmark = pytest.mark.slow

ARCHITECTURES: tuple[Architecture, ...] = get_args(Architecture)
FUNCTIONS: tuple[FunctionName, ...] = get_args(FunctionName)

# Answers events as Lambda does: the function and its layers come first on the path, then the
# standard library, and there is no site-packages. Reports the files of modules from elsewhere.
ANSWER = """
import json, sys, sysconfig
name, *allowed = sys.argv[1:]
sys.path[:0] = allowed
handler = __import__(name)
answers = [handler.lambda_handler(event, None) for event in json.load(sys.stdin)]
allowed += [sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib")]
files = [getattr(module, "__file__", None) or "" for module in sys.modules.values()]
strangers = [f for f in files if f and not f.startswith(tuple(allowed)) or "site-packages" in f]
json.dump({"answers": answers, "strangers": strangers}, sys.stdout)
"""


@pytest.fixture(scope="module", params=ARCHITECTURES)
def of_each(request: pytest.FixtureRequest) -> dict[FunctionName, list[LayerBuild]]:
    """Build the layers of each function."""
    return {function: build_layers(request.param, function) for function in FUNCTIONS}


@pytest.fixture(scope="module")
def layers(of_each: dict[FunctionName, list[LayerBuild]]) -> list[LayerBuild]:
    """Return all layers, each once."""
    return list({build.name: build for each in of_each.values() for build in each}.values())


@pytest.fixture(scope="module")
def python() -> Path:
    found = find_python()
    if found is None:
        missing("no Python 3.13 on this machine")
    return found


Isolated = Callable[[FunctionName, str, list[dict[str, Any]]], dict[str, Any]]


@pytest.fixture(scope="module")
def isolated(python: Path, tmp_path_factory: pytest.TempPathFactory) -> Isolated:
    """Send events to a function's handler on its layers alone, in one process."""
    machines: dict[str, Architecture] = {"x86_64": "x86_64", "aarch64": "arm64"}
    if sys.platform != "linux" or platform.machine() not in machines:
        pytest.skip("the layers run on Linux, x86_64 or aarch64")

    def answer(function: FunctionName, module: str, events: list[dict[str, Any]]) -> dict[str, Any]:
        # In one folder, as Lambda merges them into /opt.
        opt = tmp_path_factory.mktemp("opt")
        for layer in build_layers(machines[platform.machine()], function):
            shutil.copytree(layer.path, opt, dirs_exist_ok=True)
        path = [str(ROOT / "lambda_src"), str(opt / "python")]
        done = subprocess.run(
            [str(python), "-I", "-S", "-B", "-c", ANSWER, module, *path],
            input=json.dumps(events),
            env={"CARLENS_THREADS": "2"},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        answered: dict[str, Any] = json.loads(done.stdout)
        statuses = {answer["statusCode"] for answer in answered["answers"]}
        assert statuses == {200}, answered["answers"]
        return answered

    return answer


PHOTO = Image.open(SKODA).convert("RGB")
PICTURES = {
    "skoda.jpg": encode(PHOTO, "JPEG", quality=92),
    "progressive.jpg": encode(PHOTO, "JPEG", quality=92, progressive=True),
    "cmyk.jpg": encode(PHOTO.convert("CMYK"), "JPEG", quality=92),
    "skoda.png": SKODA.read_bytes(),
    "palette.png": encode(PHOTO.quantize(256), "PNG"),
    "lossy.webp": encode(PHOTO, "WEBP", quality=90),
    "lossless.webp": encode(PHOTO, "WEBP", lossless=True),
    "skoda.gif": encode(PHOTO, "GIF"),
    "skoda.bmp": encode(PHOTO, "BMP"),
    "raw.tif": encode(PHOTO, "TIFF"),
    "lzw.tif": encode(PHOTO, "TIFF", compression="tiff_lzw"),
    "deflate.tif": encode(PHOTO, "TIFF", compression="tiff_adobe_deflate"),
    "jpeg.tif": encode(PHOTO, "TIFF", compression="jpeg"),
    "zstd.tif": encode(PHOTO, "TIFF", compression="zstd"),
}


@pytest.fixture(scope="module")
def answered(isolated: Isolated) -> dict[str, Any]:
    """Send the events of these tests to the recognition function."""
    pictures = [("image", (name, data, "image/any")) for name, data in PICTURES.items()]
    events = [
        multipart_event("/predict", [("image", photo())]),
        multipart_event("/object_detection", pictures, query={"format": "detailed"}),
        event("GET", "/openapi.json"),
        event("GET", "/"),
    ]
    return isolated("recognition", "handler", events)


def test_the_layers_alone_recognize_a_photo(answered: dict[str, Any]) -> None:
    [[*objects]] = json.loads(answered["answers"][0]["body"])
    largest = max(objects, key=lambda o: (o["x2"] - o["x1"]) * (o["y2"] - o["y1"]))
    assert largest["class_name"] == "car"
    assert largest["x2"] - largest["x1"] > PHOTO.width / 2
    assert len(largest["pred"]) == len(largest["prob"]) == 5


@pytest.mark.parametrize("name", PICTURES)
def test_the_layers_alone_read_every_format(answered: dict[str, Any], name: str) -> None:
    images = json.loads(answered["answers"][1]["body"])["images"]
    image = images[list(PICTURES).index(name)]
    assert (image["name"], image["error"]) == (name, None)
    assert (image["width"], image["height"]) == PHOTO.size
    assert "car" in [o["class_name"] for o in image["objects"]]


def test_the_layers_alone_answer_the_contract_and_the_page(answered: dict[str, Any]) -> None:
    contract = json.loads(answered["answers"][2]["body"])
    assert "/predict" in contract["paths"]
    assert "<html" in answered["answers"][3]["body"]


def test_only_the_layers_the_function_and_the_standard_library_ran(
    answered: dict[str, Any],
) -> None:
    assert answered["strangers"] == []


def test_the_catalog_layers_alone_match_names(isolated: Isolated) -> None:
    form = [("file", ("names.csv", b"make;model\nreneau;clioRT\n", "text/csv"))]
    events = [
        event("GET", "/norm/europe", query={"make": "renault", "model": "clio5portes turbo"}),
        multipart_event("/norm/europe", form),
    ]

    answered = isolated("catalog", "catalog_handler", events)

    found, rows = (answer["body"] for answer in answered["answers"])
    assert (json.loads(found)["make"], json.loads(found)["model"]) == ("Renault", "Clio")
    assert "Renault;Clio" in rows
    assert answered["strangers"] == []


def test_no_file_is_in_two_layers(layers: list[LayerBuild]) -> None:
    files = [
        path.relative_to(layer.path)
        for layer in layers
        for path in layer.path.rglob("*")
        if path.is_file()
    ]
    assert len(files) == len(set(files))


def test_the_sizes_of_layers_are_correct(layers: list[LayerBuild]) -> None:
    assert [unzipped_size(layer.path) for layer in layers] == [b.unzipped_bytes for b in layers]


def test_each_function_fits_and_the_catalog_function_is_small(
    of_each: dict[FunctionName, list[LayerBuild]],
) -> None:
    sizes = {name: sum(b.unzipped_bytes for b in builds) for name, builds in of_each.items()}

    for name, size in sizes.items():
        assert size + unzipped_size(stage_code(HANDLER_MODULES[name])) <= MAX_UNZIPPED
    assert sizes["catalog"] < 15_000_000


def test_every_prune_rule_still_saves_something(layers: list[LayerBuild]) -> None:
    saved: dict[str, int] = {}
    for build in layers:
        facts = json.loads((build.path.parent / "layer.json").read_text("utf-8"))
        saved |= facts["pruned_bytes"]
    rules = {rule.glob for layer in LAYERS for rule in layer.prune}
    assert {glob for glob, size in saved.items() if size > 0} == rules


def test_every_source_has_bytecode_that_python_3_13_accepts_unchecked(
    layers: list[LayerBuild], python: Path
) -> None:
    command = [str(python), "-c", "import importlib.util; print(importlib.util.MAGIC_NUMBER.hex())"]
    magic = bytes.fromhex(
        subprocess.run(command, capture_output=True, text=True, check=True).stdout
    )
    sources = [source for build in layers for source in build.path.rglob("*.py")]
    assert len(sources) > 300
    for source in sources:
        bytecode = source.parent / "__pycache__" / f"{source.stem}.cpython-313.pyc"
        content = bytecode.read_bytes()
        # PEP 552: flags 0b01 mean hash-based and unchecked.
        assert content[:8] == magic + (1).to_bytes(4, "little"), source
        assert b"/opt/python/" in content, source
        assert b".building-" not in content, source


@pytest.mark.usefixtures("layers")
def test_a_second_build_builds_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    # Given built layers
    before = {b.path: b.path.stat().st_ctime_ns for b in build_layers("x86_64", "recognition")}
    capsys.readouterr()

    # When they are needed again, with or without their content
    again = build_layers("x86_64", "recognition")
    placeholders = build_layers("x86_64", "recognition", bundle=False)

    # Then they are the same, with the same hashes
    assert {b.path: b.path.stat().st_ctime_ns for b in again} == before
    assert [b.asset_hash for b in placeholders] == [b.asset_hash for b in again]
    assert capsys.readouterr().err == ""


def test_two_builds_are_equal_byte_for_byte(tmp_path: Path) -> None:
    # Given the layer with the most Python files
    layer = next(layer for layer in LAYERS if layer.name == "base")
    locked = read_lock("x86_64")
    recipe = Recipe(layer, tuple(locked[p] for p in layer.packages), "x86_64", find_python())

    # When it is built in two places
    first, second = (build_layer(recipe, cache=tmp_path / name) for name in ("one", "two"))

    # Then every file has the same bytes, mode and time
    def described(root: Path) -> dict[str, tuple[str, int, int]]:
        return {
            str(path.relative_to(root)): (
                hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "",
                path.stat().st_mode,
                path.stat().st_mtime_ns,
            )
            for path in [root, *root.rglob("*")]
        }

    assert described(first.path) == described(second.path)
    assert replace(first, path=second.path) == second
