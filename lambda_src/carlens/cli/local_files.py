"""Pictures as files of this computer; those in S3 are copied while they are in work."""

from __future__ import annotations

import tempfile
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from carlens.cli.errors import Problem, unreadable
from carlens.cli.pictures import Picture
from carlens.services.storage import is_s3

# Copied at the same time.
_AHEAD = 8
_MAX_BYTES = 100_000_000


@dataclass(frozen=True)
class LocalFile:
    """A picture as a file of this computer.

    Attributes
    ----------
    name : str
        That of the picture.
    path : str
    problem : Problem or None
        Why it cannot be read.
    is_copy : bool
    """

    name: str
    path: str
    problem: Problem | None = None
    is_copy: bool = False

    def release(self) -> None:
        """Delete the file if it is a copy."""
        if self.is_copy:
            Path(self.path).unlink()


@contextmanager
def local_files(pictures: Iterable[Picture]) -> Iterator[Iterator[LocalFile]]:
    """Provide the files of pictures, in order, while the next ones are copied.

    Copies are in the folder for temporary files, and deleted at the end of the block at the latest.

    Raises
    ------
    Stopped
        A picture cannot be copied for a reason that has nothing to do with it.
    OSError
        A copy cannot be written.
    """
    with tempfile.TemporaryDirectory(prefix="carlens-photos-") as folder:
        pool = ThreadPoolExecutor(_AHEAD)
        try:
            yield _in_order(pictures, Path(folder), pool)
        finally:
            pool.shutdown(cancel_futures=True)


def _in_order(
    pictures: Iterable[Picture], folder: Path, pool: ThreadPoolExecutor
) -> Iterator[LocalFile]:
    started = (
        pool.submit(_local_file, picture, folder / str(number))
        for number, picture in enumerate(pictures)
    )
    waiting = deque(islice(started, _AHEAD))
    while waiting:
        file = waiting.popleft().result()
        waiting.extend(islice(started, 1))
        yield file


def _local_file(picture: Picture, copy: Path) -> LocalFile:
    if is_s3(picture.path):
        from carlens.cli.s3 import read_object  # only runs over S3 pay for it

        content = read_object(picture.path, _MAX_BYTES)
        if isinstance(content, Problem):
            return LocalFile(picture.name, picture.path, content)
        copy.write_bytes(content)
        return LocalFile(picture.name, str(copy), is_copy=True)
    try:
        with open(picture.path, "rb"):  # noqa: PTH123 - a name may be of bytes, not UTF-8
            return LocalFile(picture.name, picture.path)
    except OSError as error:
        return LocalFile(picture.name, picture.path, unreadable(error.strerror))
