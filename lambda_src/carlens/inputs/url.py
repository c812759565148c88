"""A URL that a client names -> the bytes behind it, safely.

The client chooses where this machine connects to, so only the public internet is reachable:
each hop's host is resolved once, every address it has must be public, and the connection goes
to the very address that was checked. One deadline covers DNS, TLS, redirects and the body.

`http.client` only reads the answer, on a connection of our own making, and costs 20 ms to import
where urllib3 costs 55. It and `ssl` are imported at the first URL, as most calls carry none.
"""

from __future__ import annotations

import io
import ipaddress
import re
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, NoReturn
from urllib.parse import quote, urljoin, urlsplit

from carlens.errors import UrlFailed, UrlRefused

if TYPE_CHECKING:
    from http.client import HTTPResponse
    from socket import socket
    from ssl import SSLContext

    from _typeshed import WriteableBuffer

Resolver = Callable[[str, int], list[str]]  # (host, port) -> its addresses
Dialer = Callable[[str, int, float], "socket"]  # (address, port, seconds) -> connected

_MAX_URL = 4096  # signed S3 URLs take about 2,000
_MAX_REDIRECTS = 3
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_PORTS = {"http": 80, "https": 443}
# Pages and messages in a picture's place. All other types may be a server's guess; what it is,
# its bytes tell.
_NO_PICTURE = re.compile(r"(?!image/)(text/(html|css)|.*[/+](json|xml|javascript))")
_COMPRESSED = frozenset({"gzip", "x-gzip", "compress", "x-compress", "deflate", "br", "zstd"})
_CHUNK = 64 * 1024
_REQUEST = (
    "GET {path} HTTP/1.1\r\nHost: {site}\r\n"
    # Some servers answer `image/*` with an AVIF.
    "Accept: image/jpeg, image/png, image/webp, image/*;q=0.5, */*;q=0.1\r\n"
    "Accept-Encoding: identity\r\nUser-Agent: carlens/0.1\r\nConnection: close\r\n\r\n"
)

_NETLOC = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^\[\]:@]+)(:[0-9]*)?")
_NAME = re.compile(r"(?=.{1,253}\Z)[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*")
_SAFE = "%/?:@!$&'()*+,;=~"
# All that C libraries take for an IPv4 address: short, decimal, octal and hexadecimal forms too.
_NUMERIC = re.compile(r"(.*\.)?([0-9]+|0x[0-9a-f]*)")

# What `is_global` lets pass, in one Python or another, and Carlens does not.
_NOT_PUBLIC = [
    ipaddress.ip_network("168.63.129.16"),  # Azure's host agent
    ipaddress.ip_network("192.0.0.0/24"),  # IETF protocols; Oracle's metadata service
    ipaddress.ip_network("192.88.99.0/24"),  # 6to4 relays
    ipaddress.ip_network("224.0.0.0/4"),  # multicast
    ipaddress.ip_network("2001::/23"),  # IETF protocols; Teredo, which leads to IPv4
    ipaddress.ip_network("2002::/16"),  # 6to4, which leads to IPv4
    ipaddress.ip_network("3ffe::/16"),  # the old 6bone
    ipaddress.ip_network("3fff::/20"),  # documentation
]
# Outside it: loopback, IPv4-mapped and -compatible, local NAT64, unique local, link- and
# site-local, multicast.
_GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


def _system_resolve(host: str, port: int) -> list[str]:
    import socket

    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(address[0]) for *_, address in found]


def _system_dial(address: str, port: int, seconds: float) -> socket:
    import socket

    return socket.create_connection((address, port), seconds)


