"""The clients: what they offer is the same, and `AsyncClient` is for asyncio."""

from __future__ import annotations

import asyncio
import os
import threading
from collections import deque
from collections.abc import AsyncIterator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, BinaryIO, Self, TypeVar, Unpack

import httpx

from carlens_client.answers import (
    Detection,
    Entry,
    Health,
    Match,
    Measurement,
    Models,
    Name,
    Prediction,
    Redaction,
)
from carlens_client.exchange import Auth, Send, Sleep, Step, Steps
from carlens_client.operations import (
    Api,
    DetectionOptions,
    PredictionOptions,
    RedactionOptions,
)
from carlens_client.pictures import PictureLike

T = TypeVar("T")
E = TypeVar("E", bound=Entry)

_TIMEOUT, _RETRIES, _MAX_WAIT, _CONCURRENCY = 60.0, 4, 30.0, 4


class Client:
    """Calls Carlens. Use it in `with`, or call `close`. It may be shared by threads.

    Pictures are split into as many requests as the server needs, and the answers have the order of
    the pictures. A picture that fails does not affect the others; its answer has an `error`.

    Parameters
    ----------
    url : str
        The address of the API, with the stage if there is one.
    api_key : str, optional
        The API key, which only the API gets.
    auth : httpx.Auth or callable, optional
        Adds a token or a signature to each request to the API, and only to it: an authentication of
        httpx, or a function that takes a request and returns it.
    timeout : float
        Seconds to wait for the next bytes of an answer, and for a connection.
    retries : int
        How often a request is sent again after a 429, 503 or 504, and after a connection error. A
        used up quota (`quota_exceeded`) is not tried again.
    max_wait : float
        The longest pause before that in seconds, whatever `Retry-After` says.
    concurrency : int
        Requests with pictures that run at the same time. The pictures of so many requests are in
        memory; of those that are uploaded, one for each request.
    pictures_per_request : int, optional
        The most pictures in a request; by default as many as the server takes. With fewer, answers
        come sooner, and several processes of a server share the work.
    http : httpx.Client, optional
        For proxies, certificates and tests. It is not closed with this client.
    """

    def __init__(
        self,
        url: str,
        *,
        api_key: str | None = None,
        auth: Auth | None = None,
        timeout: float = _TIMEOUT,
        retries: int = _RETRIES,
        max_wait: float = _MAX_WAIT,
        concurrency: int = _CONCURRENCY,
        pictures_per_request: int | None = None,
        http: httpx.Client | None = None,
    ) -> None:
        self._api = Api(url, api_key, auth, timeout, retries, max_wait, pictures_per_request)
        self._concurrency = concurrency
        self._http = http or httpx.Client()
        self._closes = http is None
        self._closed = threading.Event()
        self._known: Health | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._closed.set()
        if self._closes:
            self._http.close()

    def health(self) -> Health:
        """Return the state, the limits and the features of the server.

        A server whose models cannot be loaded has the status `unavailable`, which is not an error
        here.
        """
        return self._run(self._api.health())

    def models(self) -> Models:
        """Return the descriptions of the models."""
        return self._run(self._api.models())

    def contract(self) -> dict[str, Any]:
        """Return the OpenAPI document of the server."""
        return self._run(self._api.contract())

    def predict(
        self,
        pictures: PictureLike | Iterable[PictureLike],
        **options: Unpack[PredictionOptions],
    ) -> list[Prediction]:
        """Find the vehicles in pictures, and name their make and model.

        Parameters
        ----------
        pictures : picture or iterable of pictures
            Each a path, an http or https URL, bytes, a file open in binary mode, or a `Picture`.
        **options
            See `PredictionOptions`.

        Returns
        -------
        list of Prediction
            One for each picture, in order.

        Raises
        ------
        ApiError
            The server refused a request, for a reason that concerns all pictures.
        ConnectionFailed
            The server could not be reached.
        OSError
            A file could not be read.
        """
        return list(self.iter_predict(pictures, **options))

    def iter_predict(
        self,
        pictures: PictureLike | Iterable[PictureLike],
        **options: Unpack[PredictionOptions],
    ) -> Iterator[Prediction]:
        """Like `predict`, but return the answers one by one, as soon as they are known.

        The pictures may come from a generator: they are taken as they are needed.
        """
        return self._stream(Prediction, "/predict", pictures, options)

    def object_detection(
        self,
        pictures: PictureLike | Iterable[PictureLike],
        **options: Unpack[DetectionOptions],
    ) -> list[Detection]:
        """Find the objects in pictures; see `predict`."""
        return list(self.iter_object_detection(pictures, **options))

    def iter_object_detection(
        self,
        pictures: PictureLike | Iterable[PictureLike],
        **options: Unpack[DetectionOptions],
    ) -> Iterator[Detection]:
        """Find the objects in pictures; see `iter_predict`."""
        return self._stream(Detection, "/object_detection", pictures, options)

    def anonymize(
        self,
        pictures: PictureLike | Iterable[PictureLike],
        **options: Unpack[RedactionOptions],
    ) -> list[Redaction]:
        """Redact plates, faces and people in pictures; see `predict`.

        Check `error` of each: a picture that failed has no redacted one.
        """
        return list(self.iter_anonymize(pictures, **options))

    def iter_anonymize(
        self,
        pictures: PictureLike | Iterable[PictureLike],
        **options: Unpack[RedactionOptions],
    ) -> Iterator[Redaction]:
        """Redact plates, faces and people in pictures; see `iter_predict`."""
        return self._stream(Redaction, "/anonymize", pictures, options)

    def shape(self, pictures: PictureLike | Iterable[PictureLike]) -> list[Measurement]:
        """Measure the width, height and channels of pictures."""
        return list(self._stream(Measurement, "/shape", pictures, {}))

    def size(self, pictures: PictureLike | Iterable[PictureLike]) -> list[Measurement]:
        """Measure the bytes of pictures."""
        return list(self._stream(Measurement, "/size", pictures, {}))

    def tables(self) -> tuple[str, ...]:
        """Return the names of the catalog tables."""
        return self._run(self._api.tables())

    def norm(
        self, make: str = "", model: str = "", *, table: str = "europe", top_k: int = 1
    ) -> Match:
        """Match a written make and model with a catalog table.

        Parameters
        ----------
        make, model : str
            As written; one of the two is enough.
        table : str
            A name from `tables`.
        top_k : int
            How many entries of the table to return, 1..20: the match and its alternatives.
        """
        return self._run(self._api.norm(make, model, table, top_k))

    def norm_rows(
        self, rows: Iterable[tuple[str, str]], *, table: str = "europe", top_k: int = 1
    ) -> list[Match]:
        """Match written makes and models; any number of them.

        Parameters
        ----------
        rows : iterable of (make, model)
            As written.
        table, top_k
            See `norm`.
        """
        return self._run(self._api.norm_rows(rows, table, top_k))

    def norm_csv(
        self,
        file: str | os.PathLike[str] | bytes | BinaryIO,
        *,
        table: str = "europe",
        top_k: int = 1,
        detailed: bool = False,
    ) -> bytes:
        """Match the makes and models of a CSV file of up to 10,000 rows.

        Parameters
        ----------
        file : str, os.PathLike, bytes or file
            A path, the bytes, or a file open in binary mode.
        table, top_k
            See `norm`.
        detailed : bool
            Whether to add columns for what each row was matched by, the scores of make and model,
            and the kind.

        Returns
        -------
        bytes
            The file as UTF-8, with columns added.
        """
        return self._run(self._api.norm_csv(file, table, top_k, detailed))

    def clean(self, make: str = "", model: str = "") -> Name:
        """Clean a written make and model without matching them; one of the two is enough."""
        return self._run(self._api.clean(make, model))

    def _stream(
        self,
        kind: type[E],
        path: str,
        pictures: PictureLike | Iterable[PictureLike],
        options: Any,
    ) -> Iterator[E]:
        if self._known is None:
            self._known = self.health()
        window: deque[Future[list[E]]] = deque()
        pool = ThreadPoolExecutor(self._concurrency)
        try:
            for steps in self._api.requests(kind, path, pictures, options, self._known):
                if len(window) == self._concurrency:
                    yield from window.popleft().result()
                window.append(pool.submit(self._run, steps))
            while window:
                yield from window.popleft().result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)

    def _run(self, steps: Steps[T]) -> T:
        try:
            step = next(steps)
            while True:
                try:
                    done = self._perform(step)
                except Exception as error:  # noqa: BLE001, the steps decide
                    step = steps.throw(error)
                else:
                    step = steps.send(done)
        except StopIteration as end:
            value: T = end.value
            return value

    def _perform(self, step: Step) -> Any:
        if isinstance(step, Send):
            return self._http.request(step.method, step.url, **step.options)
        if isinstance(step, Sleep):
            return self._closed.wait(step.seconds)
        return step.function()


