"""The command line of the CDK, with real layers and without credentials."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest

from tests.support import missing

ROOT = Path(__file__).parents[2]
CDK = ROOT / "node_modules" / ".bin" / "cdk"

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True, scope="module")
def cdk() -> None:
    """Check that the tools are installed."""
    if not CDK.exists():
        missing("the command line of the CDK is not installed; run make check")
    if shutil.which("node") is None:
        missing("Node is not installed")


# With batch jobs, there is a third stack.
STACKS = {"dev": ("models", "api"), "prod": ("models", "api", "batch")}
BATCH = ("-c", "batch=true", "-c", "photo_buckets=photos")


def settings(stage: str) -> tuple[str, ...]:
    return ("-c", f"stage={stage}", *(BATCH if "batch" in STACKS[stage] else ()))


def synth(out: Path, *options: str) -> subprocess.CompletedProcess[str]:
    bare = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return subprocess.run(
        [CDK, "synth", "--quiet", "--output", out, *options],
        cwd=ROOT,
        env={**bare, "AWS_EC2_METADATA_DISABLED": "true", "CI": "true"},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


def contents(folder: Path) -> dict[str, str]:
    """Return the hash of each file by its path."""
    return {
        str(path.relative_to(folder)): sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.fixture(scope="module", params=list(STACKS))
def stage(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def synthesized(stage: str) -> Iterator[Path]:
    """Synthesize a stage."""
    # Makes the first synth count as slow, as it does when it builds the layers; the second is fast.
    slow = ("-c", "@aws-cdk/core.slowSynthThreshold=0")
    # Not `tmp_path`, which pytest keeps: the layers take half a gigabyte.
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder, "cdk.out")
        run = synth(out, *settings(stage), *slow)
        assert run.returncode == 0, run.stderr
        yield out


def test_a_second_synth_is_the_same_byte_for_byte_and_warns_of_nothing(
    synthesized: Path, stage: str
) -> None:
    again = synthesized.with_name("again")
    run = synth(again, *settings(stage))

    # jsii, for one, would warn of a version of Node that it does not support.
    assert (run.returncode, run.stderr) == (0, "")
    one, two = contents(synthesized), contents(again)
    assert {f"carlens-{stage}-{name}.template.json" for name in STACKS[stage]} <= set(one)
    assert one == two


def test_cfn_lint_accepts_the_templates(synthesized: Path, stage: str) -> None:
    assert len(list(synthesized.glob("*.template.json"))) == len(STACKS[stage])

    lint = subprocess.run(
        [Path(sys.executable).with_name("cfn-lint"), "--config-file", ROOT / ".cfnlintrc.yaml"],
        cwd=synthesized.parent,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )

    assert (lint.returncode, lint.stdout + lint.stderr) == (0, "")


def test_a_wrong_setting_is_reported_in_one_line(tmp_path: Path) -> None:
    run = synth(tmp_path / "out", "-c", "memory=64")

    assert run.returncode != 0
    assert "carlens: memory is '64'; it must be a whole number from 1280 to 10240." in run.stderr
    assert "Traceback" not in run.stderr