def fetch(
    url: str,
    *,
    max_bytes: int,
    timeout: float,
    allowed_hosts: frozenset[str] = frozenset(),
    _resolve: Resolver = _system_resolve,
    _dial: Dialer = _system_dial,
) -> bytes:
    """Download the picture behind a URL.

    Parameters
    ----------
    url : str
        http or https, on port 80 or 443 of a public host, without user name or password.
    max_bytes : int
        Largest body to accept.
    timeout : float
        Seconds for everything together: DNS, connecting, TLS, redirects and the body.
    allowed_hosts : frozenset of str
        Hosts that may also be private, in lower case: ``name`` for all its ports or
        ``name:port``; an IPv6 address stands in brackets.

    Returns
    -------
    bytes
        The body, 1 to `max_bytes` long.

    Raises
    ------
    UrlRefused
        The URL, or one that it redirects to, is never fetched.
    UrlFailed
        It may be fetched, but no whole picture within the limits came in time.
    """
    from http.client import HTTPException, HTTPResponse

    deadline = time.monotonic() + timeout
    target = _parse(url, allowed_hosts)
    try:
        for _ in range(_MAX_REDIRECTS + 1):
            addresses = _addresses(target, deadline, _resolve)
            with (
                _connect(addresses, target.port, deadline, _dial) as plain,
                _secure(plain, target, deadline) as sock,
            ):
                sock.settimeout(_left(deadline))
                sock.sendall(_REQUEST.format(path=target.path, site=target.site).encode())
                # `makefile` is all that a response asks of its socket. Headers and the framing
                # of chunks come on top of the body; a picture does not need twice its size.
                answer = _Answer(sock, deadline, 2 * max_bytes + _CHUNK)
                with HTTPResponse(answer) as response:  # type: ignore[arg-type]
                    response.begin()
                    location = response.headers.get("Location")
                    if response.status not in _REDIRECTS or not location:
                        return _body(response, max_bytes)
            # http.client reads headers as Latin-1, servers write UTF-8.
            location = location.encode("latin-1").decode("utf-8", "replace")
            target = _parse(location, allowed_hosts, base=target.url)
    except TimeoutError:
        _out_of_time()
    except OSError as error:
        message = "The host does not answer, or its certificate is not valid; check the URL."
        raise UrlFailed(message) from error
    except (HTTPException, ValueError) as error:  # ValueError: a negative chunk size
        raise UrlFailed("The host broke off or does not speak HTTP; check the URL.") from error
    raise UrlFailed(f"The URL redirects more than {_MAX_REDIRECTS} times; give the final one.")


@dataclass(frozen=True)
class _Target:
    """One hop; host, site and path are ASCII without spaces or control characters."""

    url: str
    secure: bool
    host: str  # an IPv6 address has no brackets here
    port: int
    site: str  # as the Host header says it
    path: str
    trusted: bool


def _parse(url: str, allowed_hosts: frozenset[str], *, base: str = "") -> _Target:
    if len(url) > _MAX_URL:
        raise UrlRefused(f"The URL is longer than {_MAX_URL} characters; give a shorter one.")
    if not url.isprintable():
        raise UrlRefused("The URL has control characters; percent-encode them.")
    try:
        url = urljoin(base, url)
        parts = urlsplit(url)
        if parts.scheme not in _PORTS:
            raise UrlRefused("Only http:// and https:// URLs are fetched.")
        if "@" in parts.netloc:
            raise UrlRefused("The URL has a user name or password; remove it.")
        name = _name(parts.netloc)
        usual = _PORTS[parts.scheme]
        port = usual if parts.port is None else parts.port
    except ValueError as error:
        raise UrlRefused("The URL's host or port is not valid; check how it is written.") from error
    trusted = name in allowed_hosts or f"{name}:{port}" in allowed_hosts
    if port not in _PORTS.values() and not trusted:
        raise UrlRefused("Only ports 80 and 443 are fetched from; remove the URL's port.")
    return _Target(
        url=url,
        secure=parts.scheme == "https",
        host=name.strip("[]"),
        port=port,
        site=name if port == usual else f"{name}:{port}",
        path=quote((parts.path or "/") + (parts.query and f"?{parts.query}"), safe=_SAFE),
        trusted=trusted,
    )


