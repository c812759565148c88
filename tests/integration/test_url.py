"""`fetch` against real servers on the loopback interface, some of them hostile."""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from carlens.errors import UrlFailed, UrlRefused
from carlens.inputs.url_fetcher import Transport, fetch
from tests.support import missing

PICTURE = bytes(range(256)) * 512  # 128 KiB
MAX_BYTES = len(PICTURE)
SYSTEM = Transport()
LOCAL = frozenset({"127.0.0.1"})
# A hostile server gives up after this time.
SERVER_SECONDS = 5


class Handler(BaseHTTPRequestHandler):
    """A server that answers each path in its own way."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        name = self.path.strip("/").partition("?")[0]
        with suppress(OSError):  # the client may disconnect at any time
            getattr(self, f"send_{name}")()

    def log_message(self, *_: object) -> None:
        pass

    def head(self, status: int = 200, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()

    def send_picture(self) -> None:
        self.head(content_type="image/jpeg", content_length=str(len(PICTURE)))
        self.wfile.write(PICTURE)

    def send_chunked(self) -> None:
        self.head(content_type="image/jpeg", transfer_encoding="chunked")
        for start in range(0, len(PICTURE), 1000):
            part = PICTURE[start : start + 1000]
            self.wfile.write(b"%x\r\n%b\r\n" % (len(part), part))
        self.wfile.write(b"0\r\n\r\n")

    def send_until_close(self) -> None:
        self.head(content_type="image/jpeg", connection="close")
        self.wfile.write(PICTURE)

    def send_large(self) -> None:
        self.head(content_type="image/jpeg", content_length=str(10**12))
        self.wfile.write(PICTURE)

    def send_endless_chunks(self) -> None:
        self.head(content_type="image/jpeg", transfer_encoding="chunked")
        self._flood(b"1000\r\n" + b"x" * 4096 + b"\r\n")

    def send_endless_chunk_of_negative_size(self) -> None:
        self.head(content_type="image/jpeg", transfer_encoding="chunked")
        self.wfile.write(b"-1\r\n")
        self._flood(b"x" * 4096)

    def send_endless_tiny_chunks(self) -> None:
        self.head(content_type="image/jpeg", transfer_encoding="chunked")
        self._flood(b"2\r\nxx\r\n" * 1000)

    def send_endless_body(self) -> None:
        self.head(content_type="image/jpeg", connection="close")
        self._flood(b"x" * 4096)

    def send_endless_continue(self) -> None:
        self._flood(b"HTTP/1.1 100 Continue\r\n\r\n" * 100)

    def send_drip_body(self) -> None:
        self.head(content_type="image/jpeg", content_length=str(len(PICTURE)))
        self._drip(b"x")

    def send_drip_chunks(self) -> None:
        self.head(content_type="image/jpeg", transfer_encoding="chunked")
        self._drip(b"1\r\nx\r\n")

    def send_drip_header(self) -> None:
        self.wfile.write(b"HTTP/1.1 200 OK\r\nX: ")
        self._drip(b"x")

    def send_drip_continue(self) -> None:
        self._drip(b"HTTP/1.1 100 Continue\r\n\r\n")

    def send_silence(self) -> None:
        self._drip(b"")

    def send_redirect_drip(self) -> None:
        time.sleep(0.3)
        self.head(302, location="/redirect_drip", content_length="0")

    def send_cut(self) -> None:
        self.head(content_type="image/jpeg", content_length=str(len(PICTURE)), connection="close")
        self.wfile.write(PICTURE[:-1])

    def send_html(self) -> None:
        self.head(content_type="text/html; charset=utf-8", content_length="4")
        self.wfile.write(b"<p/>")

    def send_gzip(self) -> None:
        self.head(content_type="image/jpeg", content_encoding="gzip", content_length="4")
        self.wfile.write(b"\x1f\x8b\x08\x00")

    def send_missing(self) -> None:
        self.head(404, content_length="0")

    def send_redirect(self) -> None:
        self.head(302, location="/picture", content_length="0")

    def send_redirect_elsewhere(self) -> None:
        self.head(302, location=self.path.partition("?")[2], content_length="0")

    def _flood(self, data: bytes) -> None:
        end = time.monotonic() + SERVER_SECONDS
        while time.monotonic() < end:
            self.wfile.write(data)

    def _drip(self, data: bytes) -> None:
        end = time.monotonic() + SERVER_SECONDS
        while time.monotonic() < end:
            self.wfile.write(data)
            time.sleep(0.1)


class Server(ThreadingHTTPServer):
    daemon_threads = True
    tls: ssl.SSLContext | None = None
    visits = 0

    def process_request_thread(self, request: object, client_address: object) -> None:
        # In the connection's own thread, so that a slow handshake does not block the others.
        self.visits += 1
        with suppress(OSError):
            if self.tls is not None:
                request = self.tls.wrap_socket(request, server_side=True)  # type: ignore[arg-type]
            super().process_request_thread(request, client_address)  # type: ignore[arg-type]


class HandshakeDripper(Server):
    """Sends a TLS record of 16 KiB a byte at a time."""

    def process_request_thread(self, request: object, client_address: object) -> None:
        assert isinstance(request, socket.socket)
        with suppress(OSError):
            for byte in b"\x16\x03\x03\x40\x00" + bytes(10 * SERVER_SECONDS):
                request.sendall(bytes([byte]))
                time.sleep(0.1)
        self.shutdown_request(request)


@contextmanager
def serving(tls: ssl.SSLContext | None = None, kind: type[Server] = Server) -> Iterator[Server]:
    with kind(("127.0.0.1", 0), Handler) as server:
        server.tls = tls
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join(5)


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as running:
        yield running


def get(
    url: str,
    *,
    timeout: float = 5,
    allowed: frozenset[str] = LOCAL,
    transport: Transport = SYSTEM,
) -> bytes:
    return fetch(
        url,
        max_bytes=MAX_BYTES,
        timeout=timeout,
        allowed_hosts=allowed,
        transport=transport,
    )


@pytest.mark.parametrize("path", ["picture", "chunked", "until_close", "redirect"])
def test_a_picture_of_exactly_the_largest_size_arrives(server: Server, path: str) -> None:
    assert get(f"http://127.0.0.1:{server.server_port}/{path}") == PICTURE


def test_a_name_is_resolved_by_the_system(server: Server) -> None:
    url = f"http://localhost:{server.server_port}/picture"

    assert get(url, allowed=frozenset({f"localhost:{server.server_port}"})) == PICTURE


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.0.0.1."])
@pytest.mark.parametrize("allowed", ["photos.example", "127.0.0.1:1", "localhost:1"])
def test_loopback_is_refused_unless_it_is_allowed(server: Server, host: str, allowed: str) -> None:
    with pytest.raises(UrlRefused):
        get(f"http://{host}:{server.server_port}/picture", allowed=frozenset({allowed}))
    assert server.visits == 0


def test_loopback_is_refused_on_the_usual_ports_too() -> None:
    for url in ("http://localhost/", "https://localhost/", "http://127.0.0.1:443/"):
        with pytest.raises(UrlRefused):
            get(url, allowed=frozenset())


def test_a_redirect_to_an_unnamed_port_is_refused(server: Server) -> None:
    # Given an allowed server, and another on the same host that is not allowed
    with serving() as other:
        location = f"http://127.0.0.1:{other.server_port}/picture"
        url = f"http://127.0.0.1:{server.server_port}/redirect_elsewhere?{location}"

        # When
        with pytest.raises(UrlRefused):
            get(url, allowed=frozenset({f"127.0.0.1:{server.server_port}"}))

        # Then
        assert server.visits == 1
        assert other.visits == 0


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("large", "too large"),
        ("endless_chunks", "too large"),
        ("endless_chunk_of_negative_size", "too large"),
        ("endless_tiny_chunks", "too large"),
        ("endless_body", "too large"),
        ("endless_continue", "too large"),
        ("cut", "before the image was complete"),
        ("html", "Not an image: the server sent text/html"),
        ("gzip", "damaged gzip data"),
        ("missing", "404"),
    ],
)
def test_an_incomplete_or_endless_answer_fails_at_once(
    server: Server, path: str, message: str
) -> None:
    # The error is not a timeout, and it comes before the server gives up
    with pytest.raises(UrlFailed, match=message):
        get(f"http://127.0.0.1:{server.server_port}/{path}")


@pytest.mark.parametrize(
    "path",
    ["drip_body", "drip_chunks", "drip_header", "drip_continue", "silence", "redirect_drip"],
)
def test_a_slow_server_does_not_outlast_the_timeout(server: Server, path: str) -> None:
    # The error is not that of a server that gives up or redirects too often
    with pytest.raises(UrlFailed, match="too long"):
        get(f"http://127.0.0.1:{server.server_port}/{path}", timeout=0.4)


def test_a_port_without_a_server_fails() -> None:
    with serving() as closed:
        port = closed.server_port

    with pytest.raises(UrlFailed, match="does not answer"):
        get(f"http://127.0.0.1:{port}/picture")


# --- TLS ---


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Create a key and a self-signed certificate for localhost, in one file."""
    openssl = shutil.which("openssl")
    if openssl is None:
        missing("needs the openssl command to create a certificate")
    path = tmp_path_factory.mktemp("tls") / "localhost.pem"
    subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-days", "2"]
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    subprocess.run(
        [openssl, "req", "-x509", *key, *subject, "-keyout", path, "-out", f"{path}.crt"],
        check=True,
        capture_output=True,
        timeout=30,
    )
    path.write_bytes(path.read_bytes() + Path(f"{path}.crt").read_bytes())
    return path


