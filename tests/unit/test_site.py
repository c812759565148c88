"""The pages of the documentation site, gathered from the repository's documents."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.site import ROOT, BrokenLinkError, Site, place


def repository(root: Path, **documents: str) -> Site:
    """Return the site of a repository with a package, a license and some documents."""
    files = {
        "docs/decisions/README.md": "# Decisions\n",
        "infra/__init__.py": '"""Settings and stacks.\n\nMore."""\n',
        "infra/settings.py": '"""Settings."""\n',
        "LICENSE": "Apache\n",
        "README.md": "# Read me\n",
    }
    for path, text in (files | documents).items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, "utf-8")
    return Site(root)


def gathered(root: Path, path: str, text: str) -> str:
    """Return a document of a repository as it is on the site."""
    repository(root / "repository", **{path: text}).write(root / "site")
    return (root / "site" / place(path)).read_text("utf-8")


@pytest.mark.parametrize(
    ("path", "link", "expected"),
    [
        ("README.md", "docs/decisions/README.md", "decisions/index.md"),
        ("README.md", "docs/decisions", "decisions/index.md"),
        ("README.md", "infra/settings.py", "reference/infra.md"),
        ("README.md", "infra/", "reference/infra.md"),
        ("README.md", "LICENSE", "LICENSE.txt"),
        ("README.md", "#speed", "#speed"),
        ("README.md", "https://example.com/", "https://example.com/"),
        ("docs/deploy.md", "../README.md#speed", "index.md#speed"),
        ("docs/deploy.md", "../infra/settings.py", "reference/infra.md"),
        ("docs/decisions/0001-first.md", "../../README.md", "../index.md"),
    ],
)
def test_a_link_leads_to_its_page_on_the_site(
    tmp_path: Path, path: str, link: str, expected: str
) -> None:
    # When a document with a link is put on the site
    page = gathered(tmp_path, path, f"See [this]({link}).")

    # Then the link leads to the page, the copy or the reference of its target
    assert page == f"See [this]({expected})."


def test_a_linked_file_is_copied(tmp_path: Path) -> None:
    gathered(tmp_path, "README.md", "See [the license](LICENSE).")

    assert (tmp_path / "site" / "LICENSE.txt").read_text("utf-8") == "Apache\n"


def test_code_is_not_changed(tmp_path: Path) -> None:
    text = "Write `[text](docs/missing.md)`:\n\n```md\n[text](docs/missing.md)\n```\n"

    assert gathered(tmp_path, "README.md", text) == text


def test_a_link_to_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BrokenLinkError, match=r"README\.md links to docs/missing\.md"):
        gathered(tmp_path, "README.md", "See [this](docs/missing.md).")


def test_each_package_has_a_reference(tmp_path: Path) -> None:
    Site(ROOT).write(tmp_path)

    vision = (tmp_path / "reference" / "carlens.vision.md").read_text("utf-8")
    assert "::: carlens.vision.detector" in vision
    assert "- [carlens.vision](carlens.vision.md): Find" in (
        tmp_path / "reference" / "index.md"
    ).read_text("utf-8")
