"""HTTP requests on which gateways may differ, and a client that sends them as they stand."""

from __future__ import annotations

import http.client
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from tests.support import SKODA

_TIMEOUT = 60.0


@dataclass(frozen=True)
class Sent:
    """One request, as it goes over the wire.

    Attributes
    ----------
    method : str
    target : str
        Path and query, percent-encoded as sent; below the API's address.
    headers : tuple of (name, value)
        Sent after `Host`, in this order and case, as UTF-8.
    body : bytes or None
        None sends no body, and says no length.
    chunked : bool
        Whether the body goes in chunks instead of with its length.
    """

    method: str = "GET"
    target: str = "/health"
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None
    chunked: bool = False

    def wire(self, host: str, prefix: str = "") -> bytes:
        """Give the bytes of the request; `prefix` goes before its target."""
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
class Got:
    """An answer; its headers by lower-case name, of several the last."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def send(url: str, request: Sent, host: str | None = None) -> Got:
    """Send `request` to the API at `url`, and give the answer.

    Parameters
    ----------
    url : str
        The API's address; a path in it (`/prod`) goes before the request's own.
    host : str, optional
        The Host header, where it is not the one of `url`.
    """
    address = urlsplit(url)
    where = (address.hostname or "", address.port or 80)
    with socket.create_connection(where, timeout=_TIMEOUT) as sock:
        sock.sendall(request.wire(host or address.netloc, address.path.rstrip("/")))
        with http.client.HTTPResponse(sock, method=request.method) as response:
            response.begin()
            headers = {name.lower(): value for name, value in response.getheaders()}
            return Got(response.status, headers, response.read())


def _typed(content_type: str, body: bytes | None, *more: tuple[str, str]) -> Sent:
    return Sent("POST", "/predict", (("Content-Type", content_type), *more), body)


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
# Larger than a socket's buffers, and than a megabyte as base64.
_BIG = SKODA.read_bytes()[:65536] * 32

REQUESTS: dict[str, Sent] = {
    # --- nothing special
    "get": Sent(),
    "root": Sent(target="/"),
    "headers of a browser": Sent(
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
    "query": Sent(target="/health?confidence=0.5&format=detailed"),
    "query repeated": Sent(target="/health?a=1&b=2&a=3"),
    "query empty": Sent(target="/health?"),
    "query empty values": Sent(target="/health?a=&b&c=1"),
    "query empty names": Sent(target="/health?=1&&a=2"),
    "query encoded": Sent(target="/health?n%C3%A9=caf%C3%A9&x=%2B%26%3D%23%25"),
    "query plus": Sent(target="/health?classes=stop+sign&q=a%20b%2Bc"),
    "query comma": Sent(target="/health?classes=car,truck"),
    "query with equals signs": Sent(target="/health?a=b=c&url=http://h/?y=1"),
    "query brackets": Sent(target="/health?a[]=1&a[]=2"),
    "query semicolon": Sent(target="/health?a=1;b=2"),
    "query not utf-8": Sent(target="/health?a=%FF%FE"),
    "query broken encoding": Sent(target="/health?a=%zz&b=100%"),
    "query names by case": Sent(target="/health?A=1&a=2"),
    # --- path
    "path trailing slash": Sent("POST", "/predict/", (), b""),
    "path encoded letter": Sent(target="/he%61lth"),
    "path encoded slash": Sent(target="/health%2F"),
    "path double slash": Sent(target="//health"),
    "path two trailing slashes": Sent(target="/health//"),
    "path other case": Sent(target="/Health"),
    "path dot segments": Sent(target="/models/../health"),
    "path unknown": Sent(target="/nowhere/caf%C3%A9"),
    # --- headers
    "headers repeated": Sent(headers=(("X-One", "1"), ("X-Two", "2"), ("X-One", "3"))),
    "headers repeated in another case": Sent(headers=(("X-One", "1"), ("x-one", "2"))),
    "headers in odd case": Sent(headers=(("x-lower", "1"), ("X-uPPer", "2"), ("DNT", "1"))),
    "headers empty": Sent(headers=(("X-Empty", ""),)),
    "headers utf-8": Sent(headers=(("X-Name", "né 🚗"),)),
    "headers with commas": Sent(headers=(("Accept", "image/png, */*"), ("X-List", "a,b"))),
    "headers with underscores": Sent(headers=(("X_Under_Score", "1"), ("X-Dash", "2"))),
    "headers of a proxy": Sent(
        headers=(
            ("X-Forwarded-For", "10.1.2.3"),
            ("X-Forwarded-Port", "1"),
            ("X-Forwarded-Proto", "gopher"),
            ("X-Amzn-Trace-Id", "Root=1-5759e988-bd862e3fe1be46a994272793"),
            ("Via", "1.1 proxy"),
        )
    ),
    "headers for one hop": Sent(
        headers=(("TE", "trailers"), ("Max-Forwards", "9"), ("Content-MD5", "x"), ("Server", "s"))
    ),
    "authorization": Sent(headers=(("Authorization", "Basic YTpi"), ("X-Api-Key", "key"))),
    # --- bodies
    "body multipart": _typed(_FORM_TYPE, _FORM),
    "body multipart in chunks": Sent(
        "POST", "/predict", (("Content-Type", _FORM_TYPE),), _FORM, chunked=True
    ),
    "body raw image": _typed("image/jpeg", _JPEG),
    "body octet-stream": _typed("application/octet-stream", _JPEG),
    "body image in odd case": _typed("Image/JPEG; q=1", _JPEG),
    "body image of no listed type": _typed("image/x-icon", b"ascii only"),
    "body json": _typed("application/json; charset=utf-8", _JSON),
    "body json in chunks": Sent(
        "POST", "/predict", (("Content-Type", "application/json"),), _JSON, chunked=True
    ),
    "body json not utf-8": _typed("application/json", b'{"images":"\xff"}'),
    "body form": _typed("application/x-www-form-urlencoded", b"url=http%3A%2F%2Fh%2F&a=b+c"),
    "body text with control characters": _typed("text/plain", b'\x00\x1b"\\\r\n\t\x7f'),
    "body compressed": _typed("image/png", b"\x1f\x8b\x08\x00no", ("Content-Encoding", "gzip")),
    "body without a type": Sent("POST", "/predict", (), b"hello"),
    "body of two types": _typed("image/png", b"hello", ("Content-Type", "text/plain")),
    "body big": _typed("image/png", _BIG),
    "body empty": _typed("application/json", b""),
    "body empty and binary": _typed("image/png", b""),
    "body none": Sent("POST", "/predict"),
    "body on a get": Sent("GET", "/health", (("Content-Type", "text/plain"),), b"hello"),
    # --- methods
    **{f"method {m}": Sent(m, "/predict") for m in ("PUT", "PATCH", "DELETE", "OPTIONS", "HEAD")},
    **{f"method {m}": Sent(m, "/predict") for m in ("TRACE", "PROPFIND", "FOO", "post")},
}
