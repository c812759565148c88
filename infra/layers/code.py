"""The functions' own code as it is deployed: with bytecode, which Lambda has no place to keep.

build/code/<hash>/   the asset
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from fnmatch import fnmatch
from pathlib import Path

from infra.layers.contents import BUILDER_VERSION, ROOT
from infra.layers.interpreter import find_python
from infra.layers.tree import add_bytecode, settle

CODE = ROOT / "lambda_src"
CACHE = ROOT / "build" / "code"

# The layers hold what requirements.txt names; bytecode of this machine's Python is of no use.
# What an editor or a desktop leaves, or a person keeps to themselves, begins with a dot.
_LEFT_OUT = ("requirements*.txt", "local", "__pycache__", ".*")


def stage_code(code: Path = CODE, *, cache: Path = CACHE) -> Path:
    """Give the folder to deploy, named by the hash of what it holds; made, if it is not there.

    Raises
    ------
    LayerError
        A source cannot be compiled.
    """
    python = find_python()
    home = cache / _content_hash(code, bytecode=python is not None)
    if home.is_dir():
        return home
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".building-", dir=cache) as scratch:
        whole = Path(scratch, "code")
        shutil.copytree(code, whole, ignore=shutil.ignore_patterns(*_LEFT_OUT))
        if python is not None:
            add_bytecode(whole, python, shown_as="/var/task")
        settle(whole)
        try:
            whole.rename(home)
        except OSError:
            if not home.is_dir():  # else another build of the same code was faster
                raise
    return home


def _content_hash(code: Path, *, bytecode: bool) -> str:
    digest = hashlib.sha256(f"{BUILDER_VERSION} {bytecode}".encode())
    for path in sorted(code.rglob("*")):
        name = path.relative_to(code)
        left_out = any(fnmatch(part, glob) for part in name.parts for glob in _LEFT_OUT)
        if path.is_file() and not left_out:
            for part in (name.as_posix().encode(), path.read_bytes()):
                # With its length, so that no byte can move from one file to the next unseen.
                digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()
