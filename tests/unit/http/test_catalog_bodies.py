"""Makes and models are read from CSV, forms and JSON."""

from __future__ import annotations

import csv
import io

import pytest

from carlens.catalog.csv_reader import CsvFile, read_csv
from carlens.catalog.matcher import Alternative, Match
from carlens.catalog.tables import Entry
from carlens.errors import MalformedBody, NoRows, TooManyRows, UnsupportedMediaType
from carlens.http.catalog_bodies import (
    MAX_ROWS,
    Rows,
    as_json,
    check_columns,
    in_french,
    read_rows,
    write_csv,
)
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

    assert rows.file is not None
    assert (rows.pairs, rows.file.delimiter, rows.file.header) == (TWO, delimiter, None)


def test_a_header_names_the_columns_and_their_language() -> None:
    rows = read("id;Modèle;Marque\n1;clio;renault\n")

    assert rows.file is not None
    assert (rows.pairs, rows.french, rows.file.delimiter) == ([("renault", "clio")], True, ";")
    assert rows.file.header


def test_quoted_cells_and_empty_lines_are_rows() -> None:
    rows = read('"Renault","Clio, 5p"\n\n"Fiat","Uno ""turbo"""\n,\n')

    assert rows.pairs == [("Renault", "Clio, 5p"), ("", ""), ("Fiat", 'Uno "turbo"'), ("", "")]


def test_blank_lines_at_both_ends_are_ignored() -> None:
    rows = read("\n\r\nmake;model\nvw;golf\n\nfiat;uno\n\n\n")

    assert rows.pairs == [("vw", "golf"), ("", ""), ("fiat", "uno")]
    assert rows.file is not None
    assert rows.file.header


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

    assert rows.file is not None
    assert (rows.file.delimiter, rows.pairs[0]) == (delimiter, first)


def test_a_comma_in_a_few_names_does_not_split_a_single_column() -> None:
    # Given full names, one of which has a comma
    rows = read("Renault Clio 1,5 dci\nVW Golf\nFiat Panda")

    # Then none is split, and the answer uses commas
    assert rows.pairs[0] == ("", "Renault Clio 1,5 dci")
    assert rows.file is not None
    assert rows.file.delimiter == ","


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
        ("Constructeur,Gamme", True),
        ("Véhicule,Désignation", True),
    ],
)
def test_a_column_is_found_by_a_word_in_its_heading(heading: str, french: bool) -> None:
    # Given two columns in either order
    for turned in (False, True):
        lines = [line.split(",")[:: -1 if turned else 1] for line in (heading, "VW,Golf")]

        rows = read("\n".join(map(";".join, lines)))

        assert rows.file is not None
        assert (rows.pairs, rows.french, rows.file.delimiter) == ([("VW", "Golf")], french, ";")
        assert rows.file.header


