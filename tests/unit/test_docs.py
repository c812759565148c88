"""Links between the documents lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tools.changelog import ROOT

DOCUMENTS = [
    path
    for pattern in ("*.md", ".github/*.md", "clients/**/*.md", "docs/**/*.md", "models/**/*.md")
    for path in sorted(ROOT.glob(pattern))
]
_CODE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\((?!https?:)([^)\s#]*)(?:#([^)\s]*))?\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


def anchors(text: str) -> set[str]:
    """Return the anchors that GitHub makes of the headings."""
    return {
        re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        for heading in _HEADING.findall(_CODE.sub("", text))
    }


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_to_a_file_and_a_heading(document: Path) -> None:
    broken = []
    for link, anchor in _LINK.findall(_CODE.sub("", document.read_text("utf-8"))):
        target = document.parent / link if link else document
        if not target.exists() or (anchor and anchor not in anchors(target.read_text("utf-8"))):
            broken.append(f"{link}#{anchor}")

    assert broken == []


def test_the_documents_have_links() -> None:
    assert {"README.md", "CONTRIBUTING.md"} <= {path.name for path in DOCUMENTS}
    assert len(_LINK.findall((ROOT / "README.md").read_text("utf-8"))) > 10


def test_anchors_are_made_as_github_makes_them() -> None:
    assert anchors("# Targets that are not met\n\n## What it's for?") == {
        "targets-that-are-not-met",
        "what-its-for",
    }
