"""What the layers contain and when they are built, with tiny wheels and without a network."""

from __future__ import annotations

import re
import stat
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import get_args

import pytest

from infra.layers import Architecture, FunctionName, LayerBuild, LayerError, build_layers, bytecode
from infra.layers.build import MAX_UNZIPPED, Recipe, build_layer, check_sizes
from infra.layers.bytecode import find_python
from infra.layers.contents import LAYERS, Layer, Prune
from infra.layers.locks import check_lock, read_lock
from infra.layers.tree import prune, settle, unzipped_size
from infra.layers.wheels import install, resolve

ARCHITECTURES: tuple[Architecture, ...] = get_args(Architecture)
FUNCTIONS: tuple[FunctionName, ...] = get_args(FunctionName)
TOY = Layer("toy", ("toy",), (Prune("*/tests/*", "tests"), Prune("*.pyi", "stubs")), ("catalog",))
LOCKED = ("toy==1.0 --hash=sha256:00",)


def write_files(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"# {name}\n")


def files_of(tree: Path) -> list[str]:
    return sorted(p.relative_to(tree).as_posix() for p in tree.rglob("*") if p.is_file())


class Installer:
    """An installer with one package in memory, which counts its calls."""

    def __init__(self, then: Callable[[], object] = lambda: None) -> None:
        self.then = then
        self.calls: list[tuple[Sequence[str], Architecture]] = []

    def install(self, locked: Sequence[str], architecture: Architecture, target: Path) -> None:
        self.calls.append((locked, architecture))
        write_files(target, "toy/__init__.py", "toy/__init__.pyi", "toy/tests/test_toy.py")
        self.then()


def recipe(locked: tuple[str, ...] = LOCKED) -> Recipe:
    return Recipe(TOY, locked, "x86_64", python=None)


# Locks


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_the_lock_has_one_wheel_of_each_package_in_the_layers(architecture: Architecture) -> None:
    locked = read_lock(architecture)
    assert sorted(locked) == sorted(p for layer in LAYERS for p in layer.packages)
    assert [line.count("--hash=sha256:") for line in locked.values()] == [1] * len(locked)


def test_a_missing_lock_is_reported_with_the_command_that_makes_it(tmp_path: Path) -> None:
    with pytest.raises(LayerError, match=r"no lock file for arm64: run `make lock`"):
        read_lock("arm64", locks=tmp_path)


PACKAGES = sorted(package for layer in LAYERS for package in layer.packages)
REQUIREMENTS = "".join(f"{package}==1.0\n" for package in PACKAGES)
LOCK = "".join(f"{package}==1.0 --hash=sha256:ab\n" for package in PACKAGES)


def test_names_are_normalized_before_they_are_compared() -> None:
    requirements = REQUIREMENTS.replace("pillow", "Pillow").replace(
        "opencv-python", "OpenCV_Python"
    )
    check_lock(f"# why\n\n{requirements}".replace("1.0\n", "1.0  # why\n"), LOCK, "x.txt")


@pytest.mark.parametrize("line", ["numpy>=2", "numpy", "numpy==2.*", "-r more.txt", "a==1; x=='y'"])
def test_an_unpinned_requirement_is_refused(line: str) -> None:
    with pytest.raises(LayerError, match=f"change `{re.escape(line)}`"):
        check_lock(REQUIREMENTS + line, LOCK, "x.txt")


