"""A written make and model are matched to an entry, or to none."""

from __future__ import annotations

import csv
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carlens.catalog.matcher import Alternative, Matcher
from carlens.catalog.normalize import key
from carlens.catalog.tables import Entry, parse_table, shipped_tables
from carlens.catalog.vocabulary import WORDS, ModelAlias, Vocabulary, read_vocabulary


@pytest.fixture(scope="module")
def europe() -> Matcher:
    data = shipped_tables().read("europe")
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
        # one text is read as two fields are: the model of another make, or of its group
        ("", "VW Octavia", ("Škoda", "Octavia")),
        ("", "Volvo Polestar 2", ("Polestar", "2")),
        ("", "vends Citroën DS 7 état neuf", ("DS", "DS 7")),
        ("", "DAIMLERCHRYSLER PT CRUISER", ("Chrysler", "PT Cruiser")),
        ("DS3 Crossback", "Citroën", ("DS", "DS 3 Crossback")),
        ("SAIC", "MG4", ("MG", "4")),
        # the make that precedes a model of several makes, and the first of two makes
        ("", "Vauxhal Corsa", ("Vauxhall", "Corsa")),
        ("Seat Leon Cupra", "", ("Seat", "Leon")),
        ("peugeot", "clio", ("Renault", "Clio")),
        ("inconnu", "touran", ("Volkswagen", "Touran")),
        # make and model in one word
        ("OpelCorsa", "", ("Opel", "Corsa")),
        ("VolvoS60", "2.0", ("Volvo", "S60")),
        # letters in place of digits
        ("Volvo", "XC6O D4", ("Volvo", "XC60")),
        ("Citroen", "Cl 1.0", ("Citroën", "C1")),
        ("Saab", "9.3 SportHatch", ("Saab", "9-3")),
        # two makes, one of which has the model
        ("Chrysler Jeep", "Wrangeler", ("Jeep", "Wrangler")),
        ("Alpine Renault", "A-110 S", ("Alpine", "A110")),
        # a misspelled make that ends with another make, or whose model begins with one
        ("Lnad Rover", "Freelander", ("Land Rover", "Freelander")),
        ("citroyn", "DS3 1.6 e-HDi", ("Citroën", "DS3")),
        # a badly misspelled make that its model confirms
        ("Matsda", "CX 5", ("Mazda", "CX-5")),
        ("renfeau", "clio", ("Renault", "Clio")),
        ("auto Renautl", "Clio", ("Renault", "Clio")),
        # both in the model's field, with the make misspelled
        ("", "Renautl Megane 1.5 dci", ("Renault", "Mégane")),
        ("inconnu", "golf 4 tdi 130", ("Volkswagen", "Golf")),
        # a later word that makes it another model
        ("BMW", "320d GT F34 Gran Turismo", ("BMW", "3 Series Gran Turismo")),
        ("Mercedes", "GLC250d 4matic coupe", ("Mercedes-Benz", "GLC Coupe")),
        # a trim that is the name of another model
        ("mercedes", "GLC 250d 4matic", ("Mercedes-Benz", "GLC")),
        ("mercedes", "GLE 350 d", ("Mercedes-Benz", "GLE")),
        # make and model in one field
        ("", "BMW M3", ("BMW", "M3")),
        ("BMW i4 eDrive40", "", ("BMW", "i4")),
        # a year or an offer before the name, a count after it
        ("", "2012 Audi A3", ("Audi", "A3")),
        ("", "A vendre Audi A3", ("Audi", "A3")),
        ("mercedes", "A 180", ("Mercedes-Benz", "A-Class")),
        ("peugeot", "2008", ("Peugeot", "2008")),
        ("citroen", "C3 5 portes", ("Citroën", "C3")),
        # chassis codes
        ("Mercedes", "S204", ("Mercedes-Benz", "C-Class")),
        # swapped fields, and a model that resembles another make
        ("Serie 3", "BMW", ("BMW", "3 Series")),
        ("Land Cruiser", "Toyota", ("Toyota", "Land Cruiser")),
        ("", "Land Cruiser", ("Toyota", "Land Cruiser")),
        # the first of two names, or the words of one in another order
        ("renault", "Kangoo Express", ("Renault", "Kangoo")),
        ("citroen", "Picasso C3", ("Citroën", "C3 Picasso")),
        ("mini", "Cooper S Countryman", ("MINI", "Countryman")),
        # truncated words
        ("chrysler", "Grd Voyager", ("Chrysler", "Grand Voyager")),
        ("toyota", "L. Cruiser", ("Toyota", "Land Cruiser")),
        ("ford", "Transit Cust.", ("Ford", "Transit Custom")),
        ("vw", "golf sport", ("Volkswagen", "Golf")),  # not a Sportsvan
        ("skoda", "Oct.", ("Škoda", "Octavia")),
        ("vw", "Transp. T5", ("Volkswagen", "Transporter")),
        # a short name with a typo, or digits in place of letters
        ("fiat", "unno", ("Fiat", "Uno")),
        ("5EAT", "LE0N", ("Seat", "Leon")),
        ("0PEL", "A5TRA", ("Opel", "Astra")),
        # a short name alone
        ("n/a", "RAV4", ("Toyota", "RAV4")),
        ("", "CR-V", ("Honda", "CR-V")),
        ("citroen", "Megane 2", ("Renault", "Mégane")),
        ("MG Rover", "75", ("Rover", "75")),
        # a registration certificate
        ("(D.1) FIAT (D.3) 500", "", ("Fiat", "500")),
        ("(D.1) BMW", "(D.3) X1", ("BMW", "X1")),
        ("", "D.1 TOYOTA D.2 XPA1F(EU,M) D.3 TOYOTA YARIS", ("Toyota", "Yaris")),
        # sentences
        ("mon mari a une peugeot 206 bleue", "", ("Peugeot", "206")),
        ("", "vends Renault Scenic de 2009, bon état", ("Renault", "Scénic")),
        ("", "mein Mann fährt einen BMW 320d", ("BMW", "3 Series")),
        ("", "la mia vecchia Renault Clio", ("Renault", "Clio")),
        # the endings of cases
        ("", "sprzedam Forda Focusa 1.6 benzyna", ("Ford", "Focus")),
        ("Opla", "Corsę", ("Opel", "Corsa")),
        ("Škody", "Octavii", ("Škoda", "Octavia")),
        # a model that several makes have, without a make
        ("", "corsa", ("Opel", "Corsa")),
        ("", "Duster", ("Dacia", "Duster")),
        # a holding company, and makes of one group
        ("DAIMLERCHRYSLER", "A 170 CDI", ("Mercedes-Benz", "A-Class")),
        ("DAIMLERCHRYSLER", "PT CRUISER", ("Chrysler", "PT Cruiser")),
        ("PSA", "308", ("Peugeot", "308")),
        ("Citroën", "DS 9", ("DS", "DS 9")),
        ("Citroën", "DS3 Crossback", ("DS", "DS 3 Crossback")),
        ("Fiat", "Abarth Grande Punto", ("Abarth", "Grande Punto")),
        ("Haval", "H6", ("GWM", "Haval H6")),
        ("GWM", "Haval H6", ("GWM", "Haval H6")),
        # a chassis before the model, and abbreviations
        ("vw", "T6 Caravelle", ("Volkswagen", "Caravelle")),
        ("renault", "GD. MODUS", ("Renault", "Grand Modus")),
        ("citroen", "G. C4 Picasso", ("Citroën", "Grand C4 Picasso")),
        # two typos that make and model confirm
        ("nissan", "Qahsqia", ("Nissan", "Qashqai")),
        ("peugeot", "Bipeur", ("Peugeot", "Bipper")),
        # other scripts
        ("Фольксваген", "Пассат", ("Volkswagen", "Passat")),
        ("БМВ", "Х5", ("BMW", "X5")),
        ("Τογιότα", "Γιάρις", ("Toyota", "Yaris")),
        ("تويوتا", "كورولا", ("Toyota", "Corolla")),
        ("丰田卡罗拉", "", ("Toyota", "Corolla")),
    ],
)
def test_the_entry_is_found(
    europe: Matcher, make: str, model: str, expected: tuple[str, str]
) -> None:
    found = europe.match(make, model)

    assert (found.make, found.model) == expected


