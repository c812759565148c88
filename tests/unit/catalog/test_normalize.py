"""Written make and model -> comparable tokens."""

from __future__ import annotations

from pathlib import Path

import pytest

from carlens.catalog.normalize import MAX_CHARS, clean, key, read_words, tokenize

WORDS = read_words()


@pytest.mark.parametrize(
    ("written", "tokens"),
    [
        ("Mégane", ("MEGANE",)),
        ("clio5portes", ("CLIO", "5", "PORTES")),
        ("2O6 SW 1.4hdi", ("206", "SW", "HDI")),
        ("3OO8", ("3008",)),
        ("2,0 HDI O5", ("HDI", "05")),
        ("P0LO", ("POLO",)),
        ("206+", ("206", "PLUS")),
        ("32OD CX3O", ("320", "D", "CX", "30")),
        # a letter and its number are one word, as they were written
        ("S204 S 204 V6 C4picasso", ("S204", "S", "204", "V6", "C4", "PICASSO")),
        ("clio 205/55 R16", ("CLIO",)),
        ("106 000 km", ("106000", "KM")),
        # Cyrillic and Greek letters that look like Latin ones
        ("\u041e\u0420\u0415L \u0392\u039cW", ("OPEL", "BMW")),
        ("B.M.W.", ("B", "M", "W")),
        ("Škoda\x00Größe", ("SKODA", "GROSSE")),
        ("=HYPERLINK()", ("HYPERLINK",)),
        (" ,;\t", ()),
    ],
)
def test_text_is_cut_into_words_and_numbers(written: str, tokens: tuple[str, ...]) -> None:
    assert tokenize(written) == tokens


@pytest.mark.parametrize(
    ("make", "model", "cleaned"),
    [
        ("renault", "clio5portes turbo", ("RENAULT", "CLIO")),
        ("vw", "VW Golf VII TDI", ("VOLKSWAGEN", "GOLF 7")),
        ("B.M.W.", "REIHE 3", ("BMW", "SERIES 3")),
        ("Mercedes", "Classe A 180 CDI", ("MERCEDES-BENZ", "CLASS A 180")),
        ("mazda", "mazda", ("MAZDA", "MAZDA")),
        ("bmw", "320 d touring", ("BMW", "320")),
        # words of more than one token
        ("vw", "golf K16 BVM6 4x4", ("VOLKSWAGEN", "GOLF")),
        ("vw", "a vendre golf", ("VOLKSWAGEN", "GOLF")),
        ("citroen", "gd C4 picasso", ("CITROEN", "GRAND C4 PICASSO")),
    ],
)
def test_a_make_and_model_are_cleaned(make: str, model: str, cleaned: tuple[str, str]) -> None:
    assert clean(make, model, WORDS) == cleaned


def test_only_the_beginning_of_a_long_text_is_read() -> None:
    assert len(key("x" * 10 * MAX_CHARS)) == MAX_CHARS


def test_a_word_of_an_unknown_kind_is_refused(tmp_path: Path) -> None:
    (tmp_path / "words.csv").write_text("word,kind,means\nFOO,color,\n", "utf-8")

    with pytest.raises(ValueError, match=r"FOO: kind is 'color'"):
        read_words(tmp_path)
