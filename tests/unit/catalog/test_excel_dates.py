"""Dates that a spreadsheet made of model names are turned back, or recognized as dates."""

from __future__ import annotations

import pytest

from carlens.catalog.excel_dates import undo_date
from carlens.catalog.matcher import Matcher
from carlens.catalog.tables import Entry
from carlens.catalog.vocabulary import read_vocabulary

MATCHER = Matcher(
    [
        Entry("Saab", "9-3"),
        Entry("Saab", "9-5"),
        Entry("Mazda", "3"),
        Entry("Proton", "Gen-2"),
        Entry("Peugeot", "2008"),
    ],
    read_vocabulary(),
)


@pytest.mark.parametrize(
    "text",
    [
        *(
            "09-Mar",
            "9-Mar",
            "Mar-09",
            "9. Mrz",
            "09. März",
            "9 mars",
            "09-mars",
            "9/mar",
            "9. Mar.",
        ),
        *("03-Sep", "3. Sept.", "3 septembre", "09.03.2024", "9/3/2024", "2024-03-09", "09-Mar-24"),
        *("9 March 2024", "2024-09-03 00:00:00", " 09-Mar "),
    ],
)
def test_a_date_is_the_model_that_it_was(text: str) -> None:
    assert "9-3" in undo_date(text)
    assert MATCHER.match("Saab", text).model == "9-3"


@pytest.mark.parametrize("make", ["Mazda", "Peugeot", "Proton"])
@pytest.mark.parametrize(
    "text", ["03-May", "3-May", "2008-01-03", "2. Jan", "03.02.2008", "Feb-03"]
)
def test_a_date_is_no_other_model(make: str, text: str) -> None:
    match = MATCHER.match(make, text)

    assert (match.make, match.model) == (make, "")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "9-3",
        "9.3",
        "2008",
        "Clio",
        "3 Series",
        "09-Foo",
        "MRT 50",
        "45-Mar",
        "Golf 7",
        "9-",
        "Mar",
    ],
)
def test_other_names_are_not_dates(text: str) -> None:
    assert undo_date(text) == ()


def test_a_model_with_the_form_of_a_date_is_found() -> None:
    assert MATCHER.match("Proton", "Gen-2").model == "Gen-2"
