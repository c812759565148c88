from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from carlens.config import Config
from carlens.teach import __main__ as command


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


@pytest.fixture
def run_killed(home: Path) -> Callable[..., str]:
    """Run the command in a process that is killed when it writes a text; returns its log."""

    def run(text: str, *arguments: str) -> str:
        script = str(Path(__file__).with_name("killed_run.py"))
        source = str(Path(command.__file__).parents[2])
        done = subprocess.run(
            [sys.executable, script, text, *arguments],
            env={**os.environ, "PYTHONPATH": source},
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
        assert done.returncode == -signal.SIGKILL, done.stderr
        return done.stderr

    return run
