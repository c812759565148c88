"""The wheel, installed in an environment of its own: what it contains, and that it serves."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from email.message import Message
from email.parser import Parser
from pathlib import Path
from zipfile import ZipFile

import pytest
import requests

import carlens
from tests.integration.serving import RunningServer
from tests.integration.test_answers import SKODA_CAR, assert_near, nearest, predict
from tests.support import SKODA, photo

ROOT = Path(__file__).resolve().parents[2]
MODEL_FILES = {"README.md", "labels.txt", "model.json", "model.onnx", "statistics.npz"}

pytestmark = pytest.mark.slow


def run(*command: str | Path) -> str:
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel as pip does, with nothing but the build system's own requirements."""
    folder = tmp_path_factory.mktemp("dist")
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet")
    run(*pip, "wheel", "--no-deps", "--wheel-dir", folder, ROOT)
    [built] = folder.iterdir()
    return built


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the wheel, with the locked versions of its dependencies, and return its Python."""
    home = tmp_path_factory.mktemp("installed")
    uv = (sys.executable, "-m", "uv", "--quiet")
    run(*uv, "venv", "--python", sys.executable, home)
    run(*uv, "pip", "install", "--python", home, "-c", "requirements.txt", wheel)
    return home / "bin" / "python"


@pytest.fixture(scope="module")
def server(python: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Serve from the installed wheel, with the checkout out of reach, and return the address."""
    ours = ("PYTHON", "CARLENS_", "COV_", "VIRTUAL_ENV")
    process = subprocess.Popen(
        [python, "-m", "carlens.local", "--port", "0", "--workers", "1"],
        cwd=tmp_path_factory.mktemp("elsewhere"),
        env={name: value for name, value in os.environ.items() if not name.startswith(ours)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    with process:
        try:
            running = RunningServer(process)
            running.wait_until_ready()
            yield running.url
            running.stop()
        finally:
            process.kill()


def tracked(folder: str) -> set[Path]:
    return {Path(line) for line in run("git", "ls-files", "-z", folder).split("\0") if line}


def test_it_contains_the_package_the_default_models_and_the_contract(wheel: Path) -> None:
    expected = {path.relative_to("lambda_src") for path in tracked("lambda_src/carlens")}
    expected |= {
        Path("carlens/models/data", *path.parts[1:])
        for path in tracked("models")
        if len(path.parts) == 3 and path.name in MODEL_FILES
    }
    expected.add(Path("carlens/openapi.yaml"))

    with ZipFile(wheel) as archive:
        names = {Path(name) for name in archive.namelist()}

    assert {name for name in names if not name.parts[0].endswith(".dist-info")} == expected
    assert {Path("carlens/py.typed"), Path("carlens/local/__main__.py")} <= expected
    assert sum(name.name == "model.onnx" for name in names) == 4


def test_its_metadata_has_the_version_the_license_and_the_extras(wheel: Path) -> None:
    with ZipFile(wheel) as archive:
        folder = f"carlens-{carlens.__version__}.dist-info"
        metadata: Message = Parser().parsestr(archive.read(f"{folder}/METADATA").decode())
        licenses = {name for name in archive.namelist() if "/licenses/" in name}

    assert metadata["Name"] == "carlens"
    assert metadata["Version"] == carlens.__version__
    assert metadata["License-Expression"] == "Apache-2.0"
    assert licenses == {f"{folder}/licenses/LICENSE", f"{folder}/licenses/NOTICE"}
    assert set(metadata.get_all("Provides-Extra", [])) == {"aws", "cli", "dev", "full", "teach"}


def test_the_wheel_installs_the_command_and_no_module_outside_the_package(python: Path) -> None:
    listing = "import importlib.metadata as m; print(*m.files('carlens'), sep='\\n')"

    files = set(run(python, "-I", "-c", listing).split())

    assert "../../../bin/carlens" in files
    files.remove("../../../bin/carlens")
    assert {name.split("/")[0] for name in files} == {
        "carlens",
        f"carlens-{carlens.__version__}.dist-info",
    }


def test_the_installed_wheel_is_healthy(server: str) -> None:
    health = requests.get(f"{server}/health", timeout=30)

    assert health.status_code == 200, health.text
    assert health.json()["version"] == carlens.__version__


def test_the_installed_wheel_processes_a_photo_with_the_default_models(server: str) -> None:
    [found] = predict(server, [("image", photo(SKODA))])

    assert_near(nearest(found), SKODA_CAR)
    assert found[0]["pred"]


def test_the_installed_wheel_serves_the_contract_the_page_and_the_catalog(server: str) -> None:
    contract = requests.get(f"{server}/openapi.json", timeout=30).json()
    page = requests.get(server, headers={"Accept": "text/html"}, timeout=30)
    match = requests.get(f"{server}/norm/europe?make=vw&model=golf", timeout=30).json()

    assert contract["info"]["version"] == carlens.__version__
    assert "<title>Carlens" in page.text
    assert (match["make"], match["model"]) == ("Volkswagen", "Golf")
