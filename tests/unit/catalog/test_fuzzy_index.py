"""Names are looked up by similarity, sound, look and prefix."""

from __future__ import annotations

import random
import string
from itertools import count, product

from rapidfuzz import process
from rapidfuzz.distance import OSA

from carlens.catalog.fuzzy_index import FuzzyIndex


def test_similar_names_have_the_same_digits() -> None:
    index = FuzzyIndex({"CLIO": 0, "IX35": 1, "IX20": 2})

    assert index.nearest("CLOI", min_score=0.7) == [("CLIO", 0.75)]
    assert index.nearest("IX30", min_score=0.1) == []


def test_similar_names_are_limited_and_the_best_comes_first() -> None:
    index = FuzzyIndex({"GALAXIE": 0, "GALAXY": 1, "GALANT": 2})

    assert index.nearest("GALAXI", min_score=0.5, limit=2) == [
        ("GALAXIE", 1 - 1 / 7),
        ("GALAXY", 1 - 1 / 6),
    ]
    assert len(index.nearest("GALAXI", min_score=0.5, limit=3)) == 3
    assert index.nearest("GALAXI", min_score=0.9, limit=3) == []


def test_a_text_much_longer_than_every_name_is_similar_to_none() -> None:
    index = FuzzyIndex({"ABCDE": 0})

    assert index.nearest("ABCDEFGHIJ", min_score=0.5) == [("ABCDE", 0.5)]
    assert index.nearest("ABCDEFGHIJK", min_score=0.5) == []
    assert FuzzyIndex({}).nearest("ABC", min_score=0.5) == []


def test_misspelled_names_are_found_among_tens_of_thousands() -> None:
    # Given a large index of names without digits, so that any of them may match
    draw = random.Random(12)
    names = ["".join(draw.choices(string.ascii_uppercase, k=9)) for _ in range(30_000)]
    index = FuzzyIndex(dict(zip(names, count(), strict=False)))

    for name in (names[0], names[15_000], names[-1]):
        # When names with a letter added, missing, swapped or wrong are looked up
        for text in (
            f"{name[:4]}X{name[4:]}",
            name[:6] + name[7:],
            name[:2] + name[3] + name[2] + name[4:],
            f"{name[:8]}X",
        ):
            found = index.nearest(text, min_score=0.8)

            # Then the result is that of comparing all names
            score = OSA.normalized_similarity(text, name)
            assert found == [(name, score)]
            assert process.extractOne(text, names, scorer=OSA.normalized_similarity)[0] == name


def test_among_very_many_only_names_that_share_letter_pairs_are_compared() -> None:
    # Given 2,001 names, of which only one shares a pair with the text, or one fewer
    others = ["".join(name) for name in product("ABCDEFGHIJKLM", repeat=3)][:2000]

    for size in (2000, 1999):
        index = FuzzyIndex(dict.fromkeys([*others[:size], "PQA"], 0))
        assert index.nearest("PQRA", min_score=0.5) == [("PQA", 0.75)]
        # Then a name that shares none is found only if every name is compared
        found = index.nearest("XBY", min_score=0.3)
        assert found == ([] if size == 2000 else [("ABA", 1 - 2 / 3)])


def test_among_very_many_a_pair_that_most_names_have_is_not_used() -> None:
    # Given thousands of names with the same first letters
    names = ["QX" + "".join(name) for name in product("ABCDEFGHIJKLMNO", repeat=3)]
    index = FuzzyIndex(dict.fromkeys(names, 0))

    # Then those alone do not make a name similar, but a rarer pair does
    assert index.nearest("QXZZZ", min_score=0.3) == []
    assert index.nearest("QXZBC", min_score=0.5) == [("QXABC", 0.8)]


def test_among_very_many_the_order_of_equally_similar_names_is_fixed() -> None:
    # Given two names that share equally many pairs with a text and are equally similar
    others = ["".join(name) for name in product("ABCDEFGHIJKLM", repeat=3)][:2000]
    index = FuzzyIndex(dict.fromkeys([*others, "WXYZP", "QRSTV"], 0))

    # Then the one that shares the first pairs comes first, whatever the hash seed
    found = index.nearest("QRSYZP", min_score=0.4, limit=2)
    assert [name for name, _ in found] == ["QRSTV", "WXYZP"]


