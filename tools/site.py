"""Gather the pages of the documentation site in a folder, for `zensical build`.

    python -m tools.site FOLDER

The documents stay where readers of the repository expect them. The site adds the contract as a page
and the reference of the Python packages. A link to a file that is not a page leads to a copy of it,
or to the reference of the module.
"""

from __future__ import annotations

import ast
import posixpath
import re
import shutil
import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).resolve().parents[1]
PAGES = (
    "*.md",
    "docs/*.md",
    "docs/decisions/*.md",
    "models/README.md",
    "models/*/README.md",
    "clients/python/README.md",
)
# Packages whose docstrings are the reference, with the folder that holds each.
PACKAGES = {"carlens_client": "clients/python", "carlens": "lambda_src", "infra": "."}
CONTRACT = "lambda_src/openapi.yaml"
_LINK = re.compile(r"(?<=\]\()(?![a-z]+:|#)([^)\s#]+)(?=[#)])")
_CODE = re.compile(r"^ *```.*?^ *```$|`[^`\n]+`", re.MULTILINE | re.DOTALL)


class BrokenLinkError(Exception):
    """A document links to a file that the repository does not have."""


@dataclass(frozen=True)
class Site:
    """The pages and files of the site, by their paths in the repository.

    Attributes
    ----------
    root : Path
        The repository.
    """

    root: Path

    @cached_property
    def documents(self) -> list[str]:
        """Paths of the documents in the repository."""
        paths = {path for pattern in PAGES for path in self.root.glob(pattern)}
        return sorted(path.relative_to(self.root).as_posix() for path in paths)

    @cached_property
    def reference(self) -> dict[str, list[str]]:
        """Names of the modules on each page of the reference, by the page's title."""
        titles = [*PACKAGES]
        titles += [f"carlens.{path.name}" for path in self._package("carlens").glob("*/")]
        modules = {title: self._modules(title) for title in sorted(titles)}
        return {title: names for title, names in modules.items() if names}

    def write(self, folder: Path) -> None:
        """Write all pages, and the files to which they link.

        Parameters
        ----------
        folder : Path
            It is replaced.

        Raises
        ------
        BrokenLinkError
            A document links to a file that is missing.
        """
        shutil.rmtree(folder, ignore_errors=True)
        for path in self.documents:
            text = self._linked((self.root / path).read_text("utf-8"), path, folder)
            _write(folder / place(path), text)
        for title, names in self.reference.items():
            entries = "\n\n".join(f"::: {name}" for name in names)
            _write(folder / f"reference/{title}.md", f"# {title}\n\n{entries}\n")
        _write(folder / "reference/index.md", self._contents())

    def _contents(self) -> str:
        """Return the page that lists the packages, with what each is for."""
        lines = ["# Python packages", ""]
        for title in self.reference:
            source = (self._package(title) / "__init__.py").read_text("utf-8")
            purpose = (ast.get_docstring(ast.parse(source)) or "").partition("\n")[0]
            lines.append(f"- [{title}]({title}.md): {purpose}")
        return "\n".join([*lines, ""])

    def _linked(self, text: str, path: str, folder: Path) -> str:
        """Return a document with links that are right on the site."""
        here = posixpath.dirname(place(path))

        def link(match: re.Match[str]) -> str:
            target = posixpath.normpath(posixpath.join(posixpath.dirname(path), match[1]))
            page = self._page(target)
            if page is None:
                page = place(target)
                if not (self.root / target).is_file():
                    raise BrokenLinkError(f"{path} links to {target}, which does not exist")
                (folder / page).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(self.root / target, folder / page)
            return posixpath.relpath(page, here or ".")

        parts, end = [], 0
        for code in _CODE.finditer(text):
            parts += [_LINK.sub(link, text[end : code.start()]), code[0]]
            end = code.end()
        return "".join([*parts, _LINK.sub(link, text[end:])])

    def _page(self, path: str) -> str | None:
        """Return the page about a file or folder, or None if there is none."""
        if path == CONTRACT:
            return "reference/http.md"
        for document in (path, f"{path}/README.md"):
            if document in self.documents:
                return place(document)
        module = self._module(self.root / path)
        for title, names in reversed(self.reference.items()):  # the innermost package first
            if module in names or (module.startswith(f"{title}.") and (self.root / path).is_dir()):
                return f"reference/{title}.md"
        return None

    def _package(self, title: str) -> Path:
        top, *inner = title.split(".")
        return self.root.joinpath(PACKAGES[top], top, *inner)

    def _modules(self, title: str) -> list[str]:
        """Return the public modules that lie directly in a package."""
        files = [path for path in self._package(title).glob("*.py") if path.name != "__main__.py"]
        return sorted(name for name in map(self._module, files) if "._" not in name)

    def _module(self, path: Path) -> str:
        """Return the name under which a file is imported."""
        name = path.relative_to(self.root).as_posix().removesuffix(".py")
        for folder in PACKAGES.values():
            name = name.removeprefix(f"{folder}/")
        return name.removesuffix("/__init__").replace("/", ".")


def place(path: str) -> str:
    """Return where a file of the repository lies on the site.

    Examples
    --------
    >>> place("docs/teach.md")
    'teach.md'
    >>> place("models/README.md")
    'models/index.md'
    """
    on_site = PurePosixPath(path.removeprefix("docs/"))
    if on_site.name == "README.md":
        on_site = on_site.with_name("index.md")
    if not on_site.suffix:  # LICENSE and NOTICE, which browsers would download
        on_site = on_site.with_suffix(".txt")
    return on_site.as_posix()


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")


def main(folder: Path) -> None:
    """Write the pages, with the contract as one of them."""
    # Only `make docs` needs this package; the tests of the links run without it.
    from openapidocs.mk.generate import generate_document

    Site(ROOT).write(folder)
    contract = folder / "reference/http.md"
    generate_document(str(ROOT / CONTRACT), str(contract), "MKDOCS")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
