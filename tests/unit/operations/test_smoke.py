"""The smoke test of a deployment: where it is sent, and how often."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import pytest

from carlens.smoke import SmokeError
from operations import smoke
from operations.stage import OperationError
from tests.unit.operations.cloud import GOOD, Formation, Lambda


def client_of(**outputs: str) -> Any:
    described = [{"OutputKey": key, "OutputValue": value} for key, value in outputs.items()]
    services = {
        "cloudformation": Formation({"carlens-prod-api": {"Outputs": described}}, {}),
        "apigateway": SimpleNamespace(
            get_api_key=lambda apiKey, includeValue: {"id": apiKey, "value": f"value of {apiKey}"}
        ),
    }
    return services.__getitem__


def test_the_address_and_the_key_are_those_of_the_stage() -> None:
    url, key = "https://cars.example.com/", "k1"

    assert smoke.api_of(client_of(ApiUrl=url), "prod") == (url, {})
    assert smoke.api_of(client_of(ApiUrl=url, ApiKeyId=key), "prod") == (
        url,
        {"x-api-key": f"value of {key}"},
    )
    with pytest.raises(OperationError, match="Deploy the stage first"):
        smoke.api_of(client_of(), "test")


def test_behind_an_authorizer_the_functions_are_checked() -> None:
    name = {"statusCode": 200, "body": '{"make": "Renault", "model": "Clio"}'}
    functions = Lambda(
        configurations={},
        alias={"r": {"FunctionVersion": "41"}, "c": {"FunctionVersion": "7"}},
        answers={"41": GOOD, "7": name},
    )
    described = [
        {"OutputKey": "RecognitionFunctionName", "OutputValue": "r"},
        {"OutputKey": "CatalogFunctionName", "OutputValue": "c"},
    ]
    formation = Formation({"carlens-prod-api": {"Outputs": described}}, {})
    client: Any = {"lambda": functions, "cloudformation": formation}.__getitem__
    said: list[str] = []

    smoke.check_functions(client, "prod", report=said.append)
    functions.answers["7"] = {"statusCode": 200, "body": '{"make": "", "model": ""}'}

    assert said == ["r:live answers as expected.", "c:live answers as expected."]
    with pytest.raises(OperationError, match="c:live does not answer as expected: GET /norm"):
        smoke.check_functions(client, "prod", report=said.append)


@pytest.mark.parametrize("failures", [0, 2, 5])
def test_a_failed_check_is_repeated_after_a_pause(
    monkeypatch: pytest.MonkeyPatch, failures: int
) -> None:
    left = [failures]
    slept: list[float] = []
    said: list[str] = []

    def check_api(url: str, headers: Mapping[str, str]) -> None:
        left[0] -= 1
        if left[0] >= 0:
            raise SmokeError("not yet")

    monkeypatch.setattr(smoke, "check_api", check_api)

    smoke.check("https://a.example", {}, report=said.append, sleep=slept.append)

    assert len(slept) == failures
    assert said[-1] == "https://a.example finds vehicles in a photo and matches a name."


def test_the_check_gives_up_with_the_last_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []

    def check_api(url: str, headers: Mapping[str, str]) -> None:
        raise SmokeError("GET /norm/europe gave status 503")

    monkeypatch.setattr(smoke, "check_api", check_api)

    with pytest.raises(OperationError, match=r"https://a\.example does not work: GET /norm/europe"):
        smoke.check("https://a.example", {}, report=lambda _: None, sleep=slept.append)
    assert sum(slept) <= 30
