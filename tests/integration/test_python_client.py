"""The Python clients against the local server, with the real models."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

import carlens
from carlens_client import AsyncClient, BadRequest, Client, NotFound, Prediction
from tests.integration.test_answers import PASSAT_CAR, SKODA_CAR, assert_near, nearest
from tests.support import PASSAT, SKODA


def assert_both_cars(answers: list[Prediction]) -> None:
    for answer, car in zip(answers, (SKODA_CAR, PASSAT_CAR), strict=True):
        answer.raise_for_error()
        assert_near(nearest(answer.raw["objects"]), car)


def test_pictures_are_recognized_in_order(api: str) -> None:
    with Client(api, pictures_per_request=2) as client:
        answers = client.predict([SKODA, PASSAT.read_bytes(), b"notes", SKODA], top_k=2)

    assert_both_cars(answers[:2])
    assert [answer.name for answer in answers] == [SKODA.name, None, None, SKODA.name]
    assert answers[2].error is not None
    assert answers[2].error.code == "not_an_image"
    assert answers[3].objects == answers[0].objects
    assert len(answers[0].objects[0].pred) == 2


def test_pictures_are_recognized_with_asyncio(api: str) -> None:
    async def main() -> list[Prediction]:
        async with AsyncClient(api) as client:
            return [answer async for answer in client.iter_predict([SKODA, PASSAT])]

    assert_both_cars(asyncio.run(main()))


def test_a_url_is_fetched_by_the_server(api: str, photo_host: str) -> None:
    with Client(api) as client:
        [answer] = client.predict(f"http://{photo_host}/{SKODA.name}?token=1")

    assert (answer.field, answer.name) == ("url", f"http://{photo_host}/{SKODA.name}")
    assert answer.objects


def test_more_pictures_than_a_request_takes(api: str) -> None:
    # Given 40 pictures of 350 kB: more in number and in bytes than a request takes
    with Client(api) as client:
        answers = client.size([SKODA] * 40)

    assert [answer.bytes for answer in answers] == [SKODA.stat().st_size] * 40
    assert [answer.index for answer in answers] == list(range(40))


def test_large_pictures_are_uploaded(api: str, large_photo: Path) -> None:
    # Given a picture of 15 MB, and one that fits into a request
    with Client(api) as client:
        answers = client.predict([large_photo, SKODA, large_photo.read_bytes()])

    assert large_photo.stat().st_size > 15_000_000
    assert [answer.name for answer in answers] == [large_photo.name, SKODA.name, None]
    assert [answer.field for answer in answers] == ["key", "image", "key"]
    for answer in answers:
        answer.raise_for_error()
        assert answer.width
        scale = 518 / answer.width
        box = tuple(round(edge * scale) for edge in nearest(answer.raw["objects"]))
        assert_near(box, SKODA_CAR)


def test_measurements(api: str) -> None:
    with Client(api) as client:
        [answer] = client.shape(SKODA)

    assert (answer.width, answer.height, answer.channels) == (518, 331, 4)


def test_objects_are_detected(api: str) -> None:
    with Client(api) as client:
        [answer] = client.object_detection(SKODA, classes=["car"], max_objects=1)

    assert [found.class_name for found in answer.objects] == ["car"]


def test_names_are_matched(api: str) -> None:
    with Client(api) as client:
        assert (client.norm("reneau", "clioRT").model, client.clean("vw").make) == (
            "Clio",
            "VOLKSWAGEN",
        )
        assert [match.make for match in client.norm_rows([("vw", "golf"), ("", "")])] == [
            "Volkswagen",
            "",
        ]
        assert b"Volkswagen,Golf,100" in client.norm_csv(b"make,model\nvw,golf\n")
        assert "europe" in client.tables()


def test_the_service_describes_itself(api: str) -> None:
    with Client(api) as client:
        assert (client.health().status, client.health().version) == ("ok", carlens.__version__)
        models = client.models()
        assert models.classifier
        assert "Acura" in [make.name for make in models.classifier.makes]
        assert "car" in models.detector.classes
        assert client.contract()["info"]["version"] == carlens.__version__


def test_errors_are_typed(api: str) -> None:
    with Client(api) as client:
        with pytest.raises(BadRequest, match="top_k") as wrong:
            client.predict(SKODA, top_k=99)
        with pytest.raises(NotFound):
            client.norm("vw", table="no such table")

    assert wrong.value.code == "invalid_parameter"
    assert wrong.value.request_id
