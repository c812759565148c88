"""The model of a make is found in a text."""

from __future__ import annotations

import pytest

from carlens.catalog.index import build_index
from carlens.catalog.make_candidates import MakeCandidate
from carlens.catalog.model_candidates import ModelCandidate, find_model, find_model_of
from carlens.catalog.normalize import tokenize
from carlens.catalog.tables import Entry
from carlens.catalog.vocabulary import Vocabulary

MODELS = [
    "Fanal", "Fanal Gran Sport", "Land Cruiser", "Cross", "C3", "C35", "Eins Zwei Drei", "Octavia", "Uno", "2008"
]  # fmt: skip
INDEX = build_index(
    [Entry("Sagitarius", model) for model in MODELS],
    Vocabulary(
        stop_words=frozenset({"GTI", "RT", "WAGON", "CROSSWAGON", "T", "PORTES"}),
        units=frozenset({"PORTES"}),
    ),
)


@pytest.mark.parametrize(
    ("text", "model", "score", "name", "is_leading"),
    [
        ("fanal", "Fanal", 1.0, "FANAL", True),
        ("gti fanal", "Fanal", 1.0, "FANAL", True),
        ("zzzz fanal", "Fanal", 1.0, "FANAL", False),
        ("Sagitarius fanal", "Fanal", 1.0, "FANAL", False),
        # a later word makes it another model
        ("fanal zzzz Gran Sport", "Fanal Gran Sport", 1.0, "FANAL", True),
        # a trim is joined to it, or it looks like a name
        ("fanalgti", "Fanal", 0.95, "FANAL", True),
        ("fanalt", "Fanal", 0.83, "FANAL", True),
        ("fanalxx", "Fanal", 0.71, "FANAL", True),
        ("un0", "Uno", 0.95, "UNO", True),
        # a count is not part of a name
        ("c3 5 portes", "C3", 1.0, "C3", True),
        ("c3 5", "C35", 1.0, "C35", True),
        # a year is a name only if the table has it
        ("2008", "2008", 1.0, "2008", True),
        ("2012 uno", "Uno", 1.0, "UNO", True),
        # abbreviated, misspelled, or truncated
        ("L. Cruiser", "Land Cruiser", 0.9, "LANDCRUISER", True),
        ("gti L. Cru. gti", "Land Cruiser", 0.9, "LANDCRUISER", True),
        ("zzzz octavai", "Octavia", 0.86, "OCTAVIA", False),
        ("zzzz yyyy octavai", "Octavia", 0.86, "OCTAVIA", False),
        ("Einz Zwei Drex", "Eins Zwei Drei", 0.83, "EINSZWEIDREI", True),
        ("oktawia", "Octavia", 0.9, "OCTAVIA", True),
        ("oct", "Octavia", 0.9, "OCTAVIA", True),
    ],
)
def test_a_model_is_found(text: str, model: str, score: float, name: str, is_leading: bool) -> None:
    found = find_model(INDEX, 0, tokenize(text))

    assert found is not None
    assert INDEX.entries[found.id].model == model
    assert (round(found.score, 2), found.name, found.is_leading) == (score, name, is_leading)


@pytest.mark.parametrize(
    "text",
    ["", "gti", "zzzz", "unno", "zzzz yyyy xxxx octavai", "crosswagon", "l", "octx", "fxnxl"],
)
def test_no_model_is_found(text: str) -> None:
    assert find_model(INDEX, 0, tokenize(text)) is None


def test_an_exact_make_helps_to_find_its_model() -> None:
    def find(text: str, make: MakeCandidate) -> ModelCandidate | None:
        return find_model_of(INDEX, make, tokenize(text))

    # A typo in a short name needs an exact make
    typo = find("unno", MakeCandidate(0, 1.0))
    assert typo == ModelCandidate(8, 0.75, "UNO", is_leading=True)
    assert find("unno", MakeCandidate(0, 0.9)) is None
    # The make's own text may hold the model, or a part of it
    fanal = ModelCandidate(0, 1.0, "FANAL", is_leading=True, end=1)
    assert find("", MakeCandidate(0, 0.9, rest=("FANAL",))) == fanal
    c3 = find("3", MakeCandidate(0, 0.9, rest=("C",)))
    assert c3 == ModelCandidate(4, 1.0, "C3", is_leading=True, end=2)


def test_a_score_of_a_lookalike_is_exact_enough() -> None:
    assert ModelCandidate(0, 0.95, "A", is_leading=True).is_exact
    assert not ModelCandidate(0, 0.94, "A", is_leading=True).is_exact
