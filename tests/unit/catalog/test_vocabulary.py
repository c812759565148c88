"""Stop words, synonyms and aliases."""

from __future__ import annotations

from pathlib import Path

import pytest

from carlens.catalog.vocabulary import clean_names, read_vocabulary

VOCABULARY = read_vocabulary()


@pytest.mark.parametrize(
    ("make", "model", "cleaned"),
    [
        ("renault", "clio5portes turbo", ("RENAULT", "CLIO")),
        ("vw", "VW Golf VII TDI", ("VOLKSWAGEN", "GOLF 7")),
        ("B.M.W.", "REIHE 3", ("BMW", "SERIES 3")),
        ("Mercedes", "Classe A 180 CDI", ("MERCEDES-BENZ", "CLASS A 180")),
        ("mazda", "mazda", ("MAZDA", "MAZDA")),
        ("bmw", "320 d touring", ("BMW", "320")),
        # a letter counts doors, never hundreds
        ("vw", "golf 5 p", ("VOLKSWAGEN", "GOLF")),
        ("mercedes", "320 d", ("MERCEDES-BENZ", "320")),
        # phrases
        ("vw", "golf K16 BVM6 4x4", ("VOLKSWAGEN", "GOLF")),
        ("vw", "a vendre golf", ("VOLKSWAGEN", "GOLF")),
        ("citroen", "gd C4 picasso", ("CITROEN", "GRAND C4 PICASSO")),
        # nothing but stop words
        ("Acme", "TDI", ("ACME", "TDI")),
        # power, years and other scripts
        ("peugeot", "308 1.6 HDI 110", ("PEUGEOT", "308")),
        ("vw", "golf 7 1.6 tdi 105ch 2015", ("VOLKSWAGEN", "GOLF 7")),
        ("peugeot", "2008", ("PEUGEOT", "2008")),
        ("Рено", "Логан 1.6 82 л.с.", ("RENAULT", "LOGAN")),
        ("ВМW", "Х5", ("BMW", "X5")),
    ],
)
def test_a_make_and_model_are_cleaned(make: str, model: str, cleaned: tuple[str, str]) -> None:
    assert clean_names(make, model, VOCABULARY) == cleaned


def write_files(
    folder: Path,
    *,
    words: str = "",
    makes: str = "",
    models: str = "",
    groups: str = "",
    others: str = "",
) -> Path:
    (folder / "words.csv").write_text(f"word,kind,replacement\n{words}", "utf-8")
    (folder / "makes.csv").write_text(f"alias,make\n{makes}", "utf-8")
    (folder / "models.csv").write_text(f"make,aliases,model\n{models}", "utf-8")
    (folder / "groups.csv").write_text(f"name,makes\n{groups}", "utf-8")
    (folder / "others.csv").write_text(f"make,kind,models\n{others}", "utf-8")
    return folder


def test_the_longest_phrase_is_joined(tmp_path: Path) -> None:
    # Given phrases that start with the same word
    words = "pack,trim,\npack luxe,trim,\npack luxe plus,filler,\npack sport,trim,\n"

    vocabulary = read_vocabulary(write_files(tmp_path, words=words))

    assert vocabulary.canonicalize(("PACK", "LUXE", "PLUS", "A")) == ("PACKLUXEPLUS", "A")
    assert vocabulary.canonicalize(("A", "PACK", "LUXE")) == ("A", "PACKLUXE")
    assert vocabulary.canonicalize(("PACK", "B", "PACK", "SPORT")) == ("PACK", "B", "PACKSPORT")


def test_each_kind_of_word_has_its_use(tmp_path: Path) -> None:
    words = (
        "wagon,body,\nportes,unit,\nlotus,everyday,\nreihe,series,SERIES\niii,numeral,3\n"
        "TDI,engine,\nmy,common,\nsmart,adjective,\nwatch,object,\n"
    )
    files = write_files(
        tmp_path, words=words, makes="VW,Volkswagen\nŠkoda,Škoda\n", models="VW,Golf 1|G1,Golf\n"
    )

    vocabulary = read_vocabulary(files)

    assert vocabulary.stop_words == {"WAGON", "PORTES", "TDI", "MY"}
    assert vocabulary.common_words == {"MY"}
    assert vocabulary.engines == {"TDI"}
    assert vocabulary.adjectives == {"SMART"}
    assert vocabulary.objects == {"WATCH"}
    assert vocabulary.bodies == {"WAGON"}
    assert vocabulary.units == {"PORTES"}
    assert vocabulary.everyday_words == {"LOTUS"}
    assert vocabulary.series == {"SERIES"}
    assert vocabulary.synonyms == {"REIHE": "SERIES", "III": "3"}
    assert vocabulary.make_aliases == {"VW": "VOLKSWAGEN", "SKODA": "SKODA"}
    assert vocabulary.make_names == {"VOLKSWAGEN": "VOLKSWAGEN", "SKODA": "SKODA"}
    assert vocabulary.model_aliases == (("VW", "Golf 1", "Golf"), ("VW", "G1", "Golf"))


def test_groups_and_other_vehicles_are_read(tmp_path: Path) -> None:
    others = "Yamaha,motorcycle,\nHonda,motorcycle,CB 500|Hornet\nHonda,other,BF\n"

    vocabulary = read_vocabulary(write_files(tmp_path, groups="GM,Opel|Saab\n", others=others))

    assert vocabulary.groups == {"GM": ("OPEL", "SAAB")}
    assert vocabulary.kinds == {"YAMAHA": "motorcycle"}
    honda = {"CB500": "motorcycle", "HORNET": "motorcycle", "BF": "other"}
    assert vocabulary.other_models == {"HONDA": honda}


def test_significant_tokens_say_something_about_the_model(tmp_path: Path) -> None:
    vocabulary = read_vocabulary(write_files(tmp_path, words="portes,unit,\np,unit,\n"))
    tokens = ("5", "PORTES", "C3", "320", "P", "5", "P")

    assert vocabulary.significance(tokens) == [False, False, True, True, False, False, False]
    assert vocabulary.significant(tokens) == ("C3", "320")
    assert vocabulary.first_significant(tokens) == 2
    assert vocabulary.first_significant(("5", "P")) == 0


def test_a_make_is_stripped_from_the_start_unless_it_is_everything() -> None:
    makes = {"VOLKSWAGEN"}

    assert VOCABULARY.strip_make(("VOLKSWAGEN", "GOLF"), makes) == ("GOLF",)
    assert VOCABULARY.strip_make(("VW", "GOLF"), makes) == ("GOLF",)
    assert VOCABULARY.strip_make(("VW", "NUTZFAHRZEUGE", "CADDY"), makes) == ("CADDY",)
    assert VOCABULARY.strip_make(("GOLF", "VW"), makes) == ("GOLF", "VW")
    assert VOCABULARY.strip_make(("VW",), makes) == ("VW",)


def test_an_unknown_kind_of_word_is_refused(tmp_path: Path) -> None:
    files = write_files(tmp_path, words="FOO,color,\n")

    with pytest.raises(ValueError, match=r"^words.csv: the word FOO has the unknown kind 'color'"):
        read_vocabulary(files)
