"""Bodies recorded from real clients (tests/bodies)."""

from __future__ import annotations

import pytest

from carlens.http.events import Request
from carlens.http.pictures import read_pictures
from carlens.images.decoder import read_shape
from carlens.images.types import ImageShape, Limits
from carlens.inputs.sources import PictureSource
from tests.forms import BODIES, URL, captured, captured_name, expected

CLIENTS = (
    "aiohttp",
    "chromium",
    "chromium form",
    "curl",
    "curl --form-escape",
    "httpx",
    "node",
    "requests",
    "requests-toolbelt",
)


def uploads_of(client: str) -> list[PictureSource]:
    content_type, body = captured(captured_name(client))
    request = Request("POST", "/predict", headers={"content-type": content_type}, body=body)
    return read_pictures(request, max_pictures=9)


def test_every_captured_body_is_read() -> None:
    assert {path.name for path in BODIES.iterdir()} == set(map(captured_name, CLIENTS))


@pytest.mark.parametrize("client", CLIENTS)
def test_a_recorded_body_is_read_in_order_with_its_names(client: str) -> None:
    uploads = uploads_of(client)

    bare = URL.partition("?")[0]
    assert uploads == [
        PictureSource("url", bare, URL)
        if part.field == "url"
        else PictureSource("image", part.name, part.content)
        for part in expected(client)
    ]


@pytest.mark.parametrize("client", CLIENTS)
def test_the_recorded_pictures_can_be_read(client: str) -> None:
    pictures = [u.content for u in uploads_of(client) if isinstance(u.content, bytes) and u.content]

    assert len(pictures) >= 2
    for data in pictures:
        assert read_shape(data, Limits(1000, 1000, 1000)) == ImageShape(1, 1, 1)
