"""Makes and models are read from CSV, forms and JSON."""

from __future__ import annotations

import pytest

from carlens.catalog.matcher import Match
from carlens.catalog.tables import Entry
from carlens.errors import MalformedBody, NoRows, TooManyRows, UnsupportedMediaType
from carlens.http.catalog_bodies import MAX_ROWS, Rows, as_json, in_french, read_rows, write_csv
from carlens.http.events import Request

TWO = [("Citroën", "C3"), ("vw", "golf")]


def read(body: bytes | str, content_type: str = "text/csv") -> Rows:
    data = body.encode() if isinstance(body, str) else body
    return read_rows(
        Request("POST", "/norm/europe", headers={"content-type": content_type}, body=data)
    )


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "latin-1", "utf-16"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_csv_is_read_with_any_common_delimiter_encoding_and_line_ending(
    delimiter: str, encoding: str, end: str
) -> None:
    text = end.join(delimiter.join(pair) for pair in TWO) + end

    rows = read(text.encode(encoding))

    assert (rows.pairs, rows.delimiter, rows.header) == (TWO, delimiter, False)


def test_a_header_names_the_columns_and_their_language() -> None:
    rows = read("id;Modèle;Marque\n1;clio;renault\n")

    assert rows == Rows([("renault", "clio")], french=True, delimiter=";", header=True)


def test_quoted_cells_and_empty_lines_are_rows() -> None:
    rows = read('"Renault","Clio, 5p"\n\n"Fiat","Uno ""turbo"""\n,\n')

    assert rows.pairs == [("Renault", "Clio, 5p"), ("", ""), ("Fiat", 'Uno "turbo"'), ("", "")]


def test_blank_lines_at_both_ends_are_ignored() -> None:
    rows = read("\n\r\nmake;model\nvw;golf\n\nfiat;uno\n\n\n")

    assert rows.pairs == [("vw", "golf"), ("", ""), ("fiat", "uno")]
    assert rows.header


def test_a_single_column_holds_make_and_model() -> None:
    assert read("renault clio\nvw golf").pairs == [("", "renault clio"), ("", "vw golf")]


@pytest.mark.parametrize(
    ("body", "delimiter", "first"),
    [
        ("Renault;Clio 1,5 dci\nVW;Golf 1,9\nFiat;Panda 1,2", ";", ("Renault", "Clio 1,5 dci")),
        ("make,model\nVW,Golf;GTI\nFiat,Uno;S\nVW,Up;3p", ",", ("VW", "Golf;GTI")),
        ("make,model\nVW,Golf\tGTI\nFiat,Uno\tS", ",", ("VW", "Golf\tGTI")),
        ('"Renault; SA","Clio; 5p"', ",", ("Renault; SA", "Clio; 5p")),
        ('"Renault, SA";"Clio, 5p"\n"VW, AG";"Golf"', ";", ("Renault, SA", "Clio, 5p")),
        ("Cars of 2020\nVW,Golf\nFiat,Uno", ",", ("Cars of 2020", "")),
        ("sep=;\r\nVW;Golf, 5p", ";", ("VW", "Golf, 5p")),
        ('\n"sep=|"\nVW|Golf, 5p', "|", ("VW", "Golf, 5p")),
    ],
)
def test_the_delimiter_is_the_one_that_splits_most_rows(
    body: str, delimiter: str, first: tuple[str, str]
) -> None:
    rows = read(body)

    assert (rows.delimiter, rows.pairs[0]) == (delimiter, first)


def test_a_comma_in_a_few_names_does_not_split_a_single_column() -> None:
    # Given full names, one of which has a comma
    rows = read("Renault Clio 1,5 dci\nVW Golf\nFiat Panda")

    # Then none is split, and the answer uses commas
    assert rows.pairs[0] == ("", "Renault Clio 1,5 dci")
    assert rows.delimiter == ","


@pytest.mark.parametrize(
    ("heading", "french"),
    [
        ("Car Make,Car Model", False),
        ("vehicle_make,vehicle_model", False),
        ("Manufacturer,Model", False),
        ("Fabricante,Modelo", False),
        ("Casa,Modello", False),
        ("Producent,Model", False),
        ("merk,type", False),
        ("make,designation", False),
        ("Značka,Model", False),
        ("Marque véhicule,Modèle véhicule", True),
        ("MARQUE,désignation", True),
        ("Constructeur,Gamme", False),
    ],
)
def test_a_column_is_found_by_a_word_in_its_heading(heading: str, french: bool) -> None:
    # Given two columns in either order
    for turned in (False, True):
        lines = [line.split(",")[:: -1 if turned else 1] for line in (heading, "VW,Golf")]

        rows = read("\n".join(map(";".join, lines)))

        assert rows == Rows([("VW", "Golf")], french, ";", header=True)


