"""Readers of pictures: order, look-ahead and failures."""

from __future__ import annotations

import threading
from collections.abc import Iterator

from carlens.errors import InvalidBase64, PictureError, UrlFailed
from carlens.inputs.sources import PictureSource, Reader, open_sources


def url(number: int) -> PictureSource:
    return PictureSource("url", None, f"https://a/{number}")


def outcomes(readers: Iterator[Reader]) -> list[bytes | str]:
    """Call each reader, and give its bytes or its error code."""
    found: list[bytes | str] = []
    for reader in readers:
        try:
            found.append(reader())
        except PictureError as error:
            found.append(error.code)
    return found


def test_every_kind_of_source_is_read_in_order() -> None:
    # Given a file, a URL, a picture that could not be decoded from the body, another URL and a key
    sources = [
        PictureSource("image", "a", b"file"),
        url(1),
        PictureSource("image", None, InvalidBase64("no")),
        url(2),
        PictureSource("key", None, "uploads/1"),
    ]

    def fetch(field: str, address: str) -> bytes:
        if field == "key":
            return b"uploaded"
        if address.endswith("2"):
            raise UrlFailed("gone")
        return address.encode()

    with open_sources(sources, fetch) as readers:
        assert outcomes(readers) == [
            b"file",
            b"https://a/1",
            "invalid_base64",
            "url_failed",
            b"uploaded",
        ]


def test_files_alone_start_no_thread() -> None:
    before = threading.active_count()

    with open_sources([PictureSource("image", "a", b"a")] * 3, lambda *_: b"") as readers:
        assert outcomes(readers) == [b"a"] * 3
        assert threading.active_count() == before


def test_at_most_eight_urls_are_fetched_ahead() -> None:
    # Given 20 URLs, of which none is read yet
    started: list[str] = []
    eighth = threading.Event()

    def fetch(field: str, address: str) -> bytes:
        started.append(address)
        if len(started) == 8:
            eighth.set()
        return address.encode()

    with open_sources([url(i) for i in range(20)], fetch) as readers:
        first = next(readers)

        # Then eight fetches start, and the ninth only when the second reader is taken
        assert eighth.wait(30)
        assert first() == b"https://a/0"
        assert len(started) == 8
        assert next(readers)() == b"https://a/1"
        assert outcomes(readers) == [f"https://a/{i}".encode() for i in range(2, 20)]
    assert sorted(started) == sorted(f"https://a/{i}" for i in range(20))


def test_urls_that_nobody_reads_are_not_fetched() -> None:
    # Given a fetch that blocks, and 20 URLs
    release = threading.Event()
    started: list[str] = []

    def fetch(field: str, address: str) -> bytes:
        started.append(address)
        release.wait(30)
        return b""

    # When the caller stops at the first one
    with open_sources([url(i) for i in range(20)], fetch) as readers:
        next(readers)
    release.set()

    # Then only the fetches that were running are made
    assert len(started) <= 8
