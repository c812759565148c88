"""The endings of Polish and Czech cases are undone."""

from __future__ import annotations

import pytest

from carlens.catalog.declensions import undecline

NAMES = {"FORD", "SKODA", "OCTAVIA", "FELICIA", "PUNTO", "GOLF", "ASTRA", "KIA"}


@pytest.mark.parametrize(
    ("word", "name"),
    [
        ("FORDA", "FORD"),
        ("FORDEM", "FORD"),
        ("SKODU", "SKODA"),
        ("SKODOU", "SKODA"),
        ("SKODY", "SKODA"),
        ("OCTAVII", "OCTAVIA"),
        ("OCTAVIE", "OCTAVIA"),
        ("FELICIEM", "FELICIA"),
        ("PUNTA", "PUNTO"),
        ("GOLFOWI", "GOLF"),
        ("ASTRE", "ASTRA"),
        ("SKODZIE", "SKODA"),
        ("FORDZIE", "FORD"),
        # words, short names and other texts are left as they are
        ("GOLFY", "GOLFY"),
        ("KII", "KII"),
        ("206A", "206A"),
        ("ZEBRA", "ZEBRA"),
    ],
)
def test_a_declined_name_gets_its_basic_form(word: str, name: str) -> None:
    assert undecline((word,), NAMES, {"GOLFY"}) == (name,)
