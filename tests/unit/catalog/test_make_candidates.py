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
        ("Rovr", [("Rover", 0.86, "")]),
        ("auto Rovr xy", [("Rover", 0.86, "AUTO XY")]),
        # a doubled letter, swapped letters, or another word
        ("Roverr", [("Rover", 0.9, "")]),
        ("Roger", [("Rover", 0.8, "")]),
        ("Rovre", [("Rover", 0.86, "")]),
        ("xxxx Rovr", []),
        # two letters never match a misspelling, and three score lower
        ("Ro", []),
        ("Oma", [("Ona", 0.47, "")]),
        # sounds or begins like it
        ("Rowwer", [("Rover", 0.9, "")]),
        ("Rove", [("Rover", 0.86, "")]),
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
    ("text", "unlisted"),
    [("Quartz", "QUARTZ"), ("Q", "Q"), ("Yak auto", "YAK"), ("auto ZE", ""), ("Rover", "")],
)
def test_a_known_make_may_be_unlisted(text: str, unlisted: str) -> None:
    assert parse_make(INDEX, text).unlisted == unlisted


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # a holding company stands for its makes, and a make for those that belong to it
        ("Konzern", [("Sagi Tario", True), ("Rover", True)]),
        ("Otto Konzern AG", [("Sagi Tario", True), ("Rover", True)]),
        ("Rover", [("Rover", False), ("DR", True)]),
    ],
)
def test_a_group_has_candidates_that_need_their_model(
    text: str, expected: list[tuple[str, bool]]
) -> None:
    groups = {"KONZERN": ("SAGITARIO", "ROVER", "ZEBRA"), "ROVER": ("DR",)}
    index = build_index(INDEX.entries, Vocabulary(groups=groups))

    found = parse_make(index, text).candidates

    names = [make.name for make in index.makes]
    assert [(names[make.id], make.needs_model) for make in found] == expected


def test_a_text_is_exact_if_its_best_candidate_is() -> None:
    exact, similar = MakeCandidate(0, 1.0), MakeCandidate(1, 0.9)

    assert MakeText(("A",), (exact, similar)).is_exact
    assert not MakeText(("A",), (similar,)).is_exact
    assert not MakeText(("A",), ()).is_exact


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Rover 75", ("Rover", ("75",))),
        # the words after it come first
        ("old Rover 75", ("Rover", ("75", "OLD"))),
        ("my old Rover", ("Rover", ("MY", "OLD"))),
        ("my very old Rover 75", ("Rover", ("75", "MY", "VERY", "OLD"))),
        ("Sagi Tario Otto", ("Sagi Tario", ("OTTO",))),
        ("DR 5", ("DR", ("5",))),
        ("5 DR", None),
        ("Z 4", None),
        ("360", None),
        ("", None),
    ],
)
def test_an_exact_make_is_found_in_a_model(
    text: str, expected: tuple[str, tuple[str, ...]] | None
) -> None:
    found = find_embedded_make(INDEX, tokenize(text))

    assert (found and (NAMES[found.id], found.rest)) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Ona Up", "Ona"),
        ("my Ona", "Ona"),
        ("my very old Ona", None),
        ("Ona Rover", "Rover"),  # another make is more likely
    ],
)
def test_an_everyday_word_is_a_make_only_among_the_first_words(
    text: str, expected: str | None
) -> None:
    index = build_index(INDEX.entries, Vocabulary(everyday_words=frozenset({"ONA"})))

    found = find_embedded_make(index, tokenize(text))

    assert (found and index.makes[found.id].name) == expected
