"""What goes into the layers, and when they are built: on tiny wheels, without a network."""

from __future__ import annotations

import os
import re
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest

from infra.layers import Architecture, Function, LayerBuild, LayerError, build_layers, interpreter
from infra.layers.build import MAX_UNZIPPED, MAX_ZIPPED, Recipe, built, check_sizes
from infra.layers.contents import LAYERS, Layer, Prune, asset_hash
from infra.layers.interpreter import find_python
from infra.layers.locks import check_lock, read_lock
from infra.layers.tree import settle, unpack, unzipped_size, zipped_size

ARCHITECTURES: tuple[Architecture, ...] = get_args(Architecture)
FUNCTIONS: tuple[Function, ...] = get_args(Function)
TOY = Layer("toy", ("toy",), (Prune("*/tests/*", "tests"), Prune("*.pyi", "stubs")), ("catalog",))
LOCKED = ("toy==1.0 --hash=sha256:00",)


def write_wheel(path: Path, *files: str) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name in files:
            archive.writestr(name, f"# {name}\n")
    return path


def files_of(tree: Path) -> list[str]:
    return sorted(p.relative_to(tree).as_posix() for p in tree.rglob("*") if p.is_file())


class Registry:
    """A registry in memory with one wheel, which counts how often it is asked."""

    def __init__(self, *files: str, then: Callable[[], object] = lambda: None) -> None:
        self.files = files or ("toy/__init__.py", "toy/__init__.pyi", "toy/tests/test_toy.py")
        self.then = then
        self.asked: list[tuple[list[str], Architecture]] = []

    def fetch(self, locked: list[str], architecture: Architecture, folder: Path) -> None:
        self.asked.append((locked, architecture))
        write_wheel(folder / "toy-1.0-py3-none-any.whl", *self.files)
        self.then()


def recipe(locked: tuple[str, ...] = LOCKED) -> Recipe:
    return Recipe(TOY, locked, "x86_64", python=None)


# Locks


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_the_lock_names_one_wheel_of_each_package_of_the_layers(architecture: Architecture) -> None:
    locked = read_lock(architecture)
    assert sorted(locked) == sorted(p for layer in LAYERS for p in layer.packages)
    assert [line.count("--hash=sha256:") for line in locked.values()] == [1] * len(locked)


def test_an_architecture_without_a_lock_is_told_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(LayerError, match=r"no lock file for arm64: run `make lock`"):
        read_lock("arm64", locks=tmp_path)


PACKAGES = sorted(package for layer in LAYERS for package in layer.packages)
ASKED = "".join(f"{package}==1.0\n" for package in PACKAGES)
LOCK = "".join(f"{package}==1.0 --hash=sha256:ab\n" for package in PACKAGES)


def test_names_are_compared_as_the_registry_compares_them() -> None:
    requirements = ASKED.replace("pillow", "Pillow").replace("opencv-python", "OpenCV_Python")
    check_lock(f"# why\n\n{requirements}".replace("1.0\n", "1.0  # why\n"), LOCK, "x.txt")


@pytest.mark.parametrize("line", ["numpy>=2", "numpy", "numpy==2.*", "-r more.txt", "a==1; x=='y'"])
def test_what_is_not_pinned_is_refused(line: str) -> None:
    with pytest.raises(LayerError, match=f"change `{re.escape(line)}`"):
        check_lock(ASKED + line, LOCK, "x.txt")


@pytest.mark.parametrize(
    ("requirements", "lock", "says"),
    [
        (ASKED.replace("numpy==1.0", "numpy==2.0"), LOCK, r"\(numpy\): run `make lock`"),
        (ASKED + "new==1.0\n", LOCK, r"\(new\): run `make lock`"),
        (ASKED.replace("numpy==1.0\n", ""), LOCK, r"\(numpy\): run `make lock`"),
        (ASKED, "", r"\(idna, multipart, numpy, .*\): run `make lock`"),
        (ASKED, LOCK.replace("numpy==1.0 --hash=sha256:ab", "numpy==1.0"), "no hash for numpy"),
        (ASKED + "new==1.0\n", LOCK + "new==1.0 --hash=sha256:ab\n", "exactly one layer.*look at new"),
    ],
)  # fmt: skip
def test_a_lock_that_does_not_fit_is_refused(requirements: str, lock: str, says: str) -> None:
    with pytest.raises(LayerError, match=says):
        check_lock(requirements, lock, "x86_64.txt")


