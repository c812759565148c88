"""The check of an API, sent to a server that gives canned answers."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from carlens.smoke import SmokeError, check_api

PHOTO: dict[str, Any] = {"images": [{"error": None, "objects": [{"class_name": "car"}]}]}
NAME = {"make": "Renault", "model": "Clio"}


class Api:
    """A server whose answers to the photo and to the name can be changed."""

    def __init__(self) -> None:
        self.answers: dict[str, tuple[int, Any]] = {"POST": (200, PHOTO), "GET": (200, NAME)}
        self.requests: list[tuple[str, str, dict[str, str], bytes]] = []
        self.url = ""


@pytest.fixture
def api() -> Iterator[Api]:
    api = Api()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            api.requests.append((self.command, self.path, headers, body))
            status, document = api.answers[self.command]
            content = document if isinstance(document, str) else json.dumps(document)
            self.send_response(status)
            self.end_headers()
            self.wfile.write(content.encode())

        def do_POST(self) -> None:
            self.do_GET()

        def log_message(self, *_: object) -> None:
            """Log nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        api.url = f"http://127.0.0.1:{server.server_port}/prod/"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield api
        server.shutdown()
        thread.join()


def test_a_photo_and_a_name_are_sent_with_the_key(api: Api) -> None:
    check_api(api.url, {"x-api-key": "a-key"})

    photo, name = api.requests
    assert photo[:2] == ("POST", "/prod/predict?format=detailed")
    assert photo[2]["content-type"] == "image/webp"
    assert photo[3].startswith(b"RIFF")
    assert name[:2] == ("GET", "/prod/norm/europe?make=renault&model=clio")
    assert {photo[2]["x-api-key"], name[2]["x-api-key"]} == {"a-key"}


@pytest.mark.parametrize(
    ("method", "status", "document"),
    [
        ("POST", 500, {"error": {"code": "internal_error"}}),
        ("POST", 200, {"images": [{"error": None, "objects": []}]}),
        ("POST", 200, {"images": [{"error": {"code": "not_an_image"}, "objects": []}]}),
        ("POST", 200, {"images": []}),
        ("POST", 200, "<html>"),
        ("POST", 200, []),
        ("GET", 503, {"error": {"code": "table_unavailable"}}),
        ("GET", 200, {"make": "Renault", "model": ""}),
    ],
)
def test_an_answer_without_its_result_is_reported(
    api: Api, method: str, status: int, document: Any
) -> None:
    api.answers[method] = (status, document)

    with pytest.raises(SmokeError, match=f"{method} /.* gave status {status} without") as caught:
        check_api(api.url)

    content = document if isinstance(document, str) else json.dumps(document)
    assert content in str(caught.value)


def test_an_api_that_cannot_be_reached_is_reported() -> None:
    with pytest.raises(SmokeError, match=r"POST /predict failed: .*refused"):
        check_api("http://127.0.0.1:1")
