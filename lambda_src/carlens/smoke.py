"""Check that an API works: a photo must show a vehicle, and a name must be matched.

It needs only the standard library, so the canary function has no layer.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

_PHOTO = Path(__file__).parent / "web" / "assets" / "street.webp"

# Longer than API Gateway waits for a function.
_TIMEOUT = 35.0

# Characters of an unexpected response in a message.
_SHOWN = 300


class SmokeError(Exception):
    """An API does not answer as it should; the message has the request and the response."""


@dataclass(frozen=True)
class Check:
    """A request that needs everything that a function loads, and what its response must have.

    Attributes
    ----------
    method, path : str
    result : callable
        Returns the result in the JSON of a good response; nothing, or an exception, if it is not.
    query : Mapping
    content_type : str
        Type of the body; empty for no body.
    file : Path or None
        The body.
    """

    method: str
    path: str
    result: Callable[[Any], Any]
    query: Mapping[str, str] = field(default_factory=dict)
    content_type: str = ""
    file: Path | None = None

    @property
    def body(self) -> bytes:
        """The body; empty if there is none."""
        return self.file.read_bytes() if self.file else b""

    def expect(self, status: int, text: str) -> None:
        """Check a response.

        Raises
        ------
        SmokeError
            The status is not 200, or the result is missing.
        """
        try:
            if status == 200 and self.result(json.loads(text)):
                return
        except (ValueError, LookupError, TypeError):
            pass
        raise SmokeError(
            f"{self.method} {self.path} gave status {status} without the expected result: "
            f"{text[:_SHOWN]}"
        )


def _vehicles(document: Any) -> Any:
    (image,) = document["images"]
    return image["error"] is None and image["objects"]


def _name(document: Any) -> Any:
    return document["make"] and document["model"]


# By the function that responds.
CHECKS = {
    "recognition": Check(
        "POST", "/predict", _vehicles, {"format": "detailed"}, "image/webp", _PHOTO
    ),
    "catalog": Check("GET", "/norm/europe", _name, {"make": "renault", "model": "clio"}),
}


def check_api(url: str, headers: Mapping[str, str] | None = None) -> None:
    """Send all checks to an API.

    Parameters
    ----------
    url : str
        Address of the API, with the stage if there is one.
    headers : Mapping, optional
        Further headers, such as `x-api-key`.

    Raises
    ------
    SmokeError
        A response is wrong, or the API cannot be reached.
    """
    for check in CHECKS.values():
        check.expect(*_send(url, check, headers or {}))


def _send(url: str, check: Check, headers: Mapping[str, str]) -> tuple[int, str]:
    target = f"{url.rstrip('/')}{check.path}?{urlencode(check.query)}"
    content = {"Content-Type": check.content_type} if check.file else {}
    request = Request(  # noqa: S310 - the owner of the API names it
        target,
        data=check.body or None,
        headers={**content, **headers},
        method=check.method,
    )
    try:
        with urlopen(request, timeout=_TIMEOUT) as response:  # noqa: S310
            return response.status, response.read().decode(errors="replace")
    except HTTPError as error:
        with error:
            return error.code, error.read().decode(errors="replace")
    except (OSError, HTTPException) as error:
        raise SmokeError(f"{check.method} {check.path} failed: {error}") from error