# What is pruned


@pytest.mark.parametrize(
    "path",
    [
        "cv2/data/haarcascade_eye.xml",
        "numpy/_core/tests/data/umath-validation-set-log.csv",
        "numpy/__init__.pyi",
        "numpy/_core/include/numpy/ndarraytypes.h",
        "onnxruntime/capi/libonnxruntime.so.1.32.0",
        "onnxruntime/tools/symbolic_shape_infer.py",
        "PIL/_avif.cpython-313-aarch64-linux-gnu.so",
        "pillow.libs/libavif-c6062d5f.so.16.4.2",
        "numpy-2.4.6.dist-info/RECORD",
    ],
)
def test_what_never_runs_is_pruned(path: str) -> None:
    assert any(layer.rule_for(path) for layer in LAYERS)


@pytest.mark.parametrize(
    "path",
    [
        "cv2/cv2.abi3.so",
        "cv2/data/__init__.py",
        "opencv_python_headless.libs/libavcodec-76c43bf0.so.59.37.100",
        "onnxruntime/capi/libonnxruntime_providers_shared.so",
        "onnxruntime/capi/onnxruntime_pybind11_state.cpython-313-x86_64-linux-gnu.so",
        "numpy/testing/__init__.py",
        "numpy/lib/_npyio_impl.py",
        "numpy.libs/libscipy_openblas64_-32a4b2a6.so",
        "PIL/AvifImagePlugin.py",
        "PIL/_webp.cpython-313-x86_64-linux-gnu.so",
        "pillow.libs/libtiff-20b7e810.so.6.3.0",
        "pillow-13.0.0.dist-info/licenses/LICENSE",
        "opencv_python_headless-4.11.0.86.dist-info/METADATA",
    ],
)
def test_what_runs_and_what_the_licenses_ask_for_stays(path: str) -> None:
    assert [layer.rule_for(path) for layer in LAYERS] == [None] * len(LAYERS)


# What decides a layer's hash


