"""A server that answers the Python client without a network, and a store of uploads."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx

from carlens.http.multipart import read_form

API = "https://api.test/dev"
STORE = "https://store.test/bucket"
HEALTH = {
    "status": "ok",
    "version": "9.9.9",
    "models": {"detector": "d", "classifier": None, "future": 1},
    "future": {},
}


def error(status: int, code: str, **headers: str) -> httpx.Response:
    body = {"error": {"code": code, "message": f"It is {code}.", "request_id": "r-1"}}
    return httpx.Response(status, json=body, headers=headers)


def entry(index: int, picture: str, name: str | None, **members: Any) -> dict[str, Any]:
    """Return the entry of a picture; `label` tells the test what the server got."""
    found = {
        "x1": 1, "y1": 2, "x2": 3, "y2": 4, "class_name": "car", "confidence": 1, "label": picture,
        "display": "car", "certain": False, "pred": ["A", "B"], "prob": [0.5, 0.25],
        "make": None, "model": {"name": "A", "prob": 0.5, "certain": True}, "reference": None,
        "future": [1],
    }  # fmt: skip
    return {
        "index": index, "field": "image", "name": name, "width": 5, "height": 6, "channels": 3,
        "bytes": 7, "objects": [found], "error": None, "future": "x", **members,
    }  # fmt: skip


@dataclass
class FakeServer:
    """Answers as the API does, and records what it was sent.

    Attributes
    ----------
    health : dict
        The answer of `/health`.
    first : list
        Answers or exceptions for the first requests with pictures or rows, or to the store.
    late : callable
        Gets the number of pictures in a request, and returns how many of them are too late.
    """

    health: dict[str, Any] = field(default_factory=lambda: dict(HEALTH))
    first: list[httpx.Response | Exception] = field(default_factory=list)
    late: Callable[[int], int] = lambda count: 0
    requests: list[httpx.Request] = field(default_factory=list)
    stored: dict[str, bytes] = field(default_factory=dict)
    keys: Iterator[int] = field(default_factory=lambda: iter(range(1000)))

    def __call__(self, request: httpx.Request) -> httpx.Response:
        request.read()
        self.requests.append(request)
        path = request.url.path.removeprefix("/dev")
        if path == "/health":
            return httpx.Response(200, json=self.health)
        if path == "/uploads":
            return self._forms(json.loads(request.content)["count"])
        if self.first:
            answer = self.first.pop(0)
            if isinstance(answer, Exception):
                raise answer
            # A response belongs to one request.
            return httpx.Response(
                answer.status_code, content=answer.content, headers=answer.headers
            )
        return self._store(request) if path == "/bucket" else self._pictures(request)

    def sent(self, path: str) -> list[httpx.Request]:
        """Return the requests to a path."""
        return [each for each in self.requests if each.url.path == path]

    def pictures(self) -> list[list[str]]:
        """Return the pictures of each request to `/predict`, as far as they arrived."""
        return [[seen for seen, _ in read(each)] for each in self.sent("/dev/predict")]

    def _forms(self, count: int) -> httpx.Response:
        forms = [
            {
                "url": STORE,
                "fields": {"key": f"uploads/{next(self.keys)}", "policy": "p"},
                "key": "",
                "expires": "2026-11-28T18:00:00Z",
            }
            for _ in range(count)
        ]
        for form in forms:
            form["key"] = form["fields"]["key"]  # type: ignore[index]
        return httpx.Response(200, json={"uploads": forms})

    def _store(self, request: httpx.Request) -> httpx.Response:
        fields = list(read_form(request.content, request.headers["content-type"]))
        names = [each.name for each in fields]
        assert names[-1] == "file"
        assert "Content-Type" in names
        values = {each.name: each.content for each in fields}
        self.stored[values["key"].decode()] = values["file"]
        return httpx.Response(204)

    def _pictures(self, request: httpx.Request) -> httpx.Response:
        seen = read(request)
        images = [entry(index, *picture) for index, picture in enumerate(seen)]
        for late in images[len(images) - self.late(len(images)) :]:
            late.update(objects=[], error={"code": "deadline_exceeded", "message": "late"})
        return httpx.Response(200, json={"images": images, "future": 1})


def read(request: httpx.Request) -> list[tuple[str, str | None]]:
    """Return what stands for each picture, its content, URL or key, and its name."""
    if request.headers["content-type"] == "application/json":
        images = json.loads(request.content)["images"]
        return [(image["key"], image.get("name", image["key"])) for image in images]
    fields = list(read_form(request.content, request.headers["content-type"]))
    return [(each.content.decode(), each.filename or None) for each in fields]
