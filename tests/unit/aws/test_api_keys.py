"""Reading an API key."""

from __future__ import annotations

from types import SimpleNamespace

import boto3
import pytest

from carlens.aws.api_keys import read_api_key


def test_the_value_of_a_key_is_read_by_its_id(monkeypatch: pytest.MonkeyPatch) -> None:
    def get_api_key(apiKey: str, includeValue: bool) -> dict[str, str]:
        return {"id": apiKey, "value": "the value"} if includeValue else {"id": apiKey}

    services = {"apigateway": SimpleNamespace(get_api_key=get_api_key)}
    monkeypatch.setattr(boto3, "client", services.__getitem__)

    assert read_api_key("k1") == "the value"
