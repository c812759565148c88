"""Where pictures with bounding boxes are written."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from carlens.cli.errors import WrongUsage

# By suffix, Pillow's name of the format. Other pictures are written as JPEG.
FORMATS = {".jpg": "JPEG", ".jpeg": "JPEG", ".png": "PNG", ".webp": "WEBP"}


def annotated_path(folder: Path, name: str) -> Path:
    """Return where a picture is written, which is always in `folder`.

    The name keeps its suffix if that is one of JPEG, PNG or WebP, and gets `.jpg` if not.
    """
    suffix = "" if PurePosixPath(name).suffix.lower() in FORMATS else ".jpg"
    return path_inside(folder, f"{name}{suffix}")


def path_inside(folder: Path, name: str) -> Path:
    """Return the path of a name below a folder, which it never leaves."""
    path = PurePosixPath(name)
    parts = ["_" if part == ".." else part for part in path.parts if part != path.anchor]
    return folder.joinpath(*parts)


def note_path(folder: Path, name: str) -> Path:
    """Return where it is noted that a picture cannot be drawn."""
    path = annotated_path(folder, name)
    return path.with_name(f"{path.name}.txt")


def may_write(folder: Path, root: str, *, before: str | None) -> None:
    """Make sure that annotated pictures replace no other files.

    Parameters
    ----------
    folder : Path
        Where they are written.
    root : str
        What the names of the pictures are relative to.
    before : str or None
        The folder that the run before wrote to.

    Raises
    ------
    WrongUsage
        They might replace others.
    """
    check_folder("--annotate", folder, root)
    if str(folder.resolve()) != before and folder.is_dir() and any(folder.iterdir()):
        raise WrongUsage(f"--annotate {folder} has files already; name an empty or new folder.")


def check_folder(option: str, folder: Path, root: str) -> None:
    """Refuse a folder for pictures that is the one of the originals, or that is a file.

    Raises
    ------
    WrongUsage
        The message names the option.
    """
    if str(folder.resolve()) == root:
        raise WrongUsage(f"{option} {folder} would replace the pictures; name another folder.")
    if folder.exists() and not folder.is_dir():
        raise WrongUsage(f"{option} {folder} is not a folder.")
