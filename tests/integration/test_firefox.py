"""The main journeys in Firefox; the other browser tests run Chromium."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from infra.layers.contents import ROOT
from tests.support import PASSAT, missing

_JOURNEYS = Path(__file__).with_name("firefox_journeys.mjs")


@pytest.mark.slow
def test_the_main_journeys_in_firefox(api: str) -> None:
    firefox = shutil.which("firefox-esr") or shutil.which("firefox")
    if firefox is None:
        missing("Firefox is not installed; run `make firefox`")
    if not (ROOT / "node_modules" / "puppeteer-core").is_dir():
        missing("puppeteer-core is not installed; run `npm ci`")

    done = subprocess.run(
        ["node", _JOURNEYS, firefox, api, PASSAT],
        capture_output=True, text=True, timeout=180, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
