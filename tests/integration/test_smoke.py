"""The smoke test of a deployment, against the local server."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from operations.smoke import check
from operations.stage import OperationError
from tests.integration.serving import ROOT, running_server


def test_a_server_that_works_passes(api: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "operations.smoke", "--url", api],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": "lambda_src"},
        capture_output=True,
        text=True,
        timeout=120,
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{api} finds vehicles in a photo and matches a name.\n"


def test_a_server_without_models_fails_after_bounded_retries(tmp_path: Path) -> None:
    said: list[str] = []
    slept: list[float] = []
    with (
        running_server("--workers", "1", env={"CARLENS_MODELS": str(tmp_path)}) as url,
        pytest.raises(OperationError, match=r"gave status 503 .*models_unavailable"),
    ):
        check(url, {}, report=said.append, sleep=slept.append)

    assert len(said) == len(slept) == 5
