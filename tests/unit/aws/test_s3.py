"""Files in a bucket, through a client in memory."""

from __future__ import annotations

import io
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest

from carlens.aws.s3 import S3Storage, bucket_opener, make_client
from carlens.storage import (
    BucketMissing,
    FileArchived,
    FileForbidden,
    FileMissing,
    FileTooLarge,
    ListedFile,
    StorageError,
    StorageUnavailable,
)

NOW = datetime(2026, 11, 28, 18, tzinfo=UTC)


class ClientError(Exception):
    """An error as botocore raises it."""

    def __init__(self, code: str, status: int = 503) -> None:
        super().__init__(f"An error occurred ({code})")
        self.response = {
            "Error": {"Code": code},
            "ResponseMetadata": {"HTTPStatusCode": status},
        }


class FakeClient:
    """A bucket in memory that lists one key per page; `fail` makes every call fail."""

    def __init__(self, **objects: bytes) -> None:
        self.objects = {key.replace("__", "/"): data for key, data in objects.items()}
        self.fail: Exception | None = None
        self.bodies: list[io.BytesIO] = []

    def get_object(self, *, Bucket: str, Key: str) -> dict[str, Any]:
        assert Bucket == "bucket"
        if self.fail is not None:
            raise self.fail
        if Key not in self.objects:
            raise ClientError("NoSuchKey")
        self.bodies.append(io.BytesIO(self.objects[Key]))
        return {"ContentLength": len(self.objects[Key]), "Body": self.bodies[-1]}

    def get_paginator(self, name: str) -> FakeClient:
        assert name == "list_objects_v2"
        return self

    def paginate(self, *, Bucket: str, Prefix: str, StartAfter: str = "") -> list[dict[str, Any]]:
        assert Bucket == "bucket"
        if self.fail is not None:
            raise self.fail
        keys = [key for key in self.objects if key.startswith(Prefix) and key > StartAfter]
        return [*({"Contents": [{"Key": key, "LastModified": NOW}]} for key in keys), {}]

    def put_object(self, *, Bucket: str, Key: str, Body: bytes, ContentType: str) -> None:
        assert (Bucket, ContentType) == ("bucket", "text/plain")
        if self.fail is not None:
            raise self.fail
        self.objects[Key] = Body


def storage(client: FakeClient, address: str = "s3://bucket/a/b") -> S3Storage:
    return S3Storage(address, read_timeout=1, client=client)


@pytest.mark.parametrize("address", ["s3://bucket/a/b", "s3://bucket/a/b/", "s3://bucket/a/b//"])
def test_a_key_starts_with_the_prefix(address: str) -> None:
    client = FakeClient(a__b__c__file=b"data")

    assert storage(client, address).read("c/file", max_bytes=4) == b"data"


@pytest.mark.parametrize("address", ["s3://bucket", "s3://bucket/"])
def test_a_prefix_is_optional(address: str) -> None:
    client = FakeClient(file=b"data", folder__file=b"")

    assert storage(client, address).read("file", max_bytes=4) == b"data"
    assert storage(client, address).names() == ["file"]


def test_a_body_is_closed_after_reading() -> None:
    client = FakeClient(a__b__file=b"data")

    storage(client).read("file", max_bytes=4)

    assert [body.closed for body in client.bodies] == [True]


def test_a_missing_object_is_named() -> None:
    with pytest.raises(FileMissing, match=r"cannot read s3://bucket/a/b/file: .*NoSuchKey"):
        storage(FakeClient()).read("file", max_bytes=4)


def test_an_object_that_is_too_large_is_not_read() -> None:
    client = FakeClient(a__b__file=b"12345")

    with pytest.raises(
        FileTooLarge, match=r"s3://bucket/a/b/file has 5 bytes; at most 4 are allowed"
    ):
        storage(client).read("file", max_bytes=4)

    assert [body.closed for body in client.bodies] == [True]


