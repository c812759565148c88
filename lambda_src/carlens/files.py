"""Write files so that a reader never sees a part of one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield where to write a file, which replaces `path` when the block ends without an error."""
    part = path.with_name(f".{path.name}.part")
    try:
        yield part
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def replace_file(path: Path, data: bytes) -> None:
    """Write a file at once."""
    with replacing(path) as part:
        part.write_bytes(data)
