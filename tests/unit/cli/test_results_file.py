"""A results file survives whatever ends the run that writes it."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from carlens.cli import results_file
from carlens.cli.errors import Stopped, WrongUsage
from carlens.cli.results_file import ResultsFile, check_settings, kept_settings, settings_path

GOOD = '{"name":"a.jpg","error":null}\n'
BAD = '{"name":"b.jpg","error":{"code":"not_an_image"}}\n'


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "out" / "results.jsonl"


def write(path: Path, text: str) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, "utf-8")


def test_lines_are_in_the_file_at_once(path: Path) -> None:
    with ResultsFile(path) as results:
        results.append("a.jpg", GOOD, failed=False)
        assert path.read_text() == GOOD
        results.append("b.jpg", BAD, failed=True)

    assert path.read_text() == GOOD + BAD
    assert results.failed == {"a.jpg": False, "b.jpg": True}


def test_the_next_run_knows_the_lines_and_appends(path: Path) -> None:
    write(path, GOOD)

    with ResultsFile(path) as results:
        assert results.failed == {"a.jpg": False}
        results.append("b.jpg", BAD, failed=True)

    assert path.read_text() == GOOD + BAD


def test_a_picture_gets_one_line(path: Path) -> None:
    with ResultsFile(path) as results:
        results.append("a.jpg", GOOD, failed=False)
        results.append("a.jpg", GOOD, failed=False)

    assert path.read_text() == GOOD


@pytest.mark.parametrize("chunk", [1, 7, 1 << 20])
def test_a_torn_last_line_is_cut(path: Path, chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(results_file, "_CHUNK", chunk)
    for length in range(len(BAD)):
        write(path, GOOD + BAD[:length])

        with ResultsFile(path) as results:
            assert results.failed == {"a.jpg": False}
        assert path.read_text() == GOOD


def test_a_file_with_only_a_torn_line_becomes_empty(path: Path) -> None:
    write(path, GOOD[:-1])

    with ResultsFile(path) as results:
        assert results.failed == {}
    assert path.read_text() == ""


@pytest.mark.parametrize("line", ["not JSON\n", "[1]\n", '{"name":3}\n', "\n"])
def test_a_file_that_holds_something_else_is_left_as_it_is(path: Path, line: str) -> None:
    write(path, GOOD + line)

    with pytest.raises(WrongUsage, match="line 2 is not a result"):
        ResultsFile(path)
    assert path.read_text() == GOOD + line


def test_two_runs_cannot_write_the_same_file(path: Path) -> None:
    with ResultsFile(path), pytest.raises(WrongUsage, match="in use by another run"):
        ResultsFile(path)

    with ResultsFile(path):
        pass


def test_failed_pictures_can_be_removed(path: Path) -> None:
    write(path, BAD + GOOD + BAD.replace("b.jpg", "c.jpg"))

    with ResultsFile(path, retry_failed=True) as results:
        assert results.failed == {"a.jpg": False}
        results.append("b.jpg", BAD, failed=True)
        with pytest.raises(WrongUsage, match="in use by another run"):
            ResultsFile(path)

    assert path.read_text() == GOOD + BAD
    assert [one.name for one in path.parent.iterdir()] == [path.name]


def test_a_place_that_cannot_be_written_is_wrong_usage(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")

    with pytest.raises(WrongUsage, match="cannot be written"):
        ResultsFile(tmp_path / "file" / "results.jsonl")


def test_a_full_disk_stops_the_run(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(file: int, data: bytes) -> int:
        raise OSError(28, "No space left on device")

    with ResultsFile(path) as results:
        monkeypatch.setattr(os, "write", full)
        with pytest.raises(Stopped, match="No space left on device"):
            results.append("a.jpg", GOOD, failed=False)


def test_a_write_that_is_cut_short_is_completed(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_all = os.write
    with ResultsFile(path) as results:
        monkeypatch.setattr(os, "write", lambda file, data: write_all(file, data[:5]))
        results.append("a.jpg", GOOD, failed=False)

    assert path.read_text() == GOOD


def test_the_settings_of_a_run_are_kept_and_compared(path: Path) -> None:
    path.parent.mkdir()
    check_settings(path, {"options": {"slices": "1"}}, started=False)

    check_settings(path, {"options": {"slices": "1"}}, started=True)
    with pytest.raises(WrongUsage, match=r'options was \{"slices": "1"\} and is now \{\}'):
        check_settings(path, {"options": {}}, started=True)

    assert json.loads(settings_path(path).read_text()) == {"options": {"slices": "1"}}


def test_a_file_without_lines_may_get_other_settings(path: Path) -> None:
    path.parent.mkdir()
    check_settings(path, {"options": 1}, started=False)
    check_settings(path, {"options": 2}, started=False)

    assert kept_settings(path) == {"options": 2}


def test_the_folder_of_annotated_pictures_may_change(path: Path) -> None:
    path.parent.mkdir()
    check_settings(path, {"annotate": None}, started=False)
    check_settings(path, {"annotate": "/drawn"}, started=True)

    assert kept_settings(path) == {"annotate": "/drawn"}


@pytest.mark.parametrize("content", ["{", "[]"])
def test_settings_that_are_damaged_are_reported(path: Path, content: str) -> None:
    path.parent.mkdir()
    settings_path(path).write_text(content)

    with pytest.raises(WrongUsage, match=r"results\.settings\.json"):
        kept_settings(path)
