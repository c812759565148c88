"""Where a URL may lead, with DNS and connections in memory."""

from __future__ import annotations

import ipaddress
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from carlens.errors import UrlFailed, UrlRefused
from carlens.inputs.url import fetch

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
    """An internet in memory, which remembers what it was asked for.

    `names` has the addresses of each host, `answers` what each next connection sends, and
    `dead` the addresses that nobody listens at.
    """

    def __init__(self) -> None:
        self.names: dict[str, list[str]] = {}
        self.answers: list[bytes] = [answer()]
        self.dead: set[str] = set()
        self.resolved: list[str] = []
        self.dialed: list[tuple[str, int]] = []
        self._servers: list[socket.socket] = []

    def resolve(self, host: str, port: int) -> list[str]:
        self.resolved.append(host)
        if host not in self.names:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return self.names[host]

    def dial(self, address: str, port: int, seconds: float) -> socket.socket:
        self.dialed.append((address, port))
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
            _resolve=self.resolve,
            _dial=self.dial,
        )


@pytest.fixture
def net() -> Iterator[Net]:
    made = Net()
    made.names["photos.example"] = [PUBLIC]
    yield made
    made.close()


# --- addresses ---

NOT_PUBLIC_BLOCKS = """
    0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 168.63.129.16/32 169.254.0.0/16 172.16.0.0/12
    192.0.0.0/24 192.0.2.0/24 192.88.99.0/24 192.168.0.0/16 198.18.0.0/15 198.51.100.0/24
    203.0.113.0/24 224.0.0.0/4 240.0.0.0/4 255.255.255.255/32
    ::/128 ::1/128 ::/96 ::ffff:0:0/96 ::ffff:0:0:0/96 64:ff9b:1::/48 100::/64 100:0:0:1::/64
    64:ff9b::10.0.0.0/104 64:ff9b::127.0.0.0/104 64:ff9b::169.254.0.0/112 64:ff9b::192.168.0.0/112
    64:ff9b::224.0.0.0/100
    2001::/23 2001::/32 2001:1::1/128 2001:1::3/128 2001:2::/48 2001:3::/32 2001:4:112::/48
    2001:10::/28 2001:20::/28 2001:30::/28 2001:db8::/32 2002::/16 2002:7f00::/24 3ffe::/16
    3fff::/20 4000::/3 5f00::/16 fc00::/7 fd00:ec2::254/128 fe80::/10 fec0::/10 ff00::/8
"""
PUBLIC_ADDRESSES = """
    1.1.1.1 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.0
    168.63.129.15 169.253.255.255 172.15.255.255 172.32.0.0 192.0.1.0 192.167.255.255 192.169.0.0
    198.17.255.255 198.20.0.0 223.255.255.255
    2001:200:: 2001:4860:4860::8888 2003:: 2606:4700:4700::1111 2a00:1450:4001::200e
    64:ff9b::808:808
"""


@pytest.mark.parametrize("block", NOT_PUBLIC_BLOCKS.split())
@pytest.mark.parametrize("last", [False, True], ids=["first", "last"])
def test_no_connection_to_a_special_purpose_block(net: Net, block: str, last: bool) -> None:
    # Given a name and a literal for one end of the block
    edges = ipaddress.ip_network(block)
    address = edges[-1 if last else 0]
    net.names["innocent.example"] = [str(address)]
    literal = f"[{address}]" if address.version == 6 else str(address)

    # When either is fetched, then it is refused before any connection
    for url in ("http://innocent.example/car.jpg", f"https://{literal}/car.jpg"):
        with pytest.raises(UrlRefused) as caught:
            net.fetch(url)
        assert str(address) not in caught.value.message
    assert net.dialed == []


@pytest.mark.parametrize("address", PUBLIC_ADDRESSES.split())
def test_connects_to_a_public_address(net: Net, address: str) -> None:
    net.names["photos.example"] = [address]

    assert net.fetch("http://photos.example/car.jpg") == PICTURE
    assert net.dialed == [(address, 80)]


