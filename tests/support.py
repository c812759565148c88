"""Helpers for many tests: events, pictures, a picture server and an app with real models."""

from __future__ import annotations

import base64
import functools
import gzip
import http.server
import io
import json
import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pytest
from PIL import Image
from requests_toolbelt import MultipartEncoder

from carlens.config import Config
from carlens.http.image_routes import respond
from carlens.images.types import Pixels
from carlens.services.recognition_app import RecognitionApp

PHOTOS = Path(__file__).parent / "photos"
SKODA = PHOTOS / "skoda_citigo_mit.png"
PASSAT = PHOTOS / "vw_passat_cc_mit.webp"
EVENTS = Path(__file__).parent / "events"

Fields = Sequence[tuple[str, Any]]


class _QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Log nothing."""


@contextmanager
def serving_folder(folder: Path) -> Iterator[str]:
    """Serve a folder over HTTP; the value is the host name with the port."""
    handler = functools.partial(_QuietHandler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"localhost:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def missing(reason: str) -> NoReturn:
    """Skip a test whose tool is missing, or fail it if CARLENS_TESTS_NEED_TOOLS is set."""
    if os.environ.get("CARLENS_TESTS_NEED_TOOLS"):
        pytest.fail(reason)
    pytest.skip(reason, allow_module_level=True)


def golden(name: str) -> dict[str, Any]:
    """Read a recorded event."""
    event: dict[str, Any] = json.loads((EVENTS / f"{name}.json").read_text("utf-8"))
    return event


def event(
    method: str,
    path: str,
    *,
    body: bytes | str | None = None,
    content_type: str | None = None,
    query: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Build the event that API Gateway sends for a request, based on a recorded one.

    A body of bytes is of a binary media type, so it is encoded as base64; a string is not.
    """
    built = golden("get_health")
    built.update(httpMethod=method, path=path, resource=path)
    built["requestContext"].update(httpMethod=method, path=f"/prod{path}", resourcePath=path)
    built["headers"].update(headers or {})
    if content_type is not None:
        built["headers"]["Content-Type"] = content_type
    built["multiValueHeaders"] = {name: [value] for name, value in built["headers"].items()}
    if query:
        built["queryStringParameters"] = dict(query)
        built["multiValueQueryStringParameters"] = {name: [v] for name, v in query.items()}
    if body is not None:
        built["isBase64Encoded"] = isinstance(body, bytes)
        built["body"] = base64.b64encode(body).decode() if isinstance(body, bytes) else body
    return built


def multipart_event(path: str, fields: Fields, **more: Any) -> dict[str, Any]:
    """Build the event for a form, encoded with requests-toolbelt."""
    encoder = MultipartEncoder(list(fields))
    return event("POST", path, body=encoder.to_string(), content_type=encoder.content_type, **more)


def photo(path: Path = SKODA, name: str | None = None) -> tuple[str, bytes, str]:
    """Return a photo as a form file: name, content and media type."""
    return (name or path.name, path.read_bytes(), "application/octet-stream")


def gzipped(data: bytes) -> bytes:
    """Compress without the time, so that the names of parametrized tests do not change."""
    return gzip.compress(data, mtime=0)


def encode(image: Image.Image | Pixels, file_format: str, **options: Any) -> bytes:
    """Encode a picture and return the bytes of the file."""
    if not isinstance(image, Image.Image):
        image = Image.fromarray(image)
    buffer = io.BytesIO()
    image.save(buffer, file_format, **options)
    return buffer.getvalue()


def call(event: Mapping[str, Any], app: RecognitionApp, context: Any = None) -> tuple[int, Any]:
    """Send an event to the app; return the status and the JSON of the response."""
    answer = respond(event, context, app)
    return answer["statusCode"], json.loads(answer["body"]) if answer["body"] else None


def color_blocks(width: int = 64, height: int = 32) -> Pixels:
    """Draw a picture on which every rotation, flip and channel swap is visible.

    Top left red, top right green, bottom left blue, bottom right white.
    """
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[: height // 2, : width // 2] = (255, 0, 0)
    pixels[: height // 2, width // 2 :] = (0, 255, 0)
    pixels[height // 2 :, : width // 2] = (0, 0, 255)
    pixels[height // 2 :, width // 2 :] = (255, 255, 255)
    return pixels


def real_app(**settings: Any) -> RecognitionApp:
    """Create an app with the shipped models."""
    return RecognitionApp(Config(threads=2, **settings))
