"""The operations of the API as steps; see `carlens_client.exchange`."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Literal, TypedDict, TypeVar
from urllib.parse import quote

import httpx

from carlens_client.answers import (
    Entry,
    Health,
    Limits,
    Match,
    Measurement,
    Models,
    Name,
    Redaction,
    Tables,
    UploadForm,
    UploadForms,
    parse,
)
from carlens_client.errors import (
    ApiError,
    ErrorCode,
    InternalError,
    PictureErrorCode,
    TimedOut,
    TooLarge,
    UnexpectedAnswer,
)
from carlens_client.exchange import (
    RETRIED,
    Auth,
    Call,
    Send,
    Steps,
    document_of,
    exchange,
    json_of,
    require_success,
)
from carlens_client.pictures import (
    Batch,
    Part,
    PictureLike,
    Way,
    batches,
    chunks,
    one_or_many,
    part_of,
    too_large,
)

T = TypeVar("T")
E = TypeVar("E", bound=Entry)
Json = dict[str, Any]

# The API accepts so many rows in a request, and so many answers: rows times `top_k`.
_MAX_ROWS, _MAX_ANSWERS = 10_000, 40_000

# One picture may be the reason for these, so its request is repeated without the others.
_OF_ONE_PICTURE = (InternalError, TimedOut, TooLarge)

_LATE = (PictureErrorCode.DEADLINE_EXCEEDED, PictureErrorCode.ANSWER_TOO_LARGE)

# The members of a redacted picture, which are null if it failed.
_REDACTED = ("regions", "media_type", "picture", "picture_url")

_CODE = re.compile(r"<Code>(\w+)</Code>")


class DetectionOptions(TypedDict, total=False):
    """The parameters of `/object_detection`; None is the default of the server.

    Attributes
    ----------
    confidence : float
        Leave out objects with a lower confidence, 0..1.
    classes : sequence of str
        Keep only these classes.
    max_objects : int
        The most objects of each picture, 1..300.
    slices : int or "auto"
        How closely to look for small objects, 1..3; "auto" where it pays.
    """

    confidence: float | None
    classes: Sequence[str] | None
    max_objects: int | None
    slices: int | Literal["auto"] | None


class RedactionOptions(TypedDict, total=False):
    """The parameters of `/anonymize`; None is the default of the server.

    Attributes
    ----------
    redact : sequence of str
        What to redact: `plates`, `faces`, `people`.
    style : str
        `fill`, `pixelate` or `blur`. Only `fill` removes everything.
    margin : float
        How far regions grow on each side, as a share of their width and height, 0..1.
    confidence : float
        Leave out regions with a lower confidence, 0..1.
    output : str
        `jpeg`, `png`, `webp` or `same`.
    """

    redact: Sequence[str] | None
    style: str | None
    margin: float | None
    confidence: float | None
    output: str | None


class PredictionOptions(DetectionOptions, total=False):
    """The parameters of `/predict`: also `top_k`, the names of each vehicle, 1..20."""

    top_k: int | None


@dataclass(frozen=True)
class _Failure:
    """The error of a picture that has no entry in an answer: it was not sent, or sent in vain."""

    code: str
    message: str


@dataclass(frozen=True)
class Api:
    """A deployment of Carlens, and how it is called.

    Attributes
    ----------
    url : str
        Its address, with the stage if there is one.
    key : str or None
        The API key.
    auth : httpx.Auth, callable or None
        Adds a token or a signature to a request.
    timeout : float
        Seconds to wait for the next bytes of an answer, and for a connection.
    retries : int
        How often a request is sent again.
    max_wait : float
        The longest pause between two tries in seconds.
    most : int or None
        The most pictures in a request; None for as many as the server takes.
    """

    url: str
    key: str | None
    auth: Auth | None
    timeout: float
    retries: int
    max_wait: float
    most: int | None

    def health(self) -> Steps[Health]:
        """Return the state and the limits of the server, also if it is unavailable."""
        response = yield from self._send("GET", "/health")
        document = document_of(response)
        return parse(Health, document if "status" in document else json_of(response))

    def models(self) -> Steps[Models]:
        """Return the descriptions of the models."""
        return parse(Models, (yield from self._get("/models")))

    def contract(self) -> Steps[Json]:
        """Return the OpenAPI document of the server."""
        document: Json = yield from self._get("/openapi.json")
        return document

    def tables(self) -> Steps[tuple[str, ...]]:
        """Return the names of the catalog tables."""
        return parse(Tables, (yield from self._get("/norm"))).tables

    def norm(self, make: str, model: str, table: str, top_k: int) -> Steps[Match]:
        """Match a written make and model with a catalog table."""
        query = {"make": make, "model": model, "top_k": top_k}
        return parse(Match, (yield from self._get(_table_path(table), query)))

    def norm_rows(
        self, rows: Iterable[tuple[str, str]], table: str, top_k: int
    ) -> Steps[list[Match]]:
        """Match written makes and models, in as many requests as that takes."""
        most, room = min(_MAX_ROWS, _MAX_ANSWERS // max(1, top_k)), Limits().request_bytes
        matches: list[Match] = []
        for chunk in chunks(map(list, rows), most, _json_bytes, room):
            options = {"params": {"top_k": top_k}, "json": chunk}
            answer = json_of((yield from self._send("POST", _table_path(table), options)))
            matches += _parse_list(Match, answer, len(chunk))
        return matches

    def norm_csv(
        self,
        file: str | os.PathLike[str] | bytes | BinaryIO,
        table: str,
        top_k: int,
        detailed: bool,
    ) -> Steps[bytes]:
        """Match a CSV file, and return it with columns added."""
        options = {
            "params": {"top_k": top_k, **({"format": "detailed"} if detailed else {})},
            "content": (yield Call(lambda: _content(file))),
            "headers": {"Content-Type": "text/csv"},
        }
        response = yield from self._send("POST", _table_path(table), options)
        require_success(response)
        return response.content

    def clean(self, make: str, model: str) -> Steps[Name]:
        """Clean a written make and model without matching them."""
        return parse(Name, (yield from self._get("/clean", {"make": make, "model": model})))

    def requests(
        self,
        kind: type[E],
        path: str,
        pictures: PictureLike | Iterable[PictureLike],
        options: Mapping[str, Any],
        health: Health,
    ) -> Iterator[Steps[list[E]]]:
        """Split pictures into requests, lazily; each gives the answers of its pictures.

        Parameters
        ----------
        kind : type
            The class of the answers.
        path : str
            The route.
        pictures : iterable
            The pictures.
        options : Mapping
            The parameters of the operation.
        health : Health
            The limits and features of the server.
        """
        query = _query(options)
        parts = map(part_of, one_or_many(pictures))
        for batch in batches(parts, health.limits, health.features, self.most):
            yield self._request(kind, path, query, batch, health)

    def _request(
        self, kind: type[E], path: str, query: Json, batch: Batch, health: Health
    ) -> Steps[list[E]]:
        found: Sequence[Json | _Failure]
        if batch.way is Way.REFUSED:
            refused = [too_large(part, health.limits, health.features) for part in batch.parts]
            found = [_Failure(**error) for error in refused]
        elif batch.way is Way.UPLOAD:
            found = yield from self._recognize_uploads(path, query, batch.parts)
        else:
            fields = yield Call(lambda: [_form_field(part) for part in batch.parts])
            found = yield from self._recognize(path, query, fields, _as_form)
        entries = [
            _failed_entry(kind, part, entry) if isinstance(entry, _Failure) else entry
            for part, entry in zip(batch.parts, found, strict=True)
        ]
        numbered = enumerate(entries, batch.first)
        return [parse(kind, {**entry, "index": index}) for index, entry in numbered]

    def _recognize(
        self, path: str, query: Json, items: Sequence[Any], body: Callable[[Sequence[Any]], Json]
    ) -> Steps[list[Json | _Failure]]:
        """Return the entries of pictures, if necessary in several requests."""
        is_one = len(items) == 1
        # A request of several pictures that took too long is not repeated, but split.
        retried = RETRIED if is_one else RETRIED - {504}
        options = {"params": query, **body(items)}
        try:
            response = yield from self._send("POST", path, options, retried=retried)
            answer = json_of(response)
        except _OF_ONE_PICTURE as error:
            if is_one:
                return [_failure_of(error)]
            middle = len(items) // 2
            first = yield from self._recognize(path, query, items[:middle], body)
            return first + (yield from self._recognize(path, query, items[middle:], body))
        entries: list[Json | _Failure] = [*_entries(answer, len(items))]
        late = [n for n, entry in enumerate(entries) if _is_late(entry)]
        if late and len(late) < len(items):
            missed = [items[n] for n in late]
            again = yield from self._recognize(path, query, missed, body)
            for n, entry in zip(late, again, strict=True):
                entries[n] = entry
        return entries

    def _recognize_uploads(
        self, path: str, query: Json, parts: Sequence[Part]
    ) -> Steps[list[Json | _Failure]]:
        """Upload pictures, and return their entries."""
        found: list[Json | _Failure] = yield from self._upload(parts)
        stored = [n for n, item in enumerate(found) if not isinstance(item, _Failure)]
        if not stored:
            return found
        items = [found[n] for n in stored]
        entries = yield from self._recognize(path, query, items, _as_json)
        for n, entry in zip(stored, entries, strict=True):
            # A picture without a name is named after its key, which is a secret.
            name = {"name": parts[n].name}
            found[n] = entry if isinstance(entry, _Failure) else {**entry, **name}
        return found

    def _upload(self, parts: Sequence[Part]) -> Steps[list[Json | _Failure]]:
        """Upload pictures, and return them as items of a request."""
        items: list[Json | _Failure] = []
        for part, form in zip(parts, (yield from self._forms(len(parts))), strict=True):
            response = yield from self._store(part, form)
            used = form
            if response.status_code == 403:
                # The form may have expired while others were uploaded.
                [used] = yield from self._forms(1)
                response = yield from self._store(part, used)
            if response.is_success:
                items.append({"key": used.key} | ({"name": part.name} if part.name else {}))
            else:
                items.append(_upload_failure(response))
        return items

    def _forms(self, count: int) -> Steps[tuple[UploadForm, ...]]:
        response = yield from self._send("POST", "/uploads", {"json": {"count": count}})
        forms = parse(UploadForms, json_of(response)).uploads
        if len(forms) != count:
            raise UnexpectedAnswer(f"The server gave {len(forms)} upload forms instead of {count}.")
        return forms

    def _store(self, part: Part, form: UploadForm) -> Steps[httpx.Response]:
        """Send a picture to the store, without the API key."""
        content = yield Call(part.read)
        fields = dict(form.fields)
        if not any(name.lower() == "content-type" for name in fields):
            fields["Content-Type"] = part.content_type
        file = (part.name or "picture", content, part.content_type)
        options = {"data": fields, "files": {"file": file}, "timeout": self.timeout}
        sent = Send("POST", form.url, options)
        return (yield from exchange(sent, retries=self.retries, max_wait=self.max_wait))

    def _get(self, path: str, query: Json | None = None) -> Steps[Any]:
        return json_of((yield from self._send("GET", path, {"params": query or {}})))

    def _send(
        self,
        method: str,
        path: str,
        options: Json | None = None,
        retried: frozenset[int] = RETRIED,
    ) -> Steps[httpx.Response]:
        given = dict(options or {})
        headers = given.pop("headers", {}) | ({"x-api-key": self.key} if self.key else {})
        given |= {"headers": headers, "timeout": self.timeout}
        if self.auth is not None:
            given["auth"] = self.auth
        request = Send(method, self.url.rstrip("/") + path, given)
        return (
            yield from exchange(
                request, retries=self.retries, max_wait=self.max_wait, retried=retried
            )
        )


def _query(options: Mapping[str, Any]) -> Json:
    given = {name: value for name, value in options.items() if value is not None}
    for name in ("classes", "redact"):
        if name in given:
            given[name] = ",".join(given[name])
    return {"format": "detailed", **given}


def _form_field(part: Part) -> tuple[str, tuple[Any, ...]]:
    content = part.read()
    if isinstance(content, str):
        return "url", (None, content)
    return "image", (part.name, content, part.content_type)


def _as_form(fields: Sequence[Any]) -> Json:
    return {"files": list(fields)}


def _as_json(items: Sequence[Any]) -> Json:
    return {"json": {"images": list(items)}}


def _entries(answer: Any, count: int) -> list[Json]:
    entries = answer.get("images") if isinstance(answer, dict) else None
    if not isinstance(entries, list) or len(entries) != count:
        raise UnexpectedAnswer(f"The answer does not have an entry for each of {count} pictures.")
    if not all(isinstance(entry, dict) for entry in entries):
        raise UnexpectedAnswer("An entry of the answer is not an object.")
    return entries


def _is_late(entry: Json | _Failure) -> bool:
    """Return whether a picture came too late for the time or the room of its request."""
    error = None if isinstance(entry, _Failure) else entry.get("error")
    return isinstance(error, dict) and error.get("code") in _LATE


def _failure_of(error: ApiError) -> _Failure:
    """Return the error of a picture whose own request failed."""
    if isinstance(error, TooLarge):
        code: str = PictureErrorCode.PICTURE_TOO_LARGE
    else:
        usual = ErrorCode.TIMEOUT if isinstance(error, TimedOut) else ErrorCode.INTERNAL_ERROR
        code = error.code or usual
    return _Failure(str(code), str(error))


def _upload_failure(response: httpx.Response) -> _Failure:
    """Return the error of a picture that the store of uploads refused; only clients give it."""
    found = _CODE.search(response.text)
    reason = found[1] if found else ""
    too_large = reason == "EntityTooLarge" or response.status_code == 413
    code = str(PictureErrorCode.PICTURE_TOO_LARGE) if too_large else "upload_failed"
    status = f"{response.status_code} {reason}".rstrip()
    return _Failure(code, f"The picture could not be uploaded: {status}.")


def _failed_entry(kind: type[Entry], part: Part, failure: _Failure) -> Json:
    """Return the entry of a picture that failed, as the server would write it."""
    url = part.content if isinstance(part.content, str) else None
    source = (
        {"field": "url", "name": url.partition("?")[0]}
        if url
        else {"field": "image", "name": part.name}
    )
    entry = {"index": 0, **source, "width": None, "height": None}
    error = {"code": failure.code, "message": failure.message}
    if kind is Measurement:
        return {**entry, "channels": None, "bytes": part.size, "error": error}
    if kind is Redaction:
        return {**entry, **dict.fromkeys(_REDACTED), "error": error}
    return {**entry, "passes": None, "objects": [], "error": error}


def _parse_list(kind: type[T], answer: Any, count: int) -> list[T]:
    if not isinstance(answer, list) or len(answer) != count:
        raise UnexpectedAnswer(f"The answer does not have an entry for each of {count} rows.")
    return [parse(kind, item) for item in answer]


def _json_bytes(row: list[str]) -> int:
    return len(json.dumps(row)) + 2


def _content(file: str | os.PathLike[str] | bytes | BinaryIO) -> bytes:
    if isinstance(file, bytes):
        return file
    return Path(file).read_bytes() if isinstance(file, str | os.PathLike) else file.read()


def _table_path(table: str) -> str:
    return f"/norm/{quote(table, safe='')}"
