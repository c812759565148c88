"""Forms for uploads, and pictures named by key."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path
from typing import Any, cast

import pytest

from carlens.config import UPLOADS_SECRET
from carlens.http.uploads import CONTENT_TYPES
from carlens.inputs.upload_keys import is_key, new_key
from carlens.storage import FileForbidden, FileMissing, FileTooLarge, StorageError
from tests.fakes import FakeApp
from tests.support import color_blocks, encode, event

JSON = "application/json"
PICTURE = encode(color_blocks(), "PNG")
UPLOADS = {"uploads": "s3://bucket", "uploads_url": "https://bucket.example/"}
KEY = "uploads/0b6ae6cb-5c1f-4d55-9d5d-6d7f0f8c1d0e"


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    variables = {
        "AWS_ACCESS_KEY_ID": "AKID",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_SESSION_TOKEN": "token",
        "AWS_REGION": "eu-west-3",
        UPLOADS_SECRET: "local secret",
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)


def ask(app: FakeApp, body: object, content_type: str = JSON) -> tuple[int, Any]:
    return app.send(event("POST", "/uploads", body=json.dumps(body), content_type=content_type))


# --- forms ----------------------------------------------------------------------------------


def test_each_form_has_a_key_of_its_own() -> None:
    # When
    status, answer = ask(FakeApp(**UPLOADS), {"count": 32, "content_type": "image/png"})

    # Then
    assert status == 200
    offers = answer["uploads"]
    assert len({offer["key"] for offer in offers}) == 32
    for offer in offers:
        assert offer.keys() == {"url", "fields", "key", "expires"}
        assert offer["url"] == "https://bucket.example/"
        assert is_key(offer["key"])
        assert offer["fields"]["key"] == offer["key"]
        assert offer["fields"]["Content-Type"] == "image/png"
        assert offer["fields"]["x-amz-security-token"] == "token"
        policy = json.loads(base64.b64decode(offer["fields"]["policy"]))
        assert policy["expiration"] == offer["expires"]
        assert ["content-length-range", 1, 20 * 2**20] in policy["conditions"]


def test_credentials_are_read_for_each_request(monkeypatch: pytest.MonkeyPatch) -> None:
    app = FakeApp(**UPLOADS)

    def signer() -> str:
        [offer] = ask(app, {"count": 1})[1]["uploads"]
        return str(offer["fields"]["x-amz-credential"].partition("/")[0])

    assert signer() == "AKID"
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "NEXT")
    assert signer() == "NEXT"


def test_a_local_store_is_below_the_address_that_was_called() -> None:
    given = event("POST", "/uploads", body='{"count": 1}', content_type=JSON)
    given["headers"].update({"Host": "127.0.0.1:8000", "X-Forwarded-Proto": "http"})
    given["multiValueHeaders"] = {}

    _, answer = FakeApp(uploads="/folder", uploads_url="/uploads/store").send(given)

    [offer] = answer["uploads"]
    assert offer["url"] == "http://127.0.0.1:8000/prod/uploads/store"
    assert offer["fields"]["x-amz-credential"].startswith("local/")


def test_without_uploads_there_is_no_route() -> None:
    status, answer = ask(FakeApp(), {"count": 1})

    assert (status, answer["error"]["code"]) == (404, "not_found")


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        *(({"count": count}, JSON, 400) for count in (0, 33, -1, 1.0, "1", True, None)),
        ({}, JSON, 400),
        ([1], JSON, 400),
        ({"count": 1, "content_type": "text/html"}, JSON, 400),
        ({"count": 1, "content_type": "image/svg+xml"}, JSON, 400),
        ({"count": 1, "content_type": ["image/png"]}, JSON, 400),
        ({"count": 1}, "text/plain", 415),
    ],
)
def test_a_wrong_order_is_refused(body: object, content_type: str, status: int) -> None:
    found, answer = ask(FakeApp(**UPLOADS), body, content_type)

    assert found == status
    assert answer["error"]["message"]


@pytest.mark.parametrize("content_type", [*CONTENT_TYPES, None])
def test_every_type_that_is_read_can_be_uploaded(content_type: str | None) -> None:
    assert ask(FakeApp(**UPLOADS), {"count": 1, "content_type": content_type})[0] == 200


# --- keys -----------------------------------------------------------------------------------


def test_a_new_key_is_a_key() -> None:
    assert is_key(KEY)
    assert all(is_key(new_key()) for _ in range(100))


BAD_KEYS = [
    "",
    "uploads/",
    KEY + "\n",
    KEY + "/",
    KEY.upper(),
    "/" + KEY,
    KEY.replace("-4d55", "-1d55"),
    KEY.replace("uploads/", "models/"),
    KEY.replace("uploads/", "uploads//"),
    KEY.replace("uploads/", "uploads/../"),
    KEY.replace("-", ""),
    "uploads/../models/x/model.onnx",
    re.sub("0", "\uff10", KEY),
]


@pytest.mark.parametrize("key", BAD_KEYS)
def test_another_text_is_not_a_key(key: str) -> None:
    assert not is_key(key)


class FakeUploads:
    """Uploads in memory; a name of an error stands for an upload that fails with it."""

    def __init__(self, objects: dict[str, bytes | Exception]) -> None:
        self.objects = objects
        self.read_keys: list[str] = []

    def names(self) -> list[str]:
        raise AssertionError("uploads are never listed")

    def read(self, key: str, *, max_bytes: int) -> bytes:
        self.read_keys.append(key)
        found = self.objects.get(key, FileMissing("gone"))
        if isinstance(found, Exception):
            raise found
        return found


def send_images(app: FakeApp, images: list[dict[str, Any]], path: str = "/predict") -> list[Any]:
    body = json.dumps({"images": images})
    given = event("POST", path, body=body, content_type=JSON, query={"format": "detailed"})
    status, answer = app.send(given)
    assert status == 200, answer
    found: list[Any] = answer["images"]
    return found


def with_uploads(
    objects: dict[str, bytes | Exception], **settings: Any
) -> tuple[FakeApp, FakeUploads]:
    app, uploads = FakeApp(**{**UPLOADS, **settings}), FakeUploads(objects)
    app.app.uploads = cast(Any, uploads)
    return app, uploads


@pytest.mark.parametrize("path", ["/predict", "/object_detection", "/shape", "/size"])
def test_keys_urls_and_data_keep_their_order(path: str) -> None:
    # Given
    app, _ = with_uploads({KEY: PICTURE}, urls=False)
    data = base64.b64encode(PICTURE).decode()

    # When
    images = send_images(
        app,
        [
            {"key": KEY, "name": "first.png"},
            {"data": data},
            {"url": "https://example.com/a.jpg"},
            {"key": KEY},
        ],
        path,
    )

    # Then
    assert [image["field"] for image in images] == ["key", "image", "url", "key"]
    assert [image["name"] for image in images] == [
        "first.png",
        None,
        "https://example.com/a.jpg",
        KEY,
    ]
    assert [image["width"] for image in images] == [64, 64, None, 64]
    assert images[2]["error"]["code"] == "url_refused"


@pytest.mark.parametrize(
    ("failure", "code"),
    [
        (FileMissing("gone"), "key_not_found"),
        (FileForbidden("no"), "key_not_found"),
        (StorageError("down"), "key_not_found"),
        (FileTooLarge("large"), "picture_too_large"),
        (b"", "not_an_image"),
    ],
)
def test_an_upload_that_cannot_be_used_fails_alone(failure: bytes | Exception, code: str) -> None:
    app, _ = with_uploads({KEY: PICTURE, (other := new_key()): failure})

    good, bad = send_images(app, [{"key": KEY}, {"key": other}])

    assert good["error"] is None
    assert bad["error"]["code"] == code


def test_an_upload_that_cannot_be_read_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    app, _ = with_uploads({KEY: StorageError(f"cannot read s3://bucket/{KEY}: timed out")})

    send_images(app, [{"key": KEY}])

    assert "an upload cannot be read: cannot read s3://bucket/uploads/…: timed out" in caplog.text
    assert KEY not in caplog.text


@pytest.mark.parametrize("key", BAD_KEYS)
def test_nothing_is_read_for_another_text(key: str) -> None:
    app, uploads = with_uploads({key: PICTURE})

    [image] = send_images(app, [{"key": key}])

    assert image["error"]["code"] == "key_refused"
    assert uploads.read_keys == []


def test_without_uploads_a_key_is_refused() -> None:
    [image] = send_images(FakeApp(), [{"key": KEY}])

    assert image["error"]["code"] == "key_refused"


@pytest.mark.parametrize("item", [{"key": KEY, "url": "https://a"}, {"key": 1}, {"name": "x"}])
def test_an_item_with_another_form_is_refused(item: dict[str, Any]) -> None:
    given = event("POST", "/size", body=json.dumps({"images": [item]}), content_type=JSON)

    status, answer = FakeApp(**UPLOADS).send(given)

    assert (status, answer["error"]["code"]) == (400, "malformed_body")


def test_uploads_in_a_folder_are_read(tmp_path: Path) -> None:
    (tmp_path / "uploads").mkdir()
    (tmp_path / KEY).write_bytes(PICTURE)
    app = FakeApp(uploads=str(tmp_path), max_bytes=len(PICTURE))

    found, missing = send_images(app, [{"key": KEY}, {"key": new_key()}], "/size")

    assert found["bytes"] == len(PICTURE)
    assert missing["error"]["code"] == "key_not_found"
