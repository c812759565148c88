"""Read CHANGELOG.md: `python -m tools.changelog 0.1.0` prints the entry of a version."""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
UNRELEASED = "Unreleased"

_ENTRY = re.compile(r"^## \[?([^\]\s]+)\]?.*$", re.MULTILINE)
_BREAKING = re.compile(r"^### Breaking$(.*?)(?=^### |\Z)", re.MULTILINE | re.DOTALL)
_BULLET = re.compile(r"^- (.*(?:\n(?!- ).+)*)", re.MULTILINE)
_VERSION = re.compile(r"^__version__ = \"(.+)\"$", re.MULTILINE)


class ReleaseError(Exception):
    """The version cannot be released; the message says why."""


def package_version() -> str:
    """Read `carlens.__version__` without importing the package."""
    source = (ROOT / "lambda_src" / "carlens" / "__init__.py").read_text(encoding="utf-8")
    found = _VERSION.search(source)
    if found is None:
        raise ReleaseError("lambda_src/carlens/__init__.py does not set __version__.")
    return found[1]


def read_entries(text: str) -> dict[str, str]:
    """Split a changelog into its entries.

    Parameters
    ----------
    text : str
        Markdown with one `## ` heading for each version.

    Returns
    -------
    dict of str to str
        The text below each heading, by version, newest first.
    """
    headings = list(_ENTRY.finditer(text))
    ends = [heading.start() for heading in headings[1:]] + [len(text)]
    return {
        heading[1]: text[heading.end() : end].strip()
        for heading, end in zip(headings, ends, strict=True)
    }


def breaking_bullets(entry: str) -> list[str]:
    """List the bullets under `### Breaking` in an entry, each on one line."""
    section = _BREAKING.search(entry)
    return [" ".join(bullet.split()) for bullet in _BULLET.findall(section[1])] if section else []


def release_notes(version: str, text: str, packaged: str) -> str:
    """Find what to publish for a version.

    Parameters
    ----------
    version : str
        The version to release, without the `v` of its tag.
    text : str
        The changelog.
    packaged : str
        The version of the package.

    Raises
    ------
    ReleaseError
        The package has another version, or the changelog has no text for this one.
    """
    if version != packaged:
        raise ReleaseError(f"The tag says {version}, but the package says {packaged}.")
    notes = read_entries(text).get(version)
    if not notes:
        raise ReleaseError(f"CHANGELOG.md has no entry for {version}.")
    return notes


def main() -> None:
    """Print the entry of the version given as the argument, or fail."""
    if len(sys.argv) != 2:
        sys.exit("usage: python -m tools.changelog VERSION")
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    try:
        print(release_notes(sys.argv[1], text, package_version()))
    except ReleaseError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
