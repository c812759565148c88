"""Runs the tests of the JavaScript client with Node."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

from tests.support import missing

TESTS = Path(__file__).with_name("javascript.test.mjs")


def test_the_tests_of_the_javascript_client_pass() -> None:
    if shutil.which("node") is None:
        missing("Node.js is not installed")

    done = subprocess.run(
        ["node", "--test", "--test-reporter=tap", TESTS],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stdout + done.stderr
    written = len(re.findall(r"^test\(", TESTS.read_text("utf-8"), re.MULTILINE))
    assert f"# pass {written}\n" in done.stdout
