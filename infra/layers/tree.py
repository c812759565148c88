"""Folders that are built once and have the same bytes, modes and times on every machine."""

from __future__ import annotations

import os
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from infra.layers.contents import Layer

# The earliest time that a zip file can store: 1980-01-01T00:00:00Z.
_EPOCH = 315_532_800


def build_once(home: Path, build: Callable[[Path], None]) -> Path:
    """Return the folder `home`, after building it if it does not exist.

    An interrupted build leaves no `home`: `build` fills a temporary folder, which is renamed.
    """
    if not home.is_dir():
        home.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".building-", dir=home.parent) as scratch:
            folder = Path(scratch, home.name)
            folder.mkdir()
            build(folder)
            try:
                folder.rename(home)
            except OSError:
                if not home.is_dir():  # otherwise another process finished the same build first
                    raise
    return home


def prune(tree: Path, layer: Layer) -> Counter[str]:
    """Delete what the rules of a layer match, and folders that are empty afterwards.

    Returns
    -------
    Counter
        Bytes deleted by each rule, by its glob.
    """
    pruned: Counter[str] = Counter()
    for folder, _, names in os.walk(tree, topdown=False):
        for path in (Path(folder, name) for name in names):
            if rule := layer.rule_for(path.relative_to(tree).as_posix()):
                pruned[rule.glob] += path.stat().st_size
                path.unlink()
        if Path(folder) != tree and not any(Path(folder).iterdir()):
            Path(folder).rmdir()
    return pruned


def settle(tree: Path) -> None:
    """Set the same mode and time on every file, and on every folder."""
    for folder, _, names in os.walk(tree, topdown=False):
        for name in names:
            _settle(Path(folder, name), 0o644)
        _settle(Path(folder), 0o755)


def _settle(path: Path, mode: int) -> None:
    path.chmod(mode)
    os.utime(path, (_EPOCH, _EPOCH))


def unzipped_size(tree: Path) -> int:
    """Sum the sizes of the files in bytes, as Lambda does."""
    return sum(path.stat().st_size for path in tree.rglob("*") if path.is_file())
