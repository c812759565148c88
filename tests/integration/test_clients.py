"""Real HTTP clients against the running API with the real models."""

from __future__ import annotations

import gzip
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import requests
from playwright.sync_api import Browser
from requests_toolbelt import MultipartEncoder

from tests.forms import GIF, Part, expected
from tests.integration.clients import CLIENTS, TIMEOUT, ClientContext, curl, run_node
from tests.integration.test_answers import PASSAT_CAR, SKODA_CAR, assert_near, nearest
from tests.support import PASSAT, SKODA, photo

PHOTOS = (
    Part("image", SKODA.read_bytes(), 'photo "1" é🚗.png'),
    Part("url", "http://169.254.169.254/latest/meta-data?a=b"),
    Part("image", PASSAT.read_bytes(), "two words; a=b.webp"),
    Part("image", b"", "empty.png"),
    Part("image", SKODA.read_bytes()),
)
NAMES = (
    "plain.png",
    'photo "1".png',
    '"',
    "it's.png",
    "two  words.png",
    "né.png",
    "e\u0301.png",
    "写真🚗👩‍👩‍👧.png",
    "صورة.png",
    "a;b=c, d.png",
    "back\\slash.png",
    'both \\ and ".png',
    "100%.png",
    "a%20b.png",
    "no-extension",
    "...hidden",
    "=?utf-8?q?x?=.png",
    "utf-8''x.png",
    "a" * 200 + ".png",
)


@pytest.fixture
def context(tmp_path: Path, request: pytest.FixtureRequest, photo_host: str) -> ClientContext:
    """What clients need; browsers send from a page of another origin."""

    def browser() -> Browser:
        found: Browser = request.getfixturevalue("browser")
        return found

    return ClientContext(tmp_path, browser, f"http://{photo_host}/")


@pytest.fixture(params=CLIENTS)
def client(request: pytest.FixtureRequest) -> str:
    """The name of each client."""
    name: str = request.param
    return name


def images_of(answer: Any) -> list[dict[str, Any]]:
    assert answer.status == 200, answer.text
    images: list[dict[str, Any]] = answer.json["images"]
    return images


def test_several_pictures_in_one_request_are_answered_in_order(
    api: str, client: str, context: ClientContext
) -> None:
    # Given photos with difficult names, a URL, an empty file and a file without a name
    send = CLIENTS[client]

    images = images_of(send(f"{api}/predict?format=detailed", PHOTOS, context))

    # Then each has its answer at its position, with its name
    wanted = expected(client, PHOTOS)
    assert [image["index"] for image in images] == list(range(len(wanted)))
    assert [image["field"] for image in images] == [part.field for part in wanted]
    assert [i["name"] for i in images if i["field"] == "image"] == [
        part.name for part in wanted if part.field == "image"
    ]
    assert [image["error"] and image["error"]["code"] for image in images[:4]] == [
        None,
        "url_refused",
        None,
        "not_an_image",
    ]
    assert_near(nearest(images[0]["objects"]), SKODA_CAR)
    assert_near(nearest(images[2]["objects"]), PASSAT_CAR)
    # And a photo without a name gets the same objects
    assert all(image["objects"] == images[0]["objects"] for image in images[4:])


def test_file_names_are_returned_unchanged(api: str, client: str, context: ClientContext) -> None:
    parts = tuple(Part("image", b"%d" % index, name) for index, name in enumerate(NAMES))

    images = images_of(CLIENTS[client](f"{api}/size?format=detailed", parts, context))

    assert [image["name"] for image in images] == [part.name for part in expected(client, parts)]
    assert [image["bytes"] for image in images] == [len(part.content) for part in parts]


def test_a_client_can_read_the_error_of_a_request_that_is_too_large(
    api: str, client: str, context: ClientContext
) -> None:
    # Given a body that the gateway accepts but the function does not
    parts = (Part("image", bytes(5_000_000), "large.png"),)

    answer = CLIENTS[client](f"{api}/size", parts, context)

    # Then the client can read the reason, even a browser on a page of another origin
    assert (answer.status, answer.json["error"]["code"]) == (413, "payload_too_large")


# --- transfer of bodies ---------------------------------------------------------------------


def encoder() -> MultipartEncoder:
    return MultipartEncoder([("image", photo(SKODA)), ("image", photo(PASSAT))])


def in_chunks(body: MultipartEncoder) -> Iterator[bytes]:
    return iter(lambda: body.read(50_000), b"")


def assert_both_cars(answer: Any) -> None:
    first, second = answer
    assert_near(nearest(first), SKODA_CAR)
    assert_near(nearest(second), PASSAT_CAR)


def test_curl_can_send_chunks(api: str, context: ClientContext) -> None:
    parts = (Part("image", SKODA.read_bytes(), "a.png"), Part("image", PASSAT.read_bytes(), "b"))

    answer = curl(f"{api}/predict", parts, context, "-H", "Transfer-Encoding: chunked")

    assert_both_cars(answer.json)


def test_requests_can_send_chunks(api: str) -> None:
    body = encoder()

    answer = requests.post(
        f"{api}/predict",
        in_chunks(body),
        headers={"Content-Type": body.content_type},
        timeout=TIMEOUT,
    )

    assert answer.request.headers["Transfer-Encoding"] == "chunked"
    assert_both_cars(answer.json())


