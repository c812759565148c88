"""The page that `GET /` answers: one document that needs nothing but itself.

The sources are plain files that an editor and a linter understand: `index.html` names its styles
and its scripts as any page would, and `page` puts their text, in that order, in the place of those
tags: one style and one module; the example photo becomes a data URL. The
Content-Security-Policy then allows exactly these two texts, by hash, and no other script or style.
"""

from __future__ import annotations

import re
from base64 import b64encode
from functools import cache
from hashlib import sha256
from pathlib import Path

_HERE = Path(__file__).parent
_STYLE_TAGS = re.compile(r'(?:\s*<link rel="stylesheet" href="[a-z]+\.css">)+')
_SCRIPT_TAGS = re.compile(r'(?:\s*<script defer src="[a-z]+\.js"></script>)+')
_PHOTO = "example.webp"
_BASE_TAG = '<base href="/">'

# API Gateway's stage names are 1 to 128 of these; anything else is no prefix of ours.
_PREFIX = re.compile(r"(?:/[A-Za-z0-9_-]{0,128})?")


def page(prefix: str) -> tuple[str, str]:
    """Build the page for an API that answers under `prefix`.

    Parameters
    ----------
    prefix : str
        What stands before every route: `""` or `"/"` for none, else one path segment such as
        `"/prod"`, the stage. It comes from an event, so nothing else is let into the document.

    Returns
    -------
    tuple[str, str]
        The HTML, and the value of its Content-Security-Policy header.

    Raises
    ------
    ValueError
        The prefix is not one path segment of letters, digits, `_` and `-`.
    """
    if not _PREFIX.fullmatch(prefix):
        raise ValueError(f"not a path prefix: {prefix[:40]!r}")
    before, after, policy = _document()
    return f'{before}<base href="{prefix.rstrip("/")}/">{after}', policy


@cache
def _document() -> tuple[str, str, str]:
    """Read the sources once: the HTML before and after its base tag, and the policy."""
    html = (_HERE / "index.html").read_text(encoding="utf-8")
    # The indentation is for who reads the source: it is a tenth of the markup.
    html = re.sub(r"\n\s+", "\n", html)
    html = html.replace(f'src="{_PHOTO}"', f'src="data:image/webp;base64,{_encoded(_PHOTO)}"')
    head, style, rest = _gather(html, _STYLE_TAGS)
    body, script, end = _gather(rest, _SCRIPT_TAGS)
    html = f'{head}<style>{style}</style>{body}<script type="module">{script}</script>{end}'
    before, after = html.split(_BASE_TAG)
    policy = (
        "default-src 'none'",
        "img-src blob: data: https: http:",
        "connect-src 'self'",
        "base-uri 'self'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        f"script-src {_source(script)}",
        f"style-src {_source(style)}",
    )
    return before, after, "; ".join(policy)


def _gather(html: str, tags: re.Pattern[str]) -> tuple[str, str, str]:
    """Cut the document where its tags name sources: before, the text of the sources, after."""
    before, after = tags.split(html)
    names = re.findall(r'"([a-z]+\.(?:css|js))"', html[len(before) : len(html) - len(after)])
    return before, "".join((_HERE / name).read_text(encoding="utf-8") for name in names), after


def _encoded(name: str) -> str:
    """Read a source that is no text."""
    return b64encode((_HERE / name).read_bytes()).decode()


def _source(text: str) -> str:
    """Name an inlined text as a Content-Security-Policy source."""
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"
