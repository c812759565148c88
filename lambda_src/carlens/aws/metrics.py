"""A line a request for the log, and one for each reason that failed pictures: CloudWatch's metrics.

The line is JSON in CloudWatch's embedded metric format. It is written here and not by
Powertools, whose import costs every cold start 34 ms for the same line.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class RequestStats:
    """What came of a request's pictures.

    Attributes
    ----------
    pictures, objects : int
        How many were sent, and how many objects were answered.
    failures : tuple of str
        The error code of each picture that failed.
    stages : Mapping
        Milliseconds by stage: read, decode, detect, classify, total.
    """

    pictures: int
    objects: int = 0
    failures: tuple[str, ...] = ()
    stages: Mapping[str, float] = field(default_factory=dict)


def metric_lines(
    *, namespace: str, function: str, request: Mapping[str, Any], outcome: RequestStats | None
) -> list[str]:
    """Write a request's log lines.

    Parameters
    ----------
    namespace, function : str
        Of the metrics: their namespace, and the value of their dimension `Function`.
    request : Mapping
        What the line says of the request beside its metrics: id, method, route, status.
    outcome : RequestStats or None
        None when the request carried no pictures.

    Returns
    -------
    list of str
        JSON; the first line is the request's, then one for each code that failed pictures.
    """
    if outcome is None:
        return [json.dumps(request)]
    values = {
        "Pictures": outcome.pictures,
        "Objects": outcome.objects,
        "FailedPictures": len(outcome.failures),
        **{f"{stage.capitalize()}Time": round(ms, 2) for stage, ms in outcome.stages.items()},
    }
    lines = [{**request, **_metrics(namespace, {"Function": function}, values)}]
    lines += [
        _metrics(namespace, {"Function": function, "Code": code}, {"Failures": count})
        for code, count in sorted(Counter(outcome.failures).items())
    ]
    return [json.dumps(line) for line in lines]


def _metrics(
    namespace: str, dimensions: Mapping[str, str], values: Mapping[str, float]
) -> dict[str, Any]:
    definitions = [
        {"Name": name, "Unit": "Milliseconds" if name.endswith("Time") else "Count"}
        for name in values
    ]
    directive = {
        "Namespace": namespace,
        "Dimensions": [list(dimensions)],
        "Metrics": definitions,
    }
    timestamp = int(time.time() * 1000)
    return {
        "_aws": {"Timestamp": timestamp, "CloudWatchMetrics": [directive]},
        **dimensions,
        **values,
    }
