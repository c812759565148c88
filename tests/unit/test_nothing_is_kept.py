"""The process never writes the contents of a request to a file."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from carlens.config import Config
from carlens.http.catalog_routes import respond
from carlens.services.catalog_app import CatalogApp
from tests.heif_files import heic
from tests.support import (
    PASSAT,
    PHOTOS,
    SKODA,
    call,
    color_blocks,
    encode,
    event,
    multipart_event,
    photo,
    real_app,
    serving_folder,
)

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF")


@contextmanager
def recording_writes() -> Iterator[list[object]]:
    """Collect the paths that are opened for writing inside the `with` block."""
    opened: list[object] = []
    active = True

    def hook(name: str, arguments: tuple[Any, ...]) -> None:
        if active and name == "open" and arguments[2] & (os.O_WRONLY | os.O_RDWR):
            opened.append(arguments[0])

    sys.addaudithook(hook)
    try:
        yield opened
    finally:
        active = False  # an audit hook cannot be removed


@pytest.fixture(autouse=True)
def _no_bytecode(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep imports during a request from writing bytecode."""
    monkeypatch.setattr(sys, "dont_write_bytecode", True)


def test_writes_are_recorded(tmp_path: Path) -> None:
    with recording_writes() as opened:
        (tmp_path / "one").write_text("one")
        os.close(os.open(tmp_path / "two", os.O_RDWR | os.O_CREAT))
        (tmp_path / "one").read_text()
    (tmp_path / "three").write_text("three")

    assert opened == [str(tmp_path / "one"), str(tmp_path / "two")]


def test_pictures_are_not_written_to_files() -> None:
    # Given both photos, a picture in each format, a file that is not a picture, and a URL
    files = [photo(SKODA), photo(PASSAT), ("junk", b"junk", "image/png")]
    files += [(kind, encode(color_blocks(), kind), "image/x") for kind in FORMATS]
    files.append(("HEIC", heic(), "image/x"))
    with serving_folder(PHOTOS) as host:
        urls = [("url", f"http://{host}/{SKODA.name}")]
        fields = [*(("image", file) for file in files), *urls]
        given = multipart_event("/predict", fields, query={"format": "detailed"})
        app = real_app(allowed_hosts=frozenset({host}))

        # When
        with recording_writes() as opened:
            _, answer = call(given, app)

    # Then
    assert [image["name"] for image in answer["images"] if image["error"]] == ["junk"]
    assert opened == []


@pytest.mark.parametrize(
    "given",
    [
        event("GET", "/norm/europe", query={"make": "reneau", "model": "clio"}),
        event("POST", "/norm/europe", body=b"make,model\nvw,golf\n", content_type="text/csv"),
        multipart_event("/norm/europe", [("file", ("cars.csv", b"vw;golf\n", "text/csv"))]),
    ],
    ids=["one", "rows", "a file"],
)
def test_names_are_not_written_to_files(given: dict[str, Any]) -> None:
    with recording_writes() as opened:
        answer = respond(given, None, CatalogApp(Config()))

    assert answer["statusCode"] == 200
    assert opened == []