@pytest.mark.parametrize(
    ("failure", "kind"),
    [
        (ClientError("AccessDenied", 403), FileForbidden),
        (ClientError("InvalidAccessKeyId", 403), StorageError),
        (ClientError("SlowDown", 503), StorageUnavailable),
        (ClientError("TooManyRequests", 429), StorageUnavailable),
        (ConnectionError("no route"), StorageUnavailable),
    ],
)
def test_a_failure_is_a_storage_error_that_says_whether_it_is_temporary(
    failure: Exception, kind: type[StorageError]
) -> None:
    client = FakeClient(a__b__file=b"data")
    files = storage(client)
    client.fail = failure

    with pytest.raises(StorageError, match=r"cannot read s3://bucket/a/b/file") as caught:
        files.read("file", max_bytes=4)
    assert type(caught.value) is kind
    assert str(failure) in str(caught.value)
    with pytest.raises(StorageError, match=r"cannot list s3://bucket/a/b/: "):
        files.names()

    client.fail = None
    assert files.read("file", max_bytes=4) == b"data"


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("AccessDenied", FileForbidden),
        ("NoSuchBucket", BucketMissing),
        ("InvalidObjectState", FileArchived),
        ("NoSuchKey", FileMissing),
    ],
)
def test_a_failure_that_is_not_temporary_has_its_own_error(
    code: str, kind: type[StorageError]
) -> None:
    client = FakeClient()
    client.fail = ClientError(code)

    with pytest.raises(kind, match=f"cannot read s3://bucket/a/b/file: .*{code}"):
        storage(client).read("file", max_bytes=4)


def test_files_are_listed_at_any_depth_after_a_key() -> None:
    client = FakeClient(a__b__1=b"", a__b__2=b"", a__b__c__3=b"", a__bb=b"")

    assert list(storage(client).files(after="1")) == [
        ListedFile("2", NOW),
        ListedFile("c/3", NOW),
    ]
    assert [file.key for file in storage(client).files("c/")] == ["c/3"]


def test_an_object_is_written_below_the_prefix() -> None:
    client = FakeClient()
    files = storage(client)

    files.write("c/file", b"data", "text/plain")
    client.fail = ClientError("SlowDown")

    assert client.objects == {"a/b/c/file": b"data"}
    with pytest.raises(StorageError, match="cannot write s3://bucket/a/b/c/file: "):
        files.write("c/file", b"other", "text/plain")


def test_buckets_are_opened_with_one_client(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[float] = []

    def make(read_timeout: float, attempts: int = 3) -> FakeClient:
        made.append(read_timeout)
        return FakeClient(file=b"data")

    monkeypatch.setattr("carlens.aws.s3.make_client", make)
    opener = bucket_opener(7)
    assert made == []  # nothing is connected before it is used

    assert opener("bucket").read("file", max_bytes=4) == b"data"
    assert opener("bucket").names() == ["file"]
    assert made == [7]


def test_names_are_those_directly_below_the_prefix() -> None:
    client = FakeClient(a__b__2=b"", a__b__1=b"", a__b__c__3=b"", a__bb=b"", a__b__=b"")

    assert storage(client).names() == ["1", "2"]


@pytest.mark.parametrize(("given", "attempts"), [({}, 3), ({"attempts": 1}, 1)])
def test_a_client_has_the_configured_timeouts_and_attempts(
    given: dict[str, int], attempts: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-3")

    config = make_client(2.5, **given).meta.config

    assert (config.connect_timeout, config.read_timeout) == (1, 2.5)
    assert config.retries["total_max_attempts"] == attempts


def test_threads_share_one_client(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[FakeClient] = []

    def make(read_timeout: float, attempts: int) -> FakeClient:
        time.sleep(0.01)
        made.append(FakeClient(file=b"data"))
        return made[-1]

    monkeypatch.setattr("carlens.aws.s3.make_client", make)
    shared = S3Storage("s3://bucket", read_timeout=1)

    with ThreadPoolExecutor(8) as pool:
        read = [pool.submit(shared.read, "file", max_bytes=4) for _ in range(8)]
        assert [future.result() for future in read] == [b"data"] * 8
    assert len(made) == 1
