"""The local store of uploads, which takes forms and gives redacted pictures as S3 does."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

from aiohttp import BodyPartReader, MultipartReader, web

from carlens.http.cors import cors_headers
from carlens.local.download_links import check_link
from carlens.local.proxy_integration import HttpResponse
from carlens.local.upload_forms import AllowedFile, StoreError, check_form, check_size

# Where it is, below the prefix of the stage.
STORE_PATH = "/uploads/store"

_MAX_FIELDS = 40
_MAX_FIELD_BYTES = 20_000  # S3's limit for all fields
_CHUNK = 64 * 1024
_LIFETIME_SECONDS = 24 * 3600.0
_MAX_TOTAL_BYTES = 2 * 2**30
_CLEANING_SECONDS = 600.0
# What aiohttp raises for a body that is not a form, or that is cut.
_MALFORMED = (ValueError, AssertionError, RuntimeError, web.RequestPayloadError, ConnectionError)


class UploadStore:
    """Uploads in a folder: for a day, and up to a total size, above which the oldest go.

    Parameters
    ----------
    folder : Path
        An empty folder.
    secret : str
        The secret key that signs forms.
    cors_origins : tuple of str
        The origins whose pages may upload; `("*",)` for any.
    max_total_bytes : int
        The most bytes of all uploads together.
    timeout : float
        Seconds to wait for the next bytes of a body.
    clock : callable
        Returns seconds since 1970.
    """

    def __init__(
        self,
        folder: Path,
        secret: str,
        *,
        cors_origins: tuple[str, ...] = ("*",),
        max_total_bytes: int = _MAX_TOTAL_BYTES,
        timeout: float = 30.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._folder = folder
        self._secret = secret
        self._origins = cors_origins
        self._max_total_bytes = max_total_bytes
        self._timeout = timeout
        self._clock = clock
        for name in ("uploads", "incoming", "redacted"):
            (folder / name).mkdir()

    async def answer(self, request: web.BaseRequest) -> tuple[HttpResponse, str]:
        """Take an upload, and answer as S3 does; the text is S3's code of an error, or empty."""
        origin = request.headers.get("Origin", "")
        headers = tuple(cors_headers(self._origins, origin, "GET,OPTIONS,POST").items())
        try:
            if request.method == "GET":
                media_type, file = self._give(request)
                return HttpResponse(200, (("Content-Type", media_type), *headers), file), ""
            if request.method != "OPTIONS":
                await self._take(request)
        except StoreError as error:
            headers = (("Content-Type", "application/xml"), *headers)
            return HttpResponse(error.status, headers, error.xml.encode()), error.code
        return HttpResponse(204, headers), ""

    def clean(self) -> None:
        """Delete what is older than a day, and the oldest uploads if all are too large together."""
        now, total = self._clock(), 0
        kept = (
            path for name in ("uploads", "redacted") for path in (self._folder / name).iterdir()
        )
        found = [(path, path.stat()) for path in kept]
        for path, about in sorted(found, key=lambda each: each[1].st_mtime, reverse=True):
            total += about.st_size
            if total > self._max_total_bytes or now - about.st_mtime > _LIFETIME_SECONDS:
                path.unlink()

    async def keep_clean(self) -> None:
        """Delete what is too old from time to time, until canceled."""
        while True:
            await asyncio.sleep(_CLEANING_SECONDS)
            self.clean()

    def _give(self, request: web.BaseRequest) -> tuple[str, bytes]:
        """Return the media type and the file of a redacted picture."""
        before, _, key = request.raw_path.partition("?")[0].partition(f"{STORE_PATH}/")
        base = f"{request.scheme}://{request.headers.get('Host', '')}{before}{STORE_PATH}"
        now = datetime.fromtimestamp(self._clock(), UTC)
        check_link(base, key, request.rel_url.raw_query_string, self._secret, now)
        path = self._folder / key
        if not path.is_file():
            raise StoreError(404, "NoSuchKey", "The specified key does not exist.")
        return f"image/{path.suffix[1:]}", path.read_bytes()

    async def _take(self, request: web.BaseRequest) -> None:
        if request.method != "POST":
            message = "The specified method is not allowed against this resource."
            raise StoreError(405, "MethodNotAllowed", message)
        if request.content_type != "multipart/form-data":
            message = "Bucket POST must be of the enclosure-type multipart/form-data"
            raise StoreError(412, "PreconditionFailed", message)
        incoming = self._folder / "incoming" / uuid.uuid4().hex
        try:
            allowed = await self._receive(request, incoming)
            os.utime(incoming, (self._clock(), self._clock()))
            incoming.replace(self._folder / allowed.key)
        except _MALFORMED as error:
            message = "The body of your POST request is not well-formed multipart/form-data."
            raise StoreError(400, "MalformedPOSTRequest", message) from error
        except TimeoutError as error:
            message = "Your socket connection to the server was not read from within the timeout."
            raise StoreError(400, "RequestTimeout", message) from error
        finally:
            with contextlib.suppress(FileNotFoundError):
                incoming.unlink()
        self.clean()

    async def _receive(self, request: web.BaseRequest, incoming: Path) -> AllowedFile:
        """Read the fields, check them, and write the file that follows them."""
        reader = MultipartReader(request.headers, request.content)
        fields: dict[str, str] = {}
        for _ in range(_MAX_FIELDS):
            part = await asyncio.wait_for(reader.next(), self._timeout)
            if not isinstance(part, BodyPartReader):
                break
            if part.name == "file":
                allowed = self._check(fields)
                await self._write(part, incoming, allowed)
                # Raises if the last boundary is missing: then the file may be cut.
                await asyncio.wait_for(reader.next(), self._timeout)
                return allowed
            fields[part.name or ""] = await self._text(part)
        raise StoreError(400, "InvalidArgument", "POST requires exactly one file upload.")

    def _check(self, fields: Mapping[str, str]) -> AllowedFile:
        return check_form(fields, self._secret, datetime.fromtimestamp(self._clock(), UTC))

    async def _text(self, part: BodyPartReader) -> str:
        text = bytearray()
        while not part.at_eof():
            text += await asyncio.wait_for(part.read_chunk(_CHUNK), self._timeout)
            if len(text) > _MAX_FIELD_BYTES:
                message = "Your POST request fields preceding the upload file were too large."
                raise StoreError(400, "MaxPostPreDataLengthExceededError", message)
        return text.decode("utf-8", "replace")

    async def _write(self, part: BodyPartReader, incoming: Path, allowed: AllowedFile) -> None:
        size = 0
        with incoming.open("wb") as file:
            while not part.at_eof():
                chunk = await asyncio.wait_for(part.read_chunk(_CHUNK), self._timeout)
                size += len(chunk)
                if size > allowed.max_bytes:
                    break
                file.write(chunk)
        check_size(size, allowed)