@pytest.fixture
def secure_server(certificate: Path) -> Iterator[Server]:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate)
    with serving(tls) as running:
        yield running


@pytest.fixture
def trusting(certificate: Path) -> Transport:
    """Return a transport that trusts the certificate."""
    context = ssl.create_default_context(cafile=f"{certificate}.crt")
    return Transport(tls_context=lambda: context)


def test_a_picture_arrives_over_tls_with_the_host_name_sent(
    secure_server: Server, trusting: Transport
) -> None:
    # Given a server that records the requested name
    asked: list[str | None] = []
    assert secure_server.tls is not None
    secure_server.tls.sni_callback = lambda _socket, name, _context: asked.append(name)

    # When
    body = get(
        f"https://localhost:{secure_server.server_port}/picture",
        allowed=frozenset({"localhost"}),
        transport=trusting,
    )

    # Then
    assert body == PICTURE
    assert asked == ["localhost"]


def test_a_certificate_of_another_host_fails(secure_server: Server, trusting: Transport) -> None:
    with pytest.raises(UrlFailed, match="certificate"):
        get(f"https://127.0.0.1:{secure_server.server_port}/picture", transport=trusting)


def test_a_certificate_that_nobody_trusts_fails(secure_server: Server) -> None:
    with pytest.raises(UrlFailed, match="certificate"):
        get(
            f"https://localhost:{secure_server.server_port}/picture",
            allowed=frozenset({"localhost"}),
        )


def test_https_to_a_server_without_tls_fails(server: Server) -> None:
    with pytest.raises(UrlFailed):
        get(f"https://127.0.0.1:{server.server_port}/picture", timeout=2)


@pytest.mark.parametrize("path", ["drip_body", "drip_header"])
def test_a_slow_server_behind_tls_does_not_outlast_the_timeout(
    secure_server: Server, trusting: Transport, path: str
) -> None:
    with pytest.raises(UrlFailed, match="too long"):
        get(
            f"https://localhost:{secure_server.server_port}/{path}",
            timeout=0.4,
            allowed=frozenset({"localhost"}),
            transport=trusting,
        )


def test_a_slow_handshake_does_not_outlast_the_timeout() -> None:
    with (
        serving(kind=HandshakeDripper) as server,
        pytest.raises(UrlFailed, match="too long"),
    ):
        get(f"https://127.0.0.1:{server.server_port}/", timeout=0.4)
