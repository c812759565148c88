"""Content-Encoding is undone within a limit."""

from __future__ import annotations

import time
import zlib

import pytest

from carlens.compression import TooLarge, UnknownCompression, decompress, is_compressed
from tests.support import gzipped

DATA = bytes(range(256)) * 300


def bomb(size: int) -> bytes:
    return gzipped(bytes(size))


@pytest.mark.parametrize(
    ("encoding", "sent"),
    [
        ("", DATA),
        ("identity", DATA),
        ("utf-8", DATA),
        ("gzip", gzipped(DATA)),
        (" GZIP ", gzipped(DATA)),
        ("x-gzip, identity", gzipped(DATA)),
        ("gzip", gzipped(DATA[:9]) + gzipped(b"") + gzipped(DATA[9:])),
        ("gzip", gzipped(DATA) + b"\0\0 anything"),
        ("deflate", zlib.compress(DATA)),
        ("deflate", zlib.compress(DATA)[2:-4]),
        ("deflate", zlib.compress(DATA) + b"anything"),
        ("deflate, gzip", gzipped(zlib.compress(DATA))),
    ],
)
def test_a_body_is_decompressed(encoding: str, sent: bytes) -> None:
    assert decompress(sent, encoding, len(DATA)) == DATA


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
@pytest.mark.parametrize(
    "sent", [b"", b"\x1f", b"junk", gzipped(DATA)[:-9], gzipped(DATA)[:-1], b"x" * 99_999]
)  # fmt: skip
def test_a_damaged_body_is_refused(encoding: str, sent: bytes) -> None:
    with pytest.raises(ValueError, match=r"damaged|incomplete"):
        decompress(sent, encoding, len(DATA))


def test_a_body_may_have_as_many_bytes_as_the_limit() -> None:
    assert len(decompress(bomb(100_000), "gzip", 100_000)) == 100_000
    with pytest.raises(TooLarge):
        decompress(bomb(100_000), "gzip", 99_999)


@pytest.mark.parametrize(
    "sent",
    [bomb(50_000_000), gzipped(bomb(50_000_000)), gzipped(b"") * 200_000, gzipped(b"\0") * 9_000],
    ids=["bomb", "bomb in a bomb", "empty members", "small members"],
)  # fmt: skip
def test_a_bomb_takes_little_time(sent: bytes) -> None:
    start = time.process_time()

    with pytest.raises(ValueError):  # noqa: PT011 - TooLarge is one
        decompress(sent, "gzip, gzip", 1_000_000)

    assert time.process_time() - start < 1


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, br", "Compress"])
def test_other_compressions_are_refused_by_name(encoding: str) -> None:
    with pytest.raises(UnknownCompression) as refused:
        decompress(DATA, encoding, len(DATA))

    assert refused.value.args[0] == encoding.split()[-1].lower()


@pytest.mark.parametrize(
    ("encoding", "expected"),
    [("gzip", True), ("br", True), ("identity", False), ("utf-8", False), ("", False), (",", False)],
)  # fmt: skip
def test_only_compressions_count(encoding: str, expected: bool) -> None:
    assert is_compressed(encoding) is expected
