"""The HTTP server: converts requests to events, runs the workers, returns their responses.

Built on aiohttp because it keeps the case and order of headers; ASGI servers lower-case them.
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

from carlens.local.gateway import (
    BAD_REQUEST,
    BODY_LIMIT,
    BODY_TOO_LARGE,
    EVENT_LIMIT,
    EVENT_TOO_LARGE,
    HANDLER_FAILED,
    RESPONSE_MALFORMED,
    RESPONSE_UNDECODABLE,
    TIMED_OUT,
    UNKNOWN_ROUTE,
    Gateway,
    GatewayError,
)
from carlens.local.proxy_integration import (
    HttpRequest,
    HttpResponse,
    MalformedResponse,
    Route,
    UndecodableResponse,
    header,
    to_event,
    to_response,
)
from carlens.local.upload_store import STORE_PATH, UploadStore
from carlens.local.workers import Pool, WorkerFailed

# How long open requests may continue when the server stops.
_SHUTDOWN_SECONDS = 0.3
# How long the server waits for the next bytes of a body.
_BODY_TIMEOUT = 30.0


class _Failed(Exception):
    """The gateway responds with an error; only the server's log shows `detail`."""

    def __init__(self, error: GatewayError, detail: str = "") -> None:
        super().__init__(detail)
        self.error = error
        self.detail = detail


class Server:
    """Handles HTTP requests as API Gateway does.

    Parameters
    ----------
    gateway : Gateway
        The API.
    functions : Mapping
        The functions by name. Each takes an event and returns the response, both as JSON, or
        raises `TimeoutError` or `WorkerFailed`.
    log : callable
        Called with one line for each request.
    body_timeout : float
        How many seconds to wait for the next bytes of a body.
    store : UploadStore or None
        Takes uploads, which are not bound by the gateway's limits.
    """

    def __init__(
        self,
        gateway: Gateway,
        functions: Mapping[str, Callable[[bytes], Awaitable[bytes]]],
        log: Callable[[str], None],
        body_timeout: float = _BODY_TIMEOUT,
        store: UploadStore | None = None,
    ) -> None:
        self._gateway = gateway
        self._functions = functions
        self._log = log
        self._body_timeout = body_timeout
        self._store = store
        self._store_path = gateway.prefix + STORE_PATH

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        """Handle one request and log it."""
        started = time.monotonic()
        request_id = str(uuid.uuid4())
        detail = ""
        compressible = True
        try:
            if self._store and self._is_for_store(_target(request).partition("?")[0]):
                compressible = False  # S3 compresses nothing
                await _let_continue(request)
                response, detail = await self._store.answer(request)
            else:
                response = await self._invoke(request, request_id)
        except _Failed as failed:
            response = self._gateway.error_response(failed.error, request_id)
            detail = failed.detail
        self._log(_log_line(request, response, time.monotonic() - started, detail))
        sent = web.Response(
            status=response.status,
            headers=CIMultiDict((*response.headers, ("x-amzn-RequestId", request_id))),
            body=response.body,
        )
        accepted = ",".join(request.headers.getall("Accept-Encoding", []))
        if compressible and self._gateway.compresses(response, accepted):
            sent.enable_compression(web.ContentCoding.gzip)
        if not request.content.at_eof():
            sent.force_close()
        return sent

    def _is_for_store(self, path: str) -> bool:
        return path == self._store_path or path.startswith(f"{self._store_path}/")

    async def _invoke(self, request: web.BaseRequest, request_id: str) -> HttpResponse:
        received = _http_request(request, await _read_body(request, self._body_timeout))
        route = self._gateway.route(received.method, received.path)
        if route is None:
            raise _Failed(UNKNOWN_ROUTE)
        event = self._event(received, route, request_id)
        try:
            returned = json.loads(await self._functions[route.function](event))
            accept = header(received.headers[::-1], "Accept")  # API Gateway uses the first one
            return to_response(returned, binary=self._gateway.is_binary(accept))
        except TimeoutError as error:
            raise _Failed(TIMED_OUT) from error
        except WorkerFailed as error:
            raise _Failed(HANDLER_FAILED, str(error)) from error
        except UndecodableResponse as error:
            raise _Failed(RESPONSE_UNDECODABLE, str(error)) from error
        except MalformedResponse as error:
            raise _Failed(RESPONSE_MALFORMED, str(error)) from error

    def _event(self, request: HttpRequest, route: Route, request_id: str) -> bytes:
        event = to_event(
            request,
            route,
            binary=self._gateway.is_binary(header(request.headers, "Content-Type")),
            request_id=request_id,
            now=datetime.now(UTC),
        )
        encoded = json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode()
        if len(encoded) > EVENT_LIMIT:
            detail = f"the event has {len(encoded)} bytes; Lambda's limit is {EVENT_LIMIT}"
            raise _Failed(EVENT_TOO_LARGE, detail)
        return encoded