def test_a_name_is_found_by_its_sound() -> None:
    index = FuzzyIndex({"OCTAVIA": 0, "PHAETON": 1, "QUBO": 2, "C3": 3})

    assert index.same_sound("OKTAVVIA") == "OCTAVIA"
    assert index.same_sound("FAETON") == "PHAETON"
    assert index.same_sound("CUBO") is None  # CUBO sounds like CVBO, QUBO like CBO
    assert index.same_sound("KUBO") is None
    assert index.same_sound("K3") is None  # too short


def test_a_name_is_found_by_its_look() -> None:
    index = FuzzyIndex({"XC60": 0, "ASTRA": 1, "508": 2, "OLYMPIADE": 3, "OLYMPIAN": 4, "A1": 5})

    assert index.same_look("XC6O") == "XC60"
    assert index.same_look("A5TRA") == "ASTRA"
    assert index.same_look("508") is None  # a number is not a lookalike
    assert index.same_look("5O8") == "508"
    assert index.same_look("AI") == "A1"
    assert index.same_look("0LYMPIAN") == "OLYMPIAN"
    assert index.same_look("0LYMPIADE") is None  # too long
    assert index.same_look("X") is None


def test_an_ambiguous_look_or_sound_matches_nothing() -> None:
    index = FuzzyIndex({"SOLI": 0, "S0LI": 1, "COLT": 2, "KOLT": 3, "KALOS": 4, "CALOS": 4})

    assert index.same_look("5OLI") is None
    assert index.same_sound("QOLT") is None
    # but names of one thing may share a sound
    assert index.same_sound("QALOS") == "KALOS"


def test_names_are_found_by_their_prefix() -> None:
    index = FuzzyIndex({"GOLFPLUS": 0, "GOLF": 1, "GOLFVAN": 2, "POLO": 3})

    assert index.with_prefix("GOLF") == ["GOLF", "GOLFPLUS", "GOLFVAN"]
    assert index.with_prefix("GOLF", limit=2) == ["GOLF", "GOLFPLUS"]
    assert index.with_prefix("Z") == []


def test_a_single_typo_is_corrected_if_only_one_name_fits() -> None:
    index = FuzzyIndex({"UNO": 0, "CLIO": 1, "CLIP": 2, "GOLF": 3, "UP": 4})

    assert index.single_typo("UNNO") == ("UNO", 0.75)
    assert index.single_typo("GOFL") == ("GOLF", 0.75)
    assert index.single_typo("GULF") is None  # a wrong letter makes another word
    assert index.single_typo("OGLF") is None  # so does another first letter
    assert index.single_typo("CLI") is None  # CLIO or CLIP
    assert index.single_typo("UN") is None
    assert index.single_typo("UPP") is None


def test_a_typo_of_two_names_of_one_thing_is_corrected() -> None:
    index = FuzzyIndex({"TROC": 0, "TROCK": 0})

    found = index.single_typo("TROKC")

    assert found is not None
    assert found[0] in ("TROC", "TROCK")


def test_a_truncated_name_is_completed_if_only_one_fits() -> None:
    index = FuzzyIndex(
        {"OCTAVIA": 0, "OCTAVIASCOUT": 1, "GOLFPLUS": 2, "GOLFSPORTSVAN": 3, "FOX": 4, "CX30": 5}
    )

    assert index.completion("OCT") == "OCTAVIA"
    assert index.completion("OC") is None  # too short
    assert index.completion("GOLF") is None  # two names
    assert index.completion("GOLFSPORTS") == "GOLFSPORTSVAN"
    assert index.completion("FOX") == "FOX"
    assert index.completion("CX3") is None  # digits are not truncated
    assert index.completion("ZZZ") is None


def test_a_truncated_name_has_at_least_two_fifths_of_the_letters() -> None:
    assert FuzzyIndex({"ABCDEFGHIJ": 0}).completion("ABCD") == "ABCDEFGHIJ"
    assert FuzzyIndex({"ABCDEFGHIJK": 0}).completion("ABCD") is None


def test_a_truncated_name_may_stand_for_two_names_of_one_thing() -> None:
    assert FuzzyIndex({"TRANSPORTER": 0, "TRANSPO": 0}).completion("TRANSP") == "TRANSPO"
    assert FuzzyIndex({"TRANSIT": 0, "TRANSAB": 0}).completion("TRANS") in ("TRANSIT", "TRANSAB")
    assert FuzzyIndex({"TRANSIT": 0, "TRANSAB": 1}).completion("TRANS") is None
