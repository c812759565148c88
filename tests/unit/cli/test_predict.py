"""Runs of `carlens predict` with a service that answers from a table."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from carlens.cli.annotate_paths import note_path
from carlens.cli.answers import Answer, failure
from carlens.cli.errors import Problem, Stopped, WrongUsage
from carlens.cli.pictures import Picture
from carlens.cli.predict import Job, predict
from carlens.cli.task import Task
from carlens.result_lines import result_line

TASK = Task("predict", {})


class Service:
    """Fails pictures whose names have `bad`, and stops at `stop_at`."""

    def __init__(self, *, stop_at: int | None = None, error: type[BaseException] = Stopped) -> None:
        self.models: dict[str, Any] = {"detector": {"name": "d", "version": "1"}}
        self.asked: list[str] = []
        self._stop_at = stop_at
        self._error = error

    def recognize(self, pictures: Iterable[Picture]) -> Iterator[Answer]:
        for number, picture in enumerate(pictures):
            if number == self._stop_at:
                raise self._error("enough")
            self.asked.append(picture.name)
            yield answer(picture.name)


def answer(name: str) -> Answer:
    if "bad" in name:
        return failure(name, Problem("not_an_image", "Not an image."))
    entry = {"field": "image", "name": name, "width": 4, "height": 3, "objects": []}
    return Answer(name, result_line({**entry, "error": None}), failed=False)


def run(job: Job, service: Service | None = None) -> int:
    used = service or Service()
    return predict(job, lambda pictures: nullcontext(used))


@pytest.fixture
def job(tmp_path: Path) -> Job:
    photos = tmp_path / "photos"
    photos.mkdir()
    for name in ("a.jpg", "b.jpg", "c.jpg"):
        (photos / name).write_bytes(b"x")
    return Job((str(photos),), TASK, out=tmp_path / "r.jsonl")


def lines(job: Job) -> list[str]:
    assert job.out is not None
    return job.out.read_text("utf-8").splitlines()


def test_each_picture_has_a_line(job: Job, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(job) == 0

    assert [json.loads(line)["name"] for line in lines(job)] == ["a.jpg", "b.jpg", "c.jpg"]
    assert "3 pictures, 0 failed" in capsys.readouterr().err


def test_pictures_that_failed_make_the_exit_status_1_in_every_run(job: Job) -> None:
    (Path(job.inputs[0]) / "bad.jpg").write_bytes(b"x")

    assert run(job) == 1
    again = Service()
    assert run(job, again) == 1

    assert again.asked == []
    assert len(lines(job)) == 4


def test_failed_pictures_are_tried_again_when_asked(job: Job) -> None:
    (Path(job.inputs[0]) / "bad.jpg").write_bytes(b"x")
    run(job)
    service = Service()

    assert run(replace(job, retry_failed=True), service) == 1

    assert service.asked == ["bad.jpg"]
    assert len(lines(job)) == 4


@pytest.mark.parametrize(("error", "expected"), [(Stopped, None), (KeyboardInterrupt, 130)])
def test_an_interrupted_run_is_continued(
    job: Job, error: type[BaseException], expected: int | None
) -> None:
    # Given a run that ends after one picture
    first = Service(stop_at=1, error=error)
    if expected is None:
        with pytest.raises(error):
            run(job, first)
    else:
        assert run(job, first) == expected
    assert len(lines(job)) == 1

    # When
    second = Service()
    assert run(job, second) == 0

    # Then
    assert second.asked == ["b.jpg", "c.jpg"]
    assert sorted(lines(job)) == [answer(name).line.strip() for name in ("a.jpg", "b.jpg", "c.jpg")]


def test_a_run_with_other_settings_is_not_mixed_in(job: Job) -> None:
    run(job)
    other_models = Service()
    other_models.models = {"detector": {"name": "d", "version": "2"}}

    for changed, service in (
        (replace(job, task=Task("object_detection", {})), Service()),
        (replace(job, task=Task("predict", {"slices": "3"})), Service()),
        (replace(job, inputs=(f"{job.inputs[0]}/a.jpg",)), Service()),
        (job, other_models),
    ):
        with pytest.raises(WrongUsage, match="started with other settings"):
            run(changed, service)


def test_new_pictures_of_the_folder_are_added(job: Job) -> None:
    run(job)
    (Path(job.inputs[0]) / "new.jpg").write_bytes(b"x")
    service = Service()

    run(job, service)

    assert service.asked == ["new.jpg"]


def test_csv_is_written_at_the_end_from_lines(job: Job, tmp_path: Path) -> None:
    as_csv = replace(job, out=tmp_path / "r.csv")
    with pytest.raises(Stopped):
        run(as_csv, Service(stop_at=2))
    assert not (tmp_path / "r.csv").exists()

    assert run(as_csv) == 0

    with (tmp_path / "r.csv").open(newline="", encoding="utf-8-sig") as file:
        assert [row["picture"] for row in csv.DictReader(file)] == ["a.jpg", "b.jpg", "c.jpg"]
    assert len(lines(job)) == 3


def test_without_out_lines_go_to_standard_output(
    job: Job, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run(replace(job, out=None, quiet=True)) == 0

    out, err = capfd.readouterr()
    assert out == "".join(answer(name).line for name in ("a.jpg", "b.jpg", "c.jpg"))
    assert err == ""


def test_a_folder_without_pictures_is_a_warning(
    job: Job, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "notes.txt").write_text("x")

    assert run(replace(job, inputs=(str(tmp_path / "empty"),))) == 0

    assert "there are no pictures, but 1 other files" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["results.txt", "results", "folder.csv"])
def test_an_out_of_another_kind_is_wrong_usage(job: Job, tmp_path: Path, name: str) -> None:
    (tmp_path / "folder.csv").mkdir()

    with pytest.raises(WrongUsage, match="--out"):
        run(replace(job, out=tmp_path / name))


def test_retrying_needs_a_file(job: Job) -> None:
    with pytest.raises(WrongUsage, match="needs --out"):
        run(replace(job, out=None, retry_failed=True))


def test_pictures_without_their_annotated_picture_are_recognized_again(
    job: Job, tmp_path: Path
) -> None:
    # Given a run that wrote one annotated picture, and a note that another cannot be drawn
    drawn = tmp_path / "drawn"
    annotating = replace(job, annotate=drawn)
    run(annotating)
    drawn.mkdir()
    (drawn / "b.jpg").write_bytes(b"x")
    note_path(drawn, "c.jpg").write_bytes(b"x")
    service = Service()

    # When
    run(annotating, service)

    # Then
    assert service.asked == ["a.jpg"]
    assert len(lines(job)) == 3
