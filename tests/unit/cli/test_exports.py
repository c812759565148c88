"""Results as CSV and as a COCO data set."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

from carlens.cli.exports import COLUMNS, export
from carlens.result_lines import result_line

CAR = {
    "x1": 10,
    "y1": 20,
    "x2": 110,
    "y2": 70,
    "class_name": "car",
    "confidence": 0.9,
    "label": "Škoda Citigo: 0.80",
    "display": "Škoda Citigo",
    "certain": True,
    "pred": ["Škoda Citigo 2012", "VW up! 2011"],
    "prob": [0.8, 0.1],
    "make": {"name": "Škoda", "prob": 0.85, "certain": True},
    "model": {"name": "Škoda Citigo", "prob": 0.8, "certain": True},
    "reference": None,
}
BUS = {
    "x1": 0,
    "y1": 0,
    "x2": 30,
    "y2": 40,
    "class_name": "bus",
    "confidence": 0.5,
    "label": "bus: 0.50",
    "display": "bus",
    "certain": False,
    "pred": [],
    "prob": [],
    "make": None,
    "model": None,
    "reference": None,
}


def entry(name: str, *objects: dict[str, Any], error: str | None = None) -> dict[str, Any]:
    size = (None, None) if error else (200, 100)
    return {
        "field": "image",
        "name": name,
        "width": size[0],
        "height": size[1],
        "objects": list(objects),
        "error": error and {"code": error, "message": "It is not."},
    }


def exported(tmp_path: Path, suffix: str, *entries: dict[str, Any]) -> str:
    results = tmp_path / "results.jsonl"
    results.write_text("".join(map(result_line, entries)), "utf-8")
    target = results.with_suffix(suffix)
    export(results, target)
    assert {one.name for one in tmp_path.iterdir()} == {results.name, target.name}
    return target.read_text("utf-8")


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"), newline="")))


def test_csv_has_a_row_for_each_object(tmp_path: Path) -> None:
    text = exported(tmp_path, ".csv", entry("b.jpg", CAR, BUS), entry("a.jpg"))

    first, car, bus = rows(text)
    assert text.startswith("\ufeffpicture,width")
    assert tuple(first) == COLUMNS
    assert (first["picture"], first["width"], first["class"]) == ("a.jpg", "200", "")
    assert (car["picture"], car["x2"], car["confidence"]) == ("b.jpg", "110", "0.9")
    assert (car["display"], car["certain"], car["make"]) == ("Škoda Citigo", "true", "Škoda")
    assert (car["model_probability"], car["model_certain"]) == ("0.8", "true")
    assert (car["name"], car["probability"]) == ("Škoda Citigo 2012", "0.8")
    assert (bus["display"], bus["certain"], bus["make"], bus["name"]) == (
        *("bus", "false"),
        *("", ""),
    )


def test_csv_has_the_error_of_a_picture(tmp_path: Path) -> None:
    [row] = rows(exported(tmp_path, ".csv", entry("a.jpg", error="not_an_image")))

    assert (row["picture"], row["width"]) == ("a.jpg", "")
    assert (row["error"], row["message"]) == ("not_an_image", "It is not.")


def test_a_name_in_csv_is_not_a_formula(tmp_path: Path) -> None:
    [row] = rows(exported(tmp_path, ".csv", entry("=cmd()|a.jpg")))

    assert row["picture"] == "'=cmd()|a.jpg"


def test_coco_has_images_annotations_and_categories(tmp_path: Path) -> None:
    text = exported(tmp_path, ".json", entry("b.jpg", CAR, BUS), entry("a.jpg", CAR))

    document = json.loads(text)
    assert document["images"] == [
        {"id": 1, "file_name": "a.jpg", "width": 200, "height": 100},
        {"id": 2, "file_name": "b.jpg", "width": 200, "height": 100},
    ]
    assert document["categories"] == [{"id": 1, "name": "bus"}, {"id": 2, "name": "car"}]
    assert [one["image_id"] for one in document["annotations"]] == [1, 2, 2]
    assert document["annotations"][1] == {
        "id": 2,
        "image_id": 2,
        "category_id": 2,
        "bbox": [10, 20, 100, 50],
        "area": 5000,
        "iscrowd": 0,
        "score": 0.9,
        "attributes": {
            "display": "Škoda Citigo",
            "certain": True,
            "make": CAR["make"],
            "model": CAR["model"],
        },
    }


def test_coco_of_detections_has_no_attributes_and_no_failed_pictures(tmp_path: Path) -> None:
    detection = {name: BUS[name] for name in ("x1", "y1", "x2", "y2", "class_name", "confidence")}

    document = json.loads(
        exported(tmp_path, ".json", entry("a.jpg", error="x"), entry("b.jpg", detection))
    )

    assert [one["file_name"] for one in document["images"]] == ["b.jpg"]
    assert "attributes" not in document["annotations"][0]


def test_coco_without_pictures_is_complete(tmp_path: Path) -> None:
    document = json.loads(exported(tmp_path, ".json"))

    assert [document[part] for part in ("images", "annotations", "categories")] == [[], [], []]


def test_pycocotools_reads_it(tmp_path: Path) -> None:
    from pycocotools.coco import COCO

    exported(tmp_path, ".json", entry("b.jpg", CAR, BUS), entry("a.jpg", CAR))

    data = COCO(str(tmp_path / "results.json"))

    assert len(data.getAnnIds(catIds=data.getCatIds(["car"]))) == 2


def test_equal_results_give_equal_files(tmp_path: Path) -> None:
    entries = [entry("b.jpg", CAR), entry("a.jpg", BUS), entry("c.jpg", error="x")]

    for suffix in (".csv", ".json"):
        texts: set[str] = set()
        for order in (entries, entries[::-1]):
            folder = tmp_path / f"{suffix}{len(texts)}"
            folder.mkdir()
            texts.add(exported(folder, suffix, *order))
        assert len(texts) == 1
