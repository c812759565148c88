from __future__ import annotations

import os
from pathlib import Path

import pytest

from carlens.config import Config


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the shipped models, as the current one."""
    (tmp_path / "models").mkdir()
    for name in (Config.detector, Config.classifier):
        (tmp_path / "models" / name).symlink_to(Path(Config().models, name))
    for name in [name for name in os.environ if name.startswith("CARLENS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("CARLENS_MODELS", str(tmp_path / "models"))
    monkeypatch.chdir(tmp_path)
    return tmp_path
