"""The code of each function as it is deployed: what it imports, with bytecode.

build/code/<hash>/   the asset

Each function has an asset of its own, so that a change publishes only the functions that it
concerns: a version with SnapStart costs money for as long as it exists.
"""

from __future__ import annotations

import ast
import hashlib
import shutil
from functools import lru_cache
from pathlib import Path

from infra.layers.bytecode import add_bytecode, find_python
from infra.layers.contents import BUILDER_VERSION, ROOT, FunctionName, LayerError
from infra.layers.tree import build_once, settle

CODE = ROOT / "lambda_src"
CACHE = ROOT / "build" / "code"

# The module with the handler of each function of the API.
HANDLER_MODULES: dict[FunctionName, str] = {"recognition": "handler", "catalog": "catalog_handler"}

# The files that are not Python, by the module that reads them.
DATA_FILES = {
    "carlens.catalog.scripts": ("carlens/catalog/data/words/scripts.csv",),
    "carlens.catalog.tables": (
        "carlens/catalog/data/*.csv",
        "carlens/catalog/data/tables/*.csv",
    ),
    "carlens.catalog.vocabulary": ("carlens/catalog/data/words/*.csv",),
    "carlens.http.contract": ("openapi.yaml",),
    "carlens.smoke": ("carlens/web/assets/street.webp",),
    "carlens.web": ("carlens/web/*.html", "carlens/web/assets/*", "carlens/web/thumbnails/*"),
}


def stage_code(module: str, code: Path = CODE, *, cache: Path = CACHE) -> Path:
    """Copy and compile the code of a function, unless it is in the cache.

    Bytecode is compiled because `/var/task` is read-only: Lambda cannot keep it.

    Parameters
    ----------
    module : str
        The module with the handler of the function, such as `handler`.

    Returns
    -------
    Path
        The folder to deploy; its name is the hash of its content.

    Raises
    ------
    LayerError
        A source has a syntax error.
    """
    python = find_python()

    def build(folder: Path) -> None:
        for path in deployed_files(module, code):
            target = folder / path.relative_to(code)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
        if python is not None:
            add_bytecode(folder, python, shown_as="/var/task")
        settle(folder)

    return build_once(cache / code_hash(module, code), build)


def deployed_files(module: str, code: Path = CODE) -> list[Path]:
    """Find what a module imports, also inside functions, and the data that those modules read.

    Raises
    ------
    LayerError
        A source has a syntax error.
    """
    sources: dict[str, Path] = {}
    pending = [module]
    while pending:
        name = pending.pop()
        path = _source(name, code)
        if path is None or name in sources:
            continue
        sources[name] = path
        package, _, _ = name.rpartition(".")
        try:
            pending += [package, *_imports(path.read_bytes())]
        except SyntaxError as error:
            raise LayerError(f"{path} cannot be compiled: {error}") from error
    data = [
        path
        for reader in DATA_FILES.keys() & sources.keys()
        for glob in DATA_FILES[reader]
        for path in code.glob(glob)
    ]
    return sorted([*sources.values(), *data])


def _source(name: str, code: Path) -> Path | None:
    path = "/".join(name.split("."))
    files = (code / f"{path}.py", code / path / "__init__.py")
    return next((file for file in files if file.is_file()), None)


@lru_cache(maxsize=1000)
def _imports(source: bytes) -> frozenset[str]:
    """Return the names in absolute imports; some name attributes and not modules."""
    nodes = list(ast.walk(ast.parse(source)))
    modules = [alias.name for n in nodes if isinstance(n, ast.Import) for alias in n.names]
    members = [
        name
        for n in nodes
        if isinstance(n, ast.ImportFrom) and n.module
        for name in (n.module, *(f"{n.module}.{alias.name}" for alias in n.names))
    ]
    return frozenset(modules + members)


def code_hash(module: str, code: Path = CODE) -> str:
    """Return the SHA-256 of everything that determines the code of a function, in hexadecimal."""
    # Any Python of Lambda's version makes the same bytecode.
    digest = hashlib.sha256(f"{BUILDER_VERSION} {find_python() is not None}".encode())
    for path in deployed_files(module, code):
        for part in (path.relative_to(code).as_posix().encode(), path.read_bytes()):
            # With the length, moving bytes from one file to another changes the hash.
            digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()