@pytest.mark.parametrize(
    ("make", "model", "expected"),
    [
        ("peugeot", "209", ("Peugeot", "")),  # neither 208 nor 206
        ("citroen", "c7", ("Citroën", "")),
        ("renault", "", ("Renault", "")),
        ("Chevrolet", "Sonic", ("Chevrolet", "")),  # not the Kia Stonic
        ("Bajaj", "Pulsar", ("", "")),  # an unlisted make, not the Nissan
        ("asdf", "qwerty", ("", "")),
        ("", "308", ("", "")),  # a number does not identify a make
        ("", "", ("", "")),
        # words next to a make, or that happen to be a make
        ("boite", "vitesse", ("", "")),
        ("bumper", "for honda", ("", "")),
        ("Dacia Maraini", "scrittrice", ("", "")),
        ("Lotus", "papier toilette", ("", "")),
        ("Lotus", "", ("Lotus", "")),
        ("hatchback", "5dr", ("", "")),
        ("Santa Fe", "New Mexico", ("", "")),
        # numbers and letters that count or describe something else
        ("renault", "4 pneus", ("Renault", "")),
        ("renault", "grand", ("Renault", "")),  # not the Dodge Grand Caravan
        ("ford", "kat", ("Ford", "")),
        ("renault", "4x4", ("Renault", "")),
        ("renault", "20 000 km", ("Renault", "")),
        ("peugeot", "205/55 R16", ("Peugeot", "")),
        ("mercedes", "V6 CDI", ("Mercedes-Benz", "")),
        ("mercedes", "a vendre", ("Mercedes-Benz", "")),
        ("mercedes", "X999", ("Mercedes-Benz", "")),
        # a digit, a plus, a letter or a word of another car
        ("BYD", "Sealion 6", ("BYD", "")),
        ("Hyundai", "Ioniq 4", ("Hyundai", "")),
        ("DFSK", "Glory 500", ("DFSK", "")),
        ("VW", "ID. Golf", ("Volkswagen", "")),
        ("Kia", "ceed+", ("Kia", "")),
        ("Infiniti", "QX60", ("Infiniti", "")),
        ("Genesis", "G60", ("Genesis", "")),
        ("Hongqi", "HS7", ("Hongqi", "")),
        ("Ford", "A-Max", ("Ford", "")),
        ("Mercedes", "Classe Z", ("Mercedes-Benz", "")),
        ("Tesla", "Model 5", ("Tesla", "")),
        ("Saab", "9-6", ("Saab", "")),
        ("Toyota", "RAV5", ("Toyota", "")),
        ("Dacia", "Hipster", ("Dacia", "")),
        ("suzuki", "4x4", ("Suzuki", "")),
        # phones and tires
        ("Oppo", "Reno 6", ("", "")),
        ("Samsung", "Galaxy S8", ("", "")),
        ("Michelin", "Primacy 4", ("", "")),
        ("", "Galaxy S21", ("", "")),
        # a brand of the make with a model that the table lacks, and a letter after a number
        ("Volvo", "Polestar 9", ("Polestar", "")),
        ("Peugeot", "309X", ("Peugeot", "")),
        # a make that is an adjective
        ("Smart", "truc", ("smart", "")),
        ("Smart", "TV", ("", "")),
    ],
)
def test_a_name_that_the_table_lacks_gets_no_wrong_match(
    europe: Matcher, make: str, model: str, expected: tuple[str, str]
) -> None:
    found = europe.match(make, model)

    assert (found.make, found.model) == expected


