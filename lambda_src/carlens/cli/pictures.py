"""Find the pictures that a command line names."""

from __future__ import annotations

import glob
import os
import sys
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from carlens.cli.errors import WrongUsage
from carlens.photo_names import is_photo
from carlens.services.storage import is_s3

_FolderId = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture to recognize.

    Attributes
    ----------
    name : str
        As it stands in the results: the path as given, or relative to the only folder given; in S3
        the address, or the key if only one prefix is given.
    path : str
        Where the file is, or `s3://bucket/key`.
    """

    name: str
    path: str


@dataclass
class Found:
    """The pictures of a command line.

    Attributes
    ----------
    root : str
        What the names are relative to: a folder, or `s3://bucket`.
    pictures : list of Picture
        Each name once.
    ignored : int
        The number of other files in the folders.
    unreadable : list of str
        The folders that cannot be read, with the reason.
    """

    root: str
    pictures: list[Picture] = field(default_factory=list)
    ignored: int = 0
    unreadable: list[str] = field(default_factory=list)


def warn(found: Found) -> None:
    """Say on standard error what could not be read, and that there are no pictures."""
    for folder in found.unreadable:
        say(f"Warning: this folder cannot be read, so its pictures are missing: {folder}")
    if not found.pictures:
        others = f", but {found.ignored:,} other files" if found.ignored else ""
        say(f"Warning: there are no pictures{others}.")


def say(text: str) -> None:
    """Write a line to standard error."""
    print(text, file=sys.stderr, flush=True)


def find_pictures(inputs: Sequence[str], *, leave_out: Path | None = None) -> Found:
    """Find the pictures in files, folders, globs and prefixes of S3 buckets.

    A folder is searched with its subfolders and links, but without hidden files. Each folder is
    read once, so that links in a circle end.

    Parameters
    ----------
    inputs : sequence of str
        As given on the command line.
    leave_out : Path or None
        A folder to skip.

    Raises
    ------
    WrongUsage
        An input does not exist, or cannot be read.
    Stopped
        A bucket cannot be listed now.
    """
    paths = [path for given in inputs for path in _expand(given)]
    is_only = len(paths) == 1
    found = Found(_root(paths[0]) if is_only else str(Path.cwd()))
    names: set[str] = set()
    for path in paths:
        if is_s3(path):
            pictures = _in_bucket(path, is_only=is_only)
        else:
            pictures = _on_disk(path, found, leave_out, is_only=is_only)
        for picture in pictures:
            if picture.name not in names:
                names.add(picture.name)
                found.pictures.append(picture)
    return found


def _root(only: str) -> str:
    """Return what names are relative to if this is the only path."""
    if is_s3(only):
        from carlens.cli.s3 import split_address  # only runs over S3 pay for it

        return f"s3://{split_address(only)[0]}"
    return str(Path(only).resolve() if Path(only).is_dir() else Path.cwd())


def _in_bucket(address: str, *, is_only: bool) -> Iterator[Picture]:
    from carlens.cli.s3 import list_photos, split_address  # only runs over S3 pay for it

    bucket, prefix = split_address(address)
    for key in list_photos(bucket, prefix):
        path = f"s3://{bucket}/{key}"
        yield Picture(key if is_only else path, path)


def _on_disk(
    path: str, found: Found, leave_out: Path | None, *, is_only: bool
) -> Iterator[Picture]:
    if not Path(path).is_dir():
        yield Picture(printable(str(PurePosixPath(path))), path)
        return
    prefix = PurePosixPath("" if is_only else path)
    for relative in _walk(path, found, leave_out):
        yield Picture(printable(str(prefix / relative)), os.path.join(path, relative))


def printable(name: str) -> str:
    """Return a file name as Unicode, in which a byte that is not UTF-8 is an escape."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def _expand(given: str) -> list[str]:
    """Return the paths that an input names, in alphabetical order."""
    if is_s3(given):
        return [given]
    path = Path(given)
    try:
        if path.is_dir():
            os.scandir(path).close()
        elif path.exists() and not path.is_file():
            raise WrongUsage(f"{given} is neither a file nor a folder.")
        elif not path.exists() and not path.is_symlink():
            if not glob.has_magic(given):
                raise WrongUsage(f"{given} does not exist.")
            if not (matches := sorted(glob.glob(given, recursive=True))):
                raise WrongUsage(f"No file matches {given}.")
            return matches
    except OSError as error:
        raise WrongUsage(f"{given} cannot be read: {error.strerror}.") from error
    return [given]


def _walk(root: str, found: Found, leave_out: Path | None) -> Iterator[str]:
    """Yield the pictures of a folder, relative to it; count and note the rest in `found`."""
    seen: set[_FolderId] = set()
    if leave_out is not None and leave_out.is_dir():
        seen.add(_folder_id(leave_out))
    # Linked folders come last: what is in a folder and linked has the name in the folder.
    folders, linked = deque([""]), deque[str]()
    while folders or linked:
        relative = (folders or linked).popleft()
        folder = os.path.join(root, relative)
        try:
            folder_id = _folder_id(folder)
            if folder_id in seen:
                continue
            seen.add(folder_id)
            with os.scandir(folder) as listing:
                entries = sorted(listing, key=lambda entry: entry.name)
        except OSError as error:
            found.unreadable.append(f"{printable(folder)}: {error.strerror}")
            continue
        for entry in _visible(entries):
            name = f"{relative}/{entry.name}" if relative else entry.name
            if _is_folder(entry):
                (linked if entry.is_symlink() else folders).append(name)
            elif _is_picture(entry):
                yield name
            else:
                found.ignored += 1


def _folder_id(folder: str | Path) -> _FolderId:
    status = os.stat(folder)
    return status.st_dev, status.st_ino


def _visible(entries: Iterable[os.DirEntry[str]]) -> Iterator[os.DirEntry[str]]:
    return (entry for entry in entries if not entry.name.startswith("."))


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False


def _is_picture(entry: os.DirEntry[str]) -> bool:
    """Return whether a file is taken; a broken link is, so that it is reported."""
    if not is_photo(entry.name):
        return False
    try:
        return entry.is_file() or (entry.is_symlink() and not os.path.exists(entry.path))
    except OSError:
        return True
