"""A network in memory, for the tests of URLs."""

from __future__ import annotations

import socket

from carlens.inputs.url_fetcher import Transport, fetch

PUBLIC = "93.184.215.14"
PICTURE = b"\xff\xd8 a picture"


def answer(status: int = 200, *headers: str, body: bytes = PICTURE, length: bool = True) -> bytes:
    lines = [f"HTTP/1.1 {status} Words", *headers]
    if length:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + body


def redirect(location: str, status: int = 302) -> bytes:
    return answer(status, f"Location: {location}", body=b"")


class Net:
    """An in-memory network that records how it is used.

    Attributes
    ----------
    names : dict of str to list of str
        The addresses of each host.
    answers : list of bytes
        What each next connection sends.
    dead : set of str
        Addresses that refuse connections.
    resolved, dialed : list
        The hosts and the (address, port) pairs that were asked for.
    seconds : list of float
        The time limit of each connection attempt.
    """

    def __init__(self) -> None:
        self.names: dict[str, list[str]] = {}
        self.answers: list[bytes] = [answer()]
        self.dead: set[str] = set()
        self.resolved: list[str] = []
        self.dialed: list[tuple[str, int]] = []
        self.seconds: list[float] = []
        self._servers: list[socket.socket] = []

    def resolve(self, host: str, _port: int) -> list[str]:
        self.resolved.append(host)
        if host not in self.names:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return self.names[host]

    def connect(self, address: str, port: int, seconds: float) -> socket.socket:
        self.dialed.append((address, port))
        self.seconds.append(seconds)
        if address in self.dead:
            raise ConnectionRefusedError(address)
        client, server = socket.socketpair()
        self._servers.append(server)
        server.sendall(self.answers[len(self._servers) - 1])
        server.shutdown(socket.SHUT_WR)
        return client

    def requests(self) -> list[str]:
        return [server.recv(65536).decode("ascii") for server in self._servers]

    def close(self) -> None:
        for server in self._servers:
            server.close()

    def fetch(self, url: str, *allowed: str, max_bytes: int = 1000, timeout: float = 5) -> bytes:
        return fetch(
            url,
            max_bytes=max_bytes,
            timeout=timeout,
            allowed_hosts=frozenset(allowed),
            transport=Transport(self.resolve, self.connect),
        )


# Private hosts that resolve, so that a missing check would connect to them.
INSIDE = {
    "localhost": ["127.0.0.1", "::1"],
    "metadata.google.internal": ["169.254.169.254"],
    "instance-data.ec2.internal": ["169.254.169.254"],
    "127.0.0.1.nip.example": ["127.0.0.1"],
    "kubernetes.default.svc": ["10.96.0.1"],
}