@pytest.mark.parametrize(
    ("make", "model"),
    [
        # neither a misspelled model nor an exact one among other words identifies a make
        ("Fabian Affolter", ""),
        ("", "format patch"),
        ("Karl Ramm", ""),
        ("", "Lancer une application"),
        ("crosswagon", ""),
        # a badly misspelled make needs a model that is a word
        ("rober", "dupuis 11"),
        ("Caserte", "7"),
        ("och flaggor", "993"),
        ("tool pre", "Eli Fant"),
        # a misspelled make is the first word
        ("cache for", "1"),
        ("Umgebungsspeicher ist", "TIPO"),
        # a word that sounds like a short make, or starts with its alias
        ("link", "the"),
        ("Mert Dirik", ""),
        # a word that resembles a rare make or a declined model, and one that is a model
        ("Marco", ""),
        ("", "Martine"),
        ("", "family"),
        ("", "Robinson Ltd"),
        ("Soul", "music"),
        ("", "Word must expert director consider tough three own."),
        ("Dr.", "med. dent. Schulz"),
    ],
)
def test_texts_about_other_things_match_nothing(europe: Matcher, make: str, model: str) -> None:
    found = europe.match(make, model)

    assert (found.make, found.model) == ("", "")


def test_a_misspelled_make_and_model_confirm_each_other(europe: Matcher) -> None:
    # Given a make and a model that are each too different from their names
    alone = europe.match("Fait", ""), europe.match("", "Pnada")

    # When they are given together
    both = europe.match("Fait", "Pnada")

    # Then they are found
    assert [(found.make, found.model) for found in alone] == [("", ""), ("", "")]
    assert (both.make, both.model) == ("Fiat", "Panda")


