"""Which pictures a command line names, and how they are called."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from carlens.cli.errors import WrongUsage
from carlens.cli.pictures import find_pictures


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def make(*names: str) -> None:
    for name in names:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_bytes(b"x")


def names(*inputs: str) -> list[str]:
    return [one.name for one in find_pictures(inputs).pictures]


def test_names_are_relative_to_the_only_folder(home: Path) -> None:
    make("photos/b.jpg", "photos/a.JPG", "photos/2024/c.heic")

    found = find_pictures(["photos"])

    assert [one.name for one in found.pictures] == ["a.JPG", "b.jpg", "2024/c.heic"]
    assert all(Path(one.path).is_file() for one in found.pictures)
    assert found.root == str(home / "photos")


def test_names_of_several_inputs_are_as_given(home: Path) -> None:
    make("a/x.jpg", "b/x.jpg", "c.jpg")

    assert names("a", "./b/", f"{home}/c.jpg") == ["a/x.jpg", "b/x.jpg", f"{home}/c.jpg"]


def test_a_picture_that_is_named_twice_is_found_once(home: Path) -> None:
    make("a/x.jpg")

    assert names("a/x.jpg", "./a//x.jpg", "a") == ["a/x.jpg"]


def test_a_folder_is_searched_for_pictures_that_are_not_hidden(home: Path) -> None:
    make("p/a.jpg", "p/notes.txt", "p/.hidden.jpg", "p/.thumbs/t.jpg", "p/._a.jpg", "p/Thumbs.db")

    found = find_pictures(["p"])

    assert [one.name for one in found.pictures] == ["a.jpg"]
    assert found.ignored == 2


def test_a_named_file_may_have_any_suffix(home: Path) -> None:
    make("photo.dat", ".hidden")

    assert names("photo.dat", ".hidden") == ["photo.dat", ".hidden"]


def test_a_glob_names_what_a_shell_would(home: Path) -> None:
    make("p/a.jpg", "p/b.txt", "p/sub/c.jpg")

    assert names("p/*.jpg") == ["p/a.jpg"]
    assert names("p/*") == ["p/a.jpg", "p/b.txt", "p/sub/c.jpg"]
    assert names("p/**/*.jpg") == ["p/a.jpg", "p/sub/c.jpg"]


def test_a_file_may_have_the_characters_of_a_glob(home: Path) -> None:
    make("IMG[1].jpg", "IMG1.jpg")

    assert names("IMG[1].jpg") == ["IMG[1].jpg"]


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ("missing", "does not exist"),
        ("missing/*.jpg", "No file matches"),
        ("s3://", "s3://bucket/prefix"),
        ("pipe", "neither a file nor a folder"),
    ],
)
def test_an_input_that_names_nothing_is_wrong_usage(given: str, reason: str, home: Path) -> None:
    os.mkfifo("pipe")

    with pytest.raises(WrongUsage, match=reason):
        find_pictures([given])


def test_links_in_a_circle_end(home: Path) -> None:
    make("p/a.jpg", "p/sub/b.jpg")
    Path("p/sub/up").symlink_to(home / "p", target_is_directory=True)
    Path("p/itself.jpg").symlink_to("itself.jpg")
    Path("p/itself").symlink_to("itself")

    assert names("p") == ["a.jpg", "itself.jpg", "sub/b.jpg"]


def test_a_linked_folder_is_searched_once_and_has_its_real_name_first(home: Path) -> None:
    make("p/z/a.jpg", "elsewhere/b.jpg")
    Path("p/first").symlink_to(home / "p" / "z", target_is_directory=True)
    Path("p/other").symlink_to(home / "elsewhere", target_is_directory=True)
    Path("p/again").symlink_to(home / "elsewhere", target_is_directory=True)

    assert names("p") == ["z/a.jpg", "again/b.jpg"]


def test_a_linked_or_broken_picture_is_found(home: Path) -> None:
    make("real.jpg")
    Path("p").mkdir()
    Path("p/linked.jpg").symlink_to(home / "real.jpg")
    Path("p/broken.jpg").symlink_to(home / "gone.jpg")

    assert names("p") == ["broken.jpg", "linked.jpg"]


def test_what_is_not_a_file_is_ignored(home: Path) -> None:
    make("p/a.jpg")
    os.mkfifo("p/pipe.jpg")

    assert names("p") == ["a.jpg"]


def test_a_folder_can_be_left_out(home: Path) -> None:
    make("p/a.jpg", "p/drawn/a.jpg")

    found = find_pictures(["p"], leave_out=Path("p/drawn"))

    assert [one.name for one in found.pictures] == ["a.jpg"]


def test_a_folder_that_cannot_be_read_is_noted(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Given a folder that even root cannot read
    make("p/a.jpg", "p/locked/b.jpg")
    listing = os.scandir

    def scandir(path: str) -> object:
        if str(path).endswith("locked"):
            raise PermissionError(13, "Permission denied")
        return listing(path)

    monkeypatch.setattr(os, "scandir", scandir)

    # When
    found = find_pictures(["p"])

    # Then
    assert [one.name for one in found.pictures] == ["a.jpg"]
    assert found.unreadable == ["p/locked: Permission denied"]
    with pytest.raises(WrongUsage, match="locked cannot be read: Permission denied"):
        find_pictures(["p/locked"])


def test_bytes_that_are_not_utf_8_become_escapes(home: Path) -> None:
    try:
        Path(os.fsdecode(b"caf\xe9.jpg")).write_bytes(b"x")
    except OSError:
        pytest.skip("this file system has only Unicode names")

    assert names(".") == ["caf\\xe9.jpg"]