@pytest.mark.parametrize(
    ("heading", "row", "pair"),
    [
        ("make,model_year,model", "VW,2010,Golf", ("VW", "Golf")),
        ("make_id,Make name,model_id,Model name", "7,VW,9,Golf", ("VW", "Golf")),
        ("id,model,trim", "7,Golf,GTI", ("7", "Golf")),
        ("model,owner,trim", "Golf,VW,GTI", ("VW", "Golf")),
        ("trim,owner,make", "GTI,Golf,VW", ("VW", "Golf")),
        ("id,make,name", "7,VW,Golf", ("VW", "Golf")),
        ("year,Make and model", "2010,VW Golf", ("", "VW Golf")),
    ],
)
def test_other_columns_are_ignored(heading: str, row: str, pair: tuple[str, str]) -> None:
    assert read(f"{heading}\n{row}").pairs == [pair]


@pytest.mark.parametrize(
    "row",
    [
        "Tesla,Model 3",
        "Jaguar,E-Type",
        "Fiat,Tipo",
        "Tesla,Model S,brand new",
        "marque : Peugeot,modèle : 508 RXH",
    ],
)
def test_a_row_of_data_is_not_taken_for_a_header(row: str) -> None:
    rows = read(f"{row}\nVW,Golf")

    assert (len(rows.pairs), rows.header) == (2, False)


def test_numbers_in_the_first_of_several_columns_require_a_header() -> None:
    with pytest.raises(MalformedBody, match="add a first line that names the columns"):
        read("1,Renault,Clio\n2,VW,Golf")
    assert read("208,GTI").pairs == [("208", "GTI")]


@pytest.mark.parametrize(
    ("start", "what"),
    [
        (b"PK\x03\x04", "Excel workbook"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1", "old Excel workbook"),
        (b"\x1f\x8b\x08", "gzip"),
        (b"%PDF-1.7", "PDF"),
    ],
)
def test_other_file_formats_are_refused_by_name(start: bytes, what: str) -> None:
    with pytest.raises(MalformedBody, match=f"{what}.*save it as CSV"):
        read(start + b",a\n" * 9)


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "cp1252", "latin-1"])
def test_the_encoding_is_detected(encoding: str) -> None:
    name = "Mégane" if encoding == "latin-1" else "Mégane – Š"

    assert read(f"Renault;{name}\nVW;Golf".encode(encoding)).pairs[0] == ("Renault", name)


def test_bytes_that_windows_1252_does_not_define_are_read() -> None:
    assert read(b"Renault;M\xe9gane\x81").pairs == [("Renault", "Mégane\x81")]


@pytest.mark.parametrize(
    ("heading", "french"), [("model", False), ("Make", False), ("modèle", True), ("Marque", True)]
)
def test_one_column_may_have_a_header(heading: str, french: bool) -> None:
    rows = read(f"{heading}\nrenault clio")

    assert (rows.pairs, rows.header, rows.french) == ([("", "renault clio")], True, french)


def test_formulas_and_control_characters_are_data() -> None:
    assert read("=1+1,@SUM(A1)\na\x00b,c").pairs == [("=1+1", "@SUM(A1)"), ("a\x00b", "c")]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ('a,"b\nc,d', r"Line 1 .* close each quote, and double quotes inside a cell"),
        ('\na,b\n"c" d,e\n', r"Line 3 .* close each quote"),
        ("," * 100_000, "Line 1 .* 100,001 columns, but at most 200 are allowed; keep only"),
        ("a," + "x" * 200_000, "Line 1 .* a cell has more than 131,072 characters; shorten it"),
    ],
)
def test_the_error_of_broken_csv_says_where_and_what_to_do(body: str, message: str) -> None:
    with pytest.raises(MalformedBody, match=message):
        read(body)


def test_rows_are_limited() -> None:
    assert len(read("a,b\n" * MAX_ROWS).pairs) == MAX_ROWS
    with pytest.raises(TooManyRows):
        read("a,b\n" * (MAX_ROWS + 1))
    with pytest.raises(TooManyRows):
        read("[" + ",".join(['["a","b"]'] * (MAX_ROWS + 1)) + "]", "application/json")


def test_json_lists_are_read() -> None:
    assert read('[["a","b"],["c",""]]', "application/json").pairs == [("a", "b"), ("c", "")]
    assert read('[{"marque":"a","modele":"b"}]', "application/json") == Rows([("a", "b")], True)


def test_json_integers_become_text_and_missing_fields_are_empty() -> None:
    body = (
        '[{"make":"Peugeot","model":208},{"make":"vw"},{"make":null,"model":"up"},[null,147],'
        '{"model":"ka"}]'
    )

    rows = read(body, "application/json")

    assert rows.pairs == [("Peugeot", "208"), ("vw", ""), ("", "up"), ("", "147"), ("", "ka")]


def test_english_json_fields_take_precedence() -> None:
    both = '[{"make":"a","model":"b","marque":"c","modele":"d"}]'

    assert read(both, "application/json") == Rows([("a", "b")], french=False)


