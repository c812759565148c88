"""A folder or a CSV file -> the photos to learn from, with their makes and models."""

from __future__ import annotations

import csv
import os
import re
import unicodedata
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from carlens.teach.errors import TeachError

Box = tuple[float, float, float, float]

_COLUMNS = ["file", "make", "model"]
_BOX = ["x1", "y1", "x2", "y2"]
_NAME = "name"
_HELD_OUT = "held_out"
_EXTRA: tuple[list[str], ...] = ([], [_NAME], [_HELD_OUT], [_NAME, _HELD_OUT])


@dataclass(frozen=True)
class Photo:
    """A picture file and the vehicle in it.

    Attributes
    ----------
    path : Path
    make, model : str
    box : tuple of float or None
        The vehicle's bounding box x1, y1, x2, y2, in pixels; None to let the detector find it.
    held_out : bool or None
        Whether full training measures on it instead of learning from it; None to decide by itself.
    variant : str
        The full name of the class, if it is one of several of the model, such as `Volkswagen Golf
        Hatchback 2012`; otherwise empty.
    """

    path: Path
    make: str
    model: str
    box: Box | None = None
    held_out: bool | None = None
    variant: str = ""

    @property
    def name(self) -> str:
        """The name of the class."""
        return self.variant or f"{self.make} {self.model}"


def read_photos(source: Path, makes: Collection[str]) -> list[Photo]:
    """List the photos of a folder or a CSV file.

    Parameters
    ----------
    source : Path
        A folder with `Make Model/photo.jpg` or `Make/Model/photo.jpg`, or a CSV file with the
        columns file, make, model and, optionally, x1, y1, x2, y2, then name, then held_out.
    makes : collection of str
        Known makes. They tell where the make ends in `Land Rover Defender`; an unknown make is
        one word.

    Returns
    -------
    list of Photo
        By class, then in the natural order of the file names: `9.jpg` before `10.jpg`.

    Raises
    ------
    TeachError
        There are no photos, fewer than two classes, or one class has two spellings.
    OSError
        A folder cannot be read.
    """
    if source.is_dir():
        photos = list(_in_folder(source, makes))
    elif source.is_file():
        photos = list(_in_csv(source))
    else:
        raise TeachError(f"{source} does not exist; name a folder of photos or a CSV file.")
    if not photos:
        raise TeachError(
            f"{source} has no photos. Put them in one folder per model, such as "
            f"{source / 'Renault Clio'}."
        )
    names = {photo.name for photo in photos}
    _check_spelling(names)
    if len(names) < 2:
        raise TeachError(
            f"{source} has one class, {names.pop()!r}; at least two are needed to tell them apart."
        )
    return sorted(photos, key=lambda photo: (photo.name, *_natural(photo.path)))


def list_pictures(folder: Path) -> list[Photo]:
    """List all files of a folder and its subfolders, as photos of no class.

    Raises
    ------
    TeachError
        It is not a folder, or has no files.
    OSError
        A folder cannot be read.
    """
    if not folder.is_dir():
        raise TeachError(f"{folder} is not a folder; name a folder of photos of other vehicles.")
    paths = [
        path
        for path in _files(folder)
        if not any(part.startswith(".") for part in path.relative_to(folder).parts)
    ]
    if not paths:
        raise TeachError(f"{folder} has no photos.")
    return [Photo(path, "", "") for path in sorted(paths)]


def _in_folder(root: Path, makes: Collection[str]) -> Iterator[Photo]:
    seen: dict[str, Path] = {}
    for path in sorted(_files(root)):
        parts = path.relative_to(root).parts
        if any(part.startswith(".") for part in parts):
            continue
        if len(parts) == 1:
            raise TeachError(
                f"{path} is in no folder of a model; move it, or name a CSV file instead."
            )
        make, model = parts[:2] if len(parts) > 2 else _split(parts[0], makes, root)
        folder = path.parents[len(parts) - (3 if len(parts) > 2 else 2)]
        photo = Photo(path, _plain(make), _plain(model))
        first = seen.setdefault(photo.name.casefold(), folder)
        if first != folder:
            raise TeachError(
                f"The class {photo.name!r} is used twice: by {first} and {folder}. Merge the "
                "folders, or rename one."
            )
        yield photo


