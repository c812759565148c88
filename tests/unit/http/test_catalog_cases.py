"""Files as people really send them, through the catalog function."""

from __future__ import annotations

import csv
import io
import json
import random
from pathlib import Path
from typing import Any

import pytest

from carlens.config import Config
from carlens.http.catalog_routes import respond
from carlens.services.catalog_app import CatalogApp
from tests.support import event

APP = CatalogApp(Config())
# The folder may be in the checkout or next to it.
FOLDERS = [folder / "shared" / "cases" for folder in Path(__file__).parents]
CASES = next(filter(Path.is_dir, FOLDERS), FOLDERS[0])

Row = dict[str, str]


def send(body: bytes, content_type: str = "text/csv") -> tuple[int, str]:
    given = event("POST", "/norm/europe", body=body, content_type=content_type)
    answer = respond(given, None, APP)
    return answer["statusCode"], answer["body"]


def rows_of(body: bytes, content_type: str = "text/csv") -> list[Row]:
    status, text = send(body, content_type)
    assert status == 200, text
    delimiter = next(mark for mark in ";,\t" if mark in text)
    return list(csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter))


def refusal(body: bytes, content_type: str = "text/csv") -> str:
    status, text = send(body, content_type)
    error = json.loads(text)["error"]
    assert (status, error["code"]) == (400, "malformed_body")
    message: str = error["message"]
    return message


def matched(rows: list[Row]) -> list[tuple[str, str]]:
    return [(row["matched_make"], row["matched_model"]) for row in rows]


@pytest.mark.parametrize(
    ("name", "content_type", "expected"),
    [
        ("camel_case_header", "text/csv", [("Volkswagen", "Golf"), ("Opel", "Corsa")]),
        ("title_above_header", "text/csv", [("Volkswagen", "Golf"), ("Opel", "Corsa")]),
        ("excel_dates", "text/csv", [("Saab", "9-3"), ("Saab", "9-5")]),
        ("ctrl_z", "text/csv", [("Volkswagen", "Golf")]),
        ("plain_sent_as_vnd.ms-excel", "application/vnd.ms-excel", [("Volkswagen", "Golf")]),
    ],
)
def test_a_shared_case_is_matched(
    name: str, content_type: str, expected: list[tuple[str, str]]
) -> None:
    path = CASES / f"csv_{name}.csv"
    if not path.is_file():
        pytest.skip("no folder shared/cases")

    assert matched(rows_of(path.read_bytes(), content_type)) == expected


FLEET = "VW;Golf\r\nOpel;Corsa\r\n"
VW_AND_OPEL = [("Volkswagen", "Golf"), ("Opel", "Corsa")]


@pytest.mark.parametrize(
    "text",
    [
        f"carMake;carModel\r\n{FLEET}",
        f"car_make;car_model\r\n{FLEET}",
        f"makename;modelname\r\n{FLEET}",
        f"Marke;Handelsbezeichnung\r\n{FLEET}",
        f"D.1;D.3\r\n{FLEET}",
        f"Cars of 2024\r\n\r\nmake;model\r\n{FLEET}",
        f"\r\n;\r\nmake;model\r\n{FLEET}\x1a",
        f"make;model\r\n{FLEET}".replace("\r\n", "\r\r\n"),
        f"sep=;\r\nmake;model\r\n{FLEET}",
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8-sig", "cp1252", "utf-16"])
@pytest.mark.parametrize("content_type", ["text/csv", "application/vnd.ms-excel"])
def test_a_file_is_read_as_people_write_it(text: str, encoding: str, content_type: str) -> None:
    rows = rows_of(text.encode(encoding), content_type)

    assert matched(rows) == VW_AND_OPEL
    assert [list(row.values())[:2] for row in rows] == [["VW", "Golf"], ["Opel", "Corsa"]]


def test_a_french_file_gets_french_columns() -> None:
    (row,) = rows_of("N°;Véhicule;Désignation;Prix\n7;Peugeot;2O6;-5,5\n".encode("cp1252"))

    assert row == {
        "N°": "7", "Véhicule": "Peugeot", "Désignation": "2O6", "Prix": "-5,5",
        "matched_marque": "Peugeot", "matched_modele": "206", "score": "100",
    }  # fmt: skip


def test_an_answer_can_be_sent_again() -> None:
    _, once = send(b"id,make,model\n=1,vw,golf\n")

    (row,) = rows_of(once.encode())

    assert (row["id"], row["make"], row["matched_model"]) == ("'=1", "vw", "Golf")


@pytest.mark.parametrize(
    ("body", "columns"),
    [
        (b"Plate;Color\nAB 123;red\n", "'Plate', 'Color'"),
        (b"Ref;Vendor;Article\n1;VW;Golf\n", "'Ref', 'Vendor', 'Article'"),
        (b"Plate;Vendor;Article\nAB-123;VW;Golf\n", "'Plate', 'Vendor', 'Article'"),
        (b"2024-05-01,VW,Golf\n", "'2024-05-01', 'VW', 'Golf'"),
    ],
)
def test_a_file_that_is_not_understood_is_refused_with_its_columns(
    body: bytes, columns: str
) -> None:
    assert columns in refusal(body)


def test_random_bytes_are_refused_whatever_their_number() -> None:
    chance = random.Random(14)

    for size in (64, 100, 256, 1024, 65_536):
        for _ in range(20):
            assert refusal(chance.randbytes(size))


def test_a_wrong_item_of_a_json_list_fails_alone() -> None:
    items: list[Any] = [{"make": "saab", "model": 9.3}, 5, {"Make": "vw"}, ["peugeot", 208]]

    status, text = send(json.dumps(items).encode(), "application/json")

    answers = json.loads(text)
    assert status == 200
    assert [answer["model"] for answer in answers] == ["9-3", "", "", "208"]
    assert ["error" in answer for answer in answers] == [False, True, True, False]
    assert answers[1]["error"]["code"] == "invalid_row"
    assert answers[1]["error"]["message"].startswith("[1] must be an object with 'make'")
