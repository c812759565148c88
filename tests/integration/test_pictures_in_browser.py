"""Hundreds of generated pictures are read as Chromium shows them, or differ for a known reason."""

from __future__ import annotations

from playwright.sync_api import Browser

from tests.differences import CHROMIUM, compare
from tests.generated_pictures import generate, generate_avif
from tests.integration.browser_pixels import decode_in_browser


def test_generated_pictures_are_read_as_chromium_shows_them(browser: Browser) -> None:
    page = browser.new_page()
    pictures = [*generate(seed=2, count=800), *generate_avif(seed=2, count=40)]

    shown = [
        pixels
        for start in range(0, len(pictures), 100)
        for pixels in decode_in_browser(page, [p.data for p in pictures[start : start + 100]])
    ]

    problems = compare(zip(pictures, shown, strict=True), CHROMIUM)
    assert not problems, "\n".join(problems[:20])
