"""The page is one document that needs nothing else and runs nothing but its own two texts."""

from __future__ import annotations

import ast
import re
import sys
from base64 import b64decode, b64encode
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path

import pytest

from carlens import web

_SOURCES = Path(web.__file__).parent

# Names, not addresses that a browser would ask: the SVG namespace and the hint in the text field.
_HARMLESS_URLS = {"http://www.w3.org/2000/svg", "https://example.com/street.jpg"}


class _Document(HTMLParser):
    """What a browser would find in the page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.inlined: dict[str, list[str]] = {"script": [], "style": []}
        self._inside = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))
        if tag in self.inlined:
            self.inlined[tag].append("")
            self._inside = tag

    def handle_endtag(self, tag: str) -> None:
        if tag == self._inside:
            self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.inlined[self._inside][-1] += data

    def attributes(self, tag: str) -> list[dict[str, str]]:
        return [attrs for name, attrs in self.tags if name == tag]


def _directives(policy: str) -> dict[str, list[str]]:
    return {name: sources for name, *sources in map(str.split, policy.split("; "))}


@pytest.mark.parametrize("part", ["script", "style"])
def test_policy_allows_exactly_the_one_inlined_text(part: str) -> None:
    # Given
    html, policy = web.page("/prod")
    # When
    [text] = _Document(html).inlined[part]
    # Then
    digest = b64encode(sha256(text.encode()).digest()).decode()
    assert len(text) > 1000
    assert _directives(policy)[f"{part}-src"] == [f"'sha256-{digest}'"]


def test_policy_allows_nothing_it_does_not_need() -> None:
    _, policy = web.page("")
    directives = _directives(policy)
    assert {
        name: sources for name, sources in directives.items() if "sha256" not in sources[0]
    } == {
        "default-src": ["'none'"],
        "img-src": ["blob:", "data:", "https:", "http:"],
        "connect-src": ["'self'"],
        "base-uri": ["'self'"],
        "form-action": ["'none'"],
        "frame-ancestors": ["'none'"],
    }
    assert "unsafe" not in policy


@pytest.mark.parametrize(
    ("prefix", "base"),
    [("", "/"), ("/", "/"), ("/prod", "/prod/"), ("/Stage_2-b", "/Stage_2-b/")],
)
def test_every_link_starts_at_the_prefix(prefix: str, base: str) -> None:
    # When
    html, policy = web.page(prefix)
    document = _Document(html)
    # Then the only base is the prefix, and it stands before all that it must hold for
    assert document.attributes("base") == [{"href": base}]
    names = [name for name, attrs in document.tags if {"href", "src"} & set(attrs)]
    assert names[0] == "base"
    # And the policy does not depend on where the page is served
    assert policy == web.page("/elsewhere")[1]


@pytest.mark.parametrize(
    "prefix",
    [
        '/"><script>alert(1)</script>',
        "//evil.example",
        "https://evil.example",
        "/a/b",
        "/..",
        "/prod?x",
        "/prod#x",
        "/prod\n",
        "/pröd",
        "prod",
        "/" + "a" * 129,
    ],
)
def test_a_prefix_that_is_no_stage_is_refused(prefix: str) -> None:
    with pytest.raises(ValueError, match="not a path prefix"):
        web.page(prefix)


def test_page_needs_nothing_from_elsewhere() -> None:
    html, _ = web.page("/prod")
    document = _Document(html)
    urls = [attrs[key] for _, attrs in document.tags for key in ("src", "href") if key in attrs]
    assert {"openapi.json", "models", "health"} <= set(urls)
    for url in urls:
        assert url.startswith("data:") or not re.search(r"[a-z]+:|//", url), url
    assert set(re.findall(r"https?://\w[\w./-]+", html)) == _HARMLESS_URLS
    assert not re.search(r"@import|url\(", document.inlined["style"][0])


def test_the_example_photo_is_in_the_page_and_in_the_notice() -> None:
    # When
    [photo] = _Document(web.page("")[0]).attributes("img")
    # Then
    kind, _, content = photo["src"].partition(",")
    assert kind == "data:image/webp;base64"
    assert b64decode(content) == (_SOURCES / "example.webp").read_bytes()
    assert "web/example.webp" in (_SOURCES.parents[2] / "NOTICE").read_text("utf-8")


def test_markup_says_nothing_that_headers_say_otherwise() -> None:
    html, _ = web.page("/prod")

    names = [attrs.get("name") for attrs in _Document(html).attributes("meta")]
    assert "referrer" not in names


def test_markup_has_no_inline_code_that_the_policy_would_block() -> None:
    html, _ = web.page("")
    for tag, attrs in _Document(html).tags:
        assert not [name for name in attrs if name.startswith("on") or name == "style"], tag


def test_script_writes_text_and_never_markup() -> None:
    [script] = _Document(web.page("")[0]).inlined["script"]
    for markup in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("):
        assert markup not in script
    assert "localStorage" not in script
    assert "sessionStorage" not in script


def test_every_element_the_script_asks_for_is_there_once() -> None:
    html, _ = web.page("")
    document = _Document(html)
    ids = [attrs["id"] for _, attrs in document.tags if "id" in attrs]
    asked = set(re.findall(r'\$\("([\w-]+)"\)', document.inlined["script"][0]))
    assert len(ids) == len(set(ids))
    assert len(asked) > 20
    assert asked <= set(ids)


def test_every_label_and_reference_points_at_an_element() -> None:
    document = _Document(web.page("")[0])
    ids = {attrs["id"] for _, attrs in document.tags if "id" in attrs}
    for _, attrs in document.tags:
        for name in ("for", "aria-labelledby", "aria-describedby"):
            assert set(attrs.get(name, "").split()) <= ids


def test_every_source_is_in_the_page_once() -> None:
    html, _ = web.page("")
    sources = [*_SOURCES.glob("*.js"), *_SOURCES.glob("*.css")]
    assert len(sources) > 2
    for source in sources:
        assert html.count(source.read_text("utf-8")) == 1, source.name


def _french() -> dict[str, str]:
    """Read the dictionary: the English words of the page, and the French."""
    source = (_SOURCES / "words.js").read_text("utf-8")
    table = source[source.index("const FRENCH = {") : source.index("const FRENCH_ERRORS")]
    pairs = re.findall(r'^  (?:"((?:[^"])+)"|(\w+)):\s+"([^"]+)",$', table, re.M)
    return {quoted or bare: french for quoted, bare, french in pairs}


def test_all_that_is_written_in_the_document_is_there_in_french() -> None:
    # Given what a reader sees or hears, without names and code
    html = (_SOURCES / "index.html").read_text("utf-8")
    html = re.sub(
        r"<noscript>.*?</noscript>|<code>.*?</code>|<title>.*?</title>", "<>", html, flags=re.S
    )
    texts = {" ".join(text.split()) for text in re.findall(r">([^<>]+)<", html)}
    texts |= set(re.findall(r'(?:aria-label|title)="([^"]+)"', html))
    names = {"", "API", "Carlens", "curl", "Python", "JavaScript", "Node.js", "Français"}
    # Then
    assert texts - names - set(_french()) == set()


def test_all_that_the_script_says_is_there_in_french() -> None:
    # Given the texts that begin like a sentence or hold a hole: what `t` and `plural` are given
    words = (_SOURCES / "words.js").read_text("utf-8")
    said = set()
    for source in _SOURCES.glob("*.js"):
        if source.name != "words.js":
            text = source.read_text("utf-8")
            said |= set(re.findall(r'\b(?:t|part|plural|words)\(\s*"([^"]+)"', text))
            said |= {
                literal
                for literal in re.findall(r'"([^"\n]+)"', text)
                if re.search(r"\{\w+\}|^[A-Z][a-z]+ .*[.:]$", literal)
            }
    # Then
    assert len(said) > 60
    assert {text for text in said if f'"{text}"' not in words} - set(_french()) == set()


def test_french_fills_the_same_holes() -> None:
    french = _french()
    assert len(french) > 120
    for english, text in french.items():
        holes = re.findall(r"\{\w+\}", english)
        assert sorted(holes) == sorted(re.findall(r"\{\w+\}", text)), english


def test_every_error_of_the_contract_has_french_words() -> None:
    contract = (_SOURCES.parents[1] / "openapi.yaml").read_text("utf-8")
    codes = set(re.findall(r"^    \| (?:\d+ \| )?`(\w+)` \|", contract, re.M))
    words = (_SOURCES / "words.js").read_text("utf-8")
    table = words[words.index("const FRENCH_ERRORS") : words.index("const PICTURE_ERRORS")]
    assert len(codes) > 15
    assert codes == set(re.findall(r"^  (\w+):", table, re.M))


def test_page_is_small() -> None:
    assert len(web.page("")[0].encode()) < 150_000


def test_module_imports_the_standard_library_only() -> None:
    # Given the source, since any import here is paid at the first GET /
    tree = ast.parse(Path(web.__file__).read_text(encoding="utf-8"))
    # When
    imported = {
        name.split(".")[0]
        for node in ast.walk(tree)
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    # Then
    assert imported <= sys.stdlib_module_names