@pytest.mark.parametrize(
    ("requirements", "lock", "says"),
    [
        (REQUIREMENTS.replace("numpy==1.0", "numpy==2.0"), LOCK, r"\(numpy\): run `make lock`"),
        (REQUIREMENTS + "new==1.0\n", LOCK, r"\(new\): run `make lock`"),
        (REQUIREMENTS.replace("numpy==1.0\n", ""), LOCK, r"\(numpy\): run `make lock`"),
        (REQUIREMENTS, "", r"\(anyascii, idna, numpy, .*\): run `make lock`"),
        (REQUIREMENTS + "new==1.0\n", LOCK + "new==1.0 --hash=sha256:ab\n", "exactly one layer.*check new"),
    ],
)  # fmt: skip
def test_a_lock_that_does_not_match_is_refused(requirements: str, lock: str, says: str) -> None:
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
        "PIL/_imagingtk.cpython-313-aarch64-linux-gnu.so",
        "numpy-2.4.6.dist-info/RECORD",
        "bin/f2py",
    ],
)
def test_files_that_never_run_are_pruned(path: str) -> None:
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
        "PIL/_avif.cpython-313-aarch64-linux-gnu.so",
        "pillow.libs/libavif-c6062d5f.so.16.4.2",
        "pi_heif.libs/libheif-7a3e919c.so.1.23.0",
        "pi_heif-1.4.0.dist-info/licenses/LICENSES_bundled.txt",
        "simplejpeg-1.9.0.dist-info/licenses/LICENSE",
        "PIL/_webp.cpython-313-x86_64-linux-gnu.so",
        "pillow.libs/libtiff-20b7e810.so.6.3.0",
        "pillow-13.0.0.dist-info/licenses/LICENSE",
        "opencv_python_headless-4.11.0.86.dist-info/METADATA",
    ],
)
def test_files_that_run_and_those_that_licenses_require_are_kept(path: str) -> None:
    assert [layer.rule_for(path) for layer in LAYERS] == [None] * len(LAYERS)


# What determines the hash of a layer


