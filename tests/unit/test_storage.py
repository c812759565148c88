"""Files in a folder, and settings that name a folder or a bucket."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from carlens.services.storage import open_storage
from carlens.storage import (
    FileForbidden,
    FileMissing,
    FileTooLarge,
    FolderStorage,
    PatientStorage,
    StorageError,
    StorageUnavailable,
)


def test_a_file_is_read_if_it_is_small_enough(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "file").write_bytes(b"1234")
    storage = FolderStorage(tmp_path)

    assert storage.read("a/file", max_bytes=4) == b"1234"
    with pytest.raises(FileTooLarge, match=r"a/file has 4 bytes; at most 3 are allowed"):
        storage.read("a/file", max_bytes=3)


def test_what_is_not_a_file_is_missing(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "dangling").symlink_to(tmp_path / "nothing")

    for key in ("folder", "dangling", "none", "none/file"):
        with pytest.raises(FileMissing, match=f"cannot read .*{key}: no such file"):
            FolderStorage(tmp_path).read(key, max_bytes=4)


def test_names_are_those_of_files_in_the_folder(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "deep").write_bytes(b"")
    (tmp_path / "dangling").symlink_to(tmp_path / "nothing")
    for name in ("2", "1"):
        (tmp_path / name).write_bytes(b"")

    assert FolderStorage(tmp_path).names() == ["1", "2"]
    assert FolderStorage(tmp_path / "none").names() == []


def test_a_file_that_cannot_be_opened_is_a_storage_error(tmp_path: Path) -> None:
    # Given a path that is longer than the file system allows
    key = "a" * 5000

    with pytest.raises(StorageError, match="cannot read "):
        FolderStorage(tmp_path).read(key, max_bytes=4)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_a_file_without_permission_is_a_storage_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "file").chmod(0)

    with pytest.raises(StorageError, match=r"cannot read .*file: Permission denied"):
        FolderStorage(tmp_path).read("file", max_bytes=4)


def test_a_setting_names_a_folder_or_a_bucket(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"data")

    assert open_storage(str(tmp_path), read_timeout=1).read("file", max_bytes=4) == b"data"
    bucket = open_storage("s3://bucket/prefix", read_timeout=1)
    assert type(bucket).__name__ == "S3Storage"
    patient = open_storage("s3://bucket/prefix", read_timeout=1, retry_seconds=4)
    assert type(patient).__name__ == "PatientStorage"


@dataclass
class Unsteady:
    """A storage that fails with `failures` first, each after `seconds`, and the time."""

    failures: list[StorageError]
    seconds: float = 0.0
    now: float = 100.0
    pauses: list[float] = field(default_factory=list)

    def read(self, key: str, *, max_bytes: int) -> bytes:
        self.names()
        return b"data"

    def names(self) -> list[str]:
        if self.failures:
            self.now += self.seconds
            raise self.failures.pop(0)
        return ["file"]

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds

    def patiently(self) -> PatientStorage:
        return PatientStorage(self, seconds=4, clock=lambda: self.now, sleep=self.sleep)


def test_a_storage_that_is_unavailable_is_tried_again_after_growing_pauses(
    caplog: pytest.LogCaptureFixture,
) -> None:
    unsteady = Unsteady([StorageUnavailable("Slow Down")] * 3)

    assert unsteady.patiently().read("file", max_bytes=4) == b"data"

    assert unsteady.pauses == [0.25, 0.5, 1.0]
    # The alarm on failed starts, which rolls a deployment back, does not count these lines.
    assert {record.levelname for record in caplog.records} == {"WARNING"}
    assert caplog.messages[0] == "trying again in 0.25 s: Slow Down"


@pytest.mark.parametrize(("seconds", "attempts"), [(0.0, 5), (3.0, 2), (9.0, 1)])
def test_attempts_end_within_the_init_phase(seconds: float, attempts: int) -> None:
    unsteady = Unsteady([StorageUnavailable(str(i)) for i in range(9)], seconds)

    with pytest.raises(StorageUnavailable):
        unsteady.patiently().read("file", max_bytes=4)

    assert 9 - len(unsteady.failures) == attempts
    assert unsteady.now - 100 <= 4 + seconds


def test_all_files_share_the_time_for_attempts() -> None:
    unsteady = Unsteady([StorageUnavailable("Slow Down")] * 9)
    patient = unsteady.patiently()
    with pytest.raises(StorageUnavailable):
        patient.names()

    with pytest.raises(StorageUnavailable):
        patient.read("file", max_bytes=4)

    assert unsteady.pauses == [0.25, 0.5, 1.0, 2.0, 0.25]


@pytest.mark.parametrize("kind", [FileMissing, FileForbidden, StorageError])
def test_a_failure_that_is_not_temporary_is_raised_at_once(kind: type[StorageError]) -> None:
    unsteady = Unsteady([kind("no such file")])

    with pytest.raises(kind, match="no such file"):
        unsteady.patiently().read("file", max_bytes=4)

    assert unsteady.pauses == []


def test_a_file_is_written_at_once_or_not_at_all(tmp_path: Path) -> None:
    storage = FolderStorage(tmp_path)
    (tmp_path / "redacted").mkdir()

    storage.write("redacted/a.jpeg", b"safe", "image/jpeg")

    assert storage.read("redacted/a.jpeg", max_bytes=4) == b"safe"
    with pytest.raises(StorageError, match=r"cannot write .*gone/a.jpeg: No such file"):
        storage.write("gone/a.jpeg", b"safe", "image/jpeg")
    assert [path.name for path in (tmp_path / "redacted").iterdir()] == ["a.jpeg"]
