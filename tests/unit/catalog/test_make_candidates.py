"""Makes are found in a text."""

from __future__ import annotations

import pytest

from carlens.catalog.index import build_index
from carlens.catalog.make_candidates import (
    MakeCandidate,
    MakeText,
    find_embedded_make,
    parse_make,
)
from carlens.catalog.normalize import tokenize
from carlens.catalog.tables import Entry
from carlens.catalog.vocabulary import Vocabulary

INDEX = build_index(
    [
        *(Entry("Sagitarius", model) for model in ("Fanal", "X")),
        Entry("Sagi Tario", "Otto"),
        Entry("Rover", "75"),
        Entry("DR", "5"),
        Entry("Ona", "Up"),
        Entry("Z", "4"),
        Entry("360", "Pop"),
    ],
    Vocabulary(
        stop_words=frozenset({"AUTO"}), make_aliases={"Q": "QUARTZ", "ZE": "ZEBRA", "YAK": "YAKOV"}
    ),
)
NAMES = [make.name for make in INDEX.makes]


def candidates(text: str) -> list[tuple[str, float, str]]:
    found = parse_make(INDEX, text).candidates
    return [(NAMES[make.id], round(make.score, 2), " ".join(make.rest)) for make in found]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("rover", [("Rover", 1.0, "")]),
        ("auto Rover", [("Rover", 1.0, "AUTO")]),
        ("sagi tario", [("Sagi Tario", 1.0, "")]),
        # a single letter is a make only without other words
        ("Z", [("Z", 1.0, "")]),
        ("auto Z", []),
        # joined to its model
        ("SagitariusFanal", [("Sagitarius", 1.0, "FANAL")]),
        ("SagitariusFan al", [("Sagitarius", 1.0, "FAN AL")]),
        ("DR5", [("DR", 1.0, "5")]),
        ("SagitariusX", [("Sagitarius", 0.91, ""), ("Sagi Tario", 0.73, "")]),
        # misspelled, at the start
        ("Rovr", [("Rover", 0.8, "")]),
        ("auto Rovr xy", [("Rover", 0.8, "AUTO XY")]),
        ("xxxx Rovr", []),
        # two letters never match a misspelling, and three score lower
        ("Ro", []),
        ("Oma", [("Ona", 0.47, "")]),
        # sounds or begins like it
        ("Rowwer", [("Rover", 0.9, "")]),
        ("Rove", [("Rover", 0.8, "")]),
        ("AUTO", []),
    ],
)
def test_a_make_is_found(text: str, expected: list[tuple[str, float, str]]) -> None:
    assert candidates(text) == expected


def test_an_exact_make_next_to_another_word_may_be_part_of_a_misspelled_one() -> None:
    text = parse_make(INDEX, "Sagitariux Rover")

    assert [NAMES[make.id] for make in text.candidates] == ["Rover", "Sagitarius", "Sagi Tario"]
    assert text.is_exact


def test_of_two_exact_makes_the_longest_comes_first() -> None:
    found = candidates("Rover Sagitarius")

    assert found[:2] == [("Sagitarius", 1.0, "ROVER"), ("Rover", 1.0, "SAGITARIUS")]


@pytest.mark.parametrize(
    ("text", "is_unlisted"),
    [("Quartz", True), ("Q", True), ("Yak auto", True), ("auto ZE", False), ("Rover", False)],
)
def test_a_known_make_may_be_unlisted(text: str, is_unlisted: bool) -> None:
    assert parse_make(INDEX, text).is_unlisted == is_unlisted


def test_a_text_is_exact_if_its_best_candidate_is() -> None:
    exact, similar = MakeCandidate(0, 1.0), MakeCandidate(1, 0.9)

    assert MakeText(("A",), (exact, similar)).is_exact
    assert not MakeText(("A",), (similar,)).is_exact
    assert not MakeText(("A",), ()).is_exact


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Rover 75", ("Rover", ("75",))),
        ("old Rover 75", ("Rover", ("OLD", "75"))),
        ("my old Rover", ("Rover", ("MY", "OLD"))),
        ("my very old Rover", None),
        ("Sagi Tario Otto", ("Sagi Tario", ("OTTO",))),
        ("DR 5", ("DR", ("5",))),
        ("5 DR", None),
        ("Z 4", None),
        ("360", None),
        ("", None),
    ],
)
def test_an_exact_make_is_found_among_the_first_words_of_a_model(
    text: str, expected: tuple[str, tuple[str, ...]] | None
) -> None:
    found = find_embedded_make(INDEX, tokenize(text))

    assert (found and (NAMES[found.id], found.rest)) == expected
