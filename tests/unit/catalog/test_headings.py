"""The columns of make and model are found by headings as people write them."""

from __future__ import annotations

import pytest

from carlens.catalog.headings import Header, find_header, read_header


def columns_of(row: str) -> tuple[int | None, int | None] | None:
    cells = row.split(";")
    header = read_header(cells)
    return header.columns(len(cells)) if header else None


@pytest.mark.parametrize(
    "row",
    [
        "make;model",
        "carMake;carModel",
        "CarMAKE;CarMODEL",
        "MakeName;ModelName",
        "car_make;car_model",
        "MAKE_NAME;MODEL_NAME",
        "car-make;car-model",
        "car.make;car.model",
        "makename;modelname",
        "vehiclemake;vehiclemodel",
        "Makes;Models",
        "Make:;Model:",
        "  make ; MODEL  ",
        "make*;model (required)",
        "carMaker;car",
        "Marke;Modell",
        "Marke;Typ",
        "Markenname;Modellbezeichnung",
        "Fahrzeughersteller;Fahrzeugmodell",
        "Kfz-Hersteller;Handelsbezeichnung",
        "Fabrikat;Typbezeichnung",
        "Marke (D.1);Bezeichnung (D.3)",
        "D.1;D.3",
        "D1;D3",
        "(D.1);(D.3)",
        "D.1 Marque;D.3 Dénomination commerciale",
        "D.1;D.2",
        "Marque;Modèle",
        "MARQUE;MODELE",
        "Véhicule;Désignation",
        "Constructeur;Gamme",
        "Marque du véhicule;Libellé",
        "Marca;Modelo",
        "Marca del coche;Versión",
        "Casa;Modello",
        "Merk;Type",
        "automerk;handelsbenaming",
        "Bilmärke;Bilmodell",
        "Merkki;Malli",
        "Marka pojazdu;Model",
        "Tovární značka;Typ",
        "Gyártmány;Típus",
        "Марка;Модель",
        "μάρκα;μοντέλο",
        "Mfr.;Mdl.",
        "Hst.;Mod.",
        "Manuf;Description",
        "Vehicle;Type",
        "Fahrzeug;Bezeichnung",
    ],
)
def test_two_columns_are_found_in_either_order(row: str) -> None:
    assert columns_of(row) == (0, 1)
    assert columns_of(";".join(reversed(row.split(";")))) == (1, 0)


@pytest.mark.parametrize(
    ("row", "columns"),
    [
        ("N°;Marque;Modèle", (1, 2)),
        ("N°;Véhicule", (None, 1)),
        ("N° modèle;Marque;Désignation", (1, 2)),
        ("No;Make;Model", (1, 2)),
        ("#;Make;Model", (1, 2)),
        ("D.1;D.2;D.3", (0, 2)),
        ("make_id;make;model_id;model", (1, 3)),
        ("modelId;modelName;makeId;makeName", (3, 1)),
        ("Modelljahr;Marke;Modell", (1, 2)),
        ("carmake;caryear;carmodel", (0, 2)),
        ("Herstellerschlüsselnummer;Marke;Handelsbezeichnung", (1, 2)),
        ("make;year;type", (0, 2)),
        ("make;year;trim", (0, 2)),
        ("make;year", (0, None)),
        ("id;model;trim", (None, 1)),
        ("model;owner;trim", (1, 0)),
        ("matched_make;matched_model;make;model", (2, 3)),
        # one column for both
        ("Make/Model", (None, 0)),
        ("id;Make and model", (None, 1)),
        ("car_model", (None, 0)),
        ("Marke", (None, 0)),
        ("Vehicle", (None, 0)),
        ("Vehicle description", (None, 0)),
        ("Id;Vehicle;Price", (None, 1)),
    ],
)
def test_other_columns_are_not_taken(row: str, columns: tuple[int | None, int | None]) -> None:
    assert columns_of(row) == columns


@pytest.mark.parametrize(
    "row",
    [
        "Tesla;Model 3",
        "Tesla;Model S;auto",
        "Tesla;Model Y;brand new",
        "Volvo;V40;D3;auto",
        "Fiat;Tipo",
        "Tipo",
        "VW;Golf;car",
        "Jaguar;E-Type",
        "Ford;Model T",
        "Mercedes;Marco Polo",
        "brand new",
        "marque : Renault;modèle : Clio",
        "a;b",
        "",
        ";",
    ],
)
def test_a_row_of_data_is_not_a_header(row: str) -> None:
    assert read_header(row.split(";")) is None


@pytest.mark.parametrize(
    ("row", "french"),
    [
        ("marque;modele", True),
        ("Modèle;id", True),
        ("Constructeur;Gamme", True),
        ("Véhicule;Désignation", True),
        ("MARQUE;désignation", True),
        ("marque;model", False),
        ("make;designation", False),
        ("D.1;D.3", False),
        ("Marca;Modelo", False),
    ],
)
def test_a_header_has_a_language(row: str, french: bool) -> None:
    header = read_header(row.split(";"))

    assert header is not None
    assert header.is_french is french


def test_a_complete_header_has_a_column_for_each() -> None:
    assert Header(0, 1).is_complete
    assert Header(make=0, name=1).is_complete
    assert Header(vehicle=0, name=1).is_complete
    for header in (Header(0, 0), Header(model=1), Header(make=0), Header(vehicle=0, name=0)):
        assert not header.is_complete


@pytest.mark.parametrize(
    ("rows", "index"),
    [
        (["make;model", "vw;golf"], 0),
        (["Fleet;;", ";;", "id;make;model"], 2),
        (["Fleet;2024", "make;model"], 1),
        (["Car models", "Make;Model;Year"], 1),
        ([";;"] * 30 + ["make;model"], 30),
        (["a;", "b;", "c;", "make;model"], 3),
        (["model", "VW Golf"], 0),
        (["My cars", "model", "VW Golf"], 1),
        # data above a repeated header
        (["vw;golf", "fiat;uno", "make;model"], None),
        (["vw golf", "fiat uno", "model"], None),
        (["a;"] * 30 + ["make;model"], None),
        (["vw;golf"], None),
        ([], None),
    ],
)
def test_a_header_may_be_below_a_title(rows: list[str], index: int | None) -> None:
    found = find_header([row.split(";") for row in rows])

    assert (found and found[0]) == index


def test_a_long_heading_is_split_quickly() -> None:
    assert read_header(["NOID" * 10_000, "carcar" * 1_000]) is None