@pytest.mark.parametrize(
    "order", [[PUBLIC, "10.0.0.7"], ["10.0.0.7", PUBLIC], [PUBLIC, "::1"], [PUBLIC, "fe80::1%eth0"]]
)
def test_one_private_address_among_public_ones_refuses_the_host(net: Net, order: list[str]) -> None:
    net.names["mixed.example"] = order

    with pytest.raises(UrlRefused):
        net.fetch("http://mixed.example/")
    assert net.dialed == []


# --- URLs ---

# What a C library makes of the host, so that a missed check would connect to it.
INSIDE = {
    "localhost": ["127.0.0.1", "::1"],
    "metadata.google.internal": ["169.254.169.254"],
    "instance-data.ec2.internal": ["169.254.169.254"],
    "127.0.0.1.nip.example": ["127.0.0.1"],
    "kubernetes.default.svc": ["10.96.0.1"],
}


@pytest.mark.parametrize(
    "url",
    [
        # schemes
        "file:///etc/passwd",
        "file://localhost/etc/passwd",
        "ftp://photos.example/car.jpg",
        "gopher://photos.example:80/_GET",
        "data:image/png;base64,AAAA",
        "javascript:alert(1)",
        "unix:///var/run/docker.sock",
        "dict://photos.example:80/",
        "//photos.example/car.jpg",
        "photos.example/car.jpg",
        "photos.example:80/car.jpg",
        "http:photos.example",
        "http:///car.jpg",
        "http://",
        "",
        "urn:car",
        # literals, in all the ways to write them
        "http://127.0.0.1/",
        "http://127.0.0.1./",
        "http://127.1/",
        "http://127.0.1/",
        "http://2130706433/",
        "http://017700000001/",
        "http://0x7f000001/",
        "http://0x7f.0.0.1/",
        "http://0X7F.1/",
        "http://0177.0.0.1/",
        "http://0177.0.0.01/",
        "http://127.0.0.0x1/",
        "http://0/",
        "http://0x/",
        "http://0.0.0.0/",
        "http://1.2.3.4.5/",
        "http://8.8.2056/",
        "http://256.256.256.256/",
        "http://4294967296/",
        "http://１２７.０.０.１/",
        "http://127。0。0。1/",
        "http://①②⑦.⓪.⓪.①/",
        "http://127%2e0%2e0%2e1/",
        "http://%31%32%37.0.0.1/",
        "http://169.254.169.254/latest/meta-data/",
        "http://[::]/",
        "http://[::1]/",
        "http://[0:0:0:0:0:0:0:1]/",
        "http://[::ffff:127.0.0.1]/",
        "http://[::ffff:7f00:1]/",
        "http://[::ffff:8.8.8.8]/",
        "http://[::127.0.0.1]/",
        "http://[64:ff9b::7f00:1]/",
        "http://[64:ff9b:1::7f00:1]/",
        "http://[2002:7f00:1::]/",
        "http://[fe80::1%25eth0]/",
        "http://[2606:4700::1%25lo]/",
        "http://[fd00:ec2::254]/latest/",
        "http://[127.0.0.1]/",
        "http://[v1.x]/",
        "http://[::1/",
        "http://::1/",
        "http://[2606:4700::1]x/",
        "http://x[2606:4700::1]/",
        "http://[2606:4700::1][::1]/",
        # names
        "http://localhost/",
        "http://LOCALHOST/",
        "http://localhost./",
        "http://ⓛⓞⓒⓐⓛⓗⓞⓢⓣ/",
        "http://metadata.google.internal/computeMetadata/v1/",
        "http://instance-data.ec2.internal/",
        "http://127.0.0.1.nip.example/",
        "http://kubernetes.default.svc/",
        "http://localhost../",
        "http://.localhost/",
        "http://photos..example/",
        "http://.../",
        "http://" + "a" * 64 + ".example/",
        "http://" + "a." * 127 + "example/",
        "http://photos example/",
        "http://photos,example/",
        "http://photos.example;localhost/",
        "http://photos.example\\.localhost/",
        "http://photos.example℀localhost/",
        # user-info
        "http://user@photos.example/",
        "http://user:secret@photos.example/",
        "http://@photos.example/",
        "http://photos.example@localhost/",
        "http://photos.example:80@localhost/",
        "http://localhost\\@photos.example/",
        "http://photos.example%23@localhost/",
        # ports
        "http://photos.example:22/",
        "http://photos.example:8080/",
        "https://photos.example:9001/2018-06-01/runtime/",
        "http://photos.example:0/",
        "http://photos.example:65616/",
        "http://photos.example:-80/",
        "http://photos.example:+80/",
        "http://photos.example:8_0/",
        "http://photos.example:٨٠/",  # Arabic digits
        "http://photos.example:80:80/",
        "http://photos.example:http/",
        # characters and length
        "http://photos.example/\r\nHost: localhost",
        "http://photos.example/\tcar.jpg",
        "http://photos.example/\x00",
        "http://photos.example/\x7f",
        "http://photos.example/\u2028",
        "http://photos.example/\ud800",
        "http://local\nhost/",
        "http://photos.example/" + "a" * 4096,
    ],
)
def test_refuses_a_url_without_connecting(net: Net, url: str) -> None:
    net.names |= INSIDE

    with pytest.raises(UrlRefused) as caught:
        net.fetch(url)

    assert caught.value.code == "url_refused"
    assert net.dialed == []
    assert "secret" not in caught.value.message


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("file:///etc/passwd", "Only http:// and https:// URLs are fetched."),
        ("http://user:secret@photos.example/", "has a user name or password; remove it."),
        ("http://photos.example:22/", "Only ports 80 and 443"),
        ("http://127.1/", "host or port is not valid; check how it is written."),
        ("http://10.0.0.1/", "not on the public internet; upload the picture."),
        ("http://photos.example/\n", "control characters; percent-encode them."),
        ("http://photos.example/" + "a" * 4096, "longer than 4096 characters"),
    ],
)
def test_a_refusal_says_what_to_do(net: Net, url: str, message: str) -> None:
    with pytest.raises(UrlRefused, match=message):
        net.fetch(url)


