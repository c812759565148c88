"""Which URLs and which addresses Carlens may connect to.

This guard is our own because HTTP libraries resolve a host again when they connect, so an address
that was checked before is not the one they use.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import quote, urljoin, urlsplit

from carlens.errors import UrlRefused

_MAX_URL = 4096  # presigned S3 URLs take about 2,000
_PORTS = {"http": 80, "https": 443}

_NETLOC = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^\[\]:@]+)(:[0-9]*)?")
_NAME = re.compile(r"(?=.{1,253}\Z)[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*")
_SAFE = "%/?:@!$&'()*+,;=~"
# Everything that C libraries accept as an IPv4 address, such as short, octal and hexadecimal forms.
_NUMERIC = re.compile(r"(.*\.)?([0-9]+|0x[0-9a-f]*)")
# Zero-width non-joiner and joiner, which some scripts and emoji need.
_JOINERS = "\u200c\u200d"

# Blocks for which `is_global` is true in some version of Python.
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


@dataclass(frozen=True)
class Target:
    """A URL that may be fetched if its addresses are allowed.

    Attributes
    ----------
    url : str
        The absolute URL.
    secure : bool
        Whether to use TLS.
    host : str
        A host name in lower-case ASCII, or an IP address without brackets.
    port : int
    authority : str
        The value of the Host header.
    path : str
        Path and query, percent-encoded.
    trusted : bool
        Whether the operator allows the host to be private.
    """

    url: str
    secure: bool
    host: str
    port: int
    authority: str
    path: str
    trusted: bool


def parse_url(url: str, allowed_hosts: frozenset[str], *, base: str = "") -> Target:
    """Parse a URL and check everything except the addresses of its host.

    Parameters
    ----------
    url : str
        Absolute, or relative to `base`.
    allowed_hosts : frozenset of str
        Hosts that may be private and use any port; see `carlens.inputs.url_fetcher.fetch`.
    base : str
        The URL that redirected to this one.

    Raises
    ------
    UrlRefused
    """
    if len(url) > _MAX_URL:
        raise UrlRefused(f"The URL is longer than {_MAX_URL} characters; use a shorter one.")
    if not all(char.isprintable() or char in _JOINERS for char in url):
        raise UrlRefused("The URL contains control characters; percent-encode them.")
    try:
        url = urljoin(base, url)
        parts = urlsplit(url)
        if parts.scheme not in _PORTS:
            raise UrlRefused("Only http:// and https:// URLs are supported.")
        if "@" in parts.netloc:
            raise UrlRefused("The URL contains a user name or password; remove it.")
        name = _normalize_host(parts.netloc)
        default_port = _PORTS[parts.scheme]
        port = default_port if parts.port is None else parts.port
    except ValueError as error:
        raise UrlRefused("The host or port of the URL is not valid; check the URL.") from error
    trusted = name in allowed_hosts or f"{name}:{port}" in allowed_hosts
    if port not in _PORTS.values() and not trusted:
        raise UrlRefused("Only ports 80 and 443 are allowed; remove the port from the URL.")
    return Target(
        url=url,
        secure=parts.scheme == "https",
        host=name.strip("[]"),
        port=port,
        authority=name if port == default_port else f"{name}:{port}",
        path=quote((parts.path or "/") + (parts.query and f"?{parts.query}"), safe=_SAFE),
        trusted=trusted,
    )


def check_addresses(target: Target, addresses: list[str]) -> None:
    """Check that the host of a target may be connected to at all of its addresses.

    Raises
    ------
    UrlRefused
    """
    if not target.trusted and not all(map(is_public, addresses)):
        raise UrlRefused("The URL's host is not on the public internet; send the image itself.")


def is_public(address: str) -> bool:
    """Return whether an IP address is on the public internet."""
    ip = ipaddress.ip_address(address)
    if ip in _NAT64:
        ip = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
    if ip.version == 6 and ip not in _GLOBAL_UNICAST:
        return False
    return ip.is_global and not any(ip in block for block in _NOT_PUBLIC)


def _normalize_host(netloc: str) -> str:
    match = _NETLOC.fullmatch(netloc)
    if match is None:
        raise ValueError("not host:port")
    if match[1].startswith("["):
        return f"[{ipaddress.IPv6Address(match[1][1:-1])}]"
    # Before any other check, because it maps fullwidth digits and dots to ASCII.
    name = _to_ascii(match[1]).lower().removesuffix(".")
    if not _NAME.fullmatch(name):
        raise ValueError("not a host name")
    return str(ipaddress.IPv4Address(name)) if _NUMERIC.fullmatch(name) else name


def _to_ascii(host: str) -> str:
    """Encode a host name as browsers do: UTS 46, nontransitional, without STD 3 rules.

    `idna.encode` adds the rules of IDNA 2008, which reject emoji and underscores.
    """
    if host.isascii():
        return host
    import idna  # 11 ms, and 32 ms more for its mapping table

    labels = idna.uts46_remap(host, std3_rules=False).split(".")
    return ".".join(label if label.isascii() else _encode_label(label) for label in labels)


def _encode_label(label: str) -> str:
    import idna

    if label.startswith("xn--"):
        raise ValueError("a label that is not ASCII has the prefix of one that is")
    idna.check_initial_combiner(label)
    idna.check_bidi(label)
    if not all(idna.valid_contextj(label, i) for i, char in enumerate(label) if char in _JOINERS):
        raise ValueError("a joiner without the letters that need it")
    return "xn--" + label.encode("punycode").decode("ascii")
