"""Bodies that other clients send, from a folder that a checkout may lack."""

from __future__ import annotations

from pathlib import Path

import pytest

from carlens.errors import MalformedBody
from carlens.http.events import Request
from carlens.http.pictures import read_pictures
from carlens.images.decoder import read_shape
from carlens.images.types import Limits
from carlens.inputs.sources import PictureSource
from tests.support import gzipped
from tests.unit.inputs.net import PUBLIC, Net

FOLDERS = [folder / "shared" / "cases" for folder in Path(__file__).parents]
CASES = next(filter(Path.is_dir, FOLDERS), FOLDERS[0])

pytestmark = pytest.mark.skipif(not CASES.is_dir(), reason="no folder shared/cases")

# The pictures of each form, by their names.
FORMS: dict[str, list[str | None]] = {
    "boundary_part_style_unquoted": ["a.png"],
    "boundary_with_equals_unquoted": ["a.png"],
    "cte_base64": ["a.png"],
    "disposition_file": ["a.png"],
    "filename_ends_in_backslash_before_name": ["a\\", "a.png"],
    "filename_star_only": ["café.png"],
    "image_field_holds_base64_text": [None],
    "last_boundary_without_dashes": ["a.png"],
    "lf_only": ["a.png"],
    "mixed_image_and_image_brackets": ["a.png", "a.png"],
    "part_content_length_wrong": ["a.png", "a.png"],
    "part_header_name_with_dot": ["a.png", "a.png"],
    "part_nine_headers": ["a.png", "a.png"],
    "space_after_boundary": ["a.png"],
}


def read(body: bytes, content_type: str) -> list[PictureSource]:
    headers = {"content-type": content_type}
    return read_pictures(Request("POST", "/", headers=headers, body=body), max_pictures=9)


def read_case(name: str) -> list[PictureSource]:
    content_type = (CASES / f"form_{name}.content-type.txt").read_text("utf-8")
    return read((CASES / f"form_{name}.body").read_bytes(), content_type)


def is_the_picture(content: object) -> bool:
    assert isinstance(content, bytes)
    shape = read_shape(content, Limits(1000, 1000, 1000))
    return (shape.width, shape.height, len(content)) == (16, 8, 86)


def test_every_form_is_tested() -> None:
    found = {path.stem.removeprefix("form_") for path in CASES.glob("form_*.body")}

    assert found == {*FORMS, "header_without_boundary"}


@pytest.mark.parametrize(("name", "names"), FORMS.items(), ids=FORMS)
def test_a_form_is_read(name: str, names: list[str | None]) -> None:
    found = read_case(name)

    assert [source.name for source in found] == names
    assert all(is_the_picture(source.content) for source in found)


def test_a_header_without_a_boundary_is_refused_with_the_reason() -> None:
    with pytest.raises(MalformedBody, match="has no boundary"):
        read_case("header_without_boundary")


def test_base64_with_line_breaks_is_read() -> None:
    [found] = read((CASES / "json_base64_with_line_breaks.json").read_bytes(), "application/json")

    assert is_the_picture(found.content)


@pytest.mark.parametrize("name", ["103_then_200", "gzip_in_spite_of_identity"])
def test_the_answer_of_a_server_is_read(name: str) -> None:
    # Given the head of an answer, which the file may follow with a description of its body
    picture = read_case("disposition_file")[0].content
    assert isinstance(picture, bytes)
    head, end, _ = (CASES / f"url_{name}.response.txt").read_bytes().rpartition(b"\r\n\r\n")
    net = Net()
    net.names = {"photos.example": [PUBLIC]}
    net.answers = [head + end + (gzipped(picture) if b"gzip" in head else picture)]

    found = net.fetch("http://photos.example/")
    net.close()

    assert is_the_picture(found)
