"""The canary function, with an API and API Gateway's keys in memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pytest

from carlens.functions import canary
from carlens.smoke import SmokeError


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[str, Mapping[str, str]]]]:
    """The checks that the canary runs, by address and headers."""
    sent: list[tuple[str, Mapping[str, str]]] = []
    monkeypatch.setattr(canary, "url", "https://a.example/prod/")
    monkeypatch.setattr(canary, "read_api_key", lambda key_id: f"value of {key_id}")
    monkeypatch.setattr(canary, "check_api", lambda url, headers: sent.append((url, headers)))
    canary.headers.cache_clear()
    yield sent
    canary.headers.cache_clear()


def test_the_canary_checks_the_api(sent: list[tuple[str, Mapping[str, str]]]) -> None:
    canary.lambda_handler({}, None)

    assert sent == [("https://a.example/prod/", {})]


def test_the_canary_sends_its_key(
    sent: list[tuple[str, Mapping[str, str]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(canary, "key_id", "k1")

    canary.lambda_handler({}, None)

    assert sent == [("https://a.example/prod/", {"x-api-key": "value of k1"})]


def test_a_wrong_answer_is_an_error_of_the_function(
    sent: list[tuple[str, Mapping[str, str]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def check_api(url: str, headers: Mapping[str, str]) -> None:
        raise SmokeError("no vehicle")

    monkeypatch.setattr(canary, "check_api", check_api)

    with pytest.raises(SmokeError, match="no vehicle"):
        canary.lambda_handler({}, None)
