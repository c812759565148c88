"""Makes and models of files, matched on this computer."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest

from carlens.catalog.matcher import Alternative, Match
from carlens.catalog.tables import Entry
from carlens.cli import names
from carlens.cli.errors import WrongUsage
from carlens.cli.names import Pairs, match_file, match_here, match_there

Files = Callable[[str], Path]
FRENCH = "marque;modele\r\nVW;Golf VII 1.6 TDI\r\nciroen;c4 picaso\r\n"


def nothing(pairs: Pairs) -> list[Match]:
    return [Match() for _ in pairs]


@pytest.fixture
def files(tmp_path: Path) -> Files:
    def write(text: str) -> Path:
        path = tmp_path / "cars.csv"
        path.write_text(text, newline="")
        return path

    return write


def test_the_matches_are_added_to_the_file(files: Files, tmp_path: Path) -> None:
    out = tmp_path / "matched.csv"

    match_file(files(FRENCH), out, 1, match_here("europe", 1))

    assert out.read_bytes().decode().splitlines() == [
        "marque;modele;matched_marque;matched_modele;score",
        "VW;Golf VII 1.6 TDI;Volkswagen;Golf;100",
        "ciroen;c4 picaso;Citroën;C4 Picasso;88",
    ]


def test_without_out_it_goes_to_standard_output(
    files: Files, capfd: pytest.CaptureFixture[str]
) -> None:
    match_file(files("make,model\nVW,Golf\n"), None, 1, nothing)

    out, err = capfd.readouterr()
    assert out.splitlines() == ["make,model,matched_make,matched_model,score", "VW,Golf,,,0"]
    assert err == "1 rows, 0 with a model.\n"


def test_a_file_may_have_more_rows_than_a_request(files: Files, tmp_path: Path) -> None:
    out = tmp_path / "matched.csv"

    match_file(files("make,model\n" + "VW,Golf\n" * 10_001), out, 1, nothing)

    assert len(out.read_text().splitlines()) == 10_002


@pytest.mark.parametrize(
    ("text", "reason"),
    [("", "no rows"), ("<html>", "HTML"), ("1;2;3\n", "first column holds numbers")],
)
def test_what_is_no_table_of_cars_is_wrong_usage(files: Files, text: str, reason: str) -> None:
    with pytest.raises(WrongUsage, match=reason):
        match_file(files(text), None, 1, nothing)


def test_too_many_rows_are_wrong_usage(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(names, "MAX_ROWS", 2)

    with pytest.raises(WrongUsage, match="more than 2 rows"):
        match_file(files("make,model\n" + "VW,Golf\n" * 3), None, 1, nothing)


def test_the_file_itself_is_not_replaced(files: Files) -> None:
    file = files("make,model\nVW,Golf\n")

    with pytest.raises(WrongUsage, match="would replace the file"):
        match_file(file, file.parent / "." / file.name, 1, nothing)


def test_a_file_that_cannot_be_written_is_wrong_usage(files: Files, tmp_path: Path) -> None:
    with pytest.raises(WrongUsage, match="No such file"):
        match_file(files("make,model\nVW,Golf\n"), tmp_path / "no" / "x.csv", 1, nothing)


def test_a_full_disk_is_reported_with_the_name_of_the_file(
    files: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(path: Path, data: bytes) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", fail)

    with pytest.raises(WrongUsage, match=r"x\.csv: No space left on device\.$"):
        match_file(files("make,model\nVW,Golf\n"), tmp_path / "x.csv", 1, nothing)


def test_a_standard_output_that_nothing_reads_is_reported(
    files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a pipe whose reader has ended
    reading, writing = os.pipe()
    os.close(reading)
    with open(writing, "wb", buffering=0) as pipe:  # noqa: PTH123 - a descriptor
        monkeypatch.setattr("sys.stdout", SimpleNamespace(buffer=pipe))

        with pytest.raises(WrongUsage, match=r"^standard output: Broken pipe\.$"):
            match_file(files("make,model\nVW,Golf\n"), None, 1, nothing)


def test_an_api_matches_names_as_this_computer_does(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = {
        "make": "Renault",
        "model": "Clio",
        "score_make": 67,
        "score_model": 95,
        "score": 84,
        "alternatives": [{"make": "Renault", "model": "Captur", "score": 50}],
    }

    def serve(request: httpx.Request) -> httpx.Response:
        if request.method == "GET":
            return httpx.Response(200, json={"tables": ["europe"]})
        if request.url.path == "/norm/mars":
            return httpx.Response(404, json={"error": {"code": "not_found", "message": "No."}})
        return httpx.Response(200, json=[answer] * len(json.loads(request.content)))

    transport = httpx.MockTransport(serve)
    client = httpx.Client
    monkeypatch.setattr(httpx, "Client", lambda: client(transport=transport))

    [match] = match_there("https://api.test", "europe", 2)([("reneau", "clioRT")])
    assert match == Match(
        "Renault", "Clio", 67, 95, 84, (Alternative(Entry("Renault", "Captur"), 50),)
    )
    with pytest.raises(WrongUsage, match="the tables are europe"):
        match_there("https://api.test", "mars", 1)([("a", "b")])


def test_an_unknown_table_is_wrong_usage() -> None:
    with pytest.raises(WrongUsage, match="the tables are europe, stanford_cars"):
        match_here("mars", 1)
