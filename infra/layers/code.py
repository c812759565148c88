"""The code of the functions as it is deployed: with bytecode, because /var/task is read-only.

build/code/<hash>/   the asset
"""

from __future__ import annotations

import hashlib
import shutil
from fnmatch import fnmatchcase
from pathlib import Path

from infra.layers.bytecode import add_bytecode, find_python
from infra.layers.contents import BUILDER_VERSION, ROOT
from infra.layers.tree import build_once, settle

CODE = ROOT / "lambda_src"
CACHE = ROOT / "build" / "code"

# Paths in lambda_src that no function imports: the layers hold the requirements, and only people
# run the others. Each is a file or a folder.
NOT_DEPLOYED = (
    "requirements*.txt",
    "carlens/cli",
    "carlens/files.py",
    "carlens/local",
    "carlens/models/check.py",
    "carlens/models/draft.py",
    "carlens/teach",
)

# Names of files and folders that tools leave behind, anywhere.
_DEBRIS = (".*", "__pycache__", "*.egg-info")


def stage_code(code: Path = CODE, *, cache: Path = CACHE) -> Path:
    """Copy and compile the deployed code, unless it is in the cache.

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
    files = [path for path in sorted(code.rglob("*")) if _is_deployed(path, code)]

    def build(folder: Path) -> None:
        for path in files:
            target = folder / path.relative_to(code)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
        if python is not None:
            add_bytecode(folder, python, shown_as="/var/task")
        settle(folder)

    return build_once(cache / _content_hash(files, code, bytecode=python is not None), build)


def _is_deployed(path: Path, code: Path) -> bool:
    relative = path.relative_to(code)
    places = [place.as_posix() for place in (relative, *relative.parents)]
    return path.is_file() and not (
        any(fnmatchcase(place, glob) for place in places for glob in NOT_DEPLOYED)
        or any(fnmatchcase(part, glob) for part in relative.parts for glob in _DEBRIS)
    )


def _content_hash(files: list[Path], code: Path, *, bytecode: bool) -> str:
    digest = hashlib.sha256(f"{BUILDER_VERSION} {bytecode}".encode())
    for path in files:
        for part in (path.relative_to(code).as_posix().encode(), path.read_bytes()):
            # With the length, moving bytes from one file to another changes the hash.
            digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()
