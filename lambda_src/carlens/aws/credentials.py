"""The credentials of the function, read each time they are needed.

A function that was restored from a SnapStart snapshot gets them from an address of the runtime,
other functions from their environment. They change, and a snapshot must not contain them.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

_SECONDS = 2.0


class CredentialsError(Exception):
    """The credentials cannot be read."""


@dataclass(frozen=True)
class Credentials:
    """Credentials that sign requests.

    Attributes
    ----------
    access_key, secret_key : str
    session_token : str
        Empty for credentials that do not expire.
    """

    access_key: str
    secret_key: str = field(repr=False)
    session_token: str = field(default="", repr=False)


def _get(url: str, token: str) -> bytes:
    from http.client import HTTPConnection  # only snapshots pay for the import

    parts = urlsplit(url)
    connection = HTTPConnection(parts.hostname or "", parts.port, timeout=_SECONDS)
    try:
        connection.request("GET", parts.path, headers={"Authorization": token})
        response = connection.getresponse()
        body = response.read()
    except OSError as error:
        raise CredentialsError(f"the runtime gives no credentials: {error}") from error
    finally:
        connection.close()
    if response.status != 200:
        raise CredentialsError(f"the runtime gives no credentials: status {response.status}")
    return body


def read_credentials(
    env: Mapping[str, str] = os.environ, get: Callable[[str, str], bytes] = _get
) -> Credentials:
    """Read the credentials of the function.

    Parameters
    ----------
    env : Mapping
        The environment.
    get : callable
        (URL, authorization token) -> the body of the answer.

    Raises
    ------
    CredentialsError
        There are none, or they cannot be read.
    """
    if "AWS_ACCESS_KEY_ID" in env and "AWS_SECRET_ACCESS_KEY" in env:
        return Credentials(
            env["AWS_ACCESS_KEY_ID"],
            env["AWS_SECRET_ACCESS_KEY"],
            env.get("AWS_SESSION_TOKEN", ""),
        )
    url = env.get("AWS_CONTAINER_CREDENTIALS_FULL_URI")
    if not url:
        raise CredentialsError("the environment has no credentials")
    found = json.loads(get(url, env.get("AWS_CONTAINER_AUTHORIZATION_TOKEN", "")))
    return Credentials(found["AccessKeyId"], found["SecretAccessKey"], found["Token"])
