"""Plans: which photos are in which part, in one round or in several."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import asdict
from typing import Any

import pytest

from carlens.batch.errors import InvalidInput, NoPhotos
from carlens.batch.plan import Progress, plan_job, plan_round
from carlens.photo_names import is_photo
from carlens.timing import Deadline
from tests.fakes import FakeApp
from tests.unit.batch.buckets import FakeBucket

KEYS = [f"2026/{number:04}.jpg" for number in range(10)]
PARTS = [KEYS[0:4], KEYS[4:8], KEYS[8:10]]


def never() -> bool:
    return False


def planned(
    keys: Iterable[str],
    *,
    size: int = 4,
    max_photos: int = 10**6,
    out_of_time: Callable[[], bool] = never,
) -> tuple[list[list[str]], list[int]]:
    """Plan all rounds; return the keys of each part, and the number of parts of each round."""
    bucket, progress = FakeBucket().add(*keys), Progress()
    parts: list[list[str]] = []
    rounds: list[int] = []
    while not rounds or progress.after:
        listed = (file.key for file in bucket.files(after=progress.after))
        plan, progress = plan_round(
            listed, progress, size, max_photos=max_photos, out_of_time=out_of_time
        )
        items = json.load(plan)
        assert [item["part"] for item in items] == list(range(len(parts), progress.parts))
        parts += [item["keys"] for item in items]
        rounds.append(len(items))
    assert progress.rounds == len(rounds)
    assert progress.photos == sum(map(len, parts))
    return parts, rounds


def test_photos_are_divided_in_the_order_of_the_bucket() -> None:
    assert planned(KEYS) == (PARTS, [3])


@pytest.mark.parametrize(
    ("max_photos", "rounds"), [(1, [1, 1, 1]), (4, [1, 1, 1]), (5, [2, 1]), (8, [2, 1]), (10, [3])]
)
def test_the_parts_do_not_depend_on_where_a_round_ends(max_photos: int, rounds: list[int]) -> None:
    assert planned(KEYS, max_photos=max_photos) == (PARTS, rounds)


def test_a_round_without_time_ends_after_a_part() -> None:
    assert planned(KEYS, out_of_time=lambda: True) == (PARTS, [1, 1, 1])


def test_a_round_that_ends_with_the_last_photo_is_the_last() -> None:
    assert planned(KEYS[:8], max_photos=8) == (PARTS[:2], [2])


def test_no_photos_give_an_empty_plan() -> None:
    assert planned(["2026/", "2026/readme.txt"]) == ([], [0])


def test_photos_are_known_by_their_endings() -> None:
    photos = ["a.jpg", "A.JPEG", "b.Png", "c/d.webp", "é.heic", "f.AVIF", ".tif"]
    others = ["a/", "jpg", "a.jpg.txt", "a.jpg/", "movie.mp4", "a.pdf"]

    assert [key for key in photos + others if is_photo(key)] == photos


def test_a_plan_keeps_any_key() -> None:
    keys = ['quote".jpg', "back\\slash.jpg", "tab\t.jpg", "été 🚗.jpg"]

    assert planned(keys)[0] == [sorted(keys, key=str.encode)]


def test_parts_with_long_keys_fit_into_the_input_of_a_child() -> None:
    keys = [f"{'x' * 1000}/{number:04}.jpg" for number in range(1000)]

    parts, _ = planned(keys, size=1000)

    assert [key for part in parts for key in part] == keys
    assert len(parts) > 1
    for part in parts:
        assert 190_000 < len(json.dumps({"keys": part})) < 256 * 1024 or part == parts[-1]


def test_a_plan_of_too_many_bytes_ends_the_round(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("carlens.batch.plan._MAX_PLAN_BYTES", 100)

    assert planned(KEYS) == (PARTS, [2, 1])


# --- the function


def run(
    state: dict[str, Any], photos: FakeBucket, results: FakeBucket, **settings: Any
) -> dict[str, Any]:
    return plan_job(state, FakeApp(**settings).app, lambda _: photos, results, Deadline.after(60))


def first_state(**change: Any) -> dict[str, Any]:
    given = {"bucket": "photos", "prefix": "2026/", "operation": "predict", "size": 4, **change}
    return {"name": "fleet", "input": given, "progress": asdict(Progress()), "started": "now"}


def test_a_job_is_planned_round_by_round() -> None:
    photos, results = FakeBucket().add(*KEYS, "2025/a.jpg", "2027/a.jpg"), FakeBucket()

    # When
    first = run(first_state(), photos, results, plan_photos=8)
    second = run({**first, "run": "of the first map"}, photos, results, plan_photos=8)

    # Then each round has its own plan, and the state carries what the next one needs
    assert first["plan"] == "plans/fleet/000000.json"
    assert first["progress"] == {"rounds": 1, "parts": 2, "photos": 8, "after": KEYS[7]}
    assert first["input"] == {**first_state()["input"], "options": {}}
    assert second["plan"] == "plans/fleet/000001.json"
    assert second["progress"] == {"rounds": 2, "parts": 3, "photos": 10, "after": ""}
    assert second["started"] == "now"
    written = [json.loads(results.objects[key]) for key in (first["plan"], second["plan"])]
    assert [item["keys"] for plan in written for item in plan] == PARTS


def test_a_prefix_without_photos_fails_the_job() -> None:
    photos, results = FakeBucket().add("2026/notes.txt"), FakeBucket()

    with pytest.raises(NoPhotos, match=r"no photos under s3://photos/2026/; .*\.jpg"):
        run(first_state(), photos, results)
    assert results.objects == {}


def test_a_wrong_option_fails_the_job_before_anything_is_listed() -> None:
    state = first_state(options={"confidence": 5})

    with pytest.raises(InvalidInput, match="confidence"):
        run(state, FakeBucket(), FakeBucket())
