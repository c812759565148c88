"""How many workers a run has."""

from __future__ import annotations

import os

import pytest

from carlens.cli import local_service
from carlens.cli.local_service import cores
from carlens.cli.predict import Job
from carlens.cli.task import Task

JOB = Job((), Task("predict", {}))


@pytest.mark.parametrize(
    ("asked", "pictures", "expected"), [(None, 100, 8), (3, 100, 3), (None, 2, 2), (None, 0, 1)]
)
def test_there_is_a_worker_for_each_core_but_not_more_than_pictures(
    asked: int | None, pictures: int, expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local_service, "cores", lambda: 8)
    sizes: list[int] = []
    monkeypatch.setattr(local_service, "Workers", lambda size, *_: sizes.append(size))

    local_service.local_service(JOB, asked)(pictures)

    assert sizes == [expected]


def test_cores_are_those_that_the_process_may_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {3, 5}, raising=False)
    assert cores() == 2

    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: 7)
    assert cores() == 7
