"""Fixtures for the integration tests."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import PIL.Image
import pytest
from playwright.sync_api import Browser, sync_playwright

from infra.layers.contents import ROOT
from tests.integration.batch_jobs import BATCH_SETTINGS
from tests.integration.clients import find_chromium
from tests.integration.lambda_runtime import Image, lay_out
from tests.integration.localstack import (
    STAGE,
    LocalStack,
    Project,
    bootstrap,
    copy_project,
    running_localstack,
)
from tests.integration.serving import running_server
from tests.integration.tools import Tools, UnavailableError, find_tools
from tests.support import PHOTOS, SKODA, missing, serving_folder


@pytest.fixture(scope="session")
def photo_host() -> Iterator[str]:
    """Serve tests/photos over HTTP; the value is the host name with the port."""
    with serving_folder(PHOTOS) as host:
        yield host


@pytest.fixture(scope="session")
def api(photo_host: str) -> Iterator[str]:
    """Run the local API with the real models; the value is its URL."""
    with running_server(env={"CARLENS_ALLOWED_HOSTS": photo_host}) as url:
        yield url


@pytest.fixture(scope="session")
def large_photo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A photo of 15 MB, which is too large for one request."""
    path = tmp_path_factory.mktemp("photos") / "large.bmp"
    with PIL.Image.open(SKODA) as photo:
        photo.convert("RGB").resize((2850, 1821)).save(path)
    return path


# Not session-scoped: playwright keeps an event loop running, which blocks other tests.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A running Chromium."""
    program = find_chromium()
    if program is None:
        missing("Chromium is not installed; run `make browser`")
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
    """Lambda's emulator, the packages of its image, and an S3 server."""
    try:
        return find_tools()
    except UnavailableError as error:
        missing(str(error))


@pytest.fixture(scope="session")
def lambda_image(tools: Tools) -> Iterator[Image]:
    """The function and its layers as in Lambda, with `probe_handler` next to the handler."""
    # On the file system of the layers, so that their files can be linked instead of copied.
    with tempfile.TemporaryDirectory(prefix="image-", dir=ROOT / "build") as folder:
        probe = Path(__file__).with_name("probe_handler.py")
        yield lay_out(Path(folder), tools.architecture, probe)


# LocalStack and the deployment are shared by the files in `_ON_LOCALSTACK` of tests/conftest.py.
@pytest.fixture(scope="session")
def cloud(tools: Tools) -> Iterator[LocalStack]:
    """A running LocalStack; needs `tools` to run functions."""
    try:
        with running_localstack() as running:
            yield running
    except UnavailableError as error:
        missing(str(error))


@pytest.fixture(scope="session")
def project(
    cloud: LocalStack, photo_host: str, tmp_path_factory: pytest.TempPathFactory
) -> Project:
    """A copy of the project, deployed with uploads, redaction and batch jobs."""
    bootstrap(tmp_path_factory.mktemp("empty"), cloud)
    stage = (f"stage={STAGE}", f"allowed_hosts={photo_host}", "uploads=true", "anonymize=true")
    copy = copy_project(tmp_path_factory.mktemp("project"), cloud, (*stage, *BATCH_SETTINGS))
    copy.deploy_fast("--all")
    return copy
