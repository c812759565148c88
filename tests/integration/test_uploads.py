"""Uploads to the local server: the whole journey, and what its store refuses."""

from __future__ import annotations

import asyncio
import base64
import io
import socket
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import httpx
import numpy as np
import pytest
from aiohttp import web
from PIL import Image

from carlens.config import UPLOADS_SECRET, Config
from carlens.local.gateway import Gateway
from carlens.local.server import Server
from carlens.local.upload_store import STORE_PATH, UploadStore
from carlens.services.offer_uploads import OfferedUpload, offer_uploads
from tests.integration.serving import start_server
from tests.support import PASSAT, SKODA, encode

SECRET = "a secret"  # noqa: S105 - of the test
Send = Callable[..., Awaitable[httpx.Response]]


def form_of(offer: OfferedUpload, **changes: str) -> dict[str, str]:
    return {**offer.fields, **changes}


def code_of(response: httpx.Response) -> tuple[int, str | None]:
    document = ElementTree.fromstring(response.text)  # noqa: S314 - our own server's
    return response.status_code, document.findtext("Code")


class Store:
    """A store on a port, with limits and a clock that a test chooses."""

    def __init__(self, folder: Path, *, max_total_bytes: int = 10**6) -> None:
        self.folder = folder
        self.now = 1_800_000_000.0
        self._store = UploadStore(
            folder, SECRET, max_total_bytes=max_total_bytes, timeout=0.5, clock=lambda: self.now
        )
        self.url = ""
        self.log: list[str] = []

    @asynccontextmanager
    async def running(self) -> AsyncIterator[httpx.AsyncClient]:
        gateway = Gateway.from_openapi({"paths": {}})
        server = Server(gateway, {}, self.log.append, store=self._store)
        runner = web.ServerRunner(web.Server(server), shutdown_timeout=0.3)
        await runner.setup()
        listening = socket.create_server(("127.0.0.1", 0))
        await web.SockSite(runner, listening).start()
        self.url = f"http://127.0.0.1:{listening.getsockname()[1]}{STORE_PATH}"
        async with httpx.AsyncClient() as client:
            yield client
        await runner.cleanup()

    def offer(self, content_type: str = "image/png", max_bytes: int = 1000) -> OfferedUpload:
        config = Config(uploads=str(self.folder), max_bytes=max_bytes)
        now = datetime.fromtimestamp(self.now, UTC)
        [offer] = offer_uploads(1, content_type, config, now, {UPLOADS_SECRET: SECRET})
        return offer

    @property
    def files(self) -> set[str]:
        """Every file below the folder."""
        return {
            str(path.relative_to(self.folder)) for path in self.folder.rglob("*") if path.is_file()
        }


def run(store: Store, work: Callable[[Send], Awaitable[None]]) -> None:
    async def session() -> None:
        async with store.running() as client:

            async def send(fields: dict[str, str], content: bytes, **more: Any) -> httpx.Response:
                files = {"file": ("photo", content, "image/png")}
                return await client.post(store.url, data=fields, files=files, **more)

            await work(send)

    asyncio.run(session())


def test_a_file_is_stored_under_its_key_and_nowhere_else(tmp_path: Path) -> None:
    store = Store(tmp_path)
    offer = store.offer()

    async def work(send: Send) -> None:
        response = await send(form_of(offer), b"\0" * 1000, headers={"Origin": "https://a.example"})
        assert (response.status_code, response.content) == (204, b"")
        assert response.headers["Access-Control-Allow-Origin"] == "*"

    run(store, work)

    assert store.files == {offer.key}
    assert (tmp_path / offer.key).read_bytes() == b"\0" * 1000
    [line] = store.log
    assert line.startswith("POST /uploads/store 204 ")


@pytest.mark.parametrize(
    ("changes", "content", "expected"),
    [
        ({}, b"", (400, "EntityTooSmall")),
        ({}, b"x" * 1001, (400, "EntityTooLarge")),
        ({}, b"x" * 1_000_000, (400, "EntityTooLarge")),
        ({"Content-Type": "image/jpeg"}, b"x", (403, "AccessDenied")),
        ({"key": "uploads/0b6ae6cb-5c1f-4d55-9d5d-6d7f0f8c1d0e"}, b"x", (403, "AccessDenied")),
        ({"x-amz-signature": "0" * 64}, b"x", (403, "SignatureDoesNotMatch")),
        ({"policy": "x" * 30_000}, b"x", (400, "MaxPostPreDataLengthExceededError")),
        ({f"x-{i}": "" for i in range(50)}, b"x", (400, "InvalidArgument")),
    ],
)
def test_what_the_form_does_not_allow_is_refused_and_not_kept(
    tmp_path: Path, changes: dict[str, str], content: bytes, expected: tuple[int, str]
) -> None:
    store = Store(tmp_path)

    async def work(send: Send) -> None:
        response = await send(form_of(store.offer(), **changes), content)
        assert code_of(response) == expected
        assert response.headers["Access-Control-Allow-Origin"] == "*"

    run(store, work)

    assert store.files == set()
    assert f"({expected[1]})" in store.log[0]