def test_the_hash_changes_with_all_that_decides_the_content(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Given the hash of a layer
    def named(layer: Layer = TOY, bytecode: bool = True, arch: Architecture = "x86_64") -> str:
        return asset_hash(layer, LOCKED, arch, bytecode=bytecode)

    first = named()

    # When one thing at a time is another
    others = [
        named(bytecode=False),
        named(arch="arm64"),
        named(replace(TOY, prune=TOY.prune[:1])),
        asset_hash(TOY, ("toy==1.1 --hash=sha256:00",), "x86_64", bytecode=True),
    ]
    monkeypatch.setattr("infra.layers.contents.BUILDER_VERSION", -1)
    others.append(named())

    # Then so is the hash
    assert len({first, *others}) == 1 + len(others)


def test_the_hash_leaves_out_what_changes_no_file() -> None:
    prune = tuple(Prune(rule.glob, "?") for rule in TOY.prune)
    reworded = replace(TOY, name="other", prune=prune, functions=("recognition",))
    two = (*LOCKED, "more==1.0 --hash=sha256:11")
    assert asset_hash(TOY, two, "arm64", bytecode=True) == asset_hash(
        reworded, two[::-1], "arm64", bytecode=True
    )


# Wheels and trees


def test_a_wheel_is_unpacked_without_what_is_pruned(tmp_path: Path) -> None:
    wheel = write_wheel(tmp_path / "a.whl", "toy/a.py", "toy/a.pyi", "toy/tests/b.py", "toy.libs/c")
    pruned = unpack(wheel, tmp_path / "out", TOY)
    assert files_of(tmp_path / "out") == ["toy.libs/c", "toy/a.py"]
    assert pruned == {"*.pyi": len("# toy/a.pyi\n"), "*/tests/*": len("# toy/tests/b.py\n")}


def test_a_wheel_cannot_write_outside_the_layer(tmp_path: Path) -> None:
    wheel = write_wheel(tmp_path / "a.whl", "../../escaped.py", "/escaped.py")
    unpack(wheel, tmp_path / "deep" / "out", TOY)
    assert files_of(tmp_path) == ["a.whl", "deep/out/escaped.py"]


def test_a_wheel_that_needs_an_installer_is_refused(tmp_path: Path) -> None:
    wheel = write_wheel(tmp_path / "a.whl", "toy-1.0.data/purelib/toy.py")
    with pytest.raises(LayerError, match=r"a\.whl has toy-1\.0\.data/purelib/toy\.py"):
        unpack(wheel, tmp_path, TOY)


def test_two_wheels_with_one_file_are_refused(tmp_path: Path) -> None:
    unpack(write_wheel(tmp_path / "a.whl", "bin/tool"), tmp_path / "out", TOY)
    with pytest.raises(LayerError, match=r"b\.whl has bin/tool, and so has another"):
        unpack(write_wheel(tmp_path / "b.whl", "bin/tool"), tmp_path / "out", TOY)


def test_a_settled_tree_tells_nothing_of_when_and_how_it_was_made(tmp_path: Path) -> None:
    # Given the same files with other modes, made in another order
    for tree, order in (("one", ("a/x.so", "b.py")), ("two", ("b.py", "a/x.so"))):
        for name in order:
            path = tmp_path / tree / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(name)
            path.chmod(0o700 if tree == "two" else 0o666)

    # When both are settled
    def told(tree: Path) -> dict[str, tuple[int, int]]:
        settle(tree)
        seen = {p: p.stat() for p in [tree, *tree.rglob("*")]}
        return {str(p.relative_to(tree)): (s.st_mode, s.st_mtime_ns) for p, s in seen.items()}

    # Then they are alike
    assert told(tmp_path / "one") == told(tmp_path / "two")


def test_the_zipped_size_is_that_of_the_zip(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    (tree / "python").mkdir(parents=True)
    (tree / "python" / "flat").write_bytes(bytes(1_000_000))
    (tree / "python" / "noise").write_bytes(os.urandom(100_000))
    with zipfile.ZipFile(tmp_path / "real.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("python/flat", "python/noise"):
            archive.write(tree / name, name)
    streamed_more = 2 * 16  # a data descriptor a file
    assert zipped_size(tree) == (tmp_path / "real.zip").stat().st_size + streamed_more
    assert unzipped_size(tree) == 1_100_000


# Building and the cache


def test_a_layer_is_built_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    # Given a layer that was built, line by line on stderr
    registry = Registry()
    first = built(recipe(), cache=tmp_path, fetch=registry.fetch)
    told = capsys.readouterr()
    assert told.out == ""
    assert all(line.startswith("layer toy: ") for line in told.err.splitlines())
    assert "downloading toy==1.0\n" in told.err

    # When it is wanted again
    second = built(recipe(), cache=tmp_path, fetch=registry.fetch)

    # Then the registry is not asked, and nothing is said
    assert registry.asked == [(list(LOCKED), "x86_64")]
    assert second == first
    assert files_of(first.path) == ["python/toy/__init__.py"]
    assert first.unzipped_bytes == len("# toy/__init__.py\n")
    assert 0 < first.zipped_bytes < 500
    assert capsys.readouterr().err == ""


def test_another_lock_is_another_layer_beside_it(tmp_path: Path) -> None:
    registry = Registry()
    first = built(recipe(), cache=tmp_path, fetch=registry.fetch)
    second = built(recipe(("toy==1.1 --hash=sha256:11",)), cache=tmp_path, fetch=registry.fetch)
    assert first.path != second.path
    assert first.asset_hash != second.asset_hash
    assert first.path.is_dir()
    assert len(registry.asked) == 2


def test_an_interrupted_build_is_never_taken_for_a_whole_one(tmp_path: Path) -> None:
    # Given a build that is stopped in its middle
    def stop() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        built(recipe(), cache=tmp_path, fetch=Registry(then=stop).fetch)
    assert list(tmp_path.iterdir()) == []

    # When it is built again, then it is whole
    again = Registry()
    assert files_of(built(recipe(), cache=tmp_path, fetch=again.fetch).path)
    assert len(again.asked) == 1


def test_a_killed_build_leaves_nothing_that_is_used(tmp_path: Path) -> None:
    # Given what a build leaves that had no time to clean up
    (tmp_path / ".building-xyz" / "whole" / "content" / "python").mkdir(parents=True)
    registry = Registry()
    assert files_of(built(recipe(), cache=tmp_path, fetch=registry.fetch).path)
    assert len(registry.asked) == 1


def test_two_builds_at_once_share_one_result(tmp_path: Path) -> None:
    # Given another build that is done while this one downloads
    quick = Registry()
    slow = Registry(then=lambda: built(recipe(), cache=tmp_path, fetch=quick.fetch))

    # When this one is done too
    build = built(recipe(), cache=tmp_path, fetch=slow.fetch)

    # Then there is one layer, whole, and no rest
    assert [p.name for p in tmp_path.iterdir()] == [build.path.parent.name]
    assert files_of(build.path) == ["python/toy/__init__.py"]


# Sizes


def layer_of(unzipped: int, zipped: int, name: str = "opencv") -> LayerBuild:
    return LayerBuild(name, Path(), unzipped, zipped, "00")


def test_layers_that_just_fit_are_taken() -> None:
    check_sizes([layer_of(MAX_UNZIPPED - 1000, MAX_ZIPPED)], code_bytes=1000)


def test_too_many_bytes_unzipped_are_refused_with_the_table() -> None:
    builds = [layer_of(MAX_UNZIPPED - 1000, 48_000_000), layer_of(1, 1, "base")]
    with pytest.raises(LayerError) as refused:
        check_sizes(builds, code_bytes=1000)
    summary, *table = str(refused.value).splitlines()
    assert "all together are 1 bytes too large unzipped" in summary
    assert [line.split() for line in table] == [
        ["unzipped", "zipped"],
        ["opencv", "262,143,000", "48,000,000"],
        ["base", "1", "1"],
        ["code", "1,000"],
        ["all", "262,144,001"],
        ["allowed", "262,144,000", "52,428,800", "each"],
    ]


def test_a_layer_too_large_zipped_is_refused_by_name() -> None:
    builds = [layer_of(1, 1, "base"), layer_of(1, MAX_ZIPPED + 7)]
    with pytest.raises(LayerError, match="layer opencv is 7 bytes too large zipped"):
        check_sizes(builds, code_bytes=0)


# What the stacks ask for


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_placeholders_have_the_names_of_the_layers_and_a_folder(
    architecture: Architecture, function: Function
) -> None:
    builds = build_layers(architecture, function, bundle=False)
    assert [b.name for b in builds] == [each.name for each in LAYERS if function in each.functions]
    assert len(builds) <= 5, "Lambda takes five layers"
    assert all((b.path / "python").is_dir() and unzipped_size(b.path) < 100 for b in builds)
    assert len({b.asset_hash for b in builds}) == len(builds)


def test_a_function_carries_what_it_runs_and_not_what_the_other_runs() -> None:
    carried = {
        function: {p for layer in LAYERS if function in layer.functions for p in layer.packages}
        for function in FUNCTIONS
    }

    assert carried["catalog"] == {"multipart", "pybase64", "rapidfuzz"}
    assert carried["recognition"] == {*PACKAGES} - {"rapidfuzz"}


def test_each_architecture_has_its_own_hashes() -> None:
    x86_64, arm64 = (
        {b.asset_hash for b in build_layers(architecture, "recognition", bundle=False)}
        for architecture in ARCHITECTURES
    )
    assert not x86_64 & arm64


# The Python that makes bytecode


@pytest.fixture
def fresh_search() -> Iterator[None]:
    find_python.cache_clear()
    yield
    find_python.cache_clear()


@pytest.mark.usefixtures("fresh_search")
def test_a_machine_without_the_right_python_is_told_once_what_it_costs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # Given a machine whose Pythons are all of another version
    monkeypatch.setattr(interpreter, "_output", lambda *command: "cpython-312\npython3.12")

    # When the layers are wanted twice
    builds = [build_layers("x86_64", "catalog", bundle=False) for _ in range(2)]

    # Then they are other layers than with bytecode, and it is said once
    assert builds[0] == builds[1]
    assert capsys.readouterr().err.count("no Python 3.13 on this machine") == 1
    locked = read_lock("x86_64")
    assert [b.asset_hash for b in builds[0]] == [
        asset_hash(layer, [locked[p] for p in layer.packages], "x86_64", bytecode=False)
        for layer in LAYERS
        if "catalog" in layer.functions
    ]