@pytest.mark.parametrize(
    ("make", "model", "score_make", "score_model", "score"),
    [
        ("renault", "clio", 100, 100, 100),
        ("reneau", "clioRT", 67, 95, 84),  # similar; joined to a trim
        ("renault", "scenix", 100, 83, 90),
        ("skoda", "OKTAVIA", 100, 90, 94),  # sounds like it
        ("skoda", "Oct.", 100, 90, 94),  # truncated
        ("toyota", "L. Cruiser", 100, 90, 94),
        ("fiat", "unno", 100, 75, 85),  # a typo in a short name
        ("5EAT", "leon", 95, 100, 98),  # looks like it
        ("volkswag", "golf", 80, 100, 92),
        ("xx", "yy", 0, 0, 0),
    ],
)
def test_the_score_shows_how_similar_a_match_is(
    europe: Matcher, make: str, model: str, score_make: int, score_model: int, score: int
) -> None:
    found = europe.match(make, model)

    # The model has a share of 0.6 in the score of both
    assert (found.score_make, found.score_model, found.score) == (score_make, score_model, score)


@pytest.mark.parametrize(
    ("make", "model", "kind"),
    [
        ("Honda", "CBR 600 RR", "motorcycle"),
        ("", "Honda CBR 600", "motorcycle"),
        ("Yamaha", "MT-07", "motorcycle"),
        ("", "Yamaha MT-07", "motorcycle"),
        ("Suzuki", "Katana", "motorcycle"),
        ("Volvo", "FL 240", "truck"),
        ("Scania", "R450", "truck"),
        ("Mercedes", "Citaro", "bus"),
        ("John Deere", "6155R", "tractor"),
        ("Infiniti", "QX60", "car"),
        ("Renault", "Clio", ""),
        ("Michelin", "Primacy", ""),
        ("zzz", "zzz", ""),
    ],
)
def test_vehicles_that_the_table_lacks_are_told_apart(
    europe: Matcher, make: str, model: str, kind: str
) -> None:
    found = europe.match(make, model)

    assert found.kind == kind
    assert bool(found.model) == (model == "Clio")


@pytest.mark.parametrize(
    ("make", "model", "score"),
    [
        ("Renault", "Clio RT 1.5 dCi 90", 100),
        ("Renault", "Clio Zebra", 97),
        ("BMW", "XM2", 97),
        ("Volkswagen", "T-Polo", 97),
        ("Tesla", "Model S P85", 100),  # the letter is the model's own
        ("Jaguar", "XJ-S V12", 100),
        ("mini cooper", "", 100),
        ("Fiat", "Grande Uno", 97),  # a word of another model of the make
        ("DAIMLERCHRYSLER", "PT Cruiser", 98),
        ("Škody", "Octavii", 83),
    ],
)
def test_a_score_of_100_means_that_everything_was_understood(
    europe: Matcher, make: str, model: str, score: int
) -> None:
    assert europe.match(make, model).score == score


def test_without_a_preferred_make_the_makes_that_have_the_model_are_alternatives(
    europe: Matcher,
) -> None:
    found = europe.match("", "matiz", top_k=3)

    assert found.make == ""
    assert found.alternatives == (
        Alternative(Entry("Chevrolet", "Matiz"), 60, "same_model"),
        Alternative(Entry("Daewoo", "Matiz"), 60, "same_model"),
    )


TOY = Matcher(
    [
        *(Entry("Sagitarius", model) for model in ("Fanal", "450", "Meridianto", "X", "XB")),
        *(Entry("Merlin", model) for model in ("450", "Fanal", "Otto")),
        Entry("Kilo", "Bravado"),
    ],
    Vocabulary(),
)


