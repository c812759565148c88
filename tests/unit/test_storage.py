"""Files in a folder, and settings that name a folder or a bucket."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from carlens.services.storage import open_storage
from carlens.storage import FileMissing, FileTooLarge, FolderStorage, StorageError


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