@pytest.mark.parametrize(
    ("url", "host", "line", "port"),
    [
        ("http://photos.example", "photos.example", "/", 80),
        ("http://photos.example:443/a", "photos.example:443", "/a", 443),
        ("http://photos.example:/a", "photos.example", "/a", 80),
        ("HTTP://Photos.Example./a?b=c#d", "photos.example", "/a?b=c", 80),
        ("http://photos.example?size=2", "photos.example", "/?size=2", 80),
        ("http://photos.example/my car é.jpg", "photos.example", "/my%20car%20%C3%A9.jpg", 80),
        ("http://photos.example/a%20b%2Fc?d=%26", "photos.example", "/a%20b%2Fc?d=%26", 80),
        ("http://photos.example//x@y:z", "photos.example", "//x@y:z", 80),
        ("http://véhicule.example/", "xn--vhicule-bya.example", "/", 80),
        ("http://my_cars.example/", "my_cars.example", "/", 80),
        ("http://93.184.215.14/", "93.184.215.14", "/", 80),
        ("http://[2606:4700:0::1111]/", "[2606:4700::1111]", "/", 80),
    ],
)
def test_asks_for_exactly_the_picture(
    net: Net, url: str, host: str, line: str, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given names that resolve, and a proxy in the environment
    net.names |= {"xn--vhicule-bya.example": [PUBLIC], "my_cars.example": [PUBLIC]}
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:3128")

    # When
    net.fetch(url)

    # Then the host itself is asked, with nothing that tells who asks
    assert net.dialed[0][1] == port
    assert net.requests() == [
        f"GET {line} HTTP/1.1\r\nHost: {host}\r\n"
        "Accept: image/jpeg, image/png, image/webp, image/*;q=0.5, */*;q=0.1\r\n"
        "Accept-Encoding: identity\r\nUser-Agent: carlens/0.1\r\nConnection: close\r\n\r\n"
    ]


# --- resolving and connecting ---


def test_rebinding_does_not_help_as_a_host_is_resolved_once(net: Net) -> None:
    # Given a name that turns private after its first answer
    turns = iter([[PUBLIC], ["127.0.0.1"], ["127.0.0.1"]])

    # When
    body = fetch(
        "http://rebind.example/",
        max_bytes=100,
        timeout=5,
        _resolve=lambda host, port: next(turns),
        _dial=net.dial,
    )

    # Then the checked address was connected to, and nobody asked twice
    assert body == PICTURE
    assert net.dialed == [(PUBLIC, 80)]
    assert list(turns) == [["127.0.0.1"], ["127.0.0.1"]]


def test_rebinding_between_redirects_is_refused(net: Net) -> None:
    # Given a name that turns private and redirects to itself
    turns = iter([[PUBLIC], ["127.0.0.1"]])
    net.answers = [redirect("/again"), answer()]

    with pytest.raises(UrlRefused):
        fetch(
            "http://rebind.example/",
            max_bytes=100,
            timeout=5,
            _resolve=lambda host, port: next(turns),
            _dial=net.dial,
        )
    assert net.dialed == [(PUBLIC, 80)]


def test_the_next_address_is_used_when_the_first_is_dead(net: Net) -> None:
    net.names["photos.example"] = ["2606:4700::1111", "1.0.0.1", PUBLIC]
    net.dead = {"2606:4700::1111", "1.0.0.1"}

    assert net.fetch("http://photos.example/") == PICTURE
    assert [address for address, _ in net.dialed] == ["2606:4700::1111", "1.0.0.1", PUBLIC]


def test_a_host_with_only_dead_addresses_fails(net: Net) -> None:
    net.names["photos.example"] = ["1.0.0.1", PUBLIC]
    net.dead = {"1.0.0.1", PUBLIC}

    with pytest.raises(UrlFailed, match="does not answer") as caught:
        net.fetch("http://photos.example/")
    assert caught.value.code == "url_failed"
    assert PUBLIC not in caught.value.message


@pytest.mark.parametrize("url", ["http://nowhere.example/", "http://١٢٧.٠.٠.١/"])
def test_an_unknown_host_fails(net: Net, url: str) -> None:
    with pytest.raises(UrlFailed, match="not known"):
        net.fetch(url)
    assert net.dialed == []


def test_dns_that_hangs_does_not_outlast_the_timeout(net: Net) -> None:
    # Given a resolver that answers only when the test ends
    release = threading.Event()

    def hang(host: str, port: int) -> list[str]:
        release.wait(10)
        return [PUBLIC]

    # When
    started = time.monotonic()
    with pytest.raises(UrlFailed, match="too long"):
        fetch("http://slow.example/", max_bytes=9, timeout=0.1, _resolve=hang, _dial=net.dial)

    # Then
    assert time.monotonic() - started < 1
    release.set()
    assert net.dialed == []


def test_no_time_left_means_no_connection(net: Net) -> None:
    with pytest.raises(UrlFailed, match="too long"):
        net.fetch("http://photos.example/", timeout=0)
    assert net.resolved == []
    assert net.dialed == []


# --- hosts that the operator allows ---


@pytest.mark.parametrize(
    ("url", "allowed", "dialed"),
    [
        ("http://intranet/", "intranet", ("10.0.0.7", 80)),
        ("http://INTRANET.:8080/", "intranet", ("10.0.0.7", 8080)),
        ("http://intranet:8080/", "intranet:8080", ("10.0.0.7", 8080)),
        ("http://intranet/", "intranet:80", ("10.0.0.7", 80)),
        ("http://127.0.0.1:8000/", "127.0.0.1", ("127.0.0.1", 8000)),
        ("http://[0::1]:8000/", "[::1]:8000", ("::1", 8000)),
    ],
)
def test_an_allowed_host_may_be_private(
    net: Net, url: str, allowed: str, dialed: tuple[str, int]
) -> None:
    net.names["intranet"] = ["10.0.0.7"]

    assert net.fetch(url, allowed) == PICTURE
    assert net.dialed == [dialed]


@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        ("http://intranet:8081/", "intranet:8080"),
        ("http://intranet/", "intranet:8080"),
        ("http://x.intranet/", "intranet"),
        ("http://intranet.x/", "intranet"),
        ("http://10.0.0.7/", "intranet"),
        ("http://user@intranet/", "intranet"),
        ("ftp://intranet/", "intranet"),
        ("http://intranet:65616/", "intranet"),
    ],
)
def test_allowing_a_host_allows_nothing_else(net: Net, url: str, allowed: str) -> None:
    net.names |= {name: ["10.0.0.7"] for name in ("intranet", "x.intranet", "intranet.x")}

    with pytest.raises(UrlRefused):
        net.fetch(url, allowed)
    assert net.dialed == []


