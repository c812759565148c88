"""The server process over real sockets, with a handler that returns what it received."""

from __future__ import annotations

import asyncio
import base64
import gzip
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, closing, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
import requests
import yaml
from aiohttp import web

from carlens.local.gateway import RECOGNITION, Gateway
from carlens.local.server import Server
from carlens.local.workers import Pool
from tests.integration.serving import (
    ROOT,
    RunningServer,
    running_server,
    start_server,
    wait_until,
)

BODY_LIMIT = 10_485_760
EVENT_LIMIT = 6_291_456
RESPONSE_LIMIT = 6_291_556

# Generous time limit for every network operation; no test depends on how fast one is.
SECONDS = 60

CORS = {"gatewayresponse.header.Access-Control-Allow-Origin": "'*'"}


def _gateway_response(code: str, **more: str) -> dict[str, Any]:
    template = f'{{"code":"{code}","request_id":"$context.requestId"}}'
    return {
        "responseParameters": CORS,
        "responseTemplates": {"application/json": template},
        **more,
    }


PATHS = [
    "/", "/echo", "/sleep", "/wait", "/count", "/respond", "/big", "/raise", "/exit", "/kill", "/spin",
    "/print",
]  # fmt: skip
CONTRACT = {
    "paths": {path: {} for path in PATHS},
    "x-amazon-apigateway-minimum-compression-size": 1024,
    "x-amazon-apigateway-binary-media-types": ["multipart/form-data", "image/png"],
    "x-amazon-apigateway-gateway-responses": {
        "DEFAULT_4XX": _gateway_response("bad_request"),
        "DEFAULT_5XX": _gateway_response("internal_error"),
        "MISSING_AUTHENTICATION_TOKEN": _gateway_response("not_found", statusCode="404"),
        "REQUEST_TOO_LARGE": _gateway_response("payload_too_large"),
        "INTEGRATION_TIMEOUT": _gateway_response("timeout"),
    },
}

ECHO = "tests.integration.echo_handler:lambda_handler"

WORKER_ENVIRONMENT = {
    **os.environ,
    "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "lambda_src")]),
}

Start = Callable[..., AbstractContextManager[RunningServer]]


