"""The page loads everything from its own server, at addresses that change with the content."""

from __future__ import annotations

import ast
import json
import re
import sys
from base64 import b64decode
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from carlens import web
from carlens.config import Config
from carlens.http.image_routes import respond
from carlens.services.recognition_app import RecognitionApp
from tests.support import event

_ROOT = Path(__file__).parents[3]
_SOURCES = Path(web.__file__).parent
_ASSETS = _SOURCES / "assets"
_VENDORED = "marked.esm.js"
_MODULES = {
    path.name: path.read_text("utf-8") for path in _ASSETS.glob("*.js") if path.name != _VENDORED
}

# Names, not addresses that a browser would request: the namespace of the icon and a placeholder.
_HARMLESS_URLS = {"http://www.w3.org/2000/svg", "https://example.com/street.jpg"}


class _Document(HTMLParser):
    """The tags that a browser would find in the page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.scripts = ""
        self._inside = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))
        self._inside = tag

    def handle_data(self, data: str) -> None:
        if self._inside in ("script", "style"):
            self.scripts += data

    def attributes(self, tag: str) -> list[dict[str, str]]:
        return [attrs for name, attrs in self.tags if name == tag]


@pytest.fixture
def document() -> _Document:
    return _Document(web.page("/prod"))


def _version() -> str:
    found = re.search(r'"assets/([0-9a-f]+)/main\.js"', web.page(""))
    assert found
    return found[1]


# The document ------------------------------------------------------------------------------


def test_policy_allows_nothing_that_the_page_does_not_need() -> None:
    directives = {
        name: sources
        for name, *sources in map(str.split, web.content_security_policy().split("; "))
    }

    assert directives == {
        "default-src": ["'none'"],
        "img-src": ["blob:", "data:", "https:", "http:"],
        "connect-src": ["'self'"],
        "base-uri": ["'self'"],
        "form-action": ["'none'"],
        "frame-ancestors": ["'none'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
    }


@pytest.mark.parametrize(
    ("uploads_url", "allowed"),
    [
        (
            "https://b.s3.eu-west-3.amazonaws.com/",
            ["'self'", "https://b.s3.eu-west-3.amazonaws.com"],
        ),
        ("http://127.0.0.1:4566/bucket", ["'self'", "http://127.0.0.1:4566"]),
        ("/uploads/store", ["'self'"]),
        ("https://a.example;script-src", ["'self'"]),
        ("https://a.example *", ["'self'"]),
    ],
)
def test_policy_allows_the_bucket_for_uploads(uploads_url: str, allowed: list[str]) -> None:
    policy = web.content_security_policy(uploads_url)

    assert f"connect-src {' '.join(allowed)}" in policy.split("; ")


def test_markup_has_no_inline_code_that_the_policy_would_block(document: _Document) -> None:
    assert document.scripts.strip() == ""
    assert document.attributes("style") == []
    for tag, attrs in document.tags:
        assert not [name for name in attrs if name.startswith("on") or name == "style"], tag


@pytest.mark.parametrize(
    ("prefix", "base"),
    [
        *(("", "/"), ("/", "/"), ("/prod", "/prod/"), ("/Stage_2-b", "/Stage_2-b/")),
        ("/sales/v1.2", "/sales/v1.2/"),  # the base path of a custom domain
    ],
)
def test_every_link_starts_at_the_prefix(prefix: str, base: str) -> None:
    # When
    document = _Document(web.page(prefix))
    # Then the only base is the prefix, and it precedes every link that it applies to
    assert document.attributes("base") == [{"href": base}]
    names = [name for name, attrs in document.tags if {"href", "src"} & set(attrs)]
    assert names[0] == "base"


@pytest.mark.parametrize(
    "prefix",
    [
        '/"><script>alert(1)</script>',
        "//evil.example",
        "https://evil.example",
        "/a//b",
        "/a'b",
        "/..",
        "/a/../b",
        "/prod?x",
        "/prod#x",
        "/prod\n",
        "/pröd",
        "prod",
        "/" + "a" * 129,
    ],
)
def test_a_prefix_that_is_not_a_stage_is_refused(prefix: str) -> None:
    with pytest.raises(ValueError, match="not a path prefix"):
        web.page(prefix)


def test_the_page_requests_nothing_from_other_hosts(document: _Document) -> None:
    urls = [attrs[key] for _, attrs in document.tags for key in ("src", "href") if key in attrs]
    assert {"openapi.json", "models", "health"} <= set(urls)
    for url in urls:
        assert url.startswith("data:") or not re.search(r"[a-z]+:|//", url), url
    texts = [web.page(""), *_MODULES.values(), (_ASSETS / "page.css").read_text("utf-8")]
    assert set(re.findall(r"https?://\w[\w./-]+", "".join(texts))) == _HARMLESS_URLS
    assert not re.search(r"@import|url\(", texts[-1])


def test_each_example_has_a_thumbnail_a_small_photo_and_a_notice(document: _Document) -> None:
    # Given
    buttons = [b for b in document.attributes("button") if "example" in b.get("class", "").split()]
    names = [button["value"] for button in buttons]
    assert names == ["pickup", "street", "unknown"]
    # Then the page carries the thumbnails
    for name, image in zip(names, document.attributes("img"), strict=True):
        kind, _, content = image["src"].partition(",")
        assert kind == "data:image/webp;base64"
        assert b64decode(content) == (_SOURCES / f"thumbnails/{name}.webp").read_bytes()
    # And the photos are loaded one at a time, and credited
    assert {path.stem for path in _ASSETS.glob("*.webp")} == set(names)
    notice = (_ROOT / "NOTICE").read_text("utf-8")
    for name in names:
        assert (_ASSETS / f"{name}.webp").stat().st_size < 100_000
        assert f"web/assets/{name}.webp" in notice
        assert f"web/thumbnails/{name}.webp" in notice


def test_an_example_photo_is_sent_as_text_because_api_gateway_would_not_decode_it() -> None:
    # When
    answer = _get(f"/assets/{_version()}/street.webp")
    # Then
    assert answer["headers"]["Content-Type"] == "text/plain; charset=utf-8"
    assert b64decode(answer["body"]) == (_ASSETS / "street.webp").read_bytes()


def test_markup_does_not_contradict_the_headers(document: _Document) -> None:
    names = [attrs.get("name") for attrs in document.attributes("meta")]
    assert "viewport" in names
    assert "referrer" not in names


def test_every_label_and_reference_points_at_an_element(document: _Document) -> None:
    ids = {attrs["id"] for _, attrs in document.tags if "id" in attrs}
    for _, attrs in document.tags:
        for name in ("for", "aria-labelledby", "aria-describedby"):
            assert set(attrs.get(name, "").split()) <= ids


# The assets --------------------------------------------------------------------------------


def _get(path: str, method: str = "GET") -> dict[str, Any]:
    def no_models(config: Config) -> Any:
        raise AssertionError("the page needs no models")

    return respond(event(method, path), None, RecognitionApp(Config(), no_models))


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(
    ("name", "content_type"),
    [("main.js", "text/javascript; charset=utf-8"), ("page.css", "text/css; charset=utf-8")],
)
def test_an_asset_may_be_cached_for_a_year(name: str, content_type: str, method: str) -> None:
    # When
    answer = _get(f"/assets/{_version()}/{name}", method)
    # Then
    assert answer["statusCode"] == 200
    assert answer["body"] == (_ASSETS / name).read_text("utf-8")
    assert answer["isBase64Encoded"] is False
    assert answer["headers"]["Content-Type"] == content_type
    assert answer["headers"]["Cache-Control"] == "public, max-age=31536000, immutable"
    assert answer["headers"]["X-Content-Type-Options"] == "nosniff"


def test_the_page_itself_is_not_cached() -> None:
    answer = _get("/")

    assert answer["statusCode"] == 200
    assert answer["headers"]["Content-Security-Policy"] == web.content_security_policy()
    assert "Cache-Control" not in answer["headers"]


@pytest.mark.parametrize(
    "path",
    [
        "/assets/{version}/gone.js",
        "/assets/{version}/example.webp",
        "/assets/{version}/types.d.ts",
        "/assets/{version}/marked.LICENSE.txt",
        "/assets/{version}/..",
        "/assets/{version}/..%2Findex.html",
        "/assets/{version}/%2e%2e%2f__init__.py",
        "/assets/{version}/MAIN.JS",
        "/assets/{version}/main.js\n",
        "/assets/../main.js",
        "/assets/ /main.js",
    ],
)
def test_an_unknown_file_or_an_invalid_version_is_not_found(path: str) -> None:
    answer = _get(path.format(version=_version()))

    assert answer["statusCode"] == 404
    error = json.loads(answer["body"])["error"]
    assert error["code"] == "not_found"
    assert error["request_id"] == answer["headers"]["X-Request-Id"]


def test_another_version_gets_the_current_asset_and_may_not_cache_it() -> None:
    # Given a page of another version, as while a deployment shifts traffic
    answer = _get("/assets/0123456789abcdef/main.js")

    assert answer["statusCode"] == 200
    assert answer["body"] == (_ASSETS / "main.js").read_text("utf-8")
    assert answer["headers"]["Cache-Control"] == "no-store"


@pytest.mark.parametrize("name", ["../index.html", "..", "/etc/passwd", "assets/main.js", ""])
def test_a_name_that_the_gateway_has_decoded_is_not_found(name: str) -> None:
    given = {
        **event("GET", f"/assets/{_version()}/x"),
        "pathParameters": {"version": _version(), "name": name},
    }

    answer = respond(given, None, RecognitionApp(Config(), lambda _: pytest.fail("no models")))

    assert answer["statusCode"] == 404


@pytest.mark.parametrize("path", ["/assets", "/assets/{version}", "/assets/{version}/a/main.js"])
def test_there_is_no_other_route_below_assets(path: str) -> None:
    answer = _get(path.format(version=_version()))

    assert answer["statusCode"] == 404
    assert "Cache-Control" not in answer["headers"]


def test_assets_are_read_only() -> None:
    answer = _get(f"/assets/{_version()}/main.js", "POST")

    assert answer["statusCode"] == 405
    assert answer["headers"]["Allow"] == "GET,OPTIONS"


@pytest.mark.parametrize(
    ("one", "two"), [("a", "c"), ("b", "a"), ("ab", ""), ("", "ab"), ("a", "b\n")]
)
def test_the_version_changes_with_the_content(tmp_path: Path, one: str, two: str) -> None:
    # Given two files and their version
    (tmp_path / "one.js").write_bytes(b"a")
    (tmp_path / "two.css").write_bytes(b"b")
    before, assets = web.read_assets(tmp_path)
    assert assets["two.css"] == web.Asset("text/css; charset=utf-8", "b")
    # When they change
    (tmp_path / "one.js").write_bytes(one.encode())
    (tmp_path / "two.css").write_bytes(two.encode())
    # Then
    after, _ = web.read_assets(tmp_path)
    assert re.fullmatch("[0-9a-f]{16}", after)
    assert after != before


def test_the_version_changes_with_a_name_but_not_with_files_that_are_not_served(
    tmp_path: Path,
) -> None:
    (tmp_path / "one.js").write_bytes(b"a")
    before, _ = web.read_assets(tmp_path)

    (tmp_path / "types.d.ts").write_bytes(b"a")
    assert web.read_assets(tmp_path)[0] == before
    (tmp_path / "one.js").rename(tmp_path / "two.js")
    assert web.read_assets(tmp_path)[0] != before


# The modules -------------------------------------------------------------------------------

_IMPORT = re.compile(r'^(?:import|export)\b[^;"]*"\./([\w.]+)";', re.M)
_DYNAMIC_IMPORT = re.compile(r'\bimport\("\./([\w.]+)"\)')


def _imported(name: str) -> Iterator[str]:
    """Return a module and everything that it imports statically."""
    yield name
    for other in _IMPORT.findall((_ASSETS / name).read_text("utf-8")):
        yield from _imported(other)


def test_every_import_leads_to_a_module() -> None:
    for name, text in _MODULES.items():
        said = set(re.findall(r'"(\.[^"]*\.js)"', text.replace("@import", "")))
        # The code that is shown after an upload imports the client.
        shown = ["carlens.js"] if name == "upload_snippets.js" else []
        known = {f"./{other}" for other in (*_MODULES, _VENDORED, *shown)}
        assert said <= known, name


def test_the_page_preloads_what_its_first_view_needs(document: _Document) -> None:
    version = _version()
    preloaded = [
        attrs["href"] for attrs in document.attributes("link") if attrs["rel"] == "modulepreload"
    ]
    [script] = document.attributes("script")

    assert script == {"type": "module", "src": f"assets/{version}/main.js"}
    needed = {f"assets/{version}/{name}" for name in _imported("main.js")} - {script["src"]}
    assert sorted(preloaded) == sorted(needed)


def test_every_module_is_used() -> None:
    used = set(_imported("main.js"))
    for text in _MODULES.values():
        for name in _DYNAMIC_IMPORT.findall(text):
            used |= set(_imported(name))
    assert used | set(_LANGUAGES) == {*_MODULES, _VENDORED}


def test_the_first_view_is_small() -> None:
    # Given everything that is loaded before the user sends anything
    names = {*_imported("main.js"), "page.css"}
    size = len(web.page("").encode()) + sum((_ASSETS / name).stat().st_size for name in names)

    assert size < 120_000
    # A new AWS account runs ten copies of a function at once.
    assert len(names) <= 10


def test_modules_write_text_and_never_markup() -> None:
    for name, script in _MODULES.items():
        for markup in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("):
            assert markup not in script, name
        assert "localStorage" not in script
        assert "sessionStorage" not in script


def test_every_element_that_the_modules_look_up_exists_once(document: _Document) -> None:
    ids = [attrs["id"] for _, attrs in document.tags if "id" in attrs]
    asked = set(re.findall(r'\$\("([\w-]+)"\)', "".join(_MODULES.values())))
    assert len(ids) == len(set(ids))
    assert len(asked) > 20
    assert asked <= set(ids)


def test_the_vendored_library_is_the_pinned_one() -> None:
    # Given the version in the lockfile
    lock = json.loads((_ROOT / "package-lock.json").read_text("utf-8"))
    version = lock["packages"]["node_modules/marked"]["version"]

    # Then the file and the notice name it
    vendored = (_ASSETS / _VENDORED).read_bytes()
    assert f"marked v{version} ".encode() in vendored[:200]
    assert f"marked {version}, unchanged" in (_ROOT / "NOTICE").read_text("utf-8")


def test_the_vendored_library_is_unchanged() -> None:
    package = _ROOT / "node_modules" / "marked"
    if not package.is_dir():
        pytest.skip("node_modules is not installed; `make check` installs it")

    assert (_ASSETS / _VENDORED).read_bytes() == (package / "lib" / _VENDORED).read_bytes()
    license_text = (_ASSETS / "marked.LICENSE.txt").read_bytes()
    assert license_text == (package / "LICENSE").read_bytes()


# Languages ---------------------------------------------------------------------------------

_LANGUAGES = sorted(name for name in _MODULES if name.startswith("language-"))
_each_language = pytest.mark.parametrize("file", _LANGUAGES)


def _table(file: str, name: str) -> str:
    """Return the source of one table of a language."""
    found = re.search(rf"^export const {name} = .*?^\}}", _MODULES[file], re.M | re.S)
    assert found
    return found[0]


def _messages(file: str) -> dict[str, str]:
    """Return the texts of a language by their English keys."""
    pairs = re.findall(r'^  (?:"([^"]+)"|(\w+)):\s+"([^"]+)",$', _table(file, "MESSAGES"), re.M)
    return {quoted or bare: text for quoted, bare, text in pairs}


def _texts_of_the_document() -> set[str]:
    """Return what a reader sees or hears, without names and code."""
    html = (_SOURCES / "index.html").read_text("utf-8")
    html = re.sub(
        r"<noscript>.*?</noscript>|<code>.*?</code>|<title>.*?</title>", "<>", html, flags=re.S
    )
    texts = {" ".join(text.split()) for text in re.findall(r">([^<>]+)<", html)}
    texts |= set(re.findall(r'(?:aria-label|title)="([^"]+)"', html))
    return texts - {"", "API", "Carlens", "curl", "Python", "JavaScript", "Node.js"}


def _texts_of_the_modules() -> set[str]:
    """Return texts that are translated, begin like a sentence or have a placeholder."""
    said = set()
    for name, text in _MODULES.items():
        if name in _LANGUAGES:
            continue
        said |= set(re.findall(r'\bt\(\s*"([^"]+)"', text))
        said |= set(re.findall(r'\btranslated\(\s*"\w+",\s*"([^"]+)"', text))
        said |= {
            literal
            for literal in re.findall(r'"([^"\n]+)"', text)
            if re.search(r"\{\w+\}|^[A-Z][a-z]+ .*[.:]$", literal)
        }
    return said


def test_the_page_lists_its_languages() -> None:
    # Then French is a language, and the page names each that has a file
    codes = [name.removeprefix("language-").removesuffix(".js") for name in _LANGUAGES]
    assert "fr" in codes
    assert f'data-languages="{" ".join(codes)}"' in web.page("")


@_each_language
def test_every_text_is_translated(file: str) -> None:
    document, modules = _texts_of_the_document(), _texts_of_the_modules()
    assert len(document) > 60
    assert len(modules) > 60
    assert (document | modules) - set(_messages(file)) == set()


@_each_language
def test_every_translation_is_used(file: str) -> None:
    texts = [text for name, text in _MODULES.items() if name not in _LANGUAGES]
    html = " ".join((_SOURCES / "index.html").read_text("utf-8").split())
    # The keys of the server's timing stages are concatenated at run time.
    composed = {f"{step} {{time}}" for step in ("read", "decode", "detect", "classify", "redact")}

    unused = {
        english
        for english in _messages(file)
        if not any(f'"{english}"' in text for text in texts) and english not in html
    }
    assert unused == composed


@_each_language
def test_translations_have_the_same_placeholders(file: str) -> None:
    messages = _messages(file)
    assert len(messages) > 120
    for english, text in messages.items():
        placeholders = re.findall(r"\{\w+\}", english)
        assert sorted(placeholders) == sorted(re.findall(r"\{\w+\}", text)), english


@_each_language
def test_every_error_of_the_contract_is_translated(file: str) -> None:
    contract = (_SOURCES.parents[1] / "openapi.yaml").read_text("utf-8")
    codes = set(re.findall(r"^    \| (?:\d+ \| )?`(\w+)` \|", contract, re.M))
    assert len(codes) > 15
    assert codes == set(re.findall(r"^  (\w+):", _table(file, "ERROR_MESSAGES"), re.M))


@_each_language
def test_the_limits_of_the_classifier_are_translated(file: str) -> None:
    assert f'"{Config.classifier}":' in _table(file, "MODEL_LIMITS")


def test_module_imports_the_standard_library_only() -> None:
    # Given the source, because any import here is paid for by the first GET /
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
