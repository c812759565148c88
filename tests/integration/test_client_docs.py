"""The examples of the documents run as they are written, against the local server."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, expect

from tests.integration.clients import TIMEOUT
from tests.support import PASSAT, SKODA, missing, serving_folder

ROOT = Path(__file__).resolve().parents[2]
JAVASCRIPT = ROOT / "clients" / "javascript"
DOCUMENTS = ("README.md", "docs/clients.md", "clients/python/README.md")
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)

Adapt = Callable[[str], str]


def blocks(language: str) -> list[tuple[str, str]]:
    """Return the document and the text of each example in a language."""
    return [
        (document, text)
        for document in DOCUMENTS
        for found, text in _BLOCK.findall((ROOT / document).read_text("utf-8"))
        if found == language
    ]


PYTHON, NODE, HTML = blocks("python"), blocks("js"), blocks("html")
# What runs in a page, where `api` and `input` are known.
IN_PAGE = [block for block in NODE if "input.files" in block[1]]
NODE = [block for block in NODE if block not in IN_PAGE]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The photos that the examples name, and the JavaScript client."""
    (tmp_path / "photos").mkdir()
    for name, source in (("street", SKODA), ("parking", PASSAT)):
        with Image.open(source) as picture:
            picture.convert("RGB").save(tmp_path / f"{name}.jpg", quality=95)
        shutil.copy(tmp_path / f"{name}.jpg", tmp_path / "photos")
    for name in ("carlens.js", "package.json"):
        shutil.copy(JAVASCRIPT / name, tmp_path)
    return tmp_path


@pytest.fixture
def adapt(api: str, photo_host: str) -> Adapt:
    """Replace the addresses in an example by those of the test."""

    def adapting(text: str) -> str:
        assert "http://127.0.0.1:8000" in text
        text = text.replace("http://127.0.0.1:8000", api)
        return re.sub(r"https://example\.com/\w+\.jpg", f"http://{photo_host}/{SKODA.name}", text)

    return adapting


def run(command: list[str], folder: Path) -> str:
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT / "clients" / "python")},
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_documents_have_examples() -> None:
    assert {document for document, _ in PYTHON} == set(DOCUMENTS)
    assert len(NODE) >= 2
    assert len(IN_PAGE) == len(HTML) == 1


@pytest.mark.parametrize("number", range(len(PYTHON)))
def test_an_example_in_python_runs(number: int, folder: Path, adapt: Adapt) -> None:
    _, text = PYTHON[number]
    (folder / "example.py").write_text(adapt(text), "utf-8")

    printed = run([sys.executable, "-W", "error", "example.py"], folder)

    assert_recognized(text, printed)


@pytest.mark.parametrize("number", range(len(NODE)))
def test_an_example_in_javascript_runs(number: int, folder: Path, adapt: Adapt) -> None:
    if shutil.which("node") is None:
        missing("Node.js is not installed")
    _, text = NODE[number]
    (folder / "example.js").write_text(adapt(text), "utf-8")

    printed = run(["node", "example.js"], folder)

    assert_recognized(text, printed)


def assert_recognized(example: str, printed: str) -> None:
    """Check that an example printed what it is about."""
    is_refused = "not a picture" in example
    if re.search(r"(predict|detection)\(", example, re.IGNORECASE) and not is_refused:
        assert re.search(r"\bcar\b", printed), printed
    if "norm(" in example:
        assert "Renault" in printed, printed
    assert printed.startswith("not_an_image ") == is_refused, printed
    assert "url_" not in printed


def test_the_example_of_a_page_runs(folder: Path, adapt: Adapt, browser: Browser) -> None:
    [(_, text)] = HTML
    (folder / "index.html").write_text(adapt(text), "utf-8")

    with serving_folder(folder) as host:
        page = browser.new_page()
        page.goto(f"http://{host}/")
        page.set_input_files("input", [folder / "street.jpg", folder / "parking.jpg"])
        items = page.locator("li")
        expect(items).to_have_count(2, timeout=TIMEOUT * 1000)
        texts = items.all_inner_texts()
        page.close()

    assert texts[0].startswith("street.jpg: car")
    assert texts[1].startswith("parking.jpg: ")


def test_the_example_with_fetch_runs(folder: Path, api: str, browser: Browser) -> None:
    # Given a page of another origin with a file input
    [(_, text)] = IN_PAGE
    (folder / "index.html").write_text("<!doctype html><input type=file multiple>", "utf-8")
    printed: list[str] = []

    with serving_folder(folder) as host:
        page = browser.new_page()
        page.on("console", lambda message: printed.append(message.text))
        page.goto(f"http://{host}/")
        page.set_input_files("input", [folder / "street.jpg"])
        page.evaluate(
            f"async (api) => {{ const input = document.querySelector('input'); {text} }}", api
        )
        page.close()

    assert any(line.startswith("street.jpg") and "car" in line for line in printed), printed