class AsyncClient:
    """Calls Carlens from asyncio. Use it in `async with`, or await `aclose`.

    Parameters
    ----------
    url, api_key, auth, timeout, retries, max_wait, concurrency, pictures_per_request
        See `Client`.
    http : httpx.AsyncClient, optional
        For proxies, certificates and tests. It is not closed with this client.
    """

    def __init__(
        self,
        url: str,
        *,
        api_key: str | None = None,
        auth: Auth | None = None,
        timeout: float = _TIMEOUT,
        retries: int = _RETRIES,
        max_wait: float = _MAX_WAIT,
        concurrency: int = _CONCURRENCY,
        pictures_per_request: int | None = None,
        http: httpx.AsyncClient | None = None,
    ) -> None:
        self._api = Api(url, api_key, auth, timeout, retries, max_wait, pictures_per_request)
        self._concurrency = concurrency
        self._http = http or httpx.AsyncClient()
        self._closes = http is None
        self._known: Health | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections."""
        if self._closes:
            await self._http.aclose()

    async def health(self) -> Health:
        """See `Client.health`."""
        return await self._run(self._api.health())

    async def models(self) -> Models:
        """See `Client.models`."""
        return await self._run(self._api.models())

    async def contract(self) -> dict[str, Any]:
        """See `Client.contract`."""
        return await self._run(self._api.contract())

    async def predict(
        self,
        pictures: PictureLike | Iterable[PictureLike],
        **options: Unpack[PredictionOptions],
    ) -> list[Prediction]:
        """See `Client.predict`."""
        return [answer async for answer in self.iter_predict(pictures, **options)]

    def iter_predict(
        self,
        pictures: PictureLike | Iterable[PictureLike],
        **options: Unpack[PredictionOptions],
    ) -> AsyncIterator[Prediction]:
        """See `Client.iter_predict`."""
        return self._stream(Prediction, "/predict", pictures, options)

    async def object_detection(
        self,
        pictures: PictureLike | Iterable[PictureLike],
        **options: Unpack[DetectionOptions],
    ) -> list[Detection]:
        """See `Client.object_detection`."""
        return [answer async for answer in self.iter_object_detection(pictures, **options)]

    def iter_object_detection(
        self,
        pictures: PictureLike | Iterable[PictureLike],
        **options: Unpack[DetectionOptions],
    ) -> AsyncIterator[Detection]:
        """See `Client.iter_object_detection`."""
        return self._stream(Detection, "/object_detection", pictures, options)

    async def anonymize(
        self,
        pictures: PictureLike | Iterable[PictureLike],
        **options: Unpack[RedactionOptions],
    ) -> list[Redaction]:
        """See `Client.anonymize`."""
        return [answer async for answer in self.iter_anonymize(pictures, **options)]

    def iter_anonymize(
        self,
        pictures: PictureLike | Iterable[PictureLike],
        **options: Unpack[RedactionOptions],
    ) -> AsyncIterator[Redaction]:
        """See `Client.iter_anonymize`."""
        return self._stream(Redaction, "/anonymize", pictures, options)

    async def shape(self, pictures: PictureLike | Iterable[PictureLike]) -> list[Measurement]:
        """See `Client.shape`."""
        return [answer async for answer in self._stream(Measurement, "/shape", pictures, {})]

    async def size(self, pictures: PictureLike | Iterable[PictureLike]) -> list[Measurement]:
        """See `Client.size`."""
        return [answer async for answer in self._stream(Measurement, "/size", pictures, {})]

    async def tables(self) -> tuple[str, ...]:
        """See `Client.tables`."""
        return await self._run(self._api.tables())

    async def norm(
        self, make: str = "", model: str = "", *, table: str = "europe", top_k: int = 1
    ) -> Match:
        """See `Client.norm`."""
        return await self._run(self._api.norm(make, model, table, top_k))

    async def norm_rows(
        self, rows: Iterable[tuple[str, str]], *, table: str = "europe", top_k: int = 1
    ) -> list[Match]:
        """See `Client.norm_rows`."""
        return await self._run(self._api.norm_rows(rows, table, top_k))

    async def norm_csv(
        self,
        file: str | os.PathLike[str] | bytes | BinaryIO,
        *,
        table: str = "europe",
        top_k: int = 1,
        detailed: bool = False,
    ) -> bytes:
        """See `Client.norm_csv`."""
        return await self._run(self._api.norm_csv(file, table, top_k, detailed))

    async def clean(self, make: str = "", model: str = "") -> Name:
        """See `Client.clean`."""
        return await self._run(self._api.clean(make, model))

    async def _stream(
        self,
        kind: type[E],
        path: str,
        pictures: PictureLike | Iterable[PictureLike],
        options: Any,
    ) -> AsyncIterator[E]:
        if self._known is None:
            self._known = await self.health()
        window: deque[asyncio.Task[list[E]]] = deque()
        try:
            for steps in self._api.requests(kind, path, pictures, options, self._known):
                if len(window) == self._concurrency:
                    for answer in await window.popleft():
                        yield answer
                window.append(asyncio.create_task(self._run(steps)))
            while window:
                for answer in await window.popleft():
                    yield answer
        finally:
            for task in window:
                task.cancel()
            await asyncio.gather(*window, return_exceptions=True)

    async def _run(self, steps: Steps[T]) -> T:
        try:
            step = next(steps)
            while True:
                try:
                    done = await self._perform(step)
                except Exception as error:  # noqa: BLE001, the steps decide
                    step = steps.throw(error)
                else:
                    step = steps.send(done)
        except StopIteration as end:
            value: T = end.value
            return value

    async def _perform(self, step: Step) -> Any:
        if isinstance(step, Send):
            return await self._http.request(step.method, step.url, **step.options)
        if isinstance(step, Sleep):
            return await asyncio.sleep(step.seconds)
        return await asyncio.to_thread(step.function)
