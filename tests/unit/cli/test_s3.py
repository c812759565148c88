"""Photos in S3; `tests/integration/test_cli.py` has a real S3 server."""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import boto3
import pytest
from botocore.stub import Stubber

from carlens.cli import s3
from carlens.cli.errors import Problem, Stopped, WrongUsage
from carlens.cli.local_files import local_files
from carlens.cli.pictures import Picture, find_pictures
from carlens.cli.s3 import list_photos, read_object, split_address

NOW = datetime(2026, 11, 28, tzinfo=UTC)


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stubber]:
    """The next answers of S3."""
    client = boto3.client(
        "s3", region_name="eu-west-3", aws_access_key_id="a", aws_secret_access_key="b"
    )
    monkeypatch.setattr(s3, "_client", lambda: client)
    with Stubber(client) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


def add_listing(bucket: Stubber, *keys: str) -> None:
    contents = [{"Key": key, "LastModified": NOW} for key in keys]
    bucket.add_response("list_objects_v2", {"Contents": contents, "IsTruncated": False})


def add_object(bucket: Stubber, content: bytes) -> None:
    body = {"Body": io.BytesIO(content), "ContentLength": len(content)}
    bucket.add_response("get_object", body)


def test_the_only_prefix_has_keys_as_names_and_several_have_addresses(bucket: Stubber) -> None:
    add_listing(bucket, "2026/a.JPG", "2026/b/ü.png", "2026/readme.txt")
    alone = find_pictures(["s3://photos/2026/"])
    add_listing(bucket, "2026/a.JPG")
    add_listing(bucket, "2026/a.JPG", "2025/c.webp")
    several = find_pictures(["s3://photos/2026/", "s3://photos"])

    assert alone.root == "s3://photos"
    assert alone.pictures == [
        Picture("2026/a.JPG", "s3://photos/2026/a.JPG"),
        Picture("2026/b/ü.png", "s3://photos/2026/b/ü.png"),
    ]
    assert several.root == str(Path.cwd())
    assert [picture.name for picture in several.pictures] == [
        *("s3://photos/2026/a.JPG", "s3://photos/2025/c.webp"),
    ]


@pytest.mark.parametrize(
    ("code", "kind"),
    [("NoSuchBucket", WrongUsage), ("AccessDenied", WrongUsage), ("InternalError", Stopped)],
)
def test_a_bucket_that_cannot_be_listed(bucket: Stubber, code: str, kind: type[Exception]) -> None:
    bucket.add_client_error("list_objects_v2", code)

    with pytest.raises(kind, match=r"^Cannot list s3://photos/2026/: .*[^.]\.$"):
        list(list_photos("photos", "2026/"))


@pytest.mark.parametrize(
    ("code", "problem"),
    [
        ("NoSuchKey", "key_not_found"),
        ("InvalidObjectState", "key_not_found"),
        ("AccessDenied", "file_unreadable"),
    ],
)
def test_a_photo_that_cannot_be_read_fails_alone(bucket: Stubber, code: str, problem: str) -> None:
    bucket.add_client_error("get_object", code)

    found = read_object("s3://photos/a.jpg", 10)

    assert isinstance(found, Problem)
    assert found.code == problem


def test_a_photo_is_read_up_to_the_limit(bucket: Stubber) -> None:
    add_object(bucket, b"12345")
    add_object(bucket, b"12345")

    assert read_object("s3://photos/a.jpg", 5) == b"12345"
    found = read_object("s3://photos/a.jpg", 4)
    assert isinstance(found, Problem)
    assert found.code == "picture_too_large"


def test_another_failure_stops_the_run(bucket: Stubber) -> None:
    bucket.add_client_error("get_object", "ExpiredToken")

    with pytest.raises(Stopped, match="ExpiredToken"):
        read_object("s3://photos/a.jpg", 10)


def test_an_api_gets_copies_that_are_deleted(bucket: Stubber, tmp_path: Path) -> None:
    # Given a file, and a photo in S3
    (tmp_path / "a.jpg").write_bytes(b"file")
    add_object(bucket, b"object")
    gone = Picture("gone.jpg", str(tmp_path / "gone.jpg"))
    given = [Picture("a.jpg", str(tmp_path / "a.jpg")), Picture("b", "s3://photos/b"), gone]

    with local_files(given) as files:
        file, copy, missing = files
        assert [Path(each.path).read_bytes() for each in (file, copy)] == [b"file", b"object"]
        for each in (file, copy, missing):
            each.release()

        # Then only the copy is deleted, and a file that is missing has a problem
        assert [Path(each.path).exists() for each in (file, copy)] == [True, False]
        assert missing.problem is not None
        assert missing.problem.code == "file_unreadable"


def test_photos_are_copied_as_they_are_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    # Given a bucket with many photos
    read: list[str] = []

    def read_object(address: str, max_bytes: int) -> bytes:
        read.append(address)
        return b"object"

    monkeypatch.setattr(s3, "read_object", read_object)

    # When the first is used
    with local_files(Picture(str(n), f"s3://photos/{n}") for n in range(1000)) as files:
        first = next(files)
        assert Path(first.path).read_bytes() == b"object"

    # Then only the next ones were read, and no copy is left
    assert len(read) <= 9
    assert not Path(first.path).parent.exists()


@pytest.mark.parametrize("address", ["photos/2026", "s3://", "s3:///x", "https://s3://x"])
def test_another_address_is_wrong_usage(address: str) -> None:
    with pytest.raises(WrongUsage, match="s3://bucket/prefix"):
        split_address(address)


def test_an_address_may_have_no_prefix() -> None:
    assert split_address("s3://photos") == ("photos", "")
    assert split_address("s3://photos/a/b") == ("photos", "a/b")
