"""A part: its lines, its failures, and that nothing is written by halves."""

from __future__ import annotations

import json
from typing import Any, cast

import pytest

from carlens.batch.errors import InvalidInput, PartOutOfTime
from carlens.batch.worker import write_part
from carlens.config import Config
from carlens.images.types import Pixels
from carlens.services.model_bundle import ModelBundle
from carlens.services.recognition_app import RecognitionApp
from carlens.storage import FileArchived, FileForbidden, StorageError
from carlens.timing import Deadline
from carlens.vision.detector import Detections, DetectOptions
from tests.fakes import REPOSITORY, FakeApp, FakeClock, FakeDetector
from tests.support import PASSAT, SKODA, call, color_blocks, encode, multipart_event, real_app
from tests.unit.batch.buckets import FakeBucket

PICTURE = encode(color_blocks(), "PNG")
KEY = "results/job=fleet/part-000042.jsonl"


def state(*keys: str, **change: Any) -> dict[str, Any]:
    given = {"bucket": "photos", "prefix": "", "operation": "predict", **change}
    return {"name": "fleet", "input": given, "part": 42, "keys": list(keys)}


def lines(results: FakeBucket) -> list[Any]:
    return [json.loads(line) for line in results.objects[KEY].decode().splitlines()]


def run(
    given: dict[str, Any], photos: FakeBucket, results: FakeBucket, **settings: Any
) -> dict[str, Any]:
    app = FakeApp(**settings).app
    summary, _ = write_part(given, app, lambda _: photos, results, Deadline.after(60))
    return summary


def test_a_part_has_a_line_for_each_photo_in_the_order_of_its_keys() -> None:
    photos, results = FakeBucket().add("é/b.png", "a.png", content=PICTURE), FakeBucket()

    summary = run(state("é/b.png", "a.png"), photos, results)

    assert [line["name"] for line in lines(results)] == ["é/b.png", "a.png"]
    for line in lines(results):
        assert (line["width"], line["height"], line["error"]) == (64, 32, None)
        assert line["objects"][0]["pred"] == ["RENAULT CLIO", "PEUGEOT 206"]
    assert summary.pop("ms").keys() == {"read", "decode", "detect", "classify", "total"}
    assert summary == {"part": 42, "key": KEY, "photos": 2, "objects": 2, "failed": {}}


def test_detection_has_no_names() -> None:
    photos, results = FakeBucket().add("a.png", content=PICTURE), FakeBucket()

    run(state("a.png", operation="object_detection"), photos, results)

    (line,) = lines(results)
    assert [found["class_name"] for found in line["objects"]] == ["car", "person"]
    assert "pred" not in line["objects"][0]


def test_a_bad_photo_is_a_line_with_its_error() -> None:
    # Given a photo, bytes that are not one, one that is gone, one too large and an archived one
    photos, results = FakeBucket().add("a.png", content=PICTURE), FakeBucket()
    photos.add("junk.png", content=b"junk").add("large.png", content=bytes(5000))
    photos.failures["old.png"] = FileArchived("old.png")

    # When
    given = state("a.png", "junk.png", "gone.png", "large.png", "old.png")
    summary = run(given, photos, results, max_bytes=4000)

    # Then
    errors = [line["error"] and line["error"]["code"] for line in lines(results)]
    assert errors == [None, "not_an_image", "key_not_found", "picture_too_large", "key_not_found"]
    assert [line["objects"] for line in lines(results)[1:]] == [[]] * 4
    assert summary["failed"] == {"key_not_found": 2, "not_an_image": 1, "picture_too_large": 1}
    assert lines(results)[4]["error"]["message"] == "The photo is archived; restore it first."
    assert summary["photos"] == 5


@pytest.mark.parametrize("failure", [FileForbidden("no grant"), StorageError("slow down")])
def test_a_bucket_that_cannot_be_read_fails_the_part(failure: StorageError) -> None:
    photos, results = FakeBucket().add("a.png", content=PICTURE), FakeBucket()
    photos.failures["b.png"] = failure

    with pytest.raises(type(failure), match=str(failure)):
        run(state("a.png", "b.png"), photos, results)
    assert results.objects == {}


