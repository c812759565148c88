"""The contract is found in a checkout and in an installed wheel."""

from __future__ import annotations

from pathlib import Path

from carlens.http.contract import contract_path


def test_the_contract_of_a_checkout_lies_next_to_the_package(tmp_path: Path) -> None:
    package = tmp_path / "carlens"
    package.mkdir()
    (tmp_path / "openapi.yaml").touch()

    assert contract_path(package) == tmp_path / "openapi.yaml"
    assert contract_path().is_file()


def test_the_contract_of_a_wheel_lies_inside_the_package(tmp_path: Path) -> None:
    package = tmp_path / "carlens"
    package.mkdir()
    for folder in (tmp_path, package):
        (folder / "openapi.yaml").touch()

    assert contract_path(package) == package / "openapi.yaml"
