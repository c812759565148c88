"""Requests as steps, which the clients perform with httpx, with or without await.

A step is what a generator yields: a request, a pause or a call. The generator is resumed with the
response or the result, or with the exception. So every algorithm is written once for both clients.
"""

from __future__ import annotations

import email.utils
import json
import random
import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias, TypeVar

import httpx

from carlens_client.errors import ApiError, ConnectionFailed, ErrorCode, UnexpectedAnswer, api_error

T = TypeVar("T")

# What httpx takes to authenticate a request.
Auth: TypeAlias = httpx.Auth | Callable[[httpx.Request], httpx.Request]

# What a later request may not meet.
RETRIED = frozenset({429, 503, 504})
_FIRST_PAUSE = 0.5
_MAX_SHOWN = 300


@dataclass(frozen=True)
class Send:
    """A request; `options` are further arguments of `httpx.Client.request`."""

    method: str
    url: str
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Sleep:
    """A pause in seconds."""

    seconds: float


@dataclass(frozen=True)
class Call:
    """A call that may block, such as reading a file."""

    function: Callable[[], Any]


Step: TypeAlias = Send | Sleep | Call
Steps: TypeAlias = Generator[Step, Any, T]


def exchange(
    request: Send,
    *,
    retries: int,
    max_wait: float,
    retried: frozenset[int] = RETRIED,
) -> Steps[httpx.Response]:
    """Send a request, again if it fails in a way that may pass.

    Parameters
    ----------
    request : Send
        The request.
    retries : int
        How often it is sent again.
    max_wait : float
        The longest pause in seconds. Pauses double from half a second; `Retry-After` replaces them.
    retried : frozenset of int
        The statuses after which it is sent again.

    Returns
    -------
    httpx.Response
        The last response, of any status.

    Raises
    ------
    ConnectionFailed
        There was no response, or the URL is not one.
    """
    attempt = 0
    while True:
        try:
            response: httpx.Response = yield request
        except (httpx.UnsupportedProtocol, httpx.InvalidURL) as error:
            raise ConnectionFailed(f"{request.url} is not the address of an API.") from error
        except httpx.TransportError as error:
            if attempt == retries:
                reason = str(error) or type(error).__name__
                raise ConnectionFailed(f"{request.url} could not be reached: {reason}") from error
            wait = _pause(attempt)
        else:
            if attempt == retries or response.status_code not in retried or _is_final(response):
                return response
            asked = retry_after(response.headers.get("Retry-After", ""), time.time())
            wait = _pause(attempt) if asked is None else asked
        yield Sleep(min(wait, max_wait))
        attempt += 1


def retry_after(header: str, now: float) -> float | None:
    """Read a Retry-After header.

    Parameters
    ----------
    header : str
        Seconds, or an HTTP date.
    now : float
        The time in seconds since the epoch.

    Returns
    -------
    float or None
        The seconds to wait; None if the header has neither.
    """
    if header.strip().isdecimal():
        return float(header)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(header).timestamp() - now)
    except (TypeError, ValueError):
        return None


def json_of(response: httpx.Response) -> Any:
    """Return the JSON of a response.

    Raises
    ------
    ApiError
        The request failed.
    UnexpectedAnswer
        The response is not JSON.
    """
    require_success(response)
    try:
        return response.json()
    except ValueError as error:
        raise UnexpectedAnswer(f"The answer of {response.url} is not JSON.") from error


def require_success(response: httpx.Response) -> None:
    """Check that a request did not fail.

    Raises
    ------
    ApiError
        It did; the class is that of the status.
    """
    if not response.is_success:
        raise error_of(response)


def error_of(response: httpx.Response) -> ApiError:
    """Return the error that a response describes."""
    details = document_of(response).get("error")
    details = details if isinstance(details, dict) else {}
    shown = response.text[:_MAX_SHOWN] or response.reason_phrase
    return api_error(
        response.status_code,
        str(details.get("code", "")),
        str(details.get("message", shown)),
        str(details.get("request_id") or response.headers.get("X-Request-Id", "")),
    )


def document_of(response: httpx.Response) -> dict[str, Any]:
    """Return the JSON object of a response; an empty one if it is anything else."""
    try:
        document = json.loads(response.content)
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


def _is_final(response: httpx.Response) -> bool:
    """Return whether it is no use, or not wanted, to send the request again."""
    is_health = "status" in document_of(response)
    return is_health or error_of(response).code == ErrorCode.QUOTA_EXCEEDED


def _pause(attempt: int) -> float:
    # Random, so that clients that failed together do not come back together.
    return float(_FIRST_PAUSE * 2**attempt * random.uniform(0.5, 1.0))  # noqa: S311
