"""HTTP requests that gateways may handle differently, and a client that sends them unchanged."""

from __future__ import annotations

import gzip
import http.client
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from tests.support import SKODA

_TIMEOUT = 60.0


@dataclass(frozen=True)
class RawRequest:
    """A request, as it is sent.

    Attributes
    ----------
    method : str
    target : str
        Path and query, percent-encoded, relative to the URL of the API.
    headers : tuple of (name, value)
        RawRequest after `Host`, in this order and case, as UTF-8.
    body : bytes or None
        None sends neither a body nor its length.
    chunked : bool
        Whether the body is sent in chunks.
    """

    method: str = "GET"
    target: str = "/health"
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None
    chunked: bool = False

    def wire(self, host: str, prefix: str = "") -> bytes:
        """Return the bytes of the request; `prefix` is prepended to its target."""
        lines = [f"{self.method} {prefix}{self.target} HTTP/1.1", f"Host: {host}"]
        lines += [f"{name}: {value}" for name, value in self.headers]
        body = self.body or b""
        if self.chunked:
            lines.append("Transfer-Encoding: chunked")
            parts = [body[: len(body) // 2], body[len(body) // 2 :], b""]
            body = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts)
        elif self.body is not None:
            lines.append(f"Content-Length: {len(body)}")
        return "\r\n".join([*lines, "Connection: close", "", ""]).encode() + body


@dataclass(frozen=True)
class RawResponse:
    """A response, decompressed; headers by lower-case name, the last one if repeated."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def send(url: str, request: RawRequest, host: str | None = None) -> RawResponse:
    """Send `request` to the API at `url` and return the response.

    Parameters
    ----------
    url : str
        The URL of the API; its path (`/prod`) is prepended to the path of the request.
    host : str, optional
        The Host header, if it is not the host of `url`.
    """
    address = urlsplit(url)
    where = (address.hostname or "", address.port or 80)
    with socket.create_connection(where, timeout=_TIMEOUT) as sock:
        sock.sendall(request.wire(host or address.netloc, address.path.rstrip("/")))
        with http.client.HTTPResponse(sock, method=request.method) as response:
            response.begin()
            headers = {name.lower(): value for name, value in response.getheaders()}
            body = response.read()
            if headers.get("content-encoding") == "gzip":
                body = gzip.decompress(body)
            return RawResponse(response.status, headers, body)


def _typed(content_type: str, body: bytes | None, *more: tuple[str, str]) -> RawRequest:
    return RawRequest("POST", "/predict", (("Content-Type", content_type), *more), body)


_JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01 not really a photo \x00\xff\xd9"
_FORM_TYPE = "multipart/form-data; boundary=----WebKitFormBoundaryA1b2C3"
_FORM = (
    b"------WebKitFormBoundaryA1b2C3\r\n"
    b'Content-Disposition: form-data; name="image"; filename="caf\xc3\xa9 %22.jpg"\r\n'
    b"Content-Type: image/jpeg\r\n\r\n" + _JPEG + b"\r\n"
    b"------WebKitFormBoundaryA1b2C3\r\n"
    b'Content-Disposition: form-data; name="url"\r\n\r\nhttps://example.com/a.jpg\r\n'
    b"------WebKitFormBoundaryA1b2C3--\r\n"
)
_JSON = '{"images":[{"name":"né 🚗","url":"https://example.com/a.jpg"}]}'.encode()
# Larger than the buffers of a socket, and larger than 1 MB as base64.
_BIG = SKODA.read_bytes()[:65536] * 32

REQUESTS: dict[str, RawRequest] = {
    # --- ordinary requests
    "get": RawRequest(),
    "root": RawRequest(target="/"),
    "headers of a browser": RawRequest(
        target="/models",
        headers=(
            ("User-Agent", "Mozilla/5.0 (X11; Linux x86_64)"),
            ("Accept", "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8"),
            ("Accept-Language", "fr,en;q=0.5"),
            ("Accept-Encoding", "gzip, deflate, br"),
            ("Origin", "https://example.com"),
            ("Referer", "https://example.com/a?b=c"),
            ("Cookie", "a=1; b=2"),
            ("Sec-Fetch-Mode", "cors"),
        ),
    ),
    # --- query
    "query": RawRequest(target="/health?confidence=0.5&format=detailed"),
    "query repeated": RawRequest(target="/health?a=1&b=2&a=3"),
    "query empty": RawRequest(target="/health?"),
    "query empty values": RawRequest(target="/health?a=&b&c=1"),
    "query empty names": RawRequest(target="/health?=1&&a=2"),
    "query encoded": RawRequest(target="/health?n%C3%A9=caf%C3%A9&x=%2B%26%3D%23%25"),
    "query plus": RawRequest(target="/health?classes=stop+sign&q=a%20b%2Bc"),
    "query comma": RawRequest(target="/health?classes=car,truck"),
    "query with equals signs": RawRequest(target="/health?a=b=c&url=http://h/?y=1"),
    "query brackets": RawRequest(target="/health?a[]=1&a[]=2"),
    "query semicolon": RawRequest(target="/health?a=1;b=2"),
    "query not utf-8": RawRequest(target="/health?a=%FF%FE"),
    "query broken encoding": RawRequest(target="/health?a=%zz&b=100%"),
    "query names by case": RawRequest(target="/health?A=1&a=2"),
    # --- path
    "path trailing slash": RawRequest("POST", "/predict/", (), b""),
    "path encoded letter": RawRequest(target="/he%61lth"),
    "path encoded slash": RawRequest(target="/health%2F"),
    "path double slash": RawRequest(target="//health"),
    "path two trailing slashes": RawRequest(target="/health//"),
    "path other case": RawRequest(target="/Health"),
    "path dot segments": RawRequest(target="/models/../health"),
    "path unknown": RawRequest(target="/nowhere/caf%C3%A9"),
    # --- headers
    "headers repeated": RawRequest(headers=(("X-One", "1"), ("X-Two", "2"), ("X-One", "3"))),
    "headers repeated in another case": RawRequest(headers=(("X-One", "1"), ("x-one", "2"))),
    "headers in odd case": RawRequest(headers=(("x-lower", "1"), ("X-uPPer", "2"), ("DNT", "1"))),
    "headers empty": RawRequest(headers=(("X-Empty", ""),)),
    "headers utf-8": RawRequest(headers=(("X-Name", "né 🚗"),)),
    "headers with commas": RawRequest(headers=(("Accept", "image/png, */*"), ("X-List", "a,b"))),
    "headers with underscores": RawRequest(headers=(("X_Under_Score", "1"), ("X-Dash", "2"))),
    "headers of a proxy": RawRequest(
        headers=(
            ("X-Forwarded-For", "10.1.2.3"),
            ("X-Forwarded-Port", "1"),
            ("X-Forwarded-Proto", "gopher"),
            ("X-Amzn-Trace-Id", "Root=1-5759e988-bd862e3fe1be46a994272793"),
            ("Via", "1.1 proxy"),
        )
    ),
    "headers for one hop": RawRequest(
        headers=(("TE", "trailers"), ("Max-Forwards", "9"), ("Content-MD5", "x"), ("Server", "s"))
    ),
    "authorization": RawRequest(headers=(("Authorization", "Basic YTpi"), ("X-Api-Key", "key"))),
    # --- bodies
    "body multipart": _typed(_FORM_TYPE, _FORM),
    "body multipart in chunks": RawRequest(
        "POST", "/predict", (("Content-Type", _FORM_TYPE),), _FORM, chunked=True
    ),
    "body raw image": _typed("image/jpeg", _JPEG),
    "body octet-stream": _typed("application/octet-stream", _JPEG),
    "body image in odd case": _typed("Image/JPEG; q=1", _JPEG),
    "body image of no listed type": _typed("image/x-icon", b"ascii only"),
    "body json": _typed("application/json; charset=utf-8", _JSON),
    "body json in chunks": RawRequest(
        "POST", "/predict", (("Content-Type", "application/json"),), _JSON, chunked=True
    ),
    "body json not utf-8": _typed("application/json", b'{"images":"\xff"}'),
    "body form": _typed("application/x-www-form-urlencoded", b"url=http%3A%2F%2Fh%2F&a=b+c"),
    "body text with control characters": _typed("text/plain", b'\x00\x1b"\\\r\n\t\x7f'),
    "body compressed": _typed("image/png", b"\x1f\x8b\x08\x00no", ("Content-Encoding", "gzip")),
    "body without a type": RawRequest("POST", "/predict", (), b"hello"),
    "body of two types": _typed("image/png", b"hello", ("Content-Type", "text/plain")),
    "body big": _typed("image/png", _BIG),
    "body empty": _typed("application/json", b""),
    "body empty and binary": _typed("image/png", b""),
    "body none": RawRequest("POST", "/predict"),
    "body on a get": RawRequest("GET", "/health", (("Content-Type", "text/plain"),), b"hello"),
    # --- methods
    **{
        f"method {m}": RawRequest(m, "/predict")
        for m in ("PUT", "PATCH", "DELETE", "OPTIONS", "HEAD")
    },
    **{f"method {m}": RawRequest(m, "/predict") for m in ("TRACE", "PROPFIND", "FOO", "post")},
}
