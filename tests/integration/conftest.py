"""Real parts that several tests share."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from infra.layers.contents import ROOT
from tests.integration.clients import find_chromium
from tests.integration.lambda_runtime import Image, lay_out
from tests.integration.serving import running_server
from tests.integration.tools import Tools, UnavailableError, find_tools
from tests.support import PHOTOS, serving_folder


@pytest.fixture(scope="session")
def photo_host() -> Iterator[str]:
    """Serve tests/photos over HTTP and give the host's name and port."""
    with serving_folder(PHOTOS) as host:
        yield host


@pytest.fixture(scope="session")
def api(photo_host: str) -> Iterator[str]:
    """Run the local API on the real models and give its address."""
    with running_server(env={"CARLENS_ALLOWED_HOSTS": photo_host}) as url:
        yield url


# Not for the session: playwright keeps an event loop running, in which no other test can.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Give a real Chromium."""
    program = find_chromium()
    if program is None:
        pytest.skip("no Chromium on this machine; `make browser` installs it")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=program,
            args=["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu",
                  "--disable-background-networking"],
        )  # fmt: skip
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def tools() -> Tools:
    """Give Lambda's emulator and its image's packages, and an S3 server."""
    try:
        return find_tools()
    except UnavailableError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def lambda_image(tools: Tools) -> Iterator[Image]:
    """Give the function and its layers, laid out as in Lambda, with `probe_handler` beside."""
    # Where the layers are, so that they need no copying.
    with tempfile.TemporaryDirectory(prefix="image-", dir=ROOT / "build") as folder:
        probe = Path(__file__).with_name("probe_handler.py")
        yield lay_out(Path(folder), tools.architecture, probe)
