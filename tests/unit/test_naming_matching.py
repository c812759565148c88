"""Written make and model -> the entry meant, or none."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carlens.naming.cleaning import read_words
from carlens.naming.matching import Matcher
from carlens.naming.names import Names
from carlens.naming.tables import Entry, FolderTables, parse_table


@pytest.fixture(scope="module")
def europe() -> Matcher:
    data = FolderTables().read("europe")
    assert data is not None
    return Matcher(parse_table("europe", data), read_words())


@pytest.mark.parametrize(
    ("make", "model", "expected"),
    [
        ("renault", "clio5portes turbo", ("Renault", "Clio")),
        ("reneau", "clioRT", ("Renault", "Clio")),
        ("peugeot", "2O6", ("Peugeot", "206")),
        ("alfa-romeo", "147", ("Alfa Romeo", "147")),
        ("BMW", "3er REIHE", ("BMW", "3 Series")),
        ("bmw", "320d touring", ("BMW", "3 Series")),
        ("MERCEDES", "CLASSE A 180 CDI", ("Mercedes-Benz", "A-Class")),
        ("vw", "golf VII", ("Volkswagen", "Golf")),
        ("mazda", "mazda 3", ("Mazda", "3")),
        ("citroen", "C4 gd picasso 1.6 HDI 110", ("Citroën", "Grand C4 Picasso")),
        ("citroen", "xsara picaso", ("Citroën", "Xsara Picasso")),
        ("iveco", "dayli", ("Iveco", "Daily")),
        ("CLIO", "RENAULT", ("Renault", "Clio")),
        ("", "RENAULT CLIO", ("Renault", "Clio")),
        ("peugeot", "clio", ("Renault", "Clio")),
    ],
)
def test_what_is_written_is_found(
    europe: Matcher, make: str, model: str, expected: tuple[str, str]
) -> None:
    found = europe.match(make, model)

    assert (found.make, found.model) == expected


@pytest.mark.parametrize(
    ("make", "model", "expected"),
    [
        ("peugeot", "209", ("Peugeot", "")),  # no 208, nor 206
        ("citroen", "c7", ("Citroën", "")),
        ("renault", "", ("Renault", "")),
        ("Chevrolet", "Sonic", ("Chevrolet", "")),  # no Kia Stonic
        ("Bajaj", "Pulsar", ("", "")),  # another make, not the Nissan
        ("asdf", "qwerty", ("", "")),
        ("", "308", ("", "")),  # a number tells no make
        ("", "", ("", "")),
    ],
)
def test_what_is_not_in_the_table_gets_no_wrong_name(
    europe: Matcher, make: str, model: str, expected: tuple[str, str]
) -> None:
    found = europe.match(make, model)

    assert (found.make, found.model) == expected


def test_the_score_says_how_near_it_is(europe: Matcher) -> None:
    exact, near, none = (
        europe.match(*pair) for pair in (("renault", "clio"), ("reneau", "clyo"), ("xx", "yy"))
    )

    assert (exact.score_make, exact.score_model, exact.score) == (100, 100, 100)
    assert 0 < near.score_make < 100
    assert none.score < near.score < 100


def test_alternatives_are_other_models_best_first(europe: Matcher) -> None:
    found = europe.match("ford", "transit", top_k=4)

    assert (found.make, found.model) == ("Ford", "Transit")
    scores = [score for _, score in found.alternatives]
    assert 1 <= len(scores) <= 3
    assert scores == sorted(scores, reverse=True)
    assert "Transit" not in [entry.model for entry, _ in found.alternatives]


def test_a_table_of_ones_own_is_matched_as_it_is_spelled() -> None:
    # Given a table that knows no European car
    matcher = Matcher([Entry("ACME", "Rocket Mk 2"), Entry("ACME", "Anvil")], read_words())

    # Then its own names are found, and no other
    assert matcher.match("acme", "rocket mk2").model == "Rocket Mk 2"
    assert matcher.match("acmé", "anvile").model == "Anvil"
    assert matcher.match("renault", "clio").make == ""


@settings(max_examples=300, deadline=None)
@given(make=st.text(max_size=300), model=st.text(max_size=300), top_k=st.integers(1, 20))
def test_any_text_gets_an_answer_within_its_range(
    europe: Matcher, make: str, model: str, top_k: int
) -> None:
    found = europe.match(make, model, top_k=top_k)

    assert found.make or not found.model
    assert all(0 <= s <= 100 for s in (found.score_make, found.score_model, found.score))
    assert len(found.alternatives) < top_k


def test_near_names_have_the_same_digits() -> None:
    names = Names({"CLIO": 0, "IX35": 1, "IX20": 2})

    assert names.near("CLOI", least=0.7) == [("CLIO", 0.75)]
    assert names.near("IX30", least=0.1) == []