def test_httpx_can_send_chunks(api: str) -> None:
    body = encoder()

    answer = httpx.post(
        f"{api}/predict",
        content=in_chunks(body),
        headers={"Content-Type": body.content_type},
        timeout=TIMEOUT,
    )

    assert answer.request.headers["Transfer-Encoding"] == "chunked"
    assert_both_cars(answer.json())


def test_node_can_stream_a_file(api: str) -> None:
    # Given a raw picture as a stream of unknown length
    script = """
        const [url, path] = JSON.parse(require('fs').readFileSync(0));
        const body = require('stream').Readable.toWeb(require('fs').createReadStream(path));
        const headers = {'Content-Type': 'image/png'};
        fetch(url, {method: 'POST', body, headers, duplex: 'half'})
            .then(answer => answer.text()).then(console.log);
    """

    (objects,) = json.loads(run_node(script, json.dumps([f"{api}/predict", str(SKODA)])))

    assert_near(nearest(objects), SKODA_CAR)


def test_curl_gets_100_continue_before_a_large_body(api: str, tmp_path: Path) -> None:
    # Given a body so large that curl sends Expect: 100-continue
    path = tmp_path / "large.png"
    path.write_bytes(SKODA.read_bytes() + bytes(2_000_000))
    command = ["curl", "-sSv", "-F", f"image=@{path}", f"{api}/predict"]

    done = subprocess.run(command, capture_output=True, timeout=TIMEOUT, check=True)

    # Then the server asks for the body, so that curl does not wait a second
    log = done.stderr.decode(errors="replace")
    assert "> Expect: 100-continue" in log
    assert "< HTTP/1.1 100 Continue" in log
    assert_near(nearest(json.loads(done.stdout)[0]), SKODA_CAR)


# --- connections are reused -----------------------------------------------------------------


def test_curl_reuses_its_connection(api: str) -> None:
    once = ["-F", f"image=@{SKODA}", "-w", "%{num_connects}\\n", "-o", "/dev/null"]
    command = ["curl", "-sS", *once, f"{api}/predict", "--next", "-sS", *once, f"{api}/predict"]

    done = subprocess.run(command, capture_output=True, timeout=TIMEOUT, check=True)

    assert done.stdout.split() == [b"1", b"0"]


def test_requests_reuses_its_connection(api: str) -> None:
    with requests.Session() as session:
        answers = []
        for _ in range(2):
            body = encoder()
            headers = {"Content-Type": body.content_type}
            answers.append(session.post(f"{api}/predict", body, headers=headers, timeout=TIMEOUT))
        adapter: Any = session.get_adapter(api)
        pools = adapter.poolmanager.pools
        (only,) = pools.keys()
        pool = pools[only]
        assert (pool.num_connections, pool.num_requests) == (1, 2)

    assert_both_cars(answers[0].json())
    assert answers[0].json() == answers[1].json()


def test_httpx_reuses_its_connection(api: str) -> None:
    seen: list[str] = []
    watch = {"trace": lambda name, info: seen.append(name)}
    with httpx.Client(timeout=TIMEOUT) as session:
        answers = [
            session.post(
                f"{api}/predict", files={"image": SKODA.read_bytes()}, extensions=watch
            ).json()
            for _ in range(2)
        ]

    assert seen.count("connection.connect_tcp.complete") == 1
    assert seen.count("http11.receive_response_body.complete") == 2
    assert answers[0] == answers[1]


def test_node_reuses_its_connection(api: str) -> None:
    script = """
        const [url] = JSON.parse(require('fs').readFileSync(0));
        let connections = 0;
        require('diagnostics_channel').subscribe('undici:client:connected', () => connections++);
        (async () => {
            for (let i = 0; i < 2; i++) {
                await (await fetch(url)).text();
                // Node releases a connection shortly after the last byte.
                await new Promise(done => setTimeout(done, 100));
            }
            console.log(connections);
        })();
    """

    assert run_node(script, json.dumps([f"{api}/health"])).strip() == "1"


def test_chromium_reuses_its_connection(api: str, browser: Browser) -> None:
    # Given a page of the API, which can read its own timings, after all its requests
    page = browser.new_page()
    page.goto(f"{api}/", wait_until="networkidle")

    timing = page.evaluate(
        """async () => {
            const sent = [];
            for (let i = 0; i < 2; i++) {
                const form = new FormData();
                form.append('image', new Blob(['x']), 'x.png');
                await (await fetch('size?' + i, {method: 'POST', body: form})).text();
                const entry = performance.getEntriesByName(location.href + 'size?' + i)[0];
                sent.push(entry.connectEnd - entry.connectStart);
            }
            return sent;
        }"""
    )
    page.close()

    assert timing == [0, 0]


def test_a_form_may_be_compressed_and_json_is_refused_as_on_aws(api: str) -> None:
    request = requests.Request("POST", f"{api}/shape", files=[("image", ("a.gif", GIF))]).prepare()
    assert isinstance(request.body, bytes)
    form = {"Content-Type": request.headers["Content-Type"], "Content-Encoding": "gzip"}
    listed = {"Content-Type": "application/json", "Content-Encoding": "gzip"}

    read = requests.post(f"{api}/shape", gzip.compress(request.body), headers=form, timeout=60)
    refused = requests.post(
        f"{api}/shape", gzip.compress(b'{"images": []}'), headers=listed, timeout=60
    )

    assert (read.status_code, read.json()) == (200, [[1, 1, 1]])
    assert refused.status_code == 415
    assert "uncompressed" in refused.json()["error"]["message"]