@pytest.mark.parametrize(
    ("make", "model", "expected"),
    [
        # alone
        ("Sagitariux", "", ("Sagitarius", "")),
        ("Sagitarixx", "", ("", "")),
        ("Sagi", "", ("", "")),
        # with a misspelled model
        ("Sagitarixx", "Fanax", ("Sagitarius", "Fanal")),
        ("Kilx", "Braxado", ("Kilo", "Bravado")),
        ("Sagitarxxx", "Fanax", ("", "")),
        # with a long misspelled model
        ("Sagitarxxx", "Meridianxx", ("Sagitarius", "Meridianto")),
        ("Sagitarxxx", "Meridiaxxx", ("", "")),
        # with an exact model that is a word, a number, two letters, or one
        ("Sagitxxxxx", "Fanal", ("Sagitarius", "Fanal")),
        ("Sagixxxxxx", "Fanal", ("", "")),
        ("Sagitarxxx", "450", ("Sagitarius", "450")),
        ("Sagitaxxxx", "450", ("", "")),
        ("Sagitarxxx", "XB", ("Sagitarius", "XB")),
        ("Sagitaxxxx", "XB", ("", "")),
        ("Sagitarixx", "X", ("Sagitarius", "X")),
        ("Sagitarxxx", "X", ("", "")),
        # with an exact model next to unrelated words
        ("Sagitarxxx", "Fanal zzzz", ("Sagitarius", "Fanal")),
        ("Sagitaxxxx", "Fanal zzzz", ("", "")),
    ],
)
def test_the_more_a_make_is_misspelled_the_more_its_model_must_confirm_it(
    make: str, model: str, expected: tuple[str, str]
) -> None:
    found = TOY.match(make, model)

    assert (found.make, found.model) == expected


@pytest.mark.parametrize(
    ("make", "model", "expected"),
    [
        ("", "Meridianto", ("Sagitarius", "Meridianto")),
        ("Meridianto", "", ("Sagitarius", "Meridianto")),
        ("", "Fanal", ("", "")),  # of two makes
        ("", "Meridiantx", ("", "")),
        ("", "Meridianto zzz", ("", "")),
        ("", "Meridianto zz", ("Sagitarius", "Meridianto")),  # not a word
        # against another make only if nothing else is in the field
        ("Merlin", "Meridianto", ("Sagitarius", "Meridianto")),
        ("Merlin", "Meridianto zzzz", ("Merlin", "")),
        ("Meridianto", "Merlin", ("", "")),
        ("zzzzzzzz", "Meridianto", ("", "")),
    ],
)
def test_a_model_of_one_make_identifies_it(
    make: str, model: str, expected: tuple[str, str]
) -> None:
    found = TOY.match(make, model)

    assert (found.make, found.model) == expected


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("RV4", ("Merlin", "RV4")),
        ("RV4 2", ("Merlin", "RV4")),
        ("RV4 zz", ("", "")),
        ("Uno", ("", "")),  # a word
        ("Unos", ("Merlin", "Unos")),
    ],
)
def test_a_model_of_few_letters_identifies_its_make_only_without_other_words(
    model: str, expected: tuple[str, str]
) -> None:
    entries = [Entry("Merlin", name) for name in ("RV4", "Uno", "Unos")]

    found = Matcher(entries, Vocabulary()).match("", model)

    assert (found.make, found.model) == expected


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        ("Sagitarius", "Sagitarius"),
        ("Sagitarius zz", "Sagitarius"),
        ("Sagitarius zzz", ""),
        ("Sagitarius Merlin", "Sagitarius"),
        ("Kilo", "Kilo"),
    ],
)
def test_a_make_next_to_other_words_is_not_a_make(make: str, expected: str) -> None:
    assert TOY.match(make, "").make == expected


def test_an_everyday_word_is_a_make_only_alone_or_with_its_model() -> None:
    vocabulary = Vocabulary(everyday_words=frozenset({"KILO"}))
    matcher = Matcher([Entry("Kilo", "Bravado"), Entry("Merlin", "Otto")], vocabulary)

    assert matcher.match("Kilo", "").make == "Kilo"
    assert matcher.match("Kilo", "Bravado").make == "Kilo"
    assert matcher.match("Kilo", "zzz").make == ""
    assert matcher.match("Merlin", "zzz").make == "Merlin"
    assert matcher.match("", "Kilo zzz").make == ""
    assert matcher.match("", "Merlin zzz").make == "Merlin"


