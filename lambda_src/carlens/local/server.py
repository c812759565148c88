"""The HTTP side: requests in, events to the workers, answers out.

aiohttp, because it keeps the case and order of headers, which ASGI servers lower-case.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import signal
import socket
import time
import uuid
from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import UTC, datetime

from aiohttp import HttpVersion11, web
from aiohttp.http_exceptions import HttpProcessingError
from multidict import CIMultiDict

from carlens.local import gateway as gw
from carlens.local.event import (
    HttpRequest,
    HttpResponse,
    MalformedAnswer,
    UndecodableAnswer,
    header,
    to_event,
    to_response,
)
from carlens.local.gateway import Failure, Gateway
from carlens.local.workers import Pool, WorkerFailed

# Seconds that requests under way get when the server stops.
_GRACE = 0.3
# Seconds without a byte after which a body is given up.
_PATIENCE = 30.0


class _Refused(Exception):
    """The gateway answers, not the function; `detail` is for who runs the server."""

    def __init__(self, failure: Failure, detail: str = "") -> None:
        super().__init__(detail)
        self.failure = failure
        self.detail = detail


class Server:
    """Answers HTTP requests as API Gateway does.

    Parameters
    ----------
    gateway : Gateway
        The API.
    functions : Mapping
        By name, what gives an event, as JSON, to the function and returns its answer, as JSON.
        Raises `TimeoutError` or `WorkerFailed`.
    log : callable
        Takes one line for each request.
    patience : float
        Seconds without a byte after which a body is given up.
    """

    def __init__(
        self,
        gateway: Gateway,
        functions: Mapping[str, Callable[[bytes], Awaitable[bytes]]],
        log: Callable[[str], None],
        patience: float = _PATIENCE,
    ) -> None:
        self._gateway = gateway
        self._functions = functions
        self._log = log
        self._patience = patience

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request and log it."""
        started = time.monotonic()
        request_id = str(uuid.uuid4())
        detail = ""
        try:
            answer = await self._answer(request, request_id)
        except _Refused as refused:
            answer = self._gateway.answer(refused.failure, request_id)
            detail = refused.detail
        self._log(_line(request, answer, time.monotonic() - started, detail))
        response = web.Response(
            status=answer.status,
            headers=CIMultiDict((*answer.headers, ("x-amzn-RequestId", request_id))),
            body=answer.body,
        )
        if not request.content.at_eof():
            response.force_close()
        return response

    async def _answer(self, request: web.BaseRequest, request_id: str) -> HttpResponse:
        asked = _http_request(request, await _body(request, self._patience))
        route = self._gateway.route(asked.method, asked.path)
        if route is None:
            raise _Refused(gw.UNKNOWN_ROUTE)
        event = to_event(
            asked,
            route,
            binary=self._gateway.is_binary(header(asked.headers, "Content-Type")),
            request_id=request_id,
            now=datetime.now(UTC),
        )
        encoded = json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode()
        if len(encoded) > gw.EVENT_LIMIT:
            raise _Refused(
                gw.EVENT_TOO_LARGE,
                f"the event is {len(encoded)} bytes; Lambda takes {gw.EVENT_LIMIT}",
            )
        try:
            answer = json.loads(await self._functions[route.function](encoded))
            accept = header(asked.headers[::-1], "Accept")  # of several, the first counts
            return to_response(answer, binary=self._gateway.is_binary(accept))
        except TimeoutError as error:
            raise _Refused(gw.TIMED_OUT) from error
        except WorkerFailed as error:
            raise _Refused(gw.HANDLER_FAILED, str(error)) from error
        except UndecodableAnswer as error:
            raise _Refused(gw.ANSWER_UNDECODABLE, str(error)) from error
        except MalformedAnswer as error:
            raise _Refused(gw.ANSWER_MALFORMED, str(error)) from error


