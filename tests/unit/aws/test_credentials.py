"""Credentials come from the environment, or from the runtime of a restored snapshot."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from carlens.aws.credentials import Credentials, CredentialsError, read_credentials

KEYS = {"AWS_ACCESS_KEY_ID": "AKID", "AWS_SECRET_ACCESS_KEY": "secret"}
ANSWER = {"AccessKeyId": "ASIA", "SecretAccessKey": "s", "Token": "t", "Expiration": "…"}


@contextmanager
def runtime(status: int = 200) -> Iterator[str]:
    """Serve credentials as Lambda's runtime does; the value is their URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            allowed = self.headers["Authorization"] == "a-token" and self.path == "/credentials"
            self.send_response(status if allowed else 403)
            self.end_headers()
            self.wfile.write(json.dumps(ANSWER).encode())

        def log_message(self, *_: object) -> None:
            """Log nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/credentials"
        server.shutdown()
        thread.join()


def snapshot(url: str, authorization: str = "a-token") -> dict[str, str]:
    return {
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": url,
        "AWS_CONTAINER_AUTHORIZATION_TOKEN": authorization,
    }


def test_the_environment_has_them() -> None:
    assert read_credentials(KEYS) == Credentials("AKID", "secret")
    assert read_credentials({**KEYS, "AWS_SESSION_TOKEN": "t"}) == Credentials(
        "AKID", "secret", "t"
    )


def test_a_restored_snapshot_asks_the_runtime_each_time() -> None:
    with runtime() as url:
        assert read_credentials(snapshot(url)) == Credentials("ASIA", "s", "t")
        ANSWER["AccessKeyId"] = "NEXT"
        assert read_credentials(snapshot(url)).access_key == "NEXT"


def test_a_runtime_that_refuses_is_an_error() -> None:
    with runtime() as url, pytest.raises(CredentialsError, match="status 403"):
        read_credentials(snapshot(url, "wrong"))


def test_a_runtime_that_is_down_is_an_error() -> None:
    with runtime() as url:
        pass

    with pytest.raises(CredentialsError, match="gives no credentials"):
        read_credentials(snapshot(url))


def test_an_environment_without_credentials_is_an_error() -> None:
    with pytest.raises(CredentialsError, match="no credentials"):
        read_credentials({})


def test_secrets_are_not_shown() -> None:
    assert repr(Credentials("AKID", "hidden", "hidden too")) == "Credentials(access_key='AKID')"
