"""The local server with the real models under load and attack."""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import urlsplit

import numpy as np
import pytest
import requests

from benchmarks import memory
from carlens.http.image_routes import respond
from carlens.vision.classifier import BATCH
from tests import hostile
from tests.conftest import Note
from tests.integration.serving import RunningServer, start_server, wait_until
from tests.support import PASSAT, encode, multipart_event, real_app

REQUESTS = 1_000
CLIENTS = 6
# A function has 1,769 MB, which it shares with Lambda's runtime.
MEGABYTES = 1_500

# Each is a smaller case of a format that has a larger one: without an alpha channel, rotation or
# interlacing. `benchmarks.memory` measures them too.
SMALLER = {"only the models", "JPEG", "PNG, 16 bits, gray", "AVIF"}
PICTURES = [name for name in (*memory.CASES, memory.URLS) if name not in SMALLER]

pytestmark = pytest.mark.skipif(not Path("/proc").is_dir(), reason="reads Linux's /proc")

Send = Callable[[requests.Session, str], requests.Response]

SMALL = encode(np.full((120, 160, 3), 90, np.uint8), "JPEG")
CAR = PASSAT.read_bytes()
FORM = {"Content-Type": "multipart/form-data; boundary=x"}


def files(*contents: bytes) -> Send:
    def send(session: requests.Session, url: str) -> requests.Response:
        parts = [("image", ("a", content)) for content in contents]
        return session.post(f"{url}/predict", files=parts, timeout=30)

    return send


def raw(content: bytes, headers: dict[str, str], path: str = "/predict") -> Send:
    def send(session: requests.Session, url: str) -> requests.Response:
        return session.post(url + path, data=content, headers=headers, timeout=30)

    return send


def fetching(address: str) -> Send:
    def send(session: requests.Session, url: str) -> requests.Response:
        return session.post(f"{url}/predict", files=[("url", (None, address))], timeout=30)

    return send


def asking(path: str, method: str = "GET") -> Send:
    def send(session: requests.Session, url: str) -> requests.Response:
        return session.request(method, url + path, timeout=30)

    return send


# Name, request, weight and allowed statuses.
TRAFFIC: list[tuple[str, Send, int, set[int]]] = [
    ("a small photo", files(SMALL), 30, {200}),
    ("a photo with a car", files(CAR), 20, {200}),
    ("photos and one broken", files(SMALL, b"junk", SMALL), 10, {200}),
    ("health", asking("/health"), 8, {200}),
    ("the page", asking("/"), 4, {200}),
    ("the contract", asking("/openapi.json"), 2, {200}),
    ("a preflight", asking("/predict", "OPTIONS"), 4, {204}),
    ("no route", asking("/../../etc/passwd"), 4, {404}),
    ("a wrong method", asking("/predict", "DELETE"), 4, {405}),
    ("absurd parameters", raw(SMALL, {"Content-Type": "image/jpeg"}, "/predict?confidence=nan"), 4, {400}),
    ("most objects", raw(CAR, {"Content-Type": "image/webp"}, "/predict?confidence=0&max_objects=60&top_k=20"), 1, {200}),
    ("a bomb", files(hostile.png(30_000, 30_000, rows=b"")), 6, {200}),
    ("ten million pixels", files(hostile.png(4000, 2500)), 2, {200}),
    ("endless scans", files(hostile.jpeg_with_scans(1000, 800, 2000)), 6, {200}),
    ("a truncated form", raw(b"--x\r\nContent-Disposition: form-data; name=image\r\n\r\nd", FORM), 6, {400}),
    ("parts without end", raw(b"--x\r\nContent-Disposition: form-data; name=a\r\n\r\nd\r\n" * 5000, FORM), 4, {400}),
    ("deep JSON", raw(b"[" * 500_000, {"Content-Type": "application/json"}), 4, {400}),
    ("a type that is not read", raw(b"<a/>", {"Content-Type": "text/xml"}), 4, {415}),
    ("too much", raw(bytes(11_000_000), {"Content-Type": "image/png"}), 1, {413}),
    ("the metadata service", fetching("http://169.254.169.254/latest/meta-data/"), 6, {200}),
    ("a file", fetching("file:///etc/passwd"), 4, {200}),
]  # fmt: skip


@pytest.fixture
def server() -> Iterator[RunningServer]:
    # With one pass per picture, the test takes a third of the time.
    settings = {"CARLENS_THREADS": "1", "CARLENS_SLICES": "1"}
    with start_server("--workers", "2", env=settings) as running:
        yield running


def fetching_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if "ThreadPool" in thread.name]


def workers(server: RunningServer) -> list[int]:
    children = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children")
    return [int(pid) for pid in children.read_text().split()]


def megabytes(pids: list[int]) -> int:
    """Return the current memory of processes in MB."""
    return sum(
        int(Path(f"/proc/{pid}/status").read_text().partition("VmRSS:")[2].split()[0]) // 1024
        for pid in pids
    )


