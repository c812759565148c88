"""When the Python client sends a request again, and how long it waits before."""

from __future__ import annotations

import httpx
import pytest

from carlens_client.exchange import Send, Sleep, exchange, retry_after

REQUEST = Send("GET", "https://api.test/health")


def pauses(*answers: httpx.Response, max_wait: float = 100) -> list[float]:
    """Return the pauses before the last answer."""
    steps = exchange(REQUEST, retries=10, max_wait=max_wait)
    found: list[float] = []
    assert next(steps) is REQUEST
    for answer in answers[:-1]:
        pause = steps.send(answer)
        assert isinstance(pause, Sleep)
        found.append(pause.seconds)
        assert steps.send(None) is REQUEST
    with pytest.raises(StopIteration) as ended:
        steps.send(answers[-1])
    assert ended.value.value is answers[-1]
    return found


def test_pauses_double() -> None:
    found = pauses(*[httpx.Response(503)] * 5, httpx.Response(200))

    assert len(found) == 5
    for n, seconds in enumerate(found):
        assert 0.25 * 2**n <= seconds <= 0.5 * 2**n


def test_the_server_says_how_long_to_wait() -> None:
    asked = httpx.Response(503, headers={"Retry-After": "2"})

    assert pauses(asked, httpx.Response(200)) == [2.0]


def test_no_pause_is_longer_than_the_limit() -> None:
    asked = httpx.Response(429, headers={"Retry-After": "3600"})

    assert pauses(asked, httpx.Response(200), max_wait=30) == [30]
    assert max(pauses(*[httpx.Response(504)] * 9, httpx.Response(200), max_wait=3)) == 3


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("2", 2.0),
        (" 0 ", 0.0),
        ("Thu, 01 Jan 1970 00:01:40 GMT", 90.0),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0.0),
        ("soon", None),
        ("-1", None),
        ("", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(header: str, seconds: float | None) -> None:
    assert retry_after(header, now=10.0) == seconds
