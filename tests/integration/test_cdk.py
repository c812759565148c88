"""The real command line of the CDK, with the real layers, without credentials."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CDK = ROOT / "node_modules" / ".bin" / "cdk"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not CDK.exists(), reason="the CDK's command line is not here; run npm ci"),
    pytest.mark.skipif(shutil.which("node") is None, reason="Node is not here"),
]


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
    """Give the hash of each file by its path."""
    return {
        str(path.relative_to(folder)): sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.mark.parametrize("stage", ["dev", "prod"])
def test_a_second_synth_is_the_same_byte_for_byte(stage: str, tmp_path: Path) -> None:
    # The first builds the layers where they are not built, and takes long; a second never does.
    slow = ["-c", "@aws-cdk/core.slowSynthThreshold=0"]
    runs = [
        synth(tmp_path / "one", "-c", f"stage={stage}", *slow),
        synth(tmp_path / "two", "-c", f"stage={stage}"),
    ]

    assert [run.returncode for run in runs] == [0, 0], runs[0].stderr + runs[1].stderr
    one, two = contents(tmp_path / "one"), contents(tmp_path / "two")
    shutil.rmtree(tmp_path)  # half a gigabyte of layers
    assert {f"carlens-{stage}-models.template.json", f"carlens-{stage}-api.template.json"} <= set(
        one
    )
    assert one == two


def test_a_wrong_setting_is_told_in_one_line(tmp_path: Path) -> None:
    run = synth(tmp_path / "out", "-c", "memory=64")

    assert run.returncode != 0
    assert "carlens: memory is '64'; it must be a whole number from 512 to 10240." in run.stderr
    assert "Traceback" not in run.stderr


@pytest.mark.parametrize("stage", ["dev", "prod"])
def test_the_templates_are_clean_to_cfn_lint(stage: str, tmp_path: Path) -> None:
    run = synth(tmp_path / "cdk.out", "-c", f"stage={stage}")
    assert run.returncode == 0, run.stderr
    assert len(list(tmp_path.glob("cdk.out/*.template.json"))) == 2

    lint = subprocess.run(
        [Path(sys.executable).with_name("cfn-lint"), "--config-file", ROOT / ".cfnlintrc.yaml"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )

    assert (lint.returncode, lint.stdout + lint.stderr) == (0, "")
