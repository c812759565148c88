"""The page that `GET /` returns, and the scripts, styles and example photos that it loads.

`index.html` names its assets as `assets/main.js`; they are served as `assets/<version>/main.js`.
The version is a hash of all of them, so that browsers may keep each forever, and the imports
between the modules stay relative.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path

_HERE = Path(__file__).parent
_BASE_TAG = '<base href="/">'
_CONTENT_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".webp": "text/plain; charset=utf-8",
}

# A stage or a base path, without quotes and without `..`.
_PREFIX = re.compile(r"(?:/(?!\.+(?:/|\Z))[A-Za-z0-9_.~$!*()+-]{1,128}){0,8}/?")

_VERSION = re.compile(r"[0-9a-f]{16}")

_ORIGIN = re.compile(r"https?://[A-Za-z0-9.-]+(:\d{1,5})?(?=/|\Z)")


@dataclass(frozen=True)
class Asset:
    """A script or a stylesheet of the page, or an example photo as base64 text.

    API Gateway returns base64 text for a photo unless Accept starts with a binary type.
    """

    content_type: str
    text: str


def content_security_policy(uploads_url: str = "") -> str:
    """Return the policy of the page.

    Parameters
    ----------
    uploads_url : str
        Where the page sends uploads: a URL, a path of this server, or empty.
    """
    bucket = _ORIGIN.match(uploads_url)
    return "; ".join(
        (
            "default-src 'none'",
            "img-src blob: data: https: http:",
            f"connect-src 'self' {bucket[0]}" if bucket else "connect-src 'self'",
            "base-uri 'self'",
            "form-action 'none'",
            "frame-ancestors 'none'",
            "script-src 'self'",
            "style-src 'self'",
        )
    )


def page(prefix: str) -> str:
    """Build the page for an API that is served below `prefix`.

    Parameters
    ----------
    prefix : str
        `""` or `"/"` for none, otherwise path segments such as `"/prod"`, the stage.

    Returns
    -------
    str
        The HTML.

    Raises
    ------
    ValueError
        The prefix, which comes from an event, has other characters than a stage or a base path.
    """
    if not _PREFIX.fullmatch(prefix):
        raise ValueError(f"not a path prefix: {prefix[:40]!r}")
    before, after = _document()
    return f'{before}<base href="{prefix.rstrip("/")}/">{after}'


def version() -> str:
    """Return the version in the URLs of the assets."""
    return _assets()[0]


def languages() -> list[str]:
    """Return the codes of the languages, other than English, that have a file."""
    names = (re.fullmatch(r"language-([a-z]{2,3})\.js", name) for name in _assets()[1])
    return [found[1] for found in names if found]


def asset(version: str, name: str) -> Asset | None:
    """Look up an asset of the current version.

    Other versions get it too, but must not cache it: while a deployment shifts traffic, the new
    page asks the old function for its assets, and the old page asks the new function.

    Returns
    -------
    Asset or None
        None for an unknown name, or a version that no page has.
    """
    return _assets()[1].get(name) if _VERSION.fullmatch(version) else None


@cache
def _document() -> tuple[str, str]:
    """Read the HTML before and after its base tag."""
    html = (_HERE / "index.html").read_text(encoding="utf-8")
    # Indentation is a tenth of the markup.
    html = re.sub(r"\n\s+", "\n", html)
    html = re.sub(r'"assets/(?=[\w.]+")', f'"assets/{version()}/', html)
    html = html.replace('data-languages=""', f'data-languages="{" ".join(languages())}"')
    html = re.sub(r'(?<=src=")thumbnails/\w+\.webp(?=")', _inline, html)
    before, after = html.split(_BASE_TAG)
    return before, after


def _inline(address: re.Match[str]) -> str:
    """Return the data URL of a thumbnail."""
    return f"data:image/webp;base64,{_base64((_HERE / address[0]).read_bytes())}"


@cache
def _assets() -> tuple[str, Mapping[str, Asset]]:
    return read_assets(_HERE / "assets")


def read_assets(folder: Path) -> tuple[str, Mapping[str, Asset]]:
    """Read the scripts, stylesheets and photos in a folder.

    Returns
    -------
    tuple[str, Mapping]
        Their version, 16 hexadecimal digits that depend on all names and contents, and the assets
        by name.
    """
    digest, assets = sha256(), {}
    for path in sorted(folder.iterdir()):
        if content_type := _CONTENT_TYPES.get(path.suffix):
            content = path.read_bytes()
            digest.update(f"{path.name} {len(content)}\n".encode() + content)
            text = _base64(content) if path.suffix == ".webp" else content.decode()
            assets[path.name] = Asset(content_type, text)
    return digest.hexdigest()[:16], assets


def _base64(content: bytes) -> str:
    return b64encode(content).decode()