# --- redirects ---


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize(
    ("location", "line"),
    [
        ("http://other.example/b", "GET /b "),
        ("//other.example/b", "GET /b "),
        ("b?c#d", "GET /cars/b?c "),
        ("/véhicule", "GET /v%C3%A9hicule "),
        ("http://other.example:443/", "GET / "),
    ],
)
def test_a_redirect_is_followed(net: Net, status: int, location: str, line: str) -> None:
    # Given a redirect that also sets a cookie
    net.names["other.example"] = ["1.1.1.1"]
    moved = answer(status, f"Location: {location}", "Set-Cookie: a=b", body=b"moved")
    net.answers = [moved, answer()]

    # When
    assert net.fetch("http://photos.example/cars/a") == PICTURE

    # Then
    request = net.requests()[1]
    assert request.startswith(line)
    assert "cookie" not in request.lower()
    assert net.dialed[1][0] == ("1.1.1.1" if "other" in location else PUBLIC)


@pytest.mark.parametrize(
    "location",
    [
        "http://127.0.0.1/",
        "http://169.254.169.254/latest/meta-data/",
        "http://[::ffff:127.0.0.1]/",
        "http://localhost/",
        "http://2130706433/",
        "//localhost/",
        "https://localhost/",
        "file:///etc/passwd",
        "ftp://photos.example/",
        "http://user:secret@photos.example/",
        "http://photos.example:9001/",
        "http://[/",
        "/" + "a" * 5000,
    ],
)
def test_a_redirect_is_checked_like_the_first_url(net: Net, location: str) -> None:
    net.names |= INSIDE
    net.answers = [redirect(location), answer()]

    with pytest.raises(UrlRefused) as caught:
        net.fetch("http://photos.example/")

    assert net.dialed == [(PUBLIC, 80)]
    assert "secret" not in caught.value.message


