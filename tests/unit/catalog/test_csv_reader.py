"""CSV is read in any common form, and its header is recognized."""

from __future__ import annotations

import pytest

from carlens.catalog.csv_reader import Header, read_csv, read_header


def test_rows_know_their_lines() -> None:
    # Given blank lines at the start, and a cell with a line break
    data = b'\n\r\n"a\nb",c\n\nd,e\n\n'

    file = read_csv(data, max_rows=10)

    assert file.rows == [(3, ["a\nb", "c"]), (5, []), (6, ["d", "e"])]
    assert (file.header, file.first_row) == (None, ["a\nb", "c"])


@pytest.mark.parametrize("header", ["", "make,model\n", "sep=,\n", "sep=,\nmake,model\n"])
def test_reading_stops_soon_after_the_limit(header: str) -> None:
    data = (header + "a,b\n" * 10).encode()

    file = read_csv(data, max_rows=3)

    assert 3 < len(file.rows) <= 5
    assert {tuple(cells) for _, cells in file.rows} == {("a", "b")}


def test_too_many_columns_are_an_error() -> None:
    assert len(read_csv(b"," * 199, max_rows=1).first_row) == 200
    with pytest.raises(ValueError, match="201 columns"):
        read_csv(b"," * 200, max_rows=1)


@pytest.mark.parametrize(
    ("text", "delimiter"),
    [
        # a complete header counts more than the number of split rows
        ("make\tmodel\na,b\nc,d\ne,f", "\t"),
        # more than half of the rows must be split
        ("a;b\nc\n", ","),
        ("a;b\nc;d\ne\n", ";"),
        # a semicolon is preferred to a comma that fits equally well
        ("Clio 1,5;VW\nGolf 1,9;VW", ";"),
        # quotes that are closed only with the right delimiter
        ('"a";"b, c"\n"d";"e, f"', ";"),
        # the line for Excel, in any case, with or without quotes
        ('"SEP=|"\r\na|b', "|"),
        ("sep=\t\na\tb", "\t"),
        ("", ","),
    ],
)
def test_the_delimiter_is_found(text: str, delimiter: str) -> None:
    assert read_csv(text.encode(), max_rows=10).delimiter == delimiter


@pytest.mark.parametrize(
    ("cells", "header"),
    [
        (["make", "model"], Header(0, 1, is_french=False)),
        (["Modèle", "id", "Marque"], Header(2, 0, is_french=True)),
        (["marque", "model"], Header(0, 1, is_french=False)),
        (["make"], Header(0, None, is_french=False)),
        (["car model", "brand"], Header(1, 0, is_french=False)),
        (["make and model", "make"], Header(1, 0, is_french=False)),
        (["make and model"], Header(0, 0, is_french=False)),
        (["model year", "model"], Header(None, 1, is_french=False)),
        # data
        (["car model"], None),
        (["Tesla", "Model 3"], None),
        (["brand new"], None),
        (["a", "b"], None),
        ([], None),
    ],
)
def test_a_header_is_distinguished_from_data(cells: list[str], header: Header | None) -> None:
    assert read_header(cells) == header


def test_headings_are_known_in_many_languages() -> None:
    makes = (
        "make brand manufacturer marque constructeur fabricant Marke Hersteller Fabrikat marca "
        "fabricante montadora casa fabbricante costruttore merk fabrikant marka producent merke "
        "mærke merkki značka"
    )
    models = "model modèle gamme Modell modelo modello malli"

    assert [word for word in makes.split() if read_header([word, "x"]) is None] == []
    assert [word for word in models.split() if read_header(["x", word]) is None] == []


@pytest.mark.parametrize(
    "word", ["ID", "code", "number", "year", "année", "Jahr", "Baujahr", "año", "anno", "new"]
)
def test_a_heading_with_another_word_is_not_the_model_column(word: str) -> None:
    assert read_header(["make", f"model {word}"]) == Header(0, None, is_french=False)


def test_a_complete_header_has_a_column_for_each() -> None:
    assert Header(0, 1, is_french=False).is_complete
    assert not Header(0, 0, is_french=False).is_complete
    assert not Header(None, 1, is_french=False).is_complete
    assert not Header(0, None, is_french=False).is_complete


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf_16_without_a_mark_is_recognized_by_its_zeros(encoding: str) -> None:
    assert read_csv("Škoda,Octavia".encode(encoding), 1).first_row == ["Škoda", "Octavia"]
    assert read_csv("a,b".encode(encoding), 1).first_row == ["a", "b"]


def test_the_number_of_the_broken_line_counts_blank_lines_and_cells_of_several_lines() -> None:
    with pytest.raises(ValueError, match=r"^Line 5 of the CSV cannot be read: its quotes"):
        read_csv(b'\n\n"a\nb",c\n"d" e,f\n', max_rows=10)
