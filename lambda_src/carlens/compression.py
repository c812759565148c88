"""Undo the Content-Encoding of an HTTP body, within a limit."""

from __future__ import annotations

_GZIP, _ZLIB, _RAW_DEFLATE = 31, 15, -15  # as `zlib.decompressobj` names the formats
_GZIP_MAGIC = b"\x1f\x8b"
_CHUNK = 16 * 1024
_MAX_MEMBERS = 10_000

_INFLATED = frozenset({"gzip", "x-gzip", "deflate"})
_OTHERS = frozenset(
    {"br", "bzip2", "compress", "dcb", "dcz", "lz4", "lzma", "snappy", "x-compress", "xz", "zstd"}
)


class UnknownCompression(ValueError):
    """The body is compressed in a way that is not supported; the argument names it."""


class TooLarge(ValueError):
    """The body is larger than allowed once it is decompressed."""


def is_compressed(content_encoding: str) -> bool:
    """Return whether a Content-Encoding header names a compression.

    Clients and servers also put other words there, such as `utf-8`, which change nothing.
    """
    return bool(_compressions(content_encoding))


def starts_compressed(data: bytes) -> bool:
    """Return whether data starts like gzip or zlib, the usual form of deflate."""
    return data.startswith(_GZIP_MAGIC) or _has_zlib_header(data)


def decompress(data: bytes, content_encoding: str, max_bytes: int) -> bytes:
    """Undo the compressions that a Content-Encoding header names.

    Parameters
    ----------
    data : bytes
        As received.
    content_encoding : str
        The value of the header; may be empty.
    max_bytes : int
        The most bytes to return. No step unpacks more.

    Raises
    ------
    UnknownCompression
        Neither gzip nor deflate.
    TooLarge
        There are more than `max_bytes`.
    ValueError
        The data is damaged or incomplete.
    """
    names = _compressions(content_encoding)
    for name in names:
        if name not in _INFLATED:
            raise UnknownCompression(name)
    for name in reversed(names):
        data = _inflate(data, _format(data, name), max_bytes)
    return data


def _compressions(content_encoding: str) -> list[str]:
    names = [name.strip() for name in content_encoding.lower().split(",")]
    return [name for name in names if name in _INFLATED or name in _OTHERS]


def _format(data: bytes, name: str) -> int:
    if name != "deflate":
        return _GZIP
    # The standard asks for zlib's header; some senders leave it out, and browsers accept that.
    return _ZLIB if _has_zlib_header(data) else _RAW_DEFLATE


def _has_zlib_header(data: bytes) -> bool:
    return len(data) > 1 and data[0] & 15 == 8 and int.from_bytes(data[:2], "big") % 31 == 0


def _inflate(data: bytes, kind: int, max_bytes: int) -> bytes:
    import zlib  # only compressed bodies pay for the import

    found, members = bytearray(), 1
    decoder = zlib.decompressobj(kind)
    try:
        for start in range(0, len(data), _CHUNK):
            chunk = data[start : start + _CHUNK]
            while chunk:
                if decoder.eof:
                    # A gzip file may have several members; whatever else follows is ignored.
                    if kind != _GZIP or not _GZIP_MAGIC.startswith(chunk[:2]):
                        return bytes(found)
                    decoder, members = zlib.decompressobj(kind), members + 1
                found += decoder.decompress(chunk, max_bytes + 1 - len(found))
                if len(found) > max_bytes:
                    raise TooLarge
                if members > _MAX_MEMBERS:
                    raise ValueError("too many members")
                chunk = decoder.unused_data
    except zlib.error as error:
        raise ValueError("damaged") from error
    if not decoder.eof:
        raise ValueError("incomplete")
    return bytes(found)
