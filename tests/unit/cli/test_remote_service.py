"""Runs against an API that answers without a network."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from carlens.cli import remote_service
from carlens.cli.errors import Stopped, WrongUsage
from carlens.cli.models import models_here
from carlens.cli.pictures import Picture
from carlens.cli.predict import Job
from carlens.cli.remote_service import RemoteService, api_errors, connected
from carlens.cli.shrink import enlarge, shrink
from carlens.cli.task import Task
from carlens.errors import NotAnImage
from carlens.http.multipart import read_form
from carlens_client import Client

MODELS = {one["task"]: one for one in models_here().models}
BOX = {"x1": 1, "y1": 2, "x2": 3, "y2": 4, "class_name": "car", "confidence": 0.9, "label": "car"}

Answer = Callable[[list[bytes]], httpx.Response | None]


def error(status: int, code: str) -> httpx.Response:
    return httpx.Response(status, json={"error": {"code": code, "message": f"It is {code}."}})


@dataclass
class Server:
    """Finds a car in every picture, unless `answer` has another answer to a request.

    Attributes
    ----------
    sizes : list
        The size in pixels of each picture that is one, in order of arrival.
    requests : list
        The number of pictures in each request.
    """

    answer: Answer = lambda contents: None
    limits: dict[str, int] = field(default_factory=dict)
    sizes: list[tuple[int, int]] = field(default_factory=list)
    requests: list[int] = field(default_factory=list)
    queries: list[dict[str, str]] = field(default_factory=list)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == "/health":
            models = {"detector": "d", "classifier": "c"}
            limits = {"picture_bytes": 10**7, "picture_pixels": 10**6, "pictures": 32}
            limits = {**limits, "request_bytes": 10**6, **self.limits}
            health = {"status": "ok", "version": "1", "models": models, "limits": limits}
            return httpx.Response(200, json={**health, "features": {}})
        if request.url.path == "/models":
            models_json = {"detector": MODELS["detect"], "classifier": MODELS["classify"]}
            return httpx.Response(200, json=models_json)
        fields = list(read_form(request.read(), request.headers["content-type"]))
        self.requests.append(len(fields))
        self.queries.append(dict(request.url.params))
        contents = [each.content for each in fields]
        given = self.answer(contents)
        if given is not None:
            return given
        images = [self._entry(index, each.content) for index, each in enumerate(fields)]
        return httpx.Response(200, json={"images": images})

    def _entry(self, index: int, content: bytes) -> dict[str, Any]:
        width, height = 10, 10
        entry: dict[str, Any] = {"index": index, "field": "key", "name": "x", "error": None}
        if content.startswith(b"\xff\xd8"):
            with Image.open(io.BytesIO(content)) as image:
                width, height = image.size
            self.sizes.append((width, height))
            if width * height > 10**6:
                entry["error"] = {"code": "picture_too_large", "message": "Too many pixels."}
                return {**entry, "width": None, "height": None, "objects": []}
        return {**entry, "width": width, "height": height, "objects": [BOX]}


@pytest.fixture
def pictures(tmp_path: Path) -> list[Picture]:
    return [picture(tmp_path, f"{number}.jpg", b"%d" % number) for number in range(4)]


def picture(folder: Path, name: str, content: bytes) -> Picture:
    (folder / name).write_bytes(content)
    return Picture(f"sub/{name}", str(folder / name))


def photo(folder: Path, width: int, height: int) -> Picture:
    buffer = io.BytesIO()
    Image.effect_noise((width, height), 50).save(buffer, "JPEG", quality=85)
    return picture(folder, "large.jpg", buffer.getvalue())


def recognize(
    server: Server, pictures: list[Picture], options: dict[str, str] | None = None, **changes: Any
) -> Iterator[dict[str, Any]]:
    job = Job(("sub",), Task(changes.get("operation", "object_detection"), options or {}))
    transport = httpx.MockTransport(server)
    with (
        api_errors(),
        httpx.Client(transport=transport) as http,
        Client("https://api.test", http=http, retries=1, max_wait=0) as client,
    ):
        for answer in RemoteService(client, job).recognize(pictures):
            entry = json.loads(answer.line)
            assert (entry["name"], entry["error"] is not None) == (answer.name, answer.failed)
            yield entry


def test_each_picture_has_a_line_without_index_and_way(pictures: list[Picture]) -> None:
    entries = list(recognize(Server(), pictures))

    assert [entry["name"] for entry in entries] == [f"sub/{number}.jpg" for number in range(4)]
    assert list(entries[0]) == ["field", "name", "error", "width", "height", "objects"]
    assert entries[0]["field"] == "image"


def test_options_are_sent_as_the_api_expects_them(pictures: list[Picture]) -> None:
    server = Server()

    list(recognize(server, pictures[:1], {"classes": "car,bus", "slices": "1"}))

    assert server.queries == [{"format": "detailed", "classes": "car,bus", "slices": "1"}]


@pytest.mark.parametrize(
    ("operation", "roles"),
    [("predict", ["detector", "classifier"]), ("object_detection", ["detector"])],
)
def test_the_models_of_the_operation_are_known(operation: Any, roles: list[str]) -> None:
    with httpx.Client(transport=httpx.MockTransport(Server())) as http:
        service = RemoteService(Client("https://api.test", http=http), Job((), Task(operation, {})))

    assert list(service.models) == roles
    assert service.models["detector"] == {
        "name": MODELS["detect"]["name"],
        "version": MODELS["detect"]["version"],
    }


def test_a_file_that_cannot_be_read_has_a_line(pictures: list[Picture]) -> None:
    gone = Picture("gone.jpg", "/nowhere/gone.jpg")

    for given in ([gone], [gone, *pictures], [*pictures, gone], [pictures[0], gone, pictures[1]]):
        entries = {entry["name"]: entry for entry in recognize(Server(), given)}
        assert len(entries) == len(given)
        assert entries["gone.jpg"]["error"]["code"] == "file_unreadable"
        assert sum(entry["error"] is None for entry in entries.values()) == len(given) - 1


def test_one_picture_that_the_server_cannot_bear_fails_alone(pictures: list[Picture]) -> None:
    # Given a server that fails whenever picture 2 is in a request
    def fail(contents: list[bytes]) -> httpx.Response | None:
        return error(500, "internal_error") if b"2" in contents else None

    server = Server(fail)

    # When
    entries = list(recognize(server, pictures))

    # Then
    assert [entry["name"] for entry in entries] == [one.name for one in pictures]
    assert [entry["error"] and entry["error"]["code"] for entry in entries] == [
        *(None, None),
        *("internal_error", None),
    ]
    assert server.requests == [4, 2, 2, 1, 1]


def test_a_busy_server_is_asked_again(pictures: list[Picture]) -> None:
    answers = [error(503, "unavailable")]
    server = Server(lambda contents: answers.pop() if answers else None)

    assert [entry["error"] for entry in recognize(server, pictures)] == [None] * 4


def test_a_server_that_stays_busy_stops_the_run(pictures: list[Picture]) -> None:
    with pytest.raises(Stopped, match="It is throttled"):
        list(recognize(Server(lambda contents: error(429, "throttled")), pictures))


def test_an_option_that_the_server_refuses_is_wrong_usage(pictures: list[Picture]) -> None:
    with pytest.raises(WrongUsage, match="It is invalid_parameter"):
        list(recognize(Server(lambda contents: error(400, "invalid_parameter")), pictures))


def test_a_picture_with_too_many_pixels_is_scaled_down(tmp_path: Path) -> None:
    large = photo(tmp_path, 3000, 1500)
    server = Server(limits={"request_bytes": 10**8})

    [entry] = recognize(server, [large])

    assert server.sizes == [(3000, 1500), (1000, 500)]
    assert (entry["width"], entry["height"], entry["error"]) == (3000, 1500, None)
    box = entry["objects"][0]
    assert [box[side] for side in ("x1", "y1", "x2", "y2")] == [3, 6, 9, 12]


def test_a_picture_with_too_many_bytes_is_scaled_down_before_it_is_sent(tmp_path: Path) -> None:
    large = photo(tmp_path, 900, 900)
    most = Path(large.path).stat().st_size // 2
    server = Server(limits={"request_bytes": most})

    [entry] = recognize(server, [large])

    [(width, _)] = server.sizes
    assert 300 < width < 900
    assert (entry["width"], entry["error"]) == (900, None)


def test_a_picture_that_a_proxy_refuses_is_scaled_down_further(tmp_path: Path) -> None:
    # Given a proxy that takes less than the API says
    large, small = photo(tmp_path, 900, 900), picture(tmp_path, "small.jpg", b"small")
    most = Path(large.path).stat().st_size // 4

    def proxy(contents: list[bytes]) -> httpx.Response | None:
        is_large = any(len(content) > most for content in contents)
        return httpx.Response(413, text="<html>nginx") if is_large else None

    server = Server(proxy, limits={"request_bytes": 10**8})

    # When
    first, second = recognize(server, [large, small])

    # Then
    assert (first["name"], second["name"], second["width"]) == (small.name, large.name, 900)
    assert (first["error"], second["error"]) == (None, None)
    [(width, _)] = server.sizes
    assert 200 < width < 900


def test_a_picture_that_a_proxy_always_refuses_fails_alone(pictures: list[Picture]) -> None:
    photo(Path(pictures[0].path).parent, 900, 900)
    large = Picture("large.jpg", str(Path(pictures[0].path).with_name("large.jpg")))

    def proxy(contents: list[bytes]) -> httpx.Response | None:
        is_large = any(len(content) > 10 for content in contents)
        return httpx.Response(413, text="<html>nginx") if is_large else None

    entries = {entry["name"]: entry for entry in recognize(Server(proxy), [*pictures, large])}

    assert entries.pop("large.jpg")["error"]["code"] == "picture_too_large"
    assert {entry["error"] for entry in entries.values()} == {None}


def test_a_large_file_that_is_no_picture_fails(tmp_path: Path) -> None:
    large = picture(tmp_path, "large.jpg", bytes(2_000_000))

    [entry] = recognize(Server(), [large])

    assert entry["error"]["code"] == "not_an_image"


def test_a_small_picture_keeps_its_result() -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (100, 50)).save(buffer, "PNG")
    small = shrink(buffer.getvalue(), 10**6, 10**6)
    failed = {"error": {"code": "not_an_image", "message": ""}, "objects": []}

    assert (small.small_width, small.small_height) == (100, 50)
    assert enlarge(failed, small) == failed
    with pytest.raises(NotAnImage):
        shrink(b"", 10**6, 10**6)


def test_an_api_that_is_not_there_stops_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote_service, "_RETRIES", 0)
    open_service = remote_service.remote_service(
        Job((), Task("predict", {})), "http://127.0.0.1:9", 1
    )

    with pytest.raises(Stopped, match="could not be reached"), open_service(1):
        pass


def test_annotated_pictures_are_written_here(tmp_path: Path) -> None:
    small = photo(tmp_path, 300, 200)
    job = Job((), Task("object_detection", {}), annotate=tmp_path / "drawn")
    with httpx.Client(transport=httpx.MockTransport(Server())) as http:
        list(RemoteService(Client("https://api.test", http=http), job).recognize([small]))

    with Image.open(tmp_path / "drawn" / small.name) as image:
        assert image.size == (300, 200)


def test_a_scaled_down_picture_that_the_server_cannot_bear_fails_alone(tmp_path: Path) -> None:
    large = photo(tmp_path, 3000, 1500)
    answers = [None, error(500, "internal_error")]
    server = Server(lambda contents: answers.pop(0), limits={"request_bytes": 10**8})

    [entry] = recognize(server, [large])

    assert entry["error"]["code"] == "internal_error"


def test_many_pictures_that_are_too_large_are_not_kept_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given room for one picture that waits, and a small picture after a large one
    monkeypatch.setattr(remote_service, "_MAX_WAITING", 1)
    large, small = photo(tmp_path, 3000, 1500), picture(tmp_path, "small.jpg", b"small")

    entries = list(recognize(Server(limits={"request_bytes": 10**8}), [large, small]))

    assert [entry["name"] for entry in entries] == [large.name, small.name]


@pytest.mark.parametrize("token", ["", "a.b.c"])
def test_the_token_of_the_environment_is_sent(token: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CARLENS_TOKEN", token)
    sent = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(request.headers.get("Authorization"))
        return Server()(request)

    with (
        httpx.Client(transport=httpx.MockTransport(answer)) as http,
        connected("https://api.test", http=http) as client,
    ):
        client.health()

    assert sent == ["Bearer a.b.c" if token else None]