def test_three_redirects_are_followed(net: Net) -> None:
    net.answers = [redirect("/b"), redirect("/c"), redirect("/d"), answer()]

    assert net.fetch("http://photos.example/a") == PICTURE


def test_a_redirect_loop_ends(net: Net) -> None:
    net.answers = [redirect("/")] * 10

    with pytest.raises(UrlFailed, match="redirects more than 3 times"):
        net.fetch("http://photos.example/")
    assert len(net.dialed) == 4


# --- answers ---


@pytest.mark.parametrize(
    "headers",
    [
        [],
        ["Content-Type: image/jpeg"],
        ["content-type: IMAGE/PNG; charset=binary"],
        ["Content-Type: application/octet-stream"],
        ["Content-Type: binary/octet-stream"],
        ["Content-Type: text/plain; charset=UTF-8"],
        ["Content-Type: application/x-download"],
        ["Content-Type: image/svg+xml"],
        ["Content-Type: jpg"],
        ["Content-Encoding: Identity"],
        ["Content-Encoding: "],
        ["Content-Encoding: utf-8"],
    ],
)
def test_a_picture_comes_back_whole(net: Net, headers: list[str]) -> None:
    net.answers = [answer(200, *headers)]

    assert net.fetch("http://photos.example/", max_bytes=len(PICTURE)) == PICTURE


