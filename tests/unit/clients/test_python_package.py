"""What the package of the Python client must agree on with the repository."""

from __future__ import annotations

import ast
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import carlens
import carlens_client

ROOT = Path(__file__).resolve().parents[3]
FOLDER = ROOT / "clients" / "python"
PROJECT: dict[str, Any] = tomllib.loads((FOLDER / "pyproject.toml").read_text("utf-8"))["project"]


def imported(source: str) -> Iterator[str]:
    """Return the top-level names of the modules that a source imports anywhere."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (name.name.partition(".")[0] for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0
            assert node.module
            yield node.module.partition(".")[0]


def test_it_imports_only_the_standard_library_and_httpx() -> None:
    modules = sorted((FOLDER / "carlens_client").glob("*.py"))

    found = {name for path in modules for name in imported(path.read_text("utf-8"))}

    assert len(modules) >= 6
    assert found - sys.stdlib_module_names == {"carlens_client", "httpx"}
    assert [each.partition(">")[0] for each in PROJECT["dependencies"]] == ["httpx"]


def test_it_has_the_version_and_the_license_of_the_server() -> None:
    assert carlens_client.__version__ == carlens.__version__
    assert (FOLDER / "LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()


def test_it_runs_on_the_same_versions_of_python() -> None:
    server = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]

    assert PROJECT["requires-python"] == server["requires-python"]


def test_all_public_names_are_exported() -> None:
    public = {
        name
        for name, value in vars(carlens_client).items()
        if not name.startswith("_") and getattr(value, "__module__", "") != carlens_client.__name__
        if not isinstance(value, type(sys))
    }

    assert set(carlens_client.__all__) == public
    assert carlens_client.__all__ == sorted(public)
