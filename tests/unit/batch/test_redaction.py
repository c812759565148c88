"""A part of a job that redacts: its pictures, its lines, and what is never written."""

from __future__ import annotations

import io
import json
from typing import Any

import numpy as np
import pytest
from PIL import Image

from carlens.batch.errors import InvalidInput, PartOutOfTime
from carlens.batch.plan import plan_job
from carlens.batch.worker import write_part
from carlens.photo_names import redacted_name
from carlens.storage import StorageError
from carlens.timing import Deadline
from tests.fakes import FakeApp, FakeClock
from tests.support import encode
from tests.unit.batch.buckets import FakeBucket

LINES = "results/job=fleet/part-000042.jsonl"
ON = {"anonymize": True, "results": "results-bucket"}
PATCH = (slice(32, 64), slice(96, 128))


def photo(kind: str = "PNG") -> bytes:
    """Return a gray photo with the patch that the fake models find."""
    pixels = np.full((96, 160, 3), 90, np.uint8)
    pixels[PATCH] = (255, 0, 255)
    return encode(pixels, kind)


def state(*keys: str, **change: Any) -> dict[str, Any]:
    given = {"bucket": "photos", "prefix": "", "operation": "anonymize", **change}
    return {"name": "fleet", "input": given, "part": 42, "keys": list(keys)}


def run(
    given: dict[str, Any], photos: FakeBucket, results: FakeBucket, **settings: Any
) -> dict[str, Any]:
    app = FakeApp(**{**ON, **settings}).app
    summary, _ = write_part(given, app, lambda _: photos, results, Deadline.after(60))
    return summary


def lines(results: FakeBucket) -> list[Any]:
    return [json.loads(line) for line in results.objects[LINES].decode().splitlines()]


def test_redacted_pictures_are_written_beside_the_results_under_the_keys_of_the_photos() -> None:
    # Given a PNG and a JPEG
    photos, results = FakeBucket().add("2026/é.png", content=photo()), FakeBucket()
    photos.add("2026/b.JPG", content=photo("JPEG"))
    before = dict(photos.objects)

    # When they are redacted in their own formats
    options = {"redact": ["faces"], "output": "same", "margin": 0}
    summary = run(state("2026/é.png", "2026/b.JPG", options=options), photos, results)

    # Then each has a picture without its patch, of the right type, and the photos are as before
    keys = {"redacted/job=fleet/2026/é.png": "PNG", "redacted/job=fleet/2026/b.JPG": "JPEG"}
    assert results.objects.keys() == {*keys, LINES}
    for key, kind in keys.items():
        with Image.open(io.BytesIO(results.objects[key])) as picture:
            assert picture.format == kind
            assert np.asarray(picture)[PATCH].max() < 16
        assert results.content_types[key] == f"image/{kind.lower()}"
    assert photos.objects == before
    face = {"x1": 96, "y1": 32, "x2": 128, "y2": 64, "kind": "face", "confidence": 0.8765}
    assert lines(results)[0] == {
        "field": "image", "name": "2026/é.png", "width": 160, "height": 96, "regions": [face],
        "media_type": "image/png", "picture_key": "redacted/job=fleet/2026/é.png", "error": None,
    }  # fmt: skip
    assert lines(results)[1]["picture_key"] == "redacted/job=fleet/2026/b.JPG"
    assert (summary["photos"], summary["objects"], summary["failed"]) == (2, 2, {})


def test_a_photo_that_fails_is_an_error_and_no_picture() -> None:
    # Given a photo, half of one, one that is gone, and one whose new key would be too long
    photos, results, long = FakeBucket(), FakeBucket(), "x" * 1010 + ".png"
    photos.add("a.png", long, content=photo()).add("half.png", content=photo()[:150])

    summary = run(state("a.png", "half.png", "gone.png", long), photos, results)

    assert results.objects.keys() == {"redacted/job=fleet/a.png.jpg", LINES}
    codes = [line["error"] and line["error"]["code"] for line in lines(results)]
    assert codes == [None, "not_an_image", "key_not_found", "key_refused"]
    for line in lines(results)[1:]:
        assert (line["regions"], line["media_type"], line["picture_key"]) == (None, None, None)
    assert summary["failed"] == {"key_not_found": 1, "key_refused": 1, "not_an_image": 1}


def test_a_part_that_runs_out_of_time_or_cannot_write_has_no_lines(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    photos, results = FakeBucket().add("a.png", content=photo()), FakeBucket()
    results.failures["redacted/job=fleet/a.png.jpg"] = StorageError("slow down")
    with pytest.raises(StorageError, match="slow down"):
        run(state("a.png"), photos, results)
    assert results.objects == {}

    monkeypatch.setattr("carlens.timing.time", FakeClock(tick=1.0))
    app, results = FakeApp(**ON).app, FakeBucket()
    with pytest.raises(PartOutOfTime, match=r"enough for [1-9]\d? of 20 photos"):
        write_part(state(*["a.png"] * 20), app, lambda _: photos, results, Deadline.after(20))
    assert LINES not in results.objects


@pytest.mark.parametrize(
    ("settings", "change", "message"),
    [
        ({"anonymize": False}, {}, "operation is 'anonymize'; this deployment does not"),
        ({}, {"options": {"style": "smear"}}, "options: style is 'smear'"),
        ({}, {"options": {"redact": ["plates", "dogs"]}}, "options: redact: 'dogs' is not allowed"),
        ({}, {"bucket": "results-bucket"}, "where redacted pictures are written"),
    ],
)
def test_a_job_that_cannot_redact_fails_when_it_is_planned(
    settings: dict[str, Any], change: dict[str, Any], message: str
) -> None:
    photos, results = FakeBucket().add("a.png", content=photo()), FakeBucket()
    app = FakeApp(**{**ON, **settings}).app
    given = {
        **state(**change),
        "progress": {"rounds": 0, "parts": 0, "photos": 0, "after": ""},
    }

    with pytest.raises(InvalidInput, match=message):
        plan_job(given, app, lambda _: photos, results, Deadline.after(60))
    with pytest.raises(InvalidInput, match=message):
        write_part(state("a.png", **change), app, lambda _: photos, results, Deadline.after(60))
    assert results.objects == {}


@pytest.mark.parametrize(
    ("name", "output", "expected"),
    [
        ("a.jpg", "jpeg", "a.jpg"),
        ("A.JPEG", "jpeg", "A.JPEG"),
        ("2026/a.png", "jpeg", "2026/a.png.jpg"),
        ("a.png.jpg", "jpeg", "a.png.jpg.jpg"),
        ("a.heic", "png", "a.heic.png"),
        ("a.v2.webp", "webp", "a.v2.webp"),
    ],
)
def test_different_photos_have_redacted_pictures_of_different_names(
    name: str, output: str, expected: str
) -> None:
    assert redacted_name(name, output) == expected