async def serve(
    gateway: Gateway,
    pools: Mapping[str, Pool],
    listening: socket.socket,
    ready: Callable[[], None],
) -> None:
    """Serve until SIGINT or SIGTERM.

    Parameters
    ----------
    gateway : Gateway
        The API.
    pools : Mapping
        What runs each function, by its name; not yet entered.
    listening : socket
        Where requests come from.
    ready : callable
        Called once, when all workers are up.

    Raises
    ------
    WorkerDied
        A worker could not start.
    """
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    async with contextlib.AsyncExitStack() as running:
        for pool in pools.values():
            await running.enter_async_context(pool)
        stopping = asyncio.create_task(stopped.wait())
        starting = asyncio.create_task(_ready(pools.values()))
        await asyncio.wait({stopping, starting}, return_when=asyncio.FIRST_COMPLETED)
        if not starting.done():
            starting.cancel()
            return
        starting.result()
        runner = web.ServerRunner(
            web.Server(
                Server(gateway, {name: pool.invoke for name, pool in pools.items()}, say),
                access_log=None,
                auto_decompress=False,
                logger=_logger(),
            ),
            shutdown_timeout=_GRACE,
        )
        await runner.setup()
        await web.SockSite(runner, listening).start()
        ready()
        await stopping
        await runner.cleanup()


async def _ready(pools: Iterable[Pool]) -> None:
    await asyncio.gather(*(pool.ready() for pool in pools))


def say(line: str) -> None:
    """Print a line at once; a reader that has gone is no reason to stop serving."""
    with contextlib.suppress(OSError):
        print(line, flush=True)


async def _body(request: web.BaseRequest, patience: float) -> bytes:
    """Read the body, and not more than the gateway would."""
    if (request.content_length or 0) > gw.BODY_LIMIT:
        raise _Refused(gw.BODY_TOO_LARGE)
    expected = request.headers.get("Expect", "").lower() == "100-continue"
    if expected and request.version >= HttpVersion11:
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0
    body = bytearray()
    try:
        while chunk := await asyncio.wait_for(request.content.readany(), patience):
            body += chunk
            if len(body) > gw.BODY_LIMIT:
                raise _Refused(gw.BODY_TOO_LARGE)
    except TimeoutError as error:
        # A malformed chunk too ends here: aiohttp's parser gives nothing after it.
        raise _Refused(gw.BAD_REQUEST, "the body stopped coming") from error
    except (ConnectionError, web.RequestPayloadError) as error:
        raise _Refused(gw.BAD_REQUEST, f"the body broke off: {error}") from error
    return bytes(body)


def _http_request(request: web.BaseRequest, body: bytes) -> HttpRequest:
    address = request.transport.get_extra_info("sockname") if request.transport else None
    return HttpRequest(
        method=request.method,
        target=_target(request),
        headers=tuple(
            (name.decode("utf-8", "replace"), value.decode("utf-8", "replace"))
            for name, value in request.raw_headers
        ),
        body=body,
        client=request.remote or "",
        port=address[1] if address else 0,
        protocol=f"HTTP/{request.version.major}.{request.version.minor}",
    )


def _target(request: web.BaseRequest) -> str:
    """Give path and query, also of a request line that names the whole URL."""
    url = request.rel_url
    query = f"?{url.raw_query_string}" if url.raw_query_string else ""
    target = f"{url.raw_path}{query}" if url.raw_path else request.raw_path
    return target.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _line(request: web.BaseRequest, answer: HttpResponse, seconds: float, detail: str) -> str:
    path = _printable(_target(request).partition("?")[0])
    count = header(answer.headers, "X-Carlens-Pictures")
    pictures = ["1 picture" if count == "1" else f"{count} pictures"] if count.isdigit() else []
    why = [f"({_printable(detail)})"] if detail else []
    return " ".join(
        (request.method, path, str(answer.status), *pictures, f"{seconds * 1000:.0f} ms", *why)
    )


def _printable(text: str) -> str:
    """Keep to one line, and from acting on the terminal, what others may have written."""
    return "".join(letter if letter.isprintable() else "?" for letter in text[:500])


def _logger() -> logging.Logger:
    """Give aiohttp a log that is silent on what is no HTTP: that is the client's fault."""
    logger = logging.getLogger("local")
    logger.addFilter(
        lambda record: not (record.exc_info and isinstance(record.exc_info[1], HttpProcessingError))
    )
    return logger
