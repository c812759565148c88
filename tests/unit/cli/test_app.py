"""The commands, called in this process."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

import carlens
from carlens.cli.app import app
from carlens.config import Config


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [str(each) for each in arguments])


def test_help_lists_the_commands() -> None:
    result = run("--help")

    assert result.exit_code == 0
    for command in ("predict", "names", "models", "serve"):
        assert f"\n  {command} " in result.stdout


def test_version() -> None:
    assert run("--version").stdout == f"{carlens.__version__}\n"


def test_models_lists_the_models_and_those_in_use(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("CARLENS_CLASSIFIER", raising=False)

    lines = run("models").stdout.splitlines()

    assert [line.split()[:2] for line in lines[1:5]] == [
        ["*", Config.faces],
        ["*", Config.classifier],
        ["*", Config.plates],
        ["*", Config.detector],
    ]
    assert lines[-1] == "Classes of carlens predict: bicycle, bus, car, motorcycle, truck"


def test_models_as_json_has_what_the_api_has() -> None:
    documents: list[dict[str, Any]] = json.loads(run("models", "--json").stdout)

    assert {"name", "version", "classes", "license"} <= documents[0].keys()


def test_a_model_in_use_that_is_missing_is_wrong_usage(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CARLENS_CLASSIFIER", "missing")

    result = run("models")

    assert result.exit_code == 2
    assert "Error: missing" in result.stderr


@pytest.mark.parametrize("command", [("models",), ("predict", "--local", "."), ("names", __file__)])
def test_a_wrong_setting_is_wrong_usage(
    command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CARLENS_SLICES", "9")

    result = run(*command)

    assert result.exit_code == 2
    assert "CARLENS_SLICES is '9'" in result.stderr


def test_a_model_that_is_not_in_use_may_be_broken(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for source in Path(Config.models).glob("*/model.json"):
        (tmp_path / source.parent.name).symlink_to(source.parent)
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "model.json").write_text("{")
    monkeypatch.setenv("CARLENS_MODELS", str(tmp_path))

    lines = run("models").stdout.splitlines()

    shipped = len(list(Path(Config.models).glob("*/model.json")))
    assert len(lines) == shipped + 3
    assert not any("broken" in line for line in lines)


def test_names_matches_a_file(tmp_path: Path) -> None:
    file = tmp_path / "cars.csv"
    file.write_text("make,model\nreneau,clioRT\n")

    result = run("names", file, "--top-k", "2")

    assert result.exit_code == 0
    assert result.stdout.splitlines()[1].startswith("reneau,clioRT,Renault,Clio,")


def test_serve_passes_its_options_on(monkeypatch: pytest.MonkeyPatch) -> None:
    passed: list[list[str]] = []
    monkeypatch.setattr("carlens.local.__main__.main", passed.append)

    run("serve", "--port", "0", "--workers", "3")

    assert passed == [["--port", "0", "--host", "127.0.0.1", "--workers", "3"]]


def test_predict_says_where_it_can_run() -> None:
    result = run("predict", ".")

    assert result.exit_code == 2
    assert "--api URL, or use this computer, --local" in result.stderr


def test_errors_of_an_api_are_status_1(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "cars.csv"
    file.write_text("make,model\nreneau,clioRT\n")
    monkeypatch.setenv("CARLENS_API", "no-address")

    for command in (("models",), ("names", file), ("predict", file)):
        result = run(*command)
        assert result.exit_code == 1
        assert "no-address" in result.stderr


def test_an_api_that_is_not_there_is_status_1(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("carlens_client.exchange._FIRST_PAUSE", 0.0)

    result = run("models", "--api", "http://127.0.0.1:9")

    assert result.exit_code == 1
    assert result.stderr.startswith("Error: http://127.0.0.1:9/models could not be reached")
