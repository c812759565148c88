"""Which URLs may be fetched, with DNS and connections in memory."""

from __future__ import annotations

import ipaddress
from contextlib import suppress

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from carlens import __version__
from carlens.errors import UrlFailed, UrlRefused
from carlens.inputs.url_policy import check_addresses, parse_url
from tests.unit.inputs.net import INSIDE, PICTURE, PUBLIC, Net, answer, redirect

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
    64:ff9b::808:808 64:ff9b::a83f:8111
"""


@pytest.mark.parametrize("block", NOT_PUBLIC_BLOCKS.split())
@pytest.mark.parametrize("last", [False, True], ids=["first", "last"])
def test_no_connection_to_a_special_purpose_block(net: Net, block: str, last: bool) -> None:
    # Given a name and a URL for one end of the block
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
        # IP addresses in every notation
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
        ("file:///etc/passwd", "Only http:// and https:// URLs are supported."),
        ("http://user:secret@photos.example/", "contains a user name or password; remove it."),
        ("http://photos.example:22/", "Only ports 80 and 443 are allowed; remove the port"),
        ("http://127.1/", "host or port of the URL is not valid; check the URL."),
        ("http://10.0.0.1/", "not on the public internet; send the image itself."),
        ("http://photos.example/\n", "control characters; percent-encode them."),
        ("http://photos.example/" + "a" * 4096, "longer than 4096 characters; use a shorter one"),
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
def test_the_request_is_exactly_this(
    net: Net, url: str, host: str, line: str, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given names that resolve, and a proxy in the environment
    net.names |= {"xn--vhicule-bya.example": [PUBLIC], "my_cars.example": [PUBLIC]}
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:3128")

    # When
    net.fetch(url)

    # Then the request goes to the host itself and does not identify the client
    assert net.dialed[0][1] == port
    assert net.requests() == [
        f"GET {line} HTTP/1.1\r\nHost: {host}\r\n"
        "Accept: image/jpeg, image/png, image/webp, image/*;q=0.5, */*;q=0.1\r\n"
        f"Accept-Encoding: identity\r\nUser-Agent: carlens/{__version__}\r\nConnection: close\r\n\r\n"
    ]


@pytest.mark.parametrize(
    ("url", "secure"), [("https://a.example/", True), ("http://a.example/", False)]
)
def test_only_https_is_secure(url: str, secure: bool) -> None:
    assert parse_url(url, frozenset()).secure is secure


# --- host names that are not ASCII ---


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("Bücher.example", "xn--bcher-kva.example"),
        ("bu\u0308cher.example", "xn--bcher-kva.example"),
        ("xn--bcher-kva.Ü.example", "xn--bcher-kva.xn--tda.example"),
        ("日本語。ＪＰ", "xn--wgv71a119e.jp"),
        ("é.example.", "xn--9ca.example"),
        # Kept by UTS 46, replaced by IDNA 2003
        ("faß.de", "xn--fa-hia.de"),
        ("FAẞ.de", "xn--fa-hia.de"),
        ("βόλος.com", "xn--nxasmm1c.com"),
        ("ශ්\u200dරී.com", "xn--10cl1a0b660p.com"),
        ("نامه\u200cای.com", "xn--mgba3gch31f060k.com"),
        # Allowed by UTS 46, rejected by IDNA 2008
        ("💩.la", "xn--ls8h.la"),
        ("i❤.ws", "xn--i-7iq.ws"),
        ("my_é.example", "xn--my_-dma.example"),
    ],
)
def test_a_host_name_is_encoded_as_in_a_browser(host: str, expected: str) -> None:
    target = parse_url(f"https://{host}/car.jpg", frozenset())

    assert target.host == target.authority == expected


@pytest.mark.parametrize(
    "host",
    [
        "a\u200db.example",
        "👨\u200d👩.ws",
        "\u0301a.example",
        "xn--é.example",
        "é..example",
        "。é.example",
        "אa.example",
        "١٢٧.٠.٠.١",
        "a⒈é.example",
        "é" * 64 + ".example",
    ],
)
def test_a_host_name_that_browsers_reject_is_refused(host: str) -> None:
    with pytest.raises(UrlRefused, match="host or port of the URL is not valid"):
        parse_url(f"https://{host}/", frozenset())


@pytest.mark.parametrize("host", ["１２７.０.０.１", "127。0。0。1", "①②⑦.⓪.⓪.①", "１２7｡0．0.1"])
def test_a_host_name_that_maps_to_an_address_is_checked_as_an_address(host: str) -> None:
    target = parse_url(f"https://{host}/", frozenset())

    assert target.host == "127.0.0.1"
    with pytest.raises(UrlRefused, match="not on the public internet"):
        check_addresses(target, [target.host])


@pytest.mark.parametrize("host", ["２１３０７０６４３３", "０x7f。1", "１２７.1"])
def test_a_short_form_of_an_address_in_fullwidth_digits_is_refused(host: str) -> None:
    with pytest.raises(UrlRefused, match="host or port of the URL is not valid"):
        parse_url(f"https://{host}/", frozenset())


def test_joiners_in_a_path_are_percent_encoded() -> None:
    target = parse_url("https://photos.example/👨\u200d👩.jpg", frozenset())

    assert target.path == "/%F0%9F%91%A8%E2%80%8D%F0%9F%91%A9.jpg"


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


# --- any URL ---

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
def test_any_url_connects_only_to_the_public_host(url: str) -> None:
    # Given a URL, and a public host that redirects to it
    net = Net()
    net.names = {"photos.example": [PUBLIC]} | INSIDE
    net.answers = [redirect(url), answer()] * 2

    for start in (url, "http://photos.example/"):
        with suppress(UrlRefused, UrlFailed):
            assert net.fetch(start) == PICTURE

    assert {address for address, _ in net.dialed} == {PUBLIC}
    net.close()
