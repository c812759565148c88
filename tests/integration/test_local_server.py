"""The real server process, over real sockets, with a handler that shows what it got."""

from __future__ import annotations

import asyncio
import base64
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
from contextlib import AbstractContextManager, ExitStack, closing, suppress
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
import yaml
from aiohttp import web

from carlens.local.gateway import RECOGNITION, Gateway
from carlens.local.server import Server
from carlens.local.workers import Pool
from tests.integration.serving import ROOT, RunningServer, running_server, start_server

BODY_LIMIT = 10_485_760
EVENT_LIMIT = 6_291_456
ANSWER_LIMIT = 6_291_556

CORS = {"gatewayresponse.header.Access-Control-Allow-Origin": "'*'"}


def _gateway_response(code: str, **more: str) -> dict[str, Any]:
    template = f'{{"code":"{code}","request_id":"$context.requestId"}}'
    return {
        "responseParameters": CORS,
        "responseTemplates": {"application/json": template},
        **more,
    }


PATHS = [
    "/", "/echo", "/sleep", "/door", "/count", "/answer", "/big", "/raise", "/exit", "/kill", "/spin",
    "/print",
]  # fmt: skip
CONTRACT = {
    "paths": {path: {} for path in PATHS},
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

Start = Callable[..., AbstractContextManager[RunningServer]]


@pytest.fixture(scope="module")
def contract(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("contract") / "openapi.yaml"
    path.write_text(yaml.safe_dump(CONTRACT))
    return path


@pytest.fixture(scope="module")
def start(contract: Path) -> Start:
    """Start a server with the echo handler."""

    def started(*args: str) -> AbstractContextManager[RunningServer]:
        return start_server("--handler", ECHO, "--openapi", str(contract), *args)

    return started


@pytest.fixture(scope="module")
def api(start: Start) -> Iterator[RunningServer]:
    """One server with two workers, for all tests that leave it as it was."""
    with start("--workers", "2") as server:
        yield server


class Door:
    """A handler that has come to it waits until it is opened."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def knock(self, server: RunningServer) -> requests.Response:
        return requests.get(f"{server.url}/door", {"door": str(self.folder)}, timeout=20)

    def waiting(self) -> set[int]:
        """Give the processes that have come."""
        return {int(path.name) for path in self.folder.iterdir()}

    def wait_for(self, count: int) -> set[int]:
        """Wait until so many processes have come."""
        end = time.monotonic() + 20
        while len(self.waiting()) < count:
            assert time.monotonic() < end, f"only {self.waiting()} came"
            time.sleep(0.01)
        return self.waiting()

    def open(self) -> None:
        (self.folder / "open").touch()


@pytest.fixture
def door(tmp_path: Path) -> Door:
    folder = tmp_path / "door"
    folder.mkdir()
    return Door(folder)


def connection(server: RunningServer) -> http.client.HTTPConnection:
    return http.client.HTTPConnection(urlsplit(server.url).netloc, timeout=20)


def wire(server: RunningServer) -> socket.socket:
    address = urlsplit(server.url)
    assert address.hostname
    assert address.port
    return socket.create_connection((address.hostname, address.port), timeout=20)


def read_all(sock: socket.socket) -> bytes:
    return b"".join(iter(lambda: sock.recv(65536), b""))


def line_with(server: RunningServer, text: str) -> str:
    """Wait for a line of the server's output."""
    end = time.monotonic() + 5
    while time.monotonic() < end:
        for line in list(server.lines):
            if text in line:
                return line.rstrip("\n")
        time.sleep(0.01)
    raise AssertionError(f"no line with {text!r} in:\n{server.output}")


def pid_of_a_worker(server: RunningServer) -> int:
    return int(requests.get(f"{server.url}/echo", timeout=20).json()["pid"])


def runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        # A dead process whose parent has not noticed yet is still listed, as a zombie.
        stat = Path(f"/proc/{pid}/stat")
        return not (stat.exists() and stat.read_text().rpartition(")")[2].split()[0] == "Z")
    except (ProcessLookupError, FileNotFoundError):
        return False


def wait_until_gone(pids: set[int], seconds: float) -> None:
    end = time.monotonic() + seconds
    while alive := {pid for pid in pids if runs(pid)}:
        assert time.monotonic() < end, f"still running: {alive}"
        time.sleep(0.02)


# --- requests and answers -------------------------------------------------------------------


def test_the_event_has_what_was_sent(api: RunningServer) -> None:
    # When a client sends a body of a binary type, with odd header names
    with closing(connection(api)) as client:
        client.putrequest("POST", "/echo/?a=1&b=%2B&a=2", skip_accept_encoding=True)
        client.putheader("x-oDd-NaMe", "one")
        client.putheader("x-oDd-NaMe", "two")
        client.putheader("X-Latin", "caf\xe9")
        client.putheader("content-TYPE", "image/png; charset=binary")
        client.putheader("Content-Length", "4")
        client.endheaders(b"\x00\xff\r\n")
        answer = client.getresponse()
        seen = json.loads(answer.read())
        port = client.port

    # Then the event carries it as API Gateway would
    event = seen["event"]
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
    assert event["requestContext"]["requestId"] == answer.headers["x-amzn-RequestId"]


def test_the_handler_gets_a_lambda_context(api: RunningServer) -> None:
    first = requests.get(f"{api.url}/echo", timeout=20).json()
    second = requests.get(f"{api.url}/echo", timeout=20).json()

    context = first["context"]
    assert context.pop("aws_request_id") != second["context"]["aws_request_id"]
    assert context == {
        "function_name": "carlens",
        "function_version": "$LATEST",
        "memory_limit_in_mb": "1769",
        "invoked_function_arn": "arn:aws:lambda:local:000000000000:function:carlens",
        "log_group_name": "/aws/lambda/carlens",
    }
    assert 28_000 < first["remaining"] <= 29_000


def test_text_travels_as_text(api: RunningServer) -> None:
    body = "né \u20ac".encode() + b"\xff"
    headers = {"Content-Type": "application/json"}

    event = requests.post(f"{api.url}/echo", body, headers=headers, timeout=20).json()["event"]

    assert event["body"] == "né \u20ac\ufffd"
    assert event["isBase64Encoded"] is False


def test_compressed_bodies_stay_compressed(api: RunningServer) -> None:
    headers = {"Content-Type": "image/png", "Content-Encoding": "gzip"}

    event = requests.post(f"{api.url}/echo", b"\x1f\x8bno", headers=headers, timeout=20).json()

    assert base64.b64decode(event["event"]["body"]) == b"\x1f\x8bno"


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_any_method_reaches_the_handler(api: RunningServer, method: str) -> None:
    answer = requests.request(method, f"{api.url}/echo", timeout=20)

    assert answer.status_code == 200
    assert answer.json()["event"]["httpMethod"] == method


def test_head_has_the_headers_and_no_body(api: RunningServer) -> None:
    with closing(connection(api)) as client:
        client.request("HEAD", "/big?n=1234")
        head = client.getresponse()
        assert (head.status, head.read(), head.headers["Content-Length"]) == (200, b"", "1234")

        # Then the connection is good for the next request
        client.request("GET", "/big?n=3")
        assert client.getresponse().read() == b"xxx"


def test_the_answer_keeps_its_headers(api: RunningServer) -> None:
    wanted = {
        "statusCode": 418,
        "headers": {"x-CaSe": "kept", "Connection": "x", "Content-Length": "999"},
        "multiValueHeaders": {"Set-Cookie": ["a=1", "b=2"], "Content-Type": ["text/html"]},
        "body": "<p>né",
    }

    with closing(connection(api)) as client:
        client.request("POST", "/answer", json.dumps(wanted))
        answer = client.getresponse()
        body = answer.read()

    assert answer.status == 418
    assert body == "<p>né".encode()
    headers = answer.getheaders()
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
def test_binary_answers_need_a_binary_accept(api: RunningServer, accept: str, sent: bytes) -> None:
    answer = {"headers": {"Content-Type": "image/png"}, "body": "iVBORw==", "isBase64Encoded": True}

    got = requests.post(
        f"{api.url}/answer", json.dumps(answer), headers={"Accept": accept}, timeout=20
    )

    assert got.content == sent


@pytest.mark.parametrize("status", [204, 304])
def test_statuses_without_a_body(api: RunningServer, status: int) -> None:
    with requests.Session() as session:
        answer = session.post(
            f"{api.url}/answer", json.dumps({"statusCode": status, "body": "no"}), timeout=20
        )
        assert (answer.status_code, answer.content) == (status, b"")
        assert session.get(f"{api.url}/big?n=1", timeout=20).text == "x"


def test_an_unknown_route(api: RunningServer) -> None:
    answer = requests.post(f"{api.url}/nowhere", b"x" * 1000, timeout=20)

    assert answer.status_code == 404
    assert answer.json() == {
        "code": "not_found",
        "request_id": answer.headers["x-amzn-RequestId"],
    }
    assert answer.headers["Access-Control-Allow-Origin"] == "*"


@pytest.mark.parametrize(
    ("path", "body", "reason"),
    [
        ("/raise", "", "(RuntimeError: the handler broke??[31m)"),
        ("/answer", "null", "(the answer is null; it must be an object)"),
        ("/answer", '{"body": 1}', "(body is a number; it must be text)"),
        ("/answer", '{"headers": {"A": "x\\r\\ny"}}', "(header A has a control character)"),
    ],
)
def test_a_handler_that_fails_is_a_502(
    api: RunningServer, path: str, body: str, reason: str
) -> None:
    answer = requests.post(api.url + path, body, timeout=20)

    assert answer.status_code == 502
    assert answer.json()["code"] == "internal_error"
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    # Then the client learns no internals, and who runs the server does
    assert reason not in answer.text
    assert line_with(api, reason).startswith(f"POST {path} 502 ")


def test_what_is_no_http_gets_a_400_and_no_traceback(start: Start) -> None:
    with start("--workers", "1") as server:
        for junk in (
            b"HELLO\r\n\r\n",
            b"\x16\x03\x01\x02\x00\x01\x00\x01",
            b"GET /\xff HTTP/1.1\r\n",
        ):
            with wire(server) as sock:
                sock.sendall(junk + b"\r\n")
                assert b" 400 " in read_all(sock).splitlines()[0]
        assert requests.get(f"{server.url}/echo", timeout=20).status_code == 200

    assert "Traceback" not in server.output


def test_a_request_line_with_the_whole_url(api: RunningServer) -> None:
    with wire(api) as sock:
        sock.sendall(
            b"GET http://example.com/echo?q=1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        )
        event = json.loads(read_all(sock).partition(b"\r\n\r\n")[2])["event"]

    assert (event["path"], event["queryStringParameters"]) == ("/echo", {"q": "1"})


# --- how bodies travel ----------------------------------------------------------------------


def test_keep_alive(api: RunningServer) -> None:
    with closing(connection(api)) as client:
        client.connect()
        used = client.sock
        for n in range(5):
            client.request("POST", "/echo", str(n), {"Content-Type": "text/plain"})
            assert json.loads(client.getresponse().read())["event"]["body"] == str(n)
            assert client.sock is used


def test_chunked_uploads(api: RunningServer) -> None:
    def chunks() -> Iterator[bytes]:
        yield b"one "
        time.sleep(0.05)
        yield b"two"

    headers = {"Content-Type": "text/plain"}
    event = requests.post(f"{api.url}/echo", chunks(), headers=headers, timeout=20).json()["event"]

    assert event["body"] == "one two"
    assert "Transfer-Encoding" not in event["headers"]


def test_expect_100_continue(api: RunningServer) -> None:
    # Given a client that waits to be asked for its body
    with wire(api) as sock, sock.makefile("rb") as lines:
        sock.sendall(
            b"POST /echo HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
            b"Content-Length: 5\r\nExpect: 100-Continue\r\n\r\n"
        )

        # When it is asked
        assert lines.readline() == b"HTTP/1.1 100 Continue\r\n"
        assert lines.readline() == b"\r\n"
        sock.sendall(b"hello")

        # Then it is answered
        assert lines.readline() == b"HTTP/1.1 200 OK\r\n"
        event = json.loads(lines.read().partition(b"\r\n\r\n")[2])["event"]
    assert event["body"] == "hello"
    assert "Expect" not in event["headers"]


def test_a_body_larger_than_the_gateway_takes_is_not_asked_for(api: RunningServer) -> None:
    with wire(api) as sock:
        sock.sendall(
            b"POST /echo HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n"
            b"Content-Length: %d\r\n\r\n" % (BODY_LIMIT + 1)
        )
        sock.settimeout(5)
        answer = sock.recv(65536)

    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"\r\nConnection: close\r\n" in answer
    assert b"\r\n\r\nHTTP content length exceeded 10485760 bytes." in answer


def test_a_client_that_leaves_in_the_middle_of_its_body(start: Start) -> None:
    with start("--workers", "1") as server:
        with wire(server) as sock:
            sock.sendall(b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nabc")
            time.sleep(0.1)
        assert line_with(server, "the body broke off").startswith("POST /echo 400 ")
        assert requests.get(f"{server.url}/echo", timeout=20).status_code == 200

    assert "Traceback" not in server.output


@pytest.mark.parametrize("rest", [b"", b"5\r\nhel", b"no length\r\n"])
def test_a_body_that_stops_coming_is_given_up(rest: bytes) -> None:
    # Given a server with little patience
    async def refuse(event: bytes) -> bytes:
        raise AssertionError(event)

    log: list[str] = []
    answers: list[bytes] = []

    async def converse() -> None:
        gateway = Gateway.from_openapi(CONTRACT)
        server = Server(gateway, {RECOGNITION: refuse}, log.append, patience=0.1)
        runner = web.ServerRunner(web.Server(server), shutdown_timeout=0.1)
        await runner.setup()
        with socket.create_server(("127.0.0.1", 0)) as listening:
            await web.SockSite(runner, listening).start()
            reader, writer = await asyncio.open_connection(*listening.getsockname())
            head = b"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
            # When a client begins a body and does not go on, or not as HTTP wants it
            writer.write(head)
            await asyncio.sleep(0.05)
            writer.write(rest)
            answers.append(await asyncio.wait_for(reader.readuntil(b"}"), 5))
            writer.close()
            await runner.cleanup()

    asyncio.run(converse())

    # Then it is told so
    assert answers[0].startswith(b"HTTP/1.1 400 ")
    assert b'"code":"bad_request"' in answers[0]
    assert log[0].endswith("(the body stopped coming)")


# --- limits ---------------------------------------------------------------------------------


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_over_the_limit_is_a_413(api: RunningServer, chunked: bool) -> None:
    def chunks() -> Iterator[bytes]:
        for _ in range(BODY_LIMIT // 65536):
            yield b"x" * 65536
        yield b"x"

    body = chunks() if chunked else b"x" * (BODY_LIMIT + 1)
    answer = requests.post(f"{api.url}/echo", body, timeout=20)

    assert answer.status_code == 413
    assert answer.text == "HTTP content length exceeded 10485760 bytes."
    assert "Access-Control-Allow-Origin" not in answer.headers
    assert chunked or answer.headers["Connection"] == "close"


def test_an_upload_without_end_is_cut_off(api: RunningServer) -> None:
    # Given a client that never stops sending
    with wire(api) as sock:
        sock.sendall(b"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        chunk = b"10000\r\n" + b"x" * 65536 + b"\r\n"
        for _ in range(BODY_LIMIT // 65536 + 1):
            sock.sendall(chunk)

        # Then it is answered while it sends, and told that the connection ends
        answer = sock.recv(65536)

    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"\r\nConnection: close\r\n" in answer


def test_the_event_has_a_limit_of_its_own(api: RunningServer) -> None:
    # Given what an event weighs without its body
    def post(size: int) -> requests.Response:
        headers = {"Content-Type": "text/plain"}
        return requests.post(f"{api.url}/", b"x" * size, headers=headers, timeout=20)

    over = post(EVENT_LIMIT)
    weight = int(re.findall(r"the event is (\d+) bytes", line_with(api, "the event is"))[0])
    rest = weight - EVENT_LIMIT

    # Then the last byte that fits is taken and the next is not
    assert over.status_code == 413
    assert over.json()["code"] == "payload_too_large"
    assert post(EVENT_LIMIT - rest).status_code == 200
    assert post(EVENT_LIMIT - rest + 1).status_code == 413


def test_base64_counts_towards_the_event(api: RunningServer) -> None:
    headers = {"Content-Type": "multipart/form-data; boundary=b"}

    def status(size: int) -> int:
        return requests.post(f"{api.url}/", b"x" * size, headers=headers, timeout=20).status_code

    assert status(4_700_000) == 200
    assert status(4_720_000) == 413


def test_an_answer_over_lambdas_limit_is_a_502(api: RunningServer) -> None:
    rest = len('{"statusCode": 200, "body": ""}')

    fits = requests.get(f"{api.url}/big?n={ANSWER_LIMIT - rest}", timeout=20)
    over = requests.get(f"{api.url}/big?n={ANSWER_LIMIT - rest + 1}", timeout=20)

    assert (fits.status_code, len(fits.content)) == (200, ANSWER_LIMIT - rest)
    assert (over.status_code, over.json()["code"]) == (502, "internal_error")


# --- workers --------------------------------------------------------------------------------


def test_two_workers_work_at_once(api: RunningServer, door: Door) -> None:
    with ThreadPoolExecutor(2) as clients:
        # When two requests come, and neither can end before both have begun
        answers = [clients.submit(door.knock, api) for _ in range(2)]
        pids = door.wait_for(2)
        door.open()

        # Then each has a process of its own
        assert {answer.result().json()["pid"] for answer in answers} == pids


def test_first_come_first_served(start: Start, door: Door) -> None:
    with start("--workers", "1") as server, ThreadPoolExecutor(1) as client, ExitStack() as wires:
        # Given a worker that is busy
        busy = client.submit(door.knock, server)
        door.wait_for(1)

        # When others come, one after the other
        others = [wires.enter_context(wire(server)) for _ in range(5)]
        for other in others:
            other.sendall(b"GET /count HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        time.sleep(0.2)  # for all to be waiting; were it too short, less would be proven
        door.open()

        # Then they are served as they came
        served = [int(read_all(other).partition(b"\r\n\r\n")[2]) for other in others]
        assert served == [0, 1, 2, 3, 4]
        assert busy.result().status_code == 200


@pytest.mark.parametrize("path", ["/exit", "/kill"])
def test_a_worker_that_dies_is_replaced(start: Start, path: str) -> None:
    with start("--workers", "1") as server:
        before = pid_of_a_worker(server)

        answer = requests.get(server.url + path, timeout=20)

        assert (answer.status_code, answer.json()["code"]) == (502, "internal_error")
        assert pid_of_a_worker(server) != before
    assert "Traceback" not in server.output
    assert "Unknown child" not in server.output


def test_a_worker_that_dies_between_requests_costs_no_request(start: Start) -> None:
    with start("--workers", "1") as server:
        before = pid_of_a_worker(server)
        os.kill(before, signal.SIGKILL)
        wait_until_gone({before}, 5)
        time.sleep(0.1)

        assert pid_of_a_worker(server) != before


@pytest.mark.parametrize("path", ["/sleep?s=30", "/spin"])
def test_a_request_out_of_time_is_a_504(start: Start, path: str) -> None:
    with start("--workers", "1", "--timeout", "0.5") as server:
        before = pid_of_a_worker(server)
        started = time.monotonic()

        answer = requests.get(server.url + path, timeout=20)

        # Then not before its time, and before the client's is up
        assert time.monotonic() - started > 0.4
        assert (answer.status_code, answer.json()["code"]) == (504, "timeout")
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        # And the worker is gone, and a new one has its place
        assert pid_of_a_worker(server) != before
        wait_until_gone({before}, 5)


def test_waiting_counts_towards_the_time(door: Door) -> None:
    async def converse() -> None:
        async with Pool(1, ECHO, {**os.environ, "PYTHONPATH": str(ROOT)}, timeout=20) as pool:
            # Given a worker that is busy
            busy = asyncio.create_task(pool.invoke(event("/door", door=str(door.folder))))
            await asyncio.to_thread(door.wait_for, 1)

            # When an event waits for it
            late = asyncio.create_task(pool.invoke(event("/echo")))
            await asyncio.sleep(0)
            started = time.monotonic()
            await asyncio.sleep(0.3)
            waited = time.monotonic() - started
            door.open()

            # Then what is left is told to the handler
            remaining = json.loads(json.loads(await late)["body"])["remaining"]
            assert remaining <= 20_000 - waited * 1000 + 1
            await busy

    def event(resource: str, **query: str) -> bytes:
        return json.dumps({"resource": resource, "queryStringParameters": query}).encode()

    asyncio.run(converse())


def test_requests_that_give_up_waiting_leave_the_worker_alone(contract: Path) -> None:
    # Given a worker that takes longer to load than a request may take
    options = ("--handler", ECHO, "--openapi", str(contract), "--workers", "1", "--timeout", "0.5")
    with start_server(*options, env={"ECHO_LOAD_SECONDS": "2"}) as server:

        def status(path: str) -> int:
            return requests.get(server.url + path, timeout=20).status_code

        # When one has to be replaced, and requests come and go meanwhile
        assert status("/spin") == 504
        refused = list(islice(iter(lambda: status("/echo"), 200), 20))

        # Then the new one comes up all the same
        assert set(refused) == {504}
        assert len(refused) < 20


def test_a_client_that_leaves_frees_its_worker(start: Start) -> None:
    with start("--workers", "1") as server:
        before = pid_of_a_worker(server)
        with wire(server) as sock:
            sock.sendall(b"GET /sleep?s=0.3 HTTP/1.1\r\nHost: x\r\n\r\n")
            time.sleep(0.1)

        assert pid_of_a_worker(server) == before


def test_what_the_handler_prints_is_shown(api: RunningServer) -> None:
    assert requests.get(f"{api.url}/print", timeout=20).status_code == 200

    assert line_with(api, "said by the handler") == "said by the handler"


# --- the server as a program ----------------------------------------------------------------


def test_each_request_is_one_line(api: RunningServer) -> None:
    requests.post(f"{api.url}/echo?secret=1", b"x", timeout=20)

    assert re.fullmatch(r"POST /echo 200 3 pictures \d+ ms", line_with(api, "POST /echo 200"))


def test_the_line_cannot_write_to_the_terminal(api: RunningServer) -> None:
    requests.get(f"{api.url}/%1B[31m%0A\u009bx", timeout=20)

    assert re.fullmatch(r"GET /%1B\S+ 404 \d+ ms", line_with(api, "GET /%1B"))


def test_the_ready_line(start: Start) -> None:
    with start("--workers", "1") as server:
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+", server.url)
        assert f"Carlens is at {server.url} (1 worker)\n" in server.lines


def test_a_stage_is_part_of_the_address(start: Start) -> None:
    with start("--workers", "1", "--stage", "prod") as server:
        assert server.url.endswith("/prod")
        event = requests.get(f"{server.url}/echo/", timeout=20).json()["event"]
        outside = requests.get(f"{server.url.removesuffix('/prod')}/echo", timeout=20)

    assert (event["path"], event["requestContext"]["path"]) == ("/echo/", "/prod/echo/")
    assert event["requestContext"]["stage"] == "prod"
    assert outside.status_code == 404


def test_functions_have_workers_of_their_own(tmp_path: Path, door: Door) -> None:
    # Given a contract whose paths lead to two functions
    contract = tmp_path / "openapi.yaml"
    catalog = {"x-carlens-function": "catalog"}
    contract.write_text(
        yaml.safe_dump({"paths": {"/door": {}, "/echo": catalog, "/exit": catalog}})
    )
    options = ("--handler", ECHO, "--openapi", str(contract), "--workers", "1")
    with start_server(*options) as server, ThreadPoolExecutor(1) as client:
        # When the only worker of the one is busy
        busy = client.submit(door.knock, server)
        door.wait_for(1)
        # Then the other answers, and when it dies the first goes on
        assert requests.get(f"{server.url}/echo", timeout=20).status_code == 200
        assert requests.get(f"{server.url}/exit", timeout=20).status_code == 502
        assert requests.get(f"{server.url}/echo", timeout=20).status_code == 200
        door.open()
        assert busy.result().status_code == 200
        assert f"Carlens is at {server.url} (1 worker)\n" in server.lines


def test_a_function_that_is_not_known_is_said_in_one_line(tmp_path: Path) -> None:
    contract = tmp_path / "openapi.yaml"
    contract.write_text(yaml.safe_dump({"paths": {"/": {"x-carlens-function": "names"}}}))

    refused = local("--openapi", str(contract), "--port", "0")

    assert (refused.returncode, refused.stderr.count("\n")) == (1, 1)
    assert "'names'; known are catalog, recognition." in refused.stderr


def test_two_servers_side_by_side(start: Start) -> None:
    with start("--workers", "1") as one, start("--workers", "1", "--stage", "two") as two:
        assert one.url != two.url
        first = requests.get(f"{one.url}/echo", timeout=20).json()
        second = requests.get(f"{two.url}/echo", timeout=20).json()

    assert first["pid"] != second["pid"]
    assert first["event"]["requestContext"]["stage"] == "local"
    assert second["event"]["requestContext"]["stage"] == "two"


def test_a_port_in_use_is_said_in_one_line(api: RunningServer, contract: Path) -> None:
    port = str(urlsplit(api.url).port)

    refused = local("--openapi", str(contract), "--port", port)

    assert refused.returncode == 1
    assert refused.stderr.count("\n") == 1
    assert f"Port {port} is in use." in refused.stderr
    assert "python -m carlens.local --port" in refused.stderr


@pytest.mark.parametrize(
    ("args", "code", "said"),
    [
        (["--port", "65536"], 2, "--port: '65536' is not a number from 0 to 65535"),
        (["--workers", "0"], 2, "--workers: '0' is not a number from 1 to 64"),
        (["--timeout", "-1"], 2, "--timeout"),
        (["--stage", "a/b"], 2, "--stage: 'a/b' is not letters"),
        (["--handler", "os.system"], 2, "--handler: 'os.system' is not module:function"),
        (["--openapi", "nowhere.yaml"], 1, "nowhere.yaml"),
        (["--openapi", "pyproject.toml"], 1, "pyproject.toml is no"),
        (["--host", "203.0.113.1", "--port", "0"], 1, "Cannot listen on 203.0.113.1 port 0: "),
        (["--handler", "tests.nowhere:f", "--port", "0", "--workers", "1"], 1, "tests.nowhere:f"),
        (["--handler", "os:nothing", "--port", "0", "--workers", "1"], 1, "os:nothing could not"),
    ],
)
def test_wrong_options_are_refused(contract: Path, args: list[str], code: int, said: str) -> None:
    refused = local("--openapi", str(contract), *args)

    assert refused.returncode == code
    assert said in refused.stderr.splitlines()[-1]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_stops_cleanly(start: Start, number: signal.Signals) -> None:
    with (
        start("--workers", "2") as server,
        ThreadPoolExecutor(2) as clients,
        closing(connection(server)) as idle,
        wire(server) as uploading,
        wire(server) as refused,
    ):
        # Given a keep-alive connection, a body on its way, another that was too large but
        # still comes, and both workers busy
        idle.request("GET", "/echo")
        pids = {json.loads(idle.getresponse().read())["pid"], pid_of_a_worker(server)}
        assert len(pids) == 2
        uploading.sendall(b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n")
        refused.sendall(b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\nabc")
        assert refused.recv(65536).startswith(b"HTTP/1.1 413 ")
        busy = [clients.submit(ask_and_forgive, f"{server.url}/spin") for _ in range(2)]
        time.sleep(0.3)
        before = len(server.lines)

        # When it is told to stop
        started = time.monotonic()
        server.process.send_signal(number)
        code = server.process.wait(5)

        # Then it does, soon and without a word, and nothing of it is left
        assert time.monotonic() - started < 2
        assert code == 0
        wait_until_gone(pids, 0.5)
        for answer in busy:
            answer.result(5)
    assert server.lines[before:] == []


def test_it_stops_cleanly_while_it_starts(contract: Path) -> None:
    # Given a server whose handler takes long to load
    options = ["--handler", ECHO, "--openapi", str(contract), "--port", "0", "--workers", "1"]
    process = subprocess.Popen(
        [sys.executable, "-m", "carlens.local", *options],
        cwd=ROOT,
        env={**os.environ, "ECHO_LOAD_SECONDS": "60"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    with process:
        assert process.stdout
        assert process.stdout.readline() == "echo handler loads\n"

        # When it is stopped before it is ready, then it does so at once
        process.terminate()
        assert process.wait(2) == 0
        assert process.stdout.read() == ""


def test_workers_do_not_outlive_a_server_that_is_killed(start: Start) -> None:
    with start("--workers", "2") as server, ThreadPoolExecutor(1) as client:
        # Given one busy worker and one idle
        pids = {pid_of_a_worker(server), pid_of_a_worker(server)}
        assert len(pids) == 2
        busy = client.submit(ask_and_forgive, f"{server.url}/spin")
        time.sleep(0.2)

        # When the server has no chance to clean up
        server.process.kill()
        server.process.wait(5)

        # Then both end by themselves
        wait_until_gone(pids, 2)
        busy.result(5)


def test_the_helper_for_other_tests() -> None:
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
        timeout=30,
        check=False,
    )


def ask_and_forgive(url: str) -> None:
    """Send a request whose server may go away."""
    with suppress(requests.ConnectionError):
        requests.get(url, timeout=20)