@pytest.mark.parametrize(
    ("sent", "message"),
    [
        (answer(404), "404"),
        (answer(401), "401"),
        (answer(500), "500"),
        (answer(206), "206"),
        (answer(302), "302"),  # without a Location
        (answer(304), "304"),
        (answer(204, body=b""), "204"),
        (answer(200, "Content-Type: text/html; x=y"), "Not an image: the server says text/html;"),
        (answer(200, "Content-Type: application/json"), "application/json"),
        (answer(200, "Content-Type: x/" + "y" * 500 + "+json"), "says x/y{58};"),
        (answer(200, "Content-Type: application/rss+xml"), "rss"),
        (answer(200, "Content-Encoding: gzip"), "compresses"),
        (answer(200, "Content-Encoding: br, identity"), "compresses"),
        (answer(body=b""), "empty"),
        (answer(body=b"", length=False), "empty"),
        (answer(200, "Content-Length: 101", length=False), "too large"),
        (answer(200, "Content-Length: 99", length=False), "broke off"),
        (answer(body=b"x" * 101, length=False), "too large"),
        (
            answer(200, "Transfer-Encoding: chunked", body=b"65\r\n" + b"x" * 101 + b"\r\n"),
            "too large",
        ),
        (answer(200, "Transfer-Encoding: chunked", body=b"5\r\nabc"), "broke off"),
        (answer(200, "Transfer-Encoding: chunked", body=b"-5\r\nabc"), "broke off"),
        (answer(200, "Transfer-Encoding: chunked", body=b"zz\r\nabc"), "broke off"),
        (answer(200, "Transfer-Encoding: chunked", body=b"-1\r\n" + b"x" * 70_000), "too large"),
        (answer(200, *["X: y"] * 200), "broke off"),
        (answer(200, "X: " + "y" * 66_000), "too large"),
        (b"HTTP/1.1 100 Continue\r\n\r\n" * 3000, "too large"),
        (b"", "does not answer"),
        (b"HTTP/1.1", "broke off"),
        (b"\xff\xd8\xff\xe0 no HTTP", "broke off"),
        (b"SSH-2.0-OpenSSH_9.6\r\n", "broke off"),
    ],
)
def test_any_other_answer_fails(net: Net, sent: bytes, message: str) -> None:
    net.answers = [sent]

    with pytest.raises(UrlFailed, match=message) as caught:
        net.fetch("http://photos.example/?token=secret", max_bytes=100)
    assert "secret" not in caught.value.message


# --- anything at all ---

URL_PIECES = (
    r"http:// https: // / \ @ : 80 [ ] ::1 % . ? # photos.example localhost 127.1 0x7f 。 １ ß"
)


@settings(deadline=None)
@given(
    url=st.text()
    | st.lists(st.sampled_from(URL_PIECES.split())).map("".join)
    | st.text(" \n/x").map("http://photos.example".__add__)
)
@example(url="http://photos.example/")
@example(url="//localhost/")
def test_whatever_the_url_only_the_public_host_is_connected_to(url: str) -> None:
    # Given a URL, which the public host also redirects to
    net = Net()
    net.names = {"photos.example": [PUBLIC]} | INSIDE
    net.answers = [redirect(url), answer()] * 2

    for start in (url, "http://photos.example/"):
        with suppress(UrlRefused, UrlFailed):
            assert net.fetch(start) == PICTURE

    assert {address for address, _ in net.dialed} == {PUBLIC}
    net.close()


@settings(deadline=None)
@given(
    head=st.sampled_from([b"", b"HTTP/1.1 200\r\n", answer(), answer(length=False)]),
    cut=st.integers(0, 80),
    tail=st.binary(),
)
def test_whatever_the_answer_it_is_a_body_or_an_error(head: bytes, cut: int, tail: bytes) -> None:
    net = Net()
    net.names = {"photos.example": [PUBLIC]}
    net.answers = [head[:cut] + tail] * 4

    with suppress(UrlRefused, UrlFailed):
        assert 1 <= len(net.fetch("http://photos.example/", max_bytes=50)) <= 50
    net.close()