def test_the_hash_changes_with_everything_that_determines_the_content(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Given the hash of a recipe
    given = Recipe(TOY, LOCKED, "x86_64", python=Path("python3.13"))
    first = given.asset_hash

    # When one input at a time changes
    others = [
        replace(given, layer=replace(TOY, prune=TOY.prune[:1])).asset_hash,
        replace(given, locked=("toy==1.1 --hash=sha256:00",)).asset_hash,
        replace(given, architecture="arm64").asset_hash,
        replace(given, python=None).asset_hash,
    ]
    monkeypatch.setattr("infra.layers.build.BUILDER_VERSION", -1)
    others.append(given.asset_hash)

    # Then so does the hash
    assert len({first, *others}) == 1 + len(others)


def test_the_hash_ignores_changes_that_affect_no_file() -> None:
    prune = tuple(Prune(rule.glob, "?") for rule in TOY.prune)
    reworded = replace(TOY, name="other", prune=prune, functions=("recognition",))
    two = (*LOCKED, "more==1.0 --hash=sha256:11")

    one_machine = Recipe(TOY, two, "arm64", python=Path("/usr/bin/python3.13"))
    another = Recipe(reworded, two[::-1], "arm64", python=Path("/opt/python3.13"))

    assert one_machine.asset_hash == another.asset_hash


# Wheels


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder that uv uses in place of the package registry."""
    folder = tmp_path / "registry"
    folder.mkdir()
    monkeypatch.setenv("UV_NO_INDEX", "1")
    monkeypatch.setenv("UV_FIND_LINKS", str(folder))
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "cache"))
    return folder


def publish(
    registry: Path,
    name: str,
    *files: str,
    tag: str = "py3-none-any",
    link: str | None = None,
    scripts: str = "",
) -> str:
    """Write a wheel, and return its line in a lock file."""
    path = registry / f"{name}-1.0-{tag}.whl"
    info = f"{name}-1.0.dist-info"
    contents = {
        **{file: f"# {file} of {name}\n" for file in files},
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n",
        f"{info}/WHEEL": f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {tag}\n",
        f"{info}/entry_points.txt": scripts,
    }
    record = "".join(f"{file},,\n" for file in [*contents, f"{info}/RECORD"])
    with zipfile.ZipFile(path, "w") as archive:
        for file, text in {**contents, f"{info}/RECORD": record}.items():
            archive.writestr(zipfile.ZipInfo(file), text)
        if link is not None:
            entry = zipfile.ZipInfo(link)
            entry.create_system = 3  # Unix, so that the file mode is used
            entry.external_attr = (stat.S_IFLNK | 0o777) << 16
            archive.writestr(entry, "/etc/passwd")
    return f"{name}==1.0 --hash=sha256:{sha256(path.read_bytes()).hexdigest()}"


MANYLINUX = {"x86_64": "manylinux_2_28_x86_64", "arm64": "manylinux_2_17_aarch64"}


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_wheel_for_lambda_is_installed_on_any_machine(
    architecture: Architecture, registry: Path, tmp_path: Path
) -> None:
    # Given wheels for another Python, for another machine, and for Lambda
    publish(registry, "toy", "wrong.so", tag="cp312-cp312-manylinux_2_28_x86_64")
    publish(registry, "toy", "wrong.so", tag="cp313-cp313-macosx_11_0_arm64")
    tag = f"cp313-cp313-{MANYLINUX[architecture]}"
    line = publish(registry, "toy", "toy/a.so", "toy.libs/b", tag=tag)

    # When the package is installed
    install([line], architecture, tmp_path / "out")

    # Then only the files of the right wheel are there, without those that uv adds
    info = ("METADATA", "RECORD", "WHEEL", "entry_points.txt")
    expected = ["toy/a.so", "toy.libs/b", *(f"toy-1.0.dist-info/{name}" for name in info)]
    assert files_of(tmp_path / "out") == sorted(expected)


def test_installing_twice_gives_the_same_bytes(registry: Path, tmp_path: Path) -> None:
    locked = [publish(registry, "toy", "toy/a.py"), publish(registry, "more", "more/b.py")]

    one, two = tmp_path / "one", tmp_path / "two"
    for target in (one, two):
        install(locked, "x86_64", target)

    assert {file: (one / file).read_bytes() for file in files_of(one)} == {
        file: (two / file).read_bytes() for file in files_of(two)
    }


def test_a_wheel_with_another_hash_is_refused(registry: Path, tmp_path: Path) -> None:
    publish(registry, "toy", "toy.py")

    with pytest.raises(LayerError, match=r"(?si)uv pip install.*hash"):
        install([f"toy==1.0 --hash=sha256:{'0' * 64}"], "x86_64", tmp_path / "out")

    assert "toy.py" not in files_of(tmp_path / "out")


def test_a_line_without_a_hash_is_refused(registry: Path, tmp_path: Path) -> None:
    line = publish(registry, "toy", "toy.py")

    with pytest.raises(LayerError, match=r"(?s)uv pip install.*toy==1\.0"):
        install([line.partition(" ")[0]], "x86_64", tmp_path / "out")


def test_a_wheel_for_a_newer_glibc_is_refused(registry: Path, tmp_path: Path) -> None:
    line = publish(registry, "toy", "toy.so", tag="cp313-cp313-manylinux_2_39_x86_64")

    with pytest.raises(LayerError, match="package registry"):
        install([line], "x86_64", tmp_path / "out")


def test_a_wheel_cannot_write_outside_the_layer(registry: Path, tmp_path: Path) -> None:
    line = publish(registry, "toy", "../../escaped.py", f"{tmp_path}/escaped.py", "toy.py")

    target = tmp_path / "deep" / "out"
    install([line], "x86_64", target)

    written = [path for path in tmp_path.rglob("*.py") if "cache" not in path.parts]
    assert written == [target / "toy.py"]


def test_a_symbolic_link_in_a_wheel_never_reaches_the_layer(registry: Path, tmp_path: Path) -> None:
    line = publish(registry, "toy", "toy.py", link="toy/link.py")

    install([line], "x86_64", tmp_path / "out")

    assert (tmp_path / "out" / "toy.py").is_file()
    assert not [path for path in (tmp_path / "out").rglob("*") if path.is_symlink()]


def test_two_wheels_with_the_same_file_are_refused(registry: Path, tmp_path: Path) -> None:
    locked = [publish(registry, name, "shared/tool.py") for name in ("toy", "more")]

    with pytest.raises(LayerError, match=r"same file: shared/tool\.py"):
        install(locked, "x86_64", tmp_path / "out")


def test_the_lock_has_the_wheel_that_is_installed(registry: Path, tmp_path: Path) -> None:
    publish(registry, "toy", "wrong.so", tag="cp313-cp313-macosx_11_0_arm64")
    line = publish(registry, "toy", "toy.so", tag="cp313-cp313-manylinux_2_28_x86_64")
    (tmp_path / "requirements.txt").write_text("toy==1.0\n")

    assert resolve(tmp_path / "requirements.txt", "x86_64") == [line]


def test_scripts_with_the_path_of_this_machines_python_are_pruned(
    registry: Path, tmp_path: Path
) -> None:
    line = publish(registry, "toy", "toy.py", scripts="[console_scripts]\ntoy = toy:main\n")
    install([line], "x86_64", tmp_path / "out")
    assert (tmp_path / "out" / "bin" / "toy").is_file()

    prune(tmp_path / "out", LAYERS[0])

    assert not (tmp_path / "out" / "bin").exists()


# Trees


def test_a_pruned_tree_has_no_file_that_a_rule_matches(tmp_path: Path) -> None:
    write_files(tmp_path, "toy/a.py", "toy/a.pyi", "toy/tests/deep/b.py", "toy.libs/c")

    pruned = prune(tmp_path, TOY)

    assert files_of(tmp_path) == ["toy.libs/c", "toy/a.py"]
    assert pruned == {"*.pyi": len("# toy/a.pyi\n"), "*/tests/*": len("# toy/tests/deep/b.py\n")}


def test_a_pruned_tree_has_no_empty_folder(tmp_path: Path) -> None:
    write_files(tmp_path, "toy/tests/deep/b.py")

    prune(tmp_path, TOY)

    assert list(tmp_path.iterdir()) == []


def test_a_settled_tree_does_not_show_when_and_how_it_was_made(tmp_path: Path) -> None:
    # Given the same files with different modes, made in a different order
    for tree, order in (("one", ("a/x.so", "b.py")), ("two", ("b.py", "a/x.so"))):
        for name in order:
            path = tmp_path / tree / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(name)
            path.chmod(0o700 if tree == "two" else 0o666)

    # When both are settled
    def settled(tree: Path) -> dict[str, tuple[int, int]]:
        settle(tree)
        seen = {p: p.stat() for p in [tree, *tree.rglob("*")]}
        return {str(p.relative_to(tree)): (s.st_mode, s.st_mtime_ns) for p, s in seen.items()}

    # Then they are equal
    assert settled(tmp_path / "one") == settled(tmp_path / "two")


def test_the_size_of_a_tree_is_that_of_its_files(tmp_path: Path) -> None:
    (tmp_path / "python").mkdir()
    (tmp_path / "python" / "flat").write_bytes(bytes(1_000_000))
    (tmp_path / "noise").write_bytes(bytes(100_000))

    assert unzipped_size(tmp_path) == 1_100_000


# Building and the cache


def test_a_layer_is_built_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    # Given a layer that was built, with its progress on stderr
    installer = Installer()
    first = build_layer(recipe(), cache=tmp_path, install_wheels=installer.install)
    output = capsys.readouterr()
    assert output.out == ""
    assert all(line.startswith("layer toy: ") for line in output.err.splitlines())
    assert "installing toy==1.0\n" in output.err

    # When it is needed again
    second = build_layer(recipe(), cache=tmp_path, install_wheels=installer.install)

    # Then nothing is installed or printed
    assert installer.calls == [(LOCKED, "x86_64")]
    assert second == first
    assert files_of(first.path) == ["python/toy/__init__.py"]
    assert first.unzipped_bytes == len("# toy/__init__.py\n")
    assert capsys.readouterr().err == ""


def test_another_lock_makes_another_layer(tmp_path: Path) -> None:
    installer = Installer()
    first = build_layer(recipe(), cache=tmp_path, install_wheels=installer.install)
    second = build_layer(
        recipe(("toy==1.1 --hash=sha256:11",)), cache=tmp_path, install_wheels=installer.install
    )
    assert first.path != second.path
    assert first.asset_hash != second.asset_hash
    assert first.path.is_dir()
    assert len(installer.calls) == 2


def test_an_interrupted_build_leaves_nothing(tmp_path: Path) -> None:
    # Given a build that is interrupted
    def stop() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build_layer(recipe(), cache=tmp_path, install_wheels=Installer(then=stop).install)
    assert list(tmp_path.iterdir()) == []

    # When it is built again, then it is complete
    again = Installer()
    assert files_of(build_layer(recipe(), cache=tmp_path, install_wheels=again.install).path)
    assert len(again.calls) == 1


def test_the_remains_of_a_killed_build_are_not_used(tmp_path: Path) -> None:
    # Given what a killed build leaves behind
    (tmp_path / ".building-xyz" / "toy-00" / "content" / "python").mkdir(parents=True)
    installer = Installer()
    assert files_of(build_layer(recipe(), cache=tmp_path, install_wheels=installer.install).path)
    assert len(installer.calls) == 1


def test_two_builds_at_once_share_one_result(tmp_path: Path) -> None:
    # Given another build that finishes while this one installs
    quick = Installer()
    slow = Installer(
        then=lambda: build_layer(recipe(), cache=tmp_path, install_wheels=quick.install)
    )

    # When this one finishes too
    build = build_layer(recipe(), cache=tmp_path, install_wheels=slow.install)

    # Then there is one complete layer and nothing else
    assert [p.name for p in tmp_path.iterdir()] == [build.path.parent.name]
    assert files_of(build.path) == ["python/toy/__init__.py"]


# Sizes


def layer_of(size: int, name: str = "opencv") -> LayerBuild:
    return LayerBuild(name, Path(), "00", size)


def test_layers_that_just_fit_are_accepted() -> None:
    check_sizes([layer_of(MAX_UNZIPPED - 1000)], code_bytes=1000)


def test_layers_that_are_too_large_are_refused_with_the_table() -> None:
    builds = [layer_of(MAX_UNZIPPED - 1000), layer_of(1, "base")]

    with pytest.raises(LayerError) as refused:
        check_sizes(builds, code_bytes=1000)

    summary, *table = str(refused.value).splitlines()
    assert summary.startswith("The layers exceed Lambda's quota by 1 bytes.")
    assert [line.split() for line in table] == [
        ["opencv", "262,143,000"],
        ["base", "1"],
        ["code", "1,000"],
        ["total", "262,144,001"],
        ["quota", "262,144,000"],
    ]


# What the stacks need


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_placeholders_have_the_names_of_the_layers_and_a_folder(
    architecture: Architecture, function: FunctionName
) -> None:
    builds = build_layers(architecture, function, bundle=False)
    assert [b.name for b in builds] == [each.name for each in LAYERS if function in each.functions]
    assert len(builds) <= 5, "Lambda allows five layers"
    assert all((b.path / "python").is_dir() and unzipped_size(b.path) < 100 for b in builds)
    assert len({b.asset_hash for b in builds}) == len(builds)


def test_a_function_has_only_its_own_packages() -> None:
    packages = {
        function: {p for layer in LAYERS if function in layer.functions for p in layer.packages}
        for function in FUNCTIONS
    }

    assert packages["catalog"] == {"anyascii", "pybase64", "rapidfuzz"}
    assert packages["recognition"] == {*PACKAGES} - {"anyascii", "rapidfuzz"}


def test_each_architecture_has_its_own_hashes() -> None:
    x86_64, arm64 = (
        {b.asset_hash for b in build_layers(architecture, "recognition", bundle=False)}
        for architecture in ARCHITECTURES
    )
    assert not x86_64 & arm64


# The Python that compiles bytecode


@pytest.fixture
def fresh_search() -> Iterator[None]:
    find_python.cache_clear()
    yield
    find_python.cache_clear()


@pytest.mark.usefixtures("fresh_search")
def test_a_machine_without_lambdas_python_is_warned_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # Given a machine with only other versions of Python
    monkeypatch.setattr(bytecode, "_output", lambda *command: "cpython-312\npython3.12")

    # When the layers are needed twice
    builds = [build_layers("x86_64", "catalog", bundle=False) for _ in range(2)]

    # Then their hashes differ from those with bytecode, and there is one warning
    assert builds[0] == builds[1]
    assert capsys.readouterr().err.count("no Python 3.13 on this machine") == 1
    locked = read_lock("x86_64")
    assert [b.asset_hash for b in builds[0]] == [
        Recipe(layer, tuple(locked[p] for p in layer.packages), "x86_64", python=None).asset_hash
        for layer in LAYERS
        if "catalog" in layer.functions
    ]
