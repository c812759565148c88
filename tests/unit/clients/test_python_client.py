"""Both Python clients, against a server without a network."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from carlens_client import (
    ApiError,
    AsyncClient,
    BadRequest,
    Client,
    ConnectionFailed,
    Features,
    Forbidden,
    Limits,
    Measurement,
    NotFound,
    Picture,
    PictureFailed,
    Prediction,
    TooManyRequests,
    Unavailable,
    UnexpectedAnswer,
)
from tests.unit.clients.fake_server import API, HEALTH, STORE, FakeServer, error

UPLOADS = {
    **HEALTH,
    "limits": {
        "picture_bytes": 5000, "picture_pixels": 9, "pictures": 3, "request_bytes": 3000, "new": 1,
    },
    "features": {"uploads": True, "urls": True, "anonymize": False, "batch": False},
}  # fmt: skip
LARGE = b"L" * 4000

Call = Callable[..., Any]


def call_sync(server: FakeServer, method: str, *args: Any, **kwargs: Any) -> Any:
    settings = {"max_wait": 0.0, **kwargs.pop("settings", {})}
    with (
        httpx.Client(transport=httpx.MockTransport(server)) as http,
        Client(API, http=http, **settings) as client,
    ):
        answer = getattr(client, method)(*args, **kwargs)
        return list(answer) if isinstance(answer, Iterator) else answer


def call_async(server: FakeServer, method: str, *args: Any, **kwargs: Any) -> Any:
    settings = {"max_wait": 0.0, **kwargs.pop("settings", {})}

    async def main() -> Any:
        async with (
            httpx.AsyncClient(transport=httpx.MockTransport(server)) as http,
            AsyncClient(API, http=http, **settings) as client,
        ):
            answer = getattr(client, method)(*args, **kwargs)
            if hasattr(answer, "__anext__"):
                return [each async for each in answer]
            return await answer

    return asyncio.run(main())


@pytest.fixture(params=[call_sync, call_async], ids=["sync", "async"])
def call(request: pytest.FixtureRequest) -> Call:
    """Call a method of a client; the arguments of the client are `settings`."""
    chosen: Call = request.param
    return chosen


def labels(answers: list[Prediction]) -> list[str]:
    return [answer.objects[0].label for answer in answers]


# --- answers ----------------------------------------------------------------------------------


def test_pictures_of_every_kind_are_sent_in_order(call: Call, tmp_path: Path) -> None:
    # Given a path, bytes, a URL, a file and pictures with names
    path = tmp_path / "ö.heic"
    path.write_bytes(b"path")
    named = io.BytesIO(b"file")
    named.name = "/some/folder/f.png"
    pictures = [str(path), path, b"bytes", "https://e.test/x.jpg?a=b", named, io.BytesIO(b"plain"),
                Picture(b"named", "n.jpg"), Picture(path, "other.jpg")]  # fmt: skip
    server = FakeServer()

    answers = call(server, "predict", pictures)

    # Then one request has them all
    assert labels(answers) == ["path", "path", "bytes", "https://e.test/x.jpg?a=b", "file",
                               "plain", "named", "path"]  # fmt: skip
    assert [each.name for each in answers] == ["ö.heic", "ö.heic", None, None, "f.png", None,
                                               "n.jpg", "other.jpg"]  # fmt: skip
    assert [each.index for each in answers] == list(range(8))
    assert len(server.sent("/dev/predict")) == 1
    assert b"image/heic" in server.sent("/dev/predict")[0].content


def test_a_single_picture_needs_no_list(call: Call) -> None:
    assert labels(call(FakeServer(), "predict", b"one")) == ["one"]
    assert labels(call(FakeServer(), "predict", "https://e.test/x.jpg")) == ["https://e.test/x.jpg"]
    assert labels(call(FakeServer(), "predict", io.BytesIO(b"one"))) == ["one"]


def test_no_picture_makes_no_request(call: Call) -> None:
    server = FakeServer()

    assert call(server, "predict", []) == []
    assert server.sent("/dev/predict") == []


def test_answers_are_typed_and_keep_what_is_new(call: Call) -> None:
    [answer] = call(FakeServer(), "predict", b"one")

    assert (answer.width, answer.height, answer.error) == (5, 6, None)
    [vehicle] = answer.objects
    assert (vehicle.x1, vehicle.y1, vehicle.x2, vehicle.y2) == (1, 2, 3, 4)
    assert (vehicle.pred, vehicle.prob) == (("A", "B"), (0.5, 0.25))
    assert vehicle.make is None
    assert vehicle.model.certain is True
    assert answer.raw["future"] == "x"


def test_a_picture_that_failed_can_raise_its_error(call: Call) -> None:
    server = FakeServer(late=lambda count: count)

    [answer] = call(server, "predict", Picture(b"one", "a.jpg"))

    assert answer.error.code == "deadline_exceeded"
    with pytest.raises(PictureFailed, match=r"a\.jpg: late"):
        answer.raise_for_error()


def test_options_and_the_key_are_sent(call: Call) -> None:
    server = FakeServer()

    call(server, "predict", b"one", classes=["car", "bus"], top_k=2, confidence=None,
         settings={"api_key": "secret"})  # fmt: skip

    [request] = server.sent("/dev/predict")
    assert dict(request.url.params) == {"format": "detailed", "classes": "car,bus", "top_k": "2"}
    assert {each.headers["x-api-key"] for each in server.requests} == {"secret"}


def test_each_try_is_authorized_anew_and_only_for_the_api(call: Call) -> None:
    # Given an API that takes uploads and is busy once
    server = FakeServer(health=UPLOADS, first=[error(503, "unavailable")])
    tokens = iter(range(9))

    def authorize(request: httpx.Request) -> httpx.Request:
        request.headers["Authorization"] = f"Bearer {next(tokens)}"
        return request

    # When
    call(server, "predict", LARGE, settings={"auth": authorize})

    # Then no token is sent twice, and the store gets none
    sent = {str(each.url): each.headers.get("Authorization") for each in server.requests}
    assert sent.pop(STORE) is None
    assert len(sent) == len({*sent.values()}) >= 3
    assert None not in sent.values()


def test_measurements(call: Call) -> None:
    for method in ("shape", "size"):
        server = FakeServer()

        [answer] = call(server, method, b"one")

        assert isinstance(answer, Measurement)
        assert (answer.width, answer.height, answer.channels, answer.bytes) == (5, 6, 3, 7)
        assert len(server.sent(f"/dev/{method}")) == 1


def test_objects_are_detected(call: Call) -> None:
    [answer] = call(FakeServer(), "object_detection", b"one")

    assert answer.objects[0].class_name == "car"


def test_an_old_server_has_the_usual_limits(call: Call) -> None:
    health = call(FakeServer(), "health")

    assert (health.limits, health.features) == (Limits(), Features())


def test_a_new_server_names_its_limits(call: Call) -> None:
    health = call(FakeServer(health=UPLOADS), "health")

    assert (health.limits.pictures, health.limits.request_bytes) == (3, 3000)
    assert health.features.uploads is True


# --- splitting --------------------------------------------------------------------------------


def test_requests_are_split_by_count_and_bytes(call: Call) -> None:
    # Given a limit of three pictures and 3,000 bytes
    server = FakeServer(health={**UPLOADS, "features": HEALTH["future"]})
    pictures = [b"%d" % n for n in range(7)] + [b"a" * 1500, b"b" * 1500, b"c"]

    answers = call(server, "iter_predict", pictures)

    assert labels(answers) == [picture.decode() for picture in pictures]
    assert [answer.index for answer in answers] == list(range(10))
    assert sorted(map(len, server.pictures())) == [2, 2, 3, 3]
    assert all(len(each.content) <= 3000 for each in server.requests)


def test_a_caller_may_want_fewer_pictures_in_a_request(call: Call) -> None:
    server = FakeServer()

    call(server, "predict", [b"a", b"b", b"c"], settings={"pictures_per_request": 1})

    assert sorted(server.pictures()) == [["a"], ["b"], ["c"]]


def test_pictures_are_taken_from_a_generator_as_they_are_needed() -> None:
    # Given a generator, and answers that nobody has asked for yet
    taken: list[int] = []

    def pictures() -> Iterator[bytes]:
        for n in range(1000):
            taken.append(n)
            yield b"%d" % n

    with httpx.Client(transport=httpx.MockTransport(FakeServer())) as http:
        client = Client(API, http=http, pictures_per_request=2, concurrency=3)
        answers = client.iter_predict(pictures())
        assert taken == []

        # When the first is read
        assert next(answers).objects[0].label == "0"

        # Then only what fits into the running requests has been taken
        assert len(taken) <= 2 * 4 + 1


def test_a_picture_that_is_too_large_fails_alone(call: Call) -> None:
    server = FakeServer(health={**UPLOADS, "features": {"uploads": False}})

    answers = call(server, "predict", [b"a", Picture(LARGE, "large.jpg"), b"c"])

    assert [each.error and each.error.code for each in answers] == [None, "picture_too_large", None]
    assert answers[1].name == "large.jpg"
    assert "does not accept uploads" in answers[1].error.message
    members = {"index", "field", "name", "width", "height", "passes", "objects", "error"}
    assert set(answers[1].raw) == members
    [measured] = call(server, "size", LARGE)
    assert (measured.bytes, measured.error.code) == (4000, "picture_too_large")


def test_a_request_that_takes_too_long_is_split(call: Call) -> None:
    server = FakeServer(first=[error(504, "timeout")])

    answers = call(server, "predict", [b"a", b"b", b"c"], settings={"concurrency": 1})

    assert labels(answers) == ["a", "b", "c"]
    assert server.pictures() == [["a", "b", "c"], ["a"], ["b", "c"]]


def test_a_request_that_is_too_large_for_an_old_server_is_split(call: Call) -> None:
    server = FakeServer(first=[error(413, "payload_too_large")])

    assert labels(call(server, "predict", [b"a", b"b"])) == ["a", "b"]


@pytest.mark.parametrize(
    ("failure", "code"),
    [
        (error(413, "payload_too_large"), "picture_too_large"),
        (httpx.Response(413, text="<html>nginx"), "picture_too_large"),
        (error(500, "internal_error"), "internal_error"),
        (httpx.Response(502, text="<html>"), "internal_error"),
        (error(504, "timeout"), "timeout"),
        (httpx.Response(504, text="<html>"), "timeout"),
    ],
)
def test_a_picture_whose_own_request_fails_does_not_end_the_stream(
    call: Call, failure: httpx.Response, code: str
) -> None:
    # Given a server that fails whenever one picture is in a request
    def answer(request: httpx.Request) -> httpx.Response:
        if b"wrong" in request.read():
            return httpx.Response(failure.status_code, content=failure.content)
        return server(request)

    server = FakeServer()
    pictures = [b"a", Picture(b"wrong", "wrong.jpg"), b"c", b"d"]

    # When
    settings = {"retries": 1, "pictures_per_request": 3}
    answers = call(answer, "iter_predict", pictures, settings=settings)
    [measured] = call(answer, "size", b"wrong", settings=settings)
    [fetched] = call(answer, "predict", "https://e.test/wrong.jpg?a=b", settings=settings)

    # Then it has an error, and the others are answered
    assert [each.index for each in answers] == [0, 1, 2, 3]
    assert [each.error and each.error.code for each in answers] == [None, code, None, None]
    assert str(failure.status_code) in answers[1].error.message
    assert (answers[1].name, answers[1].objects) == ("wrong.jpg", ())
    assert (measured.bytes, measured.error.code) == (5, code)
    assert (fetched.field, fetched.name) == ("url", "https://e.test/wrong.jpg")


def test_pictures_that_were_too_late_are_sent_again(call: Call) -> None:
    # Given a server that has time for two pictures
    server = FakeServer(late=lambda count: max(0, count - 2))

    answers = call(server, "predict", [b"a", b"b", b"c", b"d", b"e"])

    assert labels(answers) == ["a", "b", "c", "d", "e"]
    assert server.pictures() == [["a", "b", "c", "d", "e"], ["c", "d", "e"], ["e"]]


# --- uploads ----------------------------------------------------------------------------------


def test_large_pictures_are_uploaded(call: Call) -> None:
    server = FakeServer(health=UPLOADS)

    answers = call(server, "predict", [b"a", Picture(LARGE, "l.webp"), LARGE, b"d"],
                   settings={"api_key": "secret"})  # fmt: skip

    # Then only the large ones are, and their keys are sent in order
    assert labels(answers) == ["a", "uploads/0", "uploads/1", "d"]
    assert [answer.name for answer in answers] == [None, "l.webp", None, None]
    assert server.stored == {"uploads/0": LARGE, "uploads/1": LARGE}
    # And the store does not get the API key
    uploads = [each for each in server.requests if str(each.url) == STORE]
    assert len(uploads) == 2
    assert all("x-api-key" not in each.headers for each in uploads)
    assert b"image/webp" in uploads[0].content


def test_a_picture_above_the_limit_is_not_uploaded(call: Call) -> None:
    server = FakeServer(health=UPLOADS)

    [answer] = call(server, "predict", b"L" * 6000)

    assert answer.error.code == "picture_too_large"
    assert "accepts about 5,000" in answer.error.message
    assert server.stored == {}


def test_an_expired_form_is_replaced(call: Call) -> None:
    expired = httpx.Response(403, text="<Error><Code>AccessDenied</Code></Error>")
    server = FakeServer(health=UPLOADS, first=[expired])

    assert labels(call(server, "predict", LARGE)) == ["uploads/1"]


@pytest.mark.parametrize(
    ("reason", "code"),
    [("EntityTooLarge", "picture_too_large"), ("InvalidPolicyDocument", "upload_failed")],
)
def test_a_refused_upload_is_the_error_of_its_picture(call: Call, reason: str, code: str) -> None:
    refusal = httpx.Response(400, text=f"<Error><Code>{reason}</Code></Error>")
    server = FakeServer(health=UPLOADS, first=[refusal])

    refused, stored = call(server, "predict", [Picture(LARGE, "l.jpg"), Picture(LARGE, "m.jpg")])

    assert (refused.index, refused.name, refused.error.code) == (0, "l.jpg", code)
    assert f"400 {reason}" in refused.error.message
    assert (stored.name, labels([stored])) == ("m.jpg", ["uploads/1"])


def test_a_request_without_a_stored_picture_is_not_sent(call: Call) -> None:
    server = FakeServer(health=UPLOADS, first=[httpx.Response(400)])

    [answer] = call(server, "predict", LARGE)

    assert answer.error.code == "upload_failed"
    assert server.sent("/dev/predict") == []


def test_a_broken_upload_is_tried_again(call: Call) -> None:
    server = FakeServer(health=UPLOADS, first=[httpx.WriteError("broken"), httpx.Response(503)])

    assert labels(call(server, "predict", LARGE)) == ["uploads/0"]
    assert server.stored == {"uploads/0": LARGE}


# --- errors and retries -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "failure",
    [
        error(429, "throttled"),
        error(503, "models_unavailable"),
        error(504, "timeout"),
        httpx.Response(503, text="<html>"),
        httpx.ConnectError("refused"),
        httpx.RemoteProtocolError("closed"),
        httpx.ReadTimeout("slow"),
    ],
)
def test_what_may_pass_is_tried_again(call: Call, failure: httpx.Response | Exception) -> None:
    server = FakeServer(first=[failure, failure])

    assert labels(call(server, "predict", b"one")) == ["one"]
    assert len(server.sent("/dev/predict")) == 3


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (400, "invalid_parameter", BadRequest),
        (403, "forbidden", Forbidden),
        (404, "not_found", NotFound),
        (429, "quota_exceeded", TooManyRequests),
        (418, "new_code", ApiError),
    ],
)
def test_what_stays_is_raised_at_once(
    call: Call, status: int, code: str, kind: type[ApiError]
) -> None:
    server = FakeServer(first=[error(status, code)])

    with pytest.raises(kind, match=f"It is {code}") as raised:
        call(server, "predict", b"one")

    assert type(raised.value) is kind
    assert (raised.value.status, raised.value.code) == (status, code)
    assert raised.value.request_id == "r-1"
    assert len(server.sent("/dev/predict")) == 1


@pytest.mark.parametrize(
    ("failure", "kind"),
    [
        (error(503, "unavailable"), Unavailable),
        (httpx.ConnectError("refused"), ConnectionFailed),
    ],
)
def test_it_gives_up_after_the_retries(
    call: Call, failure: httpx.Response | Exception, kind: type[Exception]
) -> None:
    server = FakeServer(first=[failure] * 3)

    with pytest.raises(kind):
        call(server, "predict", b"one", settings={"retries": 2})
    assert len(server.sent("/dev/predict")) == 3


def test_an_error_that_is_not_json_is_shown(call: Call) -> None:
    answer = httpx.Response(403, text="<h1>Blocked</h1>", headers={"X-Request-Id": "r-2"})

    with pytest.raises(Forbidden, match="<h1>Blocked</h1>") as raised:
        call(FakeServer(first=[answer]), "predict", b"one")
    assert (raised.value.code, raised.value.request_id) == ("", "r-2")


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(200, text="<html>"),
        httpx.Response(200, json=[]),
        httpx.Response(200, json={"images": []}),
        httpx.Response(200, json={"images": [{"field": "image"}]}),
        httpx.Response(200, json={"images": [3]}),
    ],
)
def test_what_is_not_an_answer_of_carlens_is_an_error(call: Call, answer: httpx.Response) -> None:
    with pytest.raises(UnexpectedAnswer):
        call(FakeServer(first=[answer]), "predict", b"one")


def test_an_address_without_a_scheme_is_an_error() -> None:
    with Client("localhost:8000") as client, pytest.raises(ConnectionFailed, match="address"):
        client.health()


def test_a_file_that_is_missing_is_an_error(call: Call, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        call(FakeServer(), "predict", tmp_path / "missing.jpg")


def test_a_server_without_models_is_unavailable_and_not_an_error(call: Call) -> None:
    def unavailable(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(503, json={**HEALTH, "status": "unavailable"})

    asked: list[httpx.Request] = []

    assert call(unavailable, "health").status == "unavailable"
    assert len(asked) == 1


def test_a_client_closes_the_connections_that_it_has_opened() -> None:
    async def main() -> None:
        async with httpx.AsyncClient() as given, AsyncClient(API) as own:
            await AsyncClient(API, http=given).aclose()
            assert not given.is_closed
        assert own._http.is_closed

    asyncio.run(main())
    with httpx.Client() as given, Client(API) as own:
        Client(API, http=given).close()
        assert not given.is_closed
    assert own._http.is_closed


# --- names ------------------------------------------------------------------------------------

MATCH = {"make": "A", "model": "B", "score_make": 1, "score_model": 2, "score": 3, "future": 4}


def test_a_name_is_matched(call: Call) -> None:
    more = {"alternatives": [{"make": "C", "model": "D", "score": 9}]}
    server = FakeServer(first=[httpx.Response(200, json=MATCH | more)])

    match = call(server, "norm", "a", "b", table="my cars", top_k=2)

    assert (match.make, match.score, match.alternatives[0].model) == ("A", 3, "D")
    [request] = server.requests
    assert request.url.raw_path == b"/dev/norm/my%20cars?make=a&model=b&top_k=2"


def test_any_number_of_rows_is_matched(call: Call) -> None:
    # Given more rows than a request may have
    first = [httpx.Response(200, json=[MATCH] * count) for count in (10_000, 10_000, 5)]
    server = FakeServer(first=list(first))

    matches = call(server, "norm_rows", (("a", str(n)) for n in range(20_005)))

    assert len(matches) == 20_005
    sent = [json.loads(each.content) for each in server.requests]
    assert list(map(len, sent)) == [10_000, 10_000, 5]
    assert sent[1][0] == ["a", "10000"]


def test_the_server_refuses_a_top_k_that_is_not_allowed(call: Call) -> None:
    refused = httpx.Response(400, json={"error": {"code": "invalid_parameter", "message": "top_k"}})

    with pytest.raises(BadRequest, match="top_k"):
        call(FakeServer(first=[refused]), "norm_rows", [("a", "b")], top_k=0)


def test_a_row_that_failed_has_an_error(call: Call) -> None:
    wrong = MATCH | {"error": {"code": "invalid_row", "message": "no"}}
    server = FakeServer(first=[httpx.Response(200, json=[MATCH, wrong])])

    first, second = call(server, "norm_rows", [("a", "b"), ("c", "d")])

    assert (first.error, second.error.code) == (None, "invalid_row")


def test_an_answer_with_missing_rows_is_an_error(call: Call) -> None:
    with pytest.raises(UnexpectedAnswer, match="2 rows"):
        call(FakeServer(first=[httpx.Response(200, json=[MATCH])]), "norm_rows", [("a", "b")] * 2)


def test_a_csv_file_is_matched(call: Call, tmp_path: Path) -> None:
    path = tmp_path / "cars.csv"
    path.write_bytes(b"make,model\n")
    for file in (path, str(path), b"make,model\n", io.BytesIO(b"make,model\n")):
        server = FakeServer(first=[httpx.Response(200, content=b"answer")])

        assert call(server, "norm_csv", file, top_k=3) == b"answer"

        [request] = server.requests
        assert request.content == b"make,model\n"
        assert request.headers["content-type"] == "text/csv"
        assert dict(request.url.params) == {"top_k": "3"}


def test_a_csv_file_is_answered_in_detail(call: Call) -> None:
    server = FakeServer(first=[httpx.Response(200, content=b"answer")])

    call(server, "norm_csv", b"make,model\n", detailed=True)

    assert dict(server.requests[0].url.params) == {"top_k": "1", "format": "detailed"}


def test_a_name_is_cleaned_and_tables_are_listed(call: Call) -> None:
    cleaned = FakeServer(first=[httpx.Response(200, json={"make": "A", "model": "B"})])
    listed = FakeServer(first=[httpx.Response(200, json={"tables": ["europe"]})])

    assert call(cleaned, "clean", "a").model == "B"
    assert call(listed, "tables") == ("europe",)
