"""The lines of results files (`.jsonl`), one for each picture."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

# These differ between two runs over the same pictures.
_LEFT_OUT = frozenset({"id", "index", "ms", "request_id", "timing_ms", "timings"})


def result_line(entry: Mapping[str, Any]) -> str:
    """Return the line of one picture.

    Equal results give equal bytes, so that the lines of an interrupted run can be compared with
    those of an undisturbed one.

    Parameters
    ----------
    entry : Mapping
        An entry of `images` in the detailed form of `/predict` or `/object_detection`. Its `name`
        is the path or the key of the picture.

    Returns
    -------
    str
        Compact JSON with the members of `entry` in their order, without index, times and ids,
        followed by a line feed.
    """
    kept = {name: value for name, value in entry.items() if name not in _LEFT_OUT}
    return json.dumps(kept, ensure_ascii=False, allow_nan=False, separators=(",", ":")) + "\n"