def test_a_part_that_runs_out_of_time_writes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    # Given a clock that moves a second at each reading, and time for some of the photos
    monkeypatch.setattr("carlens.timing.time", FakeClock(tick=1.0))
    photos, results = FakeBucket().add("a.png", content=PICTURE), FakeBucket()

    with pytest.raises(PartOutOfTime, match=r"enough for [1-9]\d? of 20 photos; .*smaller size"):
        write_part(
            state(*["a.png"] * 20),
            FakeApp().app,
            lambda _: photos,
            results,
            Deadline.after(20),
        )
    assert results.objects == {}


def test_a_part_without_any_time_writes_nothing() -> None:
    photos, results = FakeBucket().add("a.png", content=PICTURE), FakeBucket()

    with pytest.raises(PartOutOfTime, match="enough for 0 of 1 photos"):
        write_part(state("a.png"), FakeApp().app, lambda _: photos, results, Deadline.after(-1))
    assert results.objects == {}


def test_options_reach_the_models() -> None:
    photos, fake = FakeBucket().add("a.png", content=PICTURE), FakeApp()
    given = state("a.png", options={"confidence": 0.25, "slices": 1})

    write_part(given, fake.app, lambda _: photos, FakeBucket(), Deadline.after(60))

    (options,) = fake.detector.asked
    assert (options.confidence, options.slices) == (0.25, 1)


def test_a_wrong_input_is_refused() -> None:
    with pytest.raises(InvalidInput, match="operation"):
        run(state("a.png", operation="shape"), FakeBucket(), FakeBucket())


def test_few_photos_are_in_memory() -> None:
    # Given a bucket that counts the photos that were read, and a detector that counts those seen
    class CountingBucket(FakeBucket):
        reads = 0

        def read(self, key: str, *, max_bytes: int) -> bytes:
            self.reads += 1
            return PICTURE

    photos = CountingBucket()

    class CountingDetector(FakeDetector):
        ahead = 0

        def detect(self, pixels: Pixels, options: DetectOptions) -> Detections:
            self.ahead = max(self.ahead, photos.reads - len(self.asked))
            return super().detect(pixels, options)

    detector = CountingDetector(REPOSITORY.manifest(Config.detector))
    bundle = ModelBundle(cast(Any, detector), None)
    app = RecognitionApp(Config(), lambda _: bundle)

    # When
    keys = map(str, range(40))
    write_part(state(*keys), app, lambda _: photos, FakeBucket(), Deadline.after(60))

    # Then eight are read ahead of the current one, and of the one that is decoded ahead
    assert photos.reads == 40
    assert 1 <= detector.ahead <= 10


@pytest.mark.parametrize("operation", ["predict", "object_detection"])
def test_lines_equal_the_detailed_answer_of_the_api_and_are_the_same_each_time(
    operation: str,
) -> None:
    # Given the real models, and what the API answers for the same photos
    app = real_app()
    photos, results = FakeBucket(), FakeBucket()
    for path in (SKODA, PASSAT):
        photos.add(path.name, content=path.read_bytes())
    form = [
        ("image", (path.name, path.read_bytes(), "application/octet-stream"))
        for path in (SKODA, PASSAT)
    ]
    event = multipart_event(f"/{operation}", form, query={"format": "detailed"})
    _, answer = call(event, app)
    expected = [{k: v for k, v in image.items() if k != "index"} for image in answer["images"]]

    # When the part is processed twice
    given = state(SKODA.name, PASSAT.name, operation=operation)
    write_part(given, app, lambda _: photos, results, Deadline.after(60))
    first = results.objects[KEY]
    write_part(given, app, lambda _: photos, results, Deadline.after(60))

    # Then
    assert lines(results) == expected
    assert results.objects == {KEY: first}
