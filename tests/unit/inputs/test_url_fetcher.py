"""Download from URLs, with DNS and connections in memory."""

from __future__ import annotations

import socket
import threading
import zlib
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carlens.errors import UrlFailed, UrlRefused
from carlens.inputs.url_fetcher import Transport, fetch
from tests.support import gzipped
from tests.unit.inputs.net import INSIDE, PICTURE, PUBLIC, Net, answer, redirect

GZIPPED = gzipped(PICTURE)

# --- resolving and connecting ---


def test_rebinding_does_not_help_because_a_host_is_resolved_once(net: Net) -> None:
    # Given a name that becomes private after the first lookup
    turns = iter([[PUBLIC], ["127.0.0.1"], ["127.0.0.1"]])

    # When
    body = fetch(
        "http://rebind.example/",
        max_bytes=100,
        timeout=5,
        transport=Transport(lambda _host, _port: next(turns), net.connect),
    )

    # Then the connection goes to the checked address, without a second lookup
    assert body == PICTURE
    assert net.dialed == [(PUBLIC, 80)]
    assert list(turns) == [["127.0.0.1"], ["127.0.0.1"]]


def test_rebinding_between_redirects_is_refused(net: Net) -> None:
    # Given a name that becomes private and redirects to itself
    turns = iter([[PUBLIC], ["127.0.0.1"]])
    net.answers = [redirect("/again"), answer()]

    with pytest.raises(UrlRefused):
        fetch(
            "http://rebind.example/",
            max_bytes=100,
            timeout=5,
            transport=Transport(lambda _host, _port: next(turns), net.connect),
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


@pytest.mark.parametrize("url", ["http://nowhere.example/", "http://véhicules.example/"])
def test_an_unknown_host_fails(net: Net, url: str) -> None:
    with pytest.raises(UrlFailed, match="cannot be found"):
        net.fetch(url)
    assert net.dialed == []


def test_dns_that_hangs_does_not_outlast_the_timeout(net: Net) -> None:
    # Given a resolver that answers only after the fetch has failed
    failed = threading.Event()

    def hang(_host: str, _port: int) -> list[str]:
        failed.wait(10)
        return [PUBLIC]

    # When
    with pytest.raises(UrlFailed, match="too long"):
        fetch(
            "http://slow.example/",
            max_bytes=9,
            timeout=0.05,
            transport=Transport(hang, net.connect),
        )
    failed.set()

    # Then there is no connection
    assert net.dialed == []


def test_no_time_left_means_no_connection(net: Net) -> None:
    with pytest.raises(UrlFailed, match="too long"):
        net.fetch("http://photos.example/", timeout=0)
    assert net.resolved == []
    assert net.dialed == []


@pytest.mark.parametrize(("now", "connects"), [(9.99, True), (10.0, False), (11.0, False)])
def test_the_deadline_counts_from_the_start(net: Net, now: float, connects: bool) -> None:
    # Given a clock that jumps while the host is resolved
    times = [0.0]

    def resolve(_host: str, _port: int) -> list[str]:
        times.append(now)
        return [PUBLIC]

    transport = Transport(resolve, net.connect, clock=lambda: times[-1])

    # When
    with suppress(UrlFailed):
        fetch("http://photos.example/", max_bytes=1000, timeout=10, transport=transport)

    # Then
    assert bool(net.dialed) is connects


def test_each_address_gets_its_share_of_the_time_left(net: Net) -> None:
    addresses = ["1.0.0.1", "1.0.0.2", PUBLIC]
    net.dead = {"1.0.0.1", "1.0.0.2"}
    transport = Transport(lambda _host, _port: addresses, net.connect, clock=lambda: 0.0)

    fetch("http://photos.example/", max_bytes=1000, timeout=6, transport=transport)

    assert net.seconds == [2.0, 3.0, 6.0]


def test_a_connection_that_times_out_fails() -> None:
    def connect(address: str, _port: int, _seconds: float) -> socket.socket:
        raise TimeoutError(address)

    with pytest.raises(UrlFailed, match="too long to answer; try again or send the image itself"):
        fetch(
            "http://photos.example/",
            max_bytes=9,
            timeout=9,
            transport=Transport(lambda _host, _port: [PUBLIC], connect),
        )


def test_a_silent_server_does_not_outlast_the_timeout() -> None:
    client, server = socket.socketpair()

    with server, pytest.raises(UrlFailed, match="too long"):
        fetch(
            "http://photos.example/",
            max_bytes=9,
            timeout=0.05,
            transport=Transport(lambda _host, _port: [PUBLIC], lambda *_: client),
        )


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


def test_five_redirects_are_followed(net: Net) -> None:
    net.answers = [*(redirect(f"/{step}") for step in "bcdef"), answer()]

    assert net.fetch("http://photos.example/a") == PICTURE


def test_a_redirect_loop_ends(net: Net) -> None:
    net.answers = [redirect("/")] * 10

    with pytest.raises(UrlFailed, match="redirects more than 5 times"):
        net.fetch("http://photos.example/")
    assert len(net.dialed) == 6


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
def test_the_complete_body_is_returned(net: Net, headers: list[str]) -> None:
    net.answers = [answer(200, *headers)]

    assert net.fetch("http://photos.example/", max_bytes=len(PICTURE)) == PICTURE


@pytest.mark.parametrize(
    ("sent", "message"),
    [
        (answer(404), "404"),
        (answer(401), "401"),
        (answer(500), "500"),
        (answer(206), "part of the image"),
        *[
            (answer(206, f"Content-Range: {given}"), "part of the image")
            for given in [
                "bytes 0-11/13",
                "bytes 1-12/13",
                "bytes 0-12/14",
                "bytes 0-12/*",
                "bytes */13",
                "13",
            ]
        ],
        (answer(206, "Content-Type: multipart/byteranges; boundary=x"), "part of the image"),
        (answer(101, "Upgrade: websocket"), "101"),
        (answer(201), "201"),
        (answer(302), "302"),  # without a Location
        (answer(304), "304"),
        (answer(204, body=b""), "204"),
        (answer(200, "Content-Type: text/html; x=y"), "Not an image: the server sent text/html;"),
        (answer(200, "Content-Type: application/json"), "application/json"),
        (answer(200, "Content-Type: x/" + "y" * 500 + "+json"), "sent x/y{58};"),
        (answer(200, "Content-Type: application/rss+xml"), "rss"),
        *[
            (
                answer(200, f"Content-Encoding: {encoding}"),
                "compresses the image with [a-z-]+; use the URL",
            )
            for encoding in [
                "compress",
                "x-compress",
                "BR",
                "zstd",
                "br, gzip",
            ]
        ],
        (answer(200, "Content-Encoding: br, identity"), "compresses"),
        (answer(200, "Content-Encoding: gzip"), "damaged gzip data"),
        (
            answer(200, "Content-Encoding: gzip", body=gzipped(PICTURE)[:-1]),
            "damaged gzip data",
        ),
        (answer(200, "Content-Encoding: gzip", body=gzipped(b"")), "empty"),
        (answer(200, "Content-Encoding: gzip", body=gzipped(b"x" * 101)), "too large"),
        (answer(200, "Content-Encoding: deflate", body=zlib.compress(b"x" * 10_000)), "too large"),
        (answer(body=b""), "empty"),
        (answer(body=b"", length=False), "empty"),
        (answer(200, "Content-Length: 101", length=False), "too large"),
        (answer(200, "Content-Length: 99", length=False), "before the image was complete"),
        (answer(body=b"x" * 101, length=False), "too large"),
        (
            answer(200, "Transfer-Encoding: chunked", body=b"65\r\n" + b"x" * 101 + b"\r\n"),
            "too large",
        ),
        (answer(200, "Transfer-Encoding: chunked", body=b"5\r\nabc"), "does not speak HTTP"),
        (answer(200, "Transfer-Encoding: chunked", body=b"-5\r\nabc"), "does not speak HTTP"),
        (answer(200, "Transfer-Encoding: chunked", body=b"zz\r\nabc"), "does not speak HTTP"),
        (answer(200, "Transfer-Encoding: chunked", body=b"-1\r\n" + b"x" * 70_000), "too large"),
        (answer(200, *["X: y"] * 200), "does not speak HTTP"),
        (answer(200, "X: " + "y" * 66_000), "too large"),
        (b"HTTP/1.1 100 Continue\r\n\r\n" * 3000, "too large"),
        (b"HTTP/1.1 103 Early Hints\r\n\r\n" * 3000, "too large"),
        (b"HTTP/1.1 103 Early Hints\r\n\r\n", "does not answer"),
        (b"", "does not answer"),
        (b"HTTP/1.1", "does not speak HTTP"),
        (b"\xff\xd8\xff\xe0 no HTTP", "does not speak HTTP"),
        (b"SSH-2.0-OpenSSH_9.6\r\n", "does not speak HTTP"),
    ],
)
def test_any_other_answer_fails(net: Net, sent: bytes, message: str) -> None:
    net.answers = [sent]

    with pytest.raises(UrlFailed, match=message) as caught:
        net.fetch("http://photos.example/?token=secret", max_bytes=100)
    assert "secret" not in caught.value.message


@pytest.mark.parametrize(
    "sent",
    [
        answer(203),
        answer(206, "Content-Range: bytes 0-11/12"),
        answer(206, "content-range: Bytes 0-11/12 "),
        b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n" + answer(),
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n" * 3 + answer(),
        b"HTTP/1.1 103 Early Hints\r\nContent-Length: 5\r\n\r\n" + answer(length=False),
        *[
            answer(200, f"Content-Encoding: {name}", body=sent)
            for name, sent in [
                ("gzip", gzipped(PICTURE)),
                ("X-GZip", gzipped(PICTURE) + b"\0" * 9),
                ("gzip", gzipped(PICTURE[:4]) + gzipped(PICTURE[4:])),
                ("deflate", zlib.compress(PICTURE)),
                ("deflate", zlib.compress(PICTURE)[2:-4]),
                ("gzip, deflate", zlib.compress(gzipped(PICTURE))),
                ("gzip, identity", gzipped(PICTURE)),
            ]
        ],
        answer(206, f"Content-Range: bytes 0-{len(GZIPPED) - 1}/{len(GZIPPED)}", "Content-Encoding: gzip", body=GZIPPED),
    ],
)  # fmt: skip
def test_an_unusual_success_is_read(net: Net, sent: bytes) -> None:
    net.answers = [sent]

    assert net.fetch("http://photos.example/", max_bytes=60) == PICTURE


def test_an_early_answer_before_a_redirect_is_skipped(net: Net) -> None:
    net.answers = [b"HTTP/1.1 103 Early Hints\r\n\r\n" + redirect("/b"), answer()]

    assert net.fetch("http://photos.example/") == PICTURE


# --- any answer ---


@settings(deadline=None)
@given(
    head=st.sampled_from(
        [
            b"",
            b"HTTP/1.1 200\r\n",
            b"HTTP/1.1 103\r\n\r\n",
            answer(),
            answer(length=False),
            answer(200, "Content-Encoding: gzip"),
        ]
    ),
    cut=st.integers(0, 80),
    tail=st.binary(),
)
def test_any_answer_gives_a_body_or_an_error(head: bytes, cut: int, tail: bytes) -> None:
    net = Net()
    net.names = {"photos.example": [PUBLIC]}
    net.answers = [head[:cut] + tail] * 6

    with suppress(UrlRefused, UrlFailed):
        assert 1 <= len(net.fetch("http://photos.example/", max_bytes=50)) <= 50
    net.close()
