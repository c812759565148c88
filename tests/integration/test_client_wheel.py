"""The wheel of the Python client, installed in an environment of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

import carlens
from tests.integration.test_answers import SKODA_CAR, assert_near, nearest
from tests.support import SKODA

ROOT = Path(__file__).resolve().parents[2]
RECOGNIZE = """
import json, sys
from carlens_client import Client

with Client(sys.argv[1]) as client:
    [answer] = client.predict(sys.argv[2])
print(json.dumps(dict(answer.raw)))
"""

pytestmark = pytest.mark.slow


def run(*command: str | Path, folder: Path = ROOT) -> str:
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel as pip does."""
    folder = tmp_path_factory.mktemp("dist")
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet")
    run(*pip, "wheel", "--no-deps", "--wheel-dir", folder, "clients/python")
    [built] = folder.iterdir()
    return built


def test_it_contains_the_package(wheel: Path) -> None:
    tracked = run("git", "ls-files", "-z", "clients/python/carlens_client").split("\0")
    expected = {path.removeprefix("clients/python/") for path in tracked if path}

    with ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}

    assert wheel.name == f"carlens_client-{carlens.__version__}-py3-none-any.whl"
    assert names == expected
    assert "carlens_client/py.typed" in names


def test_it_recognizes_a_photo_with_nothing_but_httpx(
    wheel: Path, api: str, tmp_path: Path
) -> None:
    # Given an environment with the wheel and its dependencies
    uv = (sys.executable, "-m", "uv", "--quiet")
    run(*uv, "venv", "--python", sys.executable, tmp_path / "home")
    run(*uv, "pip", "install", "--python", tmp_path / "home", "-c", "requirements.txt", wheel)

    python = tmp_path / "home" / "bin" / "python"
    answer = json.loads(run(python, "-I", "-c", RECOGNIZE, api, SKODA, folder=tmp_path))

    assert_near(nearest(answer["objects"]), SKODA_CAR)
