"""The entry points: what they open, and what they log."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.fakes import FakeApp
from tests.support import color_blocks, encode
from tests.unit.batch.buckets import NOW, FakeBucket

SOURCE = Path(__file__).parents[3] / "lambda_src"
INPUT = {"bucket": "photos", "prefix": "", "operation": "predict"}
PROGRESS = {"rounds": 0, "parts": 0, "photos": 0, "after": ""}


class Context:
    """What Lambda passes to a function."""

    function_name = "carlens-worker"

    def get_remaining_time_in_millis(self) -> int:
        return 900_000


@pytest.fixture
def buckets() -> dict[str, FakeBucket]:
    photo = encode(color_blocks(), "PNG")
    return {"photos": FakeBucket().add("a.png", "b.png", content=photo), "results": FakeBucket()}


def wire(
    monkeypatch: pytest.MonkeyPatch, module: ModuleType, buckets: dict[str, FakeBucket]
) -> None:
    """Give an entry point buckets in memory and fake models."""
    app = FakeApp().app
    app.config = replace(app.config, results="results", metrics="Carlens")
    monkeypatch.setattr(module, "app", app)
    monkeypatch.setattr(module, "open_bucket", buckets.__getitem__)


def test_the_plan_is_written_to_the_results_bucket(
    monkeypatch: pytest.MonkeyPatch, buckets: dict[str, FakeBucket]
) -> None:
    from carlens.functions import batch_plan

    wire(monkeypatch, batch_plan, buckets)
    event = {"name": "fleet", "started": "now", "input": INPUT, "progress": PROGRESS}

    state = batch_plan.lambda_handler(event, Context())

    assert state["progress"]["photos"] == 2
    assert buckets["results"].names() == [state["plan"]]


def test_a_part_is_written_and_its_metrics_are_logged_without_keys(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    buckets: dict[str, FakeBucket],
) -> None:
    from carlens.functions import batch_worker

    wire(monkeypatch, batch_worker, buckets)
    event = {"name": "fleet", "input": INPUT, "part": 7, "keys": ["a.png", "b.png"]}

    summary = batch_worker.lambda_handler(event, Context())

    assert buckets["results"].names() == [summary["key"]] == ["results/job=fleet/part-000007.jsonl"]
    (line,) = capsys.readouterr().out.splitlines()
    logged = json.loads(line)
    assert (logged["job"], logged["part"], logged["Pictures"]) == ("fleet", 7, 2)
    assert logged["Function"] == "carlens-worker"
    assert "a.png" not in line


def test_the_results_are_checked(
    monkeypatch: pytest.MonkeyPatch, buckets: dict[str, FakeBucket]
) -> None:
    from carlens.functions import batch_finish

    results = buckets["results"].add("results/job=fleet/part-000000.jsonl")
    monkeypatch.setattr(batch_finish, "results", results)
    progress = {**PROGRESS, "parts": 1, "photos": 2}
    event = {"name": "fleet", "started": NOW.isoformat(), "input": INPUT, "progress": progress}

    assert batch_finish.lambda_handler(event, Context())["parts"] == 1


def test_the_check_of_the_results_needs_no_layer() -> None:
    script = """
import sys
import carlens.functions.batch_finish
print(sorted({name.partition('.')[0] for name in sys.modules} - sys.stdlib_module_names))
"""
    run = subprocess.run(
        [sys.executable, "-S", "-c", script],
        capture_output=True,
        text=True,
        check=False,
        cwd=SOURCE,
    )

    assert run.stderr == ""
    loaded: Any = json.loads(run.stdout.replace("'", '"'))
    assert [name for name in loaded if not name.startswith("_")] == ["carlens"]
