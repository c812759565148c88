"""Written make and model -> the entry meant, or none."""

from __future__ import annotations

import csv
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carlens.catalog.fuzzy_index import FuzzyIndex
from carlens.catalog.matcher import Matcher
from carlens.catalog.normalize import key
from carlens.catalog.tables import Entry, FolderTables, parse_table
from carlens.catalog.vocabulary import WORDS, read_vocabulary


@pytest.fixture(scope="module")
def europe() -> Matcher:
    data = FolderTables().read("europe")
    assert data is not None
    return Matcher(parse_table("europe", data), read_vocabulary())


@pytest.mark.parametrize(
    ("make", "model", "expected"),
    [
        ("renault", "clio5portes turbo", ("Renault", "Clio")),
        ("reneau", "clioRT", ("Renault", "Clio")),
        ("reneau", "grand senic", ("Renault", "Grand Scénic")),
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
        ("inconnu", "touran", ("Volkswagen", "Touran")),
        # make and model in one word
        ("OpelCorsa", "", ("Opel", "Corsa")),
        ("VolvoS60", "2.0", ("Volvo", "S60")),
        # letters that look like digits
        ("Volvo", "XC6O D4", ("Volvo", "XC60")),
        ("Citroen", "Cl 1.0", ("Citroën", "C1")),
        ("Saab", "9.3 SportHatch", ("Saab", "9-3")),
        # two makes, of which one has the model
        ("Chrysler Jeep", "Wrangeler", ("Jeep", "Wrangler")),
        ("Alpine Renault", "A-110 S", ("Alpine", "A110")),
        # a misspelled make that ends with another, or whose model begins with another
        ("Lnad Rover", "Freelander", ("Land Rover", "Freelander")),
        ("citroyn", "DS3 1.6 e-HDi", ("Citroën", "DS3")),
        # a make quite wrong, and a word that only it can mean
        ("Matsda", "CX 5", ("Mazda", "CX-5")),
        ("renfeau", "clio", ("Renault", "Clio")),
        ("auto Renautl", "Clio", ("Renault", "Clio")),
        # all in the model's field, the make misspelled
        ("", "Renautl Megane 1.5 dci", ("Renault", "Mégane")),
        ("inconnu", "golf 4 tdi 130", ("Volkswagen", "Golf")),
        # another model by a word further on
        ("BMW", "320d GT F34 Gran Turismo", ("BMW", "3 Series Gran Turismo")),
        ("Mercedes", "GLC250d 4matic coupe", ("Mercedes-Benz", "GLC Coupe")),
        # no 250 Diesel
        ("mercedes", "GLC 250d 4matic", ("Mercedes-Benz", "GLC")),
        ("mercedes", "GLE 350 d", ("Mercedes-Benz", "GLE")),
        # make and model in one field
        ("", "BMW M3", ("BMW", "M3")),
        ("BMW i4 eDrive40", "", ("BMW", "i4")),
        # a year or a sale before the name, a number of something after it
        ("", "2012 Audi A3", ("Audi", "A3")),
        ("", "A vendre Audi A3", ("Audi", "A3")),
        ("mercedes", "A 180", ("Mercedes-Benz", "A-Class")),
        ("peugeot", "2008", ("Peugeot", "2008")),
        ("citroen", "C3 5 portes", ("Citroën", "C3")),
        # chassis codes
        ("Mercedes", "S204", ("Mercedes-Benz", "C-Class")),
        # the fields swapped, the model like another make
        ("Serie 3", "BMW", ("BMW", "3 Series")),
        ("Land Cruiser", "Toyota", ("Toyota", "Land Cruiser")),
        ("", "Land Cruiser", ("Toyota", "Land Cruiser")),
        # the first of two names, or both in another order
        ("renault", "Kangoo Express", ("Renault", "Kangoo")),
        ("citroen", "Picasso C3", ("Citroën", "C3 Picasso")),
        ("mini", "Cooper S Countryman", ("MINI", "Countryman")),
        # words cut short
        ("chrysler", "Grd Voyager", ("Chrysler", "Grand Voyager")),
        ("toyota", "L. Cruiser", ("Toyota", "Land Cruiser")),
        ("ford", "Transit Cust.", ("Ford", "Transit Custom")),
        ("vw", "golf sport", ("Volkswagen", "Golf")),  # no Sportsvan
        ("skoda", "Oct.", ("Škoda", "Octavia")),
        ("vw", "Transp. T5", ("Volkswagen", "Transporter")),
        # a short name with a slip, or letters that look like others
        ("fiat", "unno", ("Fiat", "Uno")),
        ("5EAT", "LE0N", ("Seat", "Leon")),
        ("0PEL", "A5TRA", ("Opel", "Astra")),
        # a short name that is all there is
        ("n/a", "RAV4", ("Toyota", "RAV4")),
        ("", "CR-V", ("Honda", "CR-V")),
        ("citroen", "Megane 2", ("Renault", "Mégane")),
        ("MG Rover", "75", ("Rover", "75")),
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
        # words that stand beside a make, or are one by chance
        ("boite", "vitesse", ("", "")),
        ("bumper", "for honda", ("", "")),
        ("Dacia Maraini", "scrittrice", ("", "")),
        ("Lotus", "papier toilette", ("", "")),
        ("Lotus", "", ("Lotus", "")),
        ("hatchback", "5dr", ("", "")),
        ("Santa Fe", "New Mexico", ("", "")),
        # numbers and letters of other things
        ("renault", "4 pneus", ("Renault", "")),
        ("renault", "grand", ("Renault", "")),  # no Dodge Grand Caravan
        ("ford", "kat", ("Ford", "")),
        ("renault", "4x4", ("Renault", "")),
        ("renault", "20 000 km", ("Renault", "")),
        ("peugeot", "205/55 R16", ("Peugeot", "")),
        ("mercedes", "V6 CDI", ("Mercedes-Benz", "")),
        ("mercedes", "a vendre", ("Mercedes-Benz", "")),
        ("mercedes", "X999", ("Mercedes-Benz", "")),
    ],
)
def test_what_is_not_in_the_table_gets_no_wrong_name(
    europe: Matcher, make: str, model: str, expected: tuple[str, str]
) -> None:
    found = europe.match(make, model)

    assert (found.make, found.model) == expected


