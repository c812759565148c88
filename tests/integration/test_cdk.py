"""The command line of the CDK, with real layers and without credentials."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import pytest

import infra.advice
from infra.settings import Settings
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


# Prod has every optional part, and so the stack of batch jobs.
STACKS = {"prod": ("models", "api", "batch"), "dev": ("models", "api")}
OPTIONAL = {
    "@aws-cdk/core:bootstrapQualifier": "mine",
    "allowed_hosts": "photos.internal",
    "alarm_email": "me@example.com",
    "api_key": "true",
    "asset_key": "arn:aws:kms:eu-west-3:123456789012:key/0f-1e",
    "authorizer": "cognito",
    "batch": "true",
    "budget_by_tags": "true",
    "certificate_arn": "arn:aws:acm:eu-west-3:123456789012:certificate/0f-1e",
    "domain_name": "cars.example.com",
    "permissions_boundary": "arn:aws:iam::123456789012:policy/Developers",
    "photo_buckets": "photos",
    "scopes": "cars/read",
    "security_groups": "sg-0c1b2c3d",
    "subnets": "subnet-0a1b2c3d,subnet-0b1b2c3d",
    "tables": "true",
    "uploads": "true",
    "user_pools": "arn:aws:cognito-idp:eu-west-3:123456789012:userpool/eu-west-3_Ab1",
    "waf": "true",
}


def settings(stage: str) -> list[str]:
    given = {"stage": stage, **(OPTIONAL if "batch" in STACKS[stage] else {})}
    return [word for name, value in given.items() for word in ("-c", f"{name}={value}")]


def advice(stage: str) -> list[str]:
    """Return what a synth says about a stage."""
    context = json.loads((ROOT / "cdk.json").read_text("utf-8"))["context"]
    overrides = OPTIONAL if "batch" in STACKS[stage] else {}
    return list(
        infra.advice.advice(Settings.from_context({**context, "stage": stage, **overrides}))
    )


def said(stderr: str) -> list[str]:
    """Return what the CDK wrote, without its remarks on information."""
    lines = [line for line in stderr.splitlines() if line and not line.startswith("   ")]
    return [re.sub(r"^INFO (.*) \(Construct Annotations\)$", r"\1", line) for line in lines]


def templates(stage: str) -> set[str]:
    """Return the names of the templates of a stage, and of the stack that all stages share."""
    names = {f"carlens-{stage}-{name}" for name in STACKS[stage]} | {"carlens-gateway-logs"}
    return {f"{name}.template.json" for name in names}


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


@dataclass(frozen=True)
class Synthesized:
    """A synthesized stage: its name, its folder, and what the CDK wrote."""

    stage: str
    folder: Path
    stderr: str


@pytest.fixture(scope="module", params=list(STACKS))
def synthesized(request: pytest.FixtureRequest) -> Iterator[Synthesized]:
    """Synthesize a stage."""
    # Makes the first synth of prod count as slow, as it does when it builds the layers.
    slow = ("-c", "@aws-cdk/core.slowSynthThreshold=0") if request.param == "prod" else ()
    # Not `tmp_path`, which pytest keeps: the layers take half a gigabyte.
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder, "cdk.out")
        run = synth(out, *settings(request.param), *slow)
        assert run.returncode == 0, run.stderr
        yield Synthesized(request.param, out, run.stderr)


@pytest.mark.parametrize("synthesized", ["prod"], indirect=True)
def test_a_second_synth_is_the_same_byte_for_byte_and_only_gives_advice(
    synthesized: Synthesized,
) -> None:
    again = synthesized.folder.with_name("again")
    run = synth(again, *settings("prod"))

    # jsii, for one, would warn of a version of Node that it does not support.
    assert (run.returncode, said(run.stderr)) == (0, advice("prod"))
    one, two = contents(synthesized.folder), contents(again)
    assert templates("prod") <= set(one)
    assert one == two


# The layers are built by now, so that the first synth of this stage writes nothing else.
@pytest.mark.parametrize("synthesized", ["dev"], indirect=True)
def test_a_stage_without_options_only_gives_advice(synthesized: Synthesized) -> None:
    assert said(synthesized.stderr) == advice("dev")


def test_cfn_lint_accepts_the_templates(synthesized: Synthesized) -> None:
    folder = synthesized.folder
    assert {path.name for path in folder.glob("*.template.json")} == templates(synthesized.stage)

    lint = subprocess.run(
        [Path(sys.executable).with_name("cfn-lint"), "--config-file", ROOT / ".cfnlintrc.yaml"],
        cwd=folder.parent,
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
