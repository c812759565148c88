"""The fields of a registration certificate are read."""

from __future__ import annotations

import pytest

from carlens.catalog.registration import split_fields


@pytest.mark.parametrize(
    ("make", "model", "expected"),
    [
        ("(D.1) FIAT (D.3) 500", "", ("FIAT", "500")),
        ("(D.1) FIAT", "(D.3) 500", ("FIAT", "500")),
        ("", "D1 : OPEL / D3 : CORSA", ("OPEL", "CORSA")),
        ("D1 PEUGEOT", "D2 3008", ("PEUGEOT", "3008")),
        ("RENAULT (D.1)", "CLIO (D.3)", ("RENAULT", "CLIO")),
        ("", "RENAULT (D.3) CLIO", ("RENAULT", "CLIO")),
        ("", "D1 PEUGEOT D2 2C9HZC D3 207", ("PEUGEOT", "207")),
        # with the names of the fields, and other fields
        ("", "D.1 Marke: AUDI D.3 Handelsbezeichnung: A4", ("AUDI", "A4")),
        ("", "Marque (D.1): DS Dénomination commerciale (D.3): 7", ("DS", "7")),
        ("", "D.1 SEAT D.2 6J D.2.1 MSE12 D.3 IBIZA J.1 M1", ("SEAT", "IBIZA")),
        # without a commercial name
        ("(D.1) BMW", "(D.2) 346L", ("BMW", "346L")),
        # not such fields
        ("Alpina", "D3", ("Alpina", "D3")),
        ("Volvo", "V60 D.3", ("Volvo", "V60 D.3")),
        ("Mercedes (D)", "C 220", ("Mercedes (D)", "C 220")),
        ("", "", ("", "")),
    ],
)
def test_the_make_and_the_commercial_name_are_found(
    make: str, model: str, expected: tuple[str, str]
) -> None:
    assert split_fields(make, model) == expected
