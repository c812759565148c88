"""`make bench` has an environment of its own, which must hold all that the benchmarks import."""

import ast
import re
import sys
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SOURCES = (ROOT, ROOT / "lambda_src", ROOT / "clients" / "python")
# For type checkers, and of Lambda's own runtime.
NOT_INSTALLED = {"_typeshed", "snapshot_restore_py"}


def source_of(module: str) -> Path | None:
    places = [source.joinpath(*module.split(".")) for source in SOURCES]
    files = [file for place in places for file in (place.with_suffix(".py"), place / "__init__.py")]
    return next(filter(Path.is_file, files), None)


def imports(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{each.name}" for each in node.names)


def others_imported_from(folder: Path) -> set[str]:
    """Return the top-level names of other projects' packages, imported from here at any depth."""
    found, seen, waiting = set[str](), set[Path](), sorted(folder.rglob("*.py"))
    while waiting:
        file = waiting.pop()
        if file in seen:
            continue
        seen.add(file)
        for module in imports(file):
            source, name = source_of(module), module.partition(".")[0]
            if source:
                waiting.append(source)
            elif name not in sys.stdlib_module_names and not (ROOT / name).is_dir():
                found.add(name)
    return found - {"carlens", "carlens_client"}


def test_every_package_that_the_benchmarks_import_is_installed_for_them() -> None:
    # Given the packages locked for the benchmarks
    lock = (ROOT / "benchmarks" / "requirements.txt").read_text("utf-8")
    locked = set(re.findall(r"^([a-z0-9-]+)==", lock, re.MULTILINE))
    # When the imports are followed, also those inside functions
    imported = others_imported_from(ROOT / "benchmarks" / "speed") - NOT_INSTALLED
    # Then each comes from a locked package
    packages = packages_distributions()
    missing = {
        name
        for name in imported
        if not locked & {each.lower().replace("_", "-") for each in packages.get(name, [name])}
    }
    assert {"onnxruntime", "boto3", "uv"} <= imported
    assert not missing
