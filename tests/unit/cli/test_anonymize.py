"""Runs of `carlens anonymize`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from carlens.cli.anonymize import RedactedFile, anonymize_folder, anonymize_here
from carlens.cli.errors import Problem, WrongUsage
from carlens.cli.pictures import Picture
from carlens.images.decoder import read_pixels
from carlens.images.types import Limits
from tests.support import SKODA


class Redactor:
    """Redacts to PNG, and fails pictures whose names have `bad`."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __call__(
        self, pictures: Iterable[Picture]
    ) -> Iterator[tuple[Picture, RedactedFile | Problem]]:
        for picture in pictures:
            self.asked.append(picture.name)
            if "bad" in picture.name:
                yield picture, Problem("not_an_image", "Not an image.")
            else:
                yield picture, RedactedFile("image/png", b"safe", 2)


FACES = {"redact": "faces"}


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    (folder / "sub").mkdir(parents=True)
    for name in ("a.jpg", "bad.jpg", "sub/b.png"):
        (folder / name).write_bytes(b"original")
    return folder


def test_redacted_pictures_are_written_and_failed_ones_are_not(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, redactor = tmp_path / "safe", Redactor()

    status = anonymize_folder([str(photos)], out, redactor, {}, quiet=False)

    assert status == 1
    written = {str(path.relative_to(out)) for path in out.rglob("*") if path.is_file()}
    assert written == {".settings.json", "a.jpg.png", "sub/b.png"}
    assert {path.read_bytes() for path in out.rglob("*.png")} == {b"safe"}
    said = capsys.readouterr().err
    assert "bad.jpg: Not an image." in said
    assert "1 failed; 4 regions" in said


def test_the_same_command_continues(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "safe"
    anonymize_folder([str(photos)], out, Redactor(), FACES, quiet=True)
    again = Redactor()

    anonymize_folder([str(photos)], out, again, FACES, quiet=True)

    assert again.asked == ["bad.jpg"]


def test_pictures_that_were_redacted_less_are_not_taken_for_done(
    photos: Path, tmp_path: Path
) -> None:
    # Given a folder in which only faces were redacted
    out, again = tmp_path / "safe", Redactor()
    anonymize_folder([str(photos)], out, Redactor(), FACES, quiet=True)

    # When more is asked for, or how it was redacted is not known
    with pytest.raises(WrongUsage, match='redact was "faces" and is now "plates"'):
        anonymize_folder([str(photos)], out, again, {"redact": "plates"}, quiet=True)
    (out / ".settings.json").unlink()
    with pytest.raises(WrongUsage, match="which says how they were redacted, is missing"):
        anonymize_folder([str(photos)], out, again, FACES, quiet=True)

    assert again.asked == []


def test_no_redacted_picture_takes_the_place_of_another(tmp_path: Path) -> None:
    # Given a photo that is named as the redacted one of another photo would be
    photos, out, redactor = tmp_path / "photos", tmp_path / "safe", Redactor()
    photos.mkdir()
    for name in ("a.jpg", "a.jpg.png"):
        (photos / name).write_bytes(b"original")

    anonymize_folder([str(photos)], out, redactor, {}, quiet=True)

    assert sorted(redactor.asked) == ["a.jpg", "a.jpg.png"]
    assert {path.name for path in out.glob("*.png")} == {"a.jpg.png", "a.jpg.png.png"}


def test_pictures_of_another_folder_do_not_get_into_the_same_one(
    photos: Path, tmp_path: Path
) -> None:
    # Given two folders whose pictures have other names or the same
    out, again = tmp_path / "safe", Redactor()
    others = tmp_path / "others"
    others.mkdir()
    anonymize_folder([str(photos)], out, Redactor(), FACES, quiet=True)

    # Then neither is taken for done, nor hides how the first were redacted
    for name in ("c.jpg", "a.jpg"):
        (others / name).write_bytes(b"original")
        with pytest.raises(WrongUsage, match="folder was"):
            anonymize_folder([str(others)], out, again, FACES, quiet=True)
    with pytest.raises(WrongUsage, match="redact was"):
        anonymize_folder([str(photos)], out, again, {"redact": "plates"}, quiet=True)
    assert again.asked == []


def test_two_pictures_with_one_name_for_both_are_refused(tmp_path: Path) -> None:
    inputs, redactor = [tmp_path / name for name in ("a", "a.png")], Redactor()
    for path in inputs:
        path.write_bytes(b"original")

    with pytest.raises(WrongUsage, match="under one name"):
        anonymize_folder(
            [str(path) for path in inputs], tmp_path / "safe", redactor, {}, quiet=True
        )
    assert redactor.asked == []


def test_a_folder_without_photos_has_a_warning(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "notes.txt").touch()

    status = anonymize_folder(
        [str(tmp_path / "photos")], tmp_path / "safe", Redactor(), {}, quiet=True
    )

    assert status == 0
    assert capsys.readouterr().err == "Warning: there are no pictures, but 1 other files.\n"


def test_the_folder_of_the_pictures_is_refused(photos: Path) -> None:
    redactor = Redactor()

    with pytest.raises(WrongUsage, match="would replace"):
        anonymize_folder([str(photos)], photos, redactor, {}, quiet=True)
    assert redactor.asked == []


def test_a_photo_is_redacted_on_this_computer() -> None:
    redact = anonymize_here({"redact": "faces", "output": "same"})

    [(_, safe)] = redact([Picture("skoda.png", str(SKODA))])

    assert isinstance(safe, RedactedFile)
    assert safe.media_type == "image/png"
    limits = Limits(10**8, 10**8, 10**5)
    assert read_pixels(safe.file, limits).shape == read_pixels(SKODA.read_bytes(), limits).shape


def test_a_wrong_option_is_refused() -> None:
    with pytest.raises(WrongUsage, match="style"):
        anonymize_here({"style": "swirl"})
