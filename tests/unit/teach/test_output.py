from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from carlens.files import replace_file
from carlens.teach.calibration import Calibration
from carlens.teach.card import Facts, write_card
from carlens.teach.errors import TeachError
from carlens.teach.evaluation import evaluate
from carlens.teach.labels import Label
from carlens.teach.output import check_target, manifest_text, write_model
from carlens.teach.progress import Bar, format_seconds, with_progress
from carlens.teach.report import report_html
from tests.teach_support import held_out, scored

FACTS = Facts(
    name="my-cars",
    base="base",
    source="photos",
    files=40,
    used=38,
    kept=196,
    left_out=0,
    method="magic",
    protocol="All photos were guessed.",
    command="make teach",
)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("name", ["", "My Cars", "../cars", "-x", "a" * 65])
def test_a_name_must_be_that_of_a_folder(name: str, tmp_path: Path) -> None:
    with pytest.raises(TeachError, match="cannot be the name of a model"):
        check_target(tmp_path, name, in_use=frozenset(), force=True)


def test_nothing_is_overwritten_without_force(tmp_path: Path) -> None:
    # Given a model of that name
    write_model(tmp_path / "cars", {"model.json": b"old"})
    in_use = frozenset({"base"})

    # Then it is replaced only with force, and other models never
    with pytest.raises(TeachError, match=r"cars exists; choose another name, or .* FORCE=yes"):
        check_target(tmp_path, "cars", in_use=in_use, force=False)
    with pytest.raises(TeachError, match="'base' is a model that this run uses"):
        check_target(tmp_path, "base", in_use=in_use, force=True)
    target = check_target(tmp_path, "cars", in_use=in_use, force=True)
    write_model(target, {"model.json": b"new", "labels.txt": b"x"})
    assert (target / "model.json").read_bytes() == b"new"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cars"]

    # And not if somebody put files of their own there
    (target / "notes.txt").write_text("mine")
    with pytest.raises(TeachError, match=r"did not write, such as notes\.txt"):
        check_target(tmp_path, "cars", in_use=in_use, force=True)


def test_a_model_that_cannot_be_written_leaves_the_old_one(tmp_path: Path) -> None:
    write_model(tmp_path / "cars", {"model.json": b"old"})

    with pytest.raises(OSError, match="no-such-folder"):
        write_model(tmp_path / "cars", {"model.json": b"new", "no-such-folder/x": b""})

    assert (tmp_path / "cars" / "model.json").read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["cars"]


def test_a_file_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "report.html").mkdir()

    with pytest.raises(OSError, match=r"report\.html"):
        replace_file(tmp_path / "report.html", b"data")

    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]


def test_a_manifest_says_what_is_certain() -> None:
    base = {"name": "base", "thresholds": {"confidence": 0.5, "iou": 0.6}, "calibration": {}}
    calibration = Calibration(11.5, {"make": 0.1, "model": 0.2, "name": 0.3}, 7.25)

    text = manifest_text(base, {"name": "mine"}, model=b"x", calibration=calibration)

    document = json.loads(text)
    assert (document["name"], document["bytes"]) == ("mine", 1)
    assert document["thresholds"] == {"confidence": 0.3, "iou": 0.6}
    assert document["calibration"] == {
        "temperature": 11.5,
        "thresholds": {"make": 0.1, "model": 0.2, "name": 0.3},
        "unknown": {"output": "unknown_score", "threshold": 7.25},
    }


def test_a_card_says_so_if_no_answer_is_certain() -> None:
    # Given few photos, of which none was named right
    owners = np.repeat([0, 1], 5)
    labels = (Label("Kia Rio|x"), Label("Kia Picanto"))

    card = write_card(FACTS, evaluate(held_out(np.eye(2)[1 - owners], owners), labels, None))

    assert "**No answer is certain.**" in card
    assert "| full name | 0.0% | never | 0.0% | none is certain |" in card
    assert r"| Kia Rio\|x | 5 | 0% |" in card
    assert "this was not measured" in card


def test_a_card_and_a_report_of_a_model_that_stands_alone_and_is_always_right() -> None:
    owners = np.repeat([0, 1, 2], 20)
    labels = (Label("A a", "A", "a"), Label("B b", "B", "b"), Label("C c", "C", "c"))
    left_out = scored(np.eye(3)[(owners + 1) % 3], unknown=np.full(60, 1.0))
    others = scored(np.eye(3)[owners], unknown=np.full(60, 2.0))
    photos = held_out(np.eye(3)[owners], owners, left_out=left_out)
    evaluation = evaluate(photos, labels, others)

    card = write_card(replace(FACTS, kept=0), evaluation)
    page = report_html("x", [], {}, evaluation, [])

    assert "| Classes | 3, from these photos |" in card
    assert "| Method | magic |" in card
    assert "All photos were guessed." in card
    assert "| make and model | 100.0% | 0.500 | 100.0% | 100.0% (95 % interval 94.0%" in card
    assert "60 of 60 held-out photos get a certain model or full name" in card
    assert "No held-out photo got a wrong name." in card
    assert "Photos of other vehicles: 0 of 30 still got a certain" in card
    assert "when their model is not taught: 0 of 60 still got" in card
    assert "in 100.0% of all pairs (AUROC)" in card
    assert "were not measured here" not in card
    assert "Of 30 vehicles of other models, 0 got a certain model or full name." in page


def test_a_card_tells_which_classes_were_forgotten() -> None:
    owners = np.repeat([0, 1], 20)
    labels = (Label("A a", "A", "a"), Label("B b", "B", "b"))
    evaluation = evaluate(held_out(np.eye(2)[owners], owners), labels, None)

    card = write_card(replace(FACTS, kept=0, left_out=196), evaluation)

    assert "| 2, from these photos; 196 other classes of `base` were left out |" in card


def test_a_line_replaces_the_bar_on_a_terminal() -> None:
    terminal, log = Terminal(), io.StringIO()

    for stream in (terminal, log):
        Bar(stream).line("Epoch 1")

    assert terminal.getvalue() == "\r\x1b[KEpoch 1\n"
    assert log.getvalue() == "Epoch 1\n"


def test_progress_is_a_bar_on_a_terminal_and_lines_elsewhere() -> None:
    terminal, log = Terminal(), io.StringIO()

    assert list(with_progress(list(range(40)), terminal)) == list(range(40))
    assert list(with_progress(list(range(40)), log)) == list(range(40))

    assert terminal.getvalue().count("\r") == 40
    assert terminal.getvalue().endswith("\n")
    assert "40/40 photos, 0 s left" in terminal.getvalue()
    assert len(log.getvalue().splitlines()) == 10
    assert format_seconds(125.4) == "2 min 05 s"