@pytest.mark.parametrize(
    ("heading", "row", "pair"),
    [
        ("make,model_year,model", "VW,2010,Golf", ("VW", "Golf")),
        ("make_id,Make name,model_id,Model name", "7,VW,9,Golf", ("VW", "Golf")),
        ("id,model,trim", "7,Golf,GTI", ("", "Golf")),
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

    assert rows.file is not None
    assert (len(rows.pairs), rows.file.header) == (2, None)


def test_numbers_in_the_first_of_several_columns_require_a_header() -> None:
    for rows in ("1,Renault,Clio\n2,VW,Golf", "Ref,x,y\n1,VW,Golf", "2024-01-05,VW,Golf"):
        with pytest.raises(MalformedBody, match="Add a first line that names the columns"):
            read(rows)
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

    assert rows.file is not None
    assert (rows.pairs, rows.french) == ([("", "renault clio")], french)
    assert rows.file.header


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


def test_json_numbers_are_taken_as_their_text_and_missing_fields_are_empty() -> None:
    body = (
        '[{"make":"Peugeot","model":208},{"make":"vw"},{"make":null,"model":"up"},[null,147],'
        '{"model":"ka"},["saab",9.30],["a",1e400],["a",-0],["a",' + "1" * 5000 + "]]"
    )

    rows = read(body, "application/json")

    assert rows.pairs[:5] == [("Peugeot", "208"), ("vw", ""), ("", "up"), ("", "147"), ("", "ka")]
    assert rows.pairs[5:] == [("saab", "9.30"), ("a", "1e400"), ("a", "-0"), ("a", "1" * 5000)]
    assert rows.invalid == {}


def test_english_json_fields_take_precedence() -> None:
    both = '[{"make":"a","model":"b","marque":"c","modele":"d"}]'

    assert read(both, "application/json") == Rows([("a", "b")], french=False)


def test_each_json_item_may_use_its_own_names_and_the_first_decides_those_of_the_answer() -> None:
    mixed = '[7,{"marque":"a"},{"make":"b"},["c","d"]]'

    rows = read(mixed, "application/json")

    assert (rows.pairs[1:], rows.french) == ([("a", ""), ("b", ""), ("c", "d")], True)


@pytest.mark.parametrize(
    "item",
    [
        "{}",
        '{"Make":"a"}',
        '{"make":"a","model":true}',
        '["a"]',
        '["a","b","c"]',
        '["a",true]',
        '["a",NaN]',
        '{"model":["a"]}',
        '{"model":{}}',
        '"a"',
        '"ab"',
        "5",
        "null",
        "[]",
    ],
)
def test_an_invalid_json_item_fails_alone(item: str) -> None:
    rows = read(f'[["a","b"],{item},["c","d"]]', "application/json")

    assert rows.pairs == [("a", "b"), ("", ""), ("c", "d")]
    (message,) = rows.invalid.values()
    assert message.startswith("[1] must be an object with 'make', 'model' or both, or a list")


def test_a_json_list_without_a_valid_item_is_refused() -> None:
    with pytest.raises(MalformedBody, match=r"^\[0\] must be an object with 'make'"):
        read('[{"Make":"a"},5]', "application/json")


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


def sent(text: str) -> CsvFile:
    return read_csv(text.encode(), MAX_ROWS)


CLIO = Match("Renault", "Clio", 90, 80, 85)
WITH_CAPTUR = Match("Renault", "Clio", 90, 80, 85, (Alternative(Entry("Renault", "Captur"), 70),))


def test_the_answer_to_a_file_has_its_columns_and_those_of_the_match() -> None:
    file = sent("N°;Marque;Modèle;Prix\n1;reno;clyo;10,5\n2;;\n\n4;a;b;c;d\n")

    text = write_csv(file, [CLIO, Match(), Match(), CLIO], french=True, top_k=1)

    assert text.split("\r\n") == [
        "N°;Marque;Modèle;Prix;;matched_marque;matched_modele;score",
        "1;reno;clyo;10,5;;Renault;Clio;85",
        "2;;;;;;;0",
        ";;;;;;;0",
        "4;a;b;c;d;Renault;Clio;85",
        "",
    ]


def test_the_detailed_answer_to_a_file_ends_with_what_was_written_both_scores_and_the_kind() -> (
    None
):
    file = sent("make,model,note\nreno,=clyo,x\nman,tgx,y")
    written = [("reno", "=clyo"), ("man", "tgx")]
    matches = [WITH_CAPTUR, Match(kind="truck")]

    text = write_csv(file, matches, french=False, top_k=2, written=written)

    assert text.split("\r\n") == [
        "make,model,note,matched_make,matched_model,score,matched_make_2,matched_model_2,score_2,"
        "written_make,written_model,score_make,score_model,kind",
        "reno,'=clyo,x,Renault,Clio,85,Renault,Captur,70,reno,'=clyo,90,80,",
        "man,tgx,y,,,0,,,,man,tgx,0,0,truck",
        "",
    ]


def test_a_file_without_a_header_gets_none() -> None:
    text = write_csv(sent("reno clyo"), [CLIO], french=False, top_k=1)

    assert text == "reno clyo,Renault,Clio,85\r\n"


def test_the_title_of_a_file_is_not_repeated() -> None:
    text = write_csv(sent("Fleet\n\nmake,model\na,b"), [CLIO], french=False, top_k=1)

    assert text.split("\r\n")[:2] == [
        "make,model,matched_make,matched_model,score",
        "a,b,Renault,Clio,85",
    ]


@pytest.mark.parametrize(
    "formula",
    [
        *("=1+1", "+1", "-1+1", "@SUM(A1)", "=cmd|'/c calc'!A0", "+33 6 12 34", "-cmd", "--1"),
        *("\t=1", " =1", "\r=1", "\n=1", "\t", "\x1b=1", "\xa0=1", "＝1+1", "－A1"),
    ],
)
def test_a_formula_is_escaped_in_every_column(formula: str) -> None:
    quoted = f'"{formula}"'
    file = sent(f"make,model,{quoted}\n{quoted},{quoted},{quoted}\n")
    match = Match(formula, formula, alternatives=(Alternative(Entry(formula, formula), 1),))

    text = write_csv(file, [match], french=False, top_k=2)

    header, row = csv.reader(io.StringIO(text, newline=""))
    safe = f"'{formula}"
    assert header[2] == safe
    assert row == [safe, safe, safe, safe, safe, "0", safe, safe, "1"]


@pytest.mark.parametrize(
    "value", ["-5", "-5.50", " -1,234.5", "-", "---", "5+5", "a=b", "10%", "'"]
)
def test_other_cells_are_unchanged(value: str) -> None:
    text = write_csv(sent(f'make,model,x\na,b,"{value}"'), [CLIO], french=False, top_k=1)

    assert list(csv.reader(io.StringIO(text)))[1][2] == value


def test_a_file_whose_columns_are_unknown_is_refused_with_its_columns() -> None:
    nothing, make, both = Match(), Match("Volkswagen"), Match("Volkswagen", "Golf")
    two, three, named = sent("Plate;Color\na;b"), sent("P;Q;R\na;VW;Golf"), sent("make;model\na;b")

    with pytest.raises(
        MalformedBody, match=r"columns is understood: 'Plate', 'Color'\. Add a first"
    ):
        check_columns(two, [nothing, nothing])
    with pytest.raises(MalformedBody, match="'P', 'Q', 'R'"):
        check_columns(three, [nothing, make])
    check_columns(two, [nothing, make])
    check_columns(three, [nothing, both])
    check_columns(named, [nothing])


def test_many_long_unknown_columns_are_shortened() -> None:
    file = sent(",".join("x" * 100 for _ in range(30)))

    with pytest.raises(MalformedBody) as caught:
        check_columns(file, [])

    assert f"{'x' * 40!r} and 10 more. Add" in str(caught.value)
    assert "x" * 41 not in str(caught.value)


@pytest.mark.parametrize(
    "content_type",
    [
        *("text/csv", "text/plain", "text/tab-separated-values", "text/comma-separated-values"),
        *("application/csv", "application/x-csv", "text/x-csv", "application/octet-stream"),
        *("application/vnd.ms-excel", "Application/VND.MS-Excel; charset=utf-8"),
    ],
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
    match = Match("Renault", "Clio", 90, 80, 85, (Alternative(Entry("Renault", "Captur"), 70),))

    scores = {"score_make": 90, "score_model": 80, "score": 85}
    best = {"make": "Renault", "model": "Clio", **scores, "kind": ""}
    other = {"make": "Renault", "model": "Captur", "score": 70, "reason": "similar_model"}
    assert as_json(match, french=False, top_k=1) == best
    assert as_json(match, french=False, top_k=2) == {**best, "alternatives": [other]}
    assert as_json(match, french=True, top_k=2) == {
        "marque": "Renault",
        "modele": "Clio",
        "score_marque": 90,
        "score_modele": 80,
        "score": 85,
        "kind": "",
        "alternatives": [
            {"marque": "Renault", "modele": "Captur", "score": 70, "reason": "similar_model"}
        ],
    }


def test_alternatives_are_columns_of_csv() -> None:
    text = write_csv(sent("make,model\na,b"), [WITH_CAPTUR], french=False, top_k=3)

    assert text.splitlines() == [
        "make,model,matched_make,matched_model,score,matched_make_2,matched_model_2,score_2,"
        "matched_make_3,matched_model_3,score_3",
        "a,b,Renault,Clio,85,Renault,Captur,70,,,",
    ]
