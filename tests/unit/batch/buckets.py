"""A bucket in memory."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import IO

from carlens.storage import FileMissing, ListedFile, check_size

NOW = datetime(2026, 11, 28, 18, 30, 15, tzinfo=UTC)


class FakeBucket:
    """Lists its objects in the order of S3, and fails where a test says so."""

    def __init__(self, **objects: bytes) -> None:
        self.objects = dict(objects)
        self.modified: dict[str, datetime] = {}
        self.failures: dict[str, Exception] = {}
        self.content_types: dict[str, str] = {}

    def add(self, *keys: str, content: bytes = b"") -> FakeBucket:
        self.objects.update(dict.fromkeys(keys, content))
        return self

    def files(self, prefix: str = "", after: str = "") -> Iterator[ListedFile]:
        for key in sorted(self.objects, key=str.encode):
            if key.startswith(prefix) and key.encode() > after.encode():
                yield ListedFile(key, self.modified.get(key, NOW))

    def read(self, key: str, *, max_bytes: int) -> bytes:
        if key in self.failures:
            raise self.failures[key]
        if key not in self.objects:
            raise FileMissing(key)
        check_size(key, len(self.objects[key]), max_bytes)
        return self.objects[key]

    def names(self) -> list[str]:
        return sorted(self.objects)

    def write(self, key: str, content: bytes | IO[bytes], content_type: str) -> None:
        if key in self.failures:
            raise self.failures[key]
        self.objects[key] = content if isinstance(content, bytes) else content.read()
        self.content_types[key] = content_type
