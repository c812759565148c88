"""Compute what a stage costs in a month, from its templates, list prices and measured times.

    make costs                                                    # writes docs/costs.md
    make costs OPTIONS="--stage prod --photos 50000 --ms 90 -c waf=true"

With `--photos`, prints the table for your own figures.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from benchmarks import redaction
from carlens.aws.metrics import RequestStats, metric_lines
from carlens.ranges import Slices, read_slices
from operations import prices
from operations.prices import Price

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "costs.md"

STAGES = ("dev", "prod")
PER_REQUEST = 4
# The default; how many tiles it runs depends on the photos.
SLICES: Slices = "auto"
# Bytes, rounded up: the answer for a photo, the variable of an access log, Lambda's own lines on an
# invocation, and what CloudWatch adds to each line.
ANSWER_BYTES, VARIABLE_BYTES, PLATFORM_BYTES, LINE_BYTES = 1000, 25, 700, 26
# API Gateway's metrics of one method: count, latency, integration latency, 4XX and 5XX.
METHOD_METRICS = 5

# Resources that cost nothing, or whose cost is a line of the table.
KNOWN = (
    *("AWS::ApiGateway", "AWS::Budgets", "AWS::CloudWatch::Alarm", "AWS::CloudWatch::Dashboard"),
    *("AWS::CodeDeploy", "AWS::IAM", "AWS::Lambda", "AWS::Logs", "AWS::S3", "AWS::SNS"),
    *("AWS::WAFv2", "Custom::"),
)


@dataclass(frozen=True)
class Usage:
    """What a stage is used for in a month.

    Attributes
    ----------
    photos : int
        Photos, PER_REQUEST in each request.
    cold : float
        Share of the requests that start an execution environment.
    versions : int
        Versions of each function that are kept.
    ms : float or None
        Milliseconds for each photo; None for those measured with the memory of the stage.
    slices : int or "auto"
        With which they were measured.
    """

    photos: int
    cold: float = 0.0
    versions: int = 1
    ms: float | None = None
    slices: Slices = SLICES


USAGES = (Usage(0), Usage(10_000, cold=1.0), Usage(1_000_000, cold=0.01))


@dataclass(frozen=True)
class Deployed:
    """What the templates of a stage contain that costs money.

    Attributes
    ----------
    memory : int
        Memory of the recognition function in MB.
    arm, traced, snapshots : bool
    snapshot_mb : tuple of int
        Memory of each function with a snapshot for each version.
    alarms, fast_alarms : int
        Metrics of alarms with a period of at least a minute, and of less.
    dashboards, metrics, acls, acl_rules : int
        Custom metrics are those that a request with photos writes.
    model_bytes, log_bytes : int
        Size of the models, and of the logs of one request.
    unknown : tuple of str
        Types of resources that the table does not count.
    """

    memory: int
    arm: bool
    traced: bool
    snapshots: bool
    snapshot_mb: tuple[int, ...]
    alarms: int
    fast_alarms: int
    dashboards: int
    metrics: int
    acls: int
    acl_rules: int
    model_bytes: int
    log_bytes: int
    unknown: tuple[str, ...]


@dataclass(frozen=True)
class Line:
    """One item of the bill: an amount in units of a price."""

    name: str
    amount: float
    price: Price

    @property
    def dollars(self) -> float:
        """The cost in US dollars."""
        return self.amount * self.price.each


def read_templates(templates: Iterable[Mapping[str, Any]], model_bytes: int) -> Deployed:
    """Count what costs money in the templates of a stage."""
    resources = [r for t in templates for r in t["Resources"].values()]

    def of_type(kind: str) -> list[Mapping[str, Any]]:
        return [r.get("Properties", {}) for r in resources if r["Type"] == kind]

    functions = of_type("AWS::Lambda::Function")
    [recognition] = [f for f in functions if f["Handler"] == "handler.lambda_handler"]
    [stage] = of_type("AWS::ApiGateway::Stage")
    snapshot_mb = [f["MemorySize"] for f in functions if "SnapStart" in f]
    alarms = [(_metrics_of(a), _period(a)) for a in of_type("AWS::CloudWatch::Alarm")]
    metrics, log_bytes = _written_by_a_request(stage["AccessLogSetting"]["Format"])
    if any(setting.get("MetricsEnabled") for setting in stage.get("MethodSettings", ())):
        metrics += METHOD_METRICS
    acls = of_type("AWS::WAFv2::WebACL")
    return Deployed(
        memory=recognition["MemorySize"],
        arm=recognition["Architectures"] == ["arm64"],
        traced=recognition.get("TracingConfig") == {"Mode": "Active"},
        snapshots="SnapStart" in recognition,
        snapshot_mb=tuple(snapshot_mb),
        alarms=sum(count for count, period in alarms if period >= 60),
        fast_alarms=sum(count for count, period in alarms if period < 60),
        dashboards=len(of_type("AWS::CloudWatch::Dashboard")),
        metrics=metrics,
        acls=len(acls),
        acl_rules=sum(len(acl["Rules"]) for acl in acls),
        model_bytes=model_bytes,
        log_bytes=log_bytes,
        unknown=tuple(sorted({r["Type"] for r in resources if not r["Type"].startswith(KNOWN)})),
    )


def _metrics_of(alarm: Mapping[str, Any]) -> int:
    return sum("MetricStat" in metric for metric in alarm.get("Metrics", ())) or 1


def _period(alarm: Mapping[str, Any]) -> int:
    stats = [m["MetricStat"] for m in alarm.get("Metrics", ()) if "MetricStat" in m]
    return int(min(stat["Period"] for stat in (stats or [alarm])))


def _written_by_a_request(access_log: str) -> tuple[int, int]:
    """Return the number of metrics and of bytes in the logs of a request with photos."""
    steps = dict.fromkeys(("read", "decode", "detect", "classify", "total"), 100.25)
    about = {"request_id": "-" * 36, "method": "POST", "route": "/predict", "status": 200}
    stats = RequestStats(PER_REQUEST, PER_REQUEST, stages=steps)
    name = "carlens-prod-api-RecognitionFunction" + "-" * 22
    lines = metric_lines(namespace="Carlens", function=name, request=about, stats=stats)
    metrics = sum(
        len(directive["Metrics"])
        for line in map(json.loads, lines)
        for directive in line.get("_aws", {}).get("CloudWatchMetrics", ())
    )
    line = re.sub(r"\$context\.[\w.]+", "-" * VARIABLE_BYTES, access_log)
    written = sum(map(len, lines)) + len(line) + PLATFORM_BYTES
    # Lambda writes at least a line at the start and one at the end.
    return metrics, written + (len(lines) + 3) * LINE_BYTES


def measured_ms(memory: int, slices: Slices) -> float:
    """Return the milliseconds for a photo, between the measured sizes of memory.

    Below or above all measured sizes, those of the nearest one, in proportion to the memory.

    Raises
    ------
    ValueError
        They were not measured with these slices.
    """
    rows = json.loads((ROOT / "docs" / "benchmarks.json").read_text("utf-8"))["cost"]
    known = sorted(
        (row["memory"], row["ms_per_picture"]) for row in rows if row["slices"] == slices
    )
    if not known:
        raise ValueError(
            f"slices={slices} was not measured: run python -m benchmarks.speed --only cost"
        )
    for (low, slow), (high, fast) in pairwise(known):
        if low <= memory <= high:
            return float(slow + (fast - slow) * (memory - low) / (high - low))
    nearest, ms = known[0] if memory < known[0][0] else known[-1]
    return float(ms * nearest / memory)


def bill(stage: Deployed, usage: Usage) -> list[Line]:
    """Compute the cost of a month; the lines are the same for each use."""
    requests = usage.photos / PER_REQUEST
    restores = requests * usage.cold if stage.snapshots else 0
    ms = measured_ms(stage.memory, usage.slices) if usage.ms is None else usage.ms
    gb_seconds = usage.photos * ms / 1000 * stage.memory / 1024
    kept = sum(stage.snapshot_mb) / 1024 * usage.versions * prices.HOURS_PER_MONTH * 3600
    return [
        Line("Snapshots of SnapStart", kept, prices.SNAPSHOT_GB_SECOND),
        Line("Alarms", stage.alarms, prices.ALARM),
        Line("Alarms", stage.fast_alarms, prices.FAST_ALARM),
        Line("Dashboard", stage.dashboards, prices.DASHBOARD),
        Line("Models", stage.model_bytes / 1e9, prices.STORAGE_GB),
        Line("Web ACL", stage.acls, prices.ACL),
        Line("Web ACL", stage.acl_rules, prices.ACL_RULE),
        Line("Web ACL", requests * stage.acls, prices.ACL_REQUEST),
        Line("Custom metrics", stage.metrics if requests else 0, prices.METRIC),
        Line("API Gateway", requests, prices.API_REQUEST),
        Line("Lambda", requests, prices.INVOCATION),
        Line("Lambda", gb_seconds, prices.GB_SECOND_ARM if stage.arm else prices.GB_SECOND),
        Line("Restores of snapshots", restores * stage.memory / 1024, prices.SNAPSHOT_GB_RESTORED),
        Line("Logs", requests * stage.log_bytes / 1e9, prices.LOG_GB),
        Line("Traces", requests * stage.traced, prices.TRACE),
        Line("Answers", usage.photos * ANSWER_BYTES / 1e9, prices.GB_OUT),
    ]


def table(stage: Deployed, usages: Sequence[Usage]) -> str:
    """Write a table in Markdown: a row for each item, a column for each use."""
    columns = [bill(stage, usage) for usage in usages]
    uses = [f"{usage.photos:,} photos" if usage.photos else "idle" for usage in usages]
    rows = [["", "price", *uses], ["---"] * (len(uses) + 2)]
    for lines in zip(*columns, strict=True):
        if any(line.amount for line in lines):
            cells = [f"{_count(line.amount)}: {_dollars(line.dollars)}" for line in lines]
            rows.append([lines[0].name, _price(lines[0].price), *cells])
    totals = [sum(line.dollars for line in lines) for lines in columns]
    rows.append(["**Total**", "", *(f"**{_dollars(total)}**" for total in totals)])
    text = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    if stage.unknown:
        text += f"\n\nNot counted: {', '.join(stage.unknown)}."
    return text


def _count(amount: float) -> str:
    return f"{amount:,.0f}" if amount >= 100 or amount == int(amount) else f"{amount:.3g}"


def _dollars(dollars: float) -> str:
    return f"${dollars:,.2f}"


def _price(price: Price) -> str:
    digits = f"{price.dollars:.10f}".rstrip("0")
    return f"${digits if len(digits) > 4 else f'{price.dollars:.2f}'} per {price.unit}"


def page(stages: Mapping[str, Deployed]) -> str:
    """Write docs/costs.md."""
    parts = [_INTRODUCTION.rstrip()]
    for name, stage in stages.items():
        ms = f"{measured_ms(stage.memory, SLICES):.1f}"
        parts.append(f"## {name}: {stage.memory:,} MB, {ms} ms per photo\n\n{table(stage, USAGES)}")
    parts.append(_redaction(stages["dev"]))
    services = sorted({p.service for p in vars(prices).values() if isinstance(p, Price)})
    links = ", ".join(f"[{name}](https://aws.amazon.com/{name}/pricing/)" for name in services)
    return "\n\n".join([*parts, f"{_ASSUMPTIONS}\n\nPrice lists: {links}."]) + "\n"


def _redaction(stage: Deployed) -> str:
    """Write what redaction costs; it was measured in comparison with `/predict`."""
    found = json.loads((ROOT / "docs" / "benchmarks.json").read_text("utf-8"))["redaction"]
    rows = [redaction.Row(**row) for row in found]
    ms = measured_ms(stage.memory, SLICES)
    return f"{_REDACTION}\n\n{redaction.table(rows, stage.memory, ms)}"


_STORED = prices.PUT_OR_LIST.each + prices.GET.each
_REDACTION = f"""\
## Redaction: 1,000 photos through `/anonymize`

