"""The text of a make or model is turned into tokens."""

from __future__ import annotations

import pytest

from carlens.catalog.normalize import MAX_CHARS, key, spans, tokenize


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("Mégane", ("MEGANE",)),
        ("clio5portes", ("CLIO", "5", "PORTES")),
        ("2O6 SW 1.4hdi", ("206", "SW", "HDI")),
        ("3OO8", ("3008",)),
        ("2,0 HDI O5", ("HDI", "05")),
        ("P0LO", ("POLO",)),
        ("T1GUAN", ("TIGUAN",)),
        ("0PEL BRAV0 A0", ("OPEL", "BRAVO", "A0")),
        ("206+ C-HR+ trendy", ("206", "+", "C", "HR", "+", "TRENDY")),
        ("Qashqai +2, Prius +", ("QASHQAI", "+", "2", "PRIUS", "+")),
        ("Clio + GPS", ("CLIO", "GPS")),
        # UTF-8 that was read as Windows-1252
        ("MÃ©gane", ("MEGANE",)),
        ("32OD CX3O", ("320", "D", "CX", "30")),
        # a letter and its number stay one token, if they were written as one
        ("S204 S 204 V6 C4picasso", ("S204", "S", "204", "V6", "C4", "PICASSO")),
        ("clio 205/55 R16", ("CLIO",)),
        ("106 000 km", ("106000", "KM")),
        ("100.000 2'000 50 1000", ("100000", "2000", "50", "1000")),
        # engine sizes are dropped, but not larger numbers or a size without other text
        ("8.9 9.3 1.234", ("9", "3", "1", "234")),
        (" 3,0 ", ("3.0",)),
        # Cyrillic and Greek letters that look like Latin ones
        ("\u041e\u0420\u0415L \u0392\u039cW \u0425\u042190", ("OPEL", "BMW", "XC", "90")),
        ("B.M.W.", ("B", "M", "W")),
        ("Škoda\x00Größe", ("SKODA", "GROSSE")),
        ("=HYPERLINK()", ("HYPERLINK",)),
        (" ,;\t", ()),
    ],
)
def test_text_is_split_into_words_and_numbers(text: str, tokens: tuple[str, ...]) -> None:
    assert tokenize(text) == tokens


def test_a_long_text_is_truncated() -> None:
    assert len(key("x" * 10 * MAX_CHARS)) == MAX_CHARS
    assert len(tokenize("ab " * MAX_CHARS)) == 16


def test_spans_are_all_runs_of_adjacent_tokens() -> None:
    assert list(spans(("A", "B", "C"))) == [
        (0, 1, "A"),
        (0, 2, "AB"),
        (0, 3, "ABC"),
        (1, 2, "B"),
        (1, 3, "BC"),
        (2, 3, "C"),
    ]


def test_spans_can_be_limited() -> None:
    tokens = ("LONG", "A", "B")

    assert [text for *_, text in spans(tokens, max_starts=1)] == ["LONG", "LONGA", "LONGAB"]
    assert [text for *_, text in spans(tokens, max_tokens=1)] == ["LONG", "A", "B"]
    # A single token is kept however long it is
    assert [text for *_, text in spans(tokens, max_chars=2)] == ["LONG", "A", "AB", "B"]