@pytest.mark.parametrize(
    ("make", "model"),
    [
        # a near name tells no make, nor does one among words of other things
        ("Fabian Affolter", ""),
        ("", "format patch"),
        ("Karl Ramm", ""),
        ("", "Lancer une application"),
        ("crosswagon", ""),
        # a make that is hardly like it needs a word that is
        ("rober", "dupuis 11"),
        ("Caserte", "7"),
        ("och flaggor", "993"),
        ("tool pre", "Eli Fant"),
        # a near make is the first word, or none
        ("cache for", "1"),
        ("Umgebungsspeicher ist", "TIPO"),
        # what sounds like a short make, or begins with its other name
        ("link", "the"),
        ("Mert Dirik", ""),
        ("Dr.", "med. dent. Schulz"),
    ],
)
def test_words_of_other_things_are_no_car(europe: Matcher, make: str, model: str) -> None:
    found = europe.match(make, model)

    assert (found.make, found.model) == ("", "")


def test_two_near_names_confirm_each_other(europe: Matcher) -> None:
    # Given a make and a model, each too far from its name to be taken alone
    alone = europe.match("Fait", ""), europe.match("", "Pnada")

    # When they stand together
    both = europe.match("Fait", "Pnada")

    # Then they are found
    assert [(found.make, found.model) for found in alone] == [("", ""), ("", "")]
    assert (both.make, both.model) == ("Fiat", "Panda")


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
    assert max(scores) <= found.score
    assert "Transit" not in [entry.model for entry, _ in found.alternatives]


def test_a_table_of_ones_own_is_matched_as_it_is_spelled() -> None:
    # Given a table that knows no European car
    matcher = Matcher([Entry("ACME", "Rocket Mk 2"), Entry("ACME", "Anvil")], read_vocabulary())

    # Then its own names are found, and no other
    assert matcher.match("acme", "rocket mk2").model == "Rocket Mk 2"
    assert matcher.match("acmé", "anvile").model == "Anvil"
    assert matcher.match("renault", "clio").make == ""


def test_a_table_may_know_a_make_by_another_of_its_names() -> None:
    matcher = Matcher([Entry("VW", "Golf")], read_vocabulary())

    assert matcher.match("Volkswagen", "golf") == matcher.match("vw", "golf")
    assert matcher.match("Volkswagen", "golf").make == "VW"


def test_the_body_in_a_reference_name_may_be_left_out() -> None:
    cars = [Entry("BMW", "X5 SUV"), Entry("BMW", "3 Series Sedan"), Entry("BMW", "3 Series Wagon")]
    matcher = Matcher(cars, read_vocabulary())

    assert matcher.match("bmw", "X5 3.0d").model == "X5 SUV"
    assert matcher.match("bmw", "serie 3").model == ""


def test_each_other_name_of_a_model_is_needed() -> None:
    entries = parse_table("europe", FolderTables().read("europe") or b"")
    models = {(entry.make, entry.model) for entry in entries}
    names = [(make, key(model)) for make, model in models]

    others = read_vocabulary().model_aliases

    assert [other for other in others if (other[0], other[2]) not in models] == []
    names += [(make, key(written)) for make, written, _ in others]
    assert [name for name, count in Counter(names).items() if count > 1] == []


def test_each_other_name_of_a_make_is_written_once() -> None:
    with (WORDS / "makes.csv").open(encoding="utf-8", newline="") as file:
        names = [(key(row["alias"]), key(row["make"])) for row in csv.DictReader(file)]

    assert [name for name, count in Counter(name for name, _ in names).items() if count > 1] == []
    # A row with its own name is there for a make that has no other.
    others = {make for name, make in names if name != make}
    assert [name for name, make in names if name == make in others] == []


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
    names = FuzzyIndex({"CLIO": 0, "IX35": 1, "IX20": 2})

    assert names.nearest("CLOI", min_score=0.7) == [("CLIO", 0.75)]
    assert names.nearest("IX30", min_score=0.1) == []


def test_a_slip_is_one_letter_of_the_only_name_it_may_be() -> None:
    names = FuzzyIndex({"UNO": 0, "CLIO": 1, "CLIP": 2, "GOLF": 3})

    assert names.single_typo("UNNO") == ("UNO", 0.75)
    assert names.single_typo("GOFL") == ("GOLF", 0.75)
    assert names.single_typo("GULF") is None  # another letter is another word
    assert names.single_typo("CLI") is None  # both CLIO and CLIP
    assert names.single_typo("UN") is None


def test_what_is_cut_short_begins_one_name() -> None:
    names = FuzzyIndex({"OCTAVIA": 0, "OCTAVIASCOUT": 1, "GOLFPLUS": 2, "GOLFSPORTSVAN": 3})

    assert names.completion("OCT") == "OCTAVIA"
    assert names.completion("OC") is None
    assert names.completion("GOLF") is None
    assert names.completion("GOLFSPORTS") == "GOLFSPORTSVAN"
