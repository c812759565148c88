"""The keys of a job in the results bucket."""

from __future__ import annotations

import re

from carlens.photo_names import redacted_name

_PART = re.compile(r"part-(\d{6,})\.jsonl")


def plan_key(job: str, number: int) -> str:
    """Return the key of a plan: the parts of one round of a job."""
    return f"plans/{job}/{number:06}.json"


def results_prefix(job: str) -> str:
    """Return the folder of a job's results; Athena reads `job=` as a partition."""
    return f"results/job={job}/"


def part_key(job: str, part: int) -> str:
    """Return the key of the results of a part. It is fixed, so that a repetition overwrites it."""
    return f"{results_prefix(job)}part-{part:06}.jsonl"


def redacted_key(job: str, photo: str, output: str) -> str:
    """Return the key of the redacted picture of a photo, which mirrors the key of the photo."""
    return f"redacted/job={job}/{redacted_name(photo, output)}"


def part_number(key: str) -> int | None:
    """Return the number of the part whose results have this key; None for another object."""
    found = _PART.fullmatch(key.rpartition("/")[2])
    return int(found[1]) if found else None