@pytest.mark.parametrize(
    "item",
    [
        "{}",
        '{"Make":"a"}',
        '{"make":"a","modele":0.5}',
        '["a"]',
        '["a",true]',
        '{"make":2.5}',
        '{"model":["a"]}',
        '"a"',
        '"ab"',
        '{"Make":"a","Model":"b"}',
    ],
)
def test_an_invalid_json_row_is_named(item: str) -> None:
    with pytest.raises(
        MalformedBody, match=r"^\[1\] must be an object with 'make', 'model' or both"
    ):
        read(f'[["a","b"],{item}]', "application/json")


@pytest.mark.parametrize("body", ["{", "{}", "null", '[["a"]]', "[" * 10**5])
def test_other_json_is_refused(body: str) -> None:
    with pytest.raises(MalformedBody):
        read(body, "application/json")


def test_the_rows_of_a_form_are_in_its_file() -> None:
    form = (
        b'--x\r\nContent-Disposition: form-data; name="note"\r\n\r\nhello\r\n'
        b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\n'
        b"renault;clio\r\n--x--\r\n"
    )
    assert read(form, "multipart/form-data; boundary=x").pairs == [("renault", "clio")]
    with pytest.raises(NoRows):
        read(form.replace(b'"file"', b'"data"'), "multipart/form-data; boundary=x")
    with pytest.raises(MalformedBody, match=r"second field 'file' \('a.csv'\)"):
        read(form[:-7] + form[form.index(b"--x", 3) :], "multipart/form-data; boundary=x")
    with pytest.raises(MalformedBody):
        read(form[:-20], "multipart/form-data; boundary=x")
    with pytest.raises(MalformedBody):
        read(form, "multipart/form-data")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"[" * 200_000, "nested too deeply; send a flatter one"),
        (b"[" + b"1" * 5000 + b"]", "too many digits; shorten it"),
        (b'["\xff"]', "not UTF-8; encode it as UTF-8"),
        (b"[1,", "not valid JSON: Expecting value: line 1 column 4"),
    ],
)
def test_the_error_of_invalid_json_says_what_to_do(body: bytes, message: str) -> None:
    with pytest.raises(MalformedBody, match=message):
        read(body, "application/json")


def test_empty_bodies_and_other_types_are_refused() -> None:
    with pytest.raises(NoRows):
        read("")
    with pytest.raises(NoRows):
        read("make,model\n")
    with pytest.raises(UnsupportedMediaType):
        read("a,b", "image/png")


def test_the_response_has_the_format_of_the_file() -> None:
    rows = Rows([("a", "b")], french=True, delimiter=";", header=True)

    text = write_csv(rows, [Match("Renault", "Clio", 100, 100, 100)], top_k=2)

    assert text == "marque;modele;score;marque_2;modele_2;score_2\r\nRenault;Clio;100;;;\r\n"


@pytest.mark.parametrize(
    "content_type", ["text/csv", "text/plain", "text/tab-separated-values", "application/csv"]
)
def test_the_content_types_of_csv_are_accepted(content_type: str) -> None:
    assert read("vw,golf", content_type).pairs == [("vw", "golf")]


@pytest.mark.parametrize(
    ("given", "french"),
    [
        ({"marque", "modele"}, True),
        ({"marque"}, True),
        ({"modele"}, True),
        ({"make"}, False),
        ({"make", "modele"}, False),
        ({"marque", "model"}, False),
        ({"color"}, False),
        (set[str](), False),
    ],
)
def test_french_names_count_only_without_english_ones(given: set[str], french: bool) -> None:
    assert in_french(given) is french


def test_a_match_in_json_has_its_scores_and_alternatives() -> None:
    match = Match("Renault", "Clio", 90, 80, 85, ((Entry("Renault", "Captur"), 70),))

    best = {"make": "Renault", "model": "Clio", "score_make": 90, "score_model": 80, "score": 85}
    other = {"make": "Renault", "model": "Captur", "score": 70}
    assert as_json(match, french=False, top_k=1) == best
    assert as_json(match, french=False, top_k=2) == {**best, "alternatives": [other]}
    assert as_json(match, french=True, top_k=2) == {
        "marque": "Renault",
        "modele": "Clio",
        "score_marque": 90,
        "score_modele": 80,
        "score": 85,
        "alternatives": [{"marque": "Renault", "modele": "Captur", "score": 70}],
    }


def test_alternatives_are_columns_of_csv() -> None:
    rows = Rows([("a", "b")], delimiter=",", header=True)
    match = Match("Renault", "Clio", 90, 80, 85, ((Entry("Renault", "Captur"), 70),))

    text = write_csv(rows, [match], top_k=3)

    assert text.splitlines() == [
        "make,model,score,make_2,model_2,score_2,make_3,model_3,score_3",
        "Renault,Clio,85,Renault,Captur,70,,,",
    ]
