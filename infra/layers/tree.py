"""The files of a layer or of the code, in a form that is the same each time."""

from __future__ import annotations

import io
import os
import subprocess
import zipfile
from collections import Counter
from pathlib import Path

from infra.layers.contents import PYTHON, Layer, LayerError

# What a zip can say at the earliest: 1980-01-01T00:00:00Z.
_EPOCH = 315_532_800


def unpack(wheel: Path, target: Path, layer: Layer) -> Counter[str]:
    """Unpack what a layer keeps of a wheel.

    Unpacked here and not by `pip install`, which writes scripts with this machine's
    paths, and every file that is pruned after.

    Returns
    -------
    Counter
        Glob of a prune rule -> bytes it left out.

    Raises
    ------
    LayerError
        The wheel needs an installer, or has a file that another wheel has too.
    """
    pruned: Counter[str] = Counter()
    with zipfile.ZipFile(wheel) as archive:
        for info in archive.infolist():
            if info.is_dir():
                continue
            if info.filename.partition("/")[0].endswith(".data"):
                raise LayerError(f"{wheel.name} has {info.filename}, which needs an installer.")
            if rule := layer.rule_for(info.filename):
                pruned[rule.glob] += info.file_size
                continue
            if (target / info.filename).exists():
                raise LayerError(f"{wheel.name} has {info.filename}, and so has another wheel.")
            archive.extract(info, target)
    return pruned


def add_bytecode(tree: Path, python: Path, *, shown_as: str) -> None:
    """Put bytecode beside a tree's sources: unchecked, so that a start reads no source.

    Parameters
    ----------
    python : Path
        Of Lambda's version.
    shown_as : str
        Where the tree lies in Lambda: what tracebacks show, and not this machine's path.

    Raises
    ------
    LayerError
        A source cannot be compiled.
    """
    done = subprocess.run(
        [
            *(python, "-I", "-S", "-m", "compileall", "-q", "-f"),
            "--invalidation-mode=unchecked-hash",
            *("-s", tree, "-p", shown_as, tree),
        ],
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode:
        raise LayerError(f"Python {PYTHON} cannot compile a source: {done.stdout[-2000:]}")


def settle(tree: Path) -> None:
    """Give every file and folder of a tree the same mode and time on every machine."""
    for folder, _, names in os.walk(tree, topdown=False):
        for name in names:
            _settle(Path(folder, name), 0o644)
        _settle(Path(folder), 0o755)


def _settle(path: Path, mode: int) -> None:
    path.chmod(mode)
    os.utime(path, (_EPOCH, _EPOCH))


def unzipped_size(tree: Path) -> int:
    """Sum the sizes of a tree's files, in bytes, as Lambda counts them."""
    return sum(path.stat().st_size for path in tree.rglob("*") if path.is_file())


def zipped_size(tree: Path) -> int:
    """Measure the zip that a deploy uploads: deflate at its default level, in bytes."""
    sink = _Sink()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(tree.rglob("*")):
            if path.is_file():
                info = zipfile.ZipInfo(path.relative_to(tree).as_posix())
                info.compress_type = zipfile.ZIP_DEFLATED
                archive.writestr(info, path.read_bytes())
    return sink.size


class _Sink(io.RawIOBase):
    """Counts what is written, and keeps none of it."""

    size = 0

    def writable(self) -> bool:
        return True

    def write(self, data: bytes | bytearray | memoryview, /) -> int:  # type: ignore[override]
        self.size += len(data)
        return len(data)
