"""Download images from URLs that clients choose.

Each hop's host is resolved once, every address must pass `carlens.inputs.url_policy`, and the
connection goes to the address that was checked. One deadline covers DNS, TLS, redirects and body.

`http.client` only parses the response and takes 20 ms to import; urllib3 takes 55 ms. It and `ssl`
are imported at the first URL because most requests carry none.
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
from typing import TYPE_CHECKING

from carlens import __version__
from carlens.compression import TooLarge, UnknownCompression, decompress
from carlens.errors import UrlFailed
from carlens.inputs.url_policy import Target, check_addresses, parse_url

if TYPE_CHECKING:
    from http.client import HTTPResponse
    from socket import socket
    from ssl import SSLContext

    from _typeshed import WriteableBuffer

_MAX_REDIRECTS = 5
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
# Web pages and messages. Other types may be a wrong guess of the server, so the bytes decide.
_NOT_AN_IMAGE = re.compile(r"(?!image/)(text/(html|css)|.*[/+](json|xml|javascript))")
_SUCCESS = frozenset({200, 203, 206})
_FULL_RANGE = re.compile(r"bytes\s+0-(\d{1,12})/(\d{1,12})", re.I | re.A)
_CHUNK = 64 * 1024
_REQUEST = (
    "GET {path} HTTP/1.1\r\nHost: {authority}\r\n"
    # Some servers answer `image/*` with AVIF.
    "Accept: image/jpeg, image/png, image/webp, image/*;q=0.5, */*;q=0.1\r\n"
    f"Accept-Encoding: identity\r\nUser-Agent: carlens/{__version__}\r\nConnection: close\r\n\r\n"
)


def _resolve(host: str, port: int) -> list[str]:
    import socket

    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(address[0]) for *_, address in found]


def _connect(address: str, port: int, seconds: float) -> socket:
    import socket

    return socket.create_connection((address, port), seconds)


@cache
def _tls_context() -> SSLContext:
    import ssl

    return ssl.create_default_context()  # reads every root certificate: 16 ms


@dataclass(frozen=True)
class Transport:
    """Access to the network.

    Attributes
    ----------
    resolve : callable
        (host, port) -> IP addresses; raises OSError.
    connect : callable
        (IP address, port, seconds) -> connected socket; raises OSError.
    tls_context : callable
        () -> the context that verifies servers.
    clock : callable
        () -> seconds, monotonic.
    """

    resolve: Callable[[str, int], list[str]] = _resolve
    connect: Callable[[str, int, float], socket] = _connect
    tls_context: Callable[[], SSLContext] = _tls_context
    clock: Callable[[], float] = time.monotonic


_SYSTEM = Transport()


def fetch(
    url: str,
    *,
    max_bytes: int,
    timeout: float,
    allowed_hosts: frozenset[str] = frozenset(),
    transport: Transport = _SYSTEM,
) -> bytes:
    """Download the image at a URL.

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
    transport : Transport
        The system's network by default.

    Returns
    -------
    bytes
        The body, decompressed, 1 to `max_bytes` long.

    Raises
    ------
    UrlRefused
        The URL, or one that it redirects to, is never fetched.
    UrlFailed
        The URL may be fetched, but no complete image within the limits arrived in time.
    """
    from http.client import HTTPException

    deadline = _Deadline(timeout, transport.clock)
    target = parse_url(url, allowed_hosts)
    try:
        for _ in range(_MAX_REDIRECTS + 1):
            answer = _get(target, max_bytes, deadline, transport)
            if isinstance(answer, bytes):
                return answer
            target = parse_url(answer.location, allowed_hosts, base=target.url)
    except TimeoutError as error:
        raise _timed_out() from error
    except OSError as error:
        message = "The host does not answer or its certificate is not valid; check the URL."
        raise UrlFailed(message) from error
    except (HTTPException, ValueError) as error:  # ValueError: a negative chunk size
        message = "The host closed the connection or does not speak HTTP; check the URL."
        raise UrlFailed(message) from error
    raise UrlFailed(f"The URL redirects more than {_MAX_REDIRECTS} times; use the final URL.")


@dataclass(frozen=True)
class _Redirect:
    location: str


class _Deadline:
    def __init__(self, seconds: float, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._end = clock() + seconds

    def left(self) -> float:
        """Return the seconds left, more than 0."""
        left = self._end - self._clock()
        if left <= 0:
            raise _timed_out()
        return left


def _get(
    target: Target, max_bytes: int, deadline: _Deadline, transport: Transport
) -> bytes | _Redirect:
    from http.client import HTTPResponse

    addresses = _addresses(target, deadline, transport)
    check_addresses(target, addresses)
    with (
        _open_socket(addresses, target.port, deadline, transport) as plain,
        _secure(plain, target, deadline, transport) as sock,
    ):
        sock.settimeout(deadline.left())
        sock.sendall(_REQUEST.format(path=target.path, authority=target.authority).encode())
        # Headers and chunk sizes come on top of the body; an image does not need twice its size.
        reader = _Reader(sock, deadline, 2 * max_bytes + _CHUNK)
        with HTTPResponse(reader) as response:  # type: ignore[arg-type]  # uses only makefile
            response.begin()
            while 101 < response.status < 200:  # http.client itself skips only 100
                response.headers = None  # type: ignore[assignment]  # so that it reads the next
                response.begin()
            location = response.headers.get("Location")
            if response.status in _REDIRECTS and location:
                # http.client decodes headers as Latin-1; servers send UTF-8.
                return _Redirect(location.encode("latin-1").decode("utf-8", "replace"))
            return _read_body(response, max_bytes)


def _addresses(target: Target, deadline: _Deadline, transport: Transport) -> list[str]:
    with suppress(ValueError):
        return [str(ipaddress.ip_address(target.host))]
    found: list[str] = []

    def work() -> None:
        with suppress(OSError, UnicodeError):
            found.extend(transport.resolve(target.host, target.port))

    # The system's resolver has no time limit, so a late one is left to end on its own.
    thread = threading.Thread(target=work, daemon=True)
    seconds = deadline.left()
    thread.start()
    thread.join(seconds)
    if thread.is_alive():
        raise _timed_out()
    if not found:
        raise UrlFailed("The URL's host cannot be found; check the URL.")
    return found


def _open_socket(
    addresses: list[str], port: int, deadline: _Deadline, transport: Transport
) -> socket:
    *others, last = addresses
    for tried, address in enumerate(others):
        with suppress(OSError):  # a dead address must not use up the time of the others
            seconds = deadline.left() / (len(addresses) - tried)
            return transport.connect(address, port, seconds)
    return transport.connect(last, port, deadline.left())


def _secure(sock: socket, target: Target, deadline: _Deadline, transport: Transport) -> socket:
    if not target.secure:
        return sock
    sock.settimeout(deadline.left())
    return transport.tls_context().wrap_socket(sock, server_hostname=target.host)


class _Reader(io.RawIOBase):
    """What a socket receives, up to a deadline and a size, however slowly it arrives."""

    def __init__(self, sock: socket, deadline: _Deadline, max_bytes: int) -> None:
        self._sock = sock
        self._deadline = deadline
        self._room = max_bytes

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(self, _CHUNK)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        self._sock.settimeout(self._deadline.left())
        count = self._sock.recv_into(buffer)
        self._room -= count
        if self._room < 0:
            raise _too_large()
        return count


def _read_body(response: HTTPResponse, max_bytes: int) -> bytes:
    _check_headers(response)
    if (response.length or 0) > max_bytes:
        raise _too_large()
    body = bytearray()
    # Small reads, because http.client keeps each chunk of one read as an object of its own.
    while part := response.read(min(_CHUNK, max_bytes + 1 - len(body))):
        body += part
        if len(body) > max_bytes:
            raise _too_large()
    if response.length:
        raise UrlFailed(
            "The server closed the connection before the image was complete; try again."
        )
    if response.status == 206:
        _check_range(response, len(body))
    image = _decompress(bytes(body), response, max_bytes)
    if not image:
        raise UrlFailed("The server sent an empty file; check the URL.")
    return image


def _check_range(response: HTTPResponse, size: int) -> None:
    found = _FULL_RANGE.fullmatch(response.headers.get("Content-Range", "").strip())
    if not found or not int(found[1]) + 1 == int(found[2]) == size:
        raise UrlFailed("The server sent only a part of the image (status 206); check the URL.")


def _decompress(body: bytes, response: HTTPResponse, max_bytes: int) -> bytes:
    # Some servers compress although `Accept-Encoding: identity` asks them not to.
    encoding = ",".join(response.headers.get_all("Content-Encoding", []))
    try:
        return decompress(body, encoding, max_bytes)
    except TooLarge as error:
        raise _too_large() from error
    except UnknownCompression as error:
        raise UrlFailed(
            f"The server compresses the image with {error.args[0]}; use the URL of an "
            "uncompressed file."
        ) from error
    except ValueError as error:
        raise UrlFailed("The server sent damaged gzip data; check the URL.") from error


def _check_headers(response: HTTPResponse) -> None:
    if response.status not in _SUCCESS:
        raise UrlFailed(
            f"The server answered with status {response.status} instead of 200; check the URL."
        )
    kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if _NOT_AN_IMAGE.fullmatch(kind):
        raise UrlFailed(
            f"Not an image: the server sent {kind[:60]}; use the URL of the image itself."
        )


def _timed_out() -> UrlFailed:
    return UrlFailed("The URL takes too long to answer; try again or send the image itself.")


def _too_large() -> UrlFailed:
    return UrlFailed("The image at the URL is too large; use a smaller one.")