def test_a_form_that_expired_is_refused(tmp_path: Path) -> None:
    store = Store(tmp_path)
    offer = store.offer()
    store.now += 301

    async def work(send: Send) -> None:
        assert code_of(await send(form_of(offer), b"x")) == (403, "AccessDenied")

    run(store, work)


@pytest.mark.parametrize(
    ("body", "content_type", "expected"),
    [
        (b"{}", "application/json", (412, "PreconditionFailed")),
        (b"junk", "multipart/form-data; boundary=x", (400, "MalformedPOSTRequest")),
        (b"junk", "multipart/form-data", (400, "MalformedPOSTRequest")),
        (b"", "multipart/form-data; boundary=x", (400, "MalformedPOSTRequest")),
        (b"--x--\r\n", "multipart/form-data; boundary=x", (400, "InvalidArgument")),
    ],
)
def test_another_body_is_refused(
    tmp_path: Path, body: bytes, content_type: str, expected: tuple[int, str]
) -> None:
    store = Store(tmp_path)

    async def session() -> None:
        async with store.running() as client:
            headers = {"Content-Type": content_type}
            response = await client.post(store.url, content=body, headers=headers)
            assert code_of(response) == expected

    asyncio.run(session())


@pytest.mark.parametrize("complete", [True, False])
def test_a_cut_file_is_not_kept(tmp_path: Path, complete: bool) -> None:
    # Given a form whose file has no end, as if the client had cut it or stopped
    store = Store(tmp_path)
    offer = store.offer()
    parts = [
        f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in offer.fields.items()
    ]
    body = "".join(parts) + '--x\r\nContent-Disposition: form-data; name="file"\r\n\r\nabc'

    async def session() -> None:
        async with store.running():
            host, port = store.url.split("/")[2].split(":")
            reader, writer = await asyncio.open_connection(host, int(port))
            length = len(body) + (0 if complete else 100)
            head = f"POST {STORE_PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n"
            kind = "Content-Type: multipart/form-data; boundary=x\r\n\r\n"
            writer.write((head + kind + body).encode())
            status = await asyncio.wait_for(reader.readline(), 20)
            assert status.split()[1] == b"400"
            writer.close()

    asyncio.run(session())

    assert store.files == set()


def test_pages_of_other_origins_may_ask_first(tmp_path: Path) -> None:
    store = Store(tmp_path)

    async def session() -> None:
        async with store.running() as client:
            asked = await client.options(store.url, headers={"Origin": "https://a.example"})
            assert (asked.status_code, asked.headers["Access-Control-Allow-Methods"]) == (
                204,
                "GET,OPTIONS,POST",
            )
            got = await client.delete(store.url)
            assert code_of(got) == (405, "MethodNotAllowed")

    asyncio.run(session())


def test_uploads_are_kept_for_a_day_and_the_oldest_make_room(tmp_path: Path) -> None:
    # Given room for two uploads and a half
    store = Store(tmp_path, max_total_bytes=2500)
    first, second, third = (store.offer() for _ in range(3))
    fourth: list[OfferedUpload] = []

    async def work(send: Send) -> None:
        for offer in (first, second, third):
            await send(form_of(offer), b"x" * 1000)
            store.now += 10
        # Then the oldest makes room for the third
        assert store.files == {second.key, third.key}

        # When a day has passed, the next upload sends all others away
        store.now += 24 * 3600
        fourth.append(store.offer())
        await send(form_of(fourth[0]), b"x")

    run(store, work)

    assert store.files == {fourth[0].key}


# --- the whole journey ----------------------------------------------------------------------


@pytest.fixture(scope="module")
def staged() -> Iterator[tuple[str, Path]]:
    """A server below a stage, and the temporary folder that it uses."""
    with (
        tempfile.TemporaryDirectory() as folder,
        start_server("--workers", "1", "--stage", "dev", env={"TMPDIR": folder}) as server,
    ):
        yield server.url, Path(folder)
        server.stop()
        # Nothing is left when the server ends.
        assert list(Path(folder).glob("carlens-uploads-*")) == []