@pytest.fixture(scope="module")
def contract(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("contract") / "openapi.yaml"
    path.write_text(yaml.safe_dump(CONTRACT))
    return path


@pytest.fixture(scope="module")
def start(contract: Path) -> Start:
    """Return a function that starts a server with the echo handler."""

    def started(*args: str) -> AbstractContextManager[RunningServer]:
        return start_server("--handler", ECHO, "--openapi", str(contract), *args)

    return started


@pytest.fixture(scope="module")
def api(start: Start) -> Iterator[RunningServer]:
    """Run a server with two workers for all tests that do not change its state."""
    with start("--workers", "2") as server:
        yield server


class Barrier:
    """Requests that reach it wait in the handler until it is opened."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def request(self, server: RunningServer, path: str = "/wait") -> requests.Response:
        query = {"barrier": str(self.folder)}
        return requests.get(server.url + path, query, timeout=SECONDS)

    def arrived(self) -> set[int]:
        """Return the IDs of the processes that have arrived."""
        return {int(path.name) for path in self.folder.iterdir() if path.name.isdecimal()}

    def wait_for(self, count: int) -> set[int]:
        """Wait until `count` processes have arrived."""
        wait_until(lambda: len(self.arrived()) >= count, lambda: f"arrived: {self.arrived()}")
        return self.arrived()

    def open(self) -> None:
        (self.folder / "open").touch()

    def close(self) -> None:
        (self.folder / "open").unlink()


@pytest.fixture
def barrier(tmp_path: Path) -> Barrier:
    folder = tmp_path / "barrier"
    folder.mkdir()
    return Barrier(folder)


def connection(server: RunningServer) -> http.client.HTTPConnection:
    return http.client.HTTPConnection(urlsplit(server.url).netloc, timeout=SECONDS)


def wire(server: RunningServer) -> socket.socket:
    address = urlsplit(server.url)
    assert address.hostname
    assert address.port
    return socket.create_connection((address.hostname, address.port), timeout=SECONDS)


def read_all(sock: socket.socket) -> bytes:
    return b"".join(iter(lambda: sock.recv(65536), b""))


def pid_of_a_worker(server: RunningServer) -> int:
    return int(requests.get(f"{server.url}/echo", timeout=SECONDS).json()["pid"])


def status_when_started(server: RunningServer, path: str) -> int:
    """Request `path` until a worker has started; until then requests time out with a 504."""
    statuses: list[int] = []

    def responds() -> bool:
        statuses.append(requests.get(server.url + path, timeout=SECONDS).status_code)
        return statuses[-1] != 504

    wait_until(responds, lambda: f"{path}: {statuses}")
    return statuses[-1]


def event(resource: str, **query: str) -> bytes:
    return json.dumps({"resource": resource, "queryStringParameters": query}).encode()


def runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        # A process that has exited remains as a zombie until its parent reads its status.
        stat = Path(f"/proc/{pid}/stat")
        return not (stat.exists() and stat.read_text().rpartition(")")[2].split()[0] == "Z")
    except (ProcessLookupError, FileNotFoundError):
        return False


def wait_until_gone(pids: set[int]) -> None:
    wait_until(
        lambda: not any(map(runs, pids)), lambda: f"still running: {sorted(filter(runs, pids))}"
    )


# --- requests and responses -----------------------------------------------------------------


def test_the_event_carries_the_request(api: RunningServer) -> None:
    # When a client sends a binary body and unusual header names
    with closing(connection(api)) as client:
        client.putrequest("POST", "/echo/?a=1&b=%2B&a=2", skip_accept_encoding=True)
        client.putheader("x-oDd-NaMe", "one")
        client.putheader("x-oDd-NaMe", "two")
        client.putheader("X-Latin", "caf\xe9")
        client.putheader("content-TYPE", "image/png; charset=binary")
        client.putheader("Content-Length", "4")
        client.endheaders(b"\x00\xff\r\n")
        response = client.getresponse()
        event = json.loads(response.read())["event"]
        port = client.port

    # Then the event contains them as on API Gateway
    assert event["httpMethod"] == "POST"
    assert event["path"] == "/echo/"
    assert event["resource"] == "/echo"
    assert event["multiValueQueryStringParameters"] == {"a": ["1", "2"], "b": ["+"]}
    assert event["multiValueHeaders"]["x-oDd-NaMe"] == ["one", "two"]
    assert event["headers"]["x-oDd-NaMe"] == "two"
    assert event["headers"]["X-Latin"] == "caf\ufffd"
    assert event["headers"]["content-TYPE"] == "image/png; charset=binary"
    assert event["headers"]["X-Forwarded-Port"] == str(port)
    assert "Content-Length" not in event["headers"]
    assert base64.b64decode(event["body"]) == b"\x00\xff\r\n"
    assert event["isBase64Encoded"] is True
    assert event["requestContext"]["identity"]["sourceIp"] == "127.0.0.1"
    assert event["requestContext"]["requestId"] == response.headers["x-amzn-RequestId"]


def test_the_handler_gets_a_lambda_context(api: RunningServer) -> None:
    first = requests.get(f"{api.url}/echo", timeout=SECONDS).json()
    second = requests.get(f"{api.url}/echo", timeout=SECONDS).json()

    context = first["context"]
    assert context.pop("aws_request_id") != second["context"]["aws_request_id"]
    assert context == {
        "function_name": "carlens",
        "function_version": "$LATEST",
        "memory_limit_in_mb": "1769",
        "invoked_function_arn": "arn:aws:lambda:local:000000000000:function:carlens",
        "log_group_name": "/aws/lambda/carlens",
    }


def test_the_handler_sees_the_time_that_is_left(api: RunningServer) -> None:
    def milliseconds() -> int:
        remaining: int = requests.get(f"{api.url}/echo", timeout=SECONDS).json()["remaining"]
        assert remaining <= 29_000
        return remaining

    # A pause of the machine makes one request slow, but not all of them
    wait_until(lambda: milliseconds() > 28_000, lambda: "too little time is left")


def test_text_bodies_are_sent_as_text(api: RunningServer) -> None:
    body = "né \u20ac".encode() + b"\xff"
    headers = {"Content-Type": "application/json"}

    event = requests.post(f"{api.url}/echo", body, headers=headers, timeout=SECONDS).json()["event"]

    assert event["body"] == "né \u20ac\ufffd"
    assert event["isBase64Encoded"] is False


def test_compressed_bodies_stay_compressed(api: RunningServer) -> None:
    headers = {"Content-Type": "image/png", "Content-Encoding": "gzip"}

    event = requests.post(f"{api.url}/echo", b"\x1f\x8bno", headers=headers, timeout=SECONDS).json()

    assert base64.b64decode(event["event"]["body"]) == b"\x1f\x8bno"


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_every_method_reaches_the_handler(api: RunningServer, method: str) -> None:
    response = requests.request(method, f"{api.url}/echo", timeout=SECONDS)

    assert response.status_code == 200
    assert response.json()["event"]["httpMethod"] == method


def test_head_returns_headers_without_a_body(api: RunningServer) -> None:
    with closing(connection(api)) as client:
        client.request("HEAD", "/big?n=1234")
        head = client.getresponse()
        assert (head.status, head.read(), head.headers["Content-Length"]) == (200, b"", "1234")

        # Then the connection can be used for the next request
        client.request("GET", "/big?n=3")
        assert client.getresponse().read() == b"xxx"


def test_a_large_response_is_compressed_for_those_who_accept_gzip(api: RunningServer) -> None:
    with closing(connection(api)) as client:

        def get(method: str, count: int, coding: str) -> tuple[str | None, int, bytes]:
            client.request(method, f"/big?n={count}", headers={"Accept-Encoding": coding})
            got = client.getresponse()
            return got.headers["Content-Encoding"], int(got.headers["Content-Length"]), got.read()

        encoding, length, body = get("GET", 5000, "gzip, deflate, br")
        assert (encoding, gzip.decompress(body)) == ("gzip", b"x" * 5000)
        assert length == len(body) < 100
        # And HEAD has the headers of GET, while others get the response as it is
        assert get("HEAD", 5000, "gzip, deflate, br") == ("gzip", length, b"")
        assert get("GET", 5000, "identity") == (None, 5000, b"x" * 5000)
        assert get("GET", 1023, "gzip") == (None, 1023, b"x" * 1023)


def test_the_response_keeps_its_headers(api: RunningServer) -> None:
    wanted = {
        "statusCode": 418,
        "headers": {"x-CaSe": "kept", "Connection": "x", "Content-Length": "999"},
        "multiValueHeaders": {"Set-Cookie": ["a=1", "b=2"], "Content-Type": ["text/html"]},
        "body": "<p>né",
    }

    with closing(connection(api)) as client:
        client.request("POST", "/respond", json.dumps(wanted))
        response = client.getresponse()
        body = response.read()

    assert response.status == 418
    assert body == "<p>né".encode()
    headers = response.getheaders()
    assert ("x-CaSe", "kept") in headers
    assert [v for n, v in headers if n == "Set-Cookie"] == ["a=1", "b=2"]
    assert [v for n, v in headers if n.lower() == "content-type"] == ["text/html"]
    assert [v for n, v in headers if n.lower() == "content-length"] == [str(len(body))]


@pytest.mark.parametrize(
    ("accept", "sent"),
    [
        ("image/png", b"\x89PNG"),
        ("image/png, text/html", b"\x89PNG"),
        ("text/html, image/png", b"iVBORw=="),
        ("*/*", b"iVBORw=="),
    ],
)
def test_binary_responses_need_a_binary_accept_header(
    api: RunningServer, accept: str, sent: bytes
) -> None:
    response = {
        "headers": {"Content-Type": "image/png"},
        "body": "iVBORw==",
        "isBase64Encoded": True,
    }

    got = requests.post(
        f"{api.url}/respond", json.dumps(response), headers={"Accept": accept}, timeout=SECONDS
    )

    assert got.content == sent


@pytest.mark.parametrize("status", [204, 304])
def test_some_statuses_have_no_body(api: RunningServer, status: int) -> None:
    with requests.Session() as session:
        response = session.post(
            f"{api.url}/respond", json.dumps({"statusCode": status, "body": "no"}), timeout=SECONDS
        )
        assert (response.status_code, response.content) == (status, b"")
        assert session.get(f"{api.url}/big?n=1", timeout=SECONDS).text == "x"


def test_an_unknown_route_is_a_404(api: RunningServer) -> None:
    response = requests.post(f"{api.url}/nowhere", b"x" * 1000, timeout=SECONDS)

    assert response.status_code == 404
    assert response.json() == {
        "code": "not_found",
        "request_id": response.headers["x-amzn-RequestId"],
    }
    assert response.headers["Access-Control-Allow-Origin"] == "*"


@pytest.mark.parametrize(
    ("path", "body", "reason"),
    [
        ("/raise", "", "(RuntimeError: the handler failed??[31m)"),
        ("/respond", "null", "(the response must be an object, not null)"),
        ("/respond", '{"body": 1}', "(body must be a string, not a number)"),
        ("/respond", '{"headers": {"A": "x\\r\\ny"}}', "(header A has a control character)"),
    ],
)
def test_a_handler_that_fails_is_a_502(
    api: RunningServer, path: str, body: str, reason: str
) -> None:
    response = requests.post(api.url + path, body, timeout=SECONDS)

    assert response.status_code == 502
    assert response.json()["code"] == "internal_error"
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    # Then the reason is in the log of the server, but not in the response
    assert reason not in response.text
    assert api.line_with(reason).startswith(f"POST {path} 502 ")


def test_malformed_http_is_a_400_without_a_traceback(start: Start) -> None:
    with start("--workers", "1") as server:
        for junk in (
            b"HELLO\r\n\r\n",
            b"\x16\x03\x01\x02\x00\x01\x00\x01",
            b"GET /\xff HTTP/1.1\r\n",
        ):
            with wire(server) as sock:
                sock.sendall(junk + b"\r\n")
                assert b" 400 " in read_all(sock).splitlines()[0]
        assert requests.get(f"{server.url}/echo", timeout=SECONDS).status_code == 200

    assert "Traceback" not in server.output


def test_a_request_line_may_contain_the_full_url(api: RunningServer) -> None:
    with wire(api) as sock:
        sock.sendall(
            b"GET http://example.com/echo?q=1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        )
        event = json.loads(read_all(sock).partition(b"\r\n\r\n")[2])["event"]

    assert (event["path"], event["queryStringParameters"]) == ("/echo", {"q": "1"})


# --- request bodies -------------------------------------------------------------------------


def test_a_connection_is_kept_alive(api: RunningServer) -> None:
    with closing(connection(api)) as client:
        client.connect()
        first = client.sock
        for n in range(5):
            client.request("POST", "/echo", str(n), {"Content-Type": "text/plain"})
            assert json.loads(client.getresponse().read())["event"]["body"] == str(n)
            assert client.sock is first


def test_chunked_bodies_are_joined(api: RunningServer) -> None:
    def chunks() -> Iterator[bytes]:
        yield b"one "
        yield b"two"

    headers = {"Content-Type": "text/plain"}
    event = requests.post(f"{api.url}/echo", chunks(), headers=headers, timeout=SECONDS).json()[
        "event"
    ]

    assert event["body"] == "one two"
    assert "Transfer-Encoding" not in event["headers"]


def test_a_client_that_expects_100_continue_gets_it(api: RunningServer) -> None:
    # Given a client that waits before it sends its body
    with wire(api) as sock, sock.makefile("rb") as lines:
        sock.sendall(
            b"POST /echo HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
            b"Content-Length: 5\r\nExpect: 100-Continue\r\n\r\n"
        )

        # When the server asks for the body
        assert lines.readline() == b"HTTP/1.1 100 Continue\r\n"
        assert lines.readline() == b"\r\n"
        sock.sendall(b"hello")

        # Then the request is handled
        assert lines.readline() == b"HTTP/1.1 200 OK\r\n"
        event = json.loads(lines.read().partition(b"\r\n\r\n")[2])["event"]
    assert event["body"] == "hello"
    assert "Expect" not in event["headers"]


def test_a_body_over_the_limit_is_refused_before_it_is_sent(api: RunningServer) -> None:
    with wire(api) as sock:
        sock.sendall(
            b"POST /echo HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n"
            b"Content-Length: %d\r\n\r\n" % (BODY_LIMIT + 1)
        )
        response = sock.recv(65536)

    assert response.startswith(b"HTTP/1.1 413 ")
    assert b"\r\nConnection: close\r\n" in response
    assert b"\r\n\r\nHTTP content length exceeded 10485760 bytes." in response


def test_an_incomplete_body_is_a_400(start: Start) -> None:
    with start("--workers", "1") as server:
        with wire(server) as sock:
            sock.sendall(
                b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n"
                b"Expect: 100-continue\r\n\r\n"
            )
            # When the client disconnects while the server reads the body
            assert sock.recv(100).startswith(b"HTTP/1.1 100 ")
            sock.sendall(b"abc")
        assert server.line_with("the body is incomplete").startswith("POST /echo 400 ")
        assert requests.get(f"{server.url}/echo", timeout=SECONDS).status_code == 200

    assert "Traceback" not in server.output


@pytest.mark.parametrize("rest", [b"", b"5\r\nhel", b"no length\r\n"])
def test_a_body_that_stalls_is_a_400(rest: bytes) -> None:
    # Given a server with a short time limit for bodies
    async def refuse(event: bytes) -> bytes:
        raise AssertionError(event)

    log: list[str] = []
    responses: list[bytes] = []

    async def converse() -> None:
        gateway = Gateway.from_openapi(CONTRACT)
        server = Server(gateway, {RECOGNITION: refuse}, log.append, body_timeout=0.1)
        runner = web.ServerRunner(web.Server(server), shutdown_timeout=0.1)
        await runner.setup()
        with socket.create_server(("127.0.0.1", 0)) as listening:
            await web.SockSite(runner, listening).start()
            reader, writer = await asyncio.open_connection(*listening.getsockname())
            # When a client starts a body and stops, or sends a malformed chunk
            writer.write(
                b"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
                b"Expect: 100-continue\r\n\r\n"
            )
            assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
            writer.write(rest)
            responses.append(await asyncio.wait_for(reader.readuntil(b"}"), SECONDS))
            writer.close()
            await runner.cleanup()

    asyncio.run(converse())

    # Then the request fails
    assert responses[0].startswith(b"HTTP/1.1 400 ")
    assert b'"code":"bad_request"' in responses[0]
    assert log[0].endswith("(timed out waiting for the body)")


# --- limits ---------------------------------------------------------------------------------


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_over_the_limit_is_a_413(api: RunningServer, chunked: bool) -> None:
    def chunks() -> Iterator[bytes]:
        for _ in range(BODY_LIMIT // 65536):
            yield b"x" * 65536
        yield b"x"

    body = chunks() if chunked else b"x" * (BODY_LIMIT + 1)
    response = requests.post(f"{api.url}/echo", body, timeout=SECONDS)

    assert response.status_code == 413
    assert response.text == "HTTP content length exceeded 10485760 bytes."
    assert "Access-Control-Allow-Origin" not in response.headers
    assert chunked or response.headers["Connection"] == "close"


def test_an_endless_body_is_cut_off(api: RunningServer) -> None:
    # Given a client that never stops sending
    with wire(api) as sock:
        sock.sendall(b"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        chunk = b"10000\r\n" + b"x" * 65536 + b"\r\n"
        for _ in range(BODY_LIMIT // 65536 + 1):
            sock.sendall(chunk)

        # Then it gets a response while it sends, and the connection is closed
        response = sock.recv(65536)

    assert response.startswith(b"HTTP/1.1 413 ")
    assert b"\r\nConnection: close\r\n" in response


def test_an_event_over_lambdas_limit_is_a_413(api: RunningServer) -> None:
    # Given the size of an event without its body
    def post(size: int) -> requests.Response:
        headers = {"Content-Type": "text/plain"}
        return requests.post(f"{api.url}/", b"x" * size, headers=headers, timeout=SECONDS)

    over = post(EVENT_LIMIT)
    size = int(re.findall(r"the event has (\d+) bytes", api.line_with("the event has"))[0])
    rest = size - EVENT_LIMIT

    # Then a body that just fits is accepted, and one more byte is not
    assert over.status_code == 413
    assert over.json()["code"] == "payload_too_large"
    assert post(EVENT_LIMIT - rest).status_code == 200
    assert post(EVENT_LIMIT - rest + 1).status_code == 413


def test_the_limit_of_the_event_counts_base64(api: RunningServer) -> None:
    headers = {"Content-Type": "multipart/form-data; boundary=b"}

    def status(size: int) -> int:
        return requests.post(
            f"{api.url}/", b"x" * size, headers=headers, timeout=SECONDS
        ).status_code

    assert status(4_700_000) == 200
    assert status(4_720_000) == 413


def test_a_response_over_lambdas_limit_is_a_502(api: RunningServer) -> None:
    rest = len('{"statusCode": 200, "body": ""}')

    fits = requests.get(f"{api.url}/big?n={RESPONSE_LIMIT - rest}", timeout=SECONDS)
    over = requests.get(f"{api.url}/big?n={RESPONSE_LIMIT - rest + 1}", timeout=SECONDS)

    assert (fits.status_code, len(fits.content)) == (200, RESPONSE_LIMIT - rest)
    assert (over.status_code, over.json()["code"]) == (502, "internal_error")


# --- workers --------------------------------------------------------------------------------


def test_two_workers_run_at_the_same_time(api: RunningServer, barrier: Barrier) -> None:
    with ThreadPoolExecutor(2) as clients:
        # When two requests arrive, and neither can end before both have started
        responses = [clients.submit(barrier.request, api) for _ in range(2)]
        pids = barrier.wait_for(2)
        barrier.open()

        # Then each has its own process
        assert {response.result().json()["pid"] for response in responses} == pids


def test_requests_are_handled_in_order_of_arrival(barrier: Barrier) -> None:
    async def converse() -> list[object]:
        async with Pool(1, ECHO, WORKER_ENVIRONMENT, timeout=SECONDS) as pool:
            # Given a busy worker
            busy = asyncio.create_task(pool.invoke(event("/wait", barrier=str(barrier.folder))))
            await asyncio.to_thread(barrier.wait_for, 1)

            # When others arrive one after the other
            others = [asyncio.create_task(pool.invoke(event("/count"))) for _ in range(5)]
            await asyncio.sleep(0)  # each of them now waits for the worker
            barrier.open()
            await busy
            return [json.loads(json.loads(await other)["body"]) for other in others]

    # Then they are handled in this order
    assert asyncio.run(converse()) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("path", ["/exit", "/kill"])
def test_a_worker_that_dies_is_replaced(start: Start, path: str) -> None:
    with start("--workers", "1") as server:
        before = pid_of_a_worker(server)

        response = requests.get(server.url + path, timeout=SECONDS)

        assert (response.status_code, response.json()["code"]) == (502, "internal_error")
        assert pid_of_a_worker(server) != before
    assert "Traceback" not in server.output
    assert "Unknown child" not in server.output


def test_a_worker_that_dies_while_idle_is_replaced_without_an_error(start: Start) -> None:
    with start("--workers", "1") as server:
        before = pid_of_a_worker(server)
        os.kill(before, signal.SIGKILL)
        wait_until_gone({before})
        # By the time it responds to another request, the server has noticed that the worker ended.
        assert requests.get(f"{server.url}/nowhere", timeout=SECONDS).status_code == 404

        assert pid_of_a_worker(server) != before


@pytest.mark.parametrize("path", ["/sleep", "/spin"])
def test_a_request_that_takes_too_long_is_a_504(start: Start, barrier: Barrier, path: str) -> None:
    with start("--workers", "1", "--timeout", "0.5") as server:
        started = time.monotonic()

        response = barrier.request(server, path)

        # Then it does not fail early
        assert time.monotonic() - started >= 0.5
        assert (response.status_code, response.json()["code"]) == (504, "timeout")
        assert response.headers["Access-Control-Allow-Origin"] == "*"
        # And the worker is killed and replaced
        assert status_when_started(server, "/echo") == 200
        wait_until_gone(barrier.arrived())


def test_waiting_for_a_worker_counts_towards_the_time_limit(barrier: Barrier) -> None:
    async def converse() -> None:
        async with Pool(1, ECHO, WORKER_ENVIRONMENT, timeout=SECONDS) as pool:
            # Given a worker that is starting, and two events, of which the second must wait
            busy = asyncio.create_task(pool.invoke(event("/wait", barrier=str(barrier.folder))))
            late = asyncio.create_task(pool.invoke(event("/echo")))
            await asyncio.sleep(0)  # both are in the queue
            started = time.monotonic()
            await asyncio.to_thread(barrier.wait_for, 1)
            waited = time.monotonic() - started
            barrier.open()

            # Then the handler sees the time that is left
            remaining = json.loads(json.loads(await late)["body"])["remaining"]
            assert remaining <= (SECONDS - waited) * 1000 + 1
            await busy

    asyncio.run(converse())


def test_requests_that_time_out_while_waiting_do_not_stop_the_worker(
    contract: Path, barrier: Barrier
) -> None:
    # Given a worker that loads only while the barrier is open
    barrier.open()
    options = ("--handler", ECHO, "--openapi", str(contract), "--workers", "1", "--timeout", "0.5")
    with start_server(*options, env={"ECHO_LOAD_BARRIER": str(barrier.folder)}) as server:
        barrier.close()

        # When it must be replaced, and requests time out in the meantime
        statuses = [requests.get(f"{server.url}/spin", timeout=SECONDS).status_code]
        statuses += [
            requests.get(f"{server.url}/echo", timeout=SECONDS).status_code for _ in range(2)
        ]
        assert statuses == [504, 504, 504]

        # Then the new worker starts nevertheless, and only one
        barrier.open()
        assert status_when_started(server, "/echo") == 200
        assert len(barrier.arrived()) == 2


def test_a_client_that_disconnects_leaves_the_worker_running(
    start: Start, barrier: Barrier
) -> None:
    with start("--workers", "1") as server:
        before = pid_of_a_worker(server)
        with wire(server) as sock:
            path = f"/wait?{urlencode({'barrier': barrier.folder})}"
            sock.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            barrier.wait_for(1)
        # By the time it responds to another request, the server has seen the disconnection.
        assert requests.get(f"{server.url}/nowhere", timeout=SECONDS).status_code == 404
        barrier.open()

        assert pid_of_a_worker(server) == before


def test_output_of_the_handler_is_printed(api: RunningServer) -> None:
    assert requests.get(f"{api.url}/print", timeout=SECONDS).status_code == 200

    assert api.line_with("printed by the handler") == "printed by the handler"


# --- the server as a program ----------------------------------------------------------------


def test_each_request_is_logged_in_one_line(api: RunningServer) -> None:
    requests.post(f"{api.url}/echo?secret=1", b"x", timeout=SECONDS)

    assert re.fullmatch(r"POST /echo 200 3 pictures \d+ ms", api.line_with("POST /echo 200"))


def test_control_characters_are_not_logged(api: RunningServer) -> None:
    requests.get(f"{api.url}/%1B[31m%0A\u009bx", timeout=SECONDS)

    assert re.fullmatch(r"GET /%1B\S+ 404 \d+ ms", api.line_with("GET /%1B"))


def test_the_server_prints_its_address_when_it_is_ready(start: Start) -> None:
    with start("--workers", "1") as server:
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+", server.url)
        assert f"Carlens is at {server.url} (1 worker)\n" in server.lines


def test_a_stage_is_part_of_the_url(start: Start) -> None:
    with start("--workers", "1", "--stage", "prod") as server:
        assert server.url.endswith("/prod")
        event = requests.get(f"{server.url}/echo/", timeout=SECONDS).json()["event"]
        outside = requests.get(f"{server.url.removesuffix('/prod')}/echo", timeout=SECONDS)

    assert (event["path"], event["requestContext"]["path"]) == ("/echo/", "/prod/echo/")
    assert event["requestContext"]["stage"] == "prod"
    assert outside.status_code == 404


def test_each_function_has_its_own_workers(tmp_path: Path, barrier: Barrier) -> None:
    # Given a contract with two functions
    contract = tmp_path / "openapi.yaml"
    catalog = {"x-carlens-function": "catalog"}
    contract.write_text(
        yaml.safe_dump({"paths": {"/wait": {}, "/echo": catalog, "/exit": catalog}})
    )
    options = ("--handler", ECHO, "--openapi", str(contract), "--workers", "1")
    with start_server(*options) as server, ThreadPoolExecutor(1) as client:
        # When the only worker of the first one is busy
        busy = client.submit(barrier.request, server)
        barrier.wait_for(1)
        # Then the other one handles requests, and its end does not affect the first one
        assert requests.get(f"{server.url}/echo", timeout=SECONDS).status_code == 200
        assert requests.get(f"{server.url}/exit", timeout=SECONDS).status_code == 502
        assert requests.get(f"{server.url}/echo", timeout=SECONDS).status_code == 200
        barrier.open()
        assert busy.result().status_code == 200
        assert f"Carlens is at {server.url} (1 worker)\n" in server.lines


def test_an_unknown_function_is_reported_in_one_line(tmp_path: Path) -> None:
    contract = tmp_path / "openapi.yaml"
    contract.write_text(yaml.safe_dump({"paths": {"/": {"x-carlens-function": "names"}}}))

    refused = local("--openapi", str(contract), "--port", "0")

    assert (refused.returncode, refused.stderr.count("\n")) == (1, 1)
    assert "unknown function 'names'; the functions are recognition, catalog." in refused.stderr


def test_two_servers_can_run_side_by_side(start: Start) -> None:
    with start("--workers", "1") as one, start("--workers", "1", "--stage", "two") as two:
        assert one.url != two.url
        first = requests.get(f"{one.url}/echo", timeout=SECONDS).json()
        second = requests.get(f"{two.url}/echo", timeout=SECONDS).json()

    assert first["pid"] != second["pid"]
    assert first["event"]["requestContext"]["stage"] == "local"
    assert second["event"]["requestContext"]["stage"] == "two"


def test_a_port_in_use_is_reported_in_one_line(api: RunningServer, contract: Path) -> None:
    port = str(urlsplit(api.url).port)

    refused = local("--openapi", str(contract), "--port", port)

    assert refused.returncode == 1
    assert refused.stderr.count("\n") == 1
    assert f"Port {port} is in use." in refused.stderr
    assert "python -m carlens.local --port" in refused.stderr


@pytest.mark.parametrize(
    ("args", "code", "message"),
    [
        (["--port", "65536"], 2, "--port: it must be a whole number from 0 to 65535, not '65536'"),
        (["--workers", "0"], 2, "--workers: it must be a whole number from 1 to 64, not '0'"),
        (["--timeout", "-1"], 2, "--timeout: it must be a number from 0.01 to 900, not '-1'"),
        (["--stage", "a/b"], 2, "--stage: it must consist of letters, digits, - and _, not 'a/b'"),
        (
            ["--handler", "os.system"],
            2,
            "--handler: it must have the form module:function, not 'os.system'",
        ),
        (["--openapi", "nowhere.yaml"], 1, "nowhere.yaml"),
        (["--openapi", "pyproject.toml"], 1, "pyproject.toml is not"),
        (["--host", "203.0.113.1", "--port", "0"], 1, "Cannot listen on 203.0.113.1 port 0: "),
        (["--handler", "tests.nowhere:f", "--port", "0", "--workers", "1"], 1, "tests.nowhere:f"),
        (["--handler", "os:nothing", "--port", "0", "--workers", "1"], 1, "os:nothing could not"),
    ],
)
def test_wrong_options_are_refused(
    contract: Path, args: list[str], code: int, message: str
) -> None:
    refused = local("--openapi", str(contract), *args)

    assert refused.returncode == code
    assert message in refused.stderr.splitlines()[-1]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_stops_cleanly(start: Start, barrier: Barrier, number: signal.Signals) -> None:
    with (
        start("--workers", "2") as server,
        ThreadPoolExecutor(2) as clients,
        closing(connection(server)) as idle,
        wire(server) as uploading,
        wire(server) as refused,
    ):
        # Given a keep-alive connection, an incomplete body, a body that was refused as too
        # large but is still being sent, and two busy workers
        idle.request("GET", "/echo")
        pids = {json.loads(idle.getresponse().read())["pid"], pid_of_a_worker(server)}
        assert len(pids) == 2
        uploading.sendall(b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n")
        refused.sendall(b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\nabc")
        assert refused.recv(65536).startswith(b"HTTP/1.1 413 ")
        busy = [clients.submit(request_until_closed, server, barrier) for _ in range(2)]
        assert barrier.wait_for(2) == pids
        assert server.lines[-1] == server.line_with("POST /echo 413") + "\n"
        before = len(server.lines)

        # When the server is told to stop
        server.process.send_signal(number)

        # Then it exits without output, although the workers would run forever
        assert server.wait_until_stopped() == 0
        assert server.lines[before:] == []
        wait_until_gone(pids)
        for client in busy:
            client.result(SECONDS)


def test_it_stops_cleanly_while_it_starts(contract: Path, barrier: Barrier) -> None:
    # Given a server whose handler never finishes loading
    options = ["--handler", ECHO, "--openapi", str(contract), "--port", "0", "--workers", "1"]
    process = subprocess.Popen(
        [sys.executable, "-m", "carlens.local", *options],
        cwd=ROOT,
        env={**os.environ, "ECHO_LOAD_BARRIER": str(barrier.folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    with process:
        assert process.stdout
        assert process.stdout.readline() == "echo handler loads\n"

        # When it is stopped before it is ready
        process.terminate()

        # Then it exits without output
        assert process.wait(SECONDS) == 0
        assert process.stdout.read() == ""


def test_workers_do_not_outlive_a_server_that_is_killed(start: Start, barrier: Barrier) -> None:
    with start("--workers", "2") as server, ThreadPoolExecutor(1) as client:
        # Given a busy and an idle worker
        pids = {pid_of_a_worker(server), pid_of_a_worker(server)}
        assert len(pids) == 2
        busy = client.submit(request_until_closed, server, barrier)
        barrier.wait_for(1)

        # When the server cannot clean up
        server.process.kill()
        server.wait_until_stopped()

        # Then both workers exit by themselves
        wait_until_gone(pids)
        busy.result(SECONDS)


def test_a_server_that_does_not_start_fails_the_test() -> None:
    with (
        pytest.raises(AssertionError, match="No module named 'nowhere'"),
        running_server("--handler", "nowhere:f", "--workers", "1"),
    ):
        pass


def local(*args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "carlens.local", *args],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


def request_until_closed(server: RunningServer, barrier: Barrier) -> None:
    """Send a request that never ends; the server may close the connection."""
    with suppress(requests.ConnectionError):
        barrier.request(server, "/spin")
