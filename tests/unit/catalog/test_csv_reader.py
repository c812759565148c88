"""CSV is read in any common form, and what is not CSV is refused."""

from __future__ import annotations

import random

import pytest

from carlens.catalog.csv_reader import read_csv


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
        # a header below a title that another delimiter splits
        ("Cars, vans, trucks\n\nmake;model\na;b\n", ";"),
    ],
)
def test_the_delimiter_is_found(text: str, delimiter: str) -> None:
    assert read_csv(text.encode(), max_rows=10).delimiter == delimiter


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf_16_without_a_mark_is_recognized_by_its_zeros(encoding: str) -> None:
    assert read_csv("Škoda,Octavia".encode(encoding), 1).first_row == ["Škoda", "Octavia"]
    assert read_csv("a,b".encode(encoding), 1).first_row == ["a", "b"]


def test_the_number_of_the_broken_line_counts_blank_lines_and_cells_of_several_lines() -> None:
    with pytest.raises(ValueError, match=r"^Line 5 of the CSV cannot be read: its quotes"):
        read_csv(b'\n\n"a\nb",c\n"d" e,f\n', max_rows=10)


@pytest.mark.parametrize(
    ("above", "line"),
    [
        ("Fleet list 2024;;\r\n;;\r\n", 4),
        ("Fleet list 2024\r\n\r\n", 4),
        ("\r\n \r\n;;\r\n", 5),
        (";;\r\n" * 40, 42),
        ("Fleet;2024\r\nby;Ann\r\n;;\r\n", 5),
        ("List of makes and models\r\n", 3),
        ("sep=;\r\nFleet list\r\n", 4),
    ],
)
def test_the_header_is_found_below_titles_and_empty_rows(above: str, line: int) -> None:
    file = read_csv(f"{above}No;Make;Model\r\n1;VW;Golf\r\n".encode(), max_rows=10)

    assert (file.first_row, file.rows) == (["No", "Make", "Model"], [(line, ["1", "VW", "Golf"])])


def test_rows_above_a_repeated_header_are_kept() -> None:
    file = read_csv(b"VW;Golf\nOpel;Corsa\nmake;model\nFiat;Uno\n", max_rows=10)

    assert (len(file.rows), file.header) == (4, None)


@pytest.mark.parametrize(
    "end", ["\x1a", "\r\n\x1a", "\x1a\r\n", "\x1a" * 100, "\r\n\0\0", "\x1a\0"]
)
def test_what_marks_the_end_of_a_file_is_not_a_row(end: str) -> None:
    assert read_csv(f"make;model\r\nVW;Golf{end}".encode(), 10).rows == [(2, ["VW", "Golf"])]


@pytest.mark.parametrize("end", ["\r\r\n", "\r\r\r\n", "\r", "\n"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_line_ends_that_were_converted_twice_are_one(end: str, encoding: str) -> None:
    text = end.join(["make;model", "VW;Golf", '"a', 'b";c', ""])

    rows = read_csv(text.encode(encoding), 10).rows

    assert [cells[0][:1] for _, cells in rows] == ["V", "a"]
    assert [line for line, _ in rows] == [2, 3]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_marks_of_the_byte_order_are_not_text(encoding: str) -> None:
    assert read_csv("\ufeffVW;Škoda".encode(encoding), 1).first_row == ["VW", "Škoda"]


@pytest.mark.parametrize("size", [100, 1000, 200_000])
@pytest.mark.parametrize(
    "start", [b"", b"\xff\xfe", b"\xef\xbb\xbf", b"\x89PNG\r\n\x1a\n", b"make,model\n"]
)
def test_random_bytes_are_refused(start: bytes, size: int) -> None:
    chance = random.Random(size)

    for _ in range(20):
        with pytest.raises(ValueError, match=r"not a CSV|of the CSV"):
            read_csv(start + chance.randbytes(size), max_rows=10_000)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("\n<html><table><tr><td>VW</td></tr></table></html>", "HTML or XML"),
        ('<?xml version="1.0"?>\n<Workbook/>', "HTML or XML"),
        ("<!DOCTYPE html>", "HTML or XML"),
        ('[{"make": "vw", "model": "golf"}]', "JSON, not a CSV; send it as application/json"),
        ('{"make": "vw"}', "JSON"),
        ('[["vw", "golf"]]', "JSON"),
    ],
)
def test_other_text_formats_are_refused_by_name(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_csv(text.encode(), 1)


@pytest.mark.parametrize("text", ["[VW];[Golf]", "<VW>;Golf", "{VW};Golf", "VW\x1b;Golf\x0c"])
def test_odd_text_is_read(text: str) -> None:
    assert len(read_csv(text.encode(), 1).first_row) == 2