def test_a_photo_of_15_mb_is_uploaded_and_recognized(
    staged: tuple[str, Path], large_photo: Path
) -> None:
    (url, folder), photo = staged, large_photo.read_bytes()
    with httpx.Client(timeout=60) as client:
        # Given what the server says of itself
        health = client.get(f"{url}/health").json()
        assert health["features"]["uploads"] is True
        assert len(photo) > health["limits"]["request_bytes"]

        # When the photo is uploaded with a form
        asked = client.post(f"{url}/uploads", json={"count": 1, "content_type": "image/bmp"})
        assert asked.status_code == 200, asked.text
        [offer] = asked.json()["uploads"]
        assert offer["url"] == f"{url}{STORE_PATH}"
        sent = client.post(offer["url"], data=offer["fields"], files={"file": photo})
        assert (sent.status_code, sent.text) == (204, "")

        # Then it is recognized by its key, among other pictures, in order
        small = base64.b64encode(PASSAT.read_bytes()).decode()
        images = [{"data": small}, {"key": offer["key"], "name": "large.bmp"}]
        answer = client.post(f"{url}/predict?format=detailed", json={"images": images}).json()
    first, second = answer["images"]
    assert (second["field"], second["name"]) == ("key", "large.bmp")
    assert (second["width"], second["height"]) == (2850, 1821)
    assert second["objects"][0]["class_name"] == first["objects"][0]["class_name"] == "car"
    [store] = folder.glob("carlens-uploads-*")
    assert (store / offer["key"]).stat().st_size == len(photo)


def test_a_photo_is_redacted_and_fetched(staged: tuple[str, Path]) -> None:
    # Given a photo whose redacted file is too large for a response
    url, _ = staged
    noise = np.random.default_rng(3).integers(0, 256, (1300, 1300, 3), np.uint8)
    files = {"image": encode(noise, "JPEG")}
    with httpx.Client(timeout=60) as client:
        assert client.get(f"{url}/health").json()["features"]["anonymize"] is True
        query = {"redact": "faces", "format": "detailed", "output": "png"}

        # When it is redacted, and fetched by its URL
        [entry] = client.post(f"{url}/anonymize", params=query, files=files).json()["images"]
        fetched = client.get(entry["picture_url"])
        forged = client.get(entry["picture_url"][:-1] + "x")

        # Then it is a picture of the same size, which others cannot fetch
        assert entry["picture"] is None
        assert (fetched.status_code, fetched.headers["Content-Type"]) == (200, "image/png")
        assert Image.open(io.BytesIO(fetched.content)).size == (1300, 1300)
        assert code_of(forged) == (403, "SignatureDoesNotMatch")

        # And one photo is answered with a picture where the client accepts one
        answer = client.post(
            f"{url}/anonymize",
            params={"redact": "faces"},
            content=PASSAT.read_bytes(),
            headers={"Accept": "image/webp", "Content-Type": "image/webp"},
        )
    assert answer.headers["Content-Type"] == "image/webp"
    assert Image.open(io.BytesIO(answer.content)).format == "WEBP"


def test_the_plate_of_a_car_is_covered(staged: tuple[str, Path]) -> None:
    # When a photo of a car is redacted
    url, _ = staged
    answer = httpx.post(
        f"{url}/anonymize",
        params={"format": "detailed", "output": "png", "redact": "plates"},
        files={"image": SKODA.read_bytes()},
        timeout=60,
    )
    [entry] = answer.json()["images"]
    redacted = np.asarray(Image.open(io.BytesIO(base64.b64decode(entry["picture"]))))

    # Then its plate is black, and the windshield as it was, but for the photo's color profile
    with Image.open(SKODA) as original:
        before = np.asarray(original.convert("RGB"), np.int16)
    assert before[187:211, 300:397].mean() > 50
    assert not redacted[187:211, 300:397].any()
    assert np.abs(redacted[60:110, 150:350] - before[60:110, 150:350]).mean() < 5


def test_the_local_server_refuses_a_forged_form(staged: tuple[str, Path]) -> None:
    url, _ = staged
    with httpx.Client(timeout=60) as client:
        [offer] = client.post(f"{url}/uploads", json={"count": 1}).json()["uploads"]
        fields = {**offer["fields"], "Content-Type": "image/png", "x-amz-signature": "0" * 64}
        sent = client.post(offer["url"], data=fields, files={"file": b"x"})

    assert code_of(sent) == (403, "SignatureDoesNotMatch")


def test_a_client_may_wait_for_permission_to_send(staged: tuple[str, Path]) -> None:
    # Given a client that waits for "100 Continue", as curl does before a large body
    url, _ = staged
    with httpx.Client(timeout=60) as client:
        [offer] = client.post(f"{url}/uploads", json={"count": 1}).json()["uploads"]
    fields = {**offer["fields"], "Content-Type": "image/webp"}
    request = httpx.Request("POST", offer["url"], data=fields, files={"file": PASSAT.read_bytes()})
    body, address = request.read(), httpx.URL(url)
    with socket.create_connection((address.host, address.port or 80), 30) as wire:
        lines = [
            f"POST {httpx.URL(offer['url']).path} HTTP/1.1",
            "Host: x",
            "Expect: 100-continue",
            f"Content-Type: {request.headers['Content-Type']}",
            f"Content-Length: {len(body)}",
        ]
        wire.sendall("".join(f"{line}\r\n" for line in (*lines, "")).encode())

        # Then it gets it, and afterwards the answer
        assert wire.recv(1000).startswith(b"HTTP/1.1 100 Continue")
        wire.sendall(body)
        assert wire.recv(1000).startswith(b"HTTP/1.1 204 ")
