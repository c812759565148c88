"""A body -> rows, in whatever CSV it comes."""

from __future__ import annotations

import pytest

from carlens.errors import MalformedBody, NoRows, TooManyRows, UnsupportedMediaType
from carlens.gateway import Request
from carlens.naming.matching import Match
from carlens.naming.rows import MAX_ROWS, Rows, read_rows, write_csv

TWO = [("Citroën", "C3"), ("vw", "golf")]


def read(body: bytes | str, content_type: str = "text/csv") -> Rows:
    data = body.encode() if isinstance(body, str) else body
    return read_rows(
        Request("POST", "/norm/europe", headers={"content-type": content_type}, body=data)
    )


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "latin-1", "utf-16"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_any_usual_csv_is_read(delimiter: str, encoding: str, end: str) -> None:
    text = end.join(delimiter.join(pair) for pair in TWO) + end

    rows = read(text.encode(encoding))

    assert (rows.pairs, rows.delimiter, rows.header) == (TWO, delimiter, False)


def test_a_header_tells_the_columns_and_the_names() -> None:
    rows = read("id;Modèle;Marque\n1;clio;renault\n")

    assert rows == Rows([("renault", "clio")], french=True, delimiter=";", header=True)


def test_quotes_commas_and_empty_lines_keep_their_rows() -> None:
    rows = read('"Renault","Clio, 5p"\n\n"Fiat","Uno ""turbo"""\n,\n')

    assert rows.pairs == [("Renault", "Clio, 5p"), ("", ""), ("Fiat", 'Uno "turbo"'), ("", "")]


def test_one_column_is_the_whole_name() -> None:
    assert read("renault clio\nvw golf").pairs == [("", "renault clio"), ("", "vw golf")]


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
        ('a,"b\nc,d', r"line \d+: unexpected end of data"),
        ("," * 100_000, "100001 columns"),
        ("a," + "x" * 200_000, "field larger than field limit"),
    ],
)
def test_broken_csv_says_where(body: str, message: str) -> None:
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


@pytest.mark.parametrize("body", ["{", "{}", '[{"make":"a"}]', "[[1,2]]", '[["a"]]', "[" * 10**5])
def test_other_json_is_refused(body: str) -> None:
    with pytest.raises(MalformedBody):
        read(body, "application/json")


def test_a_form_has_its_rows_in_file() -> None:
    form = (
        b'--x\r\nContent-Disposition: form-data; name="note"\r\n\r\nhello\r\n'
        b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\n'
        b"renault;clio\r\n--x--\r\n"
    )
    assert read(form, "multipart/form-data; boundary=x").pairs == [("renault", "clio")]
    with pytest.raises(NoRows):
        read(form.replace(b'"file"', b'"data"'), "multipart/form-data; boundary=x")
    with pytest.raises(MalformedBody):
        read(form[:-20], "multipart/form-data; boundary=x")
    with pytest.raises(MalformedBody):
        read(form, "multipart/form-data")


def test_json_nested_too_deep_is_refused_in_words_for_the_client() -> None:
    with pytest.raises(MalformedBody, match="nested too deep; send a flat one"):
        read("[" * 200_000, "application/json")


def test_no_rows_and_other_types_are_refused() -> None:
    with pytest.raises(NoRows):
        read("")
    with pytest.raises(NoRows):
        read("make,model\n")
    with pytest.raises(UnsupportedMediaType):
        read("a,b", "image/png")


def test_the_answer_has_the_form_of_the_file() -> None:
    rows = Rows([("a", "b")], french=True, delimiter=";", header=True)

    text = write_csv(rows, [Match("Renault", "Clio", 100, 100, 100)], top_k=2)

    assert text == "marque;modele;score;marque_2;modele_2;score_2\r\nRenault;Clio;100;;;\r\n"