@pytest.mark.parametrize(
    ("model", "expected", "score"),
    [
        ("Falke", "Falke", 100),
        # a longer name must be more similar than any other
        ("Falke Limoxsina", "Falke Limousine", 86),
        ("Falke Lxmoxsina", "Falke", 95),
        # so must an earlier one
        ("Braxado Falke", "Bravado", 86),
        ("Bxaxado Falke", "Falke", 95),
        # another name of the same model changes nothing
        ("Falke Cabriolat", "Falke", 95),
    ],
)
def test_a_misspelled_name_may_be_better_than_an_exact_one(
    model: str, expected: str, score: int
) -> None:
    # Given models, one of which has an alias that starts with its name
    vocabulary = Vocabulary(model_aliases=(ModelAlias("Kilo", "Falke Cabriolet", "Falke"),))
    entries = [Entry("Kilo", name) for name in ("Falke", "Falke Limousine", "Bravado")]

    found = Matcher(entries, vocabulary).match("Kilo", model)

    assert (found.model, found.score_model) == (expected, score)


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("zzzz Fanal", "Fanal"),
        ("zzzz Pan", "Pan"),
        ("zzzz XB", ""),
        ("zzzz 450", ""),
        ("2012 XB", "XB"),
        ("XB 450", "XB"),
        ("450 XB", "450"),
        ("X Fanal", "Fanal"),
        ("X 450", "X"),
        ("2012 450", "450"),
    ],
)
def test_after_other_words_a_number_or_two_letters_are_not_a_model(
    model: str, expected: str
) -> None:
    entries = [Entry("Sagitarius", name) for name in ("Fanal", "Pan", "XB", "X", "450")]

    assert Matcher(entries, Vocabulary()).match("Sagitarius", model).model == expected


def test_of_two_similar_makes_the_one_with_the_better_model_is_found() -> None:
    matcher = Matcher([Entry("Carola", "Fanal"), Entry("Marola", "Fanax")], Vocabulary())

    assert matcher.match("Tarola", "Fanal").make == "Carola"
    assert matcher.match("Tarola", "Fanax").make == "Marola"


def test_a_misspelled_short_model_needs_an_exact_make() -> None:
    matcher = Matcher([Entry("Merlin", "Uno")], Vocabulary())

    assert matcher.match("Merlin", "Unno").model == "Uno"
    assert matcher.match("Merlyn", "Unno").model == ""


def test_a_misspelled_model_needs_seven_tenths_of_its_letters() -> None:
    assert TOY.match("Sagitarius", "Fanxl").model == "Fanal"
    assert TOY.match("Sagitarius", "Fxnxl").model == ""
    assert TOY.match("Sagitarius", "Meridixxxo").model == "Meridianto"
    assert TOY.match("Sagitarius", "Meridxxxxo").model == ""


def test_alternatives_are_other_models_best_first(europe: Matcher) -> None:
    found = europe.match("ford", "transit", top_k=4)

    assert (found.make, found.model) == ("Ford", "Transit")
    scores = [score for _, score, _ in found.alternatives]
    assert 1 <= len(scores) <= 3
    assert scores == sorted(scores, reverse=True)
    assert max(scores) <= found.score
    assert "Transit" not in [entry.model for entry, _, _ in found.alternatives]


def test_alternatives_are_of_the_make_or_of_every_possible_make() -> None:
    # Given a make that is certain, then one that is not accepted
    certain = TOY.match("Sagitarius", "Fanal 450", top_k=3)
    unsure = TOY.match("Sagitarxxx", "X", top_k=3)

    assert (certain.model, certain.alternatives) == (
        "Fanal",
        (Alternative(Entry("Sagitarius", "450"), 100, "similar_model"),),
    )
    assert (unsure.make, unsure.model) == ("", "")
    assert unsure.alternatives == (
        Alternative(Entry("Sagitarius", "X"), 88, "similar_make"),
        Alternative(Entry("Sagitarius", "XB"), 58, "similar_make"),
    )
    assert len(TOY.match("Sagitarxxx", "X", top_k=2).alternatives) == 1
    assert TOY.match("Sagitarxxx", "X").alternatives == ()