async def serve(
    gateway: Gateway,
    pools: Mapping[str, Pool],
    listening: socket.socket,
    ready: Callable[[], None],
    store: UploadStore | None = None,
) -> None:
    """Serve until SIGINT or SIGTERM.

    Parameters
    ----------
    gateway : Gateway
        The API.
    pools : Mapping
        The workers of each function by its name; not yet entered.
    listening : socket
        The socket to accept connections from.
    ready : callable
        Called once, when all workers are ready.
    store : UploadStore or None
        Takes uploads.

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
        starting = asyncio.create_task(_wait_until_ready(pools.values()))
        await asyncio.wait({stopping, starting}, return_when=asyncio.FIRST_COMPLETED)
        if not starting.done():
            starting.cancel()
            return
        starting.result()
        runner = web.ServerRunner(
            web.Server(
                Server(
                    gateway,
                    {name: pool.invoke for name, pool in pools.items()},
                    print_line,
                    store=store,
                ),
                access_log=None,
                auto_decompress=False,
                logger=_logger(),
            ),
            shutdown_timeout=_SHUTDOWN_SECONDS,
        )
        await runner.setup()
        await web.SockSite(runner, listening).start()
        cleaning = asyncio.create_task(store.keep_clean()) if store else None
        ready()
        await stopping
        if cleaning:
            cleaning.cancel()
        await runner.cleanup()


async def _wait_until_ready(pools: Iterable[Pool]) -> None:
    await asyncio.gather(*(pool.ready() for pool in pools))


def print_line(line: str) -> None:
    """Print a line at once; the server continues if standard output is closed."""
    with contextlib.suppress(OSError):
        print(line, flush=True)


async def _let_continue(request: web.BaseRequest) -> None:
    """Ask for the body if the client waits for that."""
    expected = request.headers.get("Expect", "").lower() == "100-continue"
    if expected and request.version >= HttpVersion11:
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0


async def _read_body(request: web.BaseRequest, timeout: float) -> bytes:
    """Read the body up to the limit of the gateway."""
    if (request.content_length or 0) > BODY_LIMIT:
        raise _Failed(BODY_TOO_LARGE)
    await _let_continue(request)
    body = bytearray()
    try:
        while chunk := await asyncio.wait_for(request.content.readany(), timeout):
            body += chunk
            if len(body) > BODY_LIMIT:
                raise _Failed(BODY_TOO_LARGE)
    except TimeoutError as error:
        # A malformed chunk ends here too: aiohttp's parser returns nothing after it.
        raise _Failed(BAD_REQUEST, "timed out waiting for the body") from error
    except (ConnectionError, web.RequestPayloadError) as error:
        raise _Failed(BAD_REQUEST, f"the body is incomplete: {error}") from error
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
    """Return path and query, even if the request line contains the full URL."""
    url = request.rel_url
    query = f"?{url.raw_query_string}" if url.raw_query_string else ""
    target = f"{url.raw_path}{query}" if url.raw_path else request.raw_path
    return target.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _log_line(request: web.BaseRequest, response: HttpResponse, seconds: float, detail: str) -> str:
    path = _printable(_target(request).partition("?")[0])
    count = header(response.headers, "X-Carlens-Pictures")
    pictures = ["1 picture" if count == "1" else f"{count} pictures"] if count.isdigit() else []
    reason = [f"({_printable(detail)})"] if detail else []
    return " ".join(
        (request.method, path, str(response.status), *pictures, f"{seconds * 1000:.0f} ms", *reason)
    )


def _printable(text: str) -> str:
    """Replace control characters in text from outside: they could break lines or the terminal."""
    return "".join(char if char.isprintable() else "?" for char in text[:500])


def _logger() -> logging.Logger:
    """Return a logger for aiohttp that ignores malformed HTTP, which is the client's fault."""
    logger = logging.getLogger("local")
    logger.addFilter(
        lambda record: not (record.exc_info and isinstance(record.exc_info[1], HttpProcessingError))
    )
    return logger
