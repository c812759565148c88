from __future__ import annotations

from pathlib import Path

import pytest

from carlens.teach.errors import TeachError
from carlens.teach.photos import read_photos


def touch(root: Path, *names: str) -> Path:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    return root


def write_csv(root: Path, text: str) -> Path:
    path = root / "cars.csv"
    path.write_text(text, "utf-8")
    return path


def test_a_folder_may_have_a_level_per_make_or_not(tmp_path: Path) -> None:
    # Given both layouts, a make of two words, hidden files, and numbers in file names
    touch(tmp_path, "Renault/Clio/10.jpg", "Renault/Clio/9.jpg", "Land Rover Defender/a/b.png")
    touch(tmp_path, "Dacia Logan MCV/a.jpg", ".DS_Store", "Dacia Logan MCV/.hidden.jpg")

    # When they are read
    photos = read_photos(tmp_path, ["Land Rover", "Dacia"])

    # Then the deeper folder counts as make and model, and files have their natural order
    assert [(p.make, p.model, p.path.name) for p in photos] == [
        ("Dacia", "Logan MCV", "a.jpg"),
        ("Land Rover Defender", "a", "b.png"),
        ("Renault", "Clio", "9.jpg"),
        ("Renault", "Clio", "10.jpg"),
    ]


def test_a_known_make_of_two_words_is_not_cut(tmp_path: Path) -> None:
    touch(tmp_path, "land rover Defender/a.jpg", "Foo Bar Baz/a.jpg")

    photos = read_photos(tmp_path, ["Land Rover"])

    assert [(p.make, p.model) for p in photos] == [("Foo", "Bar Baz"), ("land rover", "Defender")]


def test_a_csv_file_may_have_boxes(tmp_path: Path) -> None:
    path = write_csv(
        tmp_path,
        "\ufefffile;make;model;x1;y1;x2;y2\na.jpg;Kia;Rio;1;2;30;40\n\nb.jpg;Kia;Picanto;;;;\n",
    )

    first, second = read_photos(path, [])

    assert (first.path, first.name, first.box) == (tmp_path / "b.jpg", "Kia Picanto", None)
    assert (second.path, second.name, second.box) == (tmp_path / "a.jpg", "Kia Rio", (1, 2, 30, 40))


@pytest.mark.parametrize("box", [",x1,y1,x2,y2", ""])
def test_a_csv_file_may_choose_the_photos_held_out(tmp_path: Path, box: str) -> None:
    cells = ",1,2,30,40" if box else ""
    path = write_csv(
        tmp_path,
        f"file,make,model{box},held_out\n"
        f"a.jpg,Kia,Rio{cells},Yes\nb.jpg,Kia,Rio{cells},no\nc.jpg,Kia,Picanto{cells},\n",
    )

    photos = read_photos(path, [])

    assert {photo.path.name: photo.held_out for photo in photos} == {
        "a.jpg": True,
        "b.jpg": False,
        "c.jpg": False,
    }
    assert all((photo.box is not None) == bool(box) for photo in photos)


@pytest.mark.parametrize("end", ["", ",held_out"])
def test_a_csv_file_may_name_variants_of_a_model(tmp_path: Path, end: str) -> None:
    path = write_csv(
        tmp_path,
        f"file,make,model,name{end}\na.jpg,Kia,Rio,Kia Rio Sedan 2012{end and ',yes'}\n"
        f"b.jpg,Kia,Picanto,{end and ',no'}\n",
    )

    first, second = read_photos(path, [])

    assert (first.name, first.make, first.model) == ("Kia Picanto", "Kia", "Picanto")
    assert (second.name, second.model) == ("Kia Rio Sedan 2012", "Rio")


def test_accents_are_composed(tmp_path: Path) -> None:
    touch(tmp_path, "S\u030ckoda Fabia/a.jpg", "Kia Rio/a.jpg")

    assert read_photos(tmp_path, [])[1].make == "\u0160koda"


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ((), "has no photos"),
        (("Kia Rio/a.jpg",), "has one class, 'Kia Rio'"),
        (("a.jpg", "Kia Rio/a.jpg"), r"a\.jpg is in no folder of a model"),
        (("Clio/a.jpg", "Kia Rio/a.jpg"), "Clio has no make"),
        (("Kia Rio/a.jpg", "Kia/Rio/a.jpg"), "'Kia Rio' is used twice"),
        (("Kia Rio/a.jpg", "Kia RIO/a.jpg"), "'Kia Rio' is used twice|'Kia RIO' is used twice"),
    ],
)
def test_folders_that_cannot_be_used(names: tuple[str, ...], message: str, tmp_path: Path) -> None:
    touch(tmp_path, *names)

    with pytest.raises(TeachError, match=message):
        read_photos(tmp_path, [])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "has the columns of an empty file"),
        ("name,brand\na.jpg,Kia\n", "has the columns name, brand; they must be file,make,model"),
        ("file,make,model\na.jpg,Kia\n", r"line 2: expected file,make,model, found 'a.jpg,Kia'"),
        ("file,make,model\na.jpg,,Rio\n", "line 2: expected"),
        ("file,make,model,x1,y1,x2,y2\na,K,R,1,2,3,x\n", "line 2: x1, y1, x2, y2 must be four"),
        ("file,make,model,x1,y1,x2,y2\na,K,R,5,2,3,9\n", "line 2: the box must have"),
        ("file,make,model\na,Kia,Rio\nb,KIA,Rio\n", "used twice, also spelled"),
        ("file,make,model\na,Kia,R\x07\nb,Kia,X\n", "cannot be printed"),
        ("file,make,model\n", "has no photos"),
    ],
)
def test_csv_files_that_cannot_be_used(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(TeachError, match=message):
        read_photos(write_csv(tmp_path, text), [])


def test_other_sources(tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").write_bytes(b"\xff\xd8\xff")

    with pytest.raises(TeachError, match="does not exist"):
        read_photos(tmp_path / "nothing", [])
    with pytest.raises(TeachError, match="neither a folder nor a CSV file"):
        read_photos(tmp_path / "photo.jpg", [])


def test_a_broken_link_is_listed_as_a_photo_that_cannot_be_read(tmp_path: Path) -> None:
    touch(tmp_path, "Kia Rio/a.jpg", "Kia Picanto/a.jpg")
    (tmp_path / "Kia Rio" / "b.jpg").symlink_to(tmp_path / "nothing")

    assert [photo.path.name for photo in read_photos(tmp_path, [])] == ["a.jpg", "a.jpg", "b.jpg"]