def test_a_model_alone_has_the_similar_models_of_all_makes_as_alternatives(
    europe: Matcher,
) -> None:
    # Given models that identify no make: misspelled, and a number
    misspelled = europe.match("", "clioo", top_k=3)
    number = europe.match("", "3008 hdi", top_k=3)

    assert (misspelled.make, misspelled.model) == ("", "")
    assert misspelled.alternatives == (Alternative(Entry("Renault", "Clio"), 48, "similar_model"),)
    assert number.alternatives[0] == Alternative(Entry("Peugeot", "3008"), 60, "similar_model")
    # Then all makes that have the model are among them, and a word like no name has none
    makes = {entry.make for entry, _, _ in europe.match("", "500", top_k=6).alternatives}
    assert {"Fiat", "Abarth"} <= makes
    assert europe.match("", "zzzzqqqq", top_k=6).alternatives == ()


def test_a_make_alone_has_similar_makes_without_a_model_as_alternatives(europe: Matcher) -> None:
    unsure = europe.match("renot", "", top_k=3)

    assert unsure.make == ""
    assert unsure.alternatives == (Alternative(Entry("Renault", ""), 32, "similar_make"),)
    assert europe.match("renot", "").alternatives == ()


def test_alternatives_are_only_of_an_accepted_make() -> None:
    # Given two makes that have the model
    found = TOY.match("Merlin Sagitarius", "450", top_k=3)

    assert (found.make, found.model) == ("Sagitarius", "450")
    assert found.alternatives == ()


def test_no_alternative_scores_above_the_match(europe: Matcher) -> None:
    found = europe.match("citroen", "xsara picaso", top_k=2)

    assert (found.model, found.score) == ("Xsara Picasso", 95)
    assert found.alternatives == (Alternative(Entry("Citroën", "Xsara"), 95, "similar_model"),)


def test_a_custom_table_is_matched_and_keeps_its_spelling() -> None:
    # Given a table without European cars
    matcher = Matcher([Entry("ACME", "Rocket Mk 2"), Entry("ACME", "Anvil")], read_vocabulary())

    # Then its own names are found and no others
    assert matcher.match("acme", "rocket mk2").model == "Rocket Mk 2"
    assert matcher.match("acmé", "anvile").model == "Anvil"
    assert matcher.match("renault", "clio").make == ""


def test_a_table_may_list_a_make_under_an_alias() -> None:
    matcher = Matcher([Entry("VW", "Golf")], read_vocabulary())

    assert matcher.match("Volkswagen", "golf") == matcher.match("vw", "golf")
    assert matcher.match("Volkswagen", "golf").make == "VW"


def test_the_body_style_in_a_name_may_be_left_out() -> None:
    cars = [Entry("BMW", "X5 SUV"), Entry("BMW", "3 Series Sedan"), Entry("BMW", "3 Series Wagon")]
    matcher = Matcher(cars, read_vocabulary())

    assert matcher.match("bmw", "X5 3.0d").model == "X5 SUV"
    assert matcher.match("bmw", "serie 3").model == ""


def test_each_alias_of_a_model_is_needed() -> None:
    entries = parse_table("europe", shipped_tables().read("europe") or b"")
    models = {(entry.make, entry.model) for entry in entries}
    names = [(make, key(model)) for make, model in models]

    others = read_vocabulary().model_aliases

    assert [other for other in others if (other[0], other[2]) not in models] == []
    names += [(make, key(written)) for make, written, _ in others]
    assert [name for name, count in Counter(names).items() if count > 1] == []


def test_each_alias_of_a_make_is_listed_once() -> None:
    with (WORDS / "makes.csv").open(encoding="utf-8", newline="") as file:
        names = [(key(row["alias"]), key(row["make"])) for row in csv.DictReader(file)]

    assert [name for name, count in Counter(name for name, _ in names).items() if count > 1] == []
    # Only a make without an alias has a row with its own name.
    others = {make for name, make in names if name != make}
    assert [name for name, make in names if name == make in others] == []


@settings(max_examples=300, deadline=None)
@given(make=st.text(max_size=300), model=st.text(max_size=300), top_k=st.integers(1, 20))
def test_every_text_gets_scores_within_their_range(
    europe: Matcher, make: str, model: str, top_k: int
) -> None:
    found = europe.match(make, model, top_k=top_k)

    assert found.make or not found.model
    assert all(0 <= s <= 100 for s in (found.score_make, found.score_model, found.score))
    assert len(found.alternatives) < top_k
