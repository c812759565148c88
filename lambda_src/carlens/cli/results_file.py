"""A results file that a killed run leaves usable, and to which the next run appends."""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Self

from carlens.cli.errors import Stopped, WrongUsage
from carlens.files import replace_file

# Seconds of work that a power cut may cost. A killed process loses none.
_SYNC_INTERVAL = 1.0
_CHUNK = 1 << 20

Entry = dict[str, Any]
Settings = Mapping[str, Any]


class ResultsFile:
    """A `.jsonl` file that one run at a time appends to. Use it in `with`.

    Parameters
    ----------
    path : Path
        Created if it does not exist. A torn last line is cut off.
    retry_failed : bool
        Whether to remove the lines of pictures that failed.

    Attributes
    ----------
    failed : dict
        By the name of each picture that has a line, whether it failed.

    Raises
    ------
    WrongUsage
        The file cannot be written, is in use, or has a line that is not a result.
    """

    def __init__(self, path: Path, *, retry_failed: bool = False) -> None:
        self.path = path
        self.failed: dict[str, bool] = {}
        self._synced = time.monotonic()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = _open_locked(path)
            try:
                _cut_torn_line(self._file)
                if retry_failed:
                    self._remove_failed()
                self.failed = {entry["name"]: is_failed(entry) for entry in read_entries(path)}
            except BaseException:
                self.close()
                raise
        except OSError as error:
            raise WrongUsage(f"{path} cannot be written: {error.strerror}.") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def append(self, name: str, line: str, *, failed: bool) -> None:
        """Append the line of a picture, unless it has one.

        Raises
        ------
        Stopped
            It cannot be written, for example because the disk is full.
        """
        if name in self.failed:
            return
        try:
            _write(self._file, line.encode())
            if time.monotonic() - self._synced > _SYNC_INTERVAL:
                os.fsync(self._file)
                self._synced = time.monotonic()
        except OSError as error:
            raise Stopped(f"{self.path} cannot be written: {error.strerror}.") from error
        self.failed[name] = failed

    def close(self) -> None:
        """Write everything to the disk, and let other runs use the file."""
        os.fsync(self._file)
        os.close(self._file)

    def _remove_failed(self) -> None:
        rest = self.path.with_name(f"{self.path.name}.rest")
        file = _open_locked(rest)
        os.ftruncate(file, 0)
        with self.path.open("rb") as lines:
            for line, entry in zip(lines, read_entries(self.path), strict=True):
                if not is_failed(entry):
                    _write(file, line)
        os.fsync(file)
        # The new file is locked before it has the name, so that no other run can come between.
        rest.replace(self.path)
        os.close(self._file)
        self._file = file


class StandardOutput:
    """Results on standard output, which no later run continues."""

    def __init__(self) -> None:
        self.failed: dict[str, bool] = {}

    def append(self, name: str, line: str, *, failed: bool) -> None:
        """Write the line of a picture.

        Raises
        ------
        Stopped
            Nothing reads standard output any more.
        """
        try:
            _write(1, line.encode())
        except OSError as error:
            raise Stopped(f"Standard output cannot be written: {error.strerror}.") from error
        self.failed[name] = failed


def read_entries(path: Path) -> Iterator[Entry]:
    """Read a results file, one line at a time.

    Raises
    ------
    WrongUsage
        A line is not a result; the message gives its number.
    """
    with path.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            yield _parse(line, path, number)


def is_failed(entry: Entry) -> bool:
    """Return whether a result is that of a picture that failed."""
    return entry.get("error") is not None


def check_settings(path: Path, settings: Settings, *, started: bool) -> None:
    """Compare the settings of a run with those of the run that it continues, and keep them.

    Parameters
    ----------
    path : Path
        The results file, or the folder of results.
    settings : Mapping
        JSON; what the lines depend on, and `annotate`, which may change.
    started : bool
        Whether there are results.

    Raises
    ------
    WrongUsage
        They differ; the message says which.
    """
    place = settings_path(path)
    kept = kept_settings(path)
    before = kept if started and kept else settings
    changes = [
        f"{name} was {_json(before.get(name))} and is now {_json(settings.get(name))}"
        for name in dict.fromkeys((*before, *settings))
        if name != "annotate" and before.get(name) != settings.get(name)
    ]
    if changes:
        raise WrongUsage(
            f"{path} was started with other settings: {'; '.join(changes)}. Use another --out, or "
            f"delete {path} and {place} to start again."
        )
    try:
        replace_file(place, json.dumps(settings, ensure_ascii=False, indent=2).encode() + b"\n")
    except OSError as error:
        raise WrongUsage(f"{place} cannot be written: {error.strerror}.") from error


def kept_settings(path: Path) -> Settings:
    """Return the settings of the run that started a results file; empty if they are unknown.

    Raises
    ------
    WrongUsage
        They cannot be read.
    """
    place = settings_path(path)
    try:
        kept = json.loads(place.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise WrongUsage(f"{place} cannot be read: {error}.") from error
    if not isinstance(kept, dict):
        raise WrongUsage(f"{place} does not have the settings of a run; delete it.")
    return kept


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def settings_path(path: Path) -> Path:
    """Return where settings are kept: next to a results file, or in a folder of results."""
    return path / ".settings.json" if path.is_dir() else path.with_suffix(".settings.json")


def _open_locked(path: Path) -> int:
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.path.sameopenfile(file, check := os.open(path, os.O_RDONLY)):
            os.close(check)
            return file
        os.close(check)  # replaced by `_remove_failed` of another run
    except BlockingIOError:
        pass
    os.close(file)
    raise WrongUsage(f"{path} is in use by another run.")


def _cut_torn_line(file: int) -> None:
    """Remove the end of a file after its last line feed."""
    size = end = os.fstat(file).st_size
    while end:
        start = max(0, end - _CHUNK)
        found = os.pread(file, end - start, start).rfind(b"\n")
        if found >= 0:
            end = start + found + 1
            break
        end = start
    if end < size:
        os.ftruncate(file, end)


def _parse(line: bytes, path: Path, number: int) -> Entry:
    try:
        entry = json.loads(line)
        if isinstance(entry, dict) and isinstance(entry.get("name"), str):
            return entry
    except ValueError:
        pass
    raise WrongUsage(f"{path}, line {number} is not a result; use another --out.")


def _write(file: int, data: bytes) -> None:
    while data:
        data = data[os.write(file, data) :]
