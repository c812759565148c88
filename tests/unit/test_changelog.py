"""The changelog has an entry for the version of the package, and its reader finds it."""

from __future__ import annotations

import re

import pytest

from tools.changelog import (
    ROOT,
    UNRELEASED,
    ReleaseError,
    breaking_bullets,
    package_version,
    read_entries,
    release_notes,
)

TEXT = """# Changelog

About this file.

## [Unreleased]

## [0.2.0] - 2027-01-02

### Breaking

- `GET /clean`: `make` was removed,
  since nobody used it.
- every route: `message` changed.

### Fixed

- A typo.

## 0.1.0 - 2026-11-26

First release.
"""


def test_the_version_of_the_package_has_an_entry() -> None:
    text = (ROOT / "CHANGELOG.md").read_text("utf-8")
    version = package_version()

    assert release_notes(version, text, version)


def test_unreleased_changes_come_first_and_versions_descend() -> None:
    first, *versions = read_entries((ROOT / "CHANGELOG.md").read_text("utf-8"))

    assert first == UNRELEASED
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in versions)
    assert versions == sorted(
        versions, key=lambda version: [int(part) for part in version.split(".")], reverse=True
    )


def test_entries_are_split_at_their_headings() -> None:
    entries = read_entries(TEXT)

    assert list(entries) == ["Unreleased", "0.2.0", "0.1.0"]
    assert entries["Unreleased"] == ""
    assert entries["0.1.0"] == "First release."
    assert entries["0.2.0"].endswith("- A typo.")


def test_only_breaking_bullets_are_read_and_completely() -> None:
    entries = read_entries(TEXT)

    assert breaking_bullets(entries["0.2.0"]) == [
        "`GET /clean`: `make` was removed, since nobody used it.",
        "every route: `message` changed.",
    ]
    assert breaking_bullets(entries["0.1.0"]) == []


def test_the_notes_of_a_version_are_its_entry() -> None:
    assert release_notes("0.1.0", TEXT, "0.1.0") == "First release."


@pytest.mark.parametrize(
    ("version", "packaged", "message"),
    [
        ("0.2.0", "0.1.0", "The tag says 0.2.0, but the package says 0.1.0."),
        ("0.3.0", "0.3.0", "CHANGELOG.md has no entry for 0.3.0."),
        ("Unreleased", "Unreleased", "CHANGELOG.md has no entry for Unreleased."),
    ],
)
def test_a_version_without_its_entry_is_not_released(
    version: str, packaged: str, message: str
) -> None:
    with pytest.raises(ReleaseError, match=re.escape(message)):
        release_notes(version, TEXT, packaged)
