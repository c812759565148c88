"""The end of a job: planned and written parts are compared."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from carlens.batch.errors import PartsMissing, PartsUnplanned
from carlens.batch.finish import finish_job, ranges
from carlens.batch.keys import part_key, part_number
from tests.unit.batch.buckets import NOW, FakeBucket

STARTED = NOW + timedelta(milliseconds=700)  # S3 cuts off the fraction of a second


def state(parts: int) -> dict[str, Any]:
    progress = {"rounds": 1, "parts": parts, "photos": 60, "after": ""}
    return {"name": "fleet", "started": STARTED.isoformat(), "progress": progress}


def results(*parts: int) -> FakeBucket:
    return FakeBucket().add(*(part_key("fleet", part) for part in parts))


def test_a_complete_job_names_its_results() -> None:
    bucket = results(0, 1, 2).add("results/job=other/part-000009.jsonl")

    assert finish_job(state(3), bucket, "my-results") == {
        "job": "fleet",
        "photos": 60,
        "parts": 3,
        "results": "s3://my-results/results/job=fleet/",
    }


def test_missing_parts_fail_the_job_and_are_named() -> None:
    with pytest.raises(PartsMissing, match=r"^4 of 7 parts have no results: 1, 4-6\.$"):
        finish_job(state(7), results(0, 2, 3), "my-results")


def test_a_part_of_an_earlier_job_of_this_name_is_missing() -> None:
    bucket = results(0, 1)
    bucket.modified[part_key("fleet", 1)] = NOW - timedelta(seconds=1)

    with pytest.raises(PartsMissing, match=r"1 of 2 parts have no results: 1\."):
        finish_job(state(2), bucket, "my-results")


def test_parts_that_were_not_planned_fail_the_job_and_are_named() -> None:
    bucket = results(0, 1, 2)
    bucket.modified[part_key("fleet", 2)] = NOW - timedelta(days=100)

    with pytest.raises(PartsUnplanned, match=r"earlier job of this name: 2\. Delete them"):
        finish_job(state(2), bucket, "my-results")


def test_the_time_may_have_the_format_of_step_functions() -> None:
    given = {**state(1), "started": "2026-11-28T18:30:15.700Z"}

    assert finish_job(given, results(0), "my-results")["parts"] == 1


def test_a_message_names_a_limited_number_of_ranges() -> None:
    assert ranges([3, 7, 8, 9]) == "3, 7-9"
    assert ranges(range(0, 200, 2)).endswith("96, 98 and 50 more ranges")


@pytest.mark.parametrize("part", [0, 42, 999_999, 1_000_000])
def test_the_key_of_a_part_has_its_number(part: int) -> None:
    assert part_number(part_key("fleet", part)) == part


def test_other_objects_have_no_number() -> None:
    assert part_number("results/job=fleet/part-000001.jsonl.gz") is None
    assert part_number("results/job=fleet/part-x.jsonl") is None