def _files(root: Path) -> Iterator[Path]:
    def fail(error: OSError) -> None:
        raise error

    for folder, _, names in os.walk(root, onerror=fail, followlinks=True):
        yield from (Path(folder, name) for name in names)


def _split(folder: str, makes: Collection[str], root: Path) -> tuple[str, str]:
    """Split `Land Rover Defender` into make and model."""
    words = folder.split()
    known = {make.casefold() for make in makes}
    for count in range(len(words) - 1, 0, -1):
        if count == 1 or " ".join(words[:count]).casefold() in known:
            return " ".join(words[:count]), " ".join(words[count:])
    raise TeachError(
        f"The folder {root / folder} has no make; name it like 'Renault Clio', or put it in a "
        "folder of its make."
    )


def _in_csv(path: Path) -> Iterator[Photo]:
    try:
        text = path.read_text("utf-8-sig")
    except UnicodeDecodeError:
        raise TeachError(
            f"{path} is neither a folder nor a CSV file in UTF-8; name one of them."
        ) from None
    header = text.partition("\n")[0]
    rows = csv.reader(text.splitlines(), delimiter=";" if ";" in header else ",")
    columns = [column.strip().lower() for column in next(rows, [])]
    boxed = columns[3:7] == _BOX
    extra = columns[7 if boxed else 3 :]
    if columns[:3] != _COLUMNS or extra not in _EXTRA:
        raise TeachError(
            f"{path} has the columns {', '.join(columns) or 'of an empty file'}; they must be "
            f"{','.join(_COLUMNS)} or {','.join(_COLUMNS + _BOX)}, which {_NAME} and {_HELD_OUT} "
            "may follow."
        )
    for cells in rows:
        values = [cell.strip() for cell in cells]
        if not any(values):
            continue
        where = f"{path}, line {rows.line_num}"
        if len(values) != len(columns) or not all(values[:3]):
            raise TeachError(f"{where}: expected {','.join(columns)}, found {','.join(cells)!r}.")
        cell = dict(zip(columns, values, strict=True))
        yield Photo(
            path=path.parent / cell["file"],
            make=_plain(cell["make"]),
            model=_plain(cell["model"]),
            box=_box(values[3:7], where) if boxed else None,
            held_out=_held_out(cell[_HELD_OUT], where) if _HELD_OUT in cell else None,
            variant=_plain(cell.get(_NAME, "")),
        )


def _held_out(value: str, where: str) -> bool:
    if value.lower() not in ("yes", "no", ""):
        raise TeachError(f"{where}: {_HELD_OUT} must be yes, no or empty, not {value!r}.")
    return value.lower() == "yes"


def _box(values: list[str], where: str) -> Box | None:
    if not any(values):
        return None
    try:
        x1, y1, x2, y2 = map(float, values)
    except ValueError:
        raise TeachError(f"{where}: x1, y1, x2, y2 must be four numbers, or empty.") from None
    if not (0 <= x1 < x2 < 1e6 and 0 <= y1 < y2 < 1e6):
        raise TeachError(f"{where}: the box must have 0 <= x1 < x2 and 0 <= y1 < y2.")
    return x1, y1, x2, y2


def _check_spelling(names: Collection[str]) -> None:
    seen: dict[str, str] = {}
    for name in sorted(names):
        first = seen.setdefault(name.casefold(), name)
        if first != name:
            raise TeachError(
                f"The class {name!r} is used twice, also spelled {first!r}; use one spelling."
            )
        if "\t" in name or not name.isprintable():
            raise TeachError(f"The class {name!r} has characters that cannot be printed.")


def _plain(name: str) -> str:
    """Compose accents, which macOS stores apart in the names of folders."""
    return unicodedata.normalize("NFC", name).strip()


def _natural(path: Path) -> tuple[list[tuple[int, str]], str]:
    words = re.findall(r"\d+|\D+", path.name.casefold())
    numbers = [(int(word), "") if word.isdecimal() else (-1, word) for word in words]
    return numbers, str(path)