The times are those of `/predict` in the table for dev, multiplied by what `python -m
benchmarks.redaction` measured: the CPU time of both routes by turns, in one thread, with a photo of
one megapixel that shows three vehicles. Each request has one photo, and its answer the redacted
photo as a JPEG in base64; most of the cost is sending it. A redacted photo that does not fit into
an answer is stored and fetched, which costs another ${_STORED:.7f}."""

_INTRODUCTION = f"""\
<!-- `make costs` writes this page. -->

# What Carlens costs in a month

Each cell has an amount and its cost in US dollars: {prices.REGION}, list prices of {prices.DATE},
without the free tier, which covers several of these lines for a small account. The alarms,
dashboards and other resources are counted in the stage's CloudFormation templates, so the page
follows the settings in `cdk.json`. A test fails if the page does not.

For your own figures:

    make costs OPTIONS="--stage prod --photos 50000 --ms 90 --versions 3 -c waf=true"
"""

_ASSUMPTIONS = f"""\
## Assumptions

- A request carries {PER_REQUEST} photos of about one megapixel, with the default `slices={SLICES}`.
  The milliseconds are those of [benchmarks.json](benchmarks.json) ("Memory and cost" in the
  [README](../README.md#speed)), between two sizes by interpolation. They were measured under the
  CPU share that Lambda gives each size; Lambda's own vCPUs differ, so measure yours and use `--ms`.
  A photo full of small objects takes up to five passes instead of one, as with `slices=2`.
- One version of each function is kept. Each further version adds its snapshots again, until
  it is deleted (`--versions`).
- With 10,000 photos, each request comes alone and restores a snapshot; with a million, one in a
  hundred does (`--cold`).
- Custom metrics are those of a request without failures, in every hour of the month. Each error
  code of a failed photo adds one, as does an alarm on failed starts that finds one.
- Each request is traced, which X-Ray does up to one request per second, and writes the lines that
  the templates configure. An answer takes {ANSWER_BYTES:,} bytes per photo.
- Left out: storing logs, notifications, deployments, the durations of restores, domains, uploads
  and taxes. [Batch jobs](batch.md#cost-and-time) have a table of their own. A budget without
  actions is free."""


def read_stage(name: str, overrides: Mapping[str, str]) -> Deployed:
    """Synthesize a stage, with the settings of `cdk.json`, and count what costs money."""
    # Importing the CDK takes seconds.
    from infra.application import build_app

    context = json.loads((ROOT / "cdk.json").read_text("utf-8"))["context"]
    given = {**context, "stage": name, **overrides}
    assembly = build_app(given, bundle=False).synth()
    return read_templates([s.template for s in assembly.stacks], model_bytes(given))


def model_bytes(context: Mapping[str, Any]) -> int:
    """Return the size of the models that a stage stores."""
    from infra.model_folder import stage_models
    from infra.settings import Settings

    models = stage_models(Settings.from_context(context), ROOT / "models")
    return sum(path.stat().st_size for model in models for path in model.files)


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.bill",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--photos", type=int, nargs="*", help="photos per month; prints a table")
    parser.add_argument("--stage", default="dev", help="a stage of cdk.json")
    parser.add_argument("--ms", type=float, help="milliseconds per photo; default: measured")
    parser.add_argument(
        "--slices", type=read_slices, default=SLICES, help="with which they were measured"
    )
    parser.add_argument("--cold", type=float, default=0.01, help="share of cold starts")
    parser.add_argument("--versions", type=int, default=1, help="versions kept of each function")
    parser.add_argument("-c", action="append", default=[], help="a setting: name=value")
    given = parser.parse_args()
    if given.photos is None:
        PAGE.write_text(page({name: read_stage(name, {}) for name in STAGES}), "utf-8")
        return
    stage = read_stage(given.stage, dict(each.split("=", 1) for each in given.c))
    usages = [Usage(n, given.cold, given.versions, given.ms, given.slices) for n in given.photos]
    print(table(stage, usages))


if __name__ == "__main__":
    main()