def _name(netloc: str) -> str:
    match = _NETLOC.fullmatch(netloc)
    if match is None:
        raise ValueError("not host:port")
    if match[1].startswith("["):
        return f"[{ipaddress.IPv6Address(match[1][1:-1])}]"
    # Before any other check, as IDNA turns wide digits and dots into plain ones.
    name = match[1].encode("idna").decode("ascii").lower().removesuffix(".")
    if not _NAME.fullmatch(name):
        raise ValueError("not a host name")
    return str(ipaddress.IPv4Address(name)) if _NUMERIC.fullmatch(name) else name


def _addresses(target: _Target, deadline: float, resolve: Resolver) -> list[str]:
    try:
        found = [str(ipaddress.ip_address(target.host))]
    except ValueError:
        found = _resolved(target, deadline, resolve)
    if not target.trusted and not all(map(_is_public, found)):
        raise UrlRefused("The URL's host is not on the public internet; upload the picture.")
    return found


def _resolved(target: _Target, deadline: float, resolve: Resolver) -> list[str]:
    found: list[str] = []

    def work() -> None:
        with suppress(OSError, UnicodeError):
            found.extend(resolve(target.host, target.port))

    # The system's resolver takes no time limit; a late one is left behind to end by itself.
    thread = threading.Thread(target=work, daemon=True)
    seconds = _left(deadline)
    thread.start()
    thread.join(seconds)
    if thread.is_alive():
        _out_of_time()
    if not found:
        raise UrlFailed("The URL's host is not known; check the URL.")
    return found


def _is_public(address: str) -> bool:
    ip = ipaddress.ip_address(address)
    if ip in _NAT64:
        ip = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
    if ip.version == 6 and ip not in _GLOBAL_UNICAST:
        return False
    return ip.is_global and not any(ip in block for block in _NOT_PUBLIC)


def _connect(addresses: list[str], port: int, deadline: float, dial: Dialer) -> socket:
    *others, last = addresses
    for tried, address in enumerate(others):
        with suppress(OSError):  # one dead address must not use up the time of the others
            return dial(address, port, _left(deadline) / (len(addresses) - tried))
    return dial(last, port, _left(deadline))


def _secure(sock: socket, target: _Target, deadline: float) -> socket:
    if not target.secure:
        return sock
    sock.settimeout(_left(deadline))
    return _tls().wrap_socket(sock, server_hostname=target.host)


@cache
def _tls() -> SSLContext:
    import ssl

    return ssl.create_default_context()  # reads every root certificate: 16 ms


class _Answer(io.RawIOBase):
    """What a socket receives, until a deadline and up to a size, however slowly it drips."""

    def __init__(self, sock: socket, deadline: float, max_bytes: int) -> None:
        self._sock = sock
        self._deadline = deadline
        self._room = max_bytes

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(self, _CHUNK)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        self._sock.settimeout(_left(self._deadline))
        count = self._sock.recv_into(buffer)
        self._room -= count
        if self._room < 0:
            _too_large()
        return count


def _body(response: HTTPResponse, max_bytes: int) -> bytes:
    if response.status != 200:
        raise UrlFailed(f"The server says {response.status}, not 200; check that the URL is right.")
    kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if _NO_PICTURE.fullmatch(kind):
        raise UrlFailed(f"Not an image: the server says {kind[:60]}; give the picture's own URL.")
    encodings = response.headers.get("Content-Encoding", "").lower().split(",")
    if _COMPRESSED.intersection(map(str.strip, encodings)):
        raise UrlFailed("The server compresses the picture; give the URL of a plain file.")
    if (response.length or 0) > max_bytes:
        _too_large()
    body = bytearray()
    # Small reads, as http.client keeps every chunk of one read as an object of its own.
    while part := response.read(min(_CHUNK, max_bytes + 1 - len(body))):
        body += part
        if len(body) > max_bytes:
            _too_large()
    if response.length:
        raise UrlFailed("The server broke off before the picture's end; try again.")
    if not body:
        raise UrlFailed("The server sends an empty file; check that the URL is right.")
    return bytes(body)


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        _out_of_time()
    return left


def _out_of_time() -> NoReturn:
    raise UrlFailed("The URL takes too long to answer; try again or upload the picture.")


def _too_large() -> NoReturn:
    raise UrlFailed("The picture behind the URL is too large; give a smaller one.")