@pytest.mark.slow
def test_mixed_traffic_gets_the_expected_statuses_and_memory_settles(
    server: RunningServer, note: Note
) -> None:
    # Given traffic in which every third request is hostile
    chance = random.Random(5)
    kinds = chance.choices(TRAFFIC, [weight for _, _, weight, _ in TRAFFIC], k=REQUESTS)
    sessions = threading.local()
    wrong: list[tuple[str, int, str]] = []
    seconds: list[float] = []
    lost: list[str] = []
    sizes: list[int] = []

    def ask(number: int) -> None:
        name, send, _, allowed = kinds[number]
        session = sessions.__dict__.setdefault("session", requests.Session())
        start = time.monotonic()
        try:
            answer = send(session, server.url)
        except (
            requests.ConnectionError
        ):  # the server closes the connection of a client that sends too much
            lost.append(name)
            return
        seconds.append(time.monotonic() - start)
        if answer.status_code not in allowed:
            wrong.append((name, answer.status_code, answer.text[:200]))
        if answer.status_code != 413:
            assert answer.headers["Access-Control-Allow-Origin"] == "*"

    started = time.monotonic()
    with ThreadPoolExecutor(CLIENTS) as pool:
        for first in range(0, REQUESTS, 100):
            list(pool.map(ask, range(first, first + 100)))
            sizes.append(megabytes([server.process.pid, *workers(server)]))
    elapsed = time.monotonic() - started

    # Then each request got one of its allowed statuses
    note(
        f"Load: {REQUESTS / elapsed:.0f} requests/s; median {np.median(seconds) * 1000:.0f} ms, "
        f"99 % {np.percentile(seconds, 99) * 1000:.0f} ms, most {max(seconds) * 1000:.0f} ms; "
        f"MB after each 100: {sizes}; {dict(Counter(lost))}"
    )
    assert wrong == []
    assert set(lost) <= {"too much"}
    # And memory does not grow in the second half
    assert max(sizes[5:]) <= max(sizes[:5]) * 1.05 + 10
    assert "Traceback" not in server.output


@pytest.mark.slow
def test_a_killed_worker_affects_only_its_request(server: RunningServer) -> None:
    # Given concurrent requests, when a worker is killed several times
    codes: Counter[int] = Counter()
    before = set(workers(server))

    def ask(_: int) -> None:
        answer = files(CAR)(requests.Session(), server.url)
        codes[answer.status_code] += 1

    with ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(ask, number) for number in range(60)]
        for number in (10, 25, 40):
            asked[number].result()
            with suppress(ProcessLookupError):
                os.kill(workers(server)[0], signal.SIGKILL)
        for one in asked:
            one.result()

    # Then at most those requests failed, and the server works afterwards
    assert codes.total() == 60
    assert codes[200] >= 57
    assert len(workers(server)) == 2
    assert set(workers(server)) != before
    assert [files(CAR)(requests.Session(), server.url).status_code for _ in range(4)] == [200] * 4


@pytest.mark.slow
def test_clients_that_stall_do_not_block_others(server: RunningServer) -> None:
    # Given a hundred clients that send half a request and stay connected
    address = urlsplit(server.url)
    half = b"POST /predict HTTP/1.1\r\nHost: a\r\nContent-Type: image/png\r\nContent-Length: 999\r\n\r\nabc"
    idle = [
        socket.create_connection((address.hostname or "", address.port or 0)) for _ in range(100)
    ]
    try:
        for sock in idle:
            sock.sendall(half)

        # Then another client gets its response, long before the server gives up on them
        assert asking("/health")(requests.Session(), server.url).status_code == 200
        assert "timed out waiting for the body" not in server.output
    finally:
        for sock in idle:
            sock.close()


def test_a_request_is_answered_before_its_deadline() -> None:
    # Given the real models, eight seconds beyond the reserve, and a URL that never responds
    # between photos
    with socket.create_server(("127.0.0.1", 0)) as silent:
        host = f"localhost:{silent.getsockname()[1]}"
        app = real_app(allowed_hosts=frozenset({host}))
        app.warm_up()
        photos = [("image", (f"{i}.webp", CAR, "image/webp")) for i in range(BATCH)]
        fields = [*photos, ("url", f"http://{host}/slow.jpg"), *photos]
        given = multipart_event("/predict", fields, query={"format": "detailed"})
        limit = time.monotonic() + 11
        context = SimpleNamespace(
            get_remaining_time_in_millis=lambda: (limit - time.monotonic()) * 1000,
            aws_request_id="id",
        )

        # When the request is handled
        answer = respond(given, context, app)

    # Then the answer is in time: the first batch is processed, the rest has an error
    assert time.monotonic() < limit
    assert answer["statusCode"] == 200
    images = json.loads(answer["body"])["images"]
    codes = [image["error"] and image["error"]["code"] for image in images]
    assert codes[:BATCH] == [None] * BATCH
    assert codes[BATCH:] == ["deadline_exceeded"] * (BATCH + 1)
    # And the threads that fetch URLs end
    wait_until(lambda: not fetching_threads(), lambda: str(fetching_threads()))


@pytest.mark.slow
@pytest.mark.parametrize("name", PICTURES)
def test_a_request_fits_into_the_memory_of_a_function(name: str) -> None:
    peak, _, what = memory.measure(name)

    assert peak < MEGABYTES
    assert "error" not in what
    assert what.split()[0] == what.split()[2]  # all its pictures were processed
