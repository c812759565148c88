"""Turn results into a CSV file or a COCO data set."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from carlens import __version__
from carlens.cli.results_file import read_entries
from carlens.files import replacing
from carlens.http.catalog_bodies import plain_cells

Entry = Mapping[str, Any]

# The page's CSV has the same columns, an index, and what the user corrects.
COLUMNS = (
    *("picture", "width", "height", "x1", "y1", "x2", "y2", "class", "confidence"),
    *("display", "certain", "make", "make_probability", "make_certain"),
    *("model", "model_probability", "model_certain", "name", "probability", "error", "message"),
)
# Tells Excel that the file is UTF-8.
_BYTE_ORDER_MARK = "\ufeff"


def export(results: Path, target: Path) -> None:
    """Write the lines of a results file as `.csv` or, for COCO, as `.json`.

    The pictures are in the order of their names, so that equal results give equal files. The file
    appears when it is complete.

    Raises
    ------
    OSError
        It cannot be written.
    """
    with (
        replacing(target) as part,
        part.open("w", encoding="utf-8", newline="") as file,
    ):
        for text in EXPORTS[target.suffix.lower()](_Sorted(results)):
            file.write(text)


class _Sorted:
    """The results of a file in the order of their names, read one at a time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._places: list[tuple[str, int]] = []
        with path.open("rb") as lines:
            place = 0
            for line, entry in zip(lines, read_entries(path), strict=True):
                self._places.append((entry["name"], place))
                place += len(line)
        self._places.sort()

    def __iter__(self) -> Iterator[Entry]:
        with self._path.open("rb") as lines:
            for _, place in self._places:
                lines.seek(place)
                yield json.loads(lines.readline())


def as_csv(entries: Iterable[Entry]) -> Iterator[str]:
    """Yield a header and one row for each object.

    A picture without objects, or that failed, has one row too.
    """
    yield _BYTE_ORDER_MARK + _csv_row(COLUMNS)
    for entry in entries:
        error = entry["error"] or {}
        picture = (entry["name"], entry["width"], entry["height"])
        for found in entry["objects"] or [{}]:
            cells = (*picture, *_object_cells(found), error.get("code"), error.get("message"))
            yield _csv_row(cells)


def as_coco(entries: Iterable[Entry]) -> Iterator[str]:
    """Yield the parts of a COCO data set: images, annotations and categories.

    Pictures that failed are left out. The categories are the classes that were found, in
    alphabetical order. An annotation has its confidence as `score`, and the names of a vehicle in
    `attributes`.
    """
    good = _Good(entries)
    classes = sorted({found["class_name"] for entry in good for found in entry["objects"]})
    ids = {name: index for index, name in enumerate(classes, 1)}
    info = {"description": "Found by Carlens", "version": __version__}
    yield f'{{"info": {json.dumps(info)},\n"images": ['
    yield from _separated(
        {"id": index, "file_name": entry["name"], "width": entry["width"]}
        | {"height": entry["height"]}
        for index, entry in enumerate(good, 1)
    )
    yield '],\n"annotations": ['
    yield from _separated(_annotations(good, ids))
    yield '],\n"categories": ['
    yield from _separated({"id": index, "name": name} for name, index in ids.items())
    yield "]}\n"


EXPORTS: dict[str, Callable[[Iterable[Entry]], Iterator[str]]] = {
    ".csv": as_csv,
    ".json": as_coco,
}


class _Good:
    """The results of the pictures that did not fail; can be iterated several times."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        self._entries = entries

    def __iter__(self) -> Iterator[Entry]:
        return (entry for entry in self._entries if entry["error"] is None)


def _object_cells(found: Entry) -> Iterator[Any]:
    for name in ("x1", "y1", "x2", "y2", "class_name", "confidence", "display", "certain"):
        yield found.get(name)
    for level in ("make", "model"):
        known = found.get(level) or {}
        yield from (known.get(name) for name in ("name", "prob", "certain"))
    for name in ("pred", "prob"):
        yield next(iter(found.get(name, ())), None)


def _csv_row(cells: Iterable[Any]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer).writerow(plain_cells([_text(cell) for cell in cells], len(COLUMNS)))
    return buffer.getvalue()


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


def _annotations(entries: Iterable[Entry], ids: Mapping[str, int]) -> Iterator[dict[str, Any]]:
    number = 0
    for index, entry in enumerate(entries, 1):
        for found in entry["objects"]:
            number += 1
            width, height = found["x2"] - found["x1"], found["y2"] - found["y1"]
            annotation = {
                "id": number,
                "image_id": index,
                "category_id": ids[found["class_name"]],
                "bbox": [found["x1"], found["y1"], width, height],
                "area": width * height,
                "iscrowd": 0,
                "score": found["confidence"],
            }
            if "display" in found:
                kept = {"display": found["display"], "certain": found["certain"]}
                annotation["attributes"] = {**kept, "make": found["make"], "model": found["model"]}
            yield annotation


def _separated(items: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    separator = "\n"
    for item in items:
        yield separator + json.dumps(item, ensure_ascii=False)
        separator = ",\n"
